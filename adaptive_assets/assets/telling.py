"""What `adapt()` has against a policy file: raised, logged, or collected by somebody who wants all of it."""

import logging
import multiprocessing
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from adaptive_assets.dagster_compat.definitions import is_reconstruction
from adaptive_assets.policy import PolicyError, Problem

_log = logging.getLogger("adaptive_assets")

_RUN_COMMANDS: Final = frozenset({"execute_run", "resume_run", "execute_step"})
_said: set[str] = set()
_collections: list[list[Problem]] = []
"""Of the process, and not of a thread: Dagster may load code locations in others."""


@contextmanager
def collected() -> Iterator[list[Problem]]:
    """While it lasts, `adapt()` refuses and says nothing in this process; the list has what it would have."""
    found: list[Problem] = []
    _collections.append(found)
    try:
        yield found
    finally:
        _collections.remove(found)


def refuse(problems: Iterable[Problem], what_goes_on: str) -> None:
    """Raise :class:`PolicyError`; but in the process of a run, which must not die of an edit, only log it.

    The run was launched under the book before it; ``what_goes_on`` tells how it goes on.
    """
    if _collections:
        _collections[-1].extend(problems)
        return
    error = PolicyError(problems)
    if not is_reconstruction():
        raise error
    _log.warning("%s: %s", what_goes_on, error)


def warn(problem: Problem | str) -> None:
    """Log a warning, once in a process, and in none of a run: the code server has said it already."""
    if _collections:
        if isinstance(problem, Problem):
            _collections[-1].append(problem)
    elif str(problem) not in _said and not _is_of_a_run():
        _said.add(str(problem))
        _log.warning("%s", problem)


def _is_of_a_run() -> bool:
    """Whether this is the process of a run or a step: forked by a code server, or started by a command."""
    return multiprocessing.parent_process() is not None or not _RUN_COMMANDS.isdisjoint(sys.argv[:4])
