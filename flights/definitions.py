"""The pipeline as one `Definitions`; plain Dagster, which `adaptive_assets.adapt` makes adaptive."""

from pathlib import Path

import dagster as dg

from adaptive_assets import FrameIOManager, RunMode
from flights.assets import ASSETS, CHECKS
from flights.folder import FlightsFolder
from flights.resources import FlightsData
from flights.sensors import history_sensor, landing_sensor


def flights_definitions(data: Path) -> dg.Definitions:
    """Return the pipeline on a data folder, the one that the feed lands its files in.

    Runs work in one process each: their steps are short, and on a small machine a process for every step
    would cost more than the step.
    """
    folder = FlightsFolder(data)
    return dg.Definitions(
        assets=ASSETS,
        asset_checks=CHECKS,
        sensors=[landing_sensor, history_sensor],
        resources={
            "data": FlightsData(root=str(folder.root)),
            "io_manager": FrameIOManager(base_dir=str(folder.tables)),
            "run_mode": RunMode(),
        },
        executor=dg.in_process_executor,
    )
