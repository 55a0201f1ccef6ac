"""Automation conditions on the readiness of data, evaluated per partition and by the gates' own rules."""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self, get_args

import dagster as dg
from typing_extensions import override

from adaptive_assets.assets.asset_keys import key_of, text_of
from adaptive_assets.assets.check_states import CONTRACT
from adaptive_assets.assets.inputs import Input
from adaptive_assets.assets.tick_states import at_tick
from adaptive_assets.dagster_compat.automation import (
    AssetGraphView,
    Subset,
    blocking_checks,
    narrowed,
    parents_of,
    partitions_in,
    read_by,
)
from adaptive_assets.planning.gating import not_ready
from adaptive_assets.planning.snapshot import DataState, QueuedRun, Snapshot, Work
from adaptive_assets.policy import Gates

Accepted = Literal["pass", "warn"]
Partitions = frozenset[str | None]

_NOTHING: Final = Work(name="", policy="")


def inputs_ready(
    *, fresh: Accepted | None = "pass", checks: Accepted | None = "pass", accept_degraded: bool = True
) -> dg.AutomationCondition[dg.AssetKey]:
    """True for each partition of the asset of which all that it would read is ready.

    What it would read are the partitions of its parents by Dagster's partition mappings, without those that
    it makes itself. The rules are those of a policy's gates: a version is there, it is fresh enough, and it
    has passed each of its blocking checks. *Not evaluated* is not ready. What reads nothing is ready.

    Args:
        fresh: The worst freshness that is accepted; ``None``: any.
        checks: The worst outcome of blocking checks that is accepted; ``None``: any.
        accept_degraded: Whether data that was made in a mode below full will do.

    Raises:
        dagster.DagsterInvalidDefinitionError: an argument is none of those values, or nothing is asked for.
    """
    asked = {"fresh": fresh, "checks": checks}
    for name, value in asked.items():
        if value is not None:
            _check("inputs_ready", name, value)
    if fresh is None and checks is None and accept_degraded:
        raise dg.DagsterInvalidDefinitionError(
            "`inputs_ready(fresh=None, checks=None)` asks for nothing: give `fresh` or `checks`, or use"
            " `~AutomationCondition.any_deps_missing()`"
        )
    differs: dict[str, Any] = {name: value for name, value in asked.items() if value != "pass"}
    if not accept_degraded:
        differs["accept_degraded"] = False
    gates = Gates.model_validate({**asked, "accept_degraded": bool(accept_degraded)})
    return _InputsReady(_named("inputs_ready", differs), "All that it would read is ready", gates)


def checks_passed(*, accept: Accepted = "pass") -> dg.AutomationCondition[dg.AssetKey]:
    """True for each partition whose latest version has passed the blocking checks of the asset.

    With ``accept="warn"`` failures of severity WARN count as passed. *Not evaluated* is not passed. A version
    of an asset without blocking checks has passed; a partition without a version has not.

    Raises:
        dagster.DagsterInvalidDefinitionError: ``accept`` is neither ``pass`` nor ``warn``.
    """
    _check("checks_passed", "accept", accept)
    name = _named("checks_passed", {} if accept == "pass" else {"accept": accept})
    gates = Gates.model_validate({"checks": accept})
    return _Latest(name, "Its latest version has passed the blocking checks", gates)


def contract_kept() -> dg.AutomationCondition[dg.AssetKey]:
    """True for each partition whose latest version has passed the blocking checks that hold it to a contract.

    Those are the checks with the metadata ``adaptive/contract``, such as `pandera_checks` makes. Of an asset
    that another code location makes it is not known here which they are: there all blocking checks count.
    """
    gates = Gates.model_validate({"checks": "pass"})
    return _Latest("contract_kept", "Its latest version keeps its contract", gates, of_contract=True)


def not_degraded() -> dg.AutomationCondition[dg.AssetKey]:
    """True for each partition of which there is a version, and the latest one was made in full."""
    gates = Gates.model_validate({"accept_degraded": False})
    return _Latest("not_degraded", "Its latest version was made in full", gates)


