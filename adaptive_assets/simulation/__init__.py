"""The simulation layer: workloads, incidents, and a simulator that calls the same ``plan()``."""
