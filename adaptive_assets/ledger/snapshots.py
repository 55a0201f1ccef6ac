"""Snapshots as they are stored: now and then a checkpoint, and between two of them only what changed."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_type_hints

from adaptive_assets.ledger.changes import Changes, changes, follow
from adaptive_assets.ledger.codec import Json, decode, encode, pack, unpack
from adaptive_assets.ledger.wire import FIELDS, GONE
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.snapshot import ActiveRun, DataState, Node, QueuedRun, Snapshot, Work
from adaptive_assets.planning.work_key import work_key

CHECKPOINT_EVERY: Final = 200
"""Cycles from one checkpoint to the next, at most: it bounds what reading a snapshot costs."""

MEMBERS: Final[Mapping[str, type]] = {
    "queued": QueuedRun,
    "active": ActiveRun,
    "data": DataState,
    "nodes": Node,
    "estimates": Estimate,
}
"""The collections of a snapshot, by the ledger's name: stored member by member."""

SCALARS: Final = {
    FIELDS[Snapshot][name]: (name, hint)
    for name, hint in get_type_hints(Snapshot).items()
    if FIELDS[Snapshot][name] not in MEMBERS
}
"""Every other field, by the ledger's name, with Python's name and its type: stored whole when it changes."""

DAMAGED: Final = (zlib.error, ValueError, LookupError, TypeError, AttributeError)
"""What is raised for an entry that is damaged, or not of this version."""

V = TypeVar("V")
Collections = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Draft:
    """A snapshot, ready to be stored: whole in ``blob`` if it has no ``checkpoint``, else what changed since.

    A checkpoint is named by the id of the entry that it was stored by.

    ``arrivals`` are the queued runs that the snapshot before it did not have, or had as other work.  The rest
    is what the next one is compared with: ``scalars`` by field, ``collections`` by field and key, and the
    ``works`` that this and the entries before it have told in full.
    """

    blob: bytes
    checkpoint: str | None
    arrivals: tuple[QueuedRun, ...]
    scalars: Mapping[str, Any]
    collections: Collections
    works: Mapping[str, Work]


class SnapshotChain:
    """The snapshots that one process records of one node; a delta is always against the one stored last."""

    def __init__(self) -> None:
        self._last: Draft | None = None
        self._checkpoint = ""
        self._checkpoint_size = 0
        self._length = 0

    def draft(self, snapshot: Snapshot) -> Draft:
        """How to store ``snapshot`` next.  The chain does not count on it before :meth:`stored`."""
        last = self._last
        scalars = {wire: getattr(snapshot, name) for wire, (name, _) in SCALARS.items()}
        collections = _collections(snapshot)
        arrivals = _arrivals(last.collections["queued"] if last else {}, collections["queued"])
        if last is not None and self._length < CHECKPOINT_EVERY:
            was = last.scalars
            news = {name: value for name, value in scalars.items() if value != was[name]}
            blob, works = _entry(news, last.collections, collections, last.works)
            if 2 * len(blob) <= self._checkpoint_size:
                return Draft(blob, self._checkpoint, arrivals, scalars, collections, works)
        blob, works = _entry(scalars, {}, collections, {})
        return Draft(blob, None, arrivals, scalars, collections, works)

    def stored(self, draft: Draft, entry: str) -> None:
        """``draft`` is stored now, or will be before the next one: by the entry with the id ``entry``."""
        self._last = draft
        self._length += 1
        if draft.checkpoint is None:
            self._checkpoint = entry
            self._checkpoint_size = len(draft.blob)
            self._length = 1


class SnapshotReader:
    """Reads a checkpoint and the deltas that follow it, one by one; what did not change is decoded once."""

    def __init__(self) -> None:
        self._works: dict[str, Work] = {}
        self._scalars: dict[str, Any] = {}
        self._members: dict[str, Mapping[str, Any]] = {name: {} for name in MEMBERS}

    def follow(self, blob: bytes) -> None:
        """Read the next entry: the checkpoint first.  Raises one of ``DAMAGED`` for what is none."""
        entry = unpack(blob)
        self._works |= {key: decode(Work, plain) for key, plain in entry["works"].items()}
        for wire, plain in entry["scalars"].items():
            if wire in GONE[Snapshot]:
                continue
            name, hint = SCALARS[wire]
            self._scalars[name] = decode(hint, plain)
        long: Mapping[type, Any] = {Work: self._works.__getitem__}
        for wire, (gone, changed, placed) in entry["changes"].items():
            if wire in GONE[Snapshot]:
                continue
            kind = MEMBERS[wire]
            news = Changes(
                tuple(gone),
                {key: decode(kind, plain, long) for key, plain in changed.items()},
                tuple([(place, key, decode(kind, plain, long)) for place, key, plain in placed]),
            )
            self._members[wire] = follow(self._members[wire], news)

    def snapshot(self) -> Snapshot:
        """The snapshot after the entries that were read; raises :class:`TypeError` before the first."""
        return Snapshot(
            **self._scalars,
            queued=tuple(self._members["queued"].values()),
            active=tuple(self._members["active"].values()),
            data=self._members["data"],
            nodes=tuple(self._members["nodes"].values()),
            estimates=self._members["estimates"],
        )


def _entry(
    scalars: Mapping[str, Any], before: Collections, after: Collections, known: Mapping[str, Work]
) -> tuple[bytes, Mapping[str, Work]]:
    """What changed (against nothing: a checkpoint), and the works known once it has been read."""
    works = dict(known)
    told: dict[str, Json] = {}

    def refer(work: Work) -> str:
        key = work_key(work)
        if key not in works:
            works[key] = work
            told[key] = encode(work)
        return key

    changed: dict[str, list[Json]] = {}
    for name, members in after.items():
        if change := changes(before.get(name, {}), members):
            parts = (change.gone, change.changed, change.placed)
            changed[name] = [encode(part, {Work: refer}) for part in parts]
    plain = {name: encode(value) for name, value in scalars.items()}
    return pack({"works": told, "scalars": plain, "changes": changed}), works


def _arrivals(before: Mapping[str, QueuedRun], after: Mapping[str, QueuedRun]) -> tuple[QueuedRun, ...]:
    known = [(before.get(key), run) for key, run in after.items()]
    return tuple([run for was, run in known if was is None or was.work != run.work])


def _collections(snapshot: Snapshot) -> Collections:
    return {
        "queued": _keyed([(run.run_id, run) for run in snapshot.queued]),
        "active": _keyed([(run.run_id, run) for run in snapshot.active]),
        "data": dict(snapshot.data),
        "nodes": _keyed([(node.name, node) for node in snapshot.nodes]),
        "estimates": dict(snapshot.estimates),
    }


def _keyed(members: Sequence[tuple[str, V]]) -> Mapping[str, V]:
    """By key; should two members share one, by place and key, so that neither is lost."""
    keyed = dict(members)
    if len(keyed) == len(members):
        return keyed
    return {f"{place} {key}": member for place, (key, member) in enumerate(members)}
