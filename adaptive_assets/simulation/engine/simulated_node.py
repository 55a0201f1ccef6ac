"""The physics of one machine: how fast its runs go, and how much of it they hold.

Runs share the processors by weight (:mod:`.cpu_shares`): a run of so many cores is as many threads, and while
all ask for more cores than there are, each gets a share. There is a virtual clock (:mod:`.clock`) for each
class of runs that go at one speed: by weight and share of I/O.
"""

from heapq import heappop, heappush
from math import exp
from typing import Final, Generic

from adaptive_assets.learning import BusyTimes
from adaptive_assets.simulation.engine.clock import Clock, R, Rider
from adaptive_assets.simulation.engine.cluster import NodeSpec
from adaptive_assets.simulation.engine.cpu_shares import NICE_0, Threads, share_of_weight

IO_STEPS: Final = 20
"""Shares of I/O are told apart in so many steps, which bounds the number of clocks."""

STREAMS_PER_CORE: Final = 0.5
"""How many runs for each core can wait for the disk at once before they slow each other down."""

TIGHT: Final = 0.90
"""The share of the memory in use from which its want slows runs down: caches go, pages are reclaimed."""

SLOWEST: Final = 0.5
"""How fast runs still are when all memory is in use."""

_INSTANT: Final = 1e-7
"""Seconds; what floating-point arithmetic may lose of a stage's length."""

Reading = tuple[float, float, float, int, float, float, float]
"""When; cores in use, and those of them that runs use; bytes in use; stalled for CPU, memory and I/O, as
shares. All but bytes are smoothed."""


