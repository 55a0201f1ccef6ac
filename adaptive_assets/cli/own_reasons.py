"""What one run of a kind waits for, where the ledger has told what the first of its kind waits for.

A deferral is recorded once for all runs of a kind that wait for the same rules. The partitions that each of
them reads are in the snapshot of that cycle.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from adaptive_assets.planning.data_sentences import DATA_CODES

if TYPE_CHECKING:
    from adaptive_assets.ledger import DecisionRow, Ledger
    from adaptive_assets.planning.snapshot import QueuedRun, Snapshot
    from adaptive_assets.policy import PolicyBook


def told_of_run(
    rows: "Iterable[DecisionRow]", run_id: str, carried: str, ledger: "Ledger", book: "PolicyBook"
) -> "Iterator[DecisionRow]":
    """``rows``, those of its kind with the gates that are closed for the run itself.

    A run that came after the cycle of a row is told what it carries itself: ``carried``, a code and its
    sentence.  A row about other gates than the run's own is left out: it is about other runs of the kind.
    A row of another book than ``book`` stays as it is.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    for row in rows:
        partitioned = row.run_id is None and any(map(_names_partition, row.reasons))
        if not partitioned or row.revision != book.revision:
            yield row
            continue
        snapshot = ledger.snapshot(row.cycle_id)
        run = next((each for each in snapshot.queued if each.run_id == run_id), None)
        own = _carried(carried) if run is None else _closed(run, snapshot, book)
        others = [reason for reason in row.reasons if reason["code"] not in DATA_CODES]
        told = {reason["code"] for reason in row.reasons if reason["code"] in DATA_CODES}
        codes = {reason["code"] for reason in own}
        if codes == told or (run is None and codes <= told):
            yield replace(row, reasons=(*own, *others))


def _closed(run: "QueuedRun", snapshot: "Snapshot", book: "PolicyBook") -> list[dict[str, object]]:
    from adaptive_assets.planning.gating import not_ready

    gates = book.policy(run.work.gated_by or run.work.policy).gates
    return [reason.plain() for reason in not_ready(gates, run, snapshot)]


def _carried(text: str) -> list[dict[str, object]]:
    code, _, sentence = text.partition(": ")
    return [{"code": code, "sentence": sentence}] if code in DATA_CODES else []


def _names_partition(reason: Mapping[str, object]) -> bool:
    numbers = reason.get("numbers")
    return isinstance(numbers, Mapping) and bool(numbers.get("partition"))
