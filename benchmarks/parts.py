"""What ``dagster.yaml`` names in a benchmark: a coordinator with a stop-watch, a launcher that records."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import dagster as dg
from typing_extensions import override

from adaptive_assets import AdaptiveRunCoordinator
from benchmarks.dagster_private import (
    ConfigurableClass,
    ConfigurableClassData,
    LaunchRunContext,
    RunLauncher,
    report,
)

__all__ = ["LAUNCHES", "PASSES", "LoggedCoordinator", "RecordingLauncher", "TimedCoordinator"]

LAUNCHES = "launches"
"""The file in ``DAGSTER_HOME`` to which the launcher writes a line for each launch: run id, POSIX seconds."""


PASSES = "passes"
"""The file in ``DAGSTER_HOME`` to which the coordinator writes when each pass begins: POSIX seconds."""


class LoggedCoordinator(AdaptiveRunCoordinator):
    """Our coordinator, which also writes down when each dequeue pass begins."""

    @override
    def _begin_pass(self, daemon: Any, *given: Any) -> Any:
        with (Path(self._instance.root_directory) / PASSES).open("a") as log:
            log.write(f"{time.time()}\n")
        return super()._begin_pass(daemon, *given)


class TimedCoordinator(AdaptiveRunCoordinator):
    """Our coordinator, which also notes how long its own part of each dequeue pass took, in seconds."""

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self.own_parts: list[float] = []

    @override
    def _begin_pass(self, daemon: Any, *given: Any) -> Any:
        began = time.perf_counter()
        try:
            return super()._begin_pass(daemon, *given)
        finally:
            self.own_parts.append(time.perf_counter() - began)


class RecordingLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """Writes down when it was asked to launch which run. With ``finish``, the run has then succeeded."""

    def __init__(self, finish: bool, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._finish = finish
        self._inst_data = inst_data

    @property
    @override
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    @override
    def config_type(cls) -> Any:
        return {"finish": dg.Field(bool, is_required=False, default_value=False)}

    @classmethod
    @override
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        return cls(config_value["finish"], inst_data)

    @override
    def launch_run(self, context: LaunchRunContext) -> None:
        at = time.time()
        run = context.dagster_run
        with (Path(self._instance.root_directory) / LAUNCHES).open("a") as log:
            log.write(f"{run.run_id} {at}\n")
        if self._finish:
            report(self._instance, run.run_id, run.job_name, dg.DagsterEventType.RUN_SUCCESS)

    @override
    def terminate(self, run_id: str) -> bool:
        return False