class SimulatedNode(Generic[R]):
    """One node with what runs on it.

    Whoever changes it calls :meth:`advance` first, and :meth:`settle` after the last change of an instant.
    """

    def __init__(self, spec: NodeSpec, *, lag_s: float, reading_every_s: float) -> None:
        self.spec = spec
        self.lag_s = lag_s
        self.up = True
        self.stranger_cpu = 0.0
        self.stranger_memory = 0
        self.disk_factor = 1.0
        self.memory = 0
        """Bytes that runs hold."""
        self.riders: dict[R, None] = {}
        """All that hold memory here, in the order of their launch."""
        self.cpu = 0.0
        """Cores that runs use now."""
        self.core_s = 0.0
        """Core-seconds that runs have used."""
        self.busy = BusyTimes()
        """When all cores were, as the readings say."""
        self.event = 0
        """The number of the event at which the next stage ends here; those with other numbers are void."""
        self._now = 0.0
        self._clocks: dict[tuple[float, float], Clock[R]] = {}
        self._io = 0.0
        self._tickets = 0
        self._every_s = reading_every_s
        self._loads = (0.0, 0.0, 0.0, 0.0, 0.0)
        self._smooth = self._loads
        self.reading: Reading = (0.0, 0.0, 0.0, 0, 0.0, 0.0, 0.0)
        """The latest."""
        self._next_reading = reading_every_s

    @property
    def memory_in_use(self) -> int:
        """Bytes that runs and strangers hold."""
        return self.memory + self.stranger_memory

    def advance(self, now: float) -> None:
        """Let the time pass until ``now``, at the speeds last settled."""
        elapsed = now - self._now
        if elapsed <= 0:
            return
        for clock in self._clocks.values():
            clock.shows += clock.rate * elapsed
        self.core_s += self.cpu * elapsed
        if now >= self._next_reading and self.up:
            self._read(now - now % self._every_s)
        self._smooth = self._smoothed(elapsed)
        self._now = now

    def hold(self, rider: R, memory: int) -> None:
        """``rider`` holds so many bytes from now on."""
        self.memory += memory - rider.memory
        rider.memory = memory
        self.riders[rider] = None

    def free(self, rider: R) -> None:
        """``rider`` is gone."""
        self.memory -= rider.memory
        rider.memory = 0
        self.riders.pop(rider, None)

    def enter(self, rider: R) -> None:
        """``rider`` goes on, with ``rider.left`` seconds of progress until its stage ends."""
        key = (rider.weight, round(rider.io * IO_STEPS) / IO_STEPS)
        clock = self._clocks.get(key)
        if clock is None:
            clock = self._clocks[key] = Clock(*key)
        clock.cpu += rider.cpu
        clock.riders += 1
        self._io += clock.io
        self._tickets += 1
        rider.clock, rider.due, rider.ticket = clock, clock.shows + rider.left, self._tickets
        heappush(clock.waiting, (rider.due, self._tickets, rider))

    def leave(self, rider: R) -> None:
        """``rider`` stops where it is, if it goes; ``rider.left`` is then what its stage still lacks."""
        clock = rider.clock
        if clock is None:
            return
        rider.left = max(0.0, rider.due - clock.shows)
        rider.clock, rider.ticket = None, -1
        clock.riders -= 1
        clock.cpu -= rider.cpu
        self._io -= clock.io
        if not clock.riders:
            del self._clocks[clock.weight, clock.io]
            if not self._clocks:
                self._io = 0.0  # what rounding has left

    def stages_over(self) -> list[R]:
        """Those whose stage has ended; they are off their clocks then."""
        over: list[R] = []
        for clock in tuple(self._clocks.values()):
            due = clock.next_due()
            while due is not None and due <= clock.shows + _INSTANT:
                rider = heappop(clock.waiting)[2]
                self.leave(rider)
                over.append(rider)
                due = clock.next_due()
        return over

    def settle(self) -> float | None:
        """Set the speeds for what is true now; the time at which the next stage will end."""
        spec = self.spec
        crowd = self.disk_factor * max(1.0, self._io / (STREAMS_PER_CORE * spec.cores))
        calm = self._calm()
        threads = [Threads(self.stranger_cpu, 1.0, NICE_0)]
        for clock in self._clocks.values():
            clock.alone = calm / (1.0 - clock.io + clock.io * crowd)
            threads.append(Threads(clock.cpu, clock.alone, clock.weight))
        share = share_of_weight(threads, spec.cores)
        self.cpu, least = 0.0, 1.0
        for clock in self._clocks.values():
            clock.rate = min(clock.alone, share * clock.weight)
            self.cpu += clock.cpu * clock.rate
            least = min(least, clock.rate / clock.alone)
        strangers = min(1.0, share * NICE_0)
        stalled_io = 1.0 - 1.0 / crowd if self._io > 0 and crowd > 1 else 0.0
        self.cpu = min(spec.cores, self.cpu)  # what rounding has added
        in_use = min(spec.cores, self.cpu + self.stranger_cpu * strangers)
        self._loads = (in_use, self.cpu, 1.0 - min(least, strangers), 1.0 - calm, stalled_io)
        return self._next_end()

    def lose_all(self) -> list[R]:
        """The machine falls silent; what was on it, and is lost."""
        lost = list(self.riders)
        for rider in lost:
            self.leave(rider)
            self.free(rider)
        self.up = False
        return lost

    def keeps(self, elapsed: float) -> float:
        """How much of what it was a reading still shows after so many seconds of something else."""
        return exp(-elapsed / self.lag_s) if self.lag_s else 0.0

    def largest(self) -> R | None:
        """Who holds the most memory; of equals, the last launched."""
        return max(reversed(self.riders), key=_memory, default=None)

    def _next_end(self) -> float | None:
        soonest = None
        for clock in self._clocks.values():
            due = clock.next_due()
            if due is not None and clock.rate > 0:
                ends = self._now + max(0.0, due - clock.shows) / clock.rate
                if soonest is None or ends < soonest:
                    soonest = ends
        return soonest

    def _calm(self) -> float:
        """How fast runs go for the memory that is left: 1 with plenty, :data:`SLOWEST` with none."""
        crowded = (self.memory_in_use / self.spec.memory - TIGHT) / (1.0 - TIGHT)
        return 1.0 - (1.0 - SLOWEST) * min(1.0, max(0.0, crowded))

    def _smoothed(self, elapsed: float) -> tuple[float, float, float, float, float]:
        """The moving averages after so many seconds of the present loads: exact, because loads are steps."""
        keeps = self.keeps(elapsed)
        was, now = self._smooth, self._loads
        return (
            now[0] + (was[0] - now[0]) * keeps,
            now[1] + (was[1] - now[1]) * keeps,
            now[2] + (was[2] - now[2]) * keeps,
            now[3] + (was[3] - now[3]) * keeps,
            now[4] + (was[4] - now[4]) * keeps,
        )

    def _read(self, at: float) -> None:
        cpu, ours, *stalled = self._smoothed(max(0.0, at - self._now))
        self.reading = (at, cpu, ours, self.memory_in_use, stalled[0], stalled[1], stalled[2])
        self.busy.read(at, cpu, self.spec.cores)
        self._next_reading = at + self._every_s


def _memory(rider: Rider) -> int:
    return rider.memory
