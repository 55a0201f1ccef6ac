"""Which policy governs a run of a workload, and what runs of one name have in common."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from adaptive_assets.planning.composition import modes_of
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.policy import Gates, Policy, PolicyBook, Tier
from adaptive_assets.simulation.traces.trace import TracedRun, Workload, check_tiers

USUAL: Final = (
    Tier(name="critical", preempts=("standard", "batch")),
    Tier(name="standard", preempts=("batch",), preemption="suspend"),
    Tier(name="batch", preemption="requeue"),
)
"""The tiers of a workload for which nobody wrote policies."""


@dataclass(frozen=True, slots=True, eq=False)
class TraceKind:
    """What runs of one name share; compared by identity."""

    work: Work
    policy: Policy

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes in which it can run."""
        return modes_of(self.policy)

    @property
    def owner(self) -> str:
        """Whose use of the machine it is."""
        return self.policy.owner or self.policy.name


def plain_book(workload: Workload) -> PolicyBook:
    """A book with a policy for each tier that ``workload`` has, and nothing else in it.

    Raises :class:`~adaptive_assets.simulation.traces.trace.TraceError` for tiers other than the usual three.
    """
    check_tiers(workload, [tier.name for tier in USUAL])
    policies = [
        Policy(name=tier.name, tier=tier.name, run_tags={"tier": tier.name})
        for tier in USUAL
        if tier.name in workload.tiers
    ]
    return PolicyBook(version=1, tiers=USUAL, policies=tuple(policies))


class Kinds:
    """Finds the kind of every run of a workload.

    A run is governed by the policy that governed it where it was recorded, if the book has it; else by the
    one that names it among its ``jobs``; else by the one named like its tier; else by the first of that tier;
    else by the default. What it reads is what runs of the names that it depends on make; that matters only
    where a policy has gates. ``composes``: whether the deployment can compose stages. Raises
    :class:`~adaptive_assets.simulation.traces.trace.TraceError` for a tier that the book does not have.
    """

    def __init__(self, workload: Workload, book: PolicyBook, *, composes: bool = False) -> None:
        check_tiers(workload, [tier.name for tier in book.tiers])
        self._book = book
        self._composes = composes
        self._by_job = {job: policy for policy in reversed(book.policies) for job in policy.jobs}
        self._by_tier = {policy.tier: policy for policy in reversed(book.policies)}
        self._by_name = {policy.name: policy for policy in book.policies}
        named_like_tiers = {tier.name for tier in book.tiers} & self._by_name.keys()
        self._by_tier |= {name: self._by_name[name] for name in named_like_tiers}
        self._reads = _reads(workload) if any(map(_gated, (*book.policies, book.default))) else {}
        self._kinds: dict[tuple[str, str], TraceKind] = {}

    def of(self, run: TracedRun) -> TraceKind:
        """The kind of ``run``: one object for all runs of its name under its policy."""
        policy = (
            self._by_name.get(run.policy or "")
            or self._by_job.get(run.name)
            or self._by_tier.get(run.tier or "")
            or self._book.default
        )
        kind = self._kinds.get((run.name, policy.name))
        if kind is None:
            reads = self._reads.get(run.name, ()) if _gated(policy) else ()
            work = Work(
                run.name,
                policy.name,
                assets=(run.name,) if reads else (),
                reads=reads,
                composable=self._composes and bool(policy.stages),
            )
            kind = self._kinds[run.name, policy.name] = TraceKind(work, policy)
        return kind


def _gated(policy: Policy) -> bool:
    return policy.gates != Gates()


def _reads(workload: Workload) -> dict[str, tuple[str, ...]]:
    """By name, the names of what its runs depend on, other than itself."""
    names = {run.run_id: run.name for run in workload.runs}
    reads: defaultdict[str, set[str]] = defaultdict(set)
    for run in workload.runs:
        reads[run.name].update(names[parent] for parent in run.depends_on)
    return {name: tuple(sorted(above - {name})) for name, above in reads.items()}
