"""A planner that keeps what is still true makes the plans that ``plan()`` makes without it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.planner import Planner
from adaptive_assets.planning.resource_request import estimate_key
from adaptive_assets.planning.snapshot import QueuedRun, Snapshot, Work
from adaptive_assets.policy import PolicyBook
from tests.planning.strategies import (
    ACTIONS,
    AT,
    LEARNED,
    UNHURRIED,
    books,
    queued,
    readings,
    snapshots,
    staged,
)

STEPS = ("time", "arrival", "exit", "estimates", "book", "machine", "reading", "actions", "priority")
PASSES = (0.0, 0.5, 1.0, 5.0, 60.0, 700.0, -30.0)


@st.composite
def days(draw: st.DrawFn) -> list[tuple[PolicyBook, Snapshot]]:
    """Cycles one after another, between which a few things change and all else stays the same object."""
    book, snapshot = draw(st.tuples(books(), snapshots()) | staged())
    cycles = [(book, snapshot)]
    kinds = [*(run.work for run in snapshot.queued), *(run.work for run in snapshot.active)]
    for number in range(draw(st.integers(1, 5))):
        for step in draw(st.sets(st.sampled_from(STEPS), max_size=3)):
            book = draw(books()) if step == "book" else book
            snapshot = draw(_changed(snapshot, step, kinds, 100 + number))
        cycles.append((book, snapshot))
    return cycles


@st.composite
def _changed(draw: st.DrawFn, before: Snapshot, step: str, kinds: list[Work], number: int) -> Snapshot:
    waiting = before.queued
    match step:
        case "time":
            return replace(before, at=before.at + draw(st.sampled_from(PASSES)))
        case "arrival" if kinds:
            return replace(before, queued=(*waiting, draw(queued(number, kinds))))
        case "exit":
            return replace(before, queued=tuple(run for run in waiting if draw(st.booleans())))
        case "priority":
            return replace(
                before,
                queued=tuple(replace(run, priority=2) if draw(st.booleans()) else run for run in waiting),
            )
        case "estimates":
            keys = [estimate_key(work, mode) for work in kinds for mode in ("full", "reduced")]
            learned = {key: draw(st.sampled_from(LEARNED)) for key in keys if draw(st.booleans())}
            kept = {key: known for key, known in before.estimates.items() if draw(st.booleans())}
            return replace(before, estimates=kept | learned)
        case "machine":
            return replace(before, machine=draw(st.none() | readings()))
        case "reading" if before.machine:
            return replace(
                before, machine=replace(before.machine, cpu_used=draw(st.sampled_from((0.0, 1.0))))
            )
        case "actions":
            return replace(before, actions=draw(st.sampled_from(ACTIONS)))
    return before


@UNHURRIED
@given(days())
def test_plans_are_those_that_plan_makes(day: list[tuple[PolicyBook, Snapshot]]) -> None:
    """Whatever changes between two cycles, and whatever does not."""
    planner = Planner()
    for book, snapshot in day:
        assert planner(snapshot, book) == plan(snapshot, book)


class _Counted(dict[str, Estimate]):
    """Estimates, and how often one was looked up."""

    looked_up = 0

    @override
    def get(self, key: str, default: Estimate | None = None) -> Estimate | None:  # type: ignore[override]
        self.looked_up += 1
        return super().get(key, default)


def test_what_has_not_changed_is_not_looked_up_again() -> None:
    """New work is; and all is under another policy book."""
    book, works = PolicyBook(version=1), [Work(f"w{number}", "default") for number in range(3)]
    estimates = _Counted({estimate_key(work, "full"): LEARNED[0] for work in works})
    runs = tuple(QueuedRun(f"q{number}", work, AT) for number, work in enumerate(works))
    planner, snapshot = Planner(), Snapshot(AT, queued=runs[:2], estimates=estimates)
    planner(snapshot, book)
    first, estimates.looked_up = estimates.looked_up, 0
    assert first > 0
    planner(replace(snapshot, at=AT + 5), book)
    assert estimates.looked_up == 0
    planner(replace(snapshot, queued=runs), book)
    assert estimates.looked_up == first / 2
    estimates.looked_up = 0
    planner(replace(snapshot, queued=runs), PolicyBook(version=1))
    assert estimates.looked_up == first * 3 / 2
