"""What is stored is bounded and harmless, whatever tags and messages hold."""

import json
from dataclasses import replace

from adaptive_assets.ledger import Ledger
from adaptive_assets.ledger.texts import LONGEST_MESSAGE, LONGEST_TEXT
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.policy.text import bounded
from tests.ledger.examples import degrade, queued, snapshot_of, usage

LONG = "x" * 2**20
STORED = bounded(LONG, LONGEST_TEXT)


def test_a_text_that_is_cut_says_how_long_it_was() -> None:
    """And is never longer than it may be."""
    cut = bounded(LONG, LONGEST_TEXT)
    assert cut.endswith("x… (1,048,576 characters in all)")
    assert len(cut) == LONGEST_TEXT
    assert bounded("as it is", LONGEST_TEXT) == "as it is"


def test_a_decision_that_quotes_a_megabyte_is_a_small_row(ledger: Ledger) -> None:
    """In its reasons, their numbers, its parameters and its mode."""
    run = queued("r1")
    reason = Reason(ReasonCode.DEADLINE, {"tag": LONG, "late": 1.5}, sentence=f"the tag says {LONG}")
    decision = replace(degrade(run), mode=LONG, reasons=(reason,), parameters={"a": [LONG], "b": 1})
    ledger.record_cycle(at=1.0, node="a", revision="rev", snapshot=snapshot_of(run), decisions=[decision])
    (row,) = ledger.recent_decisions()
    assert len(json.dumps([row.reasons, row.parameters, row.mode])) < 6 * LONGEST_TEXT
    assert row.sentence.endswith(f"{len('the tag says ') + len(LONG):,} characters in all)")
    assert row.reasons[0]["numbers"] == {"tag": STORED, "late": 1.5}
    assert row.parameters == {"a": [STORED], "b": 1}


def test_what_was_decided_so_once_is_not_decided_again_although_it_was_cut(ledger: Ledger) -> None:
    """A mode is compared as it is stored."""
    run = queued("r1")
    for _ in range(2):
        decision = replace(degrade(run), mode=LONG)
        ledger.record_cycle(at=1.0, node="a", revision="rev", snapshot=snapshot_of(run), decisions=[decision])
    assert len(ledger.recent_decisions()) == 1


def test_a_message_is_bounded_and_its_control_characters_are_written_out(ledger: Ledger) -> None:
    """It is shown on terminals: line ends and tabs stay."""
    ledger.record_fault(at=1.0, node="a", part="policy", message="one\n\ttwo\x1b[31m\x07\r\x00" + LONG)
    (fault,) = ledger.latest_status(minutes=1e6).faults
    assert fault.message.startswith("one\n\ttwo\\x1b[31m\\x07\\r\\x00xxx")
    assert fault.message.endswith("x… (1,048,592 characters in all)")
    assert len(fault.message) == LONGEST_MESSAGE


def test_what_a_run_is_tagged_with_is_bounded_in_its_usage(ledger: Ledger) -> None:
    """Policy and mode come from tags."""
    ledger.record_usage(usages=[replace(usage("r1"), mode=LONG, policy=LONG)])
    (row,) = ledger.usages()
    assert (row.mode, row.policy) == (STORED, STORED)
