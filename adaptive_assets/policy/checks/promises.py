"""Promises that can be kept: deadlines and freshness against estimates and windows."""

from collections.abc import Iterator
from math import inf

from adaptive_assets.policy.compositions import whole_estimate
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.terms import LAST_GOOD, Objective, Policy, Rung, Window
from adaptive_assets.policy.units import MINUTES_IN_A_DAY, format_duration, format_share


def promise_findings(policy: Policy) -> Iterator[Finding]:
    """Promises of ``policy`` that it cannot keep, by paths from the policy."""
    if policy.objective:
        yield from _confidence_findings(policy.objective)
    yield from _deadline_findings(policy)
    if policy.window:
        yield from _window_findings(policy, policy.window)


def _deadline_findings(policy: Policy) -> Iterator[Finding]:
    deadline = policy.objective.deadline if policy.objective else None
    if deadline is None:
        return
    if policy.opportunity:
        yield Finding(
            ("objective", "deadline"),
            "work ahead goes into idle capacity alone, so nothing makes it keep a deadline",
            "remove the deadline, or `opportunity`",
            "warning",
        )
    path, full = ("objective", "deadline"), _full_duration(policy)
    if full is None:
        yield Finding(
            path,
            "nothing says how long a run takes, so it cannot be known when it must start",
            "declare it, such as `estimate: {duration: 3m}`",
            "warning",
        )
    elif full > deadline:
        late = f"the deadline is {format_duration(deadline)}, and full mode takes {format_duration(full)}"
        in_time = [rung for rung in policy.degrade if _duration_on(rung, full) <= deadline]
        if in_time:
            message = f"{late}: every run will be degraded to `{in_time[0].mode}`"
            yield Finding(path, message, "allow more time, unless that is what you want", "warning")
        else:
            none = "no rung is known to be quick enough" if policy.degrade else "there is no rung"
            yield Finding(path, f"{late}; {none}", "allow more time, or add `degrade: [{mode: last_good}]`")


def _confidence_findings(objective: Objective) -> Iterator[Finding]:
    confidence = objective.confidence
    if confidence == 1:
        yield Finding(
            ("objective", "confidence"),
            "no run is certain to end in time, so none could be launched in full",
            "write less, such as `99%`",
        )
    elif confidence < 0.5:
        yield Finding(
            ("objective", "confidence"),
            f"`{format_share(confidence)}` would count on luck: it is taken as `50%`",
            "write `50%` or more",
            "warning",
        )


def _window_findings(policy: Policy, window: Window) -> Iterator[Finding]:
    if window.latest == 0:
        message = "`latest: 0s` makes the window moot: no run would wait for it"
        yield Finding(
            ("window", "latest"), message, "let runs wait, such as `latest: 24h`, or remove the window"
        )
        return
    shut = (MINUTES_IN_A_DAY - window.prefer.minutes) * 60.0
    wait = min(shut, inf if window.latest is None else window.latest)
    if policy.objective is None:
        return
    deadline, freshness = policy.objective.deadline, policy.objective.freshness
    duration = _full_duration(policy) or 0.0
    if deadline is not None and deadline < wait + duration:
        message = (
            f"the deadline is {format_duration(deadline)}, and a run may wait {format_duration(wait)} for"
            f" {window.prefer}: runs will go outside the window to be in time"
        )
        yield Finding(("objective", "deadline"), message, "allow more time, or remove the window", "warning")
    wait = min(wait, inf if deadline is None else deadline)
    if freshness is not None and freshness < wait:
        message = (
            f"data cannot stay fresher than {format_duration(freshness)}"
            f" when a run may wait {format_duration(wait)} for {window.prefer}"
        )
        yield Finding(
            ("objective", "freshness"), message, "allow older data, widen the window, or set `latest`"
        )


def _full_duration(policy: Policy) -> float | None:
    """Seconds that a run takes in full mode, where that is declared."""
    full = whole_estimate(policy)
    return full.duration if full else None


def _duration_on(rung: Rung, full: float) -> float:
    """Seconds that a run takes on ``rung``, as far as is declared; ``full`` is what it takes in full mode."""
    if rung.estimate and rung.estimate.duration is not None:
        return rung.estimate.duration
    return 0.0 if rung.mode == LAST_GOOD else full
