"""The lines of a trace file, compressed or not, and the problems found in them.

Lines come one at a time, so that memory does not grow with the file.
"""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import BinaryIO, Final, cast

from adaptive_assets.policy import Problem
from adaptive_assets.simulation.traces.trace import MOST_PROBLEMS, TraceError

MOST_RUNS: Final = 5_000_000
"""Runs of one trace; each takes some 500 bytes."""

_GZIP: Final = b"\x1f\x8b"
_LONGEST_LINE: Final = 1_000_000
"""Characters; a longer line is cut, so that a file without line ends cannot fill the memory."""


class Problems:
    """What is wrong with the file ``source``: collected, and raised when there is enough of it."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._found: list[Problem] = []

    def add(self, line: int, column: int, message: str, hint: str) -> None:
        """One more; raises :class:`TraceError` with all when there are :data:`MOST_PROBLEMS`."""
        self._found.append(Problem(self._source, line, column, message, hint))
        if len(self._found) == MOST_PROBLEMS:
            last = f"stopped after {MOST_PROBLEMS} problems"
            self._found.append(Problem(self._source, line, column, last, "there may be more below"))
            raise TraceError(self._found)

    def check(self) -> None:
        """Raise :class:`TraceError` with all, if there are any."""
        if self._found:
            raise TraceError(self._found)


def read_lines(path: Path, source: str) -> Iterator[str]:
    """The lines of the UTF-8 text, plain or in gzip, at ``path``, each with its end.

    A byte order mark is left out, and a pipe will do.  Raises :class:`TraceError` where it cannot be read.
    """
    try:
        with ExitStack() as closing:
            plain = closing.enter_context(path.open("rb"))
            text = closing.enter_context(TextIOWrapper(_unpacked(plain), encoding="utf-8-sig", newline=""))
            yield from iter(lambda: text.readline(_LONGEST_LINE), "")
    except UnicodeDecodeError as error:
        line, column = _undecodable(path)
        message = f"byte 0x{error.object[error.start]:02X} is not UTF-8"
        raise TraceError([Problem(source, line, column, message, "save the file as UTF-8")]) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        message = f"the compressed file is damaged or cut short: {error}"
        raise TraceError([Problem(source, 0, 0, message, "copy it again")]) from None
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        hint = f"relative paths start at {Path.cwd()}" if not path.is_absolute() else "check the path"
        raise TraceError([Problem(source, 0, 0, f"the file cannot be read: {reason}", hint)]) from None


def _unpacked(plain: BufferedReader) -> BinaryIO:
    """By what the file begins with, whatever its name ends with."""
    begins = plain.peek(len(_GZIP))
    return cast("BinaryIO", gzip.GzipFile(fileobj=plain)) if begins.startswith(_GZIP) else plain


def _undecodable(path: Path) -> tuple[int, int]:
    """Line and column of the first byte that is no UTF-8, found by a second look; zeros for a pipe."""
    if not path.is_file():
        return 0, 0
    with path.open("rb") as plain:
        for number, line in enumerate(_unpacked(plain), start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return number, len(line[: error.start].decode("utf-8")) + 1
    return 0, 0
