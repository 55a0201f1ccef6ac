"""What a run is expected to take: what was learned, else what was declared, else a prior."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.estimates import Estimate, Spread
from adaptive_assets.planning.node_capacity import NodeCapacity
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.resource_request import PRIOR, ResourceRequest, estimate_key, request_of
from adaptive_assets.planning.snapshot import ActiveRun, MachineReading, QueuedRun, Snapshot
from adaptive_assets.policy import Guards, PolicyBook
from tests.planning.compact import book_of, snapshot_of
from tests.planning.forecast import Expected, MachineForecast, expected
from tests.planning.strategies import LEARNED, MODES_BELOW, UNHURRIED, books, snapshots

GIB = 2**30
BOOK = book_of(
    {
        "policies": [
            {
                "name": "p",
                "estimate": {"cpu": 2, "memory": "2GiB", "duration": "10m"},
                "objective": {"deadline": "1h", "confidence": "95%"},
                "degrade": [{"mode": "half", "estimate": {"cpu": 1, "memory": "1GiB", "duration": "2m"}}],
            }
        ]
    }
)
OWN = Estimate(Spread(60.0, 100.0, 150.0), Spread(1.0, 2.0, 2.0), Spread(GIB, 2 * GIB, 4 * GIB), 20.0)


def request(snapshot: Snapshot, mode: str = "full", book: PolicyBook = BOOK) -> ResourceRequest:
    """The demand of the first run of the queue."""
    return ResourceRequests(snapshot, book).of_run(snapshot.queued[0], mode)


@UNHURRIED
@given(books(), snapshots())
def test_the_prediction_is_the_one_that_was_written_down_twice(book: PolicyBook, snapshot: Snapshot) -> None:
    """Of every run, in every mode."""
    requests = ResourceRequests(snapshot, book)
    runs: list[QueuedRun | ActiveRun] = [*snapshot.queued, *snapshot.active]
    for run in runs:
        for mode in ("full", *MODES_BELOW, "last_good", "gone"):
            found, wanted = requests.of_run(run, mode), expected(run, mode, snapshot, book)
            assert found.cpu == pytest.approx(wanted.cpu)
            assert found.memory == pytest.approx(wanted.memory, abs=1)
            assert found.duration == pytest.approx(wanted.duration)
            assert found.median == pytest.approx(wanted.median)
            for quantile, other in (
                (found.mean_memory, wanted.mean_memory),
                (found.memory_share, wanted.memory_share),
                (found.highest_memory, wanted.highest_memory),
            ):
                assert (found.memory if quantile is None else quantile) == pytest.approx(other)
            assert found.memory_sigma == pytest.approx(wanted.memory_sigma)
            assert found.evictable == wanted.evictable


def test_what_was_learned_goes_before_what_was_declared() -> None:
    """And of the run itself before its kind; nothing at all is known of the rest."""
    plain = snapshot_of(queued=[{"run": "r", "policy": "p"}])
    work = plain.queued[0].work
    assert request(plain) == request_of(BOOK.policy("p"), "full")
    learned = replace(plain, estimates={estimate_key(work, "full"): OWN})
    assert (request(learned).memory, request(learned).median) == (2 * GIB, 60.0)
    larger = replace(OWN, memory=Spread.exactly(6 * GIB))
    own = replace(learned, queued=(replace(plain.queued[0], estimate=larger),))
    assert request(own).memory == 6 * GIB
    assert request(snapshot_of(queued=[{"run": "r"}]), book=book_of()) == PRIOR


def test_a_duration_is_as_certain_as_the_policy_asks() -> None:
    """Between the 90th and the 99th percentile for 95 %; without an objective the 90th."""
    plain = snapshot_of(queued=[{"run": "r", "policy": "p"}])
    learned = replace(plain, estimates={estimate_key(plain.queued[0].work, "full"): OWN})
    assert 100.0 < request(learned).duration < 150.0
    other = snapshot_of(queued=[{"run": "r"}])
    learned = replace(other, estimates={estimate_key(other.queued[0].work, "full"): OWN})
    assert request(learned, book=book_of()).duration == pytest.approx(100.0)


def test_a_rung_takes_less_of_what_was_learned_by_as_much_as_was_declared() -> None:
    """Until runs were seen in that mode; and never more than full mode."""
    plain = snapshot_of(queued=[{"run": "r", "policy": "p"}])
    work = plain.queued[0].work
    learned = replace(plain, estimates={estimate_key(work, "full"): OWN})
    assert request(learned, "half").memory == GIB
    assert request(learned, "half").median == pytest.approx(12.0)
    seen = replace(OWN, memory=Spread.exactly(GIB / 4))
    learned = replace(plain, estimates={estimate_key(work, "full"): OWN, estimate_key(work, "half"): seen})
    assert request(learned, "half").memory == GIB // 4


@given(
    st.lists(st.tuples(st.sampled_from(LEARNED), st.sampled_from((None, 0, 2**28, 2**31))), max_size=8),
    st.sampled_from(LEARNED),
)
def test_the_peak_of_runs_together_is_the_one_that_was_written_down_twice(
    runs: list[tuple[Estimate, int | None]], more: Estimate
) -> None:
    """The larger of a sum of percentiles, and the mean of the sum with some of its deviations."""
    reading = MachineReading(0.0, 64.0, 0.0, 1024 * GIB, 64 * GIB)
    node, twice = NodeCapacity("", Guards(), reading), MachineForecast(Guards(), reading)
    snapshot = snapshot_of(queued=[{"run": "r"}], active=[{"run": "a", "launched": "1s"}])
    book = book_of()
    for estimate, used in runs:
        active = replace(snapshot.active[0], memory_used=used, estimate=estimate)
        taken = expected(active, "full", snapshot, book)
        node.count(active, 0, ResourceRequests(snapshot, book).of_run(active), snapshot.at)
        twice.count(active, taken, 0, snapshot.at)
    run = replace(snapshot.queued[0], estimate=more)
    wanted = expected(run, "full", snapshot, book)
    found = ResourceRequests(snapshot, book).of_run(run)
    free = node.free_memory() - node.more_memory(found)
    assert free == pytest.approx(twice.most_memory - twice.peak(wanted), abs=1024)
    assert isinstance(wanted, Expected)


def test_one_run_with_a_long_tail_is_not_expected_to_take_more_than_it_ever_did() -> None:
    """Deviations above the mean may be far above what it ever took."""
    tail = Estimate(Spread.exactly(60.0), Spread.exactly(0.1), Spread(GIB / 4, GIB / 4, 2 * GIB), 20.0)
    snapshot = snapshot_of(machine={"memory": "2.5GiB"}, queued=[{"run": "r"}])
    snapshot = replace(snapshot, queued=(replace(snapshot.queued[0], estimate=tail),))
    assert plan(snapshot, book_of()).by_run()["r"].verdict is Verdict.LAUNCH


def test_what_never_fits_is_told_apart_from_what_waits() -> None:
    """By the same prediction: nothing that no end of other work would let go waits silently."""
    for percentiles in ((GIB, GIB, GIB), (GIB / 4, GIB / 4, 16 * GIB), (GIB, 2 * GIB, 3 * GIB)):
        estimate = Estimate(Spread.exactly(60.0), Spread.exactly(0.1), Spread(*percentiles), 20.0)
        for memory in ("1GiB", "2GiB", "4GiB", "64GiB"):
            snapshot = snapshot_of(machine={"memory": memory}, queued=[{"run": "r"}])
            run = replace(snapshot.queued[0], estimate=estimate)
            decision = plan(replace(snapshot, queued=(run,)), book_of()).by_run()["r"]
            assert decision.verdict is Verdict.LAUNCH or decision.reason.code is ReasonCode.NEVER_FITS
