"""Reasons in a few words, for the tag that Dagster's list of runs shows: the code's own word and its number.

The list cuts a tag where the column ends, after some 25 to 40 characters, so what matters comes first.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from math import sqrt
from typing import Any, Final

from adaptive_assets.planning.formatting import number, seconds, share, size
from adaptive_assets.planning.reason_codes import ReasonCode
from adaptive_assets.policy.text import quoted

N = Mapping[str, Any]

LONGEST: Final = 26
"""Characters; names are cut so that the whole has no more."""

START: Final = " \N{MIDDLE DOT} "
"""Stands before the expected start."""

STEPS: Final = (
    *((minutes * 60.0, f"~{minutes} min") for minutes in (1, 2, 4, 8, 15, 30)),
    *((hours * 3600.0, f"~{hours} h") for hours in (1, 2, 4, 8, 16)),
    *((days * 86400.0, f"~{days} d") for days in (1, 2, 4, 8)),
)
"""What an expected start is rounded to, seconds first: each is about twice the one before."""

SOON: Final = "<1 min"
_STARTS: Final = frozenset((SOON, *(name for _, name in STEPS)))

UNCERTAIN: Final = 1.25
"""A start that was told stays while the one that is expected now is by no more than this factor another."""


def short_form(code: ReasonCode, numbers: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The reason in at most ``LONGEST`` characters; names are those of assets, checks or stages."""
    return quoted(_SHORT[code](numbers, names), LONGEST)


def with_start(short: str, starts_in_s: float | None) -> str:
    """``short`` with the expected start, if there is one."""
    return short if starts_in_s is None else f"{short}{START}{_coarse(starts_in_s)}"


def still_holds(told: str, short: str, starts_in_s: float | None) -> bool:
    """Whether what was ``told`` need not be told otherwise: each time costs a write."""
    if starts_in_s is None:
        return told == short
    likely = (starts_in_s / UNCERTAIN, starts_in_s, starts_in_s * UNCERTAIN)
    return told in [with_start(short, each) for each in likely]


def tells_start(told: str) -> bool:
    """Whether a short form that was told had an expected start."""
    _, start, name = told.rpartition(START)
    return bool(start) and name in _STARTS


def _coarse(starts_in_s: float) -> str:
    """``~4 min``: by its order of magnitude, so that it is written some ten times in a day of waiting."""
    if starts_in_s < STEPS[0][0] / sqrt(2):
        return SOON
    for (at, name), (following, _) in pairwise(STEPS):
        if starts_in_s < sqrt(at * following):
            return name
    return STEPS[-1][1]


def _named(word: str, name: Any, after: str = "") -> str:
    """``word``, as much of the name as there is place for, and ``after``."""
    left = LONGEST - len(word) - len(after) - 1 - bool(after)
    return " ".join(part for part in (word, quoted(str(name), left), after) if part)


def _input(word: str, n: N) -> str:
    """With its partition where there is place for the whole of both."""
    whole = f"{n['asset']}[{n.get('partition')}]"
    fits = n.get("partition") and len(word) + 1 + len(whole) <= LONGEST
    return _named(word, whole if fits else n["asset"])


def _first(names: tuple[str, ...], otherwise: Any) -> Any:
    return names[0] if names else otherwise


def _inputs_unknown(n: N, names: tuple[str, ...]) -> str:
    return _input("unknown:", n) if "asset" in n else _named("unknown:", _first(names, "inputs"))


def _price(n: N, *_: Any) -> str:
    return f"a price of {number(n['at_most'])}"


def _deadline(n: N, *_: Any) -> str:
    left = n["deadline_in_s"]
    return f"due in {seconds(left)}" if left >= 0 else f"due {seconds(-left)} ago"


def _slots(n: N) -> str:
    return f"{n['taken']}/{n['limit']}"


_SHORT: Final[Mapping[ReasonCode, Callable[[N, tuple[str, ...]], str]]] = {
    ReasonCode.NEVER_FITS: lambda n, _: f"never fits: {size(n['needs'])}",
    ReasonCode.INPUTS_UNKNOWN: _inputs_unknown,
    ReasonCode.DATA_MISSING: lambda n, _: _input("no data:", n),
    ReasonCode.DATA_STALE: lambda n, _: _input("stale:", n),
    ReasonCode.FRESHNESS_NOT_EVALUATED: lambda n, _: _input("freshness?", n),
    ReasonCode.CHECK_FAILED: lambda n, names: _named("check failed:", _first(names, n["asset"])),
    ReasonCode.CHECK_NOT_EVALUATED: lambda n, names: _named("no result:", _first(names, n["asset"])),
    ReasonCode.DATA_DEGRADED: lambda n, _: _input("degraded:", n),
    ReasonCode.OUTSIDE_WINDOW: lambda n, _: f"hours {n['window']}",
    ReasonCode.PRICE: _price,
    ReasonCode.LOCATION_PAUSED: lambda n, _: _named("location", n["location"]),
    ReasonCode.POOL: lambda n, _: _named("pool", n["pool"], _slots(n)),
    ReasonCode.TAG_LIMIT: lambda n, _: _named("tag", n["tag"], _slots(n)),
    ReasonCode.NO_READING: lambda *_: "a reading of the machine",
    ReasonCode.MEMORY: lambda n, _: f"memory {size(n['needs'])}",
    ReasonCode.CPU: lambda n, _: f"cpu {number(n['needs'])}",
    ReasonCode.PRESSURE: lambda n, _: f"{n['resource']} pressure {share(n['pressure'])}",
    ReasonCode.CONCURRENCY: lambda n, _: f"{n['runs']}/{n['limit']} runs at once",
    ReasonCode.RAMP: lambda n, _: f"ramp {number(n['launched'])}/{n['limit']}",
    ReasonCode.NOT_IDLE: lambda n, _: f"{share(n['leaves'])} left idle",
    ReasonCode.BEHIND: lambda n, _: _named("behind", n["behind"]),
    ReasonCode.DEADLINE: _deadline,
    ReasonCode.WAITED: lambda n, _: f"waited {seconds(n['waited_s'] if 'waited_s' in n else n['limit_s'])}",
    ReasonCode.COMPOSED: lambda _, names: _named("without", names[0]) if names else "in sequence",
    ReasonCode.FORCED: lambda n, _: f"its deadline, {size(n['memory'])}",
    ReasonCode.FITS: lambda n, _: f"fits: {size(n['memory'])}",
    ReasonCode.GIVES_WAY: lambda n, _: _named("gives way to", n["to"]),
    ReasonCode.MEMORY_RUNS_OUT: lambda n, _: f"memory runs out: {size(n['memory'])}",
    ReasonCode.CAPACITY_AGAIN: lambda *_: "goes on",
    ReasonCode.KEPT: lambda *_: "goes on",
}
