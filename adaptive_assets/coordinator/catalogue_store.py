"""The catalogue of the workspace of this process, kept in the ledger for when a location fails to load."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from adaptive_assets.assets.catalogues import catalogue_of, merged
from adaptive_assets.dagster_compat.workspace import CodeLocationEntry
from adaptive_assets.ledger import Ledger
from adaptive_assets.policy import Catalogue

AGAIN_S: Final = 60.0
"""After how long the ledger is asked again, for what it lacks and for what is missing here."""

_NOTHING: Final = Catalogue()


class CatalogueStore:
    """The catalogue of all code locations of a workspace; safe to share between threads.

    A location that is loaded says itself what it has. Of one that fails to load, what was last known counts:
    from memory, else from the ledger. One that the workspace does not have does not count.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._entries: Mapping[str, CodeLocationEntry] | None = None
        self._versions: dict[str, str] = {}
        self._known: dict[str, Catalogue] = {}
        self._problems: tuple[str, ...] = ()
        self._recalled_at: float | None = None
        self._current = _NOTHING
        self._published: dict[str, str] = {}
        self._checked_at: float | None = None
        self._retired_for: frozenset[str] | None = None

    def of(self, entries: Mapping[str, CodeLocationEntry]) -> Catalogue:
        """The catalogue of a workspace; the same object while it says the same.

        Dagster keeps one mapping of entries until a location is loaded anew, so the identity says whether
        there is anything to look at.
        """
        with self._lock:
            if entries is not self._entries:
                self._entries = entries
                self._take_in(entries)
            return self._current

    def recall(self, now: float) -> Catalogue:
        """The catalogue with what the ledger has of locations of which nothing is known, as of ``now``.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        with self._lock:
            wanted = self._current.unknown
            if not wanted or not _is_due(self._recalled_at, now):
                return self._current
            self._recalled_at = now
        bodies = self._ledger.catalogues()
        with self._lock:
            for name in wanted:
                catalogue = _read(bodies.get(name))
                if catalogue != _NOTHING:
                    self._known.setdefault(name, catalogue)
            self._merge()
            return self._current

    def publish(self, now: float, *, whole: bool = False) -> None:
        """Put into the ledger what it lacks of the locations that are loaded here; mostly that costs nothing.

        ``whole`` says that no other process has more locations than this one: what the ledger has of others
        is then put out of force.

        Raises:
            LedgerError: the ledger cannot be written; all is offered again next time.
        """
        with self._lock:
            names = frozenset(self._entries or ())
            here = {name: self._known[name] for name in self._versions}
            changed = {name for name, one in here.items() if self._published.get(name) != one.digest}
            gone = whole and names != self._retired_for
            if not changed and not gone and not _is_due(self._checked_at, now):
                return
        digests = self._ledger.catalogue_digests()
        for name, catalogue in here.items():
            # What another process has said since of a location that did not change here is newer: it stays.
            is_lacking = digests.get(name, _NOTHING.digest) == _NOTHING.digest
            if digests.get(name) != catalogue.digest and (name in changed or is_lacking):
                self._record(name, catalogue, now)
        for name in digests.keys() - names if gone else ():
            if digests[name] != _NOTHING.digest:
                self._record(name, _NOTHING, now)
        with self._lock:
            self._published |= {name: catalogue.digest for name, catalogue in here.items()}
            self._checked_at = now
            self._retired_for = names if whole else self._retired_for

    def _record(self, name: str, catalogue: Catalogue, now: float) -> None:
        self._ledger.record_catalogue(
            at=now, location=name, digest=catalogue.digest, body=catalogue.to_json()
        )

    def _take_in(self, entries: Mapping[str, CodeLocationEntry]) -> None:
        self._versions = {name: key for name, key in self._versions.items() if name in entries}
        self._known = {name: one for name, one in self._known.items() if name in entries}
        problems = []
        for name, entry in entries.items():
            if entry.code_location is None:
                self._versions.pop(name, None)
            elif self._versions.get(name) != entry.version_key:
                try:
                    self._known[name] = catalogue_of(entry.code_location)
                    self._versions[name] = entry.version_key
                except Exception as error:  # noqa: BLE001  what one location holds concerns it alone
                    self._versions.pop(name, None)
                    problems.append(
                        f"the assets of the code location `{name}` cannot be read, so what was last known of"
                        f" them counts: {type(error).__name__}: {error}; mend it and reload the location"
                    )
        self._problems = tuple(problems)
        self._recalled_at = None
        self._merge()

    def _merge(self) -> None:
        whole = merged(self._known, (self._entries or {}).keys() - self._known.keys())
        whole = replace(whole, problems=self._problems + whole.problems)
        if whole != self._current:
            self._current = whole


def _read(body: str | None) -> Catalogue:
    try:
        return Catalogue.from_json(body) if body is not None else _NOTHING
    except ValueError:
        return _NOTHING  # of another version, or damaged: it is as if nothing were known


def _is_due(last: float | None, now: float) -> bool:
    return last is None or not 0 <= now - last < AGAIN_S
