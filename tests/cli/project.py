"""The code location of the command line's tests: a table, a report on it, and a forecast with a ladder."""

# ruff: noqa: D103  the names say it

import dagster as dg

from adaptive_assets import RunMode

print("the project is loaded")  # noqa: T201  as projects do: it must not end up in anybody's JSON


@dg.asset(group_name="tables")
def readings() -> int:
    return 1


@dg.asset_check(asset=readings, blocking=True)
def plausible() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset(deps=[readings], group_name="reports")
def report() -> None: ...


@dg.asset(deps=[readings])
def forecast(context: dg.AssetExecutionContext, run_mode: RunMode) -> str:
    return run_mode.read(context).name


@dg.op
def toil() -> None: ...


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
