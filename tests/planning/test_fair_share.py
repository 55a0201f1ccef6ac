"""Fair share: what owners get of the machine when all of them always want more."""

from collections import defaultdict
from typing import Any

import pytest

from adaptive_assets.planning.plan import plan
from tests.planning.compact import book_of, snapshot_of
from tests.planning.toy import GIB, START, Toy

ROUNDS_S = 6 * 3600.0
EQUAL = [
    {"name": "ones", "owner": "alice", "estimate": {"cpu": 1, "memory": "64MiB", "duration": "2m"}},
    {"name": "twos", "owner": "bob", "estimate": {"cpu": 1, "memory": "64MiB", "duration": "2m"}},
]
UNLIKE = [
    {"name": "wide", "owner": "alice", "estimate": {"cpu": 1.5, "memory": "64MiB", "duration": "10m"}},
    {"name": "slim", "owner": "bob", "estimate": {"cpu": 0.5, "memory": "64MiB", "duration": "1m"}},
]


def admitted(policies: list[dict[str, Any]], cores: float) -> dict[str, float]:
    """The core-seconds that each owner was let have, in the second half of some hours with endless queues."""
    book = book_of({"policies": policies})
    toy = Toy(book, {"": (cores, 64 * GIB)}, cycle_s=20.0)
    got: defaultdict[str, float] = defaultdict(float)
    number = 0
    while toy.at < START + ROUNDS_S:
        for policy in book.policies:
            while toy.waiting(policy.name) < 2 * cores:
                toy.submit(policy.name, f"{policy.name}-{number:06}")
                number += 1
        for decision in toy.cycle().admitted():
            policy = book.policy(decision.work.policy)
            takes = policy.estimate
            assert takes is not None
            if toy.at >= START + ROUNDS_S / 2:
                got[policy.owner or policy.name] += (takes.cpu or 0.0) * (takes.duration or 0.0)
    return got


@pytest.mark.parametrize("weight", [1.0, 3.0])
@pytest.mark.parametrize("cores", [4.0, 7.0, 12.0])
@pytest.mark.parametrize("policies", [EQUAL, EQUAL[::-1]], ids=["equal", "turned round"])
def test_two_owners_that_always_want_more_get_what_their_weights_say(
    policies: list[dict[str, Any]], weight: float, cores: float
) -> None:
    """Within a fifth, whoever submits first."""
    got = admitted([{**policies[0], "weight": weight}, policies[1]], cores)
    first, second = (got[str(policy["owner"])] for policy in policies)
    assert first / weight == pytest.approx(second, rel=0.2)


@pytest.mark.parametrize("weight", [1.0, 3.0])
@pytest.mark.parametrize("cores", [4.0, 12.0])
def test_long_and_wide_runs_count_for_what_they_take(weight: float, cores: float) -> None:
    """Within a third, and one wide run, which is the least that a share can be out by.

    The machine is never full of the short ones, which end between two plans.
    """
    got = admitted([{**UNLIKE[0], "weight": weight}, UNLIKE[1]], cores)
    wide = 1.5 * 600.0 / weight
    assert 2 / 3 * got["bob"] - wide <= got["alice"] / weight <= 4 / 3 * got["bob"] + wide


def test_an_owner_that_was_quiet_does_not_take_the_whole_machine() -> None:
    """What its runs are still to take counts as soon as they go, and not when it was used."""
    policies = [
        {"name": "busy", "estimate": {"cpu": 1, "memory": "64MiB", "duration": "1h"}},
        {"name": "quiet", "estimate": {"cpu": 1, "memory": "64MiB", "duration": "1h"}},
    ]
    queued = [
        *({"run": f"b{n}", "policy": "busy", "waited": "20m"} for n in range(10)),
        *({"run": f"q{n}", "policy": "quiet", "waited": "10m"} for n in range(10)),
    ]
    snapshot = snapshot_of(machine={"cpu": 10}, queued=queued, usage={"busy": "2h"})
    went = [decision.work.policy for decision in plan(snapshot, book_of({"policies": policies})).admitted()]
    assert went[0] == "quiet"
    assert went.count("busy") >= 2
    assert went.count("quiet") >= 3


def test_owners_with_about_the_same_use_are_served_in_the_order_of_submission() -> None:
    """A difference below ten minutes of one core is none."""
    policies = [{"name": "one", "owner": "alice"}, {"name": "two", "owner": "bob"}]
    queued = [{"run": "r1", "policy": "one", "waited": "2m"}, {"run": "r2", "policy": "two", "waited": "1m"}]
    book = book_of({"policies": policies})
    near = plan(snapshot_of(queued=queued, usage={"alice": "5m"}), book)
    far = plan(snapshot_of(queued=queued, usage={"alice": "5h"}), book)
    assert [decision.runs[0].run_id for decision in near.admitted()] == ["r1", "r2"]
    assert [decision.runs[0].run_id for decision in far.admitted()] == ["r2", "r1"]


def test_a_deadline_goes_before_a_share() -> None:
    """Among runs of a tier, who has the least time left is first, whatever its owner had."""
    policies = [{"name": "due", "owner": "alice", "objective": {"deadline": "1h"}}, {"name": "idle"}]
    queued = [{"run": "r1", "policy": "idle", "waited": "2m"}, {"run": "r2", "policy": "due"}]
    decided = plan(snapshot_of(queued=queued, usage={"alice": "50h"}), book_of({"policies": policies}))
    assert [decision.runs[0].run_id for decision in decided.admitted()] == ["r2", "r1"]
