"""The brain: ``plan()`` and its parts. Pure: no I/O, no clock, no Dagster."""
