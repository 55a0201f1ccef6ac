"""How a case writes what was learned of a kind of work."""

from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, model_validator

from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.resource_request import PRIOR
from adaptive_assets.policy.fields import Cores, Duration, SizeInUse, Text, Weight
from adaptive_assets.policy.terms import FULL, PolicyValue
from adaptive_assets.policy.units import UnitError

__all__ = ["EstimateTerms", "LearnedTerms"]

_ENOUGH: Final = 20.0
"""Runs behind an estimate that does not say how many."""


class _SpreadTerms(PolicyValue):
    """Three quantiles; one that is not given is the one before it."""

    p50: float
    p90: float | None = None
    p99: float | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        spread = self._quantiles()
        if list(spread) != sorted(spread):
            raise UnitError("the quantiles are not in order", "write the lowest first: `p50`, `p90`, `p99`")
        return self

    def spread(self) -> Spread:
        """As the planner takes it."""
        return Spread(*self._quantiles())

    def _quantiles(self) -> tuple[float, float, float]:
        p90 = self.p50 if self.p90 is None else self.p90
        return self.p50, p90, p90 if self.p99 is None else self.p99


class DurationSpread(_SpreadTerms):
    """Of a duration."""

    p50: Duration
    p90: Duration | None = None
    p99: Duration | None = None


class CoresSpread(_SpreadTerms):
    """Of cores at the peak."""

    p50: Cores
    p90: Cores | None = None
    p99: Cores | None = None


class SizeSpread(_SpreadTerms):
    """Of memory at the peak."""

    p50: SizeInUse
    p90: SizeInUse | None = None
    p99: SizeInUse | None = None


def _one_for_all(value: object) -> object:
    """A single value is a quantity that is known."""
    return value if isinstance(value, Mapping | _SpreadTerms) else {"p50": value}


_ONE_FOR_ALL: Final = BeforeValidator(_one_for_all)


class EstimateTerms(PolicyValue):
    """What a run will take; what is not given is what the planner assumes of a run that nobody knows."""

    duration: Annotated[DurationSpread, _ONE_FOR_ALL] = DurationSpread(p50=PRIOR.duration)
    """From start to end."""
    cpu: Annotated[CoresSpread, _ONE_FOR_ALL] = CoresSpread(p50=PRIOR.cpu)
    """Cores at the peak."""
    memory: Annotated[SizeSpread, _ONE_FOR_ALL] = SizeSpread(p50=PRIOR.memory)
    """Bytes at the peak."""
    runs: Weight = _ENOUGH
    """How many runs are behind it."""
    source: Source = Source.OWN
    """Whose runs they were."""

    def estimate(self) -> Estimate:
        """As the planner takes it."""
        return Estimate(
            self.duration.spread(), self.cpu.spread(), self.memory.spread(), self.runs, self.source
        )


class LearnedTerms(EstimateTerms):
    """What was learned of a kind of work in one mode."""

    of: Text
    """The name of the work: that of its policy, where it has none of its own."""
    mode: Text = FULL
    """In which mode."""