@dataclass(frozen=True)
class _OfData(dg.AutomationCondition[dg.AssetKey]):
    """A condition that the project's own code evaluates; it keeps nothing from tick to tick."""

    title: str
    says: str
    gates: Gates
    label: str | None = None

    @property
    @override
    def requires_cursor(self) -> bool:
        return False

    @property
    @override
    def name(self) -> str:
        return self.title

    @property
    @override
    def description(self) -> str:
        return self.says

    @override
    def get_label(self) -> str | None:
        return self.label

    def with_label(self, label: str | None) -> Self:
        """The same condition under a name of the user's own."""
        return replace(self, label=label)

    @override
    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:
        candidates = context.candidate_subset
        key: object = candidates.key
        if not isinstance(key, dg.AssetKey):
            raise dg.DagsterInvalidDefinitionError(
                f"`{self.title}` is a condition of assets, and stands on {key}: put it on an asset"
            )
        view = context.asset_graph_view
        ready = Partitions() if candidates.is_empty else self._ready(view, candidates)
        return dg.AutomationResult(context, narrowed(view, candidates, ready))

    @abstractmethod
    def _ready(self, view: AssetGraphView, candidates: Subset) -> Partitions:
        """Those of the candidates' partitions of which the condition is true."""

    def _open(self, view: AssetGraphView, inputs: Collection[Input]) -> frozenset[str]:
        """The keys of the inputs of which no gate is closed."""
        tick = at_tick(view)
        states = {key: self._seen(view, state) for key, state in tick.of(view, inputs).items()}
        snapshot = Snapshot(at=tick.now, data=states)
        return frozenset(key for key in states if not not_ready(self.gates, _reader(key), snapshot))

    def _seen(self, view: AssetGraphView, state: DataState) -> DataState:
        """What of a state the condition looks at."""
        del view
        return state


@dataclass(frozen=True)
class _Latest(_OfData):
    """A condition of the latest version of the asset itself."""

    of_contract: bool = False

    @override
    def _ready(self, view: AssetGraphView, candidates: Subset) -> Partitions:
        inputs = _inputs(candidates.key, partitions_in(candidates))
        is_open = self._open(view, inputs.values())
        return Partitions(partition for partition, each in inputs.items() if each.key in is_open)

    @override
    def _seen(self, view: AssetGraphView, state: DataState) -> DataState:
        if not self.of_contract:
            return state
        known = blocking_checks(view, key_of(state.asset))
        others = {name for name, metadata in known.items() if CONTRACT not in metadata}
        return replace(state, outcomes=tuple(one for one in state.outcomes if one.check not in others))


@dataclass(frozen=True)
class _InputsReady(_OfData):
    """A condition of the versions that a partition would read."""

    @override
    def _ready(self, view: AssetGraphView, candidates: Subset) -> Partitions:
        ready = partitions_in(candidates)
        for parent in parents_of(view, candidates.key):
            ready &= self._ready_of(view, narrowed(view, candidates, ready), parent)
        return ready

    def _ready_of(self, view: AssetGraphView, candidates: Subset, parent: dg.AssetKey) -> Partitions:
        """The partitions of which what they read of one parent is ready."""
        wanted = partitions_in(candidates)
        if not wanted:
            return wanted
        read, absent = read_by(view, candidates, parent)
        inputs = _inputs(parent, partitions_in(read))
        is_open = self._open(view, inputs.values())
        closed = {partition for partition, each in inputs.items() if each.key not in is_open}
        if not closed and absent.is_empty:  # mostly: then no partition has to be mapped by itself
            return wanted
        return Partitions(one for one in wanted if self._reads_none(view, candidates, one, parent, closed))

    def _reads_none(
        self,
        view: AssetGraphView,
        candidates: Subset,
        partition: str | None,
        parent: dg.AssetKey,
        closed: Collection[str | None],
    ) -> bool:
        """Whether it reads none of the ``closed`` partitions of ``parent``, and none that does not exist."""
        read, absent = read_by(view, narrowed(view, candidates, {partition}), parent)
        own = {partition} if parent == candidates.key else set()
        return absent.is_empty and not (partitions_in(read) - own) & set(closed)


def _inputs(asset: dg.AssetKey, partitions: Partitions) -> Mapping[str | None, Input]:
    """Each partition as an input of its own, so that partitions that share some share the reading."""
    text = text_of(asset)
    return {one: Input(text, None if one is None else (str(one),)) for one in partitions}


def _reader(key: str) -> QueuedRun:
    return QueuedRun(run_id="", work=_NOTHING, submitted_at=0.0, inputs=(key,))


def _check(condition: str, name: str, value: object) -> None:
    if value not in get_args(Accepted):
        raise dg.DagsterInvalidDefinitionError(
            f"`{condition}({name}={value!r})`: `{name}` is `pass` or `warn`, the worst that is accepted"
        )


def _named(condition: str, differs: Mapping[str, Any]) -> str:
    if not differs:
        return condition
    return f"{condition}({', '.join(f'{name}={value}' for name, value in differs.items())})"
