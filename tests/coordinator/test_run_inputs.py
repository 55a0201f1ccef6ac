"""Which partitions a run would read, by every kind of partition mapping that Dagster has."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from adaptive_assets.assets.catalogues import catalogue_of
from adaptive_assets.assets.inputs import Input
from adaptive_assets.assets.policy_assignment import PolicyAssignment, facts_of
from adaptive_assets.coordinator.run_inputs import AGAIN_S, RunInputs
from adaptive_assets.dagster_compat.partition_mappings import (
    DynamicPartitions,
    asset_graph,
    loading_at,
    mapped,
)
from adaptive_assets.policy import Catalogue, PolicyBook
from tests.conftest import MakeInstance, write_dagster_home
from tests.coordinator.locations import at, submit_to
from tests.coordinator.world import World, coordinator_section, open_world

CODE = """
import warnings
import dagster as dg

warnings.simplefilter("ignore", dg.BetaWarning)  # of a mapping that Dagster calls so

days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")
hours = dg.HourlyPartitionsDefinition("2024-01-01-00:00", end_date="2024-02-01-00:00")
regions = dg.StaticPartitionsDefinition(["eu", "us", "asia"])
shops = dg.DynamicPartitionsDefinition(name="shops")
swapped = dg.StaticPartitionMapping({"us": "eu", "eu": "us"})
both = dg.MultiPartitionsDefinition({"day": days, "region": regions})
Window, Dep = dg.TimeWindowPartitionMapping, dg.AssetDep
yesterday = Window(start_offset=-1, end_offset=-1)

def asset(name, partitions=None, *deps):
    @dg.asset(name=name, partitions_def=partitions, deps=list(deps))
    def made() -> None: ...
    return made

loaded = [
    asset("plain"), asset("daily", days), asset("hourly", hours), asset("regional", regions),
    asset("shop", shops), asset("cube", both),
    asset("of_plain", days, "plain"),
    asset("same", days, "daily"),
    asset("before", days, Dep("daily", partition_mapping=yesterday)),
    asset("week", days, Dep("daily", partition_mapping=Window(start_offset=-6))),
    asset("of_hours", days, "hourly"),
    asset("of_day", hours, "daily"),
    asset("last", None, Dep("daily", partition_mapping=dg.LastPartitionMapping())),
    asset("all", None, "regional"),
    asset("named", None, Dep("regional", partition_mapping=dg.SpecificPartitionsPartitionMapping(["us"]))),
    asset("renamed", regions, Dep("regional", partition_mapping=swapped)),
    asset("few", dg.StaticPartitionsDefinition(["eu"])), asset("of_few", regions, "few"),
    asset("of_shop", shops, "shop"),
    asset("of_cube", both, "cube"),
    asset("slice", days, Dep("cube", partition_mapping=dg.MultiToSingleDimensionPartitionMapping("day"))),
    asset("own", days, Dep("own", partition_mapping=yesterday)),
    asset("of_all", days, Dep("hourly", partition_mapping=dg.AllPartitionMapping())),
    asset("two", days, "daily", "plain", Dep("own", partition_mapping=yesterday)),
]
defs = dg.Definitions(assets=loaded, jobs=[dg.define_asset_job("pair", ["daily", "week"])])
"""
DAY = "2024-01-10"
PARTITION, START, END = (
    "dagster/partition",
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)
HOURS = tuple(f"{DAY}-{hour:02}:00" for hour in range(24))


def day(number: int) -> str:
    """A day of January 2024."""
    return f"2024-01-{number:02}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A deployment of them, with one shop."""
    folder = tmp_path_factory.mktemp("site")
    policies = folder / "policies.yaml"
    policies.write_text("version: 1\n")
    home = write_dagster_home(folder / "home")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_dynamic_partitions("shops", ["berlin"])
        with open_world(instance, folder, policies, CODE) as opened:
            yield opened


