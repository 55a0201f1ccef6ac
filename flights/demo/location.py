"""The code location of the demo: the adapted pipeline, with sensors that look every few seconds.

Dagster evaluates automation conditions every 30 s; the demo has no time for that.
"""

import os
from pathlib import Path
from typing import Any, Final

import dagster as dg

from adaptive_assets import adapt
from flights import flights_definitions
from flights.demo import DATA, POLICIES

LOOK_EVERY_S: Final = 5


def _definitions() -> dg.Definitions:
    adapted = adapt(flights_definitions(Path(os.environ[DATA])), policies=os.environ[POLICIES])
    return dg.Definitions(
        assets=adapted.assets,
        asset_checks=adapted.asset_checks,
        sensors=[_hurried(sensor) for sensor in adapted.sensors or ()],
        resources=adapted.resources,
        executor=adapted.executor,
    )


def _hurried(sensor: Any) -> Any:
    """The same sensor, evaluated every few seconds where it is one of Dagster's automation."""
    if not isinstance(sensor, dg.AutomationConditionSensorDefinition):
        return sensor
    return dg.AutomationConditionSensorDefinition(
        sensor.name,
        target=sensor.asset_selection,
        minimum_interval_seconds=LOOK_EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )


defs = _definitions()
