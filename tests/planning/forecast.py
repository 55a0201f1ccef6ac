"""What the machines will have in use, written down a second time from what the documentation promises.

Nothing here is shared with the planner but the values that go in and come out of it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import inf, log, sqrt
from statistics import NormalDist
from typing import Final

from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.resource_request import estimate_key, request_of
from adaptive_assets.planning.snapshot import Action, ActiveRun, MachineReading, QueuedRun, RunState, Snapshot
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy import Guards, Policy, PolicyBook
from adaptive_assets.policy.compositions import compositions

__all__ = ["SLIVER", "Expected", "Forecast", "MachineForecast", "expected", "rank_of", "whole_mode"]

SLIVER: Final = 1e-6
"""Cores: sums of fractions differ in their last digits by the order of adding."""

BYTE: Final = 1.0
"""So do sums of bytes, where deviations are among them."""

Z90: Final = NormalDist().inv_cdf(0.90)
Z99: Final = NormalDist().inv_cdf(0.99)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a run is expected to take: cores, bytes at its peak, seconds."""

    cpu: float
    memory: float
    """Nine times of ten it stays below that."""
    memory_share: float
    """Three times of four."""
    mean_memory: float
    highest_memory: float
    """Ninety-nine times of a hundred."""
    memory_sigma: float
    duration: float
    median: float
    learned: bool
    least_memory: float = 0.0
    """Half of the time it takes more; nothing where that is not known from its own runs."""
    evictable: bool = False
    """Whether it may be requeued while it runs."""

    def at_most(self, most_memory: float) -> "Expected":
        """The same, as it counts on a machine of which the guard leaves so many bytes.

        What is only learned is no more than half of them, unless half of its runs took more.
        """
        if not self.learned:
            return self
        most = max(self.least_memory, TUNING.widest * most_memory)
        return replace(
            self,
            memory=min(self.memory, most),
            memory_share=min(self.memory_share, most),
            mean_memory=min(self.mean_memory, most),
            highest_memory=min(self.highest_memory, most),
            memory_sigma=min(self.memory_sigma, most),
        )


def rank_of(policy: Policy, book: PolicyBook) -> int:
    """The place of the policy's work in line: its tier's; work ahead stands behind all tiers."""
    return len(book.tiers) if policy.opportunity else book.rank(policy.tier)


def expected(run: QueuedRun | ActiveRun, mode: str, snapshot: Snapshot, book: PolicyBook) -> Expected:
    """What was learned of its kind on that rung; of itself, or its kind, in full; else what was declared.

    What a rung declares is never taken for more than full mode; of the compositions of stages it may be.
    """
    return replace(_expected(run, mode, snapshot, book), evictable=_evictable(run, snapshot, book))


def _evictable(run: QueuedRun | ActiveRun, snapshot: Snapshot, book: PolicyBook) -> bool:
    """The tier puts up with it, the launcher can do it, and the run has not given way three times."""
    actions = snapshot.actions if isinstance(run, QueuedRun) else run.actions
    policy = book.policy(run.work.policy)
    tier = next(tier for tier in book.tiers if tier.name == policy.tier)
    willing = policy.opportunity or tier.preemption == "requeue"
    return willing and Action.REQUEUE in actions and run.preempted < 3


def _expected(run: QueuedRun | ActiveRun, mode: str, snapshot: Snapshot, book: PolicyBook) -> Expected:
    policy = book.policy(run.work.policy)
    composed = [way.mode for way in compositions(policy.stages)]
    known = mode if mode in {*composed, *(rung.mode for rung in policy.degrade)} else "full"
    most = inf if known in composed else 1.0  # full mode is a composition too, where there are stages
    basis, learned = _telling(run, known, snapshot, composed)
    declared, whole = request_of(policy, known), request_of(policy, basis)
    if learned is None:
        memory, duration = declared.memory, declared.duration
        return Expected(declared.cpu, memory, memory, memory, memory, 0.0, duration, duration, learned=False)
    taken = _learned(learned, policy, declared.cpu)
    if known == basis:
        return taken
    cpu, size, duration = (
        min(most, less / more) if more else 1.0
        for less, more in (
            (declared.cpu, whole.cpu),
            (declared.memory, whole.memory),
            (declared.duration, whole.duration),
        )
    )
    return Expected(
        taken.cpu * cpu,
        round(taken.memory * size),
        taken.memory_share * size,
        taken.mean_memory * size,
        taken.highest_memory * size,
        taken.memory_sigma * size,
        taken.duration * duration,
        taken.median * duration,
        learned=True,
        least_memory=taken.least_memory * size,
    )


