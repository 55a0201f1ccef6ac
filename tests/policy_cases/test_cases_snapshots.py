"""What a case writes shortly, as the planner takes it."""

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.resource_request import estimate_key
from adaptive_assets.planning.snapshot import (
    Action,
    ActiveRun,
    Claims,
    MachineReading,
    Node,
    Pressure,
    QueuedRun,
    RunState,
    Snapshot,
    Work,
)
from adaptive_assets.policy_cases import book_of, snapshot_of

NOON = 1781524800.0
GIB = 2**30


def written(text: str) -> Snapshot:
    """The snapshot that is written so."""
    return snapshot_of(**yaml.safe_load(text))


def test_nothing_is_an_idle_machine_with_an_empty_queue() -> None:
    """Four cores and eight gibibytes, on a Monday noon."""
    assert snapshot_of() == Snapshot(NOON, machine=MachineReading(NOON, 4.0, 0.0, 8 * GIB, 0))
    assert snapshot_of(at="2026-06-15T08:00:00-04:00") == snapshot_of()
    assert snapshot_of(reading=False).machine is None


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+12:00", "9999-12-31T23:59:59-12:00"])
def test_an_instant_at_the_end_of_the_calendar_is_refused(at: str) -> None:
    """Beyond it no window could be told."""
    with pytest.raises(ValidationError, match="is not from 1970 to 2999"):
        snapshot_of(at=at)


def test_a_queued_run() -> None:
    """Ages become times, and its deadline counts from its submission."""
    (run,) = written("""
    queued:
      - run: r1
        policy: reports
        name: daily
        reads: [a]
        degradable: false
        composable: true
        waited: 1m
        priority: 2
        admitted: full
        pools: [db, api]
        preempted: 1
        deadline: 5m
        estimate: {duration: {p50: 2m, p90: 3m}, cpu: 2, memory: 1GiB, runs: 3, source: kin}
    """).queued
    assert run == QueuedRun(
        "r1",
        Work("daily", "reports", "here", ("daily",), ("a",), degradable=False, composable=True),
        NOON - 60,
        2,
        "full",
        NOON + 240,
        Estimate(
            Spread(120.0, 180.0, 180.0), Spread.exactly(2.0), Spread.exactly(float(GIB)), 3.0, Source.SIMILAR
        ),
        1,
        claims=Claims({"pool:db": 1, "pool:api": 1}, every=("pool:db", "pool:api")),
    )


def test_the_queue_is_in_the_order_of_submission() -> None:
    """However it is written."""
    queued = [{"run": "a"}, {"run": "b", "waited": "5m"}, {"run": "c"}]
    assert [run.run_id for run in snapshot_of(queued=queued).queued] == ["b", "a", "c"]


def test_an_active_run() -> None:
    """With everything that is known of it."""
    (run,) = written("""
    active:
      - run: a1
        mode: reduced
        submitted: 20m
        launched: 10m
        started: 9m
        ran: 5m
        cpu_used: 1.5
        memory_used: 2GiB
        node: n1
        state: suspended
        deadline: 30m
        actions: [suspend, requeue]
        preempted: 2
        acted: 1m
    """).active
    assert run == ActiveRun(
        run_id="a1",
        work=Work("default", "default", "here", ("default",)),
        mode="reduced",
        launched_at=NOON - 600,
        started_at=NOON - 540,
        cpu_used=1.5,
        memory_used=2 * GIB,
        node="n1",
        state=RunState.SUSPENDED,
        submitted_at=NOON - 1200,
        deadline_at=NOON + 600,
        actions=(Action.SUSPEND, Action.REQUEUE),
        ran_s=300.0,
        preempted=2,
        acted_at=NOON - 60,
    )


@pytest.mark.parametrize(
    ("times", "launched", "started"),
    [
        ({}, 3600, 3600),
        ({"launched": "10s"}, 10, 10),
        ({"launched": "10s", "started": "4s"}, 10, 4),
        ({"launched": "10s", "started": None}, 10, None),
    ],
)
def test_a_run_started_when_it_was_launched_unless_it_says_otherwise(
    times: dict[str, Any], launched: float, started: float | None
) -> None:
    """It cannot have started before."""
    (run,) = snapshot_of(active=[{"run": "a1", **times}]).active
    assert run.launched_at == run.submitted_at == NOON - launched
    assert run.started_at == (None if started is None else NOON - started)


def test_several_machines() -> None:
    """Then there is no single one, unless it is given as well."""
    nodes = [
        {
            "name": "a",
            "cpu": 2,
            "pressure": {"io": "10%"},
            "node_class": "spot",
            "heard": "5m",
            "lease": "30s",
        },
        {"name": "b", "reading": False},
    ]
    snapshot = snapshot_of(nodes=nodes)
    reading = MachineReading(NOON - 300, 2.0, 0.0, 8 * GIB, 0, Pressure(io=0.1))
    assert snapshot.nodes == (Node("a", reading, NOON - 300, "spot", 30.0), Node("b", None, NOON))
    assert snapshot.machine is None
    assert snapshot_of(nodes=nodes, machine={"cpu": 1}).machine is not None


def test_what_was_learned_is_found_by_every_kind_of_that_name() -> None:
    """Whatever the runs read, queued or active."""
    snapshot = snapshot_of(
        queued=[{"run": "r1", "policy": "reports"}, {"run": "r2", "policy": "reports", "reads": ["a"]}],
        active=[{"run": "a1", "policy": "other"}],
        estimates=[{"of": "reports", "mode": "reduced", "duration": "2m"}],
    )
    assert set(snapshot.estimates) == {estimate_key(run.work, "reduced") for run in snapshot.queued}
    (learned,) = set(snapshot.estimates.values())
    assert (learned.duration, learned.runs) == (Spread.exactly(120.0), 20.0)


def test_what_was_used_and_how_many() -> None:
    """Use in core-seconds."""
    snapshot = snapshot_of(usage={"team": "2h"}, run_limit=4)
    assert (snapshot.usage, snapshot.run_limit) == ({"team": 7200.0}, 4)


def test_content_that_no_case_can_have() -> None:
    """Code is told as well."""
    with pytest.raises(ValidationError, match="waitd"):
        snapshot_of(queued=[{"run": "r1", "waitd": "5m"}])


def test_a_book_says_only_what_matters() -> None:
    """No version, and nothing about what a policy governs."""
    book = book_of({"policies": [{"name": "a"}, {"name": "b", "select": "*"}]})
    assert [(policy.jobs, policy.select) for policy in book.policies] == [(("a",), None), ((), "*")]
    assert book_of().policies == ()
