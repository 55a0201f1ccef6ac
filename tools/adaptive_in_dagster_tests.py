"""A pytest plugin for Dagster's own tests: whoever asks for Dagster's run coordinator gets ours.

It has no policies, as on the first day in a deployment.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

stock = dg.instance_for_test


def instance_for_test(overrides: Mapping[str, Any] | None = None, **arguments: Any) -> Any:
    """Dagster's context manager, with the coordinator changed."""
    wanted = dict(overrides or {})
    coordinator = wanted.get("run_coordinator")
    if coordinator and coordinator["class"] == "QueuedRunCoordinator":
        ours = {"module": "adaptive_assets", "class": "AdaptiveRunCoordinator"}
        wanted["run_coordinator"] = {**coordinator, **ours}
    return stock(overrides=wanted, **arguments)


dg.instance_for_test = instance_for_test  # type: ignore[assignment]  # a wider signature
