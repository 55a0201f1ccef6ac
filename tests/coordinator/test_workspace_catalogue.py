"""What is known of the assets of a workspace, whatever its locations and the ledger do."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin

from adaptive_assets.assets import catalogues, tags
from adaptive_assets.assets.asset_keys import text_of
from adaptive_assets.assets.catalogues import catalogue_of, merged
from adaptive_assets.coordinator.catalogue_store import AGAIN_S, CatalogueStore
from adaptive_assets.ledger import Ledger, sqlite_ledger_url
from adaptive_assets.policy import AssetFacts, Catalogue
from tests.conftest import MakeInstance
from tests.coordinator.locations import at, submit_to, workspace_of
from tests.coordinator.world import IDLE, LAUNCHER, World, coordinator_section

pytestmark = pytest.mark.filterwarnings("ignore")  # a workspace warns of locations that fail to load

RAW = """
import dagster as dg
@dg.asset
def raw(): ...
@dg.asset_check(asset=raw, blocking=True)
def plausible(): return dg.AssetCheckResult(passed=True)
defs = dg.Definitions(assets=[raw], asset_checks=[plausible])
"""
REPORT = """
import dagster as dg
@dg.asset(deps=["raw"])
def report(): ...
@dg.asset
def innocent(): ...
daily = dg.define_asset_job("daily", ["report"])
defs = dg.Definitions(assets=[report, innocent], jobs=[daily])
"""
INNOCENT = "import dagster as dg\n@dg.asset\ndef innocent(): ...\ndefs = dg.Definitions(assets=[innocent])\n"
BROKEN = "raise RuntimeError('the code is broken')\n"
GATED = (
    IDLE
    + "policies:\n"
    + "  - {name: report, select: 'key:report', gates: {checks: pass},"
    + " estimate: {cpu: 0, memory: 1MiB, duration: 1s}}\n"
)


class Site:
    """A deployment whose locations come and go."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path) -> None:
        self.instance, self.folder = instance, folder
        self.policies = folder / "policies.yaml"
        self._stack = ExitStack()

    def load(self, **codes: str) -> World:
        """The workspace as it is from now on, by name the code of each location."""
        self._stack.close()
        return self._stack.enter_context(at(self.instance, self.folder, self.policies, codes))

    def restart(self) -> None:
        """End the process of the daemon and begin another one."""
        self._stack.close()
        self.instance.dispose()
        self.instance = dg.DagsterInstance.from_config(self.instance.root_directory)

    def close(self) -> None:
        """Leave nothing behind."""
        self._stack.close()
        self.instance.dispose()


@pytest.fixture
def site(make_instance: MakeInstance, tmp_path: Path) -> Iterator[Site]:
    """A deployment under gated policies."""
    (tmp_path / "policies.yaml").write_text(GATED)
    section = coordinator_section(tmp_path / "policies.yaml")
    made = Site(make_instance(run_coordinator=section, run_launcher=LAUNCHER), tmp_path)
    yield made
    made.close()


def key(name: str) -> dg.AssetKey:
    """The key of one part."""
    return dg.AssetKey(name)


def reason(world: World, run_id: str) -> str:
    """What the run's tags say."""
    return world.run(run_id).tags[tags.REASON]


def ledger_file(site: Site) -> Path:
    """The ledger of a deployment."""
    (file,) = (one for one in Path(site.instance.root_directory).rglob("*.db") if "ledger" in one.name)
    return file


def test_a_location_that_is_gone_no_longer_counts(site: Site) -> None:
    """Renamed, and with a check that it did not have: what the old name said of the asset is forgotten."""
    world = site.load(a_shop=RAW.replace("blocking=True", "blocking=False"), reports=REPORT)
    world.materialize("raw", check=False)
    first = submit_to(world, "reports", key("report"))
    assert first in world.pass_()
    world = site.load(b_shop=RAW, reports=REPORT)
    second = submit_to(world, "reports", key("report"))
    assert world.pass_() == []
    assert "`raw` failed `plausible`" in reason(world, second)


