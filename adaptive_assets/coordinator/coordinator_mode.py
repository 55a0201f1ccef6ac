"""Whether the coordinator acts on its decisions or only observes, and when it did which."""

import json
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from typing import Final

import dagster as dg
import yaml

from adaptive_assets.ledger import Ledger
from adaptive_assets.policy.suggesting import did_you_mean

KEY: Final = "modes"
"""Under which the ledger keeps the periods."""

MOST_PERIODS: Final = 100
"""Periods that are kept: the last ones."""


class CoordinatorMode(StrEnum):
    """``act``: runs are held, admitted, degraded and failed. ``observe``: the same is decided and recorded,

    and stock Dagster launches every run.
    """

    ACT = "act"
    OBSERVE = "observe"


@dataclass(frozen=True, slots=True)
class Period:
    """From when (POSIX seconds) until when a mode was in force; without ``until`` it is in force now."""

    mode: CoordinatorMode
    since: float
    until: float | None = None

    def has(self, at: float) -> bool:
        """Whether the mode was in force at ``at``."""
        return self.since <= at and (self.until is None or at < self.until)


def read_mode(given: str, settings: Path) -> CoordinatorMode:
    """The mode that the file ``settings`` names, which is ``dagster.yaml``.

    Raises:
        DagsterInvariantViolationError: there is no such mode; says where it stands, and what would be right.
    """
    try:
        return CoordinatorMode(given)
    except ValueError:
        hint = did_you_mean(given, [mode.value for mode in CoordinatorMode], "a mode is", "or")
    message = (
        f"{settings}{_line_of_mode(settings)}: `mode: {given}` of the run coordinator is no mode ({hint})"
    )
    raise dg.DagsterInvariantViolationError(message)


def _line_of_mode(settings: Path) -> str:
    """``:7``, where the file can be read again and has the key."""
    with suppress(OSError, ValueError, yaml.YAMLError):
        node: yaml.Node | None = yaml.compose(settings.read_text(encoding="utf-8"), yaml.SafeLoader)
        for key in ("run_coordinator", "config", "mode"):
            if not isinstance(node, yaml.MappingNode):
                return ""
            node = next((value for name, value in node.value if name.value == key), None)
        if node is not None:
            return f":{node.start_mark.line + 1}"
    return ""


class ModeLog:
    """Notes in the ledger which mode is in force, so that a report knows of which time it can tell what."""

    def __init__(self, mode: CoordinatorMode) -> None:
        self._mode = mode
        self._noted_in: int | None = None

    def note(self, ledger: Ledger, now: float) -> None:
        """Note the mode, once for each ledger; ``now`` in POSIX seconds.

        Raises:
            LedgerError: it could not be noted; the next call tries again.
        """
        if self._noted_in == ledger.made_anew:
            return
        known = periods(ledger)
        if not known or known[-1].mode is not self._mode:
            begun = [*((each.mode, each.since) for each in known), (self._mode, now)]
            ledger.keep(KEY, json.dumps(begun[-MOST_PERIODS:]))
        self._noted_in = ledger.made_anew


def periods(ledger: Ledger) -> tuple[Period, ...]:
    """The periods that are known, the oldest first; none of a ledger that an earlier version wrote.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    try:
        begun = [
            (CoordinatorMode(mode), float(since)) for mode, since in json.loads(ledger.kept(KEY) or "[]")
        ]
    except (ValueError, TypeError):
        return ()
    ends = [since for _, since in begun[1:]]
    return tuple(Period(mode, since, until) for (mode, since), until in zip_longest(begun, ends))
