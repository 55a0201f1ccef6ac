"""The ways to run stages, against an account of every second of each."""

from graphlib import CycleError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptive_assets.policy import DeclaredEstimate, Policy, PolicyBook, Stage
from adaptive_assets.policy.compositions import Composition, compositions, optional_reads, whole_estimate

GIB = 2**30


def stage(
    name: str, *after: str, cpu: float = 1, gib: int = 1, s: float = 60, optional: bool = False
) -> Stage:
    """A stage of a core, a GiB and a minute, if nothing else is said."""
    estimate = {"cpu": cpu, "memory": gib * GIB, "duration": s}
    return Stage.model_validate({"name": name, "after": after, "optional": optional, "estimate": estimate})


@st.composite
def stages(draw: st.DrawFn) -> tuple[Stage, ...]:
    """Up to six stages, each after some of those before it; no essential one after an optional one."""
    made: list[Stage] = []
    for number in range(draw(st.integers(1, 6))):
        optional = draw(st.booleans()) if number else False
        before = [earlier.name for earlier in made if optional or not earlier.optional]
        after = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        cpu, gib, s = draw(st.tuples(st.integers(0, 4), st.integers(1, 4), st.integers(1, 9)))
        made.append(stage(f"s{number}", *after, cpu=cpu, gib=gib, s=s, optional=optional))
    return tuple(draw(st.permutations(made)))


def lived_through(at_work: tuple[Stage, ...], *, in_turn: bool) -> tuple[float, int, int]:
    """Cores, bytes and seconds of a run, second by second: what is ready starts at once, or alone."""
    left = {each.name: each.estimate.duration for each in at_work}
    cpu, memory, seconds = 0.0, 0, 0
    while left:
        ready = [each for each in at_work if each.name in left and not left.keys() & set(each.after)]
        if in_turn:
            begun = [each for each in ready if left[each.name] < each.estimate.duration]
            ready = (begun or ready)[:1]
        cpu = max(cpu, sum(each.estimate.cpu for each in ready))
        memory = max(memory, sum(each.estimate.memory for each in ready))
        seconds += 1
        for each in ready:
            left[each.name] -= 1
        left = {name: more for name, more in left.items() if more}
    return cpu, memory, seconds


@settings(max_examples=100)
@given(stages())
def test_each_way_takes_what_it_takes_second_by_second(given_stages: tuple[Stage, ...]) -> None:
    """And those that take no less than a better one are not among them."""
    essential = tuple(each for each in given_stages if not each.optional)
    left_out = tuple(each.name for each in given_stages if each.optional)
    expected = []
    for names, some in (
        (("full", "in_sequence"), given_stages),
        (("essential", "essential_in_sequence"), essential),
    ):
        together = lived_through(some, in_turn=False)
        in_turn = lived_through(some, in_turn=True)
        without = left_out if names[0] == "essential" else ()
        if names[0] == "full" or left_out:
            expected.append(Composition(names[0], *together, without))
            if in_turn[0] < together[0] or in_turn[1] < together[1]:
                expected.append(Composition(names[1], *in_turn, without))
    assert list(compositions(given_stages)) == expected


def test_without_stages_there_is_nothing_to_compose() -> None:
    """And a single one, or a chain, goes in one way alone."""
    assert compositions(()) == ()
    assert [way.mode for way in compositions((stage("a"),))] == ["full"]
    assert [way.mode for way in compositions((stage("a"), stage("b", "a")))] == ["full"]


def test_what_full_mode_takes_is_what_is_declared_and_else_by_the_stages() -> None:
    """A policy may declare a part of it."""
    some = (stage("a", s=30), stage("b", cpu=2, s=50), stage("c", "a", "b", gib=4))
    assert whole_estimate(Policy(name="p", jobs=("p",), stages=some)) == DeclaredEstimate(
        cpu=3, memory=4 * GIB, duration=110
    )
    declared = Policy(name="p", jobs=("p",), stages=some, estimate=DeclaredEstimate(memory=GIB))
    assert whole_estimate(declared) == DeclaredEstimate(cpu=3, memory=GIB, duration=110)
    assert whole_estimate(Policy(name="p", jobs=("p",))) is None


def test_only_what_no_essential_stage_reads_can_be_spared() -> None:
    """Whatever the optional ones read."""
    some = (
        stage("a").model_copy(update={"reads": ("x",)}),
        stage("b", optional=True).model_copy(update={"reads": ("x", "y")}),
        stage("c", optional=True).model_copy(update={"reads": ("z",)}),
    )
    assert optional_reads(some) == {"y", "z"}


def test_a_circle_is_refused_by_the_book_and_by_what_would_compose_it() -> None:
    """Also where no file was read."""
    circle = (stage("a", "b"), stage("b", "a"))
    with pytest.raises(ValueError, match="wait for each other in a circle: a > b > a"):
        PolicyBook(version=1, policies=(Policy(name="p", jobs=("p",), stages=circle),))
    with pytest.raises(CycleError):
        compositions(circle)
