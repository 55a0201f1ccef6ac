"""What the data of waiting runs gives reason to request."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.planner import Planner
from adaptive_assets.planning.snapshot import (
    CheckOutcome,
    CheckState,
    DataState,
    Freshness,
    QueuedRun,
    Snapshot,
    Work,
)
from adaptive_assets.planning.wanted_requests import Producers, RequestKind, Wanted, wanted_requests
from adaptive_assets.policy import PolicyBook, parse_policy_book

NOW = 10_000.0
BOOK = """\
version: 1
guards: {cpu: 100%, memory: 100%}
policies:
  - name: reports
    select: key:report
    gates: {fresh: pass, checks: pass}
    on_unready: {stale: refresh}
    objective: {deadline: 10m}
    estimate: {cpu: 0, memory: 1MiB, duration: 1m}
  - name: sources
    select: key:raw
    on_failed_check: {then: repair, job: mend, tries: 3}
    estimate: {cpu: 0, memory: 1MiB, duration: 2m}
"""


def book_of(**changes: str) -> PolicyBook:
    """The policies above with some words in place of others."""
    text = BOOK
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return parse_policy_book(text, "p.yaml")


def no_estimates(_: Work) -> Mapping[str, Estimate]:
    """Nothing was learned."""
    return {}


PRODUCERS = Producers(
    lambda _: "sources", lambda asset: Work(asset, "sources", assets=(asset,)), no_estimates
)


def wanted(
    *states: tuple[str, DataState],
    book: PolicyBook | None = None,
    producers: Producers = PRODUCERS,
    submitted_at: float = NOW - 60,
    reads: tuple[str, ...] | None = None,
) -> tuple[Wanted, ...]:
    """What is requested for one run that reads ``states``."""
    book = book or book_of()
    inputs = tuple(key for key, _ in states) if reads is None else reads
    run = QueuedRun("r", Work("report", "reports"), submitted_at, inputs=inputs)
    snapshot = Snapshot(at=NOW, queued=(run,), data=dict(states))
    return wanted_requests(snapshot, Planner()(snapshot, book), book, producers)


def raw(*outcomes: CheckOutcome, **state: Any) -> DataState:
    """A state of the asset ``raw``, made an hour ago."""
    known: dict[str, Any] = {"materialized_at": NOW - 3600, "outcomes": outcomes} | state
    return DataState("raw", **known)


UNEVALUATED = CheckOutcome("c", CheckState.NOT_EVALUATED, "mon")
FAILED = CheckOutcome("c", CheckState.FAIL, "mon")


def test_missing_checks_are_validated_by_partition() -> None:
    """Each partition with those of its checks that are missing, and no others."""
    state = raw(UNEVALUATED, replace(UNEVALUATED, check="b"), replace(UNEVALUATED, partition="tue"))
    assert [(each.kind, each.partition, each.checks) for each in wanted(("raw[mon]", state))] == [
        (RequestKind.VALIDATE, "mon", ("b", "c")),
        (RequestKind.VALIDATE, "tue", ("c",)),
    ]


def test_a_young_version_is_left_to_its_own_run() -> None:
    """For a minute, unless the policy says otherwise."""
    young = raw(UNEVALUATED, materialized_at=NOW - 59)
    assert wanted(("raw", young)) == ()
    assert wanted(("raw", replace(young, materialized_at=NOW - 60)))
    hasty = book_of(**{"{stale: refresh}": "{validate_after: 1s}"})
    assert wanted(("raw", young), book=hasty)


def test_an_external_asset_without_a_version_is_validated() -> None:
    """It may never have one."""
    assert wanted(("raw", raw(UNEVALUATED, materialized_at=None, external=True)))


def test_a_failed_check_is_the_matter_of_the_policy_of_its_asset() -> None:
    """With its job and tries; nothing where that policy says nothing."""
    (repair,) = wanted(("raw", raw(FAILED)))
    assert (repair.kind, repair.job, repair.tries, repair.policy) == (
        RequestKind.REPAIR,
        "mend",
        3,
        "sources",
    )
    assert wanted(("raw", raw(FAILED)), producers=replace(PRODUCERS, policy=lambda _: "default")) == ()


@pytest.mark.parametrize(("waited", "fits"), [(0.0, True), (360.0, True), (480.0, False), (900.0, False)])
def test_stale_data_is_refreshed_if_the_deadline_leaves_the_time(waited: float, *, fits: bool) -> None:
    """Two minutes for the data and one for the run, of ten from its submission."""
    stale = raw(freshness=Freshness.FAIL, stale="mon")
    found = wanted(("raw[mon]", stale), submitted_at=NOW - waited)
    assert [(each.kind, each.partition) for each in found] == [(RequestKind.REFRESH, "mon")] * fits


def test_what_nothing_here_makes_is_not_refreshed() -> None:
    """Nor is anything where the policy does not say so."""
    assert wanted(("raw", raw(freshness=Freshness.FAIL, external=True))) == ()
    silent = book_of(**{"{stale: refresh}": "{stale: wait}"})
    assert wanted(("raw", raw(freshness=Freshness.FAIL)), book=silent) == ()


STATES = st.builds(
    lambda outcome, **state: raw(*outcome, **state),
    st.lists(st.sampled_from([UNEVALUATED, FAILED, CheckOutcome("d", CheckState.WARN, "tue")]), max_size=3),
    freshness=st.sampled_from(list(Freshness)),
    external=st.booleans(),
    unreadable=st.booleans(),
    missing=st.sampled_from([(), ("mon",)]),
    materialized_at=st.sampled_from([None, NOW - 1, NOW - 3600]),
)


@given(st.lists(STATES, min_size=1, max_size=3))
def test_requests_follow_from_what_waiting_runs_read(states: list[DataState]) -> None:
    """Of nothing else; each once; for no run that goes; the same for the same snapshot."""
    keyed = [(f"raw[{place}]", state) for place, state in enumerate(states)]
    found = wanted(*keyed)
    assert found == wanted(*keyed)
    assert len({(each.kind, each.subject, each.checks) for each in found}) == len(found)
    readable = [state for state in states if not state.unreadable]
    for each in found:
        states_of = {CheckState.FAIL, CheckState.WARN}
        if each.kind is RequestKind.VALIDATE:
            states_of = {CheckState.NOT_EVALUATED}
        if each.kind is not RequestKind.REFRESH:
            named = {
                one.check
                for state in readable
                for one in state.outcomes
                if one.partition == each.partition and one.state in states_of
            }
            assert set(each.checks) <= named
    book = book_of()
    run = QueuedRun("r", Work("report", "reports"), NOW - 60, inputs=tuple(key for key, _ in keyed))
    snapshot = Snapshot(at=NOW, queued=(run,), data=dict(keyed))
    if list(Planner()(snapshot, book).admitted()):
        assert found == ()


def test_nothing_is_requested_for_a_run_that_goes() -> None:
    """Here it reads nothing that is bad."""
    assert wanted(("raw", raw(UNEVALUATED)), reads=()) == ()
