"""Requests that plans give reason for: each is written to the ledger once, and carried out once.

A request is a row before anything is done. Its run has an id that follows from the key of the row, so that a
daemon that is killed between writing, creating and submitting finds what is there already.
"""

import logging
from collections.abc import Iterable
from functools import partial
from math import inf
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.assets.asset_keys import key_of
from adaptive_assets.assets.rollback import NothingToRollBackError
from adaptive_assets.coordinator.parts import Parts
from adaptive_assets.coordinator.request_runs import carry_out, ended_well
from adaptive_assets.dagster_compat.run_creation import LocationAwayError, locations_of_checks
from adaptive_assets.dagster_compat.runs import FINISHED_STATUSES
from adaptive_assets.dagster_compat.version_evidence import is_being_judged, is_being_made, version_id
from adaptive_assets.dagster_compat.versions import materializations
from adaptive_assets.ledger import Ledger, RequestState, RunRequestRow
from adaptive_assets.ledger.texts import storable
from adaptive_assets.planning.wanted_requests import RequestKind, Wanted
from adaptive_assets.policy.text import bounded

MOST_LOOKED_AT: Final = 25
"""How many wanted requests are looked at in one cycle: each takes some reads."""
MOST_CARRIED_OUT: Final = 5
"""How many runs are created in one cycle: each asks a code server for its plan, in some 0.1 s."""
AGAIN_S: Final = 60.0
"""After how long a wanted request that led to nothing is looked at again."""
TRIES: Final = 2
"""How often a run is created for one request, where it ends without having done what was asked; and how
often it is tried to create one, where that fails."""
ERROR_AGAIN_S: Final = 30.0
"""How long a request is left alone of which a run could not be created."""
LONGEST_WHY: Final = 500
"""Characters of what a tag says of a request."""

logger = logging.getLogger("dagster.adaptive_assets")


