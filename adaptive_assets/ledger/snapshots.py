"""Snapshots as they are stored: now and then a checkpoint, and between two of them only what changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar, get_type_hints

from adaptive_assets.ledger.changes import Changes, changes, follow
from adaptive_assets.ledger.codec import Json, decode, encode, pack, unpack
from adaptive_assets.planning.snapshot import ActiveRun, Backlog, DataState, QueuedRun, Snapshot, Work
from adaptive_assets.planning.work_key import work_key

__all__ = ["CHECKPOINT_EVERY", "Draft", "SnapshotChain", "restore"]

CHECKPOINT_EVERY: Final = 200
"""Cycles from one checkpoint to the next, at most: what reading one snapshot may cost."""

COLLECTIONS: Final[Mapping[str, type]] = {
    "queued": QueuedRun,
    "active": ActiveRun,
    "data": DataState,
    "backlogs": Backlog,
}
SCALARS: Final = {name: hint for name, hint in get_type_hints(Snapshot).items() if name not in COLLECTIONS}
"""Every other field: stored whole when it changes."""

V = TypeVar("V")
Collections = Mapping[str, Mapping[str, Any]]
"""The collections of a snapshot, by name; their members by key, in order."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A snapshot, ready to be stored: ``checkpoint_id`` is ``None`` if ``blob`` is a checkpoint itself.

    ``arrivals`` are the queued runs that the snapshot before it did not have.
    """

    snapshot: Snapshot
    blob: bytes
    checkpoint_id: int | None
    arrivals: tuple[QueuedRun, ...]
    collections: Collections
    works: Mapping[str, Work]


@dataclass(frozen=True, slots=True)
class _Last:
    draft: Draft
    checkpoint_id: int
    checkpoint_size: int
    length: int


class SnapshotChain:
    """The snapshots that one process records of one node; a delta is always against the one stored last."""

    def __init__(self) -> None:
        self._last: _Last | None = None

    def draft(self, snapshot: Snapshot) -> Draft:
        """How to store ``snapshot`` next.  Nothing is remembered of it until :meth:`stored`."""
        last = self._last
        if last is None:
            return _checkpoint(snapshot, {})
        if last.length >= CHECKPOINT_EVERY:
            return _checkpoint(snapshot, last.draft.collections)
        draft = _delta(snapshot, last)
        return (
            draft
            if 2 * len(draft.blob) <= last.checkpoint_size
            else _checkpoint(snapshot, last.draft.collections)
        )

    def stored(self, draft: Draft, cycle_id: int) -> None:
        """``draft`` is now in the ledger as ``cycle_id``."""
        if draft.checkpoint_id is None or self._last is None:
            self._last = _Last(draft, cycle_id, len(draft.blob), 1)
        else:
            last = self._last
            self._last = _Last(draft, last.checkpoint_id, last.checkpoint_size, last.length + 1)

    def forget(self) -> None:
        """Start again with a checkpoint: nobody knows whether the last draft was stored."""
        self._last = None


def restore(blobs: Iterable[bytes]) -> Snapshot:
    """The snapshot after the last of ``blobs``: a checkpoint and the deltas that follow it, in order.

    Raises what :func:`~adaptive_assets.ledger.codec.unpack` and ``decode`` raise for what is not theirs.
    """
    works: dict[str, Work] = {}
    scalars: dict[str, Json] = {}
    state: dict[str, dict[str, Json]] = {name: {} for name in COLLECTIONS}
    for blob in blobs:
        entry = unpack(blob)
        works |= {key: decode(Work, plain) for key, plain in entry["works"].items()}
        scalars |= entry["scalars"]
        for name, (gone, changed, placed) in entry["changes"].items():
            state[name] = follow(state[name], Changes(gone, changed, placed))
    long = {Work: works.__getitem__}
    members = {
        name: {key: decode(kind, plain, long) for key, plain in state[name].items()}
        for name, kind in COLLECTIONS.items()
    }
    snapshot = Snapshot(**{name: decode(SCALARS[name], plain) for name, plain in scalars.items()})
    return replace(
        snapshot,
        queued=tuple(members["queued"].values()),
        active=tuple(members["active"].values()),
        data=members["data"],
        backlogs=tuple(members["backlogs"].values()),
    )


def _checkpoint(snapshot: Snapshot, before: Collections) -> Draft:
    """``snapshot`` whole, which is to say: against nothing."""
    collections = _collections(snapshot)
    blob, works = _blob(_scalars(snapshot), {}, collections, {})
    return Draft(snapshot, blob, None, _arrivals(collections, before), collections, works)


def _delta(snapshot: Snapshot, last: _Last) -> Draft:
    """What changed in ``snapshot`` since the last one."""
    old, before = last.draft.snapshot, last.draft.collections
    collections = _collections(snapshot)
    was = _scalars(old)
    scalars = {
        name: value
        for name, value in _scalars(snapshot).items()
        if value is not was[name] and value != was[name]
    }
    blob, works = _blob(scalars, before, collections, last.draft.works)
    return Draft(snapshot, blob, last.checkpoint_id, _arrivals(collections, before), collections, works)


def _blob(
    scalars: Mapping[str, Any], before: Collections, after: Collections, known: Mapping[str, Work]
) -> tuple[bytes, Mapping[str, Work]]:
    """An entry of the ledger, and the work that it and the entries before it have told in full."""
    told: dict[str, Work] = {}

    def refer(work: Work) -> str:
        key = work_key(work)
        if key not in known:
            told[key] = work
        return key

    short = {Work: refer}
    found = {name: changes(before.get(name, {}), members) for name, members in after.items()}
    entry = {
        "works": {},
        "scalars": {name: encode(value) for name, value in scalars.items()},
        "changes": {
            name: [list(change.gone), encode(change.changed, short), encode(change.placed, short)]
            for name, change in found.items()
            if change
        },
    }
    entry["works"] = encode(told)
    return pack(entry), {**known, **told}


def _collections(snapshot: Snapshot) -> Collections:
    return {
        "queued": _keyed([(run.run_id, run) for run in snapshot.queued]),
        "active": _keyed([(run.run_id, run) for run in snapshot.active]),
        "data": snapshot.data,
        "backlogs": _keyed([(backlog.source, backlog) for backlog in snapshot.backlogs]),
    }


def _keyed(members: Sequence[tuple[str, V]]) -> Mapping[str, V]:
    """By key; should two members share one, by key and place, so that neither is lost."""
    keyed = dict(members)
    if len(keyed) == len(members):
        return keyed
    return {f"{place} {key}": member for place, (key, member) in enumerate(members)}


def _scalars(snapshot: Snapshot) -> Mapping[str, Any]:
    return {name: getattr(snapshot, name) for name in SCALARS}


def _arrivals(after: Collections, before: Collections) -> tuple[QueuedRun, ...]:
    known = before.get("queued", {})
    return tuple(run for key, run in after["queued"].items() if key not in known)
