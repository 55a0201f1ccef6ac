"""Single dequeue passes, timed in the process that has the site open."""

import time
from dataclasses import dataclass

import dagster as dg

from benchmarks.dagster_private import report
from benchmarks.sites import Site

__all__ = ["SLOTS", "Pass", "end_active", "select", "start_launched", "timed_pass"]

SLOTS = 10
"""Runs at once: stock's default, and the guard in ``policies.yaml``."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One whole pass, our own part of it (nothing for stock), both in seconds, and the runs it launched."""

    whole_s: float
    own_s: float
    launched: int


def timed_pass(site: Site) -> Pass:
    """A whole pass, launches included."""
    before = len(site.launched())
    began = time.perf_counter()
    site.run_pass()
    whole_s = time.perf_counter() - began
    return Pass(whole_s, site.own_part(), len(site.launched()) - before)


def select(site: Site) -> float:
    """The seconds of stock's selection with free slots: it finds the runs to launch, and launches none."""
    began = time.perf_counter()
    found = site.daemon.select(site.instance)
    took = time.perf_counter() - began
    if len(found) != SLOTS:
        raise RuntimeError(f"stock's pass found {len(found)} runs to launch, not {SLOTS}")
    return took


def start_launched(site: Site) -> None:
    """Let the runs that were launched last report that they have started."""
    _report_active(site, dg.DagsterRunStatus.STARTING, dg.DagsterEventType.RUN_START)


def end_active(site: Site) -> None:
    """Let all active runs end, so that their slots are free."""
    _report_active(site, dg.DagsterRunStatus.STARTED, dg.DagsterEventType.RUN_SUCCESS)


def _report_active(site: Site, status: dg.DagsterRunStatus, event: dg.DagsterEventType) -> None:
    for run in site.instance.get_runs(dg.RunsFilter(statuses=[status])):
        report(site.instance, run.run_id, run.job_name, event)
