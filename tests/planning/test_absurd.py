"""Whatever numbers were learned, read or written: every run is decided, and every reason can be told."""

from dataclasses import replace
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.queue_position import queue_positions
from adaptive_assets.planning.resource_request import MOST, ResourceRequest
from adaptive_assets.planning.snapshot import ActiveRun, MachineReading, QueuedRun, Snapshot
from adaptive_assets.policy import PolicyBook
from tests.planning.strategies import AT, UNHURRIED, books, snapshots

AMOUNTS: Final = st.sampled_from((0.0, 1e-300, 1.0, 1e18, 1e300, 1.7e308))
TIMES: Final = st.sampled_from((0.0, AT - 30.0, AT + 1e6))
SIZES: Final = st.sampled_from((0, 1, 2**40, 2**62))
SPREADS: Final = st.lists(AMOUNTS, min_size=3, max_size=3).map(lambda values: Spread(*sorted(values)))
ESTIMATES: Final = st.builds(
    Estimate, SPREADS, SPREADS, SPREADS, st.sampled_from((0.0, 20.0)), st.sampled_from(Source)
)


@st.composite
def absurd(draw: st.DrawFn) -> Snapshot:
    """Snapshots whose numbers nothing real would have: estimates, clocks, capacities, use."""
    base = draw(snapshots())

    def waiting(run: QueuedRun) -> QueuedRun:
        return replace(run, estimate=draw(st.none() | ESTIMATES), submitted_at=draw(TIMES))

    def going(run: ActiveRun) -> ActiveRun:
        return replace(
            run,
            estimate=draw(st.none() | ESTIMATES),
            launched_at=draw(TIMES),
            started_at=draw(st.none() | TIMES),
            cpu_used=draw(st.none() | AMOUNTS),
            memory_used=draw(st.none() | SIZES),
        )

    def read(reading: MachineReading | None) -> MachineReading | None:
        return reading and replace(
            reading,
            cpu_capacity=draw(st.sampled_from((0.0, 2.0, 1e9))),
            cpu_used=draw(AMOUNTS),
            our_cpu=draw(st.none() | AMOUNTS),
            memory_capacity=draw(SIZES),
            memory_used=draw(SIZES),
        )

    return replace(
        base,
        at=draw(st.sampled_from((AT, 1e3, AT + 3e9))),
        queued=tuple(waiting(run) for run in base.queued),
        active=tuple(going(run) for run in base.active),
        machine=read(base.machine),
        nodes=tuple(replace(node, reading=read(node.reading)) for node in base.nodes),
        estimates={key: draw(ESTIMATES) for key in base.estimates},
        usage={owner: draw(AMOUNTS) for owner in base.usage},
        promoted_at=draw(st.none() | TIMES),
    )


@UNHURRIED
@given(books(), absurd())
def test_every_run_is_decided_whatever_the_numbers_say(book: PolicyBook, snapshot: Snapshot) -> None:
    """One estimate of 1e300 bytes, or a machine without memory, would else stop all runs."""
    decided = plan(snapshot, book)
    assert len(decided.by_run()) == len(snapshot.queued) == len(queue_positions(snapshot, book))
    assert all(reason.sentence for decision in decided.decisions for reason in decision.reasons)


def test_a_demand_that_is_small_enough_stays_as_it_is() -> None:
    """The bound is far beyond whatever a run can take."""
    request = ResourceRequest(1e5, 2**50, 1e9, typical=1e8, mean_memory=2.0**49, memory_sigma=2.0**40)
    assert request.bounded() is request


def test_a_demand_is_bounded_in_every_respect() -> None:
    """What is not known stays unknown."""
    absurd = ResourceRequest(1e300, 2**1000, 1e300, typical=1e200, memory_sigma=1e300, highest_memory=1e300)
    assert absurd.bounded() == ResourceRequest(
        MOST.cpu,
        MOST.memory,
        MOST.duration,
        typical=MOST.duration,
        memory_sigma=MOST.memory,
        highest_memory=MOST.memory,
    )
