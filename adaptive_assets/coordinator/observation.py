"""What takes the place of enactment while the coordinator only observes: one tag says what would be done."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from typing_extensions import override

from adaptive_assets.assets import tags
from adaptive_assets.coordinator.enactment import Enactment
from adaptive_assets.planning.decisions import Decision, Plan, Verdict
from adaptive_assets.planning.snapshot import DataState, QueuedRun

TOLD_PER_CYCLE: Final = 100
"""How many runs are told in one cycle: it costs a tag and an event, some 15 ms, where a launch takes a second
or more. Those that Dagster launches first are told first."""


def would_text(decision: Decision) -> str:
    """The tag: ``launch``, ``defer: memory``, ``degrade to reduced: deadline``."""
    if decision.verdict is Verdict.LAUNCH and decision.mode == tags.FULL:
        return decision.verdict.value
    mode = "" if decision.mode == tags.FULL else f" to {decision.mode}"
    return f"{decision.verdict.value}{mode}: {decision.reason.code}"


class Observation(Enactment):
    """Holds, degrades and fails nothing."""

    @override
    def enact(self, plan: Plan, decision_ids: Mapping[str, int], data: Mapping[str, DataState]) -> int:
        """Tell the runs what ``plan`` says of them; returns how many are free to launch, which are all.

        Raises:
            Exception: what the storage raised, where it refuses one run after another.
        """
        self._failures = 0
        left, queued = TOLD_PER_CYCLE, 0
        for run, decision in _in_stocks_order(plan):
            queued += 1
            carries = self._queue.run(run.run_id).tags
            would = would_text(decision)
            tell = left > 0 and carries.get(tags.WOULD) != would
            left -= tell
            if tell or _does_less(carries):
                self._act("observe", run, partial(self._show, run, decision, would, tell=tell))
        return queued

    def _show(self, run: QueuedRun, decision: Decision, would: str, *, tell: bool) -> None:
        if tell:
            self._tell(run, decision)
        self._tag(run, {**by_hand(self._queue.run(run.run_id).tags), tags.WOULD: would})

    @override
    def _said(self, verdict: Verdict) -> str:
        return f"Only observed: would {verdict}"


def by_hand(carries: Mapping[str, str]) -> dict[str, str]:
    """The mode that a run was given by hand, which is honoured, as without a coordinator.

    A run that carries an admission has its mode from the coordinator, when it acted.
    """
    if tags.read(carries, tags.ADMISSION):
        return {}
    keys = (tags.MODE, tags.MODE_PARAMETERS, tags.plain(tags.MODE_PARAMETERS))
    return {key: carries[key] for key in keys if key in carries}


def _does_less(carries: Mapping[str, str]) -> bool:
    """Whether it was admitted to do less, and is not launched yet."""
    return bool(tags.read(carries, tags.ADMISSION)) and tags.mode(carries) != tags.FULL


def _in_stocks_order(plan: Plan) -> Iterator[tuple[QueuedRun, Decision]]:
    """By ``dagster/priority``, then as submitted."""
    decided = [(run, decision) for decision in plan.decisions for run in decision.runs]
    yield from sorted(decided, key=lambda each: (-each[0].priority, each[0].submitted_at))