class RunRequests:
    """What one daemon requests. A fault of one request is told, and stops no other."""

    def __init__(self, instance: dg.DagsterInstance, ledger: Ledger, parts: Parts) -> None:
        self._instance = instance
        self._ledger = ledger
        self._parts = parts
        self._looked_at: dict[Wanted, tuple[float, str]] = {}
        self._errors: dict[str, tuple[int, float]] = {}
        """How often a request has failed to be carried out, and until when it is left alone."""
        self._some_open = True  # until it was looked, after a restart

    def ask(self, wanted: Iterable[Wanted], workspace: Any | None, now: float) -> None:
        """Write down what is asked for the first time, and tell of what was asked for in vain.

        ``workspace`` is the daemon's, to tell checks of several code locations apart. Call it before
        :meth:`carry_on`: what is wanted was seen before the last runs were found to have ended.
        """
        looked = 0
        present = dict.fromkeys(wanted)
        self._looked_at = {each: known for each, known in self._looked_at.items() if each in present}
        for each in present:
            until, message = self._looked_at.get(each, (-inf, ""))
            if now >= until and looked < MOST_LOOKED_AT:
                looked += 1
                ask = partial(self._ask, each, workspace, now)
                found = self._parts.attempt("requests", ask, None, subject=each.subject)
                self._looked_at[each] = (-inf if found is None else now + AGAIN_S), found or ""
                message = found or ""
            if message:
                self._parts.fault("requests", message, subject=each.subject)

    def request(
        self,
        kind: RequestKind,
        asset: str,
        partition: str,
        why: str,
        key: str,
        *,
        at: float,
        checks: tuple[str, ...] = (),
        job: str = "",
    ) -> bool:
        """Ask for something that no gate asks for, such as an incident's action; whether ``key`` is new.

        A validation needs ``checks``, a repair a ``job``.

        Raises:
            LedgerError: it could not be written.
        """
        body = {
            "checks": list(checks),
            "job": job,
            "version": version_id(self._instance, key_of(asset), partition),
        }
        return self._add(RunRequestRow(key, kind.value, asset, partition, why, at, body))

    def carry_on(self, workspace: Any | None, now: float) -> bool:
        """Follow the runs of requests, and carry out what is asked; whether a run was submitted.

        ``workspace`` is the daemon's; without it nothing is launched.
        """
        if not self._some_open:
            return False
        submitted = 0
        rows = self._ledger.run_requests.unsettled()
        self._some_open = bool(rows)
        for row in rows:
            subject = f"request {row.key}"
            if row.state == RequestState.LAUNCHED:
                self._parts.attempt("requests", partial(self._follow, row, now), None, subject=subject)
            elif workspace is None or now < self._errors.get(row.key, (0, -inf))[1]:
                continue
            elif submitted < MOST_CARRIED_OUT:
                act = partial(self._carry_out, row, workspace, now)
                submitted += self._parts.attempt("requests", act, False, subject=subject)
        return submitted > 0

    def _ask(self, wanted: Wanted, workspace: Any | None, now: float) -> str | None:
        """``None`` where something is under way; else it is settled, and this is to be told, if anything."""
        rows = self._ledger.run_requests.of(wanted.asset, wanted.partition)
        if any(row.state in (RequestState.ASKED, RequestState.LAUNCHED) for row in rows):
            return None
        asset = key_of(wanted.asset)
        version = version_id(self._instance, asset, wanted.partition)
        same = [row for row in rows if row.kind == wanted.kind and row.body.get("version") == version]
        if wanted.kind is RequestKind.REPAIR:
            return self._ask_for_repair(wanted, rows, version, now)
        checks = wanted.checks
        if wanted.kind is RequestKind.VALIDATE:
            asked = {check for row in same for check in row.body.get("checks", ())}
            checks = tuple(check for check in wanted.checks if check not in asked)
        elif same:
            checks = ()
        if same and not checks:
            return _asked_before(wanted, same[0])
        if wanted.kind is RequestKind.VALIDATE:
            if is_being_judged(self._instance, asset, checks, wanted.partition) or is_being_made(
                self._instance, asset, wanted.partition, queued=False
            ):
                return None
            checks = _of_one_location(asset, checks, workspace)
        if wanted.kind is RequestKind.REFRESH and is_being_made(self._instance, asset, wanted.partition):
            return None
        names = f":{','.join(checks)}" if wanted.kind is RequestKind.VALIDATE else ""
        key = f"{wanted.kind}:{wanted.subject}:{version}{names}"
        self._write(wanted, key, checks, version, now)
        return None

    def _ask_for_repair(
        self, wanted: Wanted, rows: list[RunRequestRow], version: int | None, now: float
    ) -> str | None:
        since = -inf if wanted.good_at is None else wanted.good_at
        # those by another job are not counted: it was misnamed, or replaced
        asked = [row for row in rows if row.kind == RequestKind.REPAIR and row.body.get("job") == wanted.job]
        asked = [row for row in asked if row.at > since]
        bodies = [row.body.get("version") for row in asked]
        made = materializations(self._instance, {each for each in bodies if isinstance(each, int)}, tags.MODE)
        helped = {number for number, each in made.items() if each.at <= since}
        repairs = [row for row in asked if row.body.get("version") not in helped]
        if len(repairs) >= wanted.tries:
            times = "once" if len(repairs) == 1 else f"{len(repairs)} times"
            return (
                f"{wanted.subject} was repaired {times} by the job `{wanted.job}` and still fails"
                f" {', '.join(wanted.checks)}: it is not repaired again (policy `{wanted.policy}`);"
                " look at its last run, or make the data anew"
            )
        first = repairs[-1].at if repairs else now
        key = f"repair:{wanted.subject}:{first!r}:{len(repairs) + 1}"
        self._write(wanted, key, wanted.checks, version, now)
        return None

    def _write(
        self, wanted: Wanted, key: str, checks: tuple[str, ...], version: int | None, now: float
    ) -> None:
        why = _why(wanted, checks)
        body = {"checks": list(checks), "job": wanted.job, "version": version, "policy": wanted.policy}
        row = RunRequestRow(key, wanted.kind.value, wanted.asset, wanted.partition, why, now, body)
        if self._add(row):
            logger.info("Request %s: %s", key, why)

    def _add(self, row: RunRequestRow) -> bool:
        self._some_open = True
        return self._ledger.run_requests.add(row)

    def _carry_out(self, row: RunRequestRow, workspace: Any, now: float) -> bool:
        """Whether its run was submitted; an event alone is no run."""
        run_id = str(uuid5(NAMESPACE_URL, f"adaptive-assets/{row.key}#{row.attempt}"))
        try:
            launched = carry_out(self._instance, workspace, row, run_id)
        except LocationAwayError as error:
            self._parts.fault(
                "requests", f"{row.why}: it waits, because {error}", subject=f"request {row.key}"
            )
            return False
        except NothingToRollBackError as error:  # nothing that another try would change
            self._move(row, RequestState.FAILED, now, None, str(error))
            return False
        except Exception as error:
            # the attempt stays the same, and so does the id of a run that was made already
            times = self._errors.get(row.key, (0, 0.0))[0] + 1
            self._errors[row.key] = times, now + ERROR_AGAIN_S
            if times >= TRIES:
                del self._errors[row.key]
                self._move(row, RequestState.FAILED, now, None, f"{type(error).__name__}: {error}")
            raise
        self._errors.pop(row.key, None)
        self._move(
            row, RequestState.LAUNCHED if launched else RequestState.DONE, now, run_id if launched else None
        )
        return launched

    def _follow(self, row: RunRequestRow, now: float) -> None:
        run = self._instance.get_run_by_id(row.run_id) if row.run_id else None
        if run is None:
            self._move(row, RequestState.FAILED, now, row.run_id, "its run was deleted")
            return
        if run.status not in FINISHED_STATUSES:
            return
        if ended_well(self._instance, row, run):
            if row.kind == RequestKind.REPAIR:
                self._validate_repaired(row, run, now)
            self._move(row, RequestState.DONE, now, run.run_id)
            return
        said = f"its run {run.run_id[:8]} ended as {run.status.value}"
        cancelled = run.status is dg.DagsterRunStatus.CANCELED
        if row.kind == RequestKind.REPAIR or cancelled or row.attempt >= TRIES:
            self._move(row, RequestState.FAILED, now, run.run_id, said)
            self._parts.notice("requests", f"{row.why}: {said}")
        else:
            self._move(row, RequestState.ASKED, now, None, said, attempt=row.attempt + 1)

    def _validate_repaired(self, row: RunRequestRow, run: dg.DagsterRun, now: float) -> None:
        """Ask for the failed checks of what was repaired; before the repair is settled, or it may be lost."""
        checks = row.body.get("checks", ())
        subject = f"{row.asset}[{row.partition}]" if row.partition else row.asset
        version = version_id(self._instance, key_of(row.asset), row.partition)
        why = f"validate {', '.join(checks)} of {subject}, which run {run.run_id[:8]} has repaired"
        body = {"checks": list(checks), "job": "", "version": version}
        key = f"validate:{subject}:after {run.run_id}"
        kind = RequestKind.VALIDATE.value
        self._add(RunRequestRow(key, kind, row.asset, row.partition, why, now, body))

    def _move(
        self,
        row: RunRequestRow,
        state: RequestState,
        now: float,
        run_id: str | None,
        said: str = "",
        *,
        attempt: int | None = None,
    ) -> None:
        self._ledger.run_requests.move(
            row, state, at=now, run_id=run_id, said=said, attempt=row.attempt if attempt is None else attempt
        )


