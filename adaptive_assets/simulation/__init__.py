"""The simulation layer: workloads, what may befall a machine, and a world that calls the same ``plan()``."""
