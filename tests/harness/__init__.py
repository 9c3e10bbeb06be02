"""Harnesses that do real harm: kill at a system call, fail it, cut the power."""
