"""Which ways to run the stages of a policy are open to a kind of work, and what each would go without."""

from collections.abc import Iterable
from typing import Final

from adaptive_assets.planning.reasons import Reason
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.policy import Policy
from adaptive_assets.policy.compositions import Composition, compositions, optional_reads
from adaptive_assets.policy.terms import FULL, IN_SEQUENCE

WHOLE: Final = frozenset({FULL, IN_SEQUENCE})
"""The modes in which everything is made."""


def modes_of(policy: Policy) -> tuple[str, ...]:
    """The modes in which runs of ``policy`` may be told to run: full, its compositions, its rungs."""
    composed = [way.mode for way in compositions(policy.stages)[1:]]
    return (FULL, *composed, *(rung.mode for rung in policy.degrade))


def is_composed(policy: Policy, mode: str) -> bool:
    """Whether ``mode`` is another composition of the policy's stages than full mode."""
    return any(way.mode == mode for way in compositions(policy.stages)[1:])


def in_sequence(policy: Policy, work: Work) -> Composition | None:
    """All stages one after another, where ``work`` can be run so and takes less of something that way."""
    return next((way for way in _open_to(policy, work) if way.mode == IN_SEQUENCE), None)


def essentials(policy: Policy, work: Work) -> tuple[Composition, ...]:
    """The ways without the optional stages, where ``work`` can be run so.

    Nothing is promised to work ahead, so nothing presses it.
    """
    if policy.opportunity or not work.composable:
        return ()
    return tuple(way for way in _open_to(policy, work) if way.left_out)


def spares(policy: Policy, work: Work, closed: Iterable[Reason]) -> bool:
    """Whether all that the ``closed`` gates speak of is read by stages alone that can be left out."""
    reads = optional_reads(policy.stages) if essentials(policy, work) else frozenset()
    return bool(reads) and all(reason.numbers.get("asset") in reads for reason in closed)


def _open_to(policy: Policy, work: Work) -> tuple[Composition, ...]:
    """The compositions other than full mode.

    Those of a run that makes assets of several policies say nothing of the rest of it.
    """
    return compositions(policy.stages)[1:] if work.composable and work.degradable else ()
