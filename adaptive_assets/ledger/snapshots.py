"""Snapshots as they are stored: now and then a checkpoint, and between two of them only what changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar, get_type_hints

from adaptive_assets.ledger.changes import Changes, changes, follow
from adaptive_assets.ledger.codec import Json, decode, encode, pack, unpack
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.snapshot import ActiveRun, Backlog, DataState, Node, QueuedRun, Snapshot, Work
from adaptive_assets.planning.work_key import work_key

__all__ = ["CHECKPOINT_EVERY", "Draft", "SnapshotChain", "restore"]

CHECKPOINT_EVERY: Final = 200
"""Cycles from one checkpoint to the next, at most: it bounds what reading a snapshot costs."""

MEMBERS: Final[Mapping[str, type]] = {
    "queued": QueuedRun,
    "active": ActiveRun,
    "data": DataState,
    "backlogs": Backlog,
    "nodes": Node,
    "estimates": Estimate,
}
"""The collections of a snapshot: stored member by member."""

SCALARS: Final = {name: hint for name, hint in get_type_hints(Snapshot).items() if name not in MEMBERS}
"""Every other field: stored whole when it changes."""

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
        scalars = {name: getattr(snapshot, name) for name in SCALARS}
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


def restore(blobs: Iterable[bytes]) -> Snapshot:
    """The snapshot after the last of ``blobs``: a checkpoint and the deltas that follow it, in order.

    Raises what :func:`~adaptive_assets.ledger.codec.unpack` and ``decode`` raise for what is not theirs.
    """
    works: dict[str, Work] = {}
    scalars: dict[str, Json] = {}
    state: dict[str, Mapping[str, Json]] = {name: {} for name in MEMBERS}
    for blob in blobs:
        entry = unpack(blob)
        works |= {key: decode(Work, plain) for key, plain in entry["works"].items()}
        scalars |= entry["scalars"]
        for name, (gone, changed, placed) in entry["changes"].items():
            state[name] = follow(state[name], Changes(gone, changed, placed))
    long: Mapping[type, Any] = {Work: works.__getitem__}
    members: dict[str, dict[str, Any]] = {
        name: {key: decode(kind, plain, long) for key, plain in state[name].items()}
        for name, kind in MEMBERS.items()
    }
    return replace(
        Snapshot(**{name: decode(SCALARS[name], plain) for name, plain in scalars.items()}),
        queued=tuple(members["queued"].values()),
        active=tuple(members["active"].values()),
        data=members["data"],
        backlogs=tuple(members["backlogs"].values()),
        nodes=tuple(members["nodes"].values()),
        estimates=members["estimates"],
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
        "backlogs": _keyed([(backlog.source, backlog) for backlog in snapshot.backlogs]),
        "nodes": _keyed([(node.name, node) for node in snapshot.nodes]),
        "estimates": dict(snapshot.estimates),
    }


def _keyed(members: Sequence[tuple[str, V]]) -> Mapping[str, V]:
    """By key; should two members share one, by place and key, so that neither is lost."""
    keyed = dict(members)
    if len(keyed) == len(members):
        return keyed
    return {f"{place} {key}": member for place, (key, member) in enumerate(members)}
