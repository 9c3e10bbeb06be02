"""Benchmarks: `scripts/bench` runs them, and docs/benchmarks*.md are what it wrote."""
