"""Acts on a plan: run tags and events. Idempotent, and only what changed is written."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.coordinator import carried
from adaptive_assets.coordinator.parts import Parts
from adaptive_assets.coordinator.queue_watch import QueueWatch
from adaptive_assets.dagster_compat.events import EngineEventData
from adaptive_assets.dagster_compat.run_tags import rewrite_run_tags
from adaptive_assets.dagster_compat.storage import gather_tag_statistics, spare_event_file_check
from adaptive_assets.planning.decisions import AnyDecision, Decision, Plan, Verdict
from adaptive_assets.planning.short_forms import still_holds, tells_start
from adaptive_assets.planning.snapshot import DataState, QueuedRun

DEFERRALS_PER_CYCLE = 25
"""How many runs are told in one cycle why they wait. Telling one costs a tag and an event, some 10 ms; the
first in the queue are told first, and the others in the cycles after."""

LONG = 200
"""Runs in a queue that is long enough for the database to learn from it how tags are best found."""

FAILURES_IN_A_ROW = 3
"""After so many failures in a row it is asked whether the storage fails, or the runs."""

PROBE = "adaptive_assets/probe"
"""The key of a value in Dagster's storage that means nothing."""


def line(decision: AnyDecision) -> str:
    """The decision in one line of the daemon's log."""
    runs = decision.runs[0].run_id[:8] if len(decision.runs) == 1 else f"{len(decision.runs)} runs"
    mode = "" if decision.mode == tags.FULL else f" to {decision.mode}"
    work = f"{decision.work.name} ({decision.work.policy}, {decision.tier})"
    return f"{decision.verdict.capitalize()} {runs} of {work}{mode}: {decision.reason.sentence}"


