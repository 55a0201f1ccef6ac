"""What the processes of each run use, as far as this machine can see them."""

import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from adaptive_assets.signals.belonging import SAME_TIME_S, Belonging, Claim, belonging
from adaptive_assets.signals.nice import CAN_RENICE, RunNice
from adaptive_assets.signals.oom import OomCounters, OomRise, oom_counter
from adaptive_assets.signals.process_tree import ProcessTree, Spent
from adaptive_assets.signals.smoothing import TIME_CONSTANT_S, smoothed

_LOOKS: Final = 120
"""Looks at a pooled process that are kept: it goes on to its next run before we hear that this one ended."""


@dataclass(frozen=True, slots=True)
class RunUsage:
    """What a run's processes used, when last looked at (``at``, POSIX seconds).

    ``cpu_now`` is in cores, smoothed like the machine's; ``memory_now`` and ``memory_peak`` are resident
    bytes.  ``cpu_seconds``, and the bytes read from and written to disks, are totals that never go down.  The
    bytes are ``None`` where the kernel does not tell, because the run belongs to another user.  ``processes``
    is zero once all processes of the run have ended.

    ``since`` (POSIX seconds) is when counting began for a pooled process, which worked for others before;
    ``None`` for one that was started for this run, all of whose use is the run's.
    """

    at: float
    processes: int
    samples: int
    cpu_now: float
    cpu_seconds: float
    memory_now: int
    memory_peak: int
    io_read: int | None
    io_write: int | None
    since: float | None = None


_UNUSED = RunUsage(0, 0, 0, 0.0, 0.0, 0, 0, 0, 0)


@dataclass(slots=True)
class _Watched:
    """A run under watch; all but ``usage`` belongs to the thread that sweeps."""

    root: psutil.Process
    started_at: float
    tree: ProcessTree
    before: Spent
    """What earlier processes of the same run had spent."""
    usage: RunUsage | None
    oom_counter: Path | None
    """Where the kernel counts whom it kills for want of memory, the run's processes among them."""
    pooled: bool = False
    baseline: Spent | None = None
    """What a pooled process had spent when we first looked at it."""
    mark: int = 0
    """The kernel's mark of its memory then: only a higher one is this run's."""
    since: float | None = None
    looks: "deque[RunUsage]" = field(default_factory=lambda: deque(maxlen=_LOOKS))
    """The last looks at a pooled process."""
    looked_at: float | None = None
    rate: float = 0.0
    """The cores that it used between the last two looks."""
    ended: bool = False
    nice: RunNice | None = None
    """What keeps its processes at the nice of its CPU weight."""

    def count(self, now: float) -> Spent:
        """What is this run's of what the tree has spent, at ``now``."""
        if not self.pooled:
            return self.tree.spent.plus(self.before)
        if self.baseline is None:
            self.baseline, self.mark, self.since = self.tree.spent, self.tree.high_water, now
        return self.tree.spent.minus(self.baseline).plus(self.before)

    @property
    def high_water(self) -> int:
        """The kernel's mark of the run's memory, in bytes; 0 while it is that of earlier work."""
        mark = self.tree.high_water
        return mark if not self.pooled or mark > self.mark else 0