def _telling(
    run: QueuedRun | ActiveRun, mode: str, snapshot: Snapshot, composed: Collection[str]
) -> tuple[str, Estimate | None]:
    """The mode that tells what a run takes in ``mode``: its own, else full.

    Of compositions of the same stages, the one of which more than four times as many runs are known.
    """
    if run.estimate and mode == "full":
        return mode, run.estimate
    known = {each: snapshot.estimates.get(estimate_key(run.work, each)) for each in {mode, "full", *composed}}
    own = mode if known[mode] else "full"
    if run.estimate or mode not in composed:
        return own, run.estimate if own == "full" and run.estimate else known[own]
    runs = {
        each: learned.runs if learned and learned.source is Source.OWN else 0.0
        for each, learned in known.items()
    }
    for other in composed:
        if runs[other] > 4 * runs[own] and runs[other] == max(runs.values()):
            return other, known[other]
    return own, known[own]


def _learned(estimate: Estimate, policy: Policy, declared_cpu: float) -> Expected:
    """What was learned; what was declared to need no CPU here never needs any."""
    confidence = policy.objective.confidence if policy.objective else 0.9
    memory = estimate.memory
    if estimate.source is Source.SIMILAR:
        memory = Spread(memory.p50, _quantile(memory, TUNING.similar_quantile), memory.p90)
    return Expected(
        estimate.cpu.p50 + _sigma(estimate.cpu) / 3 if declared_cpu else 0.0,
        round(memory.p90),
        _quantile(memory, 0.75),
        memory.p50 + _sigma(memory) / 3,
        memory.p99,
        _sigma(memory),
        _quantile(estimate.duration, confidence),
        estimate.duration.p50,
        learned=True,
        least_memory=memory.p50 if estimate.source is Source.OWN else 0.0,
    )


def _sigma(spread: Spread) -> float:
    return (spread.p90 - spread.p50) / Z90


def _quantile(spread: Spread, confidence: float) -> float:
    if confidence <= 0.5:
        return spread.p50
    z = NormalDist().inv_cdf(min(confidence, 0.9999))
    if z <= Z90:
        return spread.p50 + z / Z90 * (spread.p90 - spread.p50)
    return spread.p90 + (z - Z90) / (Z99 - Z90) * (spread.p99 - spread.p90)


Counted = tuple[Expected, float | None, float]
"""What a run is expected to take, the bytes that can be seen, and how much of its growth may come."""


def _grown(runs: Iterable[Counted], amount: Callable[[Expected], float]) -> float:
    """The bytes of runs together, each of which still grows to what is expected of it."""
    total = 0.0
    for taken, seen, to_come in runs:
        used = seen or 0.0
        total += used + to_come * max(0.0, amount(taken) - used)
    return total


def _deviation(runs: Iterable[Counted]) -> float:
    """The standard deviation of what is still to come; nothing where that is beyond its 90th already."""
    unknown = (to_come * run.memory_sigma for run, used, to_come in runs if (used or 0.0) <= run.memory)
    return sqrt(sum(sigma**2 for sigma in unknown))


