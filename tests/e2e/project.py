"""The code location that the end-to-end tests deploy; tests steer its assets through files."""

import os
import time
from pathlib import Path

import dagster as dg

from adaptive_assets import RunMode, pandera_checks  # noqa: F401  what a user would import

STEERING = Path(os.environ["STEERING_DIR"])


def _steer(name: str, default: str) -> str:
    file = STEERING / name
    return file.read_text() if file.exists() else default


def _mark(context: dg.AssetExecutionContext | dg.OpExecutionContext, kind: str) -> None:
    """Leave one line for each execution, so that a run that was launched twice shows."""
    with (STEERING / f"{kind}.log").open("a") as log:
        log.write(f"{context.run.run_id}\n")


@dg.asset
def readings(context: dg.AssetExecutionContext) -> int:
    """What comes in."""
    _mark(context, "readings")
    return 1


@dg.asset_check(asset=readings, blocking=True)
def plausible() -> dg.AssetCheckResult:
    """Passes unless a test says no."""
    return dg.AssetCheckResult(passed=_steer("plausible", "yes") == "yes")


@dg.asset(deps=[readings])
def report(context: dg.AssetExecutionContext) -> None:
    """Reads ``readings``, in a run of its own."""
    _mark(context, "report")


@dg.asset
def forecast(context: dg.AssetExecutionContext, run_mode: RunMode) -> dg.MaterializeResult[None]:
    """Has a cheaper mode."""
    mode = run_mode.read(context)
    _mark(context, f"forecast-{mode.name}")
    return dg.MaterializeResult(metadata={"members": mode.get("members", 50)})


@dg.op
def toil(context: dg.OpExecutionContext) -> None:
    """Takes a while."""
    _mark(context, "toil")
    time.sleep(float(_steer("toil_s", "1")))


@dg.job
def plain() -> None:
    """A job without assets."""
    toil()


defs = dg.Definitions(
    assets=[readings, report, forecast],
    asset_checks=[plausible],
    jobs=[plain],
    resources={"run_mode": RunMode()},
    executor=dg.in_process_executor,
)
