"""What no schema can find: a policy book against the assets and jobs that there are, and against itself."""

from collections.abc import Iterator

from adaptive_assets.policy.catalogue import Catalogue
from adaptive_assets.policy.checks import (
    Resolve,
    cost_findings,
    governing_findings,
    ladder_findings,
    pacing_findings,
    preemption_findings,
    price_findings,
    promise_findings,
    sharing_findings,
    stage_findings,
)
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.model import PolicyBook
from adaptive_assets.policy.problems import Problem
from adaptive_assets.policy.terms import Policy


def check_policy_book(book: PolicyBook, catalogue: Catalogue | None, resolve: Resolve) -> list[Problem]:
    """All problems of a book that loads, by line; empty when there is none.

    ``resolve(selection, catalogue)`` gives the keys of the assets selected and raises :class:`ValueError` for
    a syntax error.  Without a ``catalogue``, selections need only be well written, and jobs need not exist.
    """
    findings = [
        *preemption_findings(book.tiers),
        *pacing_findings(book.guards),
        *price_findings(book.prices),
        *governing_findings(book.policies, catalogue, resolve),
        *sharing_findings(book),
        *_terms_findings(book, catalogue),
    ]
    problems = [finding.located(book.places) for finding in findings]
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _terms_findings(book: PolicyBook, catalogue: Catalogue | None) -> Iterator[Finding]:
    """What is wrong with single policies, whatever they govern."""
    for position, policy in enumerate(book.policies):
        yield from (finding.below("policies", position) for finding in _of(policy, book, catalogue))
    yield from (finding.below("default") for finding in _of(book.default, book, catalogue))


def _of(policy: Policy, book: PolicyBook, catalogue: Catalogue | None) -> Iterator[Finding]:
    yield from ladder_findings(policy)
    yield from promise_findings(policy)
    yield from cost_findings(policy, book.prices)
    yield from stage_findings(policy, catalogue)
