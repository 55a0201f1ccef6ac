"""Dagster's dequeue daemon: when its pass begins, what it is given, and what it shows as its errors."""

# ruff: noqa: SLF001  touching private members is what this package is for

import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import FrameType
from typing import Any, Self

import dagster as dg
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator, RunQueueConfig
from dagster._serdes import ConfigurableClassData
from dagster_shared.error import SerializableErrorInfo
from typing_extensions import override

__all__ = [
    "ConfigurableClassData",
    "QueuedRunCoordinator",
    "RunQueueConfig",
    "SubmitRunContext",
    "concurrency_settings",
    "cut_wait_short",
    "dequeue_daemon",
    "dequeue_workspace",
    "hush_full_queue",
    "pass_time",
    "paused_locations",
    "report_daemon_error",
]


def _iteration(frame: FrameType | None) -> FrameType | None:
    module = sys.modules.get("dagster._daemon.run_coordinator.queued_run_coordinator_daemon")
    parent = frame.f_back if frame else None
    grandparent = parent.f_back if parent else None
    if module is None or grandparent is None:
        return None
    is_pass = grandparent.f_code is module.QueuedRunCoordinatorDaemon.run_iteration.__code__
    return grandparent if is_pass else None


def dequeue_daemon(frame: FrameType | None) -> Any | None:
    """The dequeue daemon whose pass is just beginning, if the function of ``frame`` was called for it.

    The pass begins with ``run_iteration`` → ``instance.get_concurrency_config`` → ``get_run_queue_config``.
    Later calls in the same pass come from deeper down, and other processes call for other reasons; so the
    grandparent frame says exactly when to plan: once per pass, and nowhere else.
    """
    iteration = _iteration(frame)
    return iteration.f_locals["self"] if iteration else None


def dequeue_workspace(frame: FrameType | None) -> Any | None:
    """The workspace of the dequeue daemon, where :func:`dequeue_daemon` finds one."""
    iteration = _iteration(frame)
    return iteration.f_locals["workspace_process_context"] if iteration else None


def pass_time(frame: FrameType | None) -> float | None:
    """The time that the pass is told to go by, for the frame of :func:`dequeue_daemon`; mostly none."""
    parent = frame.f_back if frame else None
    grandparent = parent.f_back if parent else None
    return grandparent.f_locals.get("fixed_iteration_time") if grandparent else None


def report_daemon_error(daemon: Any, message: str, kind: str) -> None:
    """Show ``message`` as an error of the daemon in the UI, without ending the pass that it is in."""
    daemon._errors.appendleft((SerializableErrorInfo(message, [], kind), datetime.now(tz=UTC)))


class _NoFullQueue(logging.Filter):
    """Drops "N runs are currently in progress. Maximum is N": that maximum is our way to end a pass early."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        return "won't launch more" not in str(record.msg)


_NO_FULL_QUEUE = _NoFullQueue()


def hush_full_queue(daemon: Any) -> None:
    """Keep the dequeue daemon from logging a maximum that nobody configured; calling it again is harmless."""
    daemon._logger.addFilter(_NO_FULL_QUEUE)


class _Interval(float):
    """Seconds from one pass to the next that are over early once ``is_over`` says so.

    The daemon's loop adds its jitter to them, and asks twice a second whether less time has passed.
    """

    _is_over: Callable[[], bool]

    def __new__(cls, seconds: float, is_over: Callable[[], bool]) -> Self:
        interval = super().__new__(cls, seconds)
        interval._is_over = is_over
        return interval

    @override
    def __add__(self, jitter: float, /) -> "_Interval":
        return _Interval(float(self) + jitter, self._is_over)

    @override
    def __gt__(self, passed: float, /) -> bool:
        return float(self) > passed and not self._is_over()


def cut_wait_short(daemon: Any, is_over: Callable[[], bool]) -> None:
    """Let the dequeue daemon begin its next pass before its interval is over, when ``is_over`` says so.

    It is asked in the daemon's thread up to twice a second while the daemon waits, first as soon as a pass is
    done, and must neither raise nor take long. The interval that has begun stays as it is. Calling this
    again replaces ``is_over``.
    """
    daemon.interval_seconds = _Interval(float(daemon.interval_seconds), is_over)


def paused_locations(daemon: Any, now: float) -> dict[str, float]:
    """The code locations of which the dequeue daemon launches nothing, with the time until which.

    It pauses one for a while that cannot be reached or loaded, if ``max_user_code_failure_retries`` is set.
    """
    with daemon._location_timeouts_lock:
        return {name: until for name, until in daemon._location_timeouts.items() if until > now}


def concurrency_settings(instance: dg.DagsterInstance) -> Mapping[str, Any]:
    """The ``concurrency`` section of ``dagster.yaml``; empty when there is none."""
    return instance.get_settings("concurrency") or {}
