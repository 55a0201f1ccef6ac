"""What a simulation notes down on its way: queue and machines over time, and what was spent."""

from collections.abc import Iterable, Mapping, Sequence
from math import floor
from typing import Final

from adaptive_assets.learning import DecayedUsage
from adaptive_assets.planning.prices import price_of
from adaptive_assets.planning.snapshot import RunState
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.engine.run_state import Attempt
from adaptive_assets.simulation.engine.simulated_node import SimulatedNode
from adaptive_assets.simulation.engine.waiting_queue import WaitingQueue
from adaptive_assets.simulation.evaluation.outcome import NodeUse, Sample

MOST_SAMPLES: Final = 4096
"""With more, every other one is left out and the interval doubled."""

CHARGED_EVERY_S: Final = 30.0


class Series:
    """Samples of the queue and the machines, at even intervals while anything happens."""

    def __init__(
        self, machines: Sequence[SimulatedNode[Attempt]], line: WaitingQueue, every_s: float
    ) -> None:
        self.samples: list[Sample] = []
        self.next_at = 0.0
        """When the next one is due."""
        self._machines = machines
        self._line = line
        self._every_s = every_s
        self._used = [0.0] * len(machines)
        self._at = 0.0

    def note(self, active: Iterable[Attempt], until: float) -> None:
        """Take the samples that are due before ``until``; nothing has changed since the last event.

        So of many that are due only the first and the last are taken: what lies between is the same.
        """
        last = floor(until / self._every_s) * self._every_s
        states = list(active)
        for at in dict.fromkeys((self.next_at, last)):
            self.samples.append(self._sample(states, at))
        self.next_at = last + self._every_s
        if len(self.samples) > MOST_SAMPLES:
            del self.samples[1::2]
            self._every_s *= 2

    def end(self, active: Iterable[Attempt], at: float) -> None:
        """Take the last sample, at the end."""
        if not self.samples or at > self.samples[-1].at_s:
            self.samples.append(self._sample(list(active), at))

    def _sample(self, active: Sequence[Attempt], at: float) -> Sample:
        elapsed, self._at = at - self._at, at
        running: dict[str, int] = {}
        for attempt in active:
            tier = attempt.run.kind.policy.tier
            running[tier] = running.get(tier, 0) + 1
        return Sample(
            at,
            tuple([self._use(place, machine, at, elapsed) for place, machine in enumerate(self._machines)]),
            queued={tier: count for tier, count in self._line.by_tier.items() if count},
            running=running,
            suspended=sum(attempt.state is RunState.SUSPENDED for attempt in active),
        )

    def _use(self, place: int, machine: SimulatedNode[Attempt], at: float, elapsed: float) -> NodeUse:
        machine.advance(at)
        used, self._used[place] = machine.core_s - self._used[place], machine.core_s
        return NodeUse(
            used / elapsed if elapsed > 0 else machine.cpu,
            machine.memory,
            machine.stranger_cpu,
            machine.stranger_memory,
            machine.up,
        )


class Account:
    """Charges owners with what their runs use, and policies with what it costs."""

    def __init__(self, book: PolicyBook, usage: DecayedUsage, starts_at: float) -> None:
        self._prices = book.prices
        self._usage = usage
        self._starts_at = starts_at
        self._spend: dict[str, float] = {}
        self._due = 0.0
        self._priced: dict[tuple[str, float], float] = {}

    @property
    def spend(self) -> Mapping[str, float]:
        """The cost by policy."""
        return dict(sorted(self._spend.items()))

    def charge_due(self, active: Iterable[Attempt], now: float) -> None:
        """Every half a minute: charge what is active."""
        if now >= self._due:
            self._due = now + CHARGED_EVERY_S
            self._priced.clear()
            for attempt in active:
                self.charge(attempt, now)

    def charge(self, attempt: Attempt, now: float) -> None:
        """Charge what the attempt has used since it was last charged, at the price of ``now``."""
        used = attempt.core_s()
        new, attempt.charged = used - attempt.charged, used
        if new <= 0:
            return
        kind = attempt.run.kind
        self._usage.add(kind.owner, new, self._starts_at + now)
        if self._prices:
            cost = new / 3600.0 * self._price(attempt.node.spec.node_class, now)
            self._spend[kind.policy.name] = self._spend.get(kind.policy.name, 0.0) + cost

    def _price(self, node_class: str, now: float) -> float:
        minute = now // 60.0
        price = self._priced.get((node_class, minute))
        if price is None:
            at = self._starts_at + now
            price = self._priced[node_class, minute] = price_of(self._prices, node_class, at)
        return price
