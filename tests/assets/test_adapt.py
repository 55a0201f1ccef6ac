"""`adapt()`: what a project's definitions gain, what they keep, and what is refused with its line."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import dagster as dg
import pandas as pd
import pandera.pandas as pa
import pytest

from adaptive_assets import FrameIOManager, RunMode, adapt, pandera_checks
from adaptive_assets.policy import PolicyError


@dg.asset(group_name="raw")
def flights() -> pd.DataFrame:
    """Hours of flights."""
    return pd.DataFrame({"minutes": [1]})


@dg.asset(owners=["team:ops"], kinds={"python"}, tags={"size": "big"}, code_version="3")
def forecast(context: dg.AssetExecutionContext, run_mode: RunMode, flights: pd.DataFrame) -> str:
    """A forecast that can do less."""
    return run_mode.read(context).name


@dg.asset(freshness_policy=dg.FreshnessPolicy.cron("0 6 * * *", timedelta(hours=1)))
def report(forecast: str) -> str:
    """A report with a freshness of its own."""
    return forecast


FORECAST = """
version: 1
policies:
  - name: delay-forecast
    select: key:forecast
    tier: critical
    objective: {freshness: 1h}
    degrade:
      - {mode: reduced, with: {sample: 0.25}}
  - name: reports
    select: key:report
    tier: batch
    objective: {freshness: 24h}
"""


@pytest.fixture
def book(tmp_path: Path) -> Any:
    """Write a policy file: ``book(text)`` is its path."""

    def write(text: str = FORECAST) -> Path:
        path = tmp_path / "policies.yaml"
        path.write_text(dedent(text))
        return path

    return write


def spec(defs: dg.Definitions, key: str) -> dg.AssetSpec:
    """What the catalog will show of an asset."""
    return next(each for each in defs.resolve_all_asset_specs() if each.key.to_user_string() == key)


def refusal(definitions: dg.Definitions, path: Path) -> list[str]:
    """The problems that `adapt` finds, without the file's name."""
    with pytest.raises(PolicyError) as refused:
        adapt(definitions, path)
    return [str(problem).removeprefix(f"{path}:") for problem in refused.value.problems]


def test_assets_show_their_policy_and_freshness(book: Any) -> None:
    """Every asset carries its policy's name; promised freshness becomes a freshness policy where none was."""
    defs = adapt(dg.Definitions(assets=[flights, forecast, report]), book())
    dg.Definitions.validate_loadable(defs)
    policies = {name: spec(defs, name).tags["adaptive/policy"] for name in ("flights", "forecast", "report")}
    assert policies == {"flights": "default", "forecast": "delay-forecast", "report": "reports"}
    assert spec(defs, "forecast").freshness_policy == dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=1), warn_window=timedelta(minutes=45)
    )
    assert spec(defs, "report").freshness_policy == report.specs_by_key[report.key].freshness_policy
    assert spec(defs, "flights").freshness_policy is None


@pytest.mark.filterwarnings("ignore:Parameter `include_sources`")
def test_the_policy_can_be_selected_by(book: Any) -> None:
    """The tag serves selections in the UI and in jobs."""
    defs = adapt(dg.Definitions(assets=[flights, forecast, report]), book())
    selection = dg.AssetSelection.from_string('tag:"adaptive/policy"="delay-forecast"')
    assert selection.resolve(defs.resolve_asset_graph()) == {forecast.key}


