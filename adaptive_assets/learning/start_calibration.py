"""How far predicted starts hold, and by how much to correct them so that their quantiles do.

Split conformal prediction (Vovk et al. 2005; Barber et al. 2023): whatever is wrong with a prediction, the
quantile of what was wrong with the last ones corrects the next.  Of a run that still waits it is only known
that its wait is longer than so far; the quantiles are those of Kaplan and Meier (1958), which count that.
"""

import json
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final, Self

from adaptive_assets.planning.decisions import Plan, Verdict

KEY: Final = "starts"
"""Under which the ledger keeps it."""

KEPT: Final = 400
"""Predictions that are kept for each tier. Chosen."""

SAMPLED: Final = 4
"""Runs of a tier that are predicted at a time. Chosen."""

LEAST_RUNS: Final = 30
"""Started runs that it takes before anything is said: coverage is then known to about 5 %. Chosen."""

SPACING: Final = 0.1
"""From one prediction of a tier to the next, as a share of its median wait: it then covers some 10 waits."""

SOONEST_S: Final = 15.0
LATEST_S: Final = 3600.0
"""The bounds of that."""

OFFSET_S: Final = 30.0
"""Added to what was predicted and to what came before they are compared: below it only their difference
counts. Chosen."""

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class StartQuantiles:
    """Seconds from now until a run starts, which is sooner in so many of a hundred cases."""

    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class PredictedStart:
    """That a waiting run was predicted, at ``at`` (POSIX seconds), to start ``seconds`` later.

    ``until`` is when it started or, if it has not ``started``, left the queue; ``None`` while it waits.
    """

    run_id: str
    at: float
    seconds: float
    until: float | None = None
    started: bool = False