class Enactment:
    """Writes plans to the runs of one instance. What fails for one run is told, and the others go on."""

    def __init__(self, instance: dg.DagsterInstance, queue: QueueWatch, parts: Parts) -> None:
        self._instance = instance
        self._queue = queue
        self._parts = parts
        self._learned = False
        self._failures = 0

    def enact(self, plan: Plan, decision_ids: Mapping[str, int], data: Mapping[str, DataState]) -> int:
        """Make the runs carry what ``plan`` says of them; returns how many are now free to launch.

        ``data`` is what was known of their inputs when it was made.

        Raises:
            Exception: what the storage raised, where it refuses one run after another.
        """
        self._failures = 0
        self._parts.attempt("statistics", lambda: self._prepare(plan), None)
        free = 0
        waiting: list[Decision] = []
        for decision in plan.decisions:
            match decision.verdict:
                case Verdict.LAUNCH | Verdict.DEGRADE:
                    for run in decision.runs:
                        admit = partial(self._admit, run, decision, decision_ids, data)
                        free += self._act("admit", run, admit)
                case Verdict.FAIL:
                    for run in decision.runs:
                        self._act("fail", run, partial(self._fail, run, decision, decision_ids))
                case Verdict.DEFER:
                    waiting.append(decision)
        self._defer(waiting, plan.starts)
        return free

    def _act(self, part: str, run: QueuedRun, act: Callable[[], None]) -> bool:
        """Whether ``act`` went well. A run that has left the queue meanwhile is nobody's fault."""
        try:
            act()
        except Exception as error:
            if self._has_left(run):
                return False
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                if not self._takes_writes():
                    raise
                self._failures = 0
            self._parts.failed(part, error, subject=f"run {run.run_id}")
            return False
        self._failures = 0
        return True

    def _takes_writes(self) -> bool:
        """Whether the storage takes another write: then it is the runs that fail, and others may go."""
        try:
            self._instance.daemon_cursor_storage.set_cursor_values({PROBE: ""})
        except Exception:  # noqa: BLE001  the error that led here tells it
            return False
        return True

    def _has_left(self, run: QueuedRun) -> bool:
        """Whether a user has deleted or cancelled the run since it was observed."""
        with suppress(Exception):  # the storage that cannot be read is told by the error that led here
            now = self._instance.get_run_by_id(run.run_id)
            return now is None or now.status is not dg.DagsterRunStatus.QUEUED
        return False

    def _prepare(self, plan: Plan) -> None:
        """Once in a long queue, see to it that a tag is rewritten as fast as in a short one."""
        if not self._learned and sum(len(decision.runs) for decision in plan.decisions) >= LONG:
            self._learned = True
            gather_tag_statistics(self._instance)

    def _admit(
        self,
        run: QueuedRun,
        decision: Decision,
        decision_ids: Mapping[str, int],
        data: Mapping[str, DataState],
    ) -> None:
        if run.admitted_mode == decision.mode:
            return
        degraded = carried.degraded_inputs(run, data)
        self._tell(run, decision, degraded)
        self._tag(run, carried.admitted(decision, decision_ids.get(run.run_id), degraded))

    def _fail(self, run: QueuedRun, decision: Decision, decision_ids: Mapping[str, int]) -> None:
        if self._has_left(run):
            return  # what a user has cancelled stays cancelled
        self._tag(run, carried.failed(decision, decision_ids.get(run.run_id)))
        self._tell(run, decision)
        self._instance.report_run_failed(
            self._queue.run(run.run_id), f"{decision.reason.sentence} (policy `{decision.work.policy}`)"
        )

    def _defer(self, waiting: Iterable[Decision], starts: Mapping[str, float]) -> None:
        """Hold every run, and tell the first in the queue why; what they were told is not told again."""
        budget = DEFERRALS_PER_CYCLE
        for decision in waiting:
            code, names = f"{decision.reason.code}:", _names_its_input(decision)
            for run in decision.runs:
                present, start = self._queue.run(run.run_id).tags, starts.get(run.run_id)
                told = present.get(tags.REASON, "").startswith(code)
                held = present.get(tags.ADMISSION) == tags.HELD
                told = told and names in present[tags.REASON]
                if held and (not budget or (told and _still_holds(present, decision, start))):
                    continue
                tell = not told and budget > 0
                budget -= budget > 0
                self._act("hold", run, partial(self._hold, run, decision, start, tell=tell))

    def _hold(self, run: QueuedRun, decision: Decision, start: float | None, *, tell: bool) -> None:
        if tell:
            self._tell(run, decision)
        self._tag(run, carried.waiting(decision, start))

    def _said(self, verdict: Verdict) -> str:
        return verdict.capitalize()

    def _tag(self, run: QueuedRun, wanted: Mapping[str, str]) -> None:
        """Let the run carry ``wanted``, and nothing else of ours."""
        present = self._queue.run(run.run_id).tags
        changed = {key: value for key, value in wanted.items() if present.get(key) != value}
        gone = {key for key in present if tags.is_ours(key) and key not in wanted}
        if changed or gone:
            rewrite_run_tags(self._instance, run.run_id, changed, gone)
            self._queue.tagged(run.run_id, changed, gone)

    def _tell(
        self, run: QueuedRun, decision: Decision, degraded: Mapping[str, str] = carried.NOTHING
    ) -> None:
        """The full sentences and their numbers, in the run's event log; and the modes of degraded inputs."""
        lines = [f"{reason.code}: {reason.sentence}" for reason in decision.reasons]
        mode = "" if decision.mode == tags.FULL else f" in mode {decision.mode}"
        metadata: dict[str, dg.MetadataValue] = {
            "policy": dg.MetadataValue.text(decision.work.policy),
            "tier": dg.MetadataValue.text(decision.tier),
            "reasons": dg.MetadataValue.json(
                [
                    {"code": reason.code.value, "sentence": reason.sentence, "numbers": dict(reason.numbers)}
                    for reason in decision.reasons
                ]
            ),
        }
        if degraded:
            metadata["degraded inputs"] = dg.MetadataValue.json(dict(degraded))
        spare_event_file_check(self._instance, run.run_id)
        self._instance.report_engine_event(
            f"{self._said(decision.verdict)}{mode}. " + "; ".join(lines),
            self._queue.run(run.run_id),
            EngineEventData(metadata),
        )


def _names_its_input(decision: Decision) -> str:
    """The input that the reason's sentence names, where the tag has that part of it.

    The few words in ``Waits`` do not tell two assets apart whose checks have one name.
    """
    subject = decision.reason.subject
    return subject if subject in carried.reason_text(decision) else ""


def _still_holds(present: Mapping[str, str], decision: Decision, starts_in_s: float | None) -> bool:
    """Whether a run that was told this reason before need not be told anew what it waits for.

    Numbers are as of the time at which they were told, but for the expected start, which is that of few runs.
    """
    told = present.get(tags.WAITS, "")
    if starts_in_s is None and not tells_start(told):
        return bool(told)
    return still_holds(told, decision.reason.short, starts_in_s)
