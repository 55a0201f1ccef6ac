"""Small states that a process finds again after a restart."""

from adaptive_assets.ledger import Ledger
from tests.ledger.conftest import OpenLedger


def test_what_is_kept_is_found_by_the_next_process(url: str, open_ledger: OpenLedger) -> None:
    """The newest value under a key replaces the one before, and other keys have their own."""
    ledger = open_ledger(url)
    assert ledger.kept("ended.cursor") is None
    ledger.keep("ended.cursor", "12")
    ledger.keep("other", "x")
    ledger.keep("ended.cursor", "13")
    again = open_ledger(url)
    assert (again.kept("ended.cursor"), again.kept("other")) == ("13", "x")


def test_a_state_is_text_of_any_kind(ledger: Ledger) -> None:
    """What a database cannot hold is written out."""
    ledger.keep("key", "a\x00b\ud800 é")
    assert ledger.kept("key") == "a\\x00b\\ud800 é"