class Asked:
    """What is found of runs, by what knows the world."""

    def __init__(self, world: World) -> None:
        self.world = world
        location = world.workspace.code_locations[0]
        self.catalogue = catalogue_of(location)
        self.inputs = RunInputs(world.instance)
        self.assignment = PolicyAssignment(PolicyBook(version=1), self.catalogue)

    def of(self, *assets: str, tags: Mapping[str, str] = {}, job: str = "__ASSET_JOB") -> list[Input]:
        """The inputs of a run of these assets."""
        run = self.world.create(*assets, tags=dict(tags), job=job)
        work = self.assignment.work_of(facts_of(run))
        keys = self.inputs.of(run, work)
        return self.inputs.by_key(work.reads if keys is None else keys)


@pytest.fixture
def asked(world: World) -> Asked:
    """What has looked at the world once."""
    found = Asked(world)
    assert found.inputs.look(1_800_000_000.0, world.process_context, found.catalogue)
    return found


@pytest.mark.parametrize(
    ("asset", "partition", "expected"),
    [
        pytest.param("of_plain", DAY, [Input("plain")], id="of one without partitions"),
        pytest.param("same", DAY, [Input("daily", (DAY,))], id="the same"),
        pytest.param("before", DAY, [Input("daily", (day(9),))], id="an offset"),
        pytest.param("week", DAY, [Input("daily", tuple(map(day, range(4, 11))))], id="a window"),
        pytest.param("of_hours", DAY, [Input("hourly", HOURS)], id="finer ones"),
        pytest.param("of_day", f"{DAY}-07:00", [Input("daily", (DAY,))], id="a coarser one"),
        pytest.param("last", None, [Input("daily", (day(31),))], id="the last one"),
        pytest.param("all", None, [Input("regional", ("eu", "us", "asia"))], id="all"),
        pytest.param("named", None, [Input("regional", ("us",))], id="those that are named"),
        pytest.param("renamed", "eu", [Input("regional", ("us",))], id="by a table"),
        pytest.param("of_shop", "berlin", [Input("shop", ("berlin",))], id="dynamic"),
        pytest.param("of_cube", f"{DAY}|eu", [Input("cube", (f"{DAY}|eu",))], id="of two dimensions"),
        pytest.param("own", DAY, [Input("own", (day(9),))], id="of itself"),
        pytest.param("own", day(1), [], id="of itself, the first one"),
        pytest.param(
            "week", day(2), [Input("daily", (day(1), day(2)))], id="a window that begins before all"
        ),
    ],
)
def test_each_mapping_is_followed(
    asked: Asked, asset: str, partition: str | None, expected: list[Input]
) -> None:
    """As Dagster would load them."""
    found = asked.of(asset, tags={} if partition is None else {PARTITION: partition})
    assert [(each.asset, set(each.partitions or ()), each.problem) for each in found] == [
        (each.asset, set(each.partitions or ()), "") for each in expected
    ]


def test_one_dimension_of_two(asked: Asked) -> None:
    """A day reads that day of every region."""
    (found,) = asked.of("slice", tags={PARTITION: DAY})
    assert set(found.partitions or ()) == {f"{DAY}|{region}" for region in ("eu", "us", "asia")}


def test_partitions_of_two_dimensions_are_plain_text(asked: Asked) -> None:
    """Dagster has a type of its own for them, which nothing outside it can store."""
    span = {START: f"{DAY}|eu", END: f"{DAY}|us"}
    for found in (asked.of("of_cube", tags=span), asked.of("slice", tags={PARTITION: DAY})):
        assert {type(each) for one in found for each in one.partitions or ()} == {str}
        assert {type(one.label) for one in found} == {str}
    assert asked.of("slice", tags={PARTITION: DAY})[0].label == f"{DAY}|asia to {DAY}|us (3)"


def test_a_range_reads_what_its_partitions_read(asked: Asked) -> None:
    """What the run makes itself is no input."""
    span = {START: day(10), END: day(12)}
    assert asked.of("week", tags=span) == [Input("daily", tuple(map(day, range(4, 13))))]
    assert asked.of("own", tags=span) == [Input("own", (day(9),))]
    (found,) = asked.of(tags=span, job="pair")
    assert found == Input("daily", tuple(map(day, range(4, 10))))


