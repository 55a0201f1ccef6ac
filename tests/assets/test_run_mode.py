"""`RunMode` in assets: what it reads, what it stamps, and what it does with tags that somebody spoilt."""

import json
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.reconstruct import ReconstructableRepository

from adaptive_assets import Mode, RunMode
from adaptive_assets.assets import tags
from adaptive_assets.assets.run_mode import mode_of

REDUCED = {
    "adaptive/mode": "reduced",
    "adaptive/mode_parameters": '{"sample": 0.25, "depth": 3}',
    "adaptive/reason": "memory: needs 2.0 GiB, 0.4 GiB is free under the 80% guard",
    "adaptive/decision": "4711",
}


@dg.asset
def model(context: dg.AssetExecutionContext, run_mode: RunMode) -> float:
    """An asset that does as it is told."""
    mode = run_mode.read(context)
    return float(mode.get("sample", 1.0))


def materialize(*assets: Any, run_mode: RunMode | None = None, **options: Any) -> dg.ExecuteInProcessResult:
    """Materialize with a run mode."""
    return dg.materialize(assets, resources={"run_mode": run_mode or RunMode()}, **options)


def stamps(result: dg.ExecuteInProcessResult, node: str) -> list[dict[str, Any]]:
    """What of ours is in the metadata of each materialization."""
    return [
        {name: value.value for name, value in each.metadata.items() if name.startswith("adaptive/")}
        for each in result.asset_materializations_for_node(node)
    ]


def test_a_run_without_tags_is_full() -> None:
    """Nothing decided about it: everything is done, and the materialization says so."""
    result = materialize(model)
    assert result.output_for_node("model") == 1.0
    assert stamps(result, "model") == [{"adaptive/mode": "full"}]


def test_a_degraded_run_says_so() -> None:
    """The parameters reach the asset; mode, parameters, reason and decision are on what it makes."""
    result = materialize(model, tags=REDUCED)
    assert result.output_for_node("model") == 0.25
    assert stamps(result, "model") == [
        {**REDUCED, "adaptive/mode_parameters": '{"depth": 3, "sample": 0.25}'}
    ]


def test_what_the_coordinator_let_go_in_full_is_full() -> None:
    """It carries no mode then; what is for runs that nobody decided about is not for it."""
    carried = {
        tags.ADMISSION: tags.ADMITTED,
        tags.LAUNCH_REASON: "fits: takes 1 core",
        tags.DECISION: "4711",
    }
    cheap = RunMode(untagged_mode="reduced", untagged_parameters={"sample": 0.1})
    result = materialize(model, run_mode=cheap, tags=carried)
    (stamp,) = stamps(result, "model")
    stamped = {"adaptive/mode": "full", "adaptive/reason": "fits: takes 1 core", "adaptive/decision": "4711"}
    assert stamp == stamped


def test_hidden_parameters_reach_the_asset() -> None:
    """They count before what was set by hand; the stamp has them under their plain name."""
    carried = {**REDUCED, tags.ADMISSION: tags.ADMITTED, tags.MODE_PARAMETERS: '{"sample": 0.5}'}
    result = materialize(model, tags=carried)
    assert result.output_for_node("model") == 0.5
    (stamp,) = stamps(result, "model")
    assert stamp["adaptive/mode_parameters"] == '{"sample": 0.5}'


def test_degraded_inputs_are_on_what_the_run_makes() -> None:
    """As the coordinator saw them when it let the run go."""
    carried = {tags.ADMISSION: tags.ADMITTED, tags.INPUTS_DEGRADED: '{"raw[2013-02-08]": "reduced"}'}
    (stamp,) = stamps(materialize(model, tags=carried), "model")
    assert stamp == {"adaptive/mode": "full", "adaptive/inputs_degraded": '{"raw[2013-02-08]": "reduced"}'}


def test_untagged_runs_may_be_given_a_mode() -> None:
    """A developer's own runs can be cheap; a run that the coordinator decided about keeps its mode."""
    cheap = RunMode(untagged_mode="reduced", untagged_parameters={"sample": 0.1})
    assert materialize(model, run_mode=cheap).output_for_node("model") == 0.1
    assert materialize(model, run_mode=cheap, tags={"adaptive/mode": "full"}).output_for_node("model") == 1.0