@pytest.mark.filterwarnings("ignore:Parameter `owners` of initializer")
def test_everything_else_is_left_as_it_is(book: Any, tmp_path: Path) -> None:
    """Attributes of assets, checks, jobs, schedules, sensors, resources, executor and metadata survive."""
    schema = pa.DataFrameSchema({"minutes": pa.Column(int)}, name="Flights")

    @dg.asset_check(asset=forecast)
    def said(forecast: str) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=forecast == "full")

    @dg.op
    def plain() -> None: ...

    @dg.job
    def plain_job() -> None:
        plain()

    @dg.sensor(job=plain_job)
    def watch() -> dg.SkipReason:
        return dg.SkipReason("nothing")

    everything = dg.define_asset_job("everything", "*")
    before = dg.Definitions(
        assets=[flights, forecast, report, dg.AssetSpec("elsewhere"), *pandera_checks(flights, schema)],
        asset_checks=[said],
        jobs=[everything, plain_job],
        schedules=[
            dg.ScheduleDefinition(job=everything, cron_schedule="0 1 * * *"),
            dg.ScheduleDefinition(name="direct", target=[report], cron_schedule="0 2 * * *"),
        ],
        sensors=[watch],
        resources={"io_manager": FrameIOManager(base_dir=str(tmp_path / "assets"))},
        executor=dg.in_process_executor,
        metadata={"team": "ops"},
    )
    after = adapt(before, book())
    dg.Definitions.validate_loadable(after)
    assert {job.name for job in after.resolve_all_job_defs()} == {
        job.name
        for job in dg.Definitions.merge(
            before, dg.Definitions(resources={"run_mode": RunMode()})
        ).resolve_all_job_defs()
    }
    assert [each.name for each in after.schedules or ()] == ["everything_schedule", "direct"]
    assert [each.name for each in after.sensors or ()] == ["watch"]
    assert after.executor is dg.in_process_executor
    assert after.metadata["team"].value == "ops"
    assert spec(after, "elsewhere").tags == {"adaptive/policy": "default"}
    kept = spec(after, "forecast")
    assert (kept.owners, kept.code_version, kept.kinds) == (["team:ops"], "3", {"python"})
    assert kept.tags["size"] == "big"
    result = after.resolve_job_def("everything").execute_in_process()
    assert {(each.check_name, each.passed) for each in result.get_asset_check_evaluations()} == {
        ("contract", True),
        ("said", True),
    }


