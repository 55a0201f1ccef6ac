"""The learner as its callers see it."""

import json
import pickle
import random
import statistics
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.learning import LEARNING, EndedRun, Learner, LearningTuning, SubmittedRun
from adaptive_assets.planning.estimates import Estimate, Source
from adaptive_assets.planning.resource_request import PRIOR, ResourceRequest, estimate_key
from adaptive_assets.planning.snapshot import Work
from tests.learning.ended import GIB, WORK, ended, failed, histories, lasting, similar, taught

LONGER = Work("longer", "reports")


def estimate(learner: Learner, work: Work = WORK, mode: str = "full", size: float | None = None) -> Estimate:
    """An estimate that there must be."""
    found = learner.of_kind(work, mode, size)
    assert found is not None
    return found


def room(learner: Learner) -> int:
    """Bytes that all it remembers would take in a file."""
    return len(pickle.dumps({**vars(learner), "_assumed": None}))


@given(histories(), st.one_of(st.none(), st.floats(0, 1e300)))
def test_any_history_gives_finite_quantiles_in_order(history: list[EndedRun], size: float | None) -> None:
    """A spread refuses anything else, so it is enough to ask for all estimates after each run."""
    learner = Learner()
    for run in history:
        learner.observe(run)
        for name in "abcd":
            for mode in ("full", "reduced"):
                found = learner.of_kind(Work(name, "p"), mode, size)
                assert found is None or found.runs >= 0


@given(histories())
def test_asking_changes_nothing(history: list[EndedRun]) -> None:
    """What was learned depends on the runs alone, not on who asked what in between."""
    asked, left_alone = Learner(), taught(history)
    for observation in history:
        for name in "abc":
            asked.of_kind(Work(name, "q"), "full", 3.0)
        asked.observe(observation)
    for name in "abc":
        for mode in ("full", "reduced"):
            assert asked.of_kind(Work(name, "p"), mode) == left_alone.of_kind(Work(name, "p"), mode)


def test_without_evidence_there_is_no_estimate() -> None:
    """Then the planner uses what is declared."""
    learner = taught([failed()])
    assert learner.of_kind(WORK, "full") is None
    assert learner.of_kind(LONGER, "full") is None
    assert learner.estimates([(WORK, "full")]) == {}


def test_the_same_object_is_returned_while_nothing_changed() -> None:
    """Callers compare estimates by identity; sizes share one where size was not seen to matter."""
    learner = taught([ended(), *similar(5)])
    first = learner.of_kind(WORK, "full")
    assert learner.of_kind(WORK, "full") is first
    assert learner.of_kind(WORK, "full", 77.0) is first
    learner.observe(ended(work=Work("stranger", "other")))
    assert learner.of_kind(WORK, "full") is first
    learner.observe(ended(120.0))
    assert learner.of_kind(WORK, "full") is not first
    newcomer = learner.of_kind(LONGER, "full")
    assert newcomer is not None
    assert learner.of_kind(Work("another", "reports"), "full") is newcomer


def test_estimates_are_by_the_key_of_the_snapshot() -> None:
    """Work of which nothing is known is left out."""
    learner = taught([ended()])
    found = learner.estimates([(WORK, "full"), (WORK, "reduced")])
    assert found == {estimate_key(WORK, "full"): learner.of_kind(WORK, "full")}


def test_modes_are_learned_apart() -> None:
    """A rung is there to take less."""
    learner = taught([ended(100.0), ended(10.0, mode="reduced")] * 5)
    assert estimate(learner).duration.p50 == pytest.approx(100, rel=0.1)
    assert estimate(learner, mode="reduced").duration.p50 == pytest.approx(10, rel=0.1)


def test_a_kind_keeps_what_it_learned_under_another_policy() -> None:
    """Moving an asset to another policy does not make it another asset."""
    learner = taught(ended(100.0) for _ in range(10))
    moved = Work(WORK.name, "urgent", WORK.location, WORK.assets, ("something",))
    assert estimate(learner, moved).duration.p50 == pytest.approx(100, rel=0.05)
    learner.observe(ended(100.0, work=moved))
    assert estimate(learner, moved).runs > 8.5


def test_the_90th_percentile_holds_for_nine_runs_in_ten() -> None:
    """On lognormal durations, after twenty runs: 85 to 97 % of new ones; of p99 97 % or more."""
    below90, below99 = [], []
    for seed in range(150):
        *known, late = (lasting(60, 0.6, 20, seed), lasting(60, 0.6, 40, seed + 10_000))
        duration = estimate(taught(ended(value) for value in known[0])).duration
        below90.append(statistics.fmean(value <= duration.p90 for value in late))
        below99.append(statistics.fmean(value <= duration.p99 for value in late))
    assert 0.85 <= statistics.fmean(below90) <= 0.97
    assert statistics.fmean(below99) >= 0.97