def test_parameters_of_a_developers_own_that_are_too_deep_are_named() -> None:
    """Dagster's configuration would end in a RecursionError, which names nothing."""
    deep: dict[str, Any] = {}
    below = deep
    for _ in range(5_000):
        below["more"] = below = {}
    with pytest.raises(ValueError, match="the parameter `sample` has more than 10 levels"):
        RunMode(untagged_mode="reduced", untagged_parameters={"sample": deep})
    shallow = RunMode(untagged_mode="reduced", untagged_parameters={"sample": [0.1, {"of": "hours"}]})
    assert materialize(model, run_mode=shallow, tags={"adaptive/mode": "full"}).success


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"adaptive/mode": " "}, "`adaptive/mode` is ` `, which is not the name of a mode"),
        (
            {"adaptive/mode": "reduced", "adaptive/mode_parameters": "{sample: 1}"},
            "`adaptive/mode_parameters` is `{sample: 1}`, which is not a JSON object",
        ),
        ({"adaptive/mode": "reduced", "adaptive/mode_parameters": "[1]"}, "is `[1]`"),
        ({"adaptive/mode": "reduced", "adaptive/mode_parameters": '{"a": {"b": 1}}'}, "plain values"),
        ({"adaptive/mode": "reduced", "adaptive/mode_parameters": ""}, "is ``, which is not a JSON object"),
        (
            {"adaptive/mode": "reduced", "adaptive/mode_parameters": '{"a": ' * 9000 + "1" + "}" * 9000},
            '…` (63,001 characters), which is not a JSON object of plain values, such as `{"sample": 0.25}`',
        ),
        ({"adaptive/mode": "reduced", "adaptive/mode_parameters": "[" * 60_000}, "is `[[[["),
        (
            {"adaptive/mode": "reduced", "adaptive/mode_parameters": f'{{"a": {"9" * 60_000}}}'},
            "is not a JSON object",
        ),
        (
            {"adaptive/mode": "reduced", "adaptive/mode_parameters": f'{{"a": "{"x" * 1_000_000}"}}'},
            "of at most 65,536 characters",
        ),
        ({"adaptive/mode": "x" * 1_000_000}, "(1,000,000 characters), which is not the name of a mode"),
        ({"adaptive/mode": "\x1b[31mred\nuced"}, "`\\x1b[31mred\\nuced`"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_spoilt_tag_fails_the_run_and_is_not_tried_again(tags: dict[str, str], told: str) -> None:
    """The failure names the tag, its value and what would be right; a retry would only read the same tag."""
    with pytest.raises(dg.Failure) as failure:
        materialize(model, tags=tags)
    assert told in str(failure.value.description)
    assert len(str(failure.value.description)) < 500
    assert str(failure.value.description).isprintable()
    assert failure.value.allow_retries is False


def test_a_long_reason_is_cut_in_the_stamp() -> None:
    """A tag of a megabyte does not become metadata of a megabyte; the asset itself sees all of it."""
    result = materialize(model, tags={**REDUCED, "adaptive/reason": "\x1b[31m" + "x" * 1_000_000})
    (stamp,) = stamps(result, "model")
    assert len(stamp["adaptive/reason"]) == 1_000
    assert stamp["adaptive/reason"].isprintable()


def test_metadata_of_the_asset_is_kept() -> None:
    """An asset that yields its own result keeps its own metadata beside the stamp."""

    @dg.asset
    def yields(context: dg.AssetExecutionContext, run_mode: RunMode) -> Any:
        run_mode.read(context)
        yield dg.MaterializeResult(metadata={"rows": 3})

    @dg.asset
    def returns(context: dg.AssetExecutionContext, run_mode: RunMode) -> dg.MaterializeResult[None]:
        run_mode.read(context)
        return dg.MaterializeResult(metadata={"rows": 3})

    result = materialize(yields, returns, tags={"adaptive/mode": "reduced"})
    for node in ("yields", "returns"):
        (made,) = result.asset_materializations_for_node(node)
        assert {name: value.value for name, value in made.metadata.items()} == {
            "rows": 3,
            "adaptive/mode": "reduced",
        }


def test_reading_twice_is_harmless() -> None:
    """Helpers of one asset may each ask for the mode."""

    @dg.asset
    def twice(context: dg.AssetExecutionContext, run_mode: RunMode) -> bool:
        return run_mode.read(context) == run_mode.read(context)

    assert materialize(twice, tags=REDUCED).output_for_node("twice")


def test_every_asset_that_is_selected_of_a_multi_asset_is_stamped() -> None:
    """Those that the run does not make are left alone; partitions are stamped one by one."""

    @dg.multi_asset(
        specs=[dg.AssetSpec(name, skippable=True) for name in ("one", "two", "three")],
        can_subset=True,
        partitions_def=dg.StaticPartitionsDefinition(["a", "b"]),
    )
    def several(context: dg.AssetExecutionContext, run_mode: RunMode) -> Any:
        run_mode.read(context)
        for key in sorted(context.selected_asset_keys):
            yield dg.MaterializeResult(key)

    result = materialize(
        several, tags={"adaptive/mode": "reduced"}, partition_key="b", selection=["one", "three"]
    )
    made = result.asset_materializations_for_node("several")
    assert [(each.asset_key.to_user_string(), each.partition) for each in made] == [
        ("one", "b"),
        ("three", "b"),
    ]
    assert stamps(result, "several") == [{"adaptive/mode": "reduced"}] * 2


def test_a_run_over_a_range_of_partitions_stamps_each() -> None:
    """A single-run backfill makes many materializations in one step: all of them carry the mode."""
    days = dg.DailyPartitionsDefinition("2013-01-01", "2013-01-05")

    @dg.asset(partitions_def=days)
    def daily(context: dg.AssetExecutionContext, run_mode: RunMode) -> None:
        run_mode.read(context)

    tags = {
        "adaptive/mode": "reduced",
        "dagster/asset_partition_range_start": "2013-01-01",
        "dagster/asset_partition_range_end": "2013-01-03",
    }
    assert stamps(materialize(daily, tags=tags), "daily") == [{"adaptive/mode": "reduced"}] * 3


def test_graphs_and_checks_read_the_mode() -> None:
    """An asset that is a graph of ops is stamped by the op that makes its output; checks may read, too."""

    @dg.op
    def fit(context: dg.OpExecutionContext, run_mode: RunMode) -> str:
        return run_mode.read(context).name

    @dg.graph_asset
    def graph_model() -> Any:
        return fit()

    @dg.asset_check(asset=graph_model)
    def read(context: dg.AssetCheckExecutionContext, run_mode: RunMode) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=run_mode.read(context).name == "reduced")

    result = materialize(graph_model, read, tags={"adaptive/mode": "reduced"})
    assert all(each.passed for each in result.get_asset_check_evaluations())
    assert stamps(result, "graph_model.fit") == [{"adaptive/mode": "reduced"}]