class StartCalibration:
    """The last predictions of each tier, what became of them, and what that says of the next."""

    def __init__(self) -> None:
        self._tiers: dict[str, deque[PredictedStart]] = {}
        self._predicted_at: dict[str, float] = {}
        self._seen_at = 0.0
        """Until when the runs without an end are known to have waited."""

    def started(self, starts: Mapping[str, float]) -> bool:
        """Runs have started, each at its time; whether one of them had been predicted."""
        known = False
        for predictions in self._tiers.values():
            for place, each in enumerate(predictions):
                if each.until is None and (start := starts.get(each.run_id)) is not None:
                    predictions[place] = replace(each, until=max(start, each.at), started=True)
                    known = True
        return known

    def still_waiting(self, at: float, run_ids: Collection[str]) -> None:
        """At ``at``, those runs wait and no others.

        One that has not started either has left the queue, nobody knows why: it waited at least until it was
        last seen.
        """
        for predictions in self._tiers.values():
            for place, each in enumerate(predictions):
                if each.until is None and each.run_id not in run_ids:
                    predictions[place] = replace(each, until=max(self._seen_at, each.at))
        self._seen_at = at

    def due(self, plan: Plan) -> dict[str, list[str]]:
        """Which of the runs that ``plan`` leaves waiting are to be predicted, by tier: a few of each.

        Unless some tier is due, the queue is not looked at: it may be long.
        """
        deferred = [decision for decision in plan.decisions if decision.verdict is Verdict.DEFER]
        tiers = [tier for tier in {each.tier: None for each in deferred} if self._is_due(tier, plan.at)]
        if not tiers:
            return {}
        waiting: dict[str, list[str]] = {}
        for decision in deferred:
            waiting.setdefault(decision.tier, []).extend(run.run_id for run in decision.runs)
        self.still_waiting(plan.at, {run_id for run_ids in waiting.values() for run_id in run_ids})
        return {tier: _sample(waiting[tier], plan.at) for tier in tiers}

    def predicted(self, at: float, due: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> None:
        """At ``at``, the ``due`` runs were predicted to start so many ``seconds`` later, if at all."""
        for tier, run_ids in due.items():
            self._predicted_at[tier] = at
            kept = self._tiers.setdefault(tier, deque(maxlen=KEPT))
            kept.extend(
                PredictedStart(run_id, at, seconds[run_id]) for run_id in run_ids if run_id in seconds
            )

    def quantiles(self, tier: str, seconds: float, waited: float = 0.0) -> StartQuantiles | None:
        """When a run of ``tier`` starts that was predicted to do so in ``seconds``, and has ``waited`` since.

        Both quantiles hold of past predictions as often as they say.  ``None`` where too few of them tell.
        """
        past = (waited + OFFSET_S) / (seconds + OFFSET_S)
        known = [each for each in self._tiers.get(tier, ()) if not waited or self._ratio(each) > past]
        if len({each.run_id for each in known if each.started}) < LEAST_RUNS:
            return None
        ratios = ((self._ratio(each), each.started) for each in known)
        factors = survival_quantiles(ratios, (0.5, 0.9), len(known) / len({each.run_id for each in known}))
        if factors is None:
            return None
        p50, p90 = (max(0.0, factor * (seconds + OFFSET_S) - OFFSET_S - waited) for factor in factors)
        return StartQuantiles(p50, p90)

    def text(self) -> str:
        """All that is known, for :meth:`read`."""
        tiers = {
            tier: [[each.run_id, each.at, each.seconds, each.until, each.started] for each in predictions]
            for tier, predictions in self._tiers.items()
        }
        known = {"version": _VERSION, "seen_at": self._seen_at, "tiers": tiers}
        return json.dumps(known, separators=(",", ":"))

    @classmethod
    def read(cls, text: str | None) -> Self:
        """What gave ``text``; where that is damaged, or of another version, one that knows nothing."""
        calibration = cls()
        try:
            known = json.loads(text or "{}")
            if known.get("version") == _VERSION:
                calibration._tiers = {
                    str(tier): deque((_restored(*each) for each in predictions), maxlen=KEPT)
                    for tier, predictions in known["tiers"].items()
                }
                calibration._seen_at = float(known["seen_at"])
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()
        return calibration

    def _is_due(self, tier: str, at: float) -> bool:
        last, predictions = self._predicted_at.get(tier), self._tiers.get(tier)
        if last is None:
            return True
        spacing = SPACING * median(map(self._waited, predictions)) if predictions else 0.0
        # also when the clock was set back
        return not 0 <= at - last < min(max(spacing, SOONEST_S), LATEST_S)

    def _ratio(self, each: PredictedStart) -> float:
        return (self._waited(each) + OFFSET_S) / (each.seconds + OFFSET_S)

    def _waited(self, each: PredictedStart) -> float:
        return max(0.0, (self._seen_at if each.until is None else each.until) - each.at)


def _sample(waiting: Sequence[str], at: float) -> list[str]:
    """Evenly spaced in those that wait, and not always in the same places."""
    if len(waiting) <= SAMPLED:
        return list(waiting)
    shift = at * 0.618 % 1.0
    return [waiting[int((part + shift) / SAMPLED * len(waiting))] for part in range(SAMPLED)]


def survival_quantiles(
    values: Iterable[tuple[float, bool]], wanted: Sequence[float], beyond: float = 0.0
) -> tuple[float, ...] | None:
    """The quantiles ``wanted`` (0 to 1, in order) of values of which some are only known to be larger.

    Each value comes with whether it is known exactly.  So many as ``beyond`` are counted that may be larger
    than all: those of the run that is still to come.  ``None`` for a quantile that is beyond what is known.
    """
    found: list[float] = []
    ordered = sorted(values, key=lambda each: (each[0], not each[1]))
    larger = 1.0
    for place, (value, exact) in enumerate(ordered):
        if not exact:
            continue
        larger *= 1 - 1 / (len(ordered) - place + beyond)
        while len(found) < len(wanted) and larger <= 1 - wanted[len(found)] + 1e-9:
            found.append(value)
    return tuple(found) if len(found) == len(wanted) else None


def _restored(run_id: str, at: float, seconds: float, until: float | None, started: bool) -> PredictedStart:
    return PredictedStart(
        str(run_id), float(at), float(seconds), None if until is None else float(until), bool(started)
    )
