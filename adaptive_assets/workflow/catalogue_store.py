"""Carries the catalogue from where runs are submitted, and assets are known, to the daemon."""

import threading

from adaptive_assets.ledger import Ledger
from adaptive_assets.policy import Catalogue
from adaptive_assets.workflow.catalogues import catalogues_of, merged
from adaptive_assets.workflow.dagster_private import RemoteWorkspaceAssetGraph

__all__ = ["CatalogueStore"]


class CatalogueStore:
    """The catalogue of all code locations, shared through the ledger; safe to share between threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._graph: RemoteWorkspaceAssetGraph | None = None
        self._local = Catalogue({}, {})
        self._unpublished: dict[str, Catalogue] = {}
        self._digests: dict[str, str] = {}
        self._shared = Catalogue({}, {})

    def describe(self, graph: RemoteWorkspaceAssetGraph) -> tuple[Catalogue, dict[str, Catalogue]]:
        """The catalogue of ``graph``, and the parts of it that :meth:`publish` has not been given yet.

        Dagster keeps one graph object until a location is reloaded, so the identity says whether it is new.
        """
        with self._lock:
            if graph is not self._graph:
                parts = catalogues_of(graph)
                self._local = merged(parts.values())
                self._graph = graph
                self._unpublished = parts
            return self._local, self._unpublished

    def publish(self, parts: dict[str, Catalogue], now: float) -> None:
        """Put ``parts`` into the ledger; what it holds already costs nothing.

        Raises:
            LedgerError: the ledger cannot be written; the parts are offered again next time.
        """
        for location, catalogue in parts.items():
            self._ledger.record_catalogue(
                at=now, location=location, digest=catalogue.digest, body=catalogue.to_json()
            )
        with self._lock:
            self._unpublished = {}

    def shared(self) -> Catalogue:
        """The catalogue that all processes have published, as of now.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        digests = self._ledger.catalogue_digests()
        with self._lock:
            if digests != self._digests:
                bodies = self._ledger.catalogues().values()
                self._shared = merged(Catalogue.from_json(body) for body in bodies)
                self._digests = digests
            return self._shared