def test_several_inputs_have_keys_of_their_own(asked: Asked) -> None:
    """One for each asset; runs of the same partitions share them."""
    found = asked.of("two", tags={PARTITION: DAY})
    assert found == [Input("daily", (DAY,)), Input("own", (day(9),)), Input("plain")]
    assert [each.key for each in found] == [f"daily[{DAY}]", f"own[{day(9)}]", "plain"]
    assert asked.of("two", tags={PARTITION: DAY})[0] is found[0]


@pytest.mark.parametrize(
    ("asset", "partition", "subject", "problem"),
    [
        ("of_shop", "gone", "of_shop", "its partition `gone` does not exist"),
        ("same", "2031-01-01", "same", "its partition `2031-01-01` does not exist"),
        ("same", "\x1b[31mnow", "same", "its partition"),
        ("of_few", "us", "few", "`of_few` reads its partition `us`, which does not exist"),
    ],
)
def test_a_partition_that_does_not_exist_is_named(
    asked: Asked, asset: str, partition: str, subject: str, problem: str
) -> None:
    """Nothing is known of that input, and the run waits by its gates."""
    found = asked.of(asset, tags={PARTITION: partition})
    (told,) = [each for each in found if each.problem]
    assert told.asset == subject
    assert told.problem.startswith(problem)
    assert told.problem.isprintable()


@pytest.mark.parametrize(
    "named", [{}, {START: day(12), END: day(10)}], ids=["none", "a range that ends before it begins"]
)
def test_a_run_that_names_no_partition_of_a_partitioned_asset(asked: Asked, named: dict[str, str]) -> None:
    """Such as one that was queued before the asset had any: what it reads is not known, and not nothing."""
    (told,) = asked.of("same", tags=named)
    assert (told.asset, told.partitions) == ("same", None)
    assert told.problem.startswith("it has partitions, and the run names none")
    assert asked.of("daily", tags=named) == []


def test_a_dynamic_partition_that_comes_is_found_in_time(asked: Asked, world: World) -> None:
    """And one that is deleted is missed."""
    assert asked.of("of_shop", tags={PARTITION: "paris"})[0].problem
    world.instance.add_dynamic_partitions("shops", ["paris"])
    assert not asked.inputs.look(1_800_000_001.0, world.process_context, asked.catalogue)
    assert asked.inputs.look(1_800_000_001.0 + AGAIN_S, world.process_context, asked.catalogue)
    assert asked.of("of_shop", tags={PARTITION: "paris"}) == [Input("shop", ("paris",))]
    world.instance.delete_dynamic_partition("shops", "paris")
    assert asked.inputs.look(1_800_000_002.0 + 2 * AGAIN_S, world.process_context, asked.catalogue)
    assert asked.of("of_shop", tags={PARTITION: "paris"})[0].problem


def test_dynamic_partitions_cost_no_read_each(asked: Asked, world: World) -> None:
    """However many runs of them wait."""
    names = [f"shop{number}" for number in range(200)]
    world.instance.add_dynamic_partitions("shops", names)
    runs = [world.create("of_shop", tags={PARTITION: each}) for each in (*names, "gone")]
    work = asked.assignment.work_of(facts_of(runs[0]))
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        found = [asked.inputs.of(each, work) for each in runs]
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert found[:-1] == [(f"shop[{each}]",) for each in names]
    assert "`gone` does not exist" in asked.inputs.by_key(found[-1] or ())[0].problem
    assert 0 < len(statements) < 100


def test_all_partitions_are_listed_once(asked: Asked, world: World) -> None:
    """For runs of different partitions, and in the order of time: hours of years are slow to list."""
    first, second = (asked.of("of_all", tags={PARTITION: day(number)})[0] for number in (1, 31))
    assert first is second
    assert first.label == "2024-01-01-00:00 to 2024-01-31-23:00 (744)"
    graph, child, parent = asset_graph(world.process_context), dg.AssetKey("of_all"), dg.AssetKey("hourly")
    kept: dict[dg.AssetKey, tuple[str, ...]] = {}
    with loading_at(DynamicPartitions(world.instance), 1_800_000_000.0):
        one, other = (mapped(graph, child, [day(number)], parent, kept) for number in (1, 31))
    assert one is not None
    assert other is not None
    assert one.partitions is other.partitions