def test_an_op_outside_of_assets_reads_the_mode() -> None:
    """Runs of plain jobs are governed too: their ops can ask."""

    @dg.op
    def report(context: dg.OpExecutionContext, run_mode: RunMode) -> str:
        return run_mode.read(context).name

    @dg.job(resource_defs={"run_mode": RunMode()})
    def nightly() -> None:
        report()

    result = nightly.execute_in_process(tags={"adaptive/mode": "reduced"})
    assert result.output_for_node("report") == "reduced"


def test_an_asset_can_be_called_by_its_own_unit_test() -> None:
    """`build_asset_context(run_tags=…)` is all that a project's test needs to try a rung."""
    full, reduced = dg.build_asset_context(), dg.build_asset_context(run_tags=REDUCED)
    assert model(full, RunMode()) == 1.0
    assert model(reduced, RunMode()) == 0.25


def degraded() -> dg.Definitions:
    """A job whose steps run in processes of their own."""
    job = dg.define_asset_job("fit_it", [model], executor_def=dg.multiprocess_executor)
    resources = {"run_mode": RunMode(), "io_manager": dg.FilesystemIOManager()}
    return dg.Definitions(assets=[model], jobs=[job], resources=resources)


def test_steps_in_other_processes_are_stamped(instance_sqlite: dg.DagsterInstance) -> None:
    """Under the multiprocess executor the step's own process reads the tags and stamps."""
    job = ReconstructableRepository.for_file(__file__, "degraded").get_reconstructable_job("fit_it")
    with dg.execute_job(job, instance=instance_sqlite, tags=REDUCED, raise_on_error=True) as result:
        (made,) = result.asset_materializations_for_node("model")
        assert made.metadata["adaptive/mode"].value == "reduced"
        assert made.metadata["adaptive/decision"].value == "4711"


@pytest.mark.filterwarnings("ignore:.*observable_source_asset.*beta", "ignore:.*OpDefinition.version")
def test_a_source_that_is_observed_may_read() -> None:
    """An observation is no materialization; reading the mode does not disturb it."""

    @dg.observable_source_asset
    def landed(context: dg.AssetExecutionContext, run_mode: RunMode) -> dg.DataVersion:
        return dg.DataVersion(run_mode.read(context).name)

    defs = dg.Definitions(assets=[landed], resources={"run_mode": RunMode()})
    job = defs.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(tags={"adaptive/mode": "reduced"}).success


def test_a_mode_is_plain() -> None:
    """A mode can be made by hand, compared, and asked."""
    mode = mode_of({"adaptive/mode": "last_good"})
    assert mode == Mode("last_good")
    assert mode.is_last_good
    assert not mode.is_full
    assert mode.get("sample") is None
    assert Mode().is_full
    with pytest.raises(TypeError):
        mode.parameters["sample"] = 1  # type: ignore[index]


@pytest.mark.parametrize("value", [0.25, 3, "x", True, None])
def test_parameters_are_what_the_rung_says(value: Any) -> None:
    """JSON scalars come back as they were."""
    tags = {"adaptive/mode": "reduced", "adaptive/mode_parameters": json.dumps({"sample": value})}
    assert mode_of(tags).get("sample", "missing") == value
