"""Dagster's executors whose steps run in the process of the run, or in children of it."""

# ruff: noqa: SLF001  touching private members is what this package is for

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any

import dagster as dg

Around = Callable[[dg.DagsterInstance, dg.DagsterRun, bool], AbstractContextManager[object]]
"""Made of the instance, the run, and whether its steps have a process each."""

_MARK = "_adaptive_assets_around"


def surround_runs(around: Around) -> None:
    """From now on, enter ``around`` in this process for each run whose steps it executes itself.

    Its exit comes after the last step and before the event that ends the run, also where that is an error.
    Executors of all jobs are meant, however they are configured, but for those that give steps to others: to
    a cluster, or to a server that forks. Calling this again changes nothing.
    """
    from dagster._core.executor.in_process import InProcessExecutor
    from dagster._core.executor.multiprocess import MultiprocessExecutor

    for executor in (InProcessExecutor, MultiprocessExecutor):
        if not hasattr(executor.execute, _MARK):
            apart = executor is MultiprocessExecutor
            executor.execute = _surrounded(executor.execute, around, apart)  # type: ignore[method-assign]


def _surrounded(execute: Any, around: Around, apart: bool) -> Any:
    @wraps(execute)
    def surrounded(executor: Any, context: Any, plan: Any) -> Iterator[dg.DagsterEvent]:
        if apart and executor._start_method == "forkserver":
            yield from execute(executor, context, plan)
            return
        with around(context.instance, context.dagster_run, apart):
            yield from execute(executor, context, plan)

    setattr(surrounded, _MARK, True)
    return surrounded
