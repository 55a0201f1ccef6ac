"""How a file of cases is written."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field

from adaptive_assets.policy.explaining import Language
from adaptive_assets.policy.fields import Text
from adaptive_assets.policy.terms import PolicyValue
from adaptive_assets.policy_cases.expectations import Expectation, ExpectedRow
from adaptive_assets.policy_cases.situation import SnapshotTerms

__all__ = ["CASE_FILE", "CaseFileTerms", "CaseTerms"]


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
    "limit": "limit: 8",
    "verdict": "verdict: launch",
}

CASE_FILE: Final = Language("case file", CaseFileTerms, _REQUIRED)
"""For sentences about what is wrong with one."""
