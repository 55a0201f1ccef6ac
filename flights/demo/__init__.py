"""What ``adaptive demo`` plays: the pipeline for some replayed hours, the last of them under a squeeze.

Real parts throughout: an instance of its own, Dagster's daemon with a code server, the pipeline with its
sensors, the coordinator.  Only the feed and the sensors are in a hurry.
"""

from typing import Final

__all__ = ["DATA", "POLICIES", "DemoError"]

DATA: Final = "ADAPTIVE_DEMO_DATA"
"""The environment variable that tells the code location where its data is."""
POLICIES: Final = "ADAPTIVE_DEMO_POLICIES"
"""The environment variable that tells it the policy file."""


class DemoError(Exception):
    """The demo cannot go on; its text says why, and shows the end of the daemon's log."""
