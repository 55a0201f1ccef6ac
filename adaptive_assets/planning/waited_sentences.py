"""What people read of a run that has waited long enough: what for, and what becomes of it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from adaptive_assets.planning.formatting import seconds

N = Mapping[str, Any]


def waited(n: N, because: str) -> str:
    """The sentence, by what the run waited for (``for``)."""
    return _WAITED[n["for"]](n, because)


def _waited_for_others(n: N, because: str) -> str:
    waited = f"waited {seconds(n['waited_s'])} while others kept the machine busy"
    return f"{waited}, and goes all the same: {because}"


def _waited_at_most(what: str) -> Callable[[N, str], str]:
    def sentence(n: N, because: str) -> str:
        waited, limit = n["waited_s"], n["limit_s"]
        if limit is not None and waited >= limit:
            return f"waited {seconds(waited)} for {what}, the policy allows {seconds(limit)}: {because}"
        return f"its deadline leaves no time to wait any longer for {what}: {because}"

    return sentence


def _waited_beyond_patience(so: str) -> Callable[[N, str], str]:
    def sentence(n: N, _: str) -> str:
        patience = f"more than the {seconds(n['limit_s'])} that work of tier {n['tier']} has patience for"
        return f"waited {seconds(n['waited_s'])}, {patience}, so {so}"

    return sentence


def _waited_longest_in_tier(n: N, _: str) -> str:
    return f"waited {seconds(n['waited_s'])}, so nothing smaller of tier {n['tier']} goes before it any more"


def _waited_without_rung(n: N, _: str) -> str:
    why = (
        "it makes assets of more than one policy, so no rung is promised for all of them"
        if n["policy"] is None
        else f"the policy `{n['policy']}` has no rung"
    )
    waited = f"has waited the {seconds(n['limit_s'] or 0)} after which it would degrade"
    return f"{waited}, but {why}: it goes on waiting"


_WAITED: Final[Mapping[str, Callable[[N, str], str]]] = {
    "data": _waited_at_most("its data"),
    "window": _waited_at_most("its hours"),
    "price": _waited_at_most("a lower price"),
    "others": _waited_for_others,
    "rung": _waited_without_rung,
    "capacity, goes first": _waited_beyond_patience("it goes before all others"),
    "capacity, does less": _waited_beyond_patience("it does less rather than wait for capacity"),
    "its turn in its tier": _waited_longest_in_tier,
}
