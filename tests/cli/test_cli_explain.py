"""`adaptive explain`: the decisions on a run, with every reason."""

import uuid

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.test_utils import create_run_for_test

from adaptive_assets.cli.explain_text import deadline_kept
from adaptive_assets.cli.explanation import ExplainedRun
from adaptive_assets.learning.start_calibration import KEY, LEAST_RUNS, StartCalibration
from adaptive_assets.ledger import OutOfMemory, RunUsageRow
from tests.cli.sites import POLICIES, Adaptive, MakeSite, Site, Told

RAMP = """\
version: 1
guards: {ramp: {runs: 1, every: 1h}}
default: {estimate: {cpu: 0, memory: 1MiB, duration: 5s}}
"""


def materialize(site: Site, *, passed: bool) -> None:
    """The table `readings` is there, and its blocking check was evaluated."""
    key = dg.AssetKey("readings")
    site.instance.report_runless_asset_event(dg.AssetMaterialization(key))
    record = site.instance.fetch_materializations(key, limit=1).records[0]
    seen = AssetCheckEvaluationTargetMaterializationData(
        storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
    )
    site.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=key,
            check_name="plausible",
            passed=passed,
            metadata={},
            target_materialization_data=seen,
        )
    )


def test_the_decisions_over_time(site: Site, told: Told, adaptive: Adaptive) -> None:
    """A run that waited for its data and then went: both decisions, with reasons, numbers and revision."""
    run_id = site.submit("report")
    site.cycle()
    materialize(site, passed=True)
    site.cycle()
    found = told("explain", run_id)
    assert found["run_id"] == run_id
    first, second = found["decisions"]
    assert (first["verdict"], second["verdict"]) == ("defer", "launch")
    assert first["reasons"][0]["code"] == "data_missing"
    assert second["reasons"][0]["numbers"]["duration_s"] == 5
    assert second["revision"] == told("status")["policy"]["in_force"]
    assert second["snapshot"] > first["snapshot"]
    shown = adaptive("explain", run_id)
    assert shown.exit_code == 0
    for expected in (
        "data_missing: `readings` has never been materialized",
        "launch",
        first["revision"],
        "duration_s 5s",
    ):
        assert expected in shown.stdout


def test_every_blocking_rule_is_told(make_site: MakeSite, told: Told) -> None:
    """A run that is short of data and of memory has both reasons, not only the one on its tag."""
    greedy = POLICIES.replace("memory: 1MiB", "memory: 20000GiB", 1).replace(
        "gates: {checks", "gates: {fresh: pass, checks"
    )
    site = make_site(greedy)
    run_id = site.submit("report")
    site.cycle()
    codes = [reason["code"] for reason in told("explain", run_id)["decisions"][-1]["reasons"]]
    assert {"data_missing", "never_fits"} <= set(codes)


def test_a_run_that_joined_others_in_waiting(site: Site, told: Told) -> None:
    """No cycle records a run that changes nothing; it is explained all the same, by its kind's deferral."""
    site.submit("report")
    site.cycle()
    later = site.submit("report")
    site.cycle()
    found = told("explain", later)
    assert [decision["verdict"] for decision in found["decisions"]] == ["defer"]
    assert found["decisions"][0]["of_kind"]


def test_the_beginning_of_an_id_is_enough(site: Site, told: Told) -> None:
    """A prefix that only one run has, in any case of letters, means that run."""
    run_id = site.submit("forecast")
    assert told("explain", run_id[:8])["run_id"] == run_id
    assert told("explain", run_id[:8].upper())["run_id"] == run_id


def test_an_ambiguous_beginning_lists_the_candidates(site: Site, adaptive: Adaptive) -> None:
    """Two runs that begin alike: both are named with what they are, and the exit code says bad input."""
    ids = [f"ab12{uuid.uuid4()}"[:36] for _ in range(2)]
    for run_id in ids:
        create_run_for_test(site.instance, "some_job", run_id=run_id)
    shown = adaptive("explain", "ab12")
    assert shown.exit_code == 2
    assert all(run_id in shown.stderr for run_id in ids)
    assert "some_job" in shown.stderr
    assert shown.stdout == ""


