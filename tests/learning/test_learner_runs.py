"""What the learner knows of single runs, beyond what it knows of their kind."""

from dataclasses import replace

import pytest

from adaptive_assets.learning import EndedRun, Ending, Learner, SubmittedRun
from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.resource_request import PRIOR, ResourceRequest
from adaptive_assets.planning.snapshot import Declaration, Work
from tests.learning.ended import GIB, WORK, ended, failed, similar, taught

SAID = Declaration(cpu=2.0, memory=4 * GIB, duration=600.0)
RUN = SubmittedRun(WORK, "r", declared=SAID)


def estimate(learner: Learner, run: SubmittedRun = RUN) -> Estimate:
    """What is known of the run alone."""
    found = learner.estimate(run)
    assert found is not None
    assert learner.estimate(run) is found
    return found


def halved(number: int) -> EndedRun:
    """A run of another kind that took half of what was declared of it."""
    run = SubmittedRun(Work(f"other-{number}", WORK.policy), f"o{number}", declared=SAID)
    return EndedRun(run, "full", float(number), Ending.SUCCEEDED, 300.0, 1.0, 2 * GIB)


def test_of_a_run_of_which_nothing_more_is_known_its_kind_says_all() -> None:
    """However much is known of that."""
    run = SubmittedRun(WORK, "r")
    assert Learner().estimate(run) is None
    assert taught([ended()]).estimate(run) is None
    assert taught(similar(12)).estimate(run) is None
    assert taught([ended()]).estimate(replace(run, input_size=5.0)) is None


def test_what_was_declared_goes_before_kin_and_after_own_runs() -> None:
    """It was said of this very run; but its kind shows what such runs take."""
    for learner in (Learner(), taught(similar(12))):
        found = estimate(learner)
        assert found.source is Source.DECLARED
        assert (found.duration, found.memory) == (Spread.exactly(600.0), Spread.exactly(4.0 * GIB))
    assert taught([*similar(12), *(ended() for _ in range(9))]).estimate(RUN) is None
    assert estimate(taught([failed(GIB, killed=True)])).source is Source.DECLARED


def test_a_declaration_counts_for_what_those_before_it_were_worth() -> None:
    """From ten runs of the policy on; those of another policy say nothing of it."""
    assert estimate(taught(map(halved, range(9)))).duration.p50 == 600.0
    learner = taught(map(halved, range(10)))
    found = estimate(learner)
    assert (found.duration.p50, found.cpu.p50, found.memory.p50) == pytest.approx((300.0, 1.0, 2.0 * GIB))
    assert found.runs == 10
    elsewhere = replace(RUN, work=replace(WORK, policy="elsewhere"))
    assert estimate(learner, elsewhere).duration.p50 == 600.0


def test_only_what_was_seen_is_compared_with_what_was_declared() -> None:
    """Where processes cannot be seen, the durations tell what declarations of durations are worth."""
    blind = [replace(halved(number), cpu=None, memory=None) for number in range(10)]
    found = estimate(taught(blind))
    assert (found.duration.p50, found.cpu.p50, found.memory.p50) == pytest.approx((300.0, 2.0, 4.0 * GIB))
    others = [replace(halved(n), ending=Ending.FAILED) for n in range(10)]
    others += [replace(halved(n), mode="reduced") for n in range(10)]
    assert estimate(taught(others)).duration.p50 == 600.0


def test_what_was_not_declared_is_what_the_policy_says() -> None:
    """Or the prior, where that says nothing either."""
    part = replace(RUN, declared=Declaration(memory=GIB))
    assert estimate(Learner(), part).duration == Spread.exactly(PRIOR.duration)
    learner = Learner(assumed=lambda work, mode: ResourceRequest(3.0, 1, 90.0))
    assert (estimate(learner, part).cpu.p50, estimate(learner, part).memory.p50) == (3.0, GIB)


def test_the_next_attempt_asks_for_more_whatever_is_known_beside_that() -> None:
    """By its kind, by its size, by what was declared of it, or by nothing."""
    killed = EndedRun(RUN, "full", 0.0, Ending.OUT_OF_MEMORY, memory=8 * GIB)
    for before in ([], [ended(memory=GIB)] * 9, similar(12), [halved(n) for n in range(10)]):
        assert estimate(taught([*before, killed])).memory.p90 == 12 * GIB
    assert estimate(taught([killed])).duration == Spread.exactly(600.0)
    plain = SubmittedRun(WORK, "r")
    assert estimate(taught([replace(killed, run=plain)]), plain).duration == Spread.exactly(PRIOR.duration)


def test_what_was_canceled_teaches_nothing_of_its_kind() -> None:
    """People cancel what runs away; that it was made to give way says nothing of others."""
    learner = taught([*(ended(memory=GIB) for _ in range(9))])
    usual = learner.of_kind(WORK)
    learner.observe(EndedRun(SubmittedRun(WORK, "r"), "full", 0.0, Ending.CANCELED, 5.0, 9.0, 20 * GIB))
    assert learner.of_kind(WORK) == usual
    assert estimate(learner, SubmittedRun(WORK, "r")).memory.p50 == 20 * GIB
