"""What was learned, kept as JSON and taken up again."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_assets.learning import EndedRun, Ending, Learner, LearningTuning, SubmittedRun
from adaptive_assets.planning.estimates import Source
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.snapshot import Declaration, Work
from tests.learning.ended import GIB, ended, histories, lasting, similar, taught


def assumed(work: Work, mode: str) -> ResourceRequest:
    """What is assumed of anything."""
    return ResourceRequest(1.0, GIB, 60.0)


def again(learner: Learner, tuning: LearningTuning | None = None) -> Learner:
    """A learner that has taken up what ``learner`` had learned, by way of a text."""
    other = Learner(assumed=assumed, tuning=tuning or LearningTuning())
    other.restore(json.loads(json.dumps(learner.snapshot(), allow_nan=False)))
    return other


def told(learner: Learner) -> list[object]:
    """All that it says of a few kinds and runs."""
    works = [Work(name, policy) for name in "abcd" for policy in ("p", "q")]
    runs = [
        SubmittedRun(work, root, size, declared)
        for work in works
        for root in ("r1", "r2")
        for size in (None, 60.0)
        for declared in (None, Declaration(memory=2 * GIB))
    ]
    return [
        *(learner.of_kind(work, mode) for work in works for mode in ("full", "reduced")),
        *(learner.estimate(run, most_memory=5.0 * GIB) for run in runs),
    ]


@settings(deadline=None, max_examples=40)
@given(histories(), histories())
def test_a_learner_that_takes_up_what_another_knew_is_that_one(
    before: list[EndedRun], after: list[EndedRun]
) -> None:
    """It says the same, and goes on to, whatever comes."""
    first = taught(before, Learner(assumed=assumed))
    second = again(first)
    assert told(second) == told(first)
    assert told(taught(after, second)) == told(taught(after, first))
    assert json.dumps(second.snapshot()) == json.dumps(first.snapshot())


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 100))
def test_so_it_is_with_long_histories(seed: int) -> None:
    """Levels that have changed, trends, kin that were asked long ago, full records."""
    history = [*similar(12, scatter=1.0)]
    sizes = lasting(1000.0, 1.0, 90, seed)
    for number, size in enumerate(sizes):
        jump = 8.0 if number > 70 else 1.0
        history.append(ended(size * jump, work=Work("a", "reports"), size=size, at=float(number)))
        history.append(ended(lasting(60.0, 0.3, 1, seed + number)[0], work=Work(f"k{number % 3}", "reports")))
    first = taught(history, Learner(assumed=assumed))
    second = again(first)
    works = [Work(name, "reports") for name in ("a", "k0", "k1", "other-3", "new")]
    for _ in range(2):
        for work in works:
            for at in (None, 50.0, 5000.0):
                assert second.of_kind(work, "full", at) == first.of_kind(work, "full", at)
        for learner in (first, second):
            taught(history[40:120], learner)


def test_what_is_kept_is_bounded_by_runs_and_by_those_seen_last() -> None:
    """What is left out is as if it had never run; what its kin know of it stays."""
    few = LearningTuning(snapshot_runs=100)
    runs = [ended(60.0 + n % 7, work=Work(f"k{n // 10}", "p")) for n in range(1000)]
    first = taught(runs, Learner(assumed=assumed, tuning=few))
    second = again(first, few)
    assert len(json.dumps(first.snapshot())) < 60_000
    late, early = Work("k99", "p"), Work("k0", "p")
    assert second.of_kind(late) == first.of_kind(late)
    forgotten = second.of_kind(early)
    assert forgotten is not None
    assert forgotten.source is Source.SIMILAR
    assert forgotten == first.of_kind(Work("new", "p"))


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"version": 2, "kinds": {}},
        {"version": 1},
        {"version": 1, "kinds": {"runs": 1, "lateness": [], "kinds": [{"key": ["a"]}], "families": []}},
        {"version": 1, "kinds": [], "declarations": {}, "attempts": []},
    ],
)
def test_what_cannot_be_read_leaves_everything_as_it_was(plain: dict[str, object]) -> None:
    """It is said, so that the caller learns anew."""
    learner = taught([ended(), EndedRun(SubmittedRun(Work("a", "p"), "r1"), "full", 0.0, Ending.CANCELED)])
    before = json.dumps(learner.snapshot())
    with pytest.raises(ValueError, match="what was learned cannot be read: it must be of version 1"):
        learner.restore(plain)
    assert json.dumps(learner.snapshot()) == before
