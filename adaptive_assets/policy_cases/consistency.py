"""Names in a case: each run once, and nothing named that there is not."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from adaptive_assets.planning.composition import modes_of
from adaptive_assets.policy import PolicyBook
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.suggesting import did_you_mean
from adaptive_assets.policy.terms import DEFAULT
from adaptive_assets.policy_cases.notation import CaseTerms
from adaptive_assets.policy_cases.situation import SnapshotTerms


def broken_references(case: CaseTerms, book: PolicyBook) -> Iterator[Finding]:
    """What a case refers to and does not have, by paths from the case."""
    if case.expect is None and case.launched is None and case.ledger is None:
        yield Finding((), f"the case `{case.name}` expects nothing", "add `expect`, `launched` or `ledger`")
    for key, terms in (("before", case.before), ("snapshot", case.snapshot)):
        if terms is not None:
            yield from (finding.below(key) for finding in _within(terms, book))
    runs = {run.run: None for run in case.snapshot.runs}
    active = {run.run for run in case.snapshot.active}
    for position, expected in enumerate(case.expect or ()):
        places = [("run",)] if expected.run else [("runs", place) for place in range(len(expected.runs))]
        for run, place in zip(expected.named, places, strict=True):
            if run not in runs:
                yield _unknown("run", run, runs).below("expect", position, *place)
            elif expected.node is not None and run in active:
                message = f"`{run}` is active: `node` tells where a queued run is placed"
                yield Finding(("expect", position, "node"), message, "remove it")
    for position, run in enumerate(case.launched or ()):
        if run not in runs:
            yield _unknown("run", run, runs).below("launched", position)


def _within(terms: SnapshotTerms, book: PolicyBook) -> Iterator[Finding]:
    yield from _runs(terms, book)
    nodes: dict[str, None] = {}
    for position, node in enumerate(terms.nodes):
        if node.name in nodes:
            yield Finding(("nodes", position, "name"), f"there are two nodes `{node.name}`", "rename one")
        nodes[node.name] = None
    for position, active in enumerate(terms.active):
        if active.node is not None and active.node not in nodes:
            yield _unknown("node", active.node, nodes).below("active", position, "node")
    yield from _estimates(terms, book)
    owners = {policy.owner or policy.name: None for policy in (*book.policies, book.default)}
    for owner in terms.usage:
        if owner not in owners:
            yield _only_odd(_unknown("owner", owner, owners)).below("usage", owner)


def _runs(terms: SnapshotTerms, book: PolicyBook) -> Iterator[Finding]:
    first: dict[str, str] = {}
    policies = {DEFAULT: None, **{policy.name: None for policy in book.policies}}
    for part, runs in (("queued", terms.queued), ("active", terms.active)):
        for position, run in enumerate(runs):
            if run.run in first:
                message = f"there are two runs `{run.run}`"
                yield Finding(
                    (part, position, "run"), message, f"rename one; the first is in `{first[run.run]}`"
                )
            first.setdefault(run.run, part)
            if run.policy not in policies:
                unknown = _unknown("policy", run.policy, policies)
                odd = _only_odd(unknown, f"so `default` governs `{run.run}`")
                yield odd.below(part, position, "policy")


def _estimates(terms: SnapshotTerms, book: PolicyBook) -> Iterator[Finding]:
    modes: dict[str, dict[str, None]] = {}
    for run in terms.runs:
        known_of_policy = dict.fromkeys(modes_of(book.policy(run.policy)))
        modes[run.kind] = {**modes.get(run.kind, {}), **known_of_policy}
    for position, learned in enumerate(terms.estimates):
        if learned.of not in modes:
            known = dict.fromkeys(modes)
            yield _unknown("work", learned.of, known).below("estimates", position, "of")
        elif learned.mode not in modes[learned.of]:
            unknown = _unknown("mode", learned.mode, modes[learned.of])
            yield _only_odd(unknown, "so nothing goes by this").below("estimates", position, "mode")


def _unknown(what: str, name: str, known: Mapping[str, None]) -> Finding:
    hint = did_you_mean(name, known, "known here:") if known else "there is none at all"
    return Finding((), f"there is no {what} `{name}` here", hint)


def _only_odd(finding: Finding, consequence: str = "") -> Finding:
    """A case may mean it; more often it is a slip."""
    message = f"{finding.message}, {consequence}" if consequence else finding.message
    return replace(finding, message=message, severity="warning")
