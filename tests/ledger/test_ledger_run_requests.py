"""Requests are written once by their key, and change only from what they were."""

from dataclasses import replace

from adaptive_assets.ledger import Ledger, RequestState, RunRequestRow

HOSTILE = "a\x00\ud800'b"
ROW = RunRequestRow("k", "validate", "raw", "mon", "why", 10.0, {"checks": ["c"], "version": 3})


def test_a_request_is_there_once_and_moves_from_what_it_was(ledger: Ledger) -> None:
    """What was read before somebody else changed it changes nothing."""
    requests = ledger.run_requests
    assert requests.add(ROW)
    assert not requests.add(replace(ROW, why="again"))
    assert requests.of("raw", "mon") == requests.unsettled() == [replace(ROW, changed_at=10.0)]
    assert requests.of("raw", "tue") == []
    assert requests.move(ROW, RequestState.LAUNCHED, at=11.0, run_id="r", attempt=1)
    assert not requests.move(ROW, RequestState.FAILED, at=12.0, run_id=None, attempt=1)
    (launched,) = requests.unsettled()
    assert (launched.state, launched.run_id, launched.changed_at) == ("launched", "r", 11.0)
    assert requests.move(launched, RequestState.DONE, at=13.0, run_id="r", attempt=1)
    assert requests.unsettled() == []


def test_any_text_can_be_kept_and_found(ledger: Ledger) -> None:
    """Keys of assets and partitions are anybody's choice."""
    assert ledger.run_requests.add(replace(ROW, key=HOSTILE, asset=HOSTILE, partition=HOSTILE, why=HOSTILE))
    assert len(ledger.run_requests.of(HOSTILE, HOSTILE)) == 1


def test_what_is_settled_is_forgotten_with_the_rest(ledger: Ledger) -> None:
    """And what is not settled is kept, whatever its age."""
    requests = ledger.run_requests
    settled = replace(ROW, key="s", state=RequestState.DONE.value)
    requests.add(ROW)
    requests.add(settled)
    ledger.prune(before=5.0)
    assert len(requests.of("raw", "mon")) == 2
    ledger.prune(before=100.0)
    assert [row.key for row in requests.of("raw", "mon")] == ["k"]
