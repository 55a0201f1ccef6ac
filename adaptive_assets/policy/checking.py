"""What no schema can find: a policy book against the assets and jobs that there are, and against itself."""

from collections.abc import Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Final

from adaptive_assets.policy.catalogue import Catalogue
from adaptive_assets.policy.checks.costs import cost_findings, price_findings
from adaptive_assets.policy.checks.gates import gate_findings, upstreams
from adaptive_assets.policy.checks.governing import Resolve, governing_findings
from adaptive_assets.policy.checks.ladders import ladder_findings
from adaptive_assets.policy.checks.preemption import preemption_findings
from adaptive_assets.policy.checks.promises import promise_findings
from adaptive_assets.policy.checks.remedies import remedy_findings
from adaptive_assets.policy.checks.stages import stage_findings
from adaptive_assets.policy.checks.weights import weight_findings
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.model import PolicyBook
from adaptive_assets.policy.places import Path
from adaptive_assets.policy.problems import Problem
from adaptive_assets.policy.terms import Guards, Policy

LeftOut = Mapping[Path, frozenset[str]]
"""The keys that a book is without, by the path of the policy; the path of the top is empty."""

_SHARING: Final = frozenset({"owner", "weight"})
_LADDER: Final = frozenset({"gates", "degrade", "estimate", "stages"})
_PROMISES: Final = frozenset({"objective", "window", "degrade", "estimate", "stages", "opportunity"})
_COST: Final = frozenset({"cost", "prices"})
_REMEDIES: Final = frozenset({"gates", "on_unready", "on_failed_check"})
_GOVERNS: Final = frozenset({"select", "jobs", "run_tags"})
"""The keys that each kind of finding is about."""


def check_policy_book(
    book: PolicyBook,
    catalogue: Catalogue | None,
    resolve: Resolve,
    left_out: LeftOut = MappingProxyType({}),
) -> list[Problem]:
    """All problems of a book that loads, by line; empty when there is none.

    ``resolve(selection, catalogue)`` gives the keys of the assets selected and raises :class:`ValueError` for
    a syntax error.  Without a ``catalogue``, selections need only be well written, and jobs need not exist.
    Of the book of a broken file, nothing is said that follows from the keys that were ``left_out`` of it.
    """
    findings = [
        *preemption_findings(book.tiers),
        *weight_findings(book.tiers),
        *_pacing_findings(book.guards),
        *price_findings(book.prices),
        *governing_findings(book.policies, catalogue, resolve),
        *_sharing_findings(book, left_out),
        *_terms_findings(book, catalogue, resolve, left_out),
    ]
    problems = [finding.located(book.places) for finding in findings]
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _pacing_findings(guards: Guards) -> Iterator[Finding]:
    """A guard on how many runs may start that another guard makes moot, or that is none any more."""
    if guards.adaptive is not None:
        yield Finding(("guards", "adaptive"), "`adaptive` has no effect any more", "remove it", "warning")
    ramp, concurrency = guards.ramp, guards.concurrency
    if ramp is not None and concurrency is not None and ramp.runs > concurrency:
        yield Finding(
            ("guards", "ramp", "runs"),
            f"a step of {ramp.runs} runs is more than the {concurrency} that may be active at once",
            f"write at most `{concurrency}`, or raise `concurrency`",
            "warning",
        )


def _sharing_findings(book: PolicyBook, left_out: LeftOut) -> Iterator[Finding]:
    """Owners with different weights in two policies. A policy without an owner is its own, by its name."""
    first: dict[str, tuple[str, float]] = {}
    for path, policy in _placed(book):
        if not _SHARING.isdisjoint(left_out.get(path, ())):
            continue
        owner = policy.owner or policy.name
        name, weight = first.setdefault(owner, (policy.name, policy.weight))
        if weight != policy.weight:
            yield Finding(
                (*path, "weight"),
                f"the owner `{owner}` has the weight `{policy.weight:g}` here, and `{weight:g}` in the policy"
                f" `{name}`",
                f"write `weight: {weight:g}` in both, or name another owner",
            )


def _terms_findings(
    book: PolicyBook, catalogue: Catalogue | None, resolve: Resolve, left_out: LeftOut
) -> Iterator[Finding]:
    """What is wrong with single policies, whatever they govern."""
    at_top = left_out.get((), frozenset())
    for path, policy in _placed(book):
        without = left_out.get(path, frozenset()) | at_top
        found = chain(_of(policy, book, catalogue, without), _of_gates(policy, catalogue, resolve, without))
        yield from (finding.below(*path) for finding in found)


def _placed(book: PolicyBook) -> Iterator[tuple[Path, Policy]]:
    """Every policy and its path, the default last."""
    yield from ((("policies", position), policy) for position, policy in enumerate(book.policies))
    yield ("default",), book.default


def _of(
    policy: Policy, book: PolicyBook, catalogue: Catalogue | None, without: frozenset[str]
) -> Iterator[Finding]:
    if _LADDER.isdisjoint(without):
        yield from ladder_findings(policy)
    if _PROMISES.isdisjoint(without):
        yield from promise_findings(policy)
    if _COST.isdisjoint(without):
        yield from cost_findings(policy, book.prices)
    if _REMEDIES.isdisjoint(without):
        yield from remedy_findings(policy, catalogue)
    yield from stage_findings(policy, catalogue)


def _of_gates(
    policy: Policy, catalogue: Catalogue | None, resolve: Resolve, without: frozenset[str]
) -> Iterator[Finding]:
    if "gates" in without:
        return
    reads = None
    if catalogue is not None and policy.select and _GOVERNS.isdisjoint(without):
        reads = upstreams(policy.select, catalogue, resolve)
    yield from gate_findings(policy.gates, catalogue, reads)
