"""What a run's tags can ask for, and what they cannot."""

from adaptive_assets.assets.policy_assignment import PolicyAssignment, RunFacts
from adaptive_assets.policy import AssetFacts, Catalogue, parse_policy_book

BOOK = """\
version: 1
policies:
  - {name: urgent, run_tags: {urgent: "yes"}, tier: critical%s}
  - {name: reports, select: key:report, gates: {checks: pass, wait_at_most: 5m, then: fail}}
"""
CATALOGUE = Catalogue({key: AssetFacts(key, parents=("raw",)) for key in ("report", "free")})


def assignment(claims: str = "") -> PolicyAssignment:
    """The book over two assets, with `claims` added to the policy of the tag."""
    return PolicyAssignment(parse_policy_book(BOOK % claims, "p.yaml"), CATALOGUE)


def run(*assets: str, job: str = "__ASSET_JOB", checks: tuple[str, ...] = ()) -> RunFacts:
    """A run that asks for the urgent policy."""
    return RunFacts(job, "here", assets, {"urgent": "yes"}, checks)


def test_a_tag_chooses_the_policy_and_leaves_the_assets_gates() -> None:
    """The run has the tier that it asks for and waits for what its asset waits for."""
    work = assignment().work_of(run("report"))
    assert (work.policy, work.gated_by) == ("urgent", "reports")
    assert assignment().work_of(run("free")).gated_by == ""


def test_only_the_named_jobs_and_assets_may_claim_a_policy() -> None:
    """Others are governed as if they had no such tag."""
    claims = assignment(", claimed_by: [nightly, free]")
    assert claims.work_of(run("free")).policy == "urgent"
    assert claims.work_of(run("report", job="nightly")).policy == "urgent"
    assert claims.work_of(run("report")).policy == "reports"
    assert claims.work_of(run("free", "report")).policy == "reports"


def test_a_run_of_checks_is_work_of_its_own() -> None:
    """It is named by its checks, reads nothing that is gated and has no rungs."""
    work = assignment(", claimed_by: [nobody]").work_of(run("report", checks=("report: readable",)))
    assert (work.name, work.policy, work.reads, work.assets) == ("report: readable", "reports", (), ())


def test_a_tag_opens_no_gate_while_nobody_knows_the_assets_own_policy() -> None:
    """A daemon that starts while the code location fails to load: the run waits, and a plain job does not."""
    book = assignment().book
    unknown = PolicyAssignment(book, Catalogue(unknown=("here",)))
    work = unknown.work_of(run("report"))
    assert (work.policy, work.gated_by, work.undefined) == ("urgent", "reports", ("report",))
    assert unknown.work_of(run(job="plain")).gated_by == ""