@pytest.mark.parametrize("runs", [1, 2, 3, 5, 8])
def test_few_runs_are_not_trusted_too_far(runs: int) -> None:
    """Even then at least 85 % of new runs stay below p90, because the upper quantiles are far out."""
    below = []
    for seed in range(200):
        known, late = lasting(60, 0.5, runs, seed), lasting(60, 0.5, 20, seed + 10_000)
        duration = estimate(taught(ended(value) for value in known)).duration
        below.append(statistics.fmean(value <= duration.p90 for value in late))
    assert 0.85 <= statistics.fmean(below) <= 0.99


def test_more_runs_narrow_the_quantiles() -> None:
    """The same figure again and again leaves less and less doubt."""
    spreads = [estimate(taught(ended(60.0) for _ in range(runs))).duration for runs in (1, 4, 16, 64)]
    assert [spread.p50 for spread in spreads] == pytest.approx([60.0] * 4)
    widths = [spread.p99 for spread in spreads]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 4 * 60
    assert widths[-1] < 2 * 60


@pytest.mark.parametrize("factor", [2.0, 0.5])
@pytest.mark.parametrize("scatter", [0.0, 0.1, 0.2])
def test_it_follows_a_change_within_five_runs(factor: float, scatter: float) -> None:
    """After thirty runs at one level, five at twice (or half) of it are enough."""
    late = []
    for seed in range(20):
        before, after = lasting(60, scatter, 30, seed), lasting(60 * factor, scatter, 5, seed + 100)
        late.append(estimate(taught(ended(value) for value in before + after)).duration.p50)
    assert statistics.median(late) == pytest.approx(60 * factor, rel=0.15)


def test_one_run_far_off_changes_little() -> None:
    """A single hour among minutes is no change; it shows in the 99th percentile alone."""
    usual = lasting(60, 0.1, 30)
    before = estimate(taught(ended(value) for value in usual)).duration
    after = estimate(taught(ended(value) for value in [*usual, 3600.0])).duration
    assert after.p50 == pytest.approx(before.p50, rel=0.05)
    assert after.p90 < 2 * before.p90
    assert after.p99 == pytest.approx(3600)


def test_a_kind_that_never_ran_is_like_its_kin() -> None:
    """The kinds of its policy; two of them are too few to go by."""
    learner = taught(similar(12))
    newcomer = estimate(learner)
    assert newcomer.source is Source.SIMILAR
    assert newcomer.runs == 12
    assert newcomer.duration.p50 == pytest.approx(60, rel=0.5)
    assert newcomer.duration.p90 > 2 * newcomer.duration.p50
    assert learner.of_kind(WORK, "reduced") is None
    assert taught(similar(2)).of_kind(WORK, "full") is None


def test_where_a_policy_has_too_few_kinds_those_of_all_policies_are_asked() -> None:
    """What a policy declares goes before them; what is assumed of anything at all does not."""
    elsewhere = Work("report", "elsewhere")
    for assumed, known in ((None, True), (PRIOR, True), (replace(PRIOR, memory=2 * GIB), False)):
        learner = taught(similar(12), Learner(assumed=None if assumed is None else lambda *_, a=assumed: a))
        found = learner.of_kind(elsewhere)
        assert (found is not None) is known
        if found is not None:
            assert found.source is Source.SIMILAR
            assert found is learner.of_kind(elsewhere)
            assert found == estimate(learner)


