"""The background thread that reads the machine and the runs on it, so that nobody has to wait for either."""

import dataclasses
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable

from adaptive_assets.planning.snapshot import MachineReading
from adaptive_assets.signals.faults import FaultLog, SignalFault
from adaptive_assets.signals.machine import MachineReader
from adaptive_assets.signals.processes import RunProcesses
from adaptive_assets.signals.smoothing import TIME_CONSTANT_S, smoothed

_logger = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 5.0
_THREAD_NAME = "adaptive-assets-sampler"


class MachineSampler:
    """Reads ``machine``, and ``processes`` if given, every ``interval_s`` seconds in a daemon thread.

    ``clock`` gives the POSIX seconds that readings carry; their CPU use is smoothed with the time constant
    ``smoothing_s`` (see :mod:`adaptive_assets.signals.smoothing`) on ``monotonic`` time.

    A forked child has no such thread and knows it: it is stopped there, watches no runs, and may be started.
    Raises ValueError for an interval that is not positive or a negative time constant.
    """

    def __init__(
        self,
        machine: MachineReader,
        interval_s: float = 1.0,
        clock: Callable[[], float] = time.time,
        *,
        processes: RunProcesses | None = None,
        smoothing_s: float = TIME_CONSTANT_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if interval_s <= 0 or smoothing_s < 0:
            raise ValueError(
                f"interval_s must be positive and smoothing_s must not be negative, "
                f"not {interval_s!r} and {smoothing_s!r} seconds"
            )
        self._machine = machine
        self._processes = processes
        self._interval_s = interval_s
        self._smoothing_s = smoothing_s
        self._clock = clock
        self._monotonic = monotonic
        self._faults = FaultLog(_logger)
        self._latest: MachineReading | None = None
        self._sampled_at: float | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._sampling = threading.Lock()
        _samplers.add(self)

    @property
    def running(self) -> bool:
        """Whether the thread is there, in this very process."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def fault(self) -> SignalFault | None:
        """What went wrong in the latest sample; ``None`` once one went well."""
        return next(iter(self._faults.current), None)

    def start(self) -> None:
        """Start sampling, unless it has started.  The first reading takes about a tenth of a second."""
        with self._starting:
            if self.running and not self._stop.is_set():
                return
            stop = threading.Event()
            thread = threading.Thread(target=self._run, args=(stop,), name=_THREAD_NAME, daemon=True)
            thread.start()
            self._stop, self._thread = stop, thread

    def stop(self) -> None:
        """Stop sampling, unless it has stopped, and wait for the thread (not for ever: it may hang)."""
        with self._starting:
            thread, self._thread = self._thread, None
            self._stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_STOP_TIMEOUT_S)

    def latest(self, now: float, max_age_s: float = 15.0) -> MachineReading | None:
        """The last reading, unless it is more than ``max_age_s`` away from ``now``; never waits.

        One from a future that far off was taken before the clock was set back: its age cannot be told.
        """
        reading = self._latest
        if reading is None or abs(now - reading.at) > max_age_s:
            return None
        return reading

    def sample(self) -> None:
        """Take one sample now, in the caller's thread.  Raises nothing: see :attr:`fault`."""
        with self._sampling:
            now = self._clock()
            errors: list[Exception] = []
            reading: MachineReading | None = None
            try:
                reading = self._smooth(self._machine.read(now))
                errors += self._machine.problems
            except Exception as error:  # noqa: BLE001 - kept in `fault`, logged, and the next sample tries again
                errors.append(error)
            if self._processes is not None:
                self._processes.sweep(now)
                errors += self._processes.problems
                if reading is not None:
                    reading = dataclasses.replace(reading, our_cpu=self._processes.cpu_now)
            self._latest = reading or self._latest
            self._faults.update(errors, now)

    def _smooth(self, reading: MachineReading) -> MachineReading:
        at, before = self._monotonic(), self._sampled_at
        self._sampled_at = at
        if self._latest is None or before is None:
            return reading
        cpu_used = smoothed(self._latest.cpu_used, reading.cpu_used, at - before, self._smoothing_s)
        return dataclasses.replace(reading, cpu_used=cpu_used)

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.sample()
            stop.wait(self._interval_s)

    def _after_fork(self) -> None:
        """In the child: no thread, locks that nobody holds, and no runs, which are the parent's to watch."""
        self._thread = None
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._sampling = threading.Lock()
        if self._processes is not None:
            self._processes.clear()


_samplers: "weakref.WeakSet[MachineSampler]" = weakref.WeakSet()


def _forked() -> None:
    for sampler in list(_samplers):
        sampler._after_fork()  # noqa: SLF001 - nobody else may call it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
