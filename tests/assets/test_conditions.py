"""Conditions on the readiness of data: true of a partition if, and only if, a gate would let its run go."""

import gc
from collections.abc import Collection, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState
from sqlalchemy import event
from sqlalchemy.engine import Engine
from typing_extensions import override

from adaptive_assets import adapt, checks_passed, contract_kept, inputs_ready, not_degraded
from adaptive_assets.assets import tick_states
from adaptive_assets.assets.input_states import InputStates
from adaptive_assets.assets.inputs import Input
from adaptive_assets.policy import Catalogue
from tests.data_events import evaluate, freshness, materialize

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
"""Dagster's own function that evaluates conditions uses what is in beta."""

When = dg.AutomationCondition[Any]

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-05")
YESTERDAY = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
D1, D2, D3, D4 = "2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"


def project(
    below: When,
    *,
    of: dg.PartitionsDefinition[Any] | None = None,
    read: dg.PartitionsDefinition[Any] | None = None,
    mapping: dg.PartitionMapping | None = None,
    policy: dg.FreshnessPolicy | None = None,
    contract: bool = False,
) -> dg.Definitions:
    """``above`` with the blocking checks ``sound`` and ``form``, and ``below`` with the condition."""
    above = dg.AssetSpec("above", partitions_def=read, freshness_policy=policy)

    @dg.multi_asset(specs=[above])
    def make() -> None: ...

    @dg.asset_check(asset="above", blocking=True)
    def sound() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset="above", blocking=True, metadata={"adaptive/contract": "Above"} if contract else {})
    def form() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.asset(
        name="below",
        partitions_def=of,
        deps=[dg.AssetDep("above", partition_mapping=mapping)],
        automation_condition=below,
    )
    def below_() -> None: ...

    return dg.Definitions(assets=[make, below_], asset_checks=[sound, form])


def wanted(defs: dg.Definitions, instance: dg.DagsterInstance) -> set[str | None]:
    """The partitions of ``below`` that a first tick asks for."""
    return set(
        dg.evaluate_automation_conditions(defs, instance).get_requested_partitions(dg.AssetKey("below"))
    )


def version(
    instance: dg.DagsterInstance,
    partition: str | None = None,
    *,
    fails: Iterable[str] = (),
    mode: str = "full",
) -> None:
    """A version of ``above`` of which both checks have been evaluated."""
    made = materialize(instance, "above", partition, mode)
    for check in ("sound", "form"):
        evaluate(instance, "above", check, check not in fails, of=made)


@pytest.mark.parametrize(
    "condition", [inputs_ready(), dg.AutomationCondition.all_deps_match(checks_passed())]
)
def test_without_partitions(instance: dg.DagsterInstance, condition: When) -> None:
    """Missing, not evaluated, failed, passed: on both databases."""
    defs = project(condition)
    assert wanted(defs, instance) == set()
    made = materialize(instance, "above")
    assert wanted(defs, instance) == set()
    evaluate(instance, "above", "sound", True, of=made)
    assert wanted(defs, instance) == set()
    evaluate(instance, "above", "form", False, of=made)
    assert wanted(defs, instance) == set()
    evaluate(instance, "above", "form", True, of=made)
    assert wanted(defs, instance) == {None}
    materialize(instance, "above")
    assert wanted(defs, instance) == set()


@pytest.mark.parametrize(
    "condition", [inputs_ready(), dg.AutomationCondition.all_deps_match(checks_passed())]
)
def test_each_partition_by_itself(instance: dg.DagsterInstance, condition: When) -> None:
    """A bad one holds back its own readers, and no others."""
    version(instance, D1)
    version(instance, D2, fails=["sound"])
    materialize(instance, "above", D3)
    assert wanted(project(condition, of=DAYS, read=DAYS), instance) == {D1}


def test_static_and_multi_dimensional_partitions(instance_sqlite: dg.DagsterInstance) -> None:
    """By identity, and by one of two dimensions."""
    colors = dg.StaticPartitionsDefinition(["blue", "red"])
    version(instance_sqlite, "red")
    assert wanted(project(inputs_ready(), of=colors, read=colors), instance_sqlite) == {"red"}
    both = dg.MultiPartitionsDefinition({"color": colors, "day": DAYS})
    found = wanted(project(inputs_ready(), of=both, read=colors), instance_sqlite)
    assert found == {f"red|{day}" for day in (D1, D2, D3, D4)}


