"""Who waited for whom: how long each tier waited, by reason and by whose work had the machine meanwhile."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from adaptive_assets.simulation.evaluation.outcome import RunOutcome

IDLE = ""
"""In place of a tier: nothing ran while a run waited."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Seconds of waiting, summed over runs; ``tiers`` in the order of the book.

    ``behind[a][b]`` is how long runs of tier ``a`` waited while tier ``b`` had the machine: each second is
    shared out by the cores that the tiers had in use in it, and goes to :data:`IDLE` where none had any.
    ``reasons[a][code]`` is how long they waited for that reason.
    """

    tiers: tuple[str, ...]
    behind: Mapping[str, Mapping[str, float]]
    reasons: Mapping[str, Mapping[str, float]]

    def codes(self) -> list[str]:
        """Every reason there was, the one that cost the most time first."""
        sums: dict[str, float] = defaultdict(float)
        for by_code in self.reasons.values():
            for code, waited in by_code.items():
                sums[code] += waited
        return sorted((code for code in sums if sums[code] > 0), key=lambda code: (-sums[code], code))


def waiting(runs: Sequence[RunOutcome], tiers: tuple[str, ...], end_s: float) -> Waiting:
    """Sum up the waits of ``runs``; one that never started waited until ``end_s``.

    A run holds the machine from its last launch to its end.  The shares of the tiers change at launches and
    ends only, so their running integrals at those instants give any wait by two look-ups: n log n in all.  A
    run that was launched more than once has waited in several parts, of which only the sum is known: it is
    shared out as the time from its release to its last launch is.
    """
    held = _Held(runs, tiers, end_s)
    behind: dict[str, dict[str, float]] = {tier: dict.fromkeys((*tiers, IDLE), 0.0) for tier in tiers}
    reasons: dict[str, dict[str, float]] = {tier: defaultdict(float) for tier in tiers}
    for run in runs:
        launched = end_s if run.launched_s is None else run.launched_s
        if run.released_s is not None and launched > run.released_s:
            part = min(1.0, run.wait_s / (launched - run.released_s))
            for holder, waited in held.between(run.released_s, launched):
                behind[run.tier][holder] += waited * part
        for code, waited in run.blocked_by.items():
            reasons[run.tier][str(code)] += waited
    return Waiting(tiers, behind, {tier: dict(by_code) for tier, by_code in reasons.items()})


class _Held:
    """The integrals over time of the share of the cores in use that each tier had."""

    def __init__(self, runs: Iterable[RunOutcome], tiers: tuple[str, ...], end_s: float) -> None:
        changes: list[tuple[float, int, float]] = []
        place = {tier: number for number, tier in enumerate(tiers)}
        for run in runs:
            if run.launched_s is not None:
                ended = end_s if run.ended_s is None else run.ended_s
                cores = max(run.run.cpu, 1e-3)  # one that only waits for a disk holds its place, too
                changes += ((run.launched_s, place[run.tier], cores), (ended, place[run.tier], -cores))
        changes.sort()
        self._holders = (*tiers, IDLE)
        self._times = [0.0]
        steps: list[list[float]] = [[0.0] for _ in self._holders]
        cores_of = [0.0] * len(tiers)
        for at, tier, change in changes:
            length = at - self._times[-1]
            if length > 0:
                for share, sums in zip(_shares(cores_of), steps, strict=True):
                    sums.append(share * length)
                self._times.append(at)
            cores_of[tier] += change
        self._sums = [list(accumulate(sums)) for sums in steps]

    def between(self, start: float, end: float) -> Iterable[tuple[str, float]]:
        """Each holder, and for how much of the time it had the machine."""
        found = [
            (holder, self._until(sums, end) - self._until(sums, start))
            for holder, sums in zip(self._holders, self._sums, strict=True)
        ]
        beyond = end - start - sum(waited for _, waited in found)  # after the last end
        return [*found[:-1], (IDLE, found[-1][1] + max(0.0, beyond))]

    def _until(self, sums: Sequence[float], at: float) -> float:
        """The integral from 0 to ``at``, on the straight line between two changes."""
        place = bisect_right(self._times, at)
        if place >= len(self._times):
            return sums[-1]
        left, right = self._times[place - 1], self._times[place]
        return sums[place - 1] + (sums[place] - sums[place - 1]) * (at - left) / (right - left)


def _shares(cores_of: Sequence[float]) -> list[float]:
    """Each tier's share of the cores in use, and 1 for nobody where none are; sums of floats leave crumbs."""
    total = sum(max(0.0, cores) for cores in cores_of)
    if total < 1e-6:
        return [*(0.0 for _ in cores_of), 1.0]
    return [*(max(0.0, cores) / total for cores in cores_of), 0.0]
