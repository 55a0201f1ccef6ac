"""A team's own history as a workload: the runs that a ledger has recorded.

The only module of this layer that knows the ledger.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from pydantic import ValidationError

from adaptive_assets.ledger import Ledger, LedgerAwayError, LedgerError, RunUsageRow
from adaptive_assets.ledger.location import FILE_NAME
from adaptive_assets.planning.resource_request import FULL, PRIOR
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.policy import PolicyBook, Problem
from adaptive_assets.simulation.traces.trace import DeclaredEstimate, TracedRun, TraceError, Workload

_SUCCESS: Final = "SUCCESS"
_DECISIONS_PER_RUN: Final = 4
_LEAST_CPU: Final = 0.01
"""Cores; what rounds to none would cost nothing to run."""


def load_recorded(where: str | Path | Ledger, *, since: float | None = None) -> Workload:
    """The workload of the ledger at ``where``: a URL, a SQLite file, the directory that it is in, or itself.

    With ``since`` (POSIX seconds), only of the runs that ended then or later.  As :func:`workload_of`; raises
    :class:`~adaptive_assets.simulation.traces.trace.TraceError` where there is no ledger, or nothing in it.
    """
    with _opened(where) as (ledger, source):
        usages = ledger.usages(since=since)
        works = ledger.works()
        decisions = ledger.recent_decisions(limit=_DECISIONS_PER_RUN * len(usages) + 1)
    tiers = {row.work_key: row.tier for row in reversed(decisions)}  # the newest decision on a kind counts
    workload = workload_of(usages, works, tiers, source)
    if not workload.runs:
        message = "no run has been recorded that ended well" if usages else "no run has been recorded yet"
        raise TraceError([Problem(source, 0, 0, message, "let the coordinator see some runs first")])
    return workload


def recorded_book(where: str | Path | Ledger) -> PolicyBook | None:
    """The policy book that was last in force; ``None`` if none ever was, or a later version wrote it."""
    with _opened(where) as (ledger, _):
        content = ledger.active_policy_book()
    try:
        return None if content is None else PolicyBook.model_validate_json(content)
    except ValidationError:
        return None


def workload_of(
    usages: Iterable[RunUsageRow], works: Mapping[str, Work], tiers: Mapping[str, str], name: str
) -> Workload:
    """The runs of ``usages`` that ended with success, from the first submission on.

    ``works`` are the kinds of work, and ``tiers`` those that they were decided in, both by key.

    What was not seen of a run (CPU and memory of a run on another machine) is taken to be the median of its
    kind, or else the planner's prior.  A run that was degraded is given what its kind takes in full, so that
    a simulation decides again; if its kind never ran in full, it is left out.  Durations are those seen,
    on a machine that was shared.
    """
    ended = [usage for usage in usages if usage.status == _SUCCESS and _duration(usage) is not None]
    typical = {key: _Typical.of(rows) for key, rows in _by_kind(ended).items()}
    kept = [usage for usage in ended if usage.work_key in typical]
    start = min((usage.submitted_at for usage in kept), default=0.0)
    runs = (
        _run(usage, works.get(usage.work_key), tiers.get(usage.work_key), typical[usage.work_key], start)
        for usage in kept
    )
    return Workload.of(name, runs)


@dataclass(frozen=True, slots=True)
class _Typical:
    """Medians of the runs of a kind in full."""

    duration_s: float
    cpu: float
    memory: int

    @classmethod
    def of(cls, rows: Sequence[RunUsageRow]) -> "_Typical":
        return cls(
            _median(rows, _duration, PRIOR.duration),
            _median(rows, _cpu, PRIOR.cpu),
            round(_median(rows, lambda row: row.memory_peak, PRIOR.memory)),
        )


def _by_kind(usages: Iterable[RunUsageRow]) -> Mapping[str, list[RunUsageRow]]:
    in_full = defaultdict(list)
    for usage in usages:
        if usage.mode == FULL:
            in_full[usage.work_key].append(usage)
    return in_full


def _run(
    usage: RunUsageRow, work: Work | None, tier: str | None, typical: _Typical, start: float
) -> TracedRun:
    seen = usage.mode == FULL
    duration, cpu, memory = (_duration(usage), _cpu(usage), usage.memory_peak) if seen else (None, None, None)
    return TracedRun(
        usage.run_id,
        work.name if work else f"{usage.policy}-{usage.work_key[:6]}",
        usage.submitted_at - start,
        tier,
        duration_s=typical.duration_s if duration is None else duration,
        cpu=typical.cpu if cpu is None else cpu,
        memory=typical.memory if memory is None else memory,
        input_size=usage.input_size,
        declared=_declared(usage),
        policy=usage.policy,
    )


def _declared(usage: RunUsageRow) -> DeclaredEstimate | None:
    said = usage.declared
    if said is None:
        return None
    return DeclaredEstimate(cpu=said.cpu, memory=said.memory, duration=said.duration)


def _duration(usage: RunUsageRow) -> float | None:
    """From the start of the run, or where that was not seen its launch, to its end."""
    began = usage.launched_at if usage.started_at is None else usage.started_at
    return None if began is None else max(0.0, usage.ended_at - began)


def _cpu(usage: RunUsageRow) -> float | None:
    duration = _duration(usage)
    if usage.cpu_seconds is None or not duration:
        return None
    return max(_LEAST_CPU, usage.cpu_seconds / duration)


def _median(
    rows: Iterable[RunUsageRow], value: Callable[[RunUsageRow], float | None], otherwise: float
) -> float:
    known = [seen for seen in map(value, rows) if seen is not None]
    return median(known) if known else otherwise


@contextmanager
def _opened(where: str | Path | Ledger) -> Iterator[tuple[Ledger, str]]:
    """The ledger at ``where`` and its name, without secrets.

    A file must be there already: the ledger would make a new one.

    Raises:
        TraceError: there is no ledger at ``where``.
        LedgerAwayError: it cannot be reached now.
    """
    if isinstance(where, Ledger):
        yield where, where.safe_url
        return
    is_url = "://" in str(where)
    try:
        ledger = Ledger.open(str(where) if is_url else _file_url(Path(where)), existing=True)
    except LedgerError as error:
        source = "the ledger" if is_url else str(where)
        raise TraceError([Problem(source, 0, 0, str(error))]) from None
    source = ledger.safe_url if is_url else str(where)
    try:
        yield ledger, source
    except LedgerAwayError:
        raise
    except LedgerError as error:
        raise TraceError([Problem(source, 0, 0, str(error))]) from None
    finally:
        ledger.dispose()


def _file_url(path: Path) -> str:
    file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        raise LedgerError(f"there is no ledger: `{file}` is no file")
    if "?" in str(file):
        raise LedgerError("a `?` in the path of a file cannot be written in a URL: rename it")
    return f"sqlite:///{file.absolute()}"