@pytest.mark.parametrize("restarted", [False, True])
def test_of_a_location_that_fails_to_load_what_was_known_counts(site: Site, restarted: bool) -> None:
    """Its checks go on to close gates: from memory, and after a restart of the daemon from the ledger."""
    world = site.load(shop=RAW, reports=REPORT)
    world.materialize("raw", check=False)
    world.pass_()
    if restarted:
        site.restart()
    world = site.load(shop=BROKEN, reports=REPORT)
    gated = submit_to(world, "reports", key("report"))
    innocent = submit_to(world, "reports", key("innocent"))
    assert world.pass_() == [innocent]
    assert "`raw` failed `plausible`" in reason(world, gated)


def test_a_gated_run_waits_while_the_location_of_what_it_reads_was_never_known(site: Site) -> None:
    """It says so; a run without gates goes, and so does the gated one once the location has loaded."""
    world = site.load(shop=BROKEN, reports=REPORT)
    gated = submit_to(world, "reports", key("report"))
    whole = submit_to(world, "reports", job="daily")
    innocent = submit_to(world, "reports", key("innocent"))
    assert world.pass_() == [innocent]
    for run_id in (gated, whole):
        assert reason(world, run_id).startswith(
            "inputs_unknown: what it reads is not known: no code location"
        )
        assert "`raw`" in reason(world, run_id)
    world = site.load(shop=RAW, reports=REPORT)
    world.materialize("raw", check=True)
    assert set(world.pass_()) == {gated, whole}


def test_a_gated_run_of_an_asset_that_the_daemon_does_not_know_yet_waits(site: Site) -> None:
    """The webserver has loaded the new code, the daemon has not: the policy is that of the submission."""
    with workspace_of(site.instance, site.folder, {"shop": RAW, "reports": INNOCENT}) as older:
        world = site.load(shop=RAW, reports=REPORT)
        gated = submit_to(world, "reports", key("report"))
        whole = submit_to(world, "reports", job="daily")
        behind = World(site.instance, older.create_request_context(), older, site.policies)
        assert behind.pass_() == []
        assert behind.run(gated).tags[tags.POLICY] == "report"
        assert "what it reads is not known: no code location" in reason(behind, gated)
        assert "`daily`" in reason(behind, whole)


def test_the_policy_that_a_submitter_names_is_not_believed(site: Site) -> None:
    """Not even for an asset of which nothing is known."""
    world = site.load(reports=REPORT)
    run_id = submit_to(world, "reports", key("nobody"), adaptive__policy="report")
    assert world.run(run_id).tags[tags.POLICY] == "default"


@pytest.mark.parametrize("damage", ["deleted", "replaced", "damaged"])
def test_without_the_ledger_the_daemon_knows_its_own_workspace(site: Site, damage: str) -> None:
    """A new gated asset, after a restart of the daemon, waits for the check that failed."""
    world = site.load(shop=RAW, reports=INNOCENT)
    world.materialize("raw", check=False)
    world.pass_()
    site.restart()
    file = ledger_file(site)
    for one in file.parent.glob(f"{file.name}*"):
        one.unlink()
    if damage == "replaced":
        Ledger.open(sqlite_ledger_url(file.parent)).dispose()
    elif damage == "damaged":
        file.write_bytes(b"garbage" * 999)
    world = site.load(shop=RAW, reports=REPORT)
    run_id = submit_to(world, "reports", key("report"))
    assert world.pass_() == []
    assert "`raw` failed `plausible`" in reason(world, run_id)


