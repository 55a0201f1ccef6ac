"""The cells of the matrix: a state of data, where it stands, and what a run reads of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

PARTITIONS = ("a", "b", "c")


class Age(StrEnum):
    """How fresh the version is; ``MISSING``: there is none."""

    MISSING = "missing"
    STALE = "stale"
    WARN = "warn"
    FRESH = "fresh"


class Checked(StrEnum):
    """What the blocking check of the asset said of the version."""

    NO_CHECK = "no_check"
    PASSED = "passed"
    FAILED = "failed"
    NOT_EVALUATED = "not_evaluated"
    OLDER_PASSED = "older_passed"
    """It passed the version before this one, and has not looked at this one."""


class Made(StrEnum):
    """In which mode the version was made."""

    FULL = "full"
    DEGRADED = "degraded"


class Reads(StrEnum):
    """What the run reads, and so whether it reads the version in question."""

    UNPARTITIONED = "unpartitioned"
    SAME = "same"
    """Its own partition; those beside it are bad."""
    OTHER = "other"
    """Its own partition, which is good; the version in question is that of another one."""
    RANGE = "range"
    """Three partitions, of which the middle one is in question and the others are good."""
    MAPPED = "mapped"
    """By a partition mapping, another partition than its own, which is bad."""


class Gate(StrEnum):
    """What the policy of the run asks for."""

    STRICT = "strict"
    """``{fresh: pass, checks: pass, accept_degraded: false}``"""
    MILD = "mild"
    """``{fresh: warn, checks: warn}``"""


@dataclass(frozen=True)
class Cell:
    """One upstream asset in one state, and what reads it."""

    age: Age
    checked: Checked
    made: Made
    reads: Reads
    same_location: bool
    external: bool

    @property
    def name(self) -> str:
        """Fit for the name of an asset."""
        where = "here" if self.same_location else "there"
        kind = "external" if self.external else "made"
        return f"{self.age}__{self.checked}__{self.made}__{self.reads}__{where}__{kind}"

    @property
    def partitioned(self) -> bool:
        """Whether the upstream asset has partitions."""
        return self.reads is not Reads.UNPARTITIONED

    @property
    def number(self) -> int:
        """Spreads over the cells what none of them is about: how a check is defined, how it is reported."""
        return list(Age).index(self.age) + list(Checked).index(self.checked) + list(Made).index(self.made)

    @property
    def check_has_partitions(self) -> bool:
        """Whether the check is defined with the partitions of its asset: both ways are in use."""
        return self.partitioned and self.number % 2 == 0

    @property
    def others_reported(self) -> bool:
        """Whether there are versions of other partitions: of external assets both are in use."""
        return self.partitioned and not (
            self.external and self.same_location and self.reads in (Reads.SAME, Reads.MAPPED)
        )

    def reader(self, gate: Gate) -> str:
        """The asset that reads the upstream one under a policy."""
        return f"{gate}__{self.name}"


def cells() -> Iterator[Cell]:
    """All of them, without those that cannot be: what is not there has no mode, and no version before it."""
    for age, checked, made, reads, here, external in product(
        Age, Checked, Made, Reads, (True, False), (False, True)
    ):
        if age is Age.MISSING and (made is Made.DEGRADED or checked is Checked.OLDER_PASSED):
            continue
        yield Cell(age, checked, made, reads, here, external)
