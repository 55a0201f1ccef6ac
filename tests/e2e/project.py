"""The code location that the end-to-end tests deploy: assets whose behaviour the tests steer through files."""

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
    _mark(context, "readings")
    return 1


@dg.asset_check(asset=readings, blocking=True)
def plausible() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=_steer("plausible", "yes") == "yes")


@dg.asset(deps=[readings])
def report(context: dg.AssetExecutionContext) -> None:
    _mark(context, "report")


@dg.asset
def forecast(context: dg.AssetExecutionContext, run_mode: RunMode) -> dg.MaterializeResult[None]:
    mode = run_mode.read(context)
    _mark(context, f"forecast-{mode.name}")
    return dg.MaterializeResult(metadata={"members": mode.get("members", 50)})


@dg.op
def toil(context: dg.OpExecutionContext) -> None:
    _mark(context, "toil")
    time.sleep(float(_steer("toil_s", "1")))


@dg.job
def plain() -> None:
    toil()


defs = dg.Definitions(
    assets=[readings, report, forecast],
    asset_checks=[plausible],
    jobs=[plain],
    resources={"run_mode": RunMode()},
    executor=dg.in_process_executor,
)
