"""Which policy governs a run: the policy book applied to the catalogue of assets."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.assets.asset_keys import text_of
from adaptive_assets.assets.selection import Selector
from adaptive_assets.planning.snapshot import Work
from adaptive_assets.policy import Catalogue, Policy, PolicyBook, Problem
from adaptive_assets.policy.text import quoted

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run says of itself; ``assets`` is empty for a run of a plain job."""

    job: str
    location: str
    assets: tuple[str, ...]
    tags: Mapping[str, str]
    checks: tuple[str, ...] = ()
    """The checks of a run that executes these and makes nothing; ``assets`` are then what they check."""


def facts_of(run: dg.DagsterRun, *, submitted: bool = True) -> RunFacts:
    """The facts of a Dagster run, of any origin.

    Before it was ``submitted``, the tags that are ours to write were written by somebody else, and count for
    nothing.
    """
    origin = run.remote_job_origin
    checks = () if run.asset_selection else tuple(run.asset_check_selection or ())
    keys = run.asset_selection or {check.asset_key for check in checks}
    return RunFacts(
        job=run.job_name,
        location=origin.location_name if origin else "",
        assets=tuple(sorted(text_of(key) for key in keys)),
        tags=run.tags if submitted else _without_ours(run.tags),
        checks=tuple(sorted(f"{text_of(check.asset_key)}: {check.name}" for check in checks)),
    )


def _without_ours(given: Mapping[str, str]) -> Mapping[str, str]:
    return {key: value for key, value in given.items() if not tags.is_ours(key)}


