"""What is to be written to the ledger, as plain JSON: so that it can be kept while the ledger is away.

Each entry has an id that is its writer's own.  It goes into the ledger with what is written, so that an entry
whose writing was cut short can be written again, and is there once.
"""

import base64
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from adaptive_assets.ledger.codec import Json, dumps, encode
from adaptive_assets.ledger.errors import LedgerError
from adaptive_assets.ledger.rows import RunUsageRow
from adaptive_assets.ledger.snapshots import Draft
from adaptive_assets.ledger.texts import LONGEST_MESSAGE, storable, within_bounds
from adaptive_assets.planning.decisions import AnyDecision, Verdict
from adaptive_assets.planning.snapshot import MachineReading, QueuedRun
from adaptive_assets.planning.work_key import plain_work, work_key
from adaptive_assets.policy.text import paragraph

__all__ = [
    "UNKNOWN",
    "Entry",
    "EntryKind",
    "Planned",
    "Stamp",
    "cycle",
    "decision_rows",
    "fault",
    "new_id",
    "reading",
    "revision",
    "usages",
]

RUNS_NAMED: Final = 20
"""How many run ids a deferral keeps: enough to look at, whatever the length of the queue."""


class EntryKind:
    """What an entry holds."""

    REVISION: Final = "revision"
    CYCLE: Final = "cycle"
    USAGES: Final = "usages"
    READING: Final = "reading"
    FAULT: Final = "fault"


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a cycle was, on which node, and under which policy revision."""

    at: float
    node: str
    revision: str


@dataclass(frozen=True, slots=True)
class Planned:
    """How the plan of a cycle was made, so that it can be made again; ``None`` where that is not known.

    ``version`` is that of this package, ``digest`` that of the plan, and ``left_out`` the keys of the
    runs that could not be planned for.
    """

    version: str | None = None
    digest: str | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """Rows of one ``kind``, to be written in one transaction."""

    id: str
    kind: str
    body: Mapping[str, Json]

    def line(self) -> bytes:
        """The entry as one line of a file."""
        return json.dumps([self.id, self.kind, self.body], separators=(",", ":")).encode() + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> "Entry | None":
        """The inverse of :meth:`line`; ``None`` for a line that was cut short, or is no entry at all."""
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            return None
        match content:
            case [str(id_), str(kind), dict(body)]:
                return cls(id_, kind, body)
        return None


UNKNOWN: Final = Planned()


def new_id() -> str:
    """An id that nothing else has."""
    return uuid.uuid4().hex


def revision(*, at: float, revision: str, source: str, content: Mapping[str, Any]) -> Entry:
    """A policy book came into force."""
    body = {"at": at, "revision": revision, "content": dumps(content), "source": storable(source)}
    return Entry(new_id(), EntryKind.REVISION, body)


def cycle(
    id_: str, stamp: Stamp, draft: Draft, decisions: Sequence[AnyDecision], planned: Planned = UNKNOWN
) -> Entry:
    """The snapshot of a cycle, the arrivals and the decisions.

    Raises :class:`LedgerError` for a decision that JSON has no place for.
    """
    queued, active = draft.collections["queued"].values(), draft.collections["active"].values()
    works = {run.work for run in draft.arrivals} | {each.work for each in decisions}
    body = {
        "stamp": asdict(stamp),
        "checkpoint": draft.checkpoint,
        "snapshot": base64.b64encode(draft.blob).decode(),
        "queued": len(queued),
        "active": len(active),
        "waiting": _waiting(queued, decisions),
        "works": [{"work_key": work_key(work), "work": json.dumps(plain_work(work))} for work in works],
        "arrivals": [_arrival(run) for run in draft.arrivals],
        "decisions": [row for decision in decisions for row in decision_rows(decision)],
        "planner_version": planned.version,
        "digest": planned.digest,
        "left_out": dumps(planned.left_out) if planned.left_out else None,
    }
    return Entry(id_, EntryKind.CYCLE, body)


def reading(at: float, node: str, sample: MachineReading) -> Entry:
    """One sample of a node."""
    return Entry(new_id(), EntryKind.READING, {"at": at, "node": node, "reading": dumps(sample)})


def usages(rows: Iterable[RunUsageRow]) -> Entry:
    """What runs that ended took."""
    return Entry(new_id(), EntryKind.USAGES, {"rows": [_usage(row) for row in rows]})


def fault(at: float, node: str, part: str, message: str) -> Entry:
    """Something failed in a part."""
    told = paragraph(message, LONGEST_MESSAGE)
    return Entry(new_id(), EntryKind.FAULT, {"at": at, "node": node, "part": part, "message": told})


def _usage(row: RunUsageRow) -> Json:
    plain = {"out_of_memory": row.out_of_memory, "declared": row.declared}
    told = {name: None if value is None else dumps(value) for name, value in plain.items()}
    return within_bounds({**asdict(row), **told})


def _on_runs(decision: AnyDecision) -> bool:
    """Whether the decision is on single runs, and not on all runs of a kind that wait."""
    verdict = decision.verdict
    return verdict.admits or verdict.changes or verdict is Verdict.FAIL


def _waiting(queued: Iterable[QueuedRun], decisions: Sequence[AnyDecision]) -> int:
    leaving = {run.run_id for decision in decisions if _on_runs(decision) for run in decision.runs}
    return sum(run.admitted_mode is None and run.run_id not in leaving for run in queued)


def _arrival(run: QueuedRun) -> dict[str, Any]:
    return {"run_id": run.run_id, "work_key": work_key(run.work), "submitted_at": run.submitted_at}


def decision_rows(decision: AnyDecision) -> list[dict[str, Any]]:
    """A decision as the ledger has it: a row for each run, or one for all runs of a kind that wait.

    Raises :class:`LedgerError` for parameters that JSON has no place for.
    """
    reasons = [within_bounds(encode(reason.plain())) for reason in decision.reasons]
    fields = {
        "verdict": decision.verdict.value,
        "work_key": work_key(decision.work),
        "tier": within_bounds(decision.tier),
        "mode": within_bounds(decision.mode),
        "parameters": _parameters(decision.parameters),
        "reasons": dumps(reasons),
    }
    run_ids = [run.run_id for run in decision.runs]
    if _on_runs(decision):
        return [{**fields, "run_id": run_id, "runs": 1, "run_ids": dumps([run_id])} for run_id in run_ids]
    return [{**fields, "run_id": None, "runs": len(run_ids), "run_ids": dumps(run_ids[:RUNS_NAMED])}]


def _parameters(parameters: Mapping[str, object]) -> str:
    try:
        return dumps(within_bounds(encode(parameters)))
    except (TypeError, ValueError) as error:
        told = str(error)
    raise LedgerError(f"the parameters of a decision are no JSON: {told}")
