"""Scenario files: what happens to nodes and data while a workload runs."""
