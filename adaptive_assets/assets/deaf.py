"""Ladders that lead nowhere: over assets and jobs that do not ask for the run's mode, and never do less."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

import dagster as dg

from adaptive_assets.assets.asset_keys import text_of
from adaptive_assets.assets.policy_assignment import PolicyAssignment
from adaptive_assets.policy import Policy, Problem
from adaptive_assets.policy.suggesting import listing

RUN_MODE: Final = "run_mode"
"""The key of the resource `RunMode`."""
_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Deaf:
    """The assets (as texts) and the jobs of plain ops that do not ask for the run's mode.

    ``made_by`` has the assets of each job that makes some.
    """

    assets: AbstractSet[str] = frozenset()
    jobs: AbstractSet[str] = frozenset()
    made_by: Mapping[str, AbstractSet[str]] = field(default_factory=dict)


def deaf_in(defs: dg.Definitions, assignment: PolicyAssignment) -> Deaf:
    """What is deaf in some definitions, as far as the policies with ladders govern it."""
    graph = defs.resolve_asset_graph()
    deaf: set[str] = set()
    asks: dict[int, bool] = {}  # by computation: to look at one again for each of its assets takes minutes
    for key in graph.materializable_asset_keys:
        made_by = graph.get(key).assets_def
        if id(made_by) not in asks:
            asks[id(made_by)] = RUN_MODE in made_by.required_resource_keys
        if not asks[id(made_by)]:
            deaf.add(text_of(key))
    laddered = [policy for policy in assignment.book.policies if policy.degrade]
    # Resolving every job of a project takes time that only a ladder for a job is worth.
    wanted = bool(assignment.book.default.degrade) or any(policy.jobs for policy in laddered)
    jobs = list(defs.resolve_all_job_defs()) if wanted else []
    assets = {job.name: {text_of(key) for key in job.asset_layer.selected_asset_keys} for job in jobs}
    of_ops = {job.name for job in jobs if not (assets[job.name] or job.name.startswith("__") or _asks(job))}
    return Deaf(deaf, of_ops, assets)


def deaf_ladders(assignment: PolicyAssignment, deaf: Deaf) -> Iterator[Problem]:
    """A warning for each policy whose ladder governs what is deaf, at its line of the policy file."""
    by_policy: defaultdict[str, set[str]] = defaultdict(set)
    for key in deaf.assets:
        by_policy[assignment.policy_of_asset(key)].add(key)
    book = assignment.book
    named = {job for policy in book.policies for job in policy.jobs}
    for policy in (*book.policies, book.default):
        if not policy.degrade:
            continue
        is_default = policy is book.default
        jobs = deaf.jobs - named if is_default else deaf.jobs & set(policy.jobs)
        of_jobs = {key for job in policy.jobs for key in deaf.made_by.get(job, ())} & deaf.assets
        assets = by_policy[policy.name] | of_jobs
        if not assets and not jobs:
            continue
        governed = [*_listed("asset", assets), *_listed("job", jobs)]
        asks = "asks" if len(assets) + len(jobs) == 1 else "ask"
        yield _warning(assignment, policy, f"{' and '.join(governed)}, which never {asks} for the run's mode")


def _asks(job: dg.JobDefinition) -> bool:
    return any(RUN_MODE in op.required_resource_keys for op in job.graph.iterate_op_defs())


def _listed(kind: str, names: Iterable[str]) -> Iterator[str]:
    found = sorted(names)
    if found:
        yield f"the {kind}{'s' if len(found) > 1 else ''} {listing(found, shown=_MOST_NAMED)}"


def _warning(assignment: PolicyAssignment, policy: Policy, governed: str) -> Problem:
    book = assignment.book
    path = ("default",) if policy is book.default else ("policies", book.policies.index(policy))
    file, line, column = book.locate((*path, "degrade"))
    return Problem(
        *(file, line, column),
        f"`{policy.name}` has a ladder that cannot degrade {governed}",
        "add the parameter `run_mode: RunMode` and act on `run_mode.read(context)`, govern less, or remove"
        " `degrade`",
        "warning",
    )
