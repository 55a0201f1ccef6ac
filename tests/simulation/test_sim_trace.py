"""Workloads as values: what they insist on, and what they can say of themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.policy.places import Place
from adaptive_assets.simulation.traces.trace import (
    MOST_PROBLEMS,
    TracedRun,
    TraceError,
    Workload,
    check_tiers,
    find_cycle,
)


def run(run_id: str, submit_s: float = 0.0, *depends_on: str, tier: str | None = None) -> TracedRun:
    """A run of ten seconds on two cores."""
    return TracedRun(run_id, "work", submit_s, tier, depends_on=depends_on, duration_s=10, cpu=2)


def test_a_workload_knows_its_span_its_work_and_its_tiers() -> None:
    """The span is from submission to submission, the work that of all runs."""
    workload = Workload.of("w", [run("b", 30, tier="batch"), run("a", 10), run("c", 20, tier="batch")])
    assert [each.run_id for each in workload.runs] == ["a", "c", "b"]
    assert (workload.span_s, workload.work_core_s, workload.tiers) == (20, 60, ("batch",))
    assert (Workload("none").span_s, Workload("none").work_core_s) == (0, 0)


def test_runs_submitted_at_one_time_keep_their_order() -> None:
    """Ties are not shuffled by what runs are called."""
    assert [each.run_id for each in Workload.of("w", [run("z"), run("a")]).runs] == ["z", "a"]


@pytest.mark.parametrize(
    ("runs", "complaint"),
    [
        ((run("a", 5), run("b", 1)), "not in the order of submission"),
        ((run("a"), run("a")), "same id"),
        ((run("a", 0, "x"),), "`x`, which there is not"),
        ((run("a", 0, "b"), run("b", 0, "a")), "wait for each other: a -> b -> a"),
        ((run("a", 0, "a"),), "a -> a"),
    ],
)
def test_a_workload_that_cannot_be_simulated_is_refused(runs: tuple[TracedRun, ...], complaint: str) -> None:
    """Whoever builds one in code is told at once, and not by a simulation that hangs."""
    with pytest.raises(ValueError, match=complaint):
        Workload("w", runs)


def test_an_unknown_tier_is_told_once_at_the_line_that_names_it_first() -> None:
    """With the tier that was probably meant."""
    runs = (run("a", tier="critcal"), run("b", tier="critcal"), run("c", tier="batch"))
    workload = Workload("w", runs, {"critcal": Place("t.csv", 7, 20)})
    check_tiers(workload, ["critcal", "batch"])
    with pytest.raises(TraceError) as refused:
        check_tiers(workload, ["critical", "batch"])
    assert str(refused.value) == "t.csv:7:20: there is no tier `critcal` (did you mean `critical`?)"


def test_a_workload_of_a_thousand_unknown_tiers_is_told_of_a_few() -> None:
    """A column that was taken for another is one mistake."""
    workload = Workload.of("w", [run(str(number), tier=f"t{number}") for number in range(1000)])
    with pytest.raises(TraceError) as refused:
        check_tiers(workload, ["critical"])
    assert len(refused.value.problems) == MOST_PROBLEMS


def test_a_chain_of_a_hundred_thousand_runs_is_followed_to_its_end() -> None:
    """Without a stack that overflows, whichever end the search begins at."""
    chain = {str(number): (str(number + 1),) for number in range(100_000)}
    assert find_cycle(chain) == ()
    assert len(find_cycle(chain | {"100000": ("0",)})) == 100_001


@given(st.dictionaries(st.integers(0, 8), st.frozensets(st.integers(0, 8), max_size=3)))
def test_a_cycle_is_found_when_and_only_when_there_is_one(graph: dict[int, frozenset[int]]) -> None:
    """Against taking away, again and again, whatever depends on nothing that is left."""
    named = {str(node): [str(below) for below in sorted(belows)] for node, belows in graph.items()}
    left = dict(named)
    while free := [node for node, belows in left.items() if not any(below in left for below in belows)]:
        left = {node: belows for node, belows in left.items() if node not in free}
    cycle = find_cycle(named)
    assert bool(cycle) == bool(left)
    for node, below in zip(cycle, [*cycle[1:], *cycle[:1]], strict=True):
        assert below in named[node]
