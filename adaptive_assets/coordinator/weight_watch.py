"""Whether the CPU weights of runs are in force on this machine, and if not, why."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import dagster as dg
import psutil

from adaptive_assets.planning.decisions import Plan
from adaptive_assets.planning.formatting import cores
from adaptive_assets.planning.ranks import cpu_weight_of
from adaptive_assets.planning.snapshot import ActiveRun, MachineReading
from adaptive_assets.policy import PolicyBook
from adaptive_assets.policy.weights import USUAL_CPU_WEIGHT
from adaptive_assets.signals import CAN_RENICE, RunNice, RunProcesses

KEY: Final = "cpu_weights"
"""Under which it is kept in the ledger whether they are in force."""

UNSEEN_S: Final = 15.0
"""How long after its start a run's processes may take to be found: a cycle or two, under load."""

MOST_GROUPS: Final = 3
"""Groups of processes that are named."""


class Kept(Protocol):
    """What outlives the daemon: the ledger."""

    def keep(self, key: str, value: str) -> None:
        """Keep ``value`` under ``key``."""


@dataclass(frozen=True, slots=True)
class Weighting:
    """Whether CPU weights are in force; if not, ``why`` says in a clause what stands against it."""

    why: str = ""

    @property
    def in_force(self) -> bool:
        """Whether lower tiers yield to higher ones."""
        return not self.why

    def as_text(self) -> str:
        """As it is kept in the ledger."""
        return json.dumps({"why": self.why})

    @classmethod
    def of_text(cls, text: str | None) -> "Weighting | None":
        """What was kept; ``None`` for nothing, and for what a later version may have put there."""
        try:
            return cls(str(json.loads(text or "{}")["why"]))
        except (ValueError, TypeError, KeyError):
            return None


class WeightWatch:
    """Gives the active runs their CPU weights, and judges by their processes whether these are in force.

    Where no active run shows it, what the last ones have shown is held to be true of the next ones.  One that
    only ``observes`` gives no weights, and says of them what it would be.
    """

    def __init__(self, launcher: object, processes: RunProcesses, *, observes: bool = False) -> None:
        self._processes = processes
        self._observes = observes
        self._shown = Weighting()
        if not isinstance(launcher, dg.DefaultRunLauncher):
            name = type(launcher).__name__
            self._shown = Weighting(f"{name} launches the runs, and no process of theirs was seen here yet")
        self._kept: Weighting | None = None
        self.now = self._shown
        """As of the last :meth:`look`."""
        self.refused = ""
        """What the system said when the last runs with a nice were refused it; empty if they were not."""

    def look(
        self, at: float, active: Iterable[ActiveRun], book: PolicyBook, machine: MachineReading | None
    ) -> None:
        """Weigh the runs that are ``active`` at ``at`` (POSIX seconds), and judge.

        Raises ValueError, when all of that is done, if the kernel's files about a process cannot be made out.
        """
        seen, unseen, errors = list[RunNice](), list[str](), list[ValueError]()
        for run in active:
            weight = cpu_weight_of(book.policy(run.work.policy), book)
            try:
                nice = self._processes.weigh(run.run_id, USUAL_CPU_WEIGHT if self._observes else weight)
            except ValueError as error:
                errors.append(error)
                unseen.append(f"it cannot be told where the nice of run {run.run_id[:8]} counts")
                continue
            if nice is not None:
                seen.append(nice)
            elif why := self._unweighed(at, run):
                unseen.append(why)
        if raised := [nice for nice in seen if nice.nice]:
            self.refused = next((nice.refused for nice in raised if nice.refused), "")
        if seen or unseen:
            self._shown = Weighting(_against_these(seen, self.refused) or next(iter(unseen), ""))
        self.now = Weighting(_against_all(machine) or self._shown.why)
        if errors:
            raise errors[0]

    def _unweighed(self, at: float, run: ActiveRun) -> str:
        """Why a run has no weight; empty where it has just ended, or may be found yet."""
        usage = self._processes.usage(run.run_id)
        if usage is not None:
            pooled = usage.since is not None
            whose = f"the process of run {run.run_id[:8]} is one of a pool, and works for others too"
            return whose if pooled else ""
        if run.started_at is not None and at - run.started_at > UNSEEN_S:
            return f"the processes of run {run.run_id[:8]} are not seen on this machine"
        return ""

    def expected(self, plan: Plan) -> dict[str, float | None]:
        """The runs that ``plan`` lets go, by id, with the weight that each is to get when it starts."""
        return {
            run.run_id: None if self._observes else decision.cpu_weight
            for decision in plan.admitted()
            for run in decision.runs
        }

    def keep(self, ledger: Kept) -> None:
        """Keep what was last found, if it has changed.

        Raises:
            LedgerError: it could not be kept; the next call tries again.
        """
        found = Weighting("the coordinator only observes") if self._observes else self.now
        if self._kept != found:
            ledger.keep(KEY, found.as_text())
            self._kept = found


def _against_these(runs: Sequence[RunNice], refused: str) -> str:
    """What keeps these runs from yielding to each other; empty if nothing does."""
    if refused:
        return f"the system refuses to raise the nice of their processes: {refused}"
    groups = sorted({each.group for each in runs})
    if len(groups) > 1:
        more = f" and {len(groups) - MOST_GROUPS} more" if len(groups) > MOST_GROUPS else ""
        named = ", ".join(groups[:MOST_GROUPS]) + more
        return f"runs are in groups of processes between which nice does not count: {named}"
    return ""


def _against_all(machine: MachineReading | None) -> str:
    """What keeps weights from having an effect on this machine, whatever runs; empty if nothing does."""
    if not CAN_RENICE:
        return "this system has no nice"
    cpus = len(os.sched_getaffinity(0)) if psutil.LINUX else psutil.cpu_count() or 1
    if machine is not None and machine.cpu_capacity < cpus:
        quota = cores(machine.cpu_capacity)
        return f"a quota of {quota} on {cpus} CPUs stops all runs alike when it is used up"
    return ""