def _of_one_location(asset: dg.AssetKey, checks: tuple[str, ...], workspace: Any | None) -> tuple[str, ...]:
    """Those of the checks that one run can execute; the others are asked for once it has ended."""
    if workspace is None or len(checks) == 1:
        return checks
    keys = [dg.AssetCheckKey(asset, name) for name in checks]
    places = locations_of_checks(workspace.create_request_context(), keys)
    return tuple(key.name for key in next(iter(places.values()))) if places else checks


def _why(wanted: Wanted, checks: tuple[str, ...]) -> str:
    match wanted.kind:
        case RequestKind.VALIDATE:
            what = f"validate {', '.join(checks)} of {wanted.subject}, not evaluated"
        case RequestKind.REFRESH:
            what = f"refresh {wanted.subject}, which is stale"
        case RequestKind.REPAIR:
            what = f"repair {wanted.subject}, which failed {', '.join(checks)}"
        case RequestKind.ROLLBACK:
            what = f"roll back {wanted.subject}, which failed {', '.join(checks)}"
        case _:
            what = f"quarantine {wanted.subject}, which failed {', '.join(checks)}"
    return storable(bounded(f"{what} (policy `{wanted.policy}`)", LONGEST_WHY))


def _asked_before(wanted: Wanted, row: RunRequestRow) -> str:
    """What to tell of a request that was settled and has not helped."""
    if wanted.kind is RequestKind.QUARANTINE:
        return ""
    by = f" by run {row.run_id[:8]}" if row.run_id else ""
    said = f" ({row.said})" if row.said else ""
    if wanted.kind is RequestKind.ROLLBACK:
        return f"{wanted.subject} is not rolled back{said}: it is not tried again for this version"
    if wanted.kind is RequestKind.REFRESH:
        return f"{wanted.subject} is still stale after the refresh{by}{said}: it is not asked for again"
    return (
        f"{', '.join(wanted.checks)} of {wanted.subject} is still not evaluated after the validation{by}"
        f"{said}: it is not asked for again for this version; look at that run, or run the check yourself"
    )