@dataclass(slots=True)
class MachineForecast:
    """One machine: what its reading shows, and what runs on it are still to take."""

    guards: Guards
    reading: MachineReading | None
    weights: Sequence[int] | None = None
    """The CPU weight of each tier by its place, where they are in force."""
    ours: list[tuple[int, float]] = field(default_factory=list)
    """Of each run that uses the CPU: the place of its tier, and the cores that it is expected to use."""
    seen: float = 0.0
    """The cores in the reading that are our runs'."""
    runs: list[Counted] = field(default_factory=list)

    @property
    def most_cpu(self) -> float:
        """The cores that the guard leaves; all of them stand for a fifth more, as expectations are means."""
        guard = self.guards.cpu if self.guards.cpu < 1 else TUNING.overcommit
        return self.reading.cpu_capacity * guard if self.reading else inf

    @property
    def most_for_one(self) -> float:
        """The cores without which no run waits."""
        return self.reading.cpu_capacity * self.guards.cpu * TUNING.widest if self.reading else inf

    @property
    def cpu(self) -> float:
        """The cores that our runs are expected to use."""
        return sum(cpu for _, cpu in self.ours)

    def expect(self, taken: Expected, rank: int, seen: float | None = None) -> None:
        """One of our runs uses the CPU; of what is not learned, what is ``seen`` counts if it is more."""
        cpu = taken.cpu if taken.learned else max(taken.cpu, seen or 0.0)
        self.ours.append((rank, min(cpu, self.reading.cpu_capacity) if self.reading else cpu))

    def _at_most_all(self, taken: Expected) -> float:
        return min(taken.cpu, self.reading.cpu_capacity) if self.reading else taken.cpu

    @property
    def most_memory(self) -> float:
        """The bytes that the guard leaves of the whole machine."""
        return self.reading.memory_capacity * self.guards.memory if self.reading else inf

    def count(self, run: ActiveRun, taken: Expected, rank: int, at: float) -> None:
        """Count an active run."""
        settling = run.started_at is None or at - run.started_at < TUNING.settling_s
        if run.state is not RunState.SUSPENDED:
            self.expect(taken, rank, run.cpu_used)
        if run.cpu_used is None:
            self.seen += self._at_most_all(taken)
        elif self.reading is None or self.reading.our_cpu is None:
            self.seen += run.cpu_used
        if run.memory_used is not None or settling:
            ran = at - (run.started_at or at) if run.ran_s is None else run.ran_s
            left = max(0.0, 1.0 - (ran / (TUNING.grows_for * taken.median)) ** 2) if taken.median else 0.0
            to_come = left if taken.learned and not settling else 1.0
            self.runs.append((taken.at_most(self.most_memory), run.memory_used, to_come))

    def take(self, taken: Expected, rank: int) -> None:
        """Count a run that goes now."""
        self.expect(taken, rank)
        self.runs.append((taken.at_most(self.most_memory), None, 1.0))

    def peak(self, more: Expected | None = None) -> float:
        """Bytes in use when all are at their peak, strangers included.

        Of a run alone it is its 90th percentile. Of several it is the larger of two predictions: their 75th
        percentiles added up; and some deviations above the mean, but no more than their 99th added up. That
        is of those that stay; with some that can leave, all together count with fewer deviations.
        """
        runs = [*self.runs, *([(more.at_most(self.most_memory), None, 1.0)] if more else [])]
        staying = [each for each in runs if not each[0].evictable]
        cautious = _grown(staying, lambda taken: taken.memory)
        if len(staying) > 1:
            tail = self._mean(staying) + TUNING.memory_sigmas * _deviation(staying)
            highest = _grown(staying, lambda taken: taken.highest_memory)
            cautious = max(_grown(staying, lambda taken: taken.memory_share), min(tail, highest))
        if len(staying) < len(runs):
            cautious = max(cautious, self._mean(runs) + TUNING.evictable_sigmas * _deviation(runs))
        return self._strangers() + cautious

    def average(self, more: Expected | None = None) -> float:
        """The mean of the bytes in use when all are at their peak, strangers included; with one more run."""
        runs = [*self.runs, *([(more.at_most(self.most_memory), None, 1.0)] if more else [])]
        return self._strangers() + self._mean(runs)

    @staticmethod
    def _mean(runs: "Iterable[Counted]") -> float:
        return _grown(runs, lambda taken: taken.mean_memory)

    def _strangers(self) -> float:
        seen = sum(used or 0.0 for _, used, _ in self.runs)
        return max(float(self.reading.memory_used) if self.reading else 0.0, seen) - seen

    def has_memory(self, taken: Expected) -> bool:
        """Whether the memory guard holds with one more run."""
        return self.peak(taken) <= self.most_memory + BYTE

    def calm(self) -> bool:
        """Whether every pressure guard holds."""
        if self.reading is None:
            return True
        pressure, guards = self.reading.pressure, self.guards.pressure
        return all(
            now is None or guard is None or now <= guard
            for now, guard in (
                (pressure.cpu, guards.cpu),
                (pressure.memory, guards.memory),
                (pressure.io, guards.io),
            )
        )

    def has_cpu(self, taken: Expected, rank: int) -> bool:
        """Whether the CPU guard and all pressure guards hold with one more run, as far as it insists."""
        return self.reading is None or (self.calm() and self.has_cores(taken, rank))

    def has_cores(self, taken: Expected, rank: int) -> bool:
        """Whether the CPU guard does."""
        if self.reading is None:
            return True
        insists = min(taken.cpu, self.most_for_one)
        strangers = max(0.0, self.reading.cpu_used - (self.reading.our_cpu or 0.0) - self.seen)
        if self.guards.cpu >= 1:
            strangers = min(strangers, self.reading.cpu_capacity * TUNING.strangers_share)
        counted = sum(cpu for other, cpu in self.ours if not self._yields(other, rank))
        return not insists or strangers + counted + insists <= self.most_cpu + SLIVER

    def _yields(self, other: int, to: int) -> bool:
        return self.weights is not None and nice(self.weights[other]) > nice(self.weights[to])


