"""What one run of a kind waits for, where the ledger has told what the first of its kind waits for.

A deferral is recorded once for all runs of a kind that wait for the same rules. The partitions that each of
them reads are in the snapshot of that cycle.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from adaptive_assets.planning.data_sentences import DATA_CODES

if TYPE_CHECKING:
    from adaptive_assets.ledger import DecisionRow, Ledger
    from adaptive_assets.policy import PolicyBook


NOT_KNOWN: Final = "of something that it reads; the events of the run say of what"

MOST_READ: Final = 10
"""Snapshots that are read for one run, the latest: each may take as long as a fifth of a second."""


def told_of_run(
    rows: "Sequence[DecisionRow]", run_id: str, carried: str, ledger: "Ledger", book: "PolicyBook"
) -> "Iterator[DecisionRow]":
    """``rows``, those of its kind with the gates that are closed for the run itself.

    A run that came after the cycle of a row is told what it carries itself: ``carried``, a code and its
    sentence.  A row about other gates than the run's own is left out: it is about other runs of the kind.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    of_kind = [row.id for row in rows if _tells_partitions(row)]
    for row in rows:
        if not _tells_partitions(row):
            yield row
            continue
        told = {str(reason["code"]) for reason in row.reasons if reason["code"] in DATA_CODES}
        readable = row.id in of_kind[-MOST_READ:] and row.revision == book.revision
        own = _closed(row, run_id, ledger, book) if readable else None
        if own is None:
            own = _carried(carried, told) or [{"code": code, "sentence": NOT_KNOWN} for code in sorted(told)]
        elif {reason["code"] for reason in own} != told:
            continue
        others = [reason for reason in row.reasons if reason["code"] not in DATA_CODES]
        yield replace(row, reasons=(*own, *others))


def _closed(
    row: "DecisionRow", run_id: str, ledger: "Ledger", book: "PolicyBook"
) -> list[dict[str, object]] | None:
    """The gates that were closed for the run; ``None`` where the snapshot does not have it."""
    from adaptive_assets.planning.gating import not_ready

    snapshot = ledger.snapshot(row.cycle_id)
    run = next((each for each in snapshot.queued if each.run_id == run_id), None)
    if run is None:
        return None
    gates = book.policy(run.work.gated_by or run.work.policy).gates
    return [reason.plain() for reason in not_ready(gates, run, snapshot)]


def _carried(text: str, told: Collection[str]) -> list[dict[str, object]]:
    code, _, sentence = text.partition(": ")
    return [{"code": code, "sentence": sentence}] if code in told else []


def _tells_partitions(row: "DecisionRow") -> bool:
    return row.run_id is None and any(map(_names_partition, row.reasons))


def _names_partition(reason: Mapping[str, object]) -> bool:
    numbers = reason.get("numbers")
    return isinstance(numbers, Mapping) and bool(numbers.get("partition"))
