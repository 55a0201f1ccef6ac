"""When a queued run will start, as far as can be foreseen."""

import pytest

from adaptive_assets.planning.prediction import predict
from adaptive_assets.planning.tuning import TUNING
from tests.planning.compact import book_of, snapshot_of

HOLDER = {"name": "holder", "estimate": {"memory": "4GiB", "duration": "30s"}}
LARGE = {"name": "large", "estimate": {"memory": "6GiB", "duration": "60s"}}
HOLDS = [
    {
        "run": "a1",
        "policy": "holder",
        "launched": "10s",
        "started": "10s",
        "memory_used": "4GiB",
        "cpu_used": 0,
    }
]
FULL = {"memory_used": "4GiB"}


def test_a_run_that_fits_starts_now() -> None:
    """Zero seconds from now, however long it takes."""
    snapshot = snapshot_of(queued=[{"run": "r1"}])
    assert predict(snapshot, book_of(), ["r1"]) == {"r1": 0.0}


def test_a_run_starts_when_what_is_in_its_way_ends() -> None:
    """One after the other: each needs almost the whole machine."""
    book = book_of({"policies": [HOLDER, LARGE]})
    queued = [
        {"run": "r1", "policy": "large", "waited": "2m"},
        {"run": "r2", "policy": "large", "waited": "1m"},
    ]
    found = predict(snapshot_of(machine=FULL, active=HOLDS, queued=queued), book, ["r1", "r2", "gone"])
    assert found == {"r1": pytest.approx(20.0), "r2": pytest.approx(80.0 + TUNING.launch_s)}


def test_a_window_is_foreseen_to_the_step() -> None:
    """Noon, and the hours open at 22:00."""
    book = book_of({"default": {"window": {"prefer": "22:00-06:00", "timezone": "UTC"}}})
    found = predict(snapshot_of(queued=[{"run": "r1"}]), book, ["r1"])["r1"]
    assert 36_000 <= found <= 36_000 + TUNING.longest_step_s


def test_what_only_new_data_can_change_is_not_foreseen() -> None:
    """A closed gate stays closed in every future that can be thought ahead."""
    book = book_of({"default": {"gates": {"checks": "pass"}}})
    snapshot = snapshot_of(
        data={"a": {"checks": "fail", "failed": ["x"]}}, queued=[{"run": "r1", "reads": ["a"]}]
    )
    assert predict(snapshot, book, ["r1"]) == {}


def test_slots_that_are_taken_ahead_come_back_when_those_runs_end() -> None:
    """One slot for two runs: the second starts when the first has ended. Who has one now is unknown."""
    queued = [{"run": "r1", "pools": ["db"], "waited": "2m"}, {"run": "r2", "pools": ["db"], "waited": "1m"}]
    found = predict(snapshot_of(queued=queued, pools={"db": 1}), book_of(), ["r1", "r2"])
    assert found["r1"] == 0.0
    assert found["r2"] == pytest.approx(60.0 + TUNING.launch_s)
    held = predict(snapshot_of(queued=queued, pools={"db": 0}), book_of(), ["r1"])
    assert held == {}


def test_the_ramp_is_foreseen_for_runs_that_will_have_ended() -> None:
    """Their launches count, and the third goes when the first two are a minute old."""
    book = book_of(
        {
            "guards": {"ramp": {"runs": 2, "every": "60s"}},
            "default": {"estimate": {"duration": "5s", "cpu": 0}},
        }
    )
    found = predict(snapshot_of(queued=[{"run": f"r{n}"} for n in range(3)]), book, ["r0", "r1", "r2"])
    assert (found["r0"], found["r1"]) == (0.0, 0.0)
    assert 60.0 <= found["r2"] <= 60.0 + TUNING.longest_step_s


def test_work_that_starts_on_an_idle_machine_is_no_strangers() -> None:
    """Nothing of ours used the CPU when the machine was read; what is launched ahead is ours all the same."""
    book = book_of(
        {
            "policies": [
                {"name": "long", "estimate": {"cpu": 2, "memory": "1MiB", "duration": "1h"}},
                {"name": "short", "estimate": {"cpu": 2, "memory": "1MiB", "duration": "60s"}},
            ]
        }
    )
    queued = [
        {"run": "l", "policy": "long", "waited": "3m", "priority": 1},
        {"run": "s1", "policy": "short", "waited": "2m"},
        {"run": "s2", "policy": "short", "waited": "1m"},
    ]
    snapshot = snapshot_of(machine={"our_cpu": 0}, queued=queued)
    found = predict(snapshot, book, ["l", "s1", "s2"])
    assert found == {"l": 0.0, "s1": 0.0, "s2": pytest.approx(60.0 + TUNING.launch_s)}


def test_a_run_whose_processes_nobody_sees_leaves_no_strangers_behind() -> None:
    """It was in the reading and not in what was measured of ours: when it ends, it is gone from the first."""
    book = book_of({"default": {"estimate": {"cpu": 2, "memory": "1MiB", "duration": "60s"}}})
    unseen = {"run": "a", "launched": "10s", "started": "10s"}
    queued = [{"run": "r1", "waited": "3m"}, {"run": "r2", "waited": "2m"}, {"run": "r3", "waited": "1m"}]
    snapshot = snapshot_of(machine={"cpu_used": 2, "our_cpu": 0}, active=[unseen], queued=queued)
    found = predict(snapshot, book, ["r1", "r2"])
    assert found == {"r1": 0.0, "r2": pytest.approx(50.0)}
