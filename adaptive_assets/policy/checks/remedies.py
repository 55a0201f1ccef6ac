"""Remedies for data that is not ready: jobs that there are, and terms that say something."""

from collections.abc import Iterator

from adaptive_assets.policy.catalogue import Catalogue
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.suggesting import did_you_mean
from adaptive_assets.policy.terms import Policy
from adaptive_assets.policy.text import quoted


def remedy_findings(policy: Policy, catalogue: Catalogue | None) -> Iterator[Finding]:
    """What is wrong with what ``policy`` says of data that is not ready, by paths from it."""
    remedy = policy.on_failed_check
    job = remedy.job if remedy else None
    if job is not None and catalogue is not None and job not in catalogue.jobs and not catalogue.unknown:
        hint = did_you_mean(job, catalogue.jobs, "the jobs are")
        yield Finding(("on_failed_check", "job"), f"there is no job `{quoted(job)}`", hint)
    if policy.on_unready.stale == "refresh" and policy.gates.fresh is None:
        yield Finding(
            ("on_unready", "stale"),
            "no gate asks for fresh data, so nothing is refreshed",
            "add `fresh: pass` or `fresh: warn` to `gates`",
            "warning",
        )
