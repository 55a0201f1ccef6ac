"""Reasons as sentences: the one place in which codes and numbers become words."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from adaptive_assets.planning.data_sentences import DATA_CODES, data_sentence
from adaptive_assets.planning.formatting import cores, number, seconds, share, size
from adaptive_assets.planning.reason_codes import ReasonCode
from adaptive_assets.planning.waited_sentences import waited
from adaptive_assets.policy.terms import ESSENTIAL_IN_SEQUENCE, FULL, IN_SEQUENCE

Number = float | int | str | None
Numbers = Mapping[str, Number]
N = Mapping[str, Any]
"""The same, of which each sentence knows the types."""


def sentence_of(code: ReasonCode, numbers: Numbers, names: tuple[str, ...], because: str) -> str:
    """What people read of a reason; ``because`` is the sentence of the reason behind it."""
    if code in DATA_CODES:
        return data_sentence(code, numbers, names)
    return _SENTENCES[code](numbers, names, because)


def _never_fits(n: N, *_: Any) -> str:
    node = f"machine `{n['node']}`" if n["node"] else "machine"
    return (
        f"{_mode(n)}needs {size(n['needs'])}, more than the {share(n['guard'])} guard leaves of the whole"
        f" {node} ({size(n['ceiling'], at_most=True)} of {size(n['capacity'])}):"
        " lower the estimate, raise the guard or add a rung that needs less"
    )


def _outside_window(n: N, *_: Any) -> str:
    window = f"{n['window']} {n['timezone']}"
    return f"prefers {window}, which opens in {seconds(n['opens_in_s'])}{_at_the_latest(n)}"


def _price(n: N, *_: Any) -> str:
    if "price" not in n:
        return f"no machine costs {number(n['at_most'])} or less"
    pays = number(n["at_most"])
    return f"a core costs {number(n['price'])} an hour now, the policy pays {pays}{_at_the_latest(n)}"


def _location_paused(n: N, *_: Any) -> str:
    return (
        f"Dagster launches no run of the code location `{n['location']}` for another"
        f" {seconds(n['again_in_s'])}, because it could not be reached or loaded"
    )


def _slots(n: N) -> str:
    return f"of {n['limit']} slots, {n['taken']} are taken or about to be"


def _no_reading(n: N, *_: Any) -> str:
    if "silent" in n:
        return "no machine was heard of within its lease"
    return "there is no recent reading of the machine: one run at a time until there is"


def _memory(n: N, *_: Any) -> str:
    free = max(0.0, n["free"])
    return (
        f"{_where(n)}needs {size(n['needs'])}, {size(free, at_most=True)} is free"
        f" under the {share(n['guard'])} guard ({size(n['used'])} of"
        f" {size(n['capacity'])} in use, {size(n['promised'])} promised)"
    )


def _cpu(n: N, *_: Any) -> str:
    needs, free = n["needs"], max(0.0, n["free"])
    likes = f" (and would use {number(n['estimate'])})" if needs < n["estimate"] else ""
    return (
        f"{_where(n)}needs {cores(needs)}{likes}, {number(free, at_most=True)} is free"
        f" under the {share(n['guard'])} guard (of {cores(n['capacity'])}, our runs are expected to use"
        f" {number(n['expected'])}, others use {number(n['strangers'])})"
    )


def _ramp(n: N, *_: Any) -> str:
    return (
        f"{number(n['launched'])} runs were launched in the last {seconds(n['every_s'])},"
        f" the ramp allows {n['limit']}"
    )


def _not_idle(n: N, *_: Any) -> str:
    return (
        f"is work ahead, which leaves {share(n['leaves'])} of the guarded machine alone"
        " and lets all others go first"
    )


def _behind(n: N, *_: Any) -> str:
    starts = n["starts_in_s"]
    when = (
        "for which there is no capacity"
        if starts is None
        else f"which is to start in {seconds(starts)} and would have to wait longer"
    )
    return f"waits behind `{n['behind']}` ({n['tier']}), {when}"


def _deadline(n: N, *_: Any) -> str:
    left, takes = n["deadline_in_s"], n["launch_s"] + n["duration_s"]
    when = f"is due in {seconds(left)}" if left >= 0 else f"was due {seconds(-left)} ago"
    subject = "full mode" if n["mode"] == FULL else f"mode {n['mode']}"
    return f"{when}, and {subject} takes {seconds(takes)}, launch included"


def _composed(n: N, names: tuple[str, ...], because: str) -> str:
    listed = [f"`{name}`" for name in names]
    left_out = " and ".join((", ".join(listed[:-1]), listed[-1]) if len(listed) > 1 else listed)
    if not names:
        return f"its stages go one after another: {because}"
    in_turn = ", one stage after another" if n["mode"] in (IN_SEQUENCE, ESSENTIAL_IN_SEQUENCE) else ""
    return f"goes without {left_out}{in_turn}: {because}"


def _fits(n: N, *_: Any) -> str:
    takes = f"{cores(n['cpu'])} and {size(n['memory'])} for about {seconds(n['duration_s'])}"
    return f"{_mode(n)}takes {takes}"


def _gives_way(n: N, *_: Any) -> str:
    if "waited_s" in n:
        return (
            f"leaves: it is work ahead, was suspended {seconds(n['waited_s'])} ago,"
            f" and `{n['to']}` ({n['tier']}) waits for capacity"
        )
    missing = [
        words
        for lacking, words in (
            (n["lacks_cpu"], cores(n["lacks_cpu"])),
            (n["lacks_memory"], size(n["lacks_memory"])),
            (n["lacks_slots"], "a place among the runs at once"),
        )
        if lacking > 0
    ]
    due = "" if n["due_in_s"] is None else f" and is due in {seconds(n['due_in_s'])}"
    lost = f"; {seconds(n['lost_core_s'])} of CPU time are lost" if n["action"] == "requeue" else ""
    return f"gives way to `{n['to']}` ({n['tier']}), which lacks {' and '.join(missing)}{due}{lost}"


def _memory_runs_out(n: N, *_: Any) -> str:
    return (
        f"leaves before memory runs out: {size(n['expected'])} of {size(n['capacity'])} are expected to be"
        f" in use, {size(n['excess'])} too much, and it holds {size(n['memory'])};"
        f" {seconds(n['lost_core_s'])} of CPU time are lost"
    )


def _capacity_again(n: N, *_: Any) -> str:
    if "limit_s" in n:
        waited, limit = seconds(n["waited_s"]), seconds(n["limit_s"])
        return f"goes on: it gave way {waited} ago, and nothing gives way for longer than {limit}"
    if "free" not in n:
        return "goes on: nothing is known of the machine that would be against it"
    free = number(max(0.0, n["free"]), at_most=True)
    return f"goes on: it needs {cores(n['needs'])}, and {free} is free again"


_SENTENCES: Final[Mapping[ReasonCode, Callable[[N, tuple[str, ...], str], str]]] = {
    ReasonCode.NEVER_FITS: _never_fits,
    ReasonCode.OUTSIDE_WINDOW: _outside_window,
    ReasonCode.PRICE: _price,
    ReasonCode.LOCATION_PAUSED: _location_paused,
    ReasonCode.POOL: lambda n, *_: f"the pool `{n['pool']}` is full: {_slots(n)}",
    ReasonCode.TAG_LIMIT: lambda n, *_: f"the tag concurrency limit of `{n['tag']}` is reached: {_slots(n)}",
    ReasonCode.NO_READING: _no_reading,
    ReasonCode.MEMORY: _memory,
    ReasonCode.CPU: _cpu,
    ReasonCode.PRESSURE: lambda n, *_: (
        f"{n['resource']} pressure is {share(n['pressure'])}, the guard is {share(n['limit'])}"
    ),
    ReasonCode.CONCURRENCY: lambda n, *_: (
        f"of {n['limit']} runs at once, {n['runs']} are active or about to be"
    ),
    ReasonCode.RAMP: _ramp,
    ReasonCode.NOT_IDLE: _not_idle,
    ReasonCode.BEHIND: _behind,
    ReasonCode.DEADLINE: _deadline,
    ReasonCode.WAITED: lambda n, _, because: waited(n, because),
    ReasonCode.COMPOSED: _composed,
    ReasonCode.FORCED: lambda _, __, because: (
        f"its deadline leaves no time to wait for what others use, so it goes all the same: {because}"
    ),
    ReasonCode.FITS: _fits,
    ReasonCode.GIVES_WAY: _gives_way,
    ReasonCode.MEMORY_RUNS_OUT: _memory_runs_out,
    ReasonCode.CAPACITY_AGAIN: _capacity_again,
    ReasonCode.KEPT: lambda n, *_: f"`{n['work']}` goes on: nobody else needs what it holds more",
}


def _mode(n: N) -> str:
    """The mode, where it is not the full one."""
    return "" if n["mode"] == FULL else f"mode {n['mode']} "


def _where(n: N) -> str:
    """The node, where there are several, and the mode."""
    return f"on `{n['node']}`: {_mode(n)}" if n["node"] else _mode(n)


def _at_the_latest(n: N) -> str:
    return "" if n["latest_s"] is None else f" (it goes after {seconds(n['latest_s'])} of waiting anyway)"