def test_a_new_kind_asks_for_no_more_memory_than_those_of_all_policies() -> None:
    """Three kinds that differ by a factor of a hundred say little of a fourth; what all take says more."""
    of_policy = [ended(memory=GIB * 10**n // 100, work=Work(f"own-{n}", WORK.policy)) for n in (0, 1, 2)]
    of_others = [ended(memory=GIB // 5, work=Work(f"other-{n}", "others")) for n in range(20)]
    alone, among = taught(of_policy), taught([*of_policy, *of_others])
    assert estimate(among).memory.at(0.75) < estimate(alone).memory.at(0.75) / 2
    assert estimate(among).duration == estimate(alone).duration
    assert estimate(among) is estimate(among)
    without = Learner(tuning=replace(LEARNING, fleet=False))
    assert estimate(taught([*of_policy, *of_others], without)) == estimate(alone)
    restored = Learner()
    restored.restore(json.loads(json.dumps(among.snapshot())))
    assert estimate(restored) == estimate(among)


def test_own_runs_soon_count_more_than_kin() -> None:
    """Kin pull the first runs towards themselves, and hardly the tenth."""
    found = [estimate(taught([*similar(12), *(ended(600.0) for _ in range(runs))])) for runs in (1, 3, 10)]
    levels = [each.duration.p50 for each in found]
    assert 150 < levels[0] <= levels[1] <= levels[2] <= 601
    assert levels[2] > 550
    assert found[-1].source is Source.OWN


def test_kin_that_are_all_alike_count_more() -> None:
    """Where all kinds take the same, one odd run is taken for chance."""
    alike = taught([*similar(40, scatter=0.02), ended(100.0)])
    mixed = taught([*similar(40, scatter=2.0), ended(100.0)])
    assert estimate(alike).duration.p90 < estimate(mixed).duration.p90
    assert estimate(alike).duration.p50 < estimate(mixed).duration.p50


def test_failures_teach_no_duration_and_no_load() -> None:
    """A run that failed after a second, with all cores busy, leaves both as they were."""
    runs = [ended(60.0) for _ in range(5)]
    before, after = estimate(taught(runs)), estimate(taught([*runs, *(failed() for _ in range(20))]))
    assert after == before


def test_the_peak_of_a_failed_run_is_the_least_that_the_next_needs() -> None:
    """It got that far, and may have wanted more."""
    learner = taught([*(ended(memory=GIB) for _ in range(5)), failed(3 * GIB)])
    assert estimate(learner).memory.p90 == 3 * GIB
    assert estimate(taught([*(ended(memory=GIB) for _ in range(5)), failed(1000)])).memory.p90 < 2 * GIB


def test_what_ran_out_of_memory_asks_for_more_until_runs_take_less() -> None:
    """Half as much again as at the kill; runs that succeed with less bring it back, one after the other."""
    learner = taught(ended(memory=GIB) for _ in range(10))
    usual = estimate(learner).memory
    learner.observe(failed(2 * GIB, killed=True))
    asked = [estimate(learner).memory.p90]
    for _ in range(12):
        learner.observe(ended(memory=GIB))
        asked.append(estimate(learner).memory.p90)
    assert asked[0] == pytest.approx(3 * GIB)
    assert asked == sorted(asked, reverse=True)
    assert asked[2] > 1.5 * GIB
    assert asked[-1] <= usual.p90


def test_one_kill_is_one_large_run_and_two_in_a_row_are_a_change() -> None:
    """Else one large run would keep all that are like the many before it waiting for an empty machine."""
    learner = taught(ended(memory=GIB) for _ in range(10))
    usual = estimate(learner).memory.p50
    learner.observe(failed(8 * GIB, killed=True))
    assert (estimate(learner).memory.p50, estimate(learner).memory.p90) == (usual, 12 * GIB)
    learner.observe(failed(8 * GIB, killed=True))
    assert estimate(learner).memory.p50 == 12 * GIB
    learner.observe(ended(memory=GIB))
    assert estimate(learner).memory.p50 == pytest.approx(usual, rel=0.05)


def test_killed_again_and_again_it_asks_for_no_more_than_half_beyond_what_was_seen() -> None:
    """Otherwise strangers who fill the machine would make a run too large for every machine."""
    learner = taught([ended(memory=GIB), *(failed(2 * GIB, killed=True) for _ in range(50))])
    assert estimate(learner).memory.p50 == 3 * GIB


def test_a_kill_asks_for_no_more_than_a_run_can_be_given() -> None:
    """What is asked for is bounded by the machine; what runs really took is not."""
    learner = taught([*(ended() for _ in range(8)), failed(6 * GIB, killed=True)])
    bounded, free = learner.of_kind(WORK, "full", most_memory=8 * GIB), learner.of_kind(WORK, "full")
    assert bounded is not None
    assert free is not None
    assert (bounded.memory.p90, free.memory.p90) == (8 * GIB, 9 * GIB)
    assert learner.of_kind(WORK, "full", most_memory=8 * GIB) is bounded
    large = taught([ended(memory=10 * GIB) for _ in range(8)])
    assert large.of_kind(WORK, "full", most_memory=8 * GIB) is large.of_kind(WORK, "full")


def test_a_first_run_that_was_killed_is_evidence_of_memory_alone() -> None:
    """What it would take otherwise is assumed, as it is without any run."""
    learner = Learner(assumed=lambda work, mode: ResourceRequest(2.0, GIB, 90.0))
    learner.observe(failed(4 * GIB, killed=True))
    found = estimate(learner)
    assert (found.cpu.p90, found.memory.p50, found.duration.p90) == (2.0, 6 * GIB, 90.0)
    assert found.runs == 0


def test_killed_without_a_peak_it_asks_for_more_than_it_ever_took() -> None:
    """Where the peak was not seen, the largest that succeeded stands for it."""
    learner = taught([*(ended(memory=GIB) for _ in range(5)), failed(None, killed=True)])
    assert estimate(learner).memory.p90 == pytest.approx(1.5 * GIB, rel=0.05)


def test_what_nobody_saw_is_assumed() -> None:
    """Durations are known of every run, memory only where its processes can be seen."""
    learner = Learner(assumed=lambda work, mode: ResourceRequest(2.0, GIB, 90.0))
    learner.observe(ended(30.0, cpu=None, memory=None))
    found = estimate(learner)
    assert found.duration.p50 == pytest.approx(30)
    assert (found.cpu.p50, found.memory.p99) == (2.0, GIB)
    assert taught([ended(30.0, cpu=None, memory=None)]).of_kind(WORK, "full") is None


def test_the_size_of_the_input_counts_where_runs_show_it() -> None:
    """Durations that grow with the input are foretold from it, to a fifth."""
    chance = random.Random(1)
    sizes = [chance.lognormvariate(8, 1) for _ in range(40)]
    learner = taught(ended(0.01 * size * chance.lognormvariate(0, 0.1), size=size) for size in sizes)
    for size in (800.0, 3000.0, 12_000.0):
        duration = estimate(learner, size=size).duration
        assert duration.p50 == pytest.approx(0.01 * size, rel=0.2)
        assert duration.p90 < 2 * duration.p50
    unknown = estimate(learner).duration
    assert unknown.p90 > 2 * unknown.p50
    assert estimate(learner, size=1000.0) is estimate(learner, size=1010.0)


def test_sizes_beyond_all_experience_are_followed_a_little_way() -> None:
    """A size a thousand times larger than any seen is taken for four times the largest."""
    learner = taught(ended(size * 0.01, size=size) for size in range(1000, 3000, 50))
    assert estimate(learner, size=3e6).duration.p50 == pytest.approx(0.01 * 3000 * 4, rel=0.2)
    assert estimate(learner, size=1.0).duration.p50 == pytest.approx(0.01 * 1000 / 4, rel=0.2)


def test_a_size_that_does_not_matter_is_left_out() -> None:
    """Durations drawn without regard to the size give one estimate for all sizes, nearly always."""
    found = 0
    for seed in range(40):
        chance = random.Random(seed)
        durations = lasting(60, 0.5, 40, seed)
        learner = taught(ended(value, size=chance.lognormvariate(8, 1)) for value in durations)
        found += estimate(learner, size=100.0) is not estimate(learner, size=50_000.0)
    assert found <= 4


def test_input_that_grows_is_no_change_of_level() -> None:
    """Four times the input and the time: both are explained, and nothing is forgotten."""
    sizes = [float(size) for size in [*range(1000, 1020), *range(4000, 4020)]]
    learner = taught(ended(size * 0.01, size=size) for size in sizes)
    assert estimate(learner, size=1000.0).duration.p50 == pytest.approx(10, rel=0.1)
    assert estimate(learner, size=4000.0).duration.p50 == pytest.approx(40, rel=0.1)
    assert estimate(learner).runs > 15


def test_what_is_remembered_of_a_kind_is_bounded() -> None:
    """Eight hundred runs take no more room than four hundred."""
    assert room(taught(ended(60.0) for _ in range(800))) < 1.1 * room(taught(ended(60.0) for _ in range(400)))


def test_the_kinds_that_are_remembered_are_bounded() -> None:
    """The one that was seen longest ago makes room for a new one."""
    learner = Learner(tuning=LearningTuning(kinds_kept=50))
    rooms = []
    for number in range(1500):
        learner.observe(ended(float(number % 97), work=Work(f"kind-{number}", f"policy-{number % 3}")))
        if number % 500 == 499:
            rooms.append(room(learner))
    assert rooms[-1] < 2 * rooms[0]
    assert estimate(learner, Work("kind-1499", "policy-2")).source is Source.OWN
    assert estimate(learner, Work("kind-0", "policy-0")).source is Source.SIMILAR


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"duration_s": -1.0}, "duration_s is -1.0; it must be from 0 to 1e\\+18"),
        ({"cpu": float("nan")}, "cpu is nan"),
        ({"run": SubmittedRun(WORK, input_size=float("inf"))}, "input_size is inf"),
        ({"ended_at": float("nan")}, "ended_at is nan"),
    ],
)
def test_what_cannot_be_is_refused(broken: dict[str, Any], message: str) -> None:
    """Before it spoils what was learned."""
    with pytest.raises(ValueError, match=message):
        replace(ended(), **broken)


def test_a_learner_for_no_kinds_is_refused() -> None:
    """It could learn nothing."""
    with pytest.raises(ValueError, match="kinds_kept is 0; it must be at least 1"):
        LearningTuning(kinds_kept=0)
