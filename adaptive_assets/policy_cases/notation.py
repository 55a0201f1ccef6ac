"""How a file of cases is written: what is true, and what must be decided. Only what is given is compared."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, StrictInt, model_validator

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.policy.explaining import Language
from adaptive_assets.policy.fields import Parameter, Text
from adaptive_assets.policy.units import UnitError
from adaptive_assets.policy.values import PolicyValue
from adaptive_assets.policy_cases.situation import SnapshotTerms


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


class CaseTerms(PolicyValue):
    """One case: a book, what is true, and what must be decided and said."""

    name: Text
    """What the case shows."""
    book: dict[str, Any] | None = None
    """A policy book of its own, written as in a policy file."""
    before: SnapshotTerms | None = None
    """What was true when the plan before was made, of which the ledger has the decisions already."""
    snapshot: SnapshotTerms
    """What is true."""
    expect: tuple[Expectation, ...] | None = None
    """What is decided on some runs."""
    launched: tuple[Text, ...] | None = None
    """All runs that are let go, in order."""
    ledger: tuple[ExpectedRow, ...] | None = None
    """All decisions that the ledger would get, in order."""


class CaseFileTerms(PolicyValue):
    """A file of cases."""

    policies: Text | None = None
    """The policy file that the cases are about, from the folder of this file."""
    cases: tuple[CaseTerms, ...] = Field(min_length=1)
    """The cases."""


_REQUIRED: Final[Mapping[str, str]] = {
    "cases": "cases: [{name: …, snapshot: …, expect: …}]",
    "name": "name: nightly",
    "snapshot": "snapshot: {queued: [{run: r1}]}",
    "run": "run: r1",
    "of": "of: reports",
    "p50": "p50: 2m",
    "verdict": "verdict: launch",
}

CASE_FILE: Final = Language("case file", CaseFileTerms, _REQUIRED, kind="a case file")
"""For sentences about what is wrong with one."""
