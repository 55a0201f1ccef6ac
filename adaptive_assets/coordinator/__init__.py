"""Dagster's daemon side: the cycle, the queue, the active runs, and acting on a plan."""
