"""The reference pipeline, made adaptive: what Dagster loads."""

from pathlib import Path

import dagster as dg

from adaptive_assets import adapt
from flights import flights_definitions

HERE = Path(__file__).parent
DATA = Path(dg.EnvVar("FLIGHTS_DATA").get_value(str(HERE / ".adaptive" / "flights")) or "")

defs = adapt(
    flights_definitions(DATA),
    policies=HERE / "policies" / "flights.yaml",
    automation=dg.DefaultSensorStatus.RUNNING,
)