def test_dynamic_partitions(instance_sqlite: dg.DagsterInstance) -> None:
    """Those that there are at the tick."""
    tenants = dg.DynamicPartitionsDefinition(name="tenants")
    defs = project(inputs_ready(), of=tenants, read=tenants)
    instance_sqlite.add_dynamic_partitions("tenants", ["ann", "bob"])
    version(instance_sqlite, "ann")
    version(instance_sqlite, "bob", fails=["form"])
    assert wanted(defs, instance_sqlite) == {"ann"}
    instance_sqlite.delete_dynamic_partition("tenants", "ann")
    assert wanted(defs, instance_sqlite) == set()


def test_several_partitions_are_read_whole(instance_sqlite: dg.DagsterInstance) -> None:
    """A window of two days is ready with both, and Dagster's own `all_deps_match` is content with one."""
    window = dg.TimeWindowPartitionMapping(start_offset=-1)
    for day in (D1, D2, D4):
        version(instance_sqlite, day)
    version(instance_sqlite, D3, fails=["sound"])
    of_any = dg.AutomationCondition.all_deps_match(checks_passed())
    of_all = ~dg.AutomationCondition.any_deps_match(~checks_passed())
    for condition, ready in ((inputs_ready(), {D1, D2}), (of_all, {D1, D2}), (of_any, {D1, D2, D3, D4})):
        defs = project(condition, of=DAYS, read=DAYS, mapping=window)
        assert wanted(defs, instance_sqlite) == ready


def test_partitions_that_its_parent_does_not_have(instance_sqlite: dg.DagsterInstance) -> None:
    """What it reads cannot be there before the first day of its parent."""
    later = dg.DailyPartitionsDefinition(D3, end_date="2024-01-05")
    version(instance_sqlite, D3)
    version(instance_sqlite, D4)
    assert wanted(project(inputs_ready(), of=DAYS, read=later), instance_sqlite) == {D3, D4}


def test_the_whole_of_a_partitioned_asset(instance_sqlite: dg.DagsterInstance) -> None:
    """An asset without partitions reads all of them."""
    defs = project(inputs_ready(), read=DAYS)
    for day in (D1, D2, D3):
        version(instance_sqlite, day)
    assert wanted(defs, instance_sqlite) == set()
    version(instance_sqlite, D4)
    assert wanted(defs, instance_sqlite) == {None}


def test_an_asset_that_reads_its_own_day_before(instance_sqlite: dg.DagsterInstance) -> None:
    """The day before must be good; its own version is no input. The first day reads nothing."""

    @dg.asset(
        name="below",
        partitions_def=DAYS,
        deps=[dg.AssetDep("below", partition_mapping=YESTERDAY)],
        automation_condition=inputs_ready(),
    )
    def chain() -> None: ...

    defs = dg.Definitions(assets=[chain])
    materialize(instance_sqlite, "below", D2)
    assert wanted(defs, instance_sqlite) == {D1, D3}


def test_what_reads_nothing_is_ready(instance_sqlite: dg.DagsterInstance) -> None:
    """There is nothing to wait for."""

    @dg.asset(automation_condition=inputs_ready())
    def below() -> None: ...

    assert wanted(dg.Definitions(assets=[below]), instance_sqlite) == {None}


def test_freshness(instance_sqlite: dg.DagsterInstance) -> None:
    """As the freshness daemon found it; not evaluated is not fresh."""
    policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=2), warn_window=timedelta(hours=1))
    strict = project(inputs_ready(), policy=policy)
    mild = project(inputs_ready(fresh="warn"), policy=policy)
    any_age = project(inputs_ready(fresh=None), policy=policy)
    version(instance_sqlite)
    assert [wanted(each, instance_sqlite) for each in (strict, mild, any_age)] == [set(), set(), {None}]
    for state, passes in {
        "WARN": (False, True, True),
        "FAIL": (False, False, True),
        "PASS": (True,) * 3,
    }.items():
        freshness(instance_sqlite, "above", FreshnessState(state))
        found = tuple(bool(wanted(each, instance_sqlite)) for each in (strict, mild, any_age))
        assert found == passes, state