class PolicyAssignment:
    """The policies of one revision over one catalogue.

    The policy of a run is, first, one whose ``run_tags`` fit it or whose ``jobs`` name it; then the most
    important of those that select its assets; then ``default``. A run of no assets follows ``default``
    unless its job or tags are named.

    A selection that cannot be resolved selects nothing, and an asset that two policies select is governed by
    the first of them; ``problems`` tells of both, by line of the policy file.
    """

    def __init__(self, book: PolicyBook, catalogue: Catalogue) -> None:
        self.book = book
        self.catalogue = catalogue
        self.problems: tuple[Problem, ...] = ()
        self._by_asset = self._assign()
        self._order = {policy.name: place for place, policy in enumerate(book.policies)}
        self._work = lru_cache(maxsize=65_536)(self._describe)
        self._by_job: dict[str, dict[str, list[str]]] = {}
        for key in sorted(catalogue.assets):
            for location, jobs in catalogue.assets[key].jobs_by_location().items():
                for job in jobs:
                    self._by_job.setdefault(job, {}).setdefault(location, []).append(key)
        gated = [policy for policy in book.policies if policy.select and policy.gates.any_given]
        # one that waits without end, before one that gives up
        gated.sort(key=lambda policy: policy.gates.wait_at_most is not None)
        self._strictest = gated[0].name if gated else ""
        self._tagged = [policy for policy in book.policies if policy.run_tags]
        self._named_jobs = {job: policy.name for policy in reversed(book.policies) for job in policy.jobs}

    def policy_of_asset(self, key: str) -> str:
        """The name of the policy that selects the asset, or ``default``."""
        return self._by_asset.get(key, DEFAULT)

    def work_of(self, run: RunFacts) -> Work:
        """The kind of work that ``run`` is, and the policy that governs it.

        Where nothing is known of it, what was known where it was submitted counts: the policy in its tags.
        """
        claimed = self._claimed(run)
        named = claimed or self._named_jobs.get(run.job)
        if named is None and self._is_unknown(run):
            named = tags.read(run.tags, tags.POLICY)
        return self._work(run.job, run.location, run.assets, named, run.checks, claimed is not None)

    def _describe(
        self,
        job: str,
        location: str,
        assets: tuple[str, ...],
        named: str | None,
        checks: tuple[str, ...],
        claimed: bool,
    ) -> Work:
        assets = assets or self._made_by(job, location)
        policies = {self.policy_of_asset(key) for key in assets} or {DEFAULT}
        policy = named or min(policies, key=self._importance)
        if checks:
            # They read what they check, and must not wait for the very checks that they are to repeat.
            name = _label(f"checks of {job}" if not job.startswith("__") else job, checks)
            return Work(name, policy, location, degradable=False)
        own = self._named_jobs.get(job) or min(policies, key=self._importance)
        if claimed and not all(map(self._is_defined, assets)):
            own = self._strictest or own  # nobody knows which policy selects them: a tag opens no gate
        reads = {parent for key in assets for parent in self._parents(key)} - set(assets)
        undefined = {key for key in (*assets, *reads) if not self._is_defined(key)}
        if not assets and not self._is_job(job, location):
            undefined.add(job)
        return Work(
            name=_label(job, assets),
            policy=policy,
            location=location,
            assets=assets,
            reads=tuple(sorted(reads)),
            degradable=named is not None or len(policies) == 1,
            gated_by=own if claimed and own != policy and self.book.policy(own).gates.any_given else "",
            undefined=tuple(sorted(undefined)),
        )

    def _is_unknown(self, run: RunFacts) -> bool:
        if run.assets:
            return not any(self._is_defined(key) for key in run.assets)
        return not self._is_job(run.job, run.location)

    def _is_defined(self, key: str) -> bool:
        """A name alone says nothing, while a location that may define the asset is not known."""
        facts = self.catalogue.assets.get(key)
        return facts is not None and not (facts.stub and self.catalogue.unknown)

    def _is_job(self, job: str, location: str) -> bool:
        return location in self.catalogue.jobs.get(job, ())

    def _made_by(self, job: str, location: str) -> tuple[str, ...]:
        """The assets of a job; where its location does not define it, those of all jobs of its name.

        So a run whose location was renamed goes on waiting for its data.
        """
        found = self._by_job.get(job, {})
        if self._is_job(job, location):
            return tuple(found.get(location, ()))
        return tuple(sorted({key for keys in found.values() for key in keys}))

    def _importance(self, name: str) -> tuple[int, int]:
        policy = self.book.policy(name)
        return self.book.rank(policy.tier), self._order.get(name, len(self._order))

    def _parents(self, key: str) -> tuple[str, ...]:
        facts = self.catalogue.assets.get(key)
        return facts.parents if facts else ()

    def _claimed(self, run: RunFacts) -> str | None:
        """The policy that the run's tags ask for, of those that it may ask for."""
        for policy in self._tagged:
            fits = all(run.tags.get(key) == value for key, value in policy.run_tags.items())
            if fits and self._may_claim(policy, run):
                return policy.name
        return None

    def _may_claim(self, policy: Policy, run: RunFacts) -> bool:
        """Whether the run's job, or every one of its assets, is among those that may."""
        allowed = policy.claimed_by
        if not allowed or run.job in allowed:
            return True
        assets = run.assets or self._made_by(run.job, run.location)
        return bool(assets) and all(key in allowed for key in assets)

    def _assign(self) -> dict[str, str]:
        """Asset by asset, the policy that selects it; whatever one selection has, the others count."""
        assigned: dict[str, str] = {}
        problems: list[Problem] = []
        select = Selector(self.catalogue)
        for place, policy in enumerate(self.book.policies):
            if policy.select is None:
                continue
            try:
                selected = select(policy.select)
            except ValueError as error:
                problems.append(self._problem(place, f"`{policy.select}` is not an asset selection: {error}"))
                continue
            taken = sorted(key for key in selected if key in assigned)
            if taken:
                problems.append(self._overlap(place, policy, taken[0], assigned[taken[0]]))
            assigned |= dict.fromkeys(selected.difference(taken), policy.name)
        self.problems = tuple(problems)
        return assigned

    def _overlap(self, place: int, policy: Policy, key: str, other: str) -> Problem:
        message = f"`{policy.name}` and `{other}` both select the asset `{key}`"
        return self._problem(place, message, "narrow one of the two selections, e.g. with `and not`")

    def _problem(self, place: int, message: str, hint: str = "") -> Problem:
        file, line, column = self.book.locate(("policies", place, "select"))
        return Problem(file, line, column, message, hint or "see Dagster's asset selection syntax", "error")


def governed(
    in_force: PolicyAssignment | None, book: PolicyBook, catalogue: Catalogue
) -> tuple[PolicyAssignment, tuple[Problem, ...]]:
    """The governance of ``book`` over ``catalogue``, and what is wrong with the book.

    A book that is new and has problems is refused: the one in force goes on, over the new catalogue. A book
    that has problems only since assets were added goes on but for them.
    """
    assignment = PolicyAssignment(book, catalogue)
    if in_force is None or not assignment.problems or in_force.book.revision == book.revision:
        return assignment, assignment.problems
    return PolicyAssignment(in_force.book, catalogue), assignment.problems


def _label(job: str, assets: tuple[str, ...]) -> str:
    """A short name for people; runs of Dagster's own implicit job are named by their assets."""
    if not job.startswith("__"):
        return job
    shown = ", ".join(quoted(key, 100) for key in assets[:3])
    return f"{shown} and {len(assets) - 3} more" if len(assets) > 3 else shown or job
