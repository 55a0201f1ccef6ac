"""A cycle's part in acting on readiness: what its plan gives reason to request, and what gates wait for."""

import logging
from collections.abc import Sequence
from typing import Any

import dagster as dg

from adaptive_assets.assets.asset_keys import key_of
from adaptive_assets.assets.policy_assignment import PolicyAssignment, RunFacts
from adaptive_assets.coordinator.experience import Experience
from adaptive_assets.coordinator.parts import Parts
from adaptive_assets.coordinator.run_requests import RunRequests
from adaptive_assets.dagster_compat.run_creation import IMPLICIT_ASSET_JOB_NAME
from adaptive_assets.dagster_compat.version_evidence import newest_event
from adaptive_assets.ledger import Ledger, LedgerError
from adaptive_assets.planning.decisions import Plan, Verdict
from adaptive_assets.planning.snapshot import Snapshot, Work
from adaptive_assets.planning.wanted_requests import (
    Producers,
    RequestKind,
    made_by_runs_at_hand,
    wanted_requests,
)
from adaptive_assets.policy import PolicyBook

logger = logging.getLogger("dagster.adaptive_assets")


class Requesting:
    """Requests what the data of waiting runs needs. While the coordinator only observes, nothing."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        ledger: Ledger,
        parts: Parts,
        experience: Experience,
        *,
        observes: bool = False,
    ) -> None:
        self._instance = instance
        self._parts = parts
        self._experience = experience
        self._observes = observes
        self.requests = RunRequests(instance, ledger, parts)
        self._newest = 0
        self.awaited: tuple[Sequence[dg.AssetKey], int] = ((), 0)
        """The assets that closed gates wait for, and the id of the newest event before the cycle looked."""

    def begin(self, book: PolicyBook) -> None:
        """Before the cycle looks at data: what comes later is news to it."""
        self.awaited = ((), 0)
        if any(policy.gates.any_given for policy in (*book.policies, book.default)):
            self._newest = self._parts.attempt("requests", lambda: newest_event(self._instance), 0)

    def look(
        self, snapshot: Snapshot, plan: Plan, assignment: PolicyAssignment, workspace: Any | None
    ) -> None:
        """Ask for what ``plan`` gives reason for, and go on with what was asked. It never raises."""
        waits = {
            str(asset): None
            for decision in plan.decisions
            if decision.verdict is Verdict.DEFER
            for reason in decision.reasons
            if (asset := reason.numbers.get("asset"))
        }
        self.awaited = tuple(key_of(asset) for asset in waits), self._newest
        if not self._observes and not self._parts.has_failed("ledger"):
            self._parts.attempt_once(
                "requests", lambda: self._request(snapshot, plan, assignment, workspace), None
            )

    def _request(
        self, snapshot: Snapshot, plan: Plan, assignment: PolicyAssignment, workspace: Any | None
    ) -> None:
        producers = Producers(
            assignment.policy_of_asset,
            lambda asset: _work_of(asset, assignment),
            lambda work: self._experience.of_works([work]),
        )
        wanted = wanted_requests(snapshot, plan, assignment.book, producers)
        asked = [
            each
            for each in wanted
            if each.kind is not RequestKind.REFRESH or not made_by_runs_at_hand(each, snapshot)
        ]
        try:
            self.requests.ask(asked, workspace, snapshot.at)
            self.requests.carry_on(workspace, snapshot.at)
        except LedgerError as error:  # what is wrong with the ledger is told once, as its own
            self._parts.failed("ledger", error)


def _work_of(asset: str, assignment: PolicyAssignment) -> Work:
    facts = assignment.catalogue.assets.get(asset)
    location = facts.location if facts else ""
    return assignment.work_of(RunFacts(IMPLICIT_ASSET_JOB_NAME, location, (asset,), {}))