def test_an_unknown_run_gets_the_nearest(site: Site, adaptive: Adaptive) -> None:
    """A mistyped id is refused with the id that was probably meant."""
    run_id = site.submit("forecast")
    mistyped = ("0" if run_id[3] != "0" else "1").join([run_id[:3], run_id[4:]])
    for given in (mistyped, mistyped[:8]):
        shown = adaptive("explain", given)
        assert shown.exit_code == 2
        assert "There is no run" in shown.stderr
        assert run_id in shown.stderr


def test_an_instance_without_runs_says_so(site: Site, adaptive: Adaptive) -> None:
    """Where nothing ran there is nothing near."""
    shown = adaptive("explain", "abc")
    assert shown.exit_code == 2
    assert "has not run anything yet" in shown.stderr


def test_a_run_from_before_the_installation(site: Site, told: Told, adaptive: Adaptive) -> None:
    """A run that carries none of our tags is said to have run without a decision, and is no error."""
    run_id = create_run_for_test(site.instance, "old_job", status=dg.DagsterRunStatus.SUCCESS).run_id
    assert adaptive("explain", run_id).exit_code == 0
    found = told("explain", run_id)
    assert found["decisions"] == []
    assert "before AdaptiveRunCoordinator was installed" in found["remark"]


def test_an_attempt_that_ran_out_of_memory_and_the_one_after_it(
    site: Site, told: Told, adaptive: Adaptive
) -> None:
    """The evidence is told of the run that was killed; what it led to, of the one that repeats it."""
    first = site.submit("report")
    site.cycle()
    ended_at = site.clock - 60
    evidence = OutOfMemory(
        killed_at=ended_at - 1, counter="/sys/fs/cgroup/memory.events", kills=2, since=0.0, until=ended_at
    )
    usage = RunUsageRow(
        run_id=first,
        work_key="key",
        policy="reports",
        mode="full",
        node="node-1",
        status="FAILURE",
        submitted_at=ended_at - 20,
        launched_at=None,
        started_at=ended_at - 10,
        ended_at=ended_at,
        memory_peak=2 * 2**30,
        out_of_memory=evidence,
    )
    assert "asked_memory" not in told("explain", first)
    assert "killed" not in adaptive("explain", first).stdout
    site.ledger.record_usage(usages=[usage])
    again = site.submit("report", repeats=first)
    found = told("explain", first)
    assert found["out_of_memory"]["held"] == 2 * 2**30
    assert found["out_of_memory"]["kills"] == 2
    assert "asked_memory" not in found
    assert "/sys/fs/cgroup/memory.events rose by 2" in " ".join(adaptive("explain", first).stdout.split())
    found = told("explain", again)
    assert found["asked_memory"] == {"at_least": 3 * 2**30, "after": first, "held": 2 * 2**30}
    assert "out_of_memory" not in found
    shown = " ".join(adaptive("explain", again).stdout.split())
    assert f"at least 3 GiB, or all that can be had: the attempt before it, {first[:8]}" in shown


def test_a_run_that_waits_for_its_first_cycle(site: Site, told: Told) -> None:
    """Nothing decided yet is told apart from nothing ever decided."""
    assert "No cycle has decided" in told("explain", site.submit("forecast"))["remark"]


def test_a_run_that_dagster_forgot(site: Site, told: Told) -> None:
    """The ledger's word on a deleted run can still be read."""
    run_id = site.submit("forecast")
    site.cycle()
    site.instance.delete_run(run_id)
    found = told("explain", run_id)
    assert found["run"] is None
    assert found["decisions"][0]["verdict"] == "launch"
    assert "does not hold this run any more" in found["remark"]


def test_the_deadline_is_told(site: Site, told: Told, adaptive: Adaptive) -> None:
    """A waiting run is due; the deadline of one that has not ended is neither kept nor missed."""
    run_id = site.submit("forecast")
    site.cycle()
    run = told("explain", run_id)["run"]
    assert (run["deadline_s"], run["deadline_kept"]) == (600, None)
    assert "10m 00s from submission: due in " in adaptive("explain", run_id).stdout


@pytest.mark.parametrize(
    ("status", "ended_at", "now", "kept"),
    [
        ("SUCCESS", 60.0, 500.0, True),
        ("SUCCESS", 61.0, 500.0, False),
        ("FAILURE", 30.0, 500.0, False),
        ("STARTED", None, 59.0, None),
        ("STARTED", None, 61.0, False),
    ],
)
def test_a_deadline_is_kept_by_a_good_end_in_time(
    status: str, ended_at: float | None, now: float, kept: bool | None
) -> None:
    """It counts from submission to end; a run that failed in time has not kept it."""
    run = ExplainedRun(
        name="forecast",
        status=status,
        policy="forecast",
        tier="critical",
        mode="full",
        reason="",
        submitted_at=0.0,
        started_at=1.0,
        ended_at=ended_at,
        deadline_s=60.0,
    )
    assert deadline_kept(run, now) is kept


