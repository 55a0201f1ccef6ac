"""Planning when a run makes planning fail: it is left out, and everybody else is planned for."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Snapshot, Work
from adaptive_assets.planning.transitions import kind_key, run_key

T = TypeVar("T")
Planner = Callable[[Snapshot], Plan]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Runs of the kind ``work`` that cannot be planned for, and the error that they cause."""

    work: Work
    runs: tuple[QueuedRun | ActiveRun, ...]
    error: Exception

    @property
    def key(self) -> str:
        """What :func:`without` knows them by: queued runs by their kind of work, an active one by its id."""
        first = self.runs[0]
        return kind_key(self.work) if isinstance(first, QueuedRun) else run_key(first.run_id)


def plan_the_rest(snapshot: Snapshot, plan: Planner, error: Exception) -> tuple[Plan, tuple[LeftOut, ...]]:
    """The plan for all but those runs for which ``plan`` raises, and these.

    Called after ``plan(snapshot)`` has raised ``error``. Kinds of work that fail are found by halving, so a
    few of them among thousands take few plans.

    Raises:
        Exception: ``error``, where planning fails with no run at all.
    """
    empty = replace(snapshot, queued=(), active=())
    if _raised(plan, empty) is not None:
        raise error
    active, idle = _apart(
        [[run] for run in snapshot.active], lambda runs: _raised(plan, replace(empty, active=_flat(runs)))
    )
    counted = replace(snapshot, queued=(), active=_flat(active))
    _, stuck = _apart(
        _by_kind(snapshot.queued), lambda runs: _raised(plan, replace(counted, queued=_in_order(runs)))
    )
    left_out = [LeftOut(runs[0].work, tuple(runs), why) for runs, why in idle]
    left_out += [LeftOut(runs[0].work, tuple(runs), why) for runs, why in stuck]
    return plan(without(snapshot, {each.key for each in left_out})), tuple(left_out)


def without(snapshot: Snapshot, left_out: Collection[str]) -> Snapshot:
    """``snapshot`` without the runs of which the keys are ``left_out``."""
    if not left_out:
        return snapshot
    return replace(
        snapshot,
        queued=tuple([run for run in snapshot.queued if kind_key(run.work) not in left_out]),
        active=tuple([run for run in snapshot.active if run_key(run.run_id) not in left_out]),
    )


def _apart(
    groups: list[list[T]], raised: Callable[[Sequence[list[T]]], Exception | None]
) -> tuple[list[list[T]], list[tuple[list[T], Exception]]]:
    """The groups that can be planned together, and each of the others with its error."""
    error = raised(groups) if groups else None
    if error is None:
        return groups, []
    if len(groups) == 1:
        return [], [(groups[0], error)]
    half = len(groups) // 2
    (left, left_failed), (right, right_failed) = _apart(groups[:half], raised), _apart(groups[half:], raised)
    return [*left, *right], [*left_failed, *right_failed]


def _raised(plan: Planner, snapshot: Snapshot) -> Exception | None:
    try:
        plan(snapshot)
    except Exception as error:  # noqa: BLE001  which one it is does not matter here; the caller tells it
        return error
    return None


def _by_kind(queued: Sequence[QueuedRun]) -> list[list[QueuedRun]]:
    kinds: defaultdict[Work, list[QueuedRun]] = defaultdict(list)
    for run in queued:
        kinds[run.work].append(run)
    return list(kinds.values())


def _flat(groups: Sequence[list[T]]) -> tuple[T, ...]:
    return tuple([each for group in groups for each in group])


def _in_order(groups: Sequence[list[QueuedRun]]) -> tuple[QueuedRun, ...]:
    """In the order of submission, as a snapshot has them."""
    return tuple(sorted(_flat(groups), key=lambda run: (run.submitted_at, run.run_id)))
