"""Whatever shape an asset has, it is governed, and a run of another location goes in the first pass."""

import importlib.util
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.partitions.mapping import PartitionMapping

from adaptive_assets.assets import tags
from adaptive_assets.assets.adapt import adapt
from adaptive_assets.assets.asset_keys import key_of, text_of
from adaptive_assets.assets.catalogues import catalogue_of, merged
from adaptive_assets.assets.policy_assignment import PolicyAssignment
from adaptive_assets.policy import Catalogue, load_policy_book
from tests.conftest import write_dagster_home
from tests.coordinator.locations import at, submit_to
from tests.coordinator.shapes import SHAPES, Shape, mappings, partitions
from tests.coordinator.world import IDLE, LAUNCHER, World, coordinator_section

INNOCENT = "import dagster as dg\n@dg.asset\ndef innocent(): ...\ndefs = dg.Definitions(assets=[innocent])\n"
pytestmark = pytest.mark.filterwarnings("ignore")  # of what Dagster has in beta, and of workspaces
SMALL = "estimate: {cpu: 0, memory: 1MiB, duration: 1s}"
BY_NAME = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """One deployment for all shapes, so that each costs what loading it costs."""
    folder = tmp_path_factory.mktemp("shapes")
    (folder / "policies.yaml").write_text(IDLE)
    coordinator = coordinator_section(folder / "policies.yaml")
    home = write_dagster_home(folder / "home", run_coordinator=coordinator, run_launcher=LAUNCHER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        with dg.DagsterInstance.from_config(str(home)) as made:
            yield made


def world_catalogue(world: World) -> Catalogue:
    """What is known of the assets of a deployment."""
    entries = world.workspace.get_code_location_entries()
    return merged(
        {name: catalogue_of(entry.code_location) for name, entry in entries.items() if entry.code_location}
    )


def write_policies(file: Path, shape: Shape) -> Path:
    """Policies of which one selects the asset that the shape is about."""
    selection = shape.selection.replace("'", "''")
    file.write_text(
        f"{IDLE}policies:\n  - {{name: shape, select: '{selection}', {SMALL}}}\n", encoding="utf-8"
    )
    return file


@BY_NAME
def test_no_shape_stops_a_run_of_another_location(
    shape: Shape, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """The first pass launches it, and the shape's own run follows the policy that selects it."""
    file = write_policies(Path(instance.root_directory).parent / "policies.yaml", shape)
    key = dg.AssetKey(shape.parts)
    with at(instance, tmp_path, file, {"shape": shape.text, "other": INNOCENT}) as world:
        innocent = submit_to(world, "other", dg.AssetKey("innocent"))
        own = submit_to(world, "shape", key) if shape.runs else None
        launched = world.pass_()
        assert innocent in launched, (world.run(innocent).tags, world.daemon_errors())
        assert not world.daemon_errors()
        if own is not None:
            assert world.run(own).tags[tags.POLICY] == "shape"
        catalogue = world_catalogue(world)
        for run_id in instance.get_run_ids():
            instance.delete_run(run_id)
    assignment = PolicyAssignment(load_policy_book(file), catalogue)
    assert not assignment.problems
    assert assignment.policy_of_asset(text_of(key)) == "shape"


@BY_NAME
def test_adapt_accepts_whatever_dagster_accepts(shape: Shape, tmp_path: Path) -> None:
    """The definitions load as before, and the asset bears the name of its policy."""
    defs = load(shape, tmp_path)
    dg.Definitions.validate_loadable(defs)
    adapted = adapt(defs, write_policies(tmp_path / "policies.yaml", shape))
    dg.Definitions.validate_loadable(adapted)
    graph = adapted.resolve_asset_graph()
    assert graph.get_all_asset_keys() == defs.resolve_asset_graph().get_all_asset_keys()
    key = dg.AssetKey(shape.parts)
    if not any(isinstance(asset, dg.SourceAsset) and asset.key == key for asset in defs.assets or ()):
        assert graph.get(key).tags[tags.ASSET_POLICY] == "shape"


def load(shape: Shape, folder: Path) -> dg.Definitions:
    """The definitions of a shape."""
    file = folder / "shape.py"
    file.write_text(shape.text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("shape", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    assert isinstance(module.defs, dg.Definitions)
    return module.defs


def test_every_kind_of_partitions_and_mapping_is_among_the_shapes() -> None:
    """One that Dagster adds is to be added here."""
    code = " ".join(call for _, call in partitions())
    missing = {kind.__name__ for kind in below(dg.PartitionsDefinition)} - set(
        code.replace("(", " ").replace("dg.", " ").split()
    )
    assert not missing
    code = " ".join(mapping for *_, mapping in mappings())
    assert not {kind.__name__ for kind in below(PartitionMapping) if f"dg.{kind.__name__}(" not in code}


def below(kind: type[Any]) -> Iterator[type[Any]]:
    """The concrete public classes below ``kind``."""
    for one in kind.__subclasses__():
        if hasattr(dg, one.__name__):
            yield one
        yield from below(one)


@pytest.mark.parametrize(
    "parts",
    [("a", "b"), ("a/b",), ("a\\", "b"), ("a\\/b",), ("a", ""), ("",), ("", ""), ("a\nb",), ("ü", " : ")],
)
def test_keys_are_told_apart_whatever_their_characters(parts: tuple[str, ...]) -> None:
    """A key as text is read back as it was."""
    assert key_of(text_of(dg.AssetKey(parts))) == dg.AssetKey(parts)
