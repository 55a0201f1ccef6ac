"""What a part of the kill campaign has to show: every run once, and one decision for each launch."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.kills_ledgers import Launched

__all__ = ["Tagged", "Tally", "audit", "recoveries"]


@dataclass(frozen=True, slots=True)
class Tagged:
    """What the tags of a launched run say: the number of the decision, if it is there, and the mode."""

    decision: int | None
    mode: str


@dataclass(frozen=True, slots=True)
class Tally:
    """The ids of runs of which something is wrong, by what is wrong; no run is right for two wrongs."""

    launched: int
    twice: tuple[str, ...]
    """Launched or executed more than once."""
    undecided: tuple[str, ...]
    """Launched, and no ledger holds a decision to launch it."""
    decided_twice: tuple[str, ...]
    """One ledger holds several decisions to launch it."""
    disagreeing: tuple[str, ...]
    """The tags name another decision or mode than the ledger, or none where they must."""


def audit(
    launches: Sequence[str],
    executions: Mapping[str, int],
    ledgers: Sequence[Sequence[Launched]],
    tags: Mapping[str, Tagged],
    *,
    tags_must_name: bool,
) -> Tally:
    """Compare what was done with what was written down.

    Args:
        launches: A run id for each launch.
        executions: How often each run was executed.
        ledgers: The decisions to launch in each ledger that there was: the last is in use, those before it
            were deleted. What one ledger has lost may be in the next one again; within one it must be once.
        tags: Of each launched run.
        tags_must_name: Whether every launched run must carry the number of its decision: where the ledger
            could not be written for a time, it need not.
    """
    launched = Counter(launches)
    decided = [Counter(row.run_id for row in ledger) for ledger in ledgers]
    known = {(row.run_id, row.decision): row.mode for ledger in ledgers for row in ledger}
    runs = sorted(launched)

    def disagrees(run_id: str) -> bool:
        tag = tags.get(run_id)
        if tag is None or tag.decision is None:
            return tags_must_name
        return known.get((run_id, tag.decision)) != tag.mode

    return Tally(
        launched=len(launched),
        twice=tuple(run for run in runs if launched[run] > 1 or executions.get(run, 0) > 1),
        undecided=tuple(run for run in runs if not any(ledger[run] for ledger in decided)),
        decided_twice=tuple(run for run in runs if any(ledger[run] > 1 for ledger in decided)),
        disagreeing=tuple(run for run in runs if disagrees(run)),
    )


def recoveries(kills: Iterable[float], launches: Iterable[float]) -> list[float]:
    """Seconds from each kill to the next launch, where no other kill came before it."""
    times, found = sorted(launches), []
    for kill, next_kill in pairwise([*sorted(kills), float("inf")]):
        place = bisect_right(times, kill)
        if place < len(times) and times[place] < next_kill:
            found.append(times[place] - kill)
    return found