def nice(weight: int) -> int:
    """The nice that has about this CPU weight: none below 0, where the weight is 100, nor above 19."""
    return sorted((0, round(log(100 / weight) / log(1.25)), 19))[1]


def whole_mode(run: QueuedRun, snapshot: Snapshot, book: PolicyBook) -> str:
    """How all that a run does can be done: in full, or one stage after another where full never fits."""
    ways = {way.mode for way in compositions(book.policy(run.work.policy).stages)}
    if not (run.work.composable and run.work.degradable and "in_sequence" in ways):
        return "full"
    machines = Forecast(snapshot, book).machines.values()

    def never_fits(mode: str) -> bool:
        taken = expected(run, mode, snapshot, book)
        least = taken.least_memory if taken.learned else taken.memory
        return bool(machines) and all(least > machine.most_memory for machine in machines)

    return "in_sequence" if never_fits("full") and not never_fits("in_sequence") else "full"


class Forecast:
    """All machines, and the limits on runs at once, as a plan fills them."""

    def __init__(self, snapshot: Snapshot, book: PolicyBook) -> None:
        self.snapshot, self.book = snapshot, book
        weights = [*(book.cpu_weight(tier.name) for tier in book.tiers), 1]
        self.everywhere = {
            node.name: MachineForecast(book.guards, node.reading, weights if node.weighted else None)
            for node in snapshot.nodes
        } or {"": MachineForecast(book.guards, snapshot.machine, weights if snapshot.weighted else None)}
        alive = {
            node.name
            for node in snapshot.nodes
            if node.reading is not None and snapshot.at - node.heard_at <= node.lease_s
        }
        self.machines = {
            name: machine for name, machine in self.everywhere.items() if name in alive or not snapshot.nodes
        }
        first = next(iter(self.everywhere))
        for run in snapshot.active:
            rank = rank_of(book.policy(run.work.policy), book)
            where = run.node if run.node in self.everywhere else first
            self.everywhere[where].count(run, expected(run, run.mode, snapshot, book), rank, snapshot.at)
        self.runs = len(snapshot.active)
        ramp = book.guards.ramp
        self.launched = (
            sum(
                snapshot.at - at < ramp.every
                for at in (*snapshot.launches, *(run.launched_at for run in snapshot.active))
            )
            if ramp
            else 0
        )

    def has_slot(self) -> bool:
        """Whether one more run may be active; without reading and limit, it goes alone."""
        guards = self.book.guards
        given = [limit for limit in (self.snapshot.run_limit, guards.concurrency) if limit is not None]
        blind = any(machine.reading is None for machine in self.machines.values())
        if blind and not given and self.runs:
            return False
        if guards.ramp and self.launched >= guards.ramp.runs:
            return False
        return self.runs < min(given, default=inf)

    def fits(self, run: QueuedRun, mode: str, rank: int) -> bool:
        """Whether one more run could go in ``mode`` on some machine without breaking a guard."""
        taken = expected(run, mode, self.snapshot, self.book)
        return self.has_slot() and any(
            machine.has_memory(taken) and machine.has_cpu(taken, rank) for machine in self.machines.values()
        )

    def take(self, run: QueuedRun, mode: str, node: str) -> None:
        """Count a run that goes."""
        self.runs += 1
        self.launched += 1
        rank = rank_of(self.book.policy(run.work.policy), self.book)
        self.machines[node].take(expected(run, mode, self.snapshot, self.book), rank)

    def resume(self, run: ActiveRun) -> None:
        """Count the CPU of a suspended run that goes on."""
        if run.state is RunState.SUSPENDED and run.node in self.machines:
            taken = expected(run, run.mode, self.snapshot, self.book)
            self.machines[run.node].expect(taken, rank_of(self.book.policy(run.work.policy), self.book))