OWN = """
import warnings
import dagster as dg
from adaptive_assets import adapt

warnings.simplefilter("ignore")
days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")

class Strange(dg.PartitionMapping):
    description = "strange"
    def get_downstream_partitions_for_partitions(self, *given, **named): return days.empty_subset()
    def get_upstream_mapped_partitions_result_for_partitions(self, *given, **named): raise NotImplementedError
    def validate_partition_mapping(self, *given): ...

@dg.asset(partitions_def=days)
def daily() -> None: ...

@dg.asset(partitions_def=days, deps=[dg.AssetDep(daily, partition_mapping=Strange())])
def strange() -> None: ...

@dg.asset(partitions_def=days, deps=[daily])
def usual() -> None: ...

defs = adapt(dg.Definitions(assets=[daily, strange, usual]))
"""


def test_a_mapping_of_the_projects_own_is_never_guessed(tmp_path: Path) -> None:
    """Dagster would follow another one in its place, and other partitions would be looked at."""
    policies = tmp_path / "policies.yaml"
    policies.write_text("version: 1\n")
    with (
        dg.DagsterInstance.from_config(str(write_dagster_home(tmp_path / "home"))) as instance,
        open_world(instance, tmp_path, policies, OWN) as world,
    ):
        asked = Asked(world)
        asked.inputs.look(1_800_000_000.0, world.process_context, asked.catalogue)
        (found,) = asked.of("strange", tags={PARTITION: DAY})
        assert found.asset == "daily"
        assert "a partition mapping of the project's own" in found.problem
        assert asked.of("usual", tags={PARTITION: DAY}) == [Input("daily", (DAY,))]


def test_a_location_that_is_not_loaded_is_named(world: World) -> None:
    """Its assets are known from before, and what they read is not."""
    asked = Asked(world)
    asked.inputs.look(1_800_000_000.0, None, asked.catalogue)
    assert asked.of("of_plain", tags={PARTITION: DAY}) == [Input("plain")]
    (found,) = asked.of("same", tags={PARTITION: DAY})
    assert found.asset == "daily"
    assert "is not loaded" in found.problem


SOURCE = """
import dagster as dg
days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")
@dg.asset(partitions_def=days)
def raw(): ...
@dg.asset
def plain(): ...
defs = dg.Definitions(assets=[raw, plain])
"""
READER = """
import dagster as dg
days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-02-01")
@dg.asset(partitions_def=days, deps=["raw"])
def clean(): ...
@dg.asset(partitions_def=days, deps=["plain"])
def dated(): ...
@dg.asset(deps=["raw"])
def total(): ...
@dg.asset(deps=[clean])
def report(): ...
defs = dg.Definitions(assets=[clean, dated, total, report])
"""
BROKEN = "raise RuntimeError('the code is broken')\n"
GATED = """\
version: 1
guards: {cpu: 100%, memory: 100%}
default: {estimate: {cpu: 0, memory: 1MiB, duration: 1s}, gates: {checks: pass}}
"""


