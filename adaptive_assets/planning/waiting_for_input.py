"""How many runs wait for one thing: an asset, or a partition of it, that is not ready."""

from collections import Counter
from collections.abc import Iterable

from adaptive_assets.planning.reasons import Number, Reason
from adaptive_assets.planning.run_group import RunGroup

_Input = tuple[Number, Number]


def count_waiting(groups: Iterable[RunGroup]) -> None:
    """Give each reason of ``groups`` that names an input the number of their runs that wait for it."""
    waiting = [group for group in groups if group.rest and any(map(_input, group.shut))]
    counts: Counter[_Input] = Counter()
    for group in waiting:
        for each in {named for named in map(_input, group.shut) if named}:
            counts[each] += len(group.rest)
    for group in waiting:
        group.shut = tuple(_counted(reason, counts) for reason in group.shut)


def _input(reason: Reason) -> _Input | None:
    numbers = reason.numbers
    return (numbers["asset"], numbers.get("partition")) if "asset" in numbers else None


def _counted(reason: Reason, counts: Counter[_Input]) -> Reason:
    named = _input(reason)
    return reason if named is None else reason.with_number("waiting", counts[named])
