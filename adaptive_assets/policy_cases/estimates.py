"""How a case writes what was learned of a kind of work."""

from collections.abc import Mapping
from typing import Annotated, Final, Generic, Self, TypeVar

from pydantic import BeforeValidator, model_validator

from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.resource_request import PRIOR
from adaptive_assets.policy.fields import Cores, Duration, SizeInUse, Text, Weight
from adaptive_assets.policy.terms import FULL
from adaptive_assets.policy.units import UnitError
from adaptive_assets.policy.values import PolicyValue

_ENOUGH: Final = 20.0
"""Runs behind an estimate that does not say how many."""


Quantity = TypeVar("Quantity", bound=float)


class SpreadTerms(PolicyValue, Generic[Quantity]):
    """Three quantiles of a quantity; one that is not given is the one before it."""

    p50: Quantity
    p90: Quantity | None = None
    p99: Quantity | None = None

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


def _one_for_all(value: object) -> object:
    """A single value is a quantity that is known."""
    return value if isinstance(value, Mapping | SpreadTerms) else {"p50": value}


_ONE_FOR_ALL: Final = BeforeValidator(_one_for_all)


class EstimateTerms(PolicyValue):
    """What a run will take; what is not given is what the planner assumes of a run that nobody knows."""

    duration: Annotated[SpreadTerms[Duration], _ONE_FOR_ALL] = SpreadTerms[Duration](p50=PRIOR.duration)
    """From start to end."""
    cpu: Annotated[SpreadTerms[Cores], _ONE_FOR_ALL] = SpreadTerms[Cores](p50=PRIOR.cpu)
    """Cores at the peak."""
    memory: Annotated[SpreadTerms[SizeInUse], _ONE_FOR_ALL] = SpreadTerms[SizeInUse](p50=PRIOR.memory)
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
