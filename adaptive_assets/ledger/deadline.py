"""Calls to a database server that end in time, also when the server does not answer.

A frozen server still has its data acknowledged by its kernel, so no setting of the socket notices it.  The
call is made in a thread of its own; when its time is over the socket is shut down, which ends the thread.
"""

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

ENDING_S: Final = 0.5
"""How long a thread may take to end once its socket is shut down."""


class NoAnswerError(OSError):
    """A call did not end in time; what it was to write may have been written or not."""


class Deadlines:
    """Runs the calls of one database; threads may share it."""

    def __init__(self) -> None:
        self._here = threading.local()
        self._stuck: list[threading.Thread] = []

    def uses(self, connection: Any) -> None:
        """The call that this thread makes uses ``connection`` of the driver from now on."""
        call: _Call[Any] | None = getattr(self._here, "call", None)
        if call is not None:
            call.connection = connection

    def run(self, act: Callable[[], T], seconds: float) -> T:
        """What ``act`` returns or raises, or :class:`NoAnswerError` after ``seconds``.

        Where a call cannot be ended, none is begun before it has ended by itself: threads never pile up.
        """
        self._stuck = [thread for thread in self._stuck if thread.is_alive()]
        if self._stuck:
            raise NoAnswerError("an earlier call still waits for an answer")
        call = _Call(act, self._here)
        thread = threading.Thread(target=call.make, name="adaptive-ledger-call", daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            call.cut_off()
            thread.join(ENDING_S)
        if thread.is_alive():
            self._stuck.append(thread)
        elif call.error is None:
            return call.result[0]
        elif not call.cut:
            raise call.error
        raise NoAnswerError(f"no answer within {seconds:g} s")


class _Call(Generic[T]):
    def __init__(self, act: Callable[[], T], here: threading.local) -> None:
        self._act = act
        self._here = here
        self.connection: Any = None
        self.result: list[T] = []
        self.error: BaseException | None = None
        self.cut = False

    def make(self) -> None:
        """Runs in the thread."""
        self._here.call = self
        try:
            self.result.append(self._act())
        except BaseException as error:  # noqa: BLE001  raised again where the call was asked for
            self.error = error

    def cut_off(self) -> None:
        """Shut the socket down: whoever waits for the server is told that the connection is gone."""
        self.cut = True
        if self.connection is None:
            return  # still connecting, which has a limit of its own
        # The driver raises its own error where the connection has been closed meanwhile.
        with suppress(Exception), socket.socket(fileno=os.dup(self.connection.fileno())) as ours:
            ours.shutdown(socket.SHUT_RDWR)