class RunProcesses:
    """Follows the process trees of runs by run id.

    ``claim``, ``watch``, ``weigh``, ``usage``, ``oom_rise`` and ``forget`` may be called from any thread and
    read no process but the one they are given and its kin; ``sweep`` belongs to the sampler's thread.  They
    share one dictionary, touched in single steps, and usage is handed over as a finished value: so no lock is
    needed, and a fork can leave none locked.  ``root`` is where ``/proc`` and ``/sys`` are found for the
    kernel's counts of its kills.
    """

    def __init__(
        self,
        *,
        smoothing_s: float = TIME_CONSTANT_S,
        monotonic: Callable[[], float] = time.monotonic,
        root: Path = Path("/"),
    ) -> None:
        self._smoothing_s = smoothing_s
        self._monotonic = monotonic
        self._root = root
        self._kills = OomCounters()
        self._watched: dict[str, _Watched] = {}
        self.problems: tuple[Exception, ...] = ()
        """What went wrong in the last sweep, which went on with the other runs."""
        self.cpu_now = 0.0
        """The cores that all runs used at the last sweep, smoothed like the machine's."""
        self._swept_at = monotonic()
        self._left = deque[float]()
        """The smoothed use of runs that were forgotten since."""
        self._lingering = 0.0
        """What the smoothed use still holds of runs that have ended."""

    def claim(self, claim: Claim) -> Belonging:
        """Follow the process that ``claim`` speaks of, if the process itself shows that it is the run's.

        Asking again about a process that is followed changes nothing.
        """
        watched = self._watched.get(claim.run_id)
        if watched is not None and watched.root.pid == claim.pid and not watched.ended:
            return Belonging.POOLED if watched.pooled else Belonging.OWN
        try:
            found = belonging(psutil.Process(claim.pid), claim)
        except (psutil.Error, ValueError):
            return Belonging.ALIEN
        if found not in (Belonging.OWN, Belonging.POOLED):
            return found
        pooled = found is Belonging.POOLED
        return (
            found
            if self.watch(claim.run_id, claim.pid, known_at=claim.at, pooled=pooled)
            else Belonging.ALIEN
        )

    def watch(
        self,
        run_id: str,
        pid: int,
        create_time: float | None = None,
        *,
        known_at: float | None = None,
        pooled: bool = False,
    ) -> bool:
        """Follow process ``pid`` and its descendants as those of ``run_id``; ``False`` if it is not there.

        The caller knows that it is the run's: see :meth:`claim`.  What a ``pooled`` one has used before the
        first look is not counted.

        A pid may have passed to another process by now.  ``create_time`` (POSIX seconds) is when the right
        one started; ``known_at`` is a moment at which the pid was the run's, so that a process which started
        later is not.  With neither, whoever has the pid now is believed.

        Watching the same process again changes nothing.  Another process for the same run (Dagster resumed
        it) adds to what the earlier one used.
        """
        try:
            root = psutil.Process(pid)
            started_at = root.create_time()
        except (psutil.Error, ValueError):
            return False
        if not _may_be(started_at, create_time, known_at):
            return False
        watched = self._watched.get(run_id)
        if watched is not None and watched.root == root:
            return not watched.ended
        usage = None if watched is None else watched.usage
        counter = oom_counter(pid, self._root)
        if counter is not None:
            self._kills.follow(counter, started_at)
        before = _spent(usage or _UNUSED)
        self._watched[run_id] = _Watched(
            root, started_at, ProcessTree(root), before, usage, counter, pooled=pooled
        )
        return True

    def weigh(self, run_id: str, weight: float) -> RunNice | None:
        """Give the run's processes a CPU weight (100 is that of nice 0), now and in every sweep.

        The first one that a run is given stays.  Returns what keeps it: ``None`` for a run without processes
        here, and for a pooled process, which works for others next and could not be set back.

        Raises ValueError if the kernel's files about the process cannot be made out.
        """
        watched = self._watched.get(run_id)
        if watched is None or watched.pooled or not CAN_RENICE:
            return None
        with contextlib.suppress(OSError):  # it has just ended
            if watched.nice is None and watched.root.is_running():
                nice = RunNice(watched.root.pid, weight)
                nice.apply([watched.root.pid])  # the sweep finds the others
                watched.nice = nice
        return watched.nice

    def usage(self, run_id: str) -> RunUsage | None:
        """What the run used when last looked at; ``None`` if it is not watched or was not looked at yet."""
        watched = self._watched.get(run_id)
        return None if watched is None else watched.usage

    def oom_rise(self, run_id: str, since: float, until: float, now: float) -> OomRise | None:
        """Whether the kernel killed for want of memory where the run's processes are.

        ``None`` if it surely did not between ``since`` and ``until``, or nothing counts it.  ``now`` is the
        time of the call; all three are POSIX seconds.
        """
        watched = self._watched.get(run_id)
        if watched is None or watched.oom_counter is None:
            return None
        return self._kills.rise(watched.oom_counter, since, until, now)

    def forget(self, run_id: str, ended_at: float | None = None) -> RunUsage | None:
        """Stop following the run; returns its last usage, as :meth:`usage` would.

        Of a pooled process, it is that of the last look up to ``ended_at`` (POSIX seconds): it may work for
        another run by now.
        """
        watched = self._watched.pop(run_id, None)
        if watched is None:
            return None
        self._left.append(watched.usage.cpu_now if watched.usage else 0.0)
        if not watched.pooled or ended_at is None:
            return watched.usage
        return next((usage for usage in reversed(tuple(watched.looks)) if usage.at <= ended_at), None)

    def clear(self) -> None:
        """Stop following all runs."""
        self._watched.clear()

    def sweep(self, now: float) -> None:
        """Look at every watched run, at ``now`` (POSIX seconds).  Raises nothing; see :attr:`problems`."""
        problems: list[Exception] = []
        all_watched = list(self._watched.values())
        before, self._swept_at = self._swept_at, self._monotonic()
        self._lingering = smoothed(self._lingering, 0.0, self._swept_at - before, self._smoothing_s)
        while self._left:
            self._lingering += self._left.popleft()
        # those of runs that have ended too: they are asked for after the end
        self._kills.sweep((each.oom_counter for each in all_watched if each.oom_counter is not None), now)
        for watched in all_watched:
            if watched.ended:
                continue
            try:
                self._look(watched, now)
            except Exception as error:  # noqa: BLE001 - whatever ails one run must not blind us to the others
                problems.append(error)
        self.cpu_now = self._lingering + sum(each.usage.cpu_now for each in all_watched if each.usage)
        self.problems = tuple(problems)

    def _look(self, watched: _Watched, now: float) -> None:
        tree, last = watched.tree, watched.usage or _UNUSED
        alive = tree.look()
        at = self._monotonic()
        # Before the first look there were no cores in use, as long ago as the process is old.
        elapsed = now - watched.started_at if watched.looked_at is None else at - watched.looked_at
        watched.looked_at, watched.ended = at, not alive
        spent = watched.count(now)
        rate = (spent.cpu_s - last.cpu_seconds) / elapsed if elapsed > 0 else 0.0
        if not tree.pids:  # nobody tells what it used before it ended: half-way since, on the average
            rate = watched.rate / 2
        watched.rate = rate
        cpu_now = smoothed(last.cpu_now, rate, elapsed, self._smoothing_s)
        if not alive:
            self._lingering += cpu_now
        io_visible = tree.io_visible and last.io_read is not None
        watched.usage = RunUsage(
            at=now,
            processes=tree.processes,
            samples=last.samples + 1,
            cpu_now=cpu_now if alive else 0.0,
            cpu_seconds=spent.cpu_s,
            memory_now=tree.memory,
            memory_peak=max(tree.memory, watched.high_water, last.memory_peak),
            io_read=spent.read if io_visible else None,
            io_write=spent.written if io_visible else None,
            since=watched.since,
        )
        if watched.pooled:
            watched.looks.append(watched.usage)
        if watched.nice is not None:
            watched.nice.apply(tree.pids)


def _may_be(started_at: float, create_time: float | None, known_at: float | None) -> bool:
    if create_time is not None and abs(started_at - create_time) > SAME_TIME_S:
        return False
    return known_at is None or started_at <= known_at + SAME_TIME_S


def _spent(usage: RunUsage) -> Spent:
    return Spent(usage.cpu_seconds, usage.io_read or 0, usage.io_write or 0)
