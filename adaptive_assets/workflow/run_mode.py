"""The mode that a run was told to work in, as an asset's own code sees it.

The coordinator writes the mode, its parameters and the reason into the run's tags before the run is
launched.  An asset takes the `RunMode` resource and acts on what it says::

    @dg.asset
    def delay_model(context: dg.AssetExecutionContext, run_mode: RunMode, training_set: pl.DataFrame) -> Model:
        mode = run_mode.read(context)
        if mode.is_last_good:
            return run_mode.last_good(context)
        return fit(training_set.sample(fraction=mode.get("sample", 1.0)))
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import dagster as dg

from adaptive_assets.workflow import tags

__all__ = ["Mode", "RunMode"]

Context = dg.AssetExecutionContext | dg.OpExecutionContext | dg.AssetCheckExecutionContext


@dataclass(frozen=True, slots=True)
class Mode:
    """What a run was told to do: ``full``, a rung's name, or ``last_good``."""

    name: str = tags.FULL
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """The rung's parameters (``with:`` in the policy file); JSON scalars by name."""
    reason: str = ""
    """Code and sentence of the verdict that let the run go; empty for a run that nobody decided about."""
    decision: str | None = None
    """The ledger's id of that decision."""

    @property
    def is_full(self) -> bool:
        """True when nothing is to be left out."""
        return self.name == tags.FULL

    @property
    def is_last_good(self) -> bool:
        """True when the last good version is to be served instead of computing a new one."""
        return self.name == tags.LAST_GOOD

    def get(self, parameter: str, default: Any = None) -> Any:
        """Return one of the rung's parameters, or ``default`` where the rung does not set it."""
        return self.parameters.get(parameter, default)


class RunMode(dg.ConfigurableResource[None]):
    """Tells an asset which mode its run is in.  ``adapt()`` provides it under the key ``run_mode``."""

    def read(self, context: Context) -> Mode:
        """Return the mode of the run, and stamp it on every materialization that the step makes.

        A run without our tags (started by hand, or before the coordinator was installed) is ``full``.
        The stamp is the metadata ``adaptive/mode`` with ``adaptive/reason`` and ``adaptive/decision``
        where there are any.

        Raises:
            dagster.Failure: A tag is malformed; the message names the tag, its value and what would be right.
        """
        mode = mode_of(_run_tags(context))
        _stamp(context, mode)
        return mode

    def last_good(self, context: dg.AssetExecutionContext) -> Any:
        """Return the last good version of the asset (and partition) that the step materializes.

        With `FrameIOManager` that is the newest stored version whose blocking checks did not fail; with any
        other IO manager it is what the IO manager has stored.

        Raises:
            dagster.Failure: There is no such version, or the step makes more than one asset.
        """
        from adaptive_assets.workflow.io_manager import load_last_good

        return load_last_good(context)


def mode_of(run_tags: Mapping[str, str]) -> Mode:
    """Read the mode out of a run's tags.

    Raises:
        dagster.Failure: ``adaptive/mode`` is blank, or ``adaptive/mode_parameters`` is not a JSON object of scalars.
    """
    name = run_tags.get(tags.MODE, tags.FULL)
    if not name.strip():
        raise _malformed(tags.MODE, name, "the name of a mode, such as `full` or `last_good`")
    return Mode(
        name=name,
        parameters=_parameters(run_tags.get(tags.MODE_PARAMETERS)),
        reason=run_tags.get(tags.REASON, ""),
        decision=run_tags.get(tags.DECISION),
    )


def _parameters(text: str | None) -> Mapping[str, Any]:
    if text is None:
        return MappingProxyType({})
    try:
        parameters = json.loads(text)
    except ValueError:
        parameters = None
    if not isinstance(parameters, dict) or any(isinstance(v, dict | list) for v in parameters.values()):
        raise _malformed(
            tags.MODE_PARAMETERS, text, 'a JSON object of plain values, such as `{"sample": 0.25}`'
        )
    return MappingProxyType(parameters)


def _malformed(tag: str, value: str, right: str) -> dg.Failure:
    # A retry would read the same tag: nothing but an edit of the tag can help.
    return dg.Failure(
        f"The run tag `{tag}` has the value `{value}`, which is not {right}. "
        f"Re-execute the run with the tag corrected or removed (without it the run works in full).",
        allow_retries=False,
    )


def _is_direct_invocation(context: Context) -> bool:
    """True in a unit test that calls the asset's function itself with ``dg.build_asset_context()``."""
    try:
        _ = context.run
    except dg.DagsterError:
        return True
    return False


def _run_tags(context: Context) -> Mapping[str, str]:
    if not _is_direct_invocation(context):
        return context.run.tags
    op_context = context if isinstance(context, dg.OpExecutionContext) else context.op_execution_context
    return op_context.run_tags


def _stamp(context: Context, mode: Mode) -> None:
    if not isinstance(context, dg.AssetExecutionContext) or _is_direct_invocation(context):
        return
    stamp = {tags.MODE: mode.name}
    if mode.parameters:
        stamp[tags.MODE_PARAMETERS] = json.dumps(dict(mode.parameters), sort_keys=True)
    if mode.reason:
        stamp[tags.REASON] = mode.reason
    if mode.decision is not None:
        stamp[tags.DECISION] = mode.decision
    for key in context.selected_asset_keys:
        context.add_asset_metadata(stamp, asset_key=key)
