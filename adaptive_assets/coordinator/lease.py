"""The lease by which one of several daemons launches runs, and the others stand by.

As in the leader election of Kubernetes, nobody compares clocks: a holder counts up a number while it goes on,
and who waits takes over when that number has not changed for a while of its own monotonic clock.
"""

import json
import logging
import os
import platform
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

import psutil
from typing_extensions import override

from adaptive_assets.ledger import Ledger, LedgerError
from adaptive_assets.ledger.states import LeaseRow

NAME: Final = "dequeue"
"""The lease of the daemon that plans and launches."""
RENEWAL_S: Final = 10.0
EXPIRY_S: Final = 30.0
"""A holder that has not renewed its lease for so long is taken to be gone."""
TRIES: Final = 3
"""How often to look again where somebody else changes the lease at the same moment."""
_SAME_START_S: Final = 1.0
"""How far two readings of the time at which a process was started may be apart."""

logger = logging.getLogger("dagster.adaptive_assets")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process: its host, its pid, and when it was started there (POSIX seconds).

    ``pids`` names the table of processes that the pid is from: that of one boot of one machine or container.
    """

    host: str
    pid: int
    started_at: float
    pids: str

    @classmethod
    def here(cls) -> Self:
        """This process."""
        started_at = round(psutil.Process().create_time(), 1)
        return cls(platform.node(), os.getpid(), started_at, _process_table())

    @classmethod
    def of_text(cls, text: str) -> Self | None:
        """The inverse of :meth:`text`; ``None`` for what is no holder."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None

    @property
    def text(self) -> str:
        """As it stands in the ledger."""
        return json.dumps(asdict(self))

    @property
    def is_gone(self) -> bool:
        """Whether the process is known to have ended: only of this host that can be known."""
        if not self.pids or (self.host, self.pids) != (platform.node(), _process_table()):
            return False
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            return abs(process.create_time() - self.started_at) > _SAME_START_S
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return False

    @override
    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class Lease:
    """This process's side of a lease; renewed by a thread of its own, because a pass may take minutes.

    When the ledger cannot be reached, whoever held the lease goes on, whoever has seen another holder goes on
    standing by, and who has seen nobody goes on: that runs are launched is worth more than that a mistake is
    prevented.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        name: str = NAME,
        holder: Holder | None = None,
        renewal_s: float = RENEWAL_S,
        expiry_s: float = EXPIRY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._name = name
        self._me = holder or Holder.here()
        self._renewal_s = renewal_s
        self._expiry_s = expiry_s
        self._clock = clock
        self._turn = threading.Lock()
        self._mine: LeaseRow | None = None
        self._seen: LeaseRow | None = None
        self._seen_since = 0.0
        self._holds = True
        self._looked_at: float | None = None
        self._missing_since: float | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def holds(self) -> bool:
        """Whether this process is the one that launches.

        It costs nothing, except at first and where this process has stood still and may have lost the lease.
        """
        if self._looked_at is None or self._clock() - self._looked_at > 2 * self._renewal_s:
            self.renew()
        return self._holds

    @property
    def other(self) -> str | None:
        """The process that holds the lease, if it is not this one; it was seen last so."""
        seen = None if self._holds or self._seen is None else Holder.of_text(self._seen.holder)
        return str(seen) if seen else None

    @property
    def fault(self) -> str | None:
        """What to tell an operator: that there are two daemons, and which; ``None`` where there is one."""
        other = None if self.holds() else self.other
        if other is None:
            return None
        return (
            f"two daemons are at work on this instance: {other} launches its runs, and {self._me} stands by."
            " Stop one of them."
        )

    def start(self) -> None:
        """Renew the lease from now on, or wait for it."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._renewing, name="adaptive-lease", daemon=True)
            self._thread.start()

    def release(self) -> None:
        """Let go of the lease, so that another process need not wait; an orderly stop does this."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(self._renewal_s)
        with self._turn:
            mine, self._mine, self._looked_at = self._mine, None, None
            if mine is not None:
                with suppress(LedgerError):  # it ends by itself
                    self._ledger.change_lease(self._name, mine, LeaseRow("", mine.renewals + 1))

    def renew(self) -> None:
        """Renew the lease, take it if it is free, or see whether its holder goes on."""
        with self._turn:
            self._looked_at = self._clock()
            try:
                for _ in range(TRIES):
                    if self._settled(self._ledger.lease(self._name)):
                        break
            except LedgerError as error:
                logger.debug("The lease is left as it is: %s", error)

    def _settled(self, found: LeaseRow | None) -> bool:
        """Whether it is settled who holds the lease: not if somebody was faster to change it."""
        if not self._is_free(found):
            if self._mine is not None:
                logger.warning("Another daemon has taken the lease: this one stands by.")
            self._mine, self._holds = None, False
            return True
        wanted = LeaseRow(self._me.text, (found.renewals if found else 0) + 1)
        if not self._ledger.change_lease(self._name, found, wanted):
            return False
        if not self._holds:
            logger.info("The lease is free: this daemon launches runs from now on.")
        self._mine, self._holds = wanted, True
        return True

    def _is_free(self, found: LeaseRow | None) -> bool:
        """Whether the lease is this process's own, was let go, or has a holder that does not go on."""
        if found is None:
            return self._is_missed()
        self._missing_since = None
        holder = Holder.of_text(found.holder)
        if holder is None or holder == self._me or holder.is_gone:
            return True
        if found != self._seen:
            self._seen, self._seen_since = found, self._clock()
        return self._clock() - self._seen_since >= self._expiry_s

    def _is_missed(self) -> bool:
        """The ledger was made anew: its holder comes first, who stands by waits for it."""
        if self._holds:
            return True
        if self._missing_since is None:
            self._missing_since = self._clock()
        return self._clock() - self._missing_since >= self._expiry_s

    def _renewing(self) -> None:
        while not self._stop.wait(self._renewal_s):
            self.renew()


def _process_table() -> str:
    """What tells the processes here from those of any other host, container or boot; empty if nothing does.

    Hosts and containers may share a name.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""