@pytest.mark.filterwarnings("ignore")  # a workspace warns of locations that fail to load
def test_a_location_that_is_down_hides_no_partition(make_instance: MakeInstance, tmp_path: Path) -> None:
    """Where only readers of an asset are loaded, Dagster's graph has it as one without partitions."""
    policies = tmp_path / "policies.yaml"
    policies.write_text(GATED)
    instance = make_instance(
        run_coordinator=coordinator_section(policies),
        run_launcher={"module": "tests.coordinator.world", "class": "RecordingLauncher"},
    )
    for made in (dg.AssetMaterialization("raw", partition=day(9)), dg.AssetMaterialization("plain")):
        instance.report_runless_asset_event(made)
    days, clean = {"dagster__partition": day(10)}, dg.AssetKey("clean")
    with at(instance, tmp_path, policies, {"source": SOURCE, "reader": READER}) as world:
        waits = submit_to(world, "reader", clean, **days)
        source = submit_to(world, "source", dg.AssetKey("raw"), **days)
        assert world.pass_() == [source]
    with at(instance, tmp_path, policies, {"source": BROKEN, "reader": READER}) as world:
        goes = submit_to(world, "reader", dg.AssetKey("dated"), **days)
        total = submit_to(world, "reader", dg.AssetKey("total"))
        assert world.pass_() == [goes]
        for run_id in (waits, total):
            held = " ".join(world.run(run_id).tags.values())
            assert "`source` is not loaded" in held
    instance.report_runless_asset_event(dg.AssetMaterialization("raw", partition=day(10)))
    with at(instance, tmp_path, policies, {"source": SOURCE, "reader": READER}) as world:
        assert world.pass_() == [waits]


@pytest.mark.filterwarnings("ignore")  # as above
def test_what_a_run_of_a_location_that_is_down_reads_is_not_known(
    make_instance: MakeInstance, tmp_path: Path
) -> None:
    """Another location may name what the run makes, and then says nothing of its partitions."""
    policies = tmp_path / "policies.yaml"
    policies.write_text(GATED)
    instance = make_instance(
        run_coordinator=coordinator_section(policies),
        run_launcher={"module": "tests.coordinator.world", "class": "RecordingLauncher"},
    )
    last = "import dagster as dg\n@dg.asset(deps=['clean'])\ndef last(): ...\n"
    last += "defs = dg.Definitions(assets=[last])\n"
    for number in range(1, 32):
        instance.report_runless_asset_event(dg.AssetMaterialization("raw", partition=day(number)))
    with at(instance, tmp_path, policies, {"source": SOURCE, "reader": READER, "last": last}) as world:
        run = submit_to(world, "reader", dg.AssetKey("clean"), dagster__partition=day(10))
    with at(instance, tmp_path, policies, {"source": SOURCE, "reader": BROKEN, "last": last}) as world:
        assert world.pass_() == []
        assert "`reader` is not loaded" in " ".join(world.run(run).tags.values())


def test_a_run_waits_for_its_own_partition_alone(make_instance: MakeInstance, tmp_path: Path) -> None:
    """In a real pass: the bad one is held, the good one goes, and the one of a missing partition waits."""
    policies = tmp_path / "policies.yaml"
    policies.write_text(GATED)
    launcher = {"module": "tests.coordinator.world", "class": "RecordingLauncher"}
    instance = make_instance(run_coordinator=coordinator_section(policies), run_launcher=launcher)
    with open_world(instance, tmp_path, policies, CODE) as world:
        for number in (9, 10):
            instance.report_runless_asset_event(dg.AssetMaterialization("daily", partition=day(number)))
        runs = {number: world.submit("same", tags={PARTITION: day(number)}) for number in (9, 10, 11)}
        assert set(world.pass_()) == {runs[9], runs[10]}
        instance.report_runless_asset_event(dg.AssetMaterialization("daily", partition=day(11)))
        assert world.pass_() == [runs[11]]


def test_no_two_inputs_share_a_key() -> None:
    """Whatever characters the keys of assets and partitions have."""
    parts = (None, ("b",), ("b", "c"), ("",), ("b]",), ("]", "["), ("x" * 200,))
    inputs = [Input(asset, each) for asset in ("a", "a[b]", "a[]", "a[b]]", "a[#1") for each in parts]
    inputs += [Input("a", problem="gone"), Input("a", problem="away")]
    assert len({each.key for each in inputs}) == len(inputs)


def test_nothing_is_known_of_an_empty_catalogue(world: World) -> None:
    """Whole assets, as their work says."""
    inputs = RunInputs(world.instance)
    inputs.look(0.0, None, Catalogue())
    assert inputs.by_key(["a", "b/c"]) == [Input("a"), Input("b/c")]
