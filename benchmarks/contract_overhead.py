"""What contracts cost: two tables of real flights, with them and with the same checks in plain Dagster."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import pandas as pd
from pandera.errors import SchemaErrors

from adaptive_assets import DataContract, FrameIOManager, Needs, adapt, with_contract, with_needs
from benchmarks.figures import Figure, Seconds
from flights.contracts import AirportHours, DeparturesClean
from flights.data import Archive
from flights.hours import FIRST_HOUR
from flights.tables import airport_hours, clean_departures, clean_weather

__all__ = ["measure"]

BOUND = 1.15
QUIET = {"telemetry": {"enabled": False}}
DAYS = 7
"""As much as the live tables of the reference pipeline have."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The raw tables that the pipeline starts from."""

    departures: pd.DataFrame
    weather: pd.DataFrame

    @classmethod
    def read(cls, folder: Path) -> "Tables":
        """Unpack the year, and take some days in June."""
        first = FIRST_HOUR + timedelta(days=160)
        archive = Archive(folder)
        until = first + timedelta(days=DAYS)
        return cls(archive.departures(first, until), archive.weather(first, until))


def measure(repeats: int = 15) -> list[Figure]:
    """Runs of the whole pipeline in turn, and loads of its definitions; medians of ``repeats``."""
    with TemporaryDirectory() as folder:
        tables = Tables.read(Path(folder))
        runs, loads = (Seconds(), Seconds()), (Seconds(), Seconds())
        for number in range(repeats + 1):
            for make, ran, loaded in zip((with_contracts, plain), runs, loads, strict=True):
                seconds = timed(make, tables)
                if number:  # the first of each imports and warms up
                    loaded.add(seconds[0])
                    ran.add(seconds[1])
    against = "the same with plain asset checks"
    return [
        Figure("materialization of two tables with contracts", "sqlite", None, *runs, against, BOUND),
        Figure("load of the definitions", "sqlite", None, *loads, against),
    ]


def timed(make: Callable[[Tables, str], dg.Definitions], tables: Tables) -> tuple[float, float]:
    """The seconds to make definitions, and to materialize all of them on an instance of their own."""
    with TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder, overrides=QUIET) as instance:
        began = time.perf_counter()
        defs = make(tables, folder)
        job = defs.resolve_implicit_global_asset_job_def()
        loaded = time.perf_counter() - began
        began = time.perf_counter()
        result = job.execute_in_process(instance=instance)
        seconds = time.perf_counter() - began
        evaluations = result.get_asset_check_evaluations()
        if len(evaluations) != 2 or not all(one.passed for one in evaluations):
            raise RuntimeError("the benchmark's checks did not both pass")
    return loaded, seconds


def storage(folder: str) -> dict[str, Any]:
    """The same for both."""
    return {"io_manager": FrameIOManager(base_dir=f"{folder}/tables")}


def assets(tables: Tables) -> tuple[dg.AssetsDefinition, dg.AssetsDefinition]:
    """Two tables of the reference pipeline, with its own functions."""
    until = FIRST_HOUR + timedelta(days=160 + DAYS)

    @dg.asset(name="departures_clean")
    def clean() -> pd.DataFrame:
        return clean_departures(tables.departures)

    @dg.asset(name="airport_hours")
    def hours(departures_clean: pd.DataFrame) -> pd.DataFrame:
        first = until - timedelta(days=DAYS)
        return airport_hours(departures_clean, clean_weather(tables.weather), first, until)

    return clean, hours


def with_contracts(tables: Tables, folder: str) -> dg.Definitions:
    """With contracts, a need, and all that `adapt()` checks."""
    clean, hours = assets(tables)
    clean, checked = with_contract(clean, DataContract(DeparturesClean, owner="team:flight-data"))
    hours, more = with_contract(hours, DataContract(AirportHours, owner="team:flight-data"))
    hours = with_needs(hours, {"departures_clean": Needs({"flight_id": "string", "cancelled": "bool"})})
    return adapt(
        dg.Definitions(assets=[clean, hours], asset_checks=[*checked, *more], resources=storage(folder))
    )


def plain(tables: Tables, folder: str) -> dg.Definitions:
    """With asset checks that let pandera validate, as one writes them in Dagster."""
    clean, hours = assets(tables)
    checks = [validated(clean, DeparturesClean), validated(hours, AirportHours)]
    return dg.Definitions(assets=[clean, hours], asset_checks=checks, resources=storage(folder))


def validated(asset: dg.AssetsDefinition, model: Any) -> dg.AssetChecksDefinition:
    """A blocking check of an asset against a model."""

    @dg.asset_check(asset=asset, name="contract", blocking=True)
    def check(stored: pd.DataFrame) -> dg.AssetCheckResult:
        try:
            model.validate(stored, lazy=True)
        except SchemaErrors as errors:
            return dg.AssetCheckResult(passed=False, metadata={"failures": len(errors.failure_cases)})
        return dg.AssetCheckResult(passed=True, metadata={"rows": len(stored)})

    return check
