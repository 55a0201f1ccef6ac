"""Press on the machine for a while, to see policies at work.

``python -m flights.squeeze --cpu 2 --memory 60% --seconds 60`` keeps two cores busy and holds
60% of the machine's memory, really written to, for a minute.  It ends by itself, and at once on Ctrl-C; the
last of the memory (`MEMORY_LEFT`) it never takes.
"""

# ruff: noqa: T201 (a program of its own)

import argparse
import mmap
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adaptive_assets.policy.units import parse_share, parse_size
from adaptive_assets.signals import MachineReader

LONGEST: Final = 3600.0
"""Seconds; a forgotten squeeze must not last."""
MEMORY_LEFT: Final = 768 * 1024 * 1024
"""Bytes that stay free: what presses harder has the kernel kill something."""
_PIECE: Final = 64 * 1024 * 1024
_PATTERN: Final = bytes(range(1, 256)) * 4113  # a little over a MiB, no two neighbouring bytes alike


@dataclass(frozen=True, slots=True)
class Squeeze:
    """How hard and how long: busy processes, bytes, seconds."""

    cpu: int
    memory: int
    seconds: float


def memory_to_take(asked: str | None, capacity: int, used: int) -> int:
    """Return how many bytes to take for a share of the capacity (``60%``), a size (``4GiB``) or nothing.

    That is less than asked for where it would leave less than `MEMORY_LEFT` free.

    Raises:
        ValueError: ``asked`` is neither.
    """
    if asked is None:
        return 0
    wanted = int(parse_share(asked) * capacity) if asked.strip().endswith("%") else parse_size(asked)
    return max(0, min(wanted, capacity - used - MEMORY_LEFT))


def press(squeeze: Squeeze, stop: threading.Event) -> None:
    """Press until the time is over or ``stop`` is set; then everything is given back."""
    until = time.monotonic() + squeeze.seconds
    # Not forked: a child would share the memory that we are about to take, and our signal handlers.
    context = multiprocessing.get_context("spawn")
    busy = [
        context.Process(target=_spin, args=(squeeze.seconds, os.getpid()), daemon=True)
        for _ in range(squeeze.cpu)
    ]
    held: list[mmap.mmap] = []
    try:
        for process in busy:
            process.start()
        left = squeeze.memory
        while left > 0 and not stop.is_set():
            held.append(_touched(min(left, _PIECE)))
            left -= _PIECE
        stop.wait(max(0.0, until - time.monotonic()))
    finally:
        for process in busy:
            process.terminate()
        for process in busy:
            process.join(5)
        for block in held:
            block.close()


def _touched(size: int) -> mmap.mmap:
    """Return a block of memory with every page written to: merely reserved, it would weigh nothing."""
    block = mmap.mmap(-1, size)
    while block.tell() < size:
        block.write(_PATTERN[: size - block.tell()])
    return block


def _spin(seconds: float, parent: int) -> None:
    """Keep one core busy for a while, but no longer than the parent lives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends us
    until = time.monotonic() + seconds
    number = 1
    while time.monotonic() < until and os.getppid() == parent:
        for _ in range(100_000):
            number = number * 48271 % 2147483647


def main(argv: Sequence[str] | None = None) -> int:
    """Press as the command line says; 0 when done, 2 for bad arguments."""
    parser = argparse.ArgumentParser(prog="python -m flights.squeeze", description=__doc__)
    parser.add_argument(
        "--cpu", type=int, default=0, metavar="N", help="processes that keep a core busy each"
    )
    parser.add_argument("--memory", metavar="SHARE", help="of the machine's memory (60%%), or a size")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long")
    arguments = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    reading = MachineReader().read(time.time())
    if not 0 <= arguments.cpu <= 256:
        parser.error(f"--cpu {arguments.cpu}: a number of processes from 0 to 256 is right")
    if not 0 < arguments.seconds <= LONGEST:
        parser.error(f"--seconds {arguments.seconds:g}: up to {LONGEST:g} is right")
    try:
        memory = memory_to_take(arguments.memory, reading.memory_capacity, reading.memory_used)
    except ValueError as error:
        parser.error(f"--memory: {error}")
    held = f"{memory / 2**30:.1f} of {reading.memory_capacity / 2**30:.1f} GiB"
    print(f"Pressing for {arguments.seconds:g} s: {arguments.cpu} busy processes, {held} ...", flush=True)
    press(Squeeze(arguments.cpu, memory, arguments.seconds), stop)
    print("Released.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
