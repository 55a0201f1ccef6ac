"""One of several daemons launches: the others stand by, and take over when it is gone."""

import json
import platform
import time
from dataclasses import replace
from pathlib import Path

import pytest

from adaptive_assets.coordinator.lease import NAME, Holder, Lease
from adaptive_assets.ledger import Ledger, LedgerError, sqlite_ledger_url
from tests.ledger.processes import heard, process

ELSEWHERE = Holder("far", 7, 1000.0, "another machine")


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where the ledger is."""
    return sqlite_ledger_url(tmp_path / "storage")


@pytest.fixture
def ledger(url: str) -> Ledger:
    """A ledger that all daemons share."""
    return Ledger.open(url)


@pytest.fixture
def clock() -> Clock:
    """The clock of the daemon that stands by."""
    return Clock()


def test_the_second_stands_by_and_names_both(ledger: Ledger, clock: Clock) -> None:
    """The holder is on another host, where nobody can look whether it lives."""
    first, second = Lease(ledger, holder=ELSEWHERE), Lease(ledger, clock=clock)
    assert first.holds()
    assert (first.other, first.fault) == (None, None)
    assert not second.holds()
    assert second.other == "process 7 on far"
    fault = second.fault or ""
    assert "process 7 on far launches its runs" in fault
    assert str(Holder.here()) in fault


def test_who_does_not_renew_loses_it_after_a_while_of_the_others_clock(ledger: Ledger, clock: Clock) -> None:
    """As long as the number goes up it is kept, whatever any clock of the holder says."""
    first, second = Lease(ledger, holder=ELSEWHERE, clock=Clock()), Lease(ledger, clock=clock)
    first.renew()
    second.renew()
    for _ in range(5):
        clock.now += 25
        first.renew()
        second.renew()
        assert not second.holds()
    clock.now += 29
    second.renew()
    assert not second.holds()
    clock.now += 2
    second.renew()
    assert second.holds()
    first.renew()
    assert not first.holds()
    assert first.other == str(Holder.here())


def test_what_was_let_go_is_taken_at_once(ledger: Ledger, clock: Clock) -> None:
    """An orderly stop costs the next daemon no wait."""
    first, second = Lease(ledger, holder=ELSEWHERE), Lease(ledger, clock=clock)
    assert first.holds()
    assert not second.holds()
    first.release()
    second.renew()
    assert second.holds()


def test_two_leases_of_one_process_are_one_holders(ledger: Ledger) -> None:
    """A process that opens its instance a second time does not wait for itself."""
    first, second = Lease(ledger), Lease(ledger)
    assert first.holds()
    assert second.holds()
    first.renew()
    second.renew()
    assert first.holds()
    assert second.holds()


def test_a_daemon_that_was_killed_is_succeeded_at_once(url: str, ledger: Ledger, clock: Clock) -> None:
    """Its process is gone from this host, or is only there until somebody asks how it ended."""
    script = "from adaptive_assets.coordinator.lease import Lease\n"
    script += "say(Lease(ledger).holds()); sys.stdin.readline()"
    second = Lease(ledger, clock=clock)
    with process(url, script) as child:
        assert heard(child) == "True"
        assert not second.holds()
        assert f"process {child.pid} on {platform.node()}" in (second.fault or "")
        child.kill()
        while second.other:
            second.renew()
        assert second.holds()


def test_another_process_with_the_pid_of_the_holder_is_another(ledger: Ledger) -> None:
    """Pids are used again: when it was started tells them apart."""
    me = Holder.here()
    assert Lease(ledger, holder=replace(me, started_at=me.started_at - 500)).holds()
    assert Lease(ledger).holds()


def test_a_pid_of_another_container_says_nothing(ledger: Ledger) -> None:
    """Two containers may share a host's name, and both have a process 1."""
    me = Holder.here()
    assert Lease(ledger, holder=replace(me, pid=2**22 + 1, pids="another")).holds()
    assert not Lease(ledger).holds()


def test_of_those_that_begin_at_once_one_holds_it(url: str) -> None:
    """Real processes, in rounds: never two, never none."""
    script = (
        "from dataclasses import replace\nfrom adaptive_assets.coordinator.lease import Holder, Lease\n"
        "for line in sys.stdin:\n"
        "    lease = Lease(ledger, name=line.strip()); say(lease.holds())"
    )
    with process(url, script) as one, process(url, script) as two, process(url, script) as three:
        children = (one, two, three)
        for round_ in range(10):
            for child in children:
                assert child.stdin is not None
                child.stdin.write(f"round {round_}\n")
                child.stdin.flush()
            assert sorted(heard(child) for child in children) == ["False", "False", "True"]


def test_while_the_ledger_is_away_everybody_does_what_they_did(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder goes on, who stands by stands by, and who has seen nobody goes on too."""
    first, second = Lease(ledger, holder=ELSEWHERE), Lease(ledger, clock=clock)
    third = Lease(ledger, holder=replace(ELSEWHERE, pid=8))
    assert first.holds()
    assert not second.holds()

    def away(*_: object) -> None:
        raise LedgerError("away")

    monkeypatch.setattr(ledger, "lease", away)
    clock.now += 3600
    assert [lease.holds() for lease in (first, second, third)] == [True, False, True]


def test_a_ledger_that_was_made_anew_leaves_the_lease_with_its_holder(ledger: Ledger, clock: Clock) -> None:
    """Who stands by gives the holder time to put it into the new one."""
    first, second = Lease(ledger, holder=ELSEWHERE), Lease(ledger, clock=clock)
    assert first.holds()
    assert not second.holds()
    assert ledger.file is not None
    ledger.file.unlink()
    second.renew()
    first.renew()
    clock.now += 20
    second.renew()
    assert not second.holds()
    assert first.holds()


def test_a_holder_that_stood_still_looks_before_it_goes_on(ledger: Ledger, clock: Clock) -> None:
    """A suspended process has lost the lease meanwhile, and must not launch on what it knew."""
    first, second = Lease(ledger, holder=ELSEWHERE, clock=clock), Lease(ledger, expiry_s=0)
    assert first.holds()
    assert second.holds()
    clock.now += 60
    assert not first.holds()


def test_a_lease_is_renewed_while_a_pass_takes_long(ledger: Ledger) -> None:
    """By a thread of its own, which ends when the lease is let go."""
    lease = Lease(ledger, renewal_s=0.01)
    assert lease.holds()
    lease.start()
    while (row := ledger.lease(NAME)) is None or row.renewals < 5:
        time.sleep(0.01)
    lease.release()
    after = ledger.lease(NAME)
    assert after is not None
    assert after.holder == ""


def test_what_is_no_holder_holds_nothing(ledger: Ledger) -> None:
    """Whatever somebody wrote there by hand."""
    for text in ("", "{}", "null", json.dumps([1]), "me"):
        assert Holder.of_text(text) is None
