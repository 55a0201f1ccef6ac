"""One estimate of all three quantities."""

from collections.abc import Sequence

from adaptive_assets.learning.forecast import Forecast, forecast_of
from adaptive_assets.learning.record import Record
from adaptive_assets.learning.similar_work import Resemblance
from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.resource_request import ResourceRequest


def estimated(
    records: Sequence[Record],
    similar: Sequence[Resemblance | None],
    assumed: ResourceRequest | None,
    least: tuple[float, float] = (0.0, 0.0),
    size: float | None = None,
) -> Estimate | None:
    """What the next run will take; ``None`` where neither its kind nor its kin say anything.

    ``records`` and ``similar`` are of duration, CPU and memory, in this order.  A quantity that nobody
    has seen, while others were, is what is ``assumed`` of it, and without that there is no estimate either.
    Memory is at least the first of ``least`` in its upper quantiles, and the second in its median (bytes);
    the first in both, where no run of its own has said what it takes.
    """
    forecasts = [
        forecast_of(record, relation, size) for record, relation in zip(records, similar, strict=True)
    ]
    known = next((each for each in forecasts if each is not None), None)
    floor, median = least
    if known is None and not floor:
        return None
    duration, cpu, memory = map(_spread, forecasts, _amounts(assumed))
    if duration is None or cpu is None or memory is None:
        return None
    own = known is None or known.own >= 0.5
    return Estimate(
        duration=duration,
        cpu=cpu,
        memory=memory.at_least(floor, median=median if known is not None and own else None),
        runs=(
            max(record.level.weight for record in records)
            if own
            else float(max(relation.kinds for relation in similar if relation is not None))
        ),
        source=Source.OWN if own else Source.SIMILAR,
    )


def _amounts(assumed: ResourceRequest | None) -> Sequence[float | None]:
    return (None,) * 3 if assumed is None else (assumed.duration, assumed.cpu, float(assumed.memory))


def _spread(look: Forecast | None, assumed: float | None) -> Spread | None:
    if look is not None:
        return look.spread
    return None if assumed is None else Spread.exactly(assumed)
