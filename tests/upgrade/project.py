"""The code location of a home that outlives a release; ``UPGRADE_OUTPUTS`` is the folder of what it makes."""

import time

import dagster as dg
import pandas as pd

from adaptive_assets import FrameIOManager, RunMode

AT_WORK_S = 4.0
"""Long enough for the daemon's sampler to see what a run uses."""


@dg.asset(group_name="tables")
def readings() -> pd.DataFrame:
    """A table, stored as parquet."""
    time.sleep(AT_WORK_S)
    return pd.DataFrame({"station": ["north", "south"], "degrees": [3.5, 8.0]})


@dg.asset_check(asset=readings, blocking=True)
def plausible() -> dg.AssetCheckResult:
    """Passes whenever it is executed."""
    return dg.AssetCheckResult(passed=True)


@dg.asset(deps=[readings], group_name="reports")
def report() -> str:
    """Waits for the check of the table."""
    time.sleep(AT_WORK_S)
    return "north is colder"


@dg.asset
def forecast(context: dg.AssetExecutionContext, run_mode: RunMode) -> dict[str, float]:
    """Has cheaper modes; stored as pickle."""
    mode = run_mode.read(context)
    if mode.name == "last_good":
        return run_mode.last_good(context)  # type: ignore[no-any-return]  # what was stored, of any type
    time.sleep(AT_WORK_S)
    return {"members": float(mode.get("members", 50)), "degrees": 4.25}


@dg.op
def tidy_up() -> None:
    """Makes nothing."""


@dg.job
def housekeeping() -> None:
    """A job without assets."""
    tidy_up()


defs = dg.Definitions(
    assets=[readings, report, forecast],
    asset_checks=[plausible],
    jobs=[housekeeping],
    resources={"run_mode": RunMode(), "io_manager": FrameIOManager(base_dir=dg.EnvVar("UPGRADE_OUTPUTS"))},
    executor=dg.in_process_executor,
)
