"""Benchmarks against the stock run coordinator, in turn on the same storage: ``python -m benchmarks``."""
