"""A tiny world that obeys its plans: runs take what they are expected to, on machines without strangers.

It has none of the physics of the simulator, so what goes wrong in it is the planner's doing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from adaptive_assets.planning.decisions import Plan, Verdict
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.resource_request import request_of
from adaptive_assets.planning.snapshot import (
    Action,
    ActiveRun,
    MachineReading,
    Node,
    QueuedRun,
    RunState,
    Snapshot,
    Work,
)
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy import PolicyBook

__all__ = ["ALL", "GIB", "START", "Toy"]

START: Final = 1_781_524_800.0
GIB: Final = 2**30
ALL: Final = (Action.SUSPEND, Action.REQUEUE)
LEAVES_S: Final = 5.0


@dataclass(slots=True)
class Toy:
    """Machines by name with cores and bytes, and one plan every ``cycle_s`` seconds.

    ``history`` has, of each run, every verdict that changed what it does, with the time of it.
    """

    book: PolicyBook
    machines: dict[str, tuple[float, int]]
    actions: tuple[Action, ...] = ()
    cycle_s: float = 5.0
    half_life_s: float = 3600.0
    run_limit: int | None = None
    at: float = START
    queued: list[QueuedRun] = field(default_factory=list)
    active: dict[str, ActiveRun] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    launched: dict[str, float] = field(default_factory=dict)
    history: dict[str, list[tuple[float, Verdict]]] = field(default_factory=dict)
    usage: dict[str, float] = field(default_factory=dict)
    submitted: dict[str, float] = field(default_factory=dict)
    works: dict[str, Work] = field(default_factory=dict)
    promoted_at: float | None = None

    def submit(self, policy: str, run_id: str, *, ago: float = 0.0, priority: int = 0) -> None:
        """Queue a run of a kind that is named after its policy."""
        work = self.works.setdefault(policy, Work(policy, policy))
        self.submitted[run_id] = self.at - ago
        self.queued.append(QueuedRun(run_id, work, self.at - ago, priority))

    def waiting(self, policy: str) -> int:
        """How many runs of ``policy`` are queued."""
        return sum(run.work.policy == policy for run in self.queued)

    def snapshot(self) -> Snapshot:
        """What is true now."""
        nodes = tuple(
            Node(name, self._reading(name, *size), self.at) for name, size in self.machines.items() if name
        )
        return Snapshot(
            self.at,
            tuple(self.queued),
            tuple(self.active.values()),
            machine=None if nodes else self._reading("", *self.machines[""]),
            run_limit=self.run_limit,
            nodes=nodes,
            usage=dict(self.usage),
            promoted_at=self.promoted_at,
            launches=tuple(at for run_id, at in self.launched.items() if run_id not in self.active),
        )

    def cycle(self) -> Plan:
        """Plan, do what the plan says, and let time pass."""
        decided = plan(self.snapshot(), self.book)
        self.promoted_at = decided.promoted_at
        going = {each.runs[0].run_id: each for each in decided.admitted()}
        for run in self.queued:
            if run.run_id in going:
                decision = going[run.run_id]
                self.launched.setdefault(run.run_id, self.at)
                self._note(run.run_id, decision.verdict)
                self.active[run.run_id] = ActiveRun(
                    run.run_id,
                    run.work,
                    decision.mode,
                    launched_at=self.at,
                    node=decision.node,
                    submitted_at=run.submitted_at,
                    actions=self.actions,
                    ran_s=0.0,
                    preempted=run.preempted,
                )
        self.queued = [run for run in self.queued if run.run_id not in going]
        for told in decided.running:
            if told.verdict.changes:
                self._act(told.verdict, told.runs[0])
        self._pass(self.cycle_s)
        return decided

    def run(self, seconds: float, before: Callable[[], None] = lambda: None) -> None:
        """So many seconds of cycles; ``before`` is called before each."""
        until = self.at + seconds
        while self.at < until:
            before()
            self.cycle()

    def run_until(self, happened: Callable[[], bool], limit_s: float, before: Callable[[], None]) -> float:
        """Seconds until ``happened``, or ``limit_s`` if it does not before."""
        start = self.at
        while not happened() and self.at - start < limit_s:
            before()
            self.cycle()
        return self.at - start

    def _act(self, verdict: Verdict, run: ActiveRun) -> None:
        self._note(run.run_id, verdict)
        gave_way = run.preempted + (verdict is not Verdict.RESUME)
        state = {
            Verdict.SUSPEND: RunState.SUSPENDED,
            Verdict.RESUME: RunState.RUNNING,
            Verdict.REQUEUE: RunState.LEAVING,
        }[verdict]
        self.active[run.run_id] = replace(run, state=state, preempted=gave_way, acted_at=self.at)

    def _pass(self, seconds: float) -> None:
        self.at += seconds
        decay = 0.5 ** (seconds / self.half_life_s)
        self.usage = {owner: used * decay for owner, used in self.usage.items()}
        for run in list(self.active.values()):
            request = request_of(self.book.policy(run.work.policy), run.mode)
            if run.state is RunState.LEAVING:
                if self.at - (run.acted_at or 0.0) >= LEAVES_S:
                    del self.active[run.run_id]
                    submitted = run.launched_at if run.submitted_at is None else run.submitted_at
                    self.queued.append(QueuedRun(run.run_id, run.work, submitted, preempted=run.preempted))
                continue
            if run.state is RunState.SUSPENDED:
                self.active[run.run_id] = replace(run, cpu_used=0.0)
                continue
            started = run.launched_at + TUNING.launch_s
            ran = (run.ran_s or 0.0) + max(0.0, min(seconds, self.at - started))
            policy = self.book.policy(run.work.policy)
            owner = policy.owner or policy.name
            self.usage[owner] = self.usage.get(owner, 0.0) + request.cpu * (ran - (run.ran_s or 0.0))
            if ran >= request.duration:
                del self.active[run.run_id]
                self.ended[run.run_id] = self.at
                continue
            begun = self.at >= started
            self.active[run.run_id] = replace(
                run,
                started_at=started if begun else None,
                ran_s=ran,
                cpu_used=request.cpu if begun else 0.0,
                memory_used=request.memory if begun else 0,
            )

    def _reading(self, name: str, cores: float, memory: int) -> MachineReading:
        here = [run for run in self.active.values() if run.node == name]
        cpu = sum(run.cpu_used or 0.0 for run in here)
        return MachineReading(
            self.at, cores, min(cores, cpu), memory, sum(run.memory_used or 0 for run in here)
        )

    def _note(self, run_id: str, verdict: Verdict) -> None:
        self.history.setdefault(run_id, []).append((self.at, verdict))