def test_warnings(instance_sqlite: dg.DagsterInstance) -> None:
    """A failure of severity WARN is accepted where that is asked for."""
    made = materialize(instance_sqlite, "above")
    evaluate(instance_sqlite, "above", "form", True, of=made)
    evaluate(instance_sqlite, "above", "sound", False, of=made, severity=dg.AssetCheckSeverity.WARN)
    every = dg.AutomationCondition.all_deps_match
    for strict, mild in (
        (inputs_ready(), inputs_ready(checks="warn")),
        (every(checks_passed()), every(checks_passed(accept="warn"))),
    ):
        assert wanted(project(strict), instance_sqlite) == set()
        assert wanted(project(mild), instance_sqlite) == {None}


def test_degraded_versions(instance_sqlite: dg.DagsterInstance) -> None:
    """Per partition; a partition without a version is not `not degraded`."""
    version(instance_sqlite, D1)
    version(instance_sqlite, D2, mode="reduced")
    refused = inputs_ready(accept_degraded=False)
    assert wanted(project(refused, of=DAYS, read=DAYS), instance_sqlite) == {D1}
    assert wanted(project(inputs_ready(), of=DAYS, read=DAYS), instance_sqlite) == {D1, D2}
    of_deps = dg.AutomationCondition.all_deps_match(not_degraded())
    assert wanted(project(of_deps, of=DAYS, read=DAYS), instance_sqlite) == {D1}


def test_contracts(instance_sqlite: dg.DagsterInstance) -> None:
    """Only the checks that are a contract's count; without any, no contract is broken."""
    kept = dg.AutomationCondition.all_deps_match(contract_kept())
    version(instance_sqlite, fails=["sound"])
    assert wanted(project(kept, contract=True), instance_sqlite) == {None}
    assert wanted(project(kept), instance_sqlite) == {None}
    version(instance_sqlite, fails=["form"])
    assert wanted(project(kept, contract=True), instance_sqlite) == set()
    assert wanted(project(kept), instance_sqlite) == {None}


def test_with_dagsters_own(instance_sqlite: dg.DagsterInstance) -> None:
    """`eager() & inputs_ready()` asks once for each update of a parent, when the check has passed."""
    defs = project(dg.AutomationCondition.eager() & inputs_ready())
    cursor = None

    def tick() -> int:
        nonlocal cursor
        result = dg.evaluate_automation_conditions(defs, instance_sqlite, cursor=cursor)
        cursor = result.cursor
        return result.total_requested

    assert tick() == 0
    made = materialize(instance_sqlite, "above")
    assert tick() == 0  # updated, and not evaluated yet
    evaluate(instance_sqlite, "above", "sound", True, of=made)
    evaluate(instance_sqlite, "above", "form", True, of=made)
    assert tick() == 1  # the update is remembered until it is handled
    assert tick() == 0


def test_since(instance_sqlite: dg.DagsterInstance) -> None:
    """Whatever Dagster builds on conditions can be built on these: `newly_true()`, `since()`, labels."""
    newly = checks_passed().newly_true().since(~checks_passed())
    defs = project(dg.AutomationCondition.any_deps_match(newly.with_label("good again")))
    first = dg.evaluate_automation_conditions(defs, instance_sqlite)
    assert first.total_requested == 0
    version(instance_sqlite)
    second = dg.evaluate_automation_conditions(defs, instance_sqlite, cursor=first.cursor)
    assert second.total_requested == 1
    version(instance_sqlite, fails=["sound"])
    third = dg.evaluate_automation_conditions(defs, instance_sqlite, cursor=second.cursor)
    assert third.total_requested == 0


def test_how_they_show() -> None:
    """The page of an asset shows name, label and description; a snapshot of them is what Dagster stores."""
    shown = [
        (snapshot.node_snapshot.name, snapshot.node_snapshot.description)
        for snapshot in (
            each.get_snapshot()
            for each in (
                inputs_ready(),
                inputs_ready(fresh=None, checks="warn", accept_degraded=False),
                checks_passed(accept="warn"),
                contract_kept(),
                not_degraded(),
            )
        )
    ]
    assert shown == [
        ("inputs_ready", "All that it would read is ready"),
        ("inputs_ready(fresh=None, checks=warn, accept_degraded=False)", "All that it would read is ready"),
        ("checks_passed(accept=warn)", "Its latest version has passed the blocking checks"),
        ("contract_kept", "Its latest version keeps its contract"),
        ("not_degraded", "Its latest version was made in full"),
    ]
    unlike = {each.get_unique_id() for each in (inputs_ready(), inputs_ready(fresh="warn"), not_degraded())}
    assert len(unlike) == 3


