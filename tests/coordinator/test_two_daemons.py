"""Two daemons at work on one instance by mistake: one launches, and the other stands by."""

from pathlib import Path

import pytest

from adaptive_assets.coordinator.lease import Holder, Lease
from adaptive_assets.ledger import Ledger, sqlite_ledger_url
from tests.coordinator.conftest import MakeWorld
from tests.coordinator.world import World


@pytest.fixture
def other(world: World) -> Lease:
    """The lease of a daemon on another host, which has it."""
    ledger = Ledger.open(sqlite_ledger_url(Path(world.instance.root_directory) / "storage" / "history"))
    lease = Lease(ledger, holder=Holder("elsewhere", 7, 0.0, "other processes"))
    assert lease.holds()
    return lease


def test_the_second_daemon_launches_nothing_and_says_so(world: World, other: Lease) -> None:
    """The run stays queued, and the operator reads which two daemons there are."""
    run_id = world.submit(job="plain")
    assert world.pass_() == []
    assert world.pass_() == []
    (error,) = (error for error in world.daemon_errors() if "two daemons" in error)
    assert "process 7 on elsewhere" in error
    other.release()
    world.coordinator._deployment.lease(world.instance).renew()
    assert world.pass_() == [run_id]


def test_who_takes_over_does_not_record_again_what_was_decided(world: World, other: Lease) -> None:
    """A daemon that stood by finds what the other has recorded meanwhile."""
    lease = world.coordinator._deployment.lease(world.instance)
    other.release()
    lease.renew()
    run_id = world.submit("summary")
    assert world.pass_() == [run_id]
    other.renew()
    assert lease.holds()
    ledger = Ledger.open(sqlite_ledger_url(Path(world.instance.root_directory) / "storage" / "history"))
    lease.release()
    other.renew()
    lease.start()
    assert not lease.holds()
    assert world.pass_() == []
    other.release()
    lease.renew()
    world.pass_()
    assert [row.verdict for row in ledger.decisions_for_run(run_id)] == ["launch"]


def test_an_orderly_stop_lets_the_lease_go(make_world: MakeWorld) -> None:
    """The next daemon, on whatever host, need not wait."""
    world = make_world()
    world.pass_()
    home = Path(world.instance.root_directory)
    world.coordinator.dispose()
    ledger = Ledger.open(sqlite_ledger_url(home / "storage" / "history"))
    assert Lease(ledger, holder=Holder("elsewhere", 7, 0.0, "other processes")).holds()
