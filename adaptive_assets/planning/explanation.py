"""Reasons that a run itself gives: what it takes, what it waited for, and whom it stands behind."""

from functools import lru_cache

from adaptive_assets.planning.decisions import Reason, ReasonCode
from adaptive_assets.planning.resource_request import FULL, ResourceRequest
from adaptive_assets.planning.snapshot import QueuedRun, Work
from adaptive_assets.planning.wording import cores, seconds, share, size
from adaptive_assets.policy import Gates, Policy, Tier
from adaptive_assets.policy.compositions import Composition
from adaptive_assets.policy.terms import ESSENTIAL_IN_SEQUENCE, IN_SEQUENCE

__all__ = [
    "composed",
    "favoured",
    "fits",
    "forced",
    "kept",
    "no_rung",
    "not_idle",
    "overdue",
    "patience_over",
    "trickles",
]


@lru_cache(maxsize=1024)
def fits(request: ResourceRequest, mode: str = FULL) -> Reason:
    """It is let go because nothing is in its way."""
    subject = "" if mode == FULL else f"mode {mode} "
    return Reason(
        ReasonCode.FITS,
        f"{subject}takes {cores(request.cpu)} and {size(request.memory)} for about {seconds(request.duration)}",
        _takes(request, mode),
    )


def forced(request: ResourceRequest, mode: str, lack: Reason) -> Reason:
    """It is let go below full mode although there is no room."""
    return Reason(
        ReasonCode.FORCED,
        f"its deadline leaves no time to wait for room, so it goes all the same: {lack.sentence}",
        _takes(request, mode),
    )


def trickles(run: QueuedRun, limit_s: float, lack: Reason, at: float) -> Reason:
    """It is let go although there is no room, because strangers would keep it waiting for ever."""
    waited = at - run.submitted_at
    return Reason(
        ReasonCode.WAITED,
        f"waited {seconds(waited)} while others kept the machine busy, and goes all the same:"
        f" {lack.sentence}",
        {"waited_s": waited, "limit_s": limit_s},
    )


def patience_over(
    policy: Policy, gates: Gates, run: QueuedRun, shut: tuple[Reason, ...], at: float
) -> Reason:
    """It no longer waits for what is ``shut``: gates, or (alone) the hours of its window."""
    waited = at - run.submitted_at
    if shut[0].code is ReasonCode.OUTSIDE_WINDOW:
        window = policy.window
        limit, what = window.latest if window else None, "its hours"
    elif shut[0].code is ReasonCode.PRICE:
        limit, what = policy.cost.latest if policy.cost else None, "a lower price"
    else:
        limit, what = gates.wait_at_most, "its data"
    if limit is not None and waited >= limit:
        sentence = f"waited {seconds(waited)} for {what}, the policy allows {seconds(limit)}"
    else:
        sentence = f"its deadline leaves no time to wait any longer for {what}"
    return Reason(
        ReasonCode.WAITED, f"{sentence}: {shut[0].sentence}", {"waited_s": waited, "limit_s": limit}
    )


def no_rung(policy: Policy, work: Work, limit: float | None) -> Reason:
    """It has waited as long as it may, and has no lesser mode to go in."""
    why = (
        f"the policy `{policy.name}` has no rung"
        if work.degradable
        else "it makes assets of more than one policy, so no rung is promised for all of them"
    )
    return Reason(
        ReasonCode.WAITED,
        f"has waited the {seconds(limit or 0)} after which it would degrade, but {why}: it goes on waiting",
        {"limit_s": limit},
    )


def not_idle(request: ResourceRequest, share_left: float) -> Reason:
    """It is work ahead, and the machine is not idle."""
    return Reason(
        ReasonCode.NOT_IDLE,
        f"is work ahead, which leaves {share(share_left)} of the guarded machine alone and lets all others go"
        " first",
        {"leaves": share_left, "cpu": request.cpu, "memory": request.memory},
    )


def overdue(run: QueuedRun, tier: Tier, at: float, so: str) -> Reason:
    """It has waited for longer than its tier has patience, ``so`` this is what becomes of it."""
    waited = at - run.submitted_at
    return Reason(
        ReasonCode.WAITED,
        f"waited {seconds(waited)}, more than the {seconds(tier.patience)} that work of tier {tier.name} has"
        f" patience for, so {so}",
        {"waited_s": waited, "limit_s": tier.patience},
    )


def favoured(run: QueuedRun, tier: Tier, limit_s: float, at: float) -> Reason:
    """It stands first in its tier although it is bulky, because it has waited for ``limit_s`` or longer."""
    waited = at - run.submitted_at
    return Reason(
        ReasonCode.WAITED,
        f"waited {seconds(waited)}, so nothing smaller of tier {tier.name} goes before it any more",
        {"waited_s": waited, "limit_s": limit_s},
    )


def composed(way: Composition, cause: Reason) -> Reason:
    """Its stages go another way than all together, because of ``cause``."""
    names = [f"`{name}`" for name in way.left_out]
    listed = " and ".join((", ".join(names[:-1]), names[-1]) if len(names) > 1 else names)
    in_turn = way.mode in (IN_SEQUENCE, ESSENTIAL_IN_SEQUENCE)
    if not names:
        how = "its stages go one after another"
    else:
        how = f"goes without {listed}{', one stage after another' if in_turn else ''}"
    return Reason(
        ReasonCode.COMPOSED,
        f"{how}: {cause.sentence}",
        {"mode": way.mode, "left_out": ", ".join(way.left_out), "because": cause.code.value},
    )


@lru_cache(maxsize=1024)
def kept(work: Work) -> Reason:
    """It goes on."""
    return Reason(ReasonCode.KEPT, f"`{work.name}` goes on: nobody else needs what it holds more", {})


def _takes(request: ResourceRequest, mode: str) -> dict[str, float | int | str | None]:
    return {"mode": mode, "cpu": request.cpu, "memory": request.memory, "duration_s": request.duration}