def test_a_location_that_takes_long_to_load_delays_nobody(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it loads, passes go on and runs of other locations start; what it was counts meanwhile."""
    world = site.load(shop=RAW, reports=REPORT)
    world.materialize("raw", check=False)
    door, load = threading.Event(), InProcessCodeLocationOrigin.create_location

    def slow(origin: InProcessCodeLocationOrigin, instance: dg.DagsterInstance) -> Any:
        door.wait(60)
        return load(origin, instance)

    monkeypatch.setattr(InProcessCodeLocationOrigin, "create_location", slow)
    loading = threading.Thread(target=world.process_context.refresh_code_location, args=("shop",))
    loading.start()
    try:
        gated = submit_to(world, "reports", key("report"))
        innocent = submit_to(world, "reports", key("innocent"))
        assert world.pass_() == [innocent]
        assert "`raw` failed `plausible`" in reason(world, gated)
        assert loading.is_alive()
    finally:
        door.set()
        loading.join()


LOAD = "import dagster as dg\n{}\ndefs = dg.Definitions([{}])\n"
TWICE = {
    "a_names_it": LOAD.format('@dg.asset(deps=["both"])\ndef reader(): ...', "reader"),
    "b_has_it": LOAD.format("", 'dg.AssetSpec("both", deps=["x"], group_name="b")'),
    "c_observes_it": LOAD.format(
        '@dg.observable_source_asset(group_name="c")\ndef both(): return dg.DataVersion("1")', "both"
    ),
    "d_makes_it": LOAD.format('@dg.asset(group_name="d", deps=["y"])\ndef both(): ...', "both"),
    "e_makes_it_too": LOAD.format('@dg.asset(group_name="e", deps=["z"])\ndef both(): ...', "both"),
}


@pytest.mark.parametrize("first", range(len(TWICE)))
def test_of_two_locations_with_one_asset_it_is_the_one_that_dagster_takes(
    instance_sqlite: dg.DagsterInstance, tmp_path: Path, first: int
) -> None:
    """Location, group, lineage and kind are those of Dagster's graph of the workspace."""
    codes = dict(reversed(list(TWICE.items())[: first + 1]))
    with workspace_of(instance_sqlite, tmp_path, codes) as process:
        context = process.create_request_context()
        entries = context.get_code_location_entries()
        found = merged(
            {name: catalogue_of(one.code_location) for name, one in entries.items() if one.code_location}
        )
        for node in context.asset_graph.asset_nodes:
            facts = found.assets[text_of(node.key)]
            taken = node.resolve_to_singular_repo_scoped_node().repository_handle.location_name
            assert (facts.location, facts.group) == (taken, node.group_name)
            assert set(facts.parents) == {text_of(parent) for parent in node.parent_keys}
            assert facts.materializable == node.is_materializable
            assert {check.name for check in facts.checks} == {check.name for check in node.check_keys}
        assert found.assets.keys() == {text_of(node.key) for node in context.asset_graph.asset_nodes}


def test_an_asset_that_cannot_be_read_concerns_its_own_runs_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are governed by the default; the fault names the asset and says what to do."""
    read = catalogues.facts_of_asset

    def fails(node: Any, *more: Any) -> AssetFacts:
        if node.key == key("raw"):
            raise OverflowError("too far in the future")
        return read(node, *more)

    monkeypatch.setattr(catalogues, "facts_of_asset", fails)
    world = site.load(shop=RAW, reports=REPORT)
    runs = {submit_to(world, "shop", key("raw")), submit_to(world, "reports", key("innocent"))}
    gated = submit_to(world, "reports", key("report"))
    assert set(world.pass_()) == runs
    assert "`raw`" in reason(world, gated)
    (fault,) = world.daemon_errors()
    assert "the asset `raw` of the code location `shop` cannot be read" in fault
    assert "mend its definition" in fault


def test_a_new_asset_that_two_policies_select_takes_no_policy_away(site: Site) -> None:
    """The book in force goes on: the first policy governs that asset, and the fault names it by line."""
    site.policies.write_text(
        GATED + "  - {name: all, select: 'group:default and not key:report',"
        " estimate: {cpu: 0, memory: 1MiB}}\n"
        "  - {name: more, select: 'key:\"new*\"'}\n"
    )
    world = site.load(reports=REPORT)
    world.pass_()
    world = site.load(
        reports=REPORT.replace("innocent():", "newest(): ...\n@dg.asset\ndef innocent():").replace(
            "[report,", "[report, newest,"
        )
    )
    runs = {name: submit_to(world, "reports", key(name)) for name in ("newest", "innocent", "report")}
    assert {runs["newest"], runs["innocent"]} <= set(world.pass_())
    found = {name: world.run(run_id).tags[tags.POLICY] for name, run_id in runs.items()}
    assert found == {"newest": "all", "innocent": "all", "report": "report"}
    (fault,) = world.daemon_errors()
    assert "`more` and `all` both select the asset `newest`" in fault
    assert "All else in the policy book goes on" in fault


def test_a_ledger_that_lacks_a_catalogue_gets_it_again(
    tmp_path: Path, instance_sqlite: dg.DagsterInstance
) -> None:
    """Within a minute, as after it was replaced; while it has it, nothing is written."""
    ledger = Ledger.open(f"sqlite:///{tmp_path}/one.db")
    store = CatalogueStore(ledger)
    with workspace_of(instance_sqlite, tmp_path, {"shop": RAW}) as process:
        store.of(process.create_request_context().get_code_location_entries())
        store.publish(0.0)
        assert list(ledger.catalogue_digests()) == ["shop"]
        ledger.record_catalogue(
            at=1.0, location="shop", digest=Catalogue().digest, body=Catalogue().to_json()
        )
        store.publish(AGAIN_S - 1)
        assert ledger.catalogue_digests() == {"shop": Catalogue().digest}
        store.publish(AGAIN_S)
        assert ledger.catalogue_digests()["shop"] != Catalogue().digest
    ledger.dispose()


def test_two_processes_that_publish_at_once_leave_both(
    tmp_path: Path, instance_sqlite: dg.DagsterInstance
) -> None:
    """And the daemon, which has all locations, puts those out of force that are gone."""
    ledgers = [Ledger.open(f"sqlite:///{tmp_path}/one.db") for _ in range(4)]
    ready = threading.Barrier(len(ledgers))

    def publish(place: int) -> None:
        store = CatalogueStore(ledgers[place])
        with workspace_of(instance_sqlite, folders[place], {f"shop{place}": RAW}) as process:
            store.of(process.create_request_context().get_code_location_entries())
            ready.wait()
            store.publish(0.0)

    folders = [tmp_path / str(place) for place in range(len(ledgers))]
    for folder in folders:
        folder.mkdir()
    threads = [threading.Thread(target=publish, args=(place,)) for place in range(len(ledgers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ledgers[0].catalogue_digests()) == ["shop0", "shop1", "shop2", "shop3"]
    daemon = CatalogueStore(ledgers[0])
    with workspace_of(instance_sqlite, tmp_path, {"shop0": RAW, "shop1": BROKEN}) as process:
        daemon.of(process.create_request_context().get_code_location_entries())
        assert "raw" in daemon.recall(0.0).assets
        daemon.publish(0.0, whole=True)
    digests = ledgers[0].catalogue_digests()
    assert {name for name, digest in digests.items() if digest == Catalogue().digest} == {"shop2", "shop3"}
    for ledger in ledgers:
        ledger.dispose()


DAILY = """
import dagster as dg
@dg.asset
def shop_window(): ...
daily = dg.define_asset_job("daily", ["shop_window"])
defs = dg.Definitions(assets=[shop_window], jobs=[daily])
"""


def test_jobs_of_one_name_in_two_locations_make_each_its_own_assets(site: Site) -> None:
    """The gates of what one of them makes do not hold the other up."""
    world = site.load(raw=RAW, reports=REPORT, windows=DAILY)
    world.materialize("raw", check=False)
    gated, innocent = (submit_to(world, location, job="daily") for location in ("reports", "windows"))
    assert world.pass_() == [innocent]
    assert world.run(gated).tags[tags.POLICY] == "report"
    assert world.run(innocent).tags[tags.POLICY] == "default"


def test_two_locations_may_make_one_asset_by_jobs_of_one_name(site: Site) -> None:
    """Dagster takes the asset to be the first one's; the other one's job makes it all the same."""
    world = site.load(a_reports=REPORT, raw=RAW, z_reports=REPORT)
    world.materialize("raw", check=False)
    runs = [submit_to(world, location, job="daily") for location in ("a_reports", "z_reports")]
    assert world.pass_() == []
    assert [world.run(run_id).tags[tags.POLICY] for run_id in runs] == ["report", "report"]


def test_a_job_of_a_location_that_was_renamed_still_waits_for_its_data(site: Site) -> None:
    """Nothing is known of the old one: the run is taken to make what a job of its name makes elsewhere."""
    world = site.load(raw=RAW, a_reports=REPORT)
    world.materialize("raw", check=False)
    run_id = submit_to(world, "a_reports", job="daily")
    world = site.load(raw=RAW, b_reports=REPORT)
    assert world.pass_() == []
    assert "`raw` failed `plausible`" in reason(world, run_id)
