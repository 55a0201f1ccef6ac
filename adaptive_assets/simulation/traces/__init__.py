"""Workloads: traces from files and ledgers, and generated ones."""
