"""How a case writes what must be decided: only what is given is compared."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StrictInt, model_validator

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.policy.fields import Parameter, Text
from adaptive_assets.policy.terms import PolicyValue
from adaptive_assets.policy.units import UnitError

__all__ = ["Expectation", "ExpectedRow"]


def _one_or_more(value: object) -> object:
    """One sentence may stand without brackets."""
    return [value] if isinstance(value, str) else value


Words = Annotated[tuple[Text, ...], BeforeValidator(_one_or_more)]
"""Pieces of text; one may stand for itself."""


class _Expected(PolicyValue):
    """What is common to runs and rows of the ledger."""

    verdict: Verdict
    """What becomes of them."""
    mode: Text | None = None
    """In which mode."""
    tier: Text | None = None
    """In which tier."""
    reasons: tuple[ReasonCode, ...] | None = None
    """The codes of all reasons, in order."""
    says: Words = ()
    """Words of the reasons, each written `code: sentence`."""


class Expectation(_Expected):
    """What is decided on a run, or on each of several."""

    run: Text | None = None
    """On which run."""
    runs: tuple[Text, ...] = ()
    """On which runs."""
    node: Text | None = None
    """Where an admitted run is placed."""
    parameters: Mapping[Text, Parameter] | None = None
    """What it is told along with its mode."""

    @model_validator(mode="after")
    def _of_some_run(self) -> Self:
        if (self.run is None) == (not self.runs):
            raise UnitError(
                "an expectation is about one run or several", "write `run: r1` or `runs: [r1, r2]`"
            )
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """The runs that it is about."""
        return self.runs if self.run is None else (self.run,)


class ExpectedRow(_Expected):
    """A decision that the ledger would get: on one run, or on all those of a kind that wait alike."""

    name: Text | None = None
    """The name of the kind of work."""
    policy: Text | None = None
    """Its policy."""
    runs: StrictInt | None = Field(default=None, ge=1)
    """How many runs it speaks of."""