def test_bad_arguments() -> None:
    """Each is named with what would be right."""
    with pytest.raises(
        dg.DagsterInvalidDefinitionError, match=r"inputs_ready\(fresh='fail'\)`: `fresh` is `pass`"
    ):
        inputs_ready(fresh="fail")  # type: ignore[arg-type]
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="`accept` is `pass` or `warn`"):
        checks_passed(accept=None)  # type: ignore[arg-type]
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="asks for nothing"):
        inputs_ready(fresh=None, checks=None)


def test_on_a_check_it_says_where_it_belongs(instance_sqlite: dg.DagsterInstance) -> None:
    """A check has no versions and reads nothing by mappings."""

    @dg.asset
    def above() -> None: ...

    @dg.asset_check(asset=above, automation_condition=inputs_ready())  # type: ignore[arg-type]
    def sound() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    defs = dg.Definitions(assets=[above], asset_checks=[sound])
    with pytest.raises(Exception, match="Error while evaluating") as raised:
        dg.evaluate_automation_conditions(defs, instance_sqlite)
    assert "`inputs_ready` is a condition of assets, and stands on" in str(raised.value.__cause__)


def test_adapted_they_are_evaluated_in_users_code(
    instance_sqlite: dg.DagsterInstance, tmp_path: Path
) -> None:
    """The sensor that `adapt()` makes for the policy asks for the ready partition in a real tick."""
    policies = tmp_path / "policies.yaml"
    policies.write_text("version: 1\npolicies:\n  - {name: lane, select: key:below}\n")
    plain = project(inputs_ready(), of=DAYS, read=DAYS)
    defs = adapt(plain, policies=policies)
    version(instance_sqlite, D2)
    (sensor,) = [each for each in defs.sensors or () if each.name == "adaptive_lane"]
    repository = defs.get_repository_def()
    with dg.build_sensor_context(instance_sqlite, repository_def=repository) as context:
        tick = sensor.evaluate_tick(context)
    (request,) = tick.run_requests or ()
    assert request.partition_key == D2
    assert request.asset_selection == [dg.AssetKey("below")]


def test_all_conditions_of_a_tick_see_the_same(
    instance_sqlite: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has been read is not read again in a tick, however many conditions look at it; nor is it kept."""
    gc.collect()
    before = len(tick_states._TICKS)
    asked: list[Input] = []

    class Counted(InputStates):
        @override
        def of(self, catalogue: Catalogue, inputs: Collection[Input], now: float) -> Any:
            asked.extend(inputs)
            return super().of(catalogue, inputs, now)

    monkeypatch.setattr("adaptive_assets.assets.tick_states.InputStates", Counted)
    every = dg.AutomationCondition.all_deps_match
    defs = project(inputs_ready() & every(checks_passed()) & every(not_degraded()), of=DAYS, read=DAYS)
    for day in (D1, D2):
        version(instance_sqlite, day)
    assert wanted(defs, instance_sqlite) == {D1, D2}
    assert sorted(each.label for each in asked) == [D1, D2, D3, D4]
    assert wanted(defs, instance_sqlite) == {D1, D2}
    assert len(asked) == 8
    gc.collect()
    assert len(tick_states._TICKS) - before <= 1, "Dagster itself holds on to the last tick"


def test_reads_do_not_grow_with_partitions(instance_sqlite: dg.DagsterInstance) -> None:
    """A tick makes as many queries for three hundred partitions as for ten."""

    def queries(number: int) -> int:
        parts = dg.StaticPartitionsDefinition([str(each) for each in range(number)])
        made: list[str] = []

        def note(*told: Any) -> None:
            made.append(told[2])

        event.listen(Engine, "before_cursor_execute", note)
        try:
            found = wanted(project(inputs_ready(), of=parts, read=parts), instance_sqlite)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        assert found == {"0", "2"}
        return len(made)

    version(instance_sqlite, "0")
    version(instance_sqlite, "1", fails=["form"])
    version(instance_sqlite, "2")
    assert queries(300) == queries(10)