def test_when_a_run_will_start(site: Site, told: Told, adaptive: Adaptive) -> None:
    """A run that waits for data cannot be foreseen; one that went has nothing to be foreseen."""
    run_id = site.submit("report")
    site.cycle()
    start = told("explain", run_id)["start"]
    assert (start["p50_s"], start["p90_s"]) == (None, None)
    assert start["as_of"]
    assert "not to be foreseen: it waits for more than capacity" in adaptive("explain", run_id).stdout
    materialize(site, passed=True)
    site.cycle()
    assert told("explain", run_id)["start"] is None


def test_a_start_is_told_as_far_as_predictions_have_held(
    make_site: MakeSite, told: Told, adaptive: Adaptive
) -> None:
    """It waits for the ramp. Without evidence there is nothing; with it, both quantiles, counted from now."""
    site = make_site(RAMP)
    site.submit(job="plain")
    held = site.submit(job="plain")
    site.cycle()
    assert told("explain", held)["start"]["p90_s"] is None
    assert "not known yet: too few runs of its tier" in adaptive("explain", held).stdout
    shown = {run["run_id"]: run for run in told("queue")["runs"]}
    assert (shown[held]["start_p50_s"], shown[held]["start_p90_s"]) == (None, None)
    site.ledger.keep(KEY, waited_as_predicted("standard"))
    start = told("explain", held)["start"]
    assert 3000 <= start["p50_s"] <= start["p90_s"] <= 4500
    assert "in about 1h" in adaptive("explain", held).stdout
    assert "in 9 of 10 cases within" in adaptive("explain", held).stdout
    shown = {run["run_id"]: run for run in told("queue")["runs"]}
    assert 3000 <= shown[held]["start_p50_s"] <= shown[held]["start_p90_s"] <= 4500
    assert "(p90 " in adaptive("queue").stdout


def waited_as_predicted(tier: str) -> str:
    """What a daemon keeps that has seen enough runs start just when they were predicted to."""
    calibration = StartCalibration()
    for number in range(LEAST_RUNS):
        at = 10_000.0 * number
        calibration.predicted(at, {tier: [f"r{number}"]}, {f"r{number}": 3600.0})
        calibration.started({f"r{number}": at + 3600.0})
    return calibration.text()


def test_a_ledger_that_is_away_is_a_sentence(make_site: MakeSite, adaptive: Adaptive) -> None:
    """It is something to be expected, and named by its masked address; the exit code is that of a problem."""
    away = "postgresql://nobody:unknown@127.0.0.1:1/none"
    site = make_site(ledger=away)
    run_id = site.submit("report")
    simulated = ("simulate", "--cores", "1", "--memory", "1GiB", "--trace")
    for command in (
        ("explain", run_id),
        ("replay",),
        ("replay", "--ledger", away),
        (*simulated, away),
        (*simulated, site.home),
        ("policy", "check", site.policies, "--home", site.home),
    ):
        result = adaptive(*command)
        assert result.exit_code == 1, command
        assert "Connection refused" in result.stderr
        assert "not foreseen" not in result.stderr
        assert "unknown" not in result.output
        assert "Traceback" not in result.output
    shown = adaptive("status")
    assert shown.exit_code == 1
    assert "Connection refused" in shown.stdout


def test_an_instance_that_cannot_be_opened_is_a_problem(site: Site, adaptive: Adaptive) -> None:
    """Its storage is away: of every command the exit code is that of a problem, and no traceback is shown."""
    storage = {"postgres": {"postgres_url": "postgresql+psycopg2://nobody:unknown@127.0.0.1:1/none"}}
    settings = yaml.safe_load((site.home / "dagster.yaml").read_text())
    (site.home / "dagster.yaml").write_text(yaml.safe_dump({**settings, "storage": storage}))
    for command in (("status",), ("replay",)):  # Dagster tries for seconds
        result = adaptive(*command)
        assert (result.exit_code, result.stdout) == (1, ""), command
        assert "cannot be opened" in result.stderr
        assert "unknown" not in result.output
