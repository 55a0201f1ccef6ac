"""When will a queued run start? The same ``plan()``, run forward."""

from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import replace

from adaptive_assets.planning.decisions import Decision, Verdict
from adaptive_assets.planning.expected_completions import ends_at
from adaptive_assets.planning.planner import Planner
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.snapshot import (
    ActiveRun,
    Claims,
    MachineReading,
    QueuedRun,
    SlotLimit,
    Snapshot,
)
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy import PolicyBook

Starts = Generator[None, None, Mapping[str, float]]
"""A prediction that is made plan by plan, so that whoever has other things to do can do them in between."""


def predict(snapshot: Snapshot, book: PolicyBook, run_ids: Collection[str]) -> Mapping[str, float]:
    """Seconds from now until each of ``run_ids`` is launched, if everything takes its median.

    Left out is what is not launched within the horizon, or cannot be foreseen: a gate, say, that only new
    data can open.  Nothing is said of how far this holds: runs take longer or shorter, and new ones come.
    """
    steps = predicting(snapshot, book, run_ids)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            found: Mapping[str, float] = done.value
            return found


def predicting(snapshot: Snapshot, book: PolicyBook, run_ids: Collection[str]) -> Starts:
    """As :func:`predict`, and pauses after each plan."""
    wanted = {run.run_id for run in snapshot.queued} & set(run_ids)
    return _Future(snapshot, book).starts(wanted)


class _Future:
    """The future of a snapshot in which everything takes its median."""

    def __init__(self, snapshot: Snapshot, book: PolicyBook) -> None:
        self._snapshot = snapshot
        self._book = book
        self._plan = Planner()
        self._requests = ResourceRequests(snapshot, book)
        self._ends: dict[str, float] = {}
        self._held: dict[str, tuple[str, float, float]] = {}
        self._claims: dict[str, Claims] = {}
        self._shown = {run.run_id for run in snapshot.active}
        self._unmeasured = {run.run_id for run in snapshot.active if run.cpu_used is None}
        """Active runs of whose CPU nothing is in what the reading has as ours."""
        for run in snapshot.active:
            request = self._requests.of_run(run, run.mode)
            self._ends[run.run_id] = ends_at(run, request, snapshot.at, TUNING)
            cpu = request.cpu if run.cpu_used is None else run.cpu_used
            memory = request.memory if run.memory_used is None else run.memory_used
            self._held[run.run_id] = (run.node, cpu, float(memory))

    def starts(self, wanted: Collection[str]) -> Starts:
        """Seconds from now to the launch of each of ``wanted`` that is launched within the horizon."""
        found: dict[str, float] = {}
        now, idle = self._snapshot, TUNING.idle_step_s
        for _ in range(TUNING.prediction_plans):
            decided = self._plan(now, self._book)
            yield
            gone = {
                run.run_id: decision
                for decision in decided.decisions
                if decision.verdict.admits or decision.verdict is Verdict.FAIL
                for run in decision.runs
            }
            found |= {
                run_id: now.at - self._snapshot.at
                for run_id, decision in gone.items()
                if run_id in wanted and decision.verdict.admits
            }
            if len(found) == len(wanted):
                break
            started = list(self._launched(decided.admitted(), now.at))
            limits = self._counted(now.limits, {run.run_id for run in started}, -1)
            now = replace(now, active=(*now.active, *started), promoted_at=decided.promoted_at, limits=limits)
            idle = TUNING.idle_step_s if gone else min(TUNING.longest_step_s, idle * 2)
            at = min(self._ends.values(), default=now.at + idle)
            if not gone and at == now.at:
                at = now.at + idle
            if at - self._snapshot.at > TUNING.horizon_s:
                break
            queued = tuple([run for run in now.queued if run.run_id not in gone])
            now = self._advance(replace(now, queued=queued), at)
            if not now.queued:
                break
        return found

    def _launched(self, admitted: Iterator[Decision], at: float) -> Iterator[ActiveRun]:
        for decision in admitted:
            run: QueuedRun = decision.runs[0]
            request = self._requests.of_run(run, decision.mode)
            active = ActiveRun(
                run.run_id,
                run.work,
                decision.mode,
                launched_at=at,
                started_at=at,
                cpu_used=request.cpu,
                memory_used=request.memory,
                node=decision.node,
                submitted_at=run.submitted_at,
                deadline_at=run.deadline_at,
                estimate=run.estimate,
            )
            self._ends[run.run_id] = at + TUNING.launch_s + request.median
            self._held[run.run_id] = (decision.node, request.cpu, float(request.memory))
            if run.claims is not None:
                self._claims[run.run_id] = run.claims
            yield active

    def _counted(
        self, limits: Mapping[str, SlotLimit], run_ids: Collection[str], sign: int
    ) -> Mapping[str, SlotLimit]:
        """The limits once the slots of these runs are taken (``sign`` is -1) or given back (1).

        Those of runs that were active from the start are not known, and stay taken.
        """
        counted = dict(limits)
        for claims in [self._claims[run_id] for run_id in run_ids if run_id in self._claims]:
            for key, count in claims.taken.items():
                if key in counted:
                    counted[key] = replace(counted[key], free=counted[key].free + sign * count)
        return counted

    def _advance(self, now: Snapshot, at: float) -> Snapshot:
        """The snapshot at ``at``: what has ended is gone, and what was launched shows in the readings."""
        ended = {run_id for run_id, end in self._ends.items() if end <= at}
        for run_id in ended:
            del self._ends[run_id]
        active = tuple([run for run in now.active if run.run_id not in ended])
        launches = (*now.launches, *(run.launched_at for run in now.active if run.run_id in ended))
        limits = self._counted(now.limits, ended, 1)
        still = {run.run_id for run in active}
        machine = now.machine and self._reading(now.machine, "", still, at, alone=True)
        nodes = tuple(
            replace(
                node,
                heard_at=node.heard_at + at - now.at,
                reading=node.reading and self._reading(node.reading, node.name, still, at, alone=False),
            )
            for node in now.nodes
        )
        return replace(
            now, at=at, active=active, machine=machine, nodes=nodes, launches=launches, limits=limits
        )

    def _reading(
        self, reading: MachineReading, name: str, still: Collection[str], at: float, *, alone: bool
    ) -> MachineReading:
        """Strangers use what they use now; of ours, what is still active or was launched meanwhile."""
        cpu, memory, measured = reading.cpu_used, float(reading.memory_used), 0.0
        for run_id, (node, cores, size) in tuple(self._held.items()):
            if not alone and node != name:
                continue
            shown = run_id in self._shown
            if run_id in still and not shown:
                cpu, memory, measured = cpu + cores, memory + size, measured + cores
                self._shown.add(run_id)
            elif run_id not in still and shown:
                cpu, memory = cpu - cores, memory - size
                measured -= 0.0 if run_id in self._unmeasured else cores
                self._shown.discard(run_id)
        ours = None if reading.our_cpu is None else max(0.0, reading.our_cpu + measured)
        return replace(
            reading, at=at, cpu_used=max(0.0, cpu), memory_used=max(0, round(memory)), our_cpu=ours
        )