def test_assets_of_every_make_still_work(book: Any) -> None:
    """Checks inside an asset, graphs of ops, subsets and partitions go on as before."""

    @dg.asset(check_specs=[dg.AssetCheckSpec("inside", asset="checked", blocking=True)])
    def checked() -> Iterator[Any]:
        yield dg.Output(1)
        yield dg.AssetCheckResult(passed=True)

    @dg.op
    def one() -> int:
        return 1

    @dg.graph_asset
    def graph() -> Any:
        return one()

    @dg.multi_asset(
        specs=[dg.AssetSpec("left", skippable=True), dg.AssetSpec("right", skippable=True)],
        can_subset=True,
        partitions_def=dg.StaticPartitionsDefinition(["a", "b"]),
    )
    def halves(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        for key in context.selected_asset_keys:
            yield dg.MaterializeResult(key)

    defs = adapt(dg.Definitions(assets=[checked, graph, halves]), book())
    whole = [dg.AssetKey("checked"), dg.AssetKey("graph")]
    job = defs.resolve_implicit_job_def_def_for_assets(whole)
    assert job is not None
    result = job.execute_in_process(asset_selection=whole)
    assert [each.passed for each in result.get_asset_check_evaluations()] == [True]
    assert result.output_for_node("graph") == 1
    job = defs.resolve_implicit_job_def_def_for_assets([dg.AssetKey("left")])
    assert job is not None
    result = job.execute_in_process(asset_selection=[dg.AssetKey("left")], partition_key="b")
    (made,) = result.asset_materializations_for_node("halves")
    assert (made.asset_key, made.partition) == (dg.AssetKey("left"), "b")


def test_a_resource_of_the_projects_own_stays(book: Any) -> None:
    """A project may configure `run_mode` itself."""
    own = RunMode(untagged_mode="reduced")
    defs = adapt(dg.Definitions(assets=[flights, forecast], resources={"run_mode": own}), book())
    assert (defs.resources or {})["run_mode"] is own
    assert (adapt(dg.Definitions(assets=[flights]), book()).resources or {}).keys() == {"run_mode"}


def test_the_definitions_given_are_not_changed(book: Any) -> None:
    """Taking `adapt` away again gives back what was there."""
    before = dg.Definitions(assets=[flights])
    adapt(before, book())
    assert before.resources is None
    assert spec(before, "flights").tags == {}


def test_definitions_that_load_lazily(book: Any, tmp_path: Path) -> None:
    """Called inside the function that loads them, adapt works on what it returns; outside, it says so."""
    path = book()

    @dg.definitions
    def defs() -> dg.Definitions:
        return adapt(dg.Definitions(assets=[flights]), path)

    dg.Definitions.validate_loadable(defs())
    with pytest.raises(TypeError, match="inside the function"):
        adapt(defs, path)  # type: ignore[arg-type]


def test_definitions_of_a_folder_of_components(
    book: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Dagster loads from a project's `defs` folder can be adapted, and keeps its component tree."""
    root = tmp_path / "project"
    folder = root / "src" / "some_project" / "defs"
    folder.mkdir(parents=True)
    (root / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "some_project"\n'
    )
    for package in (folder, folder.parent):
        (package / "__init__.py").touch()
    (folder / "assets.py").write_text("import dagster as dg\n\n@dg.asset\ndef lazy(): ...\n")
    monkeypatch.syspath_prepend(root / "src")
    loaded = dg.load_from_defs_folder(path_within_project=folder)
    defs = adapt(loaded, book())
    assert spec(defs, "lazy").tags == {"adaptive/policy": "default"}
    assert defs.component_tree is loaded.component_tree


def test_two_policies_of_one_asset_are_refused(book: Any) -> None:
    """The line of the second selection is told, with both names."""
    path = book("""
        version: 1
        policies:
          - {name: one, select: key:flights}
          - {name: two, select: group:raw}
    """)
    (problem,) = refusal(dg.Definitions(assets=[flights]), path)
    assert problem.startswith("5:")
    assert "`two` and `one` both select the asset `flights`" in problem


def test_without_a_policy_file_there_are_no_policies() -> None:
    """As in the coordinator; what does not depend on policies is added all the same."""
    adapted = adapt(dg.Definitions(assets=[flights]))
    assert isinstance((adapted.resources or {})["run_mode"], RunMode)
    (asset,) = adapted.assets or ()
    assert isinstance(asset, dg.AssetsDefinition)
    assert asset.tags_by_key[flights.key]["adaptive/policy"] == "default"


def test_a_ladder_over_a_single_asset_is_warned_of(book: Any, caplog: pytest.LogCaptureFixture) -> None:
    """In the singular."""
    path = book("version: 1\npolicies: [{name: solo, select: key:flights, degrade: [{mode: last_good}]}]\n")
    adapt(dg.Definitions(assets=[flights]), path)
    assert "the asset `flights`, which never asks for the run's mode" in caplog.text


def test_a_ladder_over_what_never_degrades_is_warned_of_once(
    book: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """An asset and a job of ops that do not ask for the run's mode: policy, both, and the cure are named."""

    @dg.op
    def toil() -> None: ...

    @dg.op
    def listens(run_mode: RunMode) -> None: ...

    @dg.job
    def plain() -> None:
        toil()

    @dg.job
    def careful() -> None:
        listens()

    path = book("""
        version: 1
        policies:
          - name: one
            select: key:flights or key:forecast
            jobs: [plain, careful]
            degrade: [{mode: reduced}]
    """)
    definitions = dg.Definitions(assets=[flights, forecast], jobs=[plain, careful])
    for _ in range(2):
        adapt(definitions, path)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        f"{path}:7:14: warning: `one` has a ladder that cannot degrade the asset `flights` and the job "
        "`plain`, which never ask for the run's mode (add the parameter `run_mode: RunMode` and act on "
        "`run_mode.read(context)`, govern less, or remove `degrade`)"
    )


def test_the_process_of_a_run_warns_of_nothing(book: Any) -> None:
    """The code server has said it; in the log of every run it would be noise."""
    path = book("version: 1\npolicies: [{name: p, select: key:lazy, degrade: [{mode: last_good}]}]\n")
    code = dedent(f"""
        import dagster as dg
        from adaptive_assets import adapt

        @dg.asset
        def lazy() -> None: ...

        adapt(dg.Definitions(assets=[lazy]), {str(path)!r})
    """)
    server = ("code-server", "start")
    run, step = ("api", "execute_run", "{}"), ("api", "execute_step", "{}")
    for arguments, times in ((server, 1), (run, 0), (step, 0)):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)
        assert done.stderr.count("has a ladder that cannot degrade the asset `lazy`") == times, arguments


def test_a_ladder_reaches_work_by_the_default_and_by_jobs(
    book: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The default's ladder is for all that no policy governs; a job's for the assets of the job."""

    @dg.op
    def toil() -> None: ...

    @dg.job
    def plain() -> None:
        toil()

    nightly = dg.define_asset_job("nightly", [flights])
    definitions = dg.Definitions(assets=[flights, forecast], jobs=[nightly, plain])

    def warned(text: str) -> str:
        caplog.clear()
        adapt(definitions, book(text))
        return "".join(record.getMessage() for record in caplog.records)

    assert "the asset `flights` and the job `plain`" in warned(
        "version: 1\ndefault: {degrade: [{mode: reduced}]}\n"
    )
    by_job = "version: 1\npolicies: [{name: night, jobs: [nightly], degrade: [{mode: reduced}]}]\n"
    assert "degrade the asset `flights`, which" in warned(by_job)
    # A job of another code location cannot be looked into from here.
    assert warned(by_job.replace("nightly", "elsewhere")) == ""
    assert warned("version: 1\npolicies: [{name: night, jobs: [plain]}]\n") == ""


def test_everything_that_does_not_fit_is_told_at_once(book: Any) -> None:
    """Selections that overlap hide no freshness that cannot be watched."""
    path = book("""
        version: 1
        policies:
          - {name: one, select: key:flights, objective: {freshness: 30s}}
          - {name: two, select: group:raw}
    """)
    found = refusal(dg.Definitions(assets=[flights]), path)
    assert [problem.split(":")[0] for problem in found] == ["4", "5"]


def test_one_computation_has_one_policy(book: Any) -> None:
    """Assets that are always made together cannot be governed apart."""

    @dg.multi_asset(specs=[dg.AssetSpec("one"), dg.AssetSpec("two")])
    def both() -> Iterator[dg.MaterializeResult[Any]]:
        yield from ()

    @dg.multi_asset(
        specs=[dg.AssetSpec("three", skippable=True), dg.AssetSpec("four", skippable=True)], can_subset=True
    )
    def either() -> Iterator[dg.MaterializeResult[Any]]:
        yield from ()

    path = book("version: 1\npolicies: [{name: p, select: key:one or key:three}]\n")
    (problem,) = refusal(dg.Definitions(assets=[both, either]), path)
    assert "always makes `one`, `two` together, and they have several policies: `default`, `p`" in problem


def test_freshness_that_dagster_cannot_watch_is_refused(book: Any) -> None:
    """Dagster looks once in half a minute and takes no window below one."""
    path = book("version: 1\npolicies: [{name: p, select: key:flights, objective: {freshness: 30s}}]\n")
    (problem,) = refusal(dg.Definitions(assets=[flights]), path)
    assert "promises data no older than 30s, which Dagster cannot watch (promise `1m` or more)" in problem


def test_a_minute_of_freshness_has_no_warning_before_it(book: Any) -> None:
    """Three quarters of a minute are too short for a window of their own."""
    path = book("version: 1\npolicies: [{name: p, select: key:flights, objective: {freshness: 1m}}]\n")
    defs = adapt(dg.Definitions(assets=[flights]), path)
    assert spec(defs, "flights").freshness_policy == dg.FreshnessPolicy.time_window(
        fail_window=timedelta(minutes=1)
    )


def test_a_contract_of_a_partitioned_asset_needs_its_partitions(book: Any) -> None:
    """Named by key alone, the check would load every partition in each run of one."""

    @dg.asset(partitions_def=dg.DailyPartitionsDefinition("2013-01-01"))
    def daily() -> None: ...

    schema = pa.DataFrameSchema({"minutes": pa.Column(int)})
    careless = dg.Definitions(assets=[daily], asset_checks=pandera_checks("daily", schema))
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="would load all its partitions"):
        adapt(careless, book())
    adapt(dg.Definitions(assets=[daily], asset_checks=pandera_checks(daily, schema)), book())


def test_a_broken_policy_file_is_the_code_locations_error(book: Any) -> None:
    """The error that the code location shows is the policy file's own, with its line."""
    with pytest.raises(PolicyError, match=r"policies\.yaml:2:"):
        adapt(dg.Definitions(assets=[flights]), book("version: 1\npolicys: []\n").resolve())
    with pytest.raises(PolicyError, match=r"missing\.yaml"):
        adapt(dg.Definitions(assets=[flights]), "missing.yaml")


PROJECT = """
import dagster as dg
from adaptive_assets import RunMode, adapt

@dg.asset
def forecast(context, run_mode: RunMode):
    return run_mode.read(context).name

job = dg.define_asset_job("nightly", 'tag:"adaptive/policy"="critical-things"')
defs = adapt(dg.Definitions(assets=[forecast], jobs=[job]), "policies.yaml")
"""

LOADED = """
import sys
from dagster._core.code_pointer import CodePointer
from dagster._core.definitions import reconstruct

pointer = CodePointer.from_python_file("project.py", "defs", None)
if sys.argv[1] == "by the code server":
    repository = reconstruct.initialize_repository_def_from_pointer(pointer)
else:
    repository = reconstruct.reconstruct_repository_def_from_pointer(pointer)
nightly = repository.get_job("nightly").asset_layer.selected_asset_keys
run = repository.get_job("__ASSET_JOB").execute_in_process(tags={"adaptive/mode": "reduced"})
print([key.to_user_string() for key in nightly], run.output_for_node("forecast"))
"""


def test_a_broken_edit_does_not_reach_runs(book: Any, tmp_path: Path) -> None:
    """A run's process loads the definitions again: with the same tags, and unharmed by a broken edit."""

    def loaded(how: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", LOADED, how]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=90)

    path = book("version: 1\npolicies: [{name: critical-things, select: key:forecast}]\n")
    (tmp_path / "project.py").write_text(PROJECT)
    assert loaded("by the code server").stdout == "['forecast'] reduced\n"
    assert loaded("by a run").stdout == "['forecast'] reduced\n"

    path.write_text("version: 1\npolicys: []\n")
    assert "PolicyError: policies.yaml:2:1: " in loaded("by the code server").stderr
    after = loaded("by a run")
    assert after.stdout == "[] reduced\n"
    assert "the run goes on without policies" in after.stderr


CONTRACTED = """
import dagster as dg, pandas as pd, pandera.pandas as pa
from adaptive_assets import DataContract, Needs, adapt, with_contract, with_needs

@dg.asset
def raw(): return pd.DataFrame({"delay": [1.0]})

@dg.asset(deps=["raw"])
def forecast(): return "made"

model = pa.DataFrameSchema({"delay": pa.Column(float)}, name="Delays")
raw, checks = with_contract(raw, DataContract(model))
forecast = with_needs(forecast, {"raw": Needs(["COLUMN"])})
nightly = dg.define_asset_job("nightly", "forecast")
defs = adapt(dg.Definitions([raw, forecast], jobs=[nightly], asset_checks=checks))
"""


def test_a_broken_contract_does_not_reach_runs(tmp_path: Path) -> None:
    """The code server refuses what breaks a consumer; a run that was launched before goes on and says so."""

    def loaded(how: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", LOADED, how]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=90)

    project = tmp_path / "project.py"
    project.write_text(CONTRACTED.replace("COLUMN", "delay"))
    assert loaded("by the code server").stdout == "['forecast'] made\n"
    project.write_text(CONTRACTED.replace("COLUMN", "dellay"))
    refused = loaded("by the code server")
    assert refused.returncode == 1
    assert "`forecast` needs column `dellay` of `raw` to be present" in refused.stderr
    after = loaded("by a run")
    assert after.stdout == "['forecast'] made\n"
    assert "the run goes on with contracts that are broken since it was launched" in after.stderr
