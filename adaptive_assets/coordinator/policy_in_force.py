"""Which policy book rules over which assets: the policy file and the daemon's workspace, followed."""

from typing import Any

from adaptive_assets.assets.policy_assignment import PolicyAssignment, governed
from adaptive_assets.coordinator.book_watch import BookWatch
from adaptive_assets.coordinator.catalogue_store import CatalogueStore
from adaptive_assets.coordinator.parts import Parts
from adaptive_assets.dagster_compat.workspace import code_locations
from adaptive_assets.policy import Catalogue, PolicyBook, PolicyError, Problem


class PolicyInForce:
    """The governance that holds now, brought up to date once a cycle."""

    def __init__(self, books: BookWatch, catalogues: CatalogueStore, parts: Parts) -> None:
        last_good = books.last_good
        self._books = books
        self._catalogues = catalogues
        self._parts = parts
        # The book that was last in force, for the case that the file is broken now.
        self.assignment = PolicyAssignment(last_good.book, Catalogue())
        self._good = self.assignment if last_good.read else None
        self._seen: tuple[str, Catalogue] | None = None
        self._misfit: tuple[Problem, ...] = ()

    @property
    def book(self) -> PolicyBook:
        """The book in force."""
        return self.assignment.book

    def update(self, now: float, workspace: Any | None) -> bool:
        """Look at the policy file and at ``workspace``, the dequeue daemon's; true when something changed.

        What is refused leaves the last good book in force, and is told.
        """
        catalogue = self._catalogue(now, workspace)
        state = self._books.current()
        revision = state.book.revision
        changed = self._seen is None or self._seen[0] != revision or self._seen[1] is not catalogue
        if changed:
            self.assignment, self._misfit = governed(self._good, state.book, catalogue)
            self._good = self.assignment if state.read else self._good
            self._seen = (revision, catalogue)
        self._tell(state.refused, revision)
        if catalogue.problems:
            self._parts.fault("assets", "\n".join(catalogue.problems))
        else:
            self._parts.works("assets")
        return changed

    def _tell(self, refused: PolicyError | None, revision: str) -> None:
        in_force = self.book.revision
        misfit = PolicyError(self._misfit)
        if refused or in_force != revision:
            self._parts.fault("policy", f"{refused or misfit}\nThe policy book {in_force} stays in force.")
        elif self._misfit:
            self._parts.fault("policy", f"{misfit}\nAll else in the policy book goes on.")
        else:
            self._parts.works("policy")

    def _catalogue(self, now: float, workspace: Any | None) -> Catalogue:
        """What is known of the assets now; where the workspace cannot be read, what was known before."""
        known = self.assignment.catalogue
        if workspace is None:
            return known
        store = self._catalogues
        catalogue = self._parts.attempt("workspace", lambda: store.of(code_locations(workspace)), known)
        if catalogue.unknown:
            catalogue = self._parts.attempt_once("ledger", lambda: store.recall(now), catalogue)
        self._parts.attempt_once("ledger", lambda: store.publish(now, whole=True), None)
        return catalogue
