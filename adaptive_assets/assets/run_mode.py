"""The mode that a run was told to work in, as an asset's own code sees it.

The coordinator writes the mode, its parameters and the reason into the run's tags before the run is
launched. An asset takes the `RunMode` resource and acts on what it says::

    @dg.asset
    def delay_model(context: dg.AssetExecutionContext, run_mode: RunMode, training_set: pl.DataFrame):
        mode = run_mode.read(context)
        if mode.is_last_good:
            return run_mode.last_good(context)
        return fit(training_set.sample(fraction=mode.get("sample", 1.0)))
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import dagster as dg
from pydantic import Field, field_validator

from adaptive_assets.assets import tags
from adaptive_assets.policy.text import quoted

_LONGEST_MODE: Final = 200
_LONGEST_PARAMETERS: Final = 65_536
_LONGEST_STAMP: Final = 1_000
_DEEPEST: Final = 10
"""Levels of lists and objects; Dagster's configuration fails without a sentence on some hundreds."""
_QUOTED: Final = 100
"""Characters. Anybody may tag a run, and what is stamped or told is kept in the event log."""

PARAMETERS: Final = tags.plain(tags.MODE_PARAMETERS)
"""The rung's parameters, where people set the mode by hand, and in the stamp."""

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
    inputs_degraded: str = ""
    """What the run reads that was made in a mode below full, as a JSON object of modes; empty for nothing."""

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
    """Tells an asset which mode its run is in. ``adapt()`` provides it under the key ``run_mode``."""

    untagged_mode: str = tags.FULL
    """The mode of runs that nobody decided about; a rung's name makes a developer's own runs cheap."""
    untagged_parameters: dict[str, Any] = Field(default_factory=dict)
    """The parameters of that mode."""

    @field_validator("untagged_parameters", mode="before")
    @classmethod
    def _shallow(cls, parameters: Any) -> Any:
        if isinstance(parameters, Mapping):
            for name, value in parameters.items():
                if _depth_exceeds(value, _DEEPEST):
                    raise ValueError(
                        f"the parameter `{quoted(str(name), _QUOTED)}` has more than {_DEEPEST} levels of "
                        "lists and objects: write a plain value, such as `0.25`"
                    )
        return parameters

    def read(self, context: Context) -> Mode:
        """The mode of the run, which is also stamped on every materialization that the step makes.

        A run without our tags (from before the coordinator was installed, or in another deployment) has the
        mode ``untagged_mode``. The stamp is the metadata ``adaptive/mode`` with ``adaptive/mode_parameters``,
        ``adaptive/reason``, ``adaptive/decision`` and ``adaptive/inputs_degraded`` where there are any. Of an
        asset that is a graph of ops, the op that makes the output has to read it, for the stamp to get there.

        Raises:
            dagster.Failure: A tag is malformed; the message names the tag, its value and what would be right.
        """
        run_tags = _run_tags(context)
        told = tags.MODE in run_tags or tags.ADMISSION in run_tags
        mode = mode_of(run_tags) if told else self._untagged(run_tags)
        _stamp(context, mode)
        return mode

    def last_good(self, context: dg.AssetExecutionContext, asset_key: dg.AssetKey | None = None) -> Any:
        """The last good version of the asset (and partition) that the step makes, to be returned as it is.

        From `FrameIOManager` that is the newest stored version whose checks were all evaluated, none that
        blocks having failed; from any other IO manager it is what that has stored.

        Raises:
            dagster.Failure: There is none; or the step makes several assets and ``asset_key`` is not given.
        """
        from adaptive_assets.assets.io_manager import load_last_good

        return load_last_good(context, asset_key)

    def _untagged(self, run_tags: Mapping[str, str]) -> Mode:
        return Mode(
            self.untagged_mode,
            MappingProxyType(dict(self.untagged_parameters)),
            *_verdict(run_tags),
        )


def mode_of(run_tags: Mapping[str, str]) -> Mode:
    """The mode that a run's tags say; ``full`` without any.

    Raises:
        dagster.Failure: ``adaptive/mode`` is no name, or ``adaptive/mode_parameters`` no flat JSON object or
            too long. The run is not done in full instead: whoever wrote the tag meant that it should not be.
    """
    name = run_tags.get(tags.MODE, tags.FULL).strip()
    if not name or not name.isprintable() or len(name) > _LONGEST_MODE:
        raise _malformed(tags.MODE, run_tags[tags.MODE], "the name of a mode, such as `full` or `last_good`")
    return Mode(
        name,
        _parameters(tags.read(run_tags, tags.MODE_PARAMETERS)),
        *_verdict(run_tags),
    )


def _verdict(run_tags: Mapping[str, str]) -> tuple[str, str | None, str]:
    """The reason, the decision and the degraded inputs, if anybody decided about the run."""
    reason, decision = tags.read(run_tags, tags.LAUNCH_REASON), tags.read(run_tags, tags.DECISION)
    return reason or "", decision, run_tags.get(tags.INPUTS_DEGRADED, "")


def _parameters(text: str | None) -> Mapping[str, Any]:
    right = 'a JSON object of plain values, such as `{"sample": 0.25}`'
    if text is None:
        return MappingProxyType({})
    if len(text) > _LONGEST_PARAMETERS:
        raise _malformed(PARAMETERS, text, f"{right}, of at most {_LONGEST_PARAMETERS:,} characters")
    try:
        parameters = json.loads(text)
    except (ValueError, RecursionError):
        # Not told as a cause: a traceback through a thousand levels of JSON helps nobody.
        raise _malformed(PARAMETERS, text, right) from None
    if not isinstance(parameters, dict) or any(isinstance(v, dict | list) for v in parameters.values()):
        raise _malformed(PARAMETERS, text, right)
    return MappingProxyType(parameters)


def _depth_exceeds(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested deeper than that; what is deeper still is not looked at."""
    if not isinstance(value, Mapping | list | tuple):
        return False
    below = value.values() if isinstance(value, Mapping) else value
    return levels == 0 or any(_depth_exceeds(each, levels - 1) for each in below)


def _malformed(tag: str, value: str, right: str) -> dg.Failure:
    # A retry would read the same tag: nothing but an edit of the tag can help.
    length = f" ({len(value):,} characters)" if len(value) > _QUOTED else ""
    return dg.Failure(
        f"The run tag `{tag}` is `{quoted(value, _QUOTED)}`{length}, which is not {right}. "
        "Run it again with the tag put right, or without any `adaptive/mode` tags.",
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
    if isinstance(context, dg.AssetCheckExecutionContext) or _is_direct_invocation(context):
        return
    if isinstance(context, dg.OpExecutionContext) and not context.has_assets_def:
        return
    stamp = {tags.MODE: mode.name}
    if mode.parameters:
        stamp[PARAMETERS] = json.dumps(dict(mode.parameters), sort_keys=True)
    if mode.reason:
        stamp[tags.REASON] = quoted(mode.reason, _LONGEST_STAMP)
    if mode.decision is not None:
        stamp[tags.plain(tags.DECISION)] = quoted(mode.decision, _LONGEST_STAMP)
    if mode.inputs_degraded:
        stamp[tags.plain(tags.INPUTS_DEGRADED)] = quoted(mode.inputs_degraded, _LONGEST_STAMP)
    # An op of a graph-backed asset has no method for this of its own.
    step = context.get_step_execution_context() if isinstance(context, dg.OpExecutionContext) else context
    for key in context.selected_asset_keys:
        step.add_asset_metadata(stamp, asset_key=key)
