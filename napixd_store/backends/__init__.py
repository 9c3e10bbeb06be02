"""The standard backends: each knows its driver, the base and its connection, nothing else."""
