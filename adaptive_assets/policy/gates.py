"""Gates: the conditions that a policy puts on the data that a run reads."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    StrictBool,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from adaptive_assets.policy.fields import Duration, Text
from adaptive_assets.policy.suggesting import did_you_mean
from adaptive_assets.policy.text import quoted
from adaptive_assets.policy.units import UnitError
from adaptive_assets.policy.values import MOST_LISTED, PolicyValue

OUTCOMES: Final = ("pass", "warn")
"""The worst outcome of a check that a gate can accept."""


def _check_name(value: object) -> object:
    """Refuses what YAML reads of ``asset: check``, with a space."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((asset, check),) = value.items()
        written = f"{asset}:{check}"
        raise UnitError(
            f"`{quoted(f'{asset}: {check}')}` is a mapping and no name of a check",
            f"write `{quoted(written)}`, without a space",
        )
    return value


CheckName = Annotated[Text, BeforeValidator(_check_name)]
"""A check: ``contract`` of whatever asset, or ``orders:contract`` of one, as Dagster writes it."""


def of_asset(name: str) -> tuple[str | None, str]:
    """The asset and the check of a :data:`CheckName`; no asset where it speaks of all."""
    asset, colon, check = name.rpartition(":")
    return (asset if colon else None), check


def _in_one_list(excepted: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
    """Refuses a name that stands in both lists."""
    only = info.data.get("only") or ()
    if both := [name for name in excepted or () if name in only]:
        raise UnitError(f"`{quoted(both[0])}` stands in `only` and in `except`", "name it in one of them")
    return excepted


class ChecksGate(PolicyValue):
    """Which blocking checks a run waits for, and what they must say."""

    accept: Literal["pass", "warn"] = "pass"
    """The worst outcome that is accepted; `warn` lets failures of severity WARN by."""
    only: Annotated[tuple[CheckName, ...], Field(min_length=1, max_length=MOST_LISTED)] | None = None
    """The checks that count, as `check` or `asset:check`; without it, all."""
    except_: Annotated[tuple[CheckName, ...], Field(min_length=1, max_length=MOST_LISTED)] | None = Field(
        default=None, validation_alias="except", serialization_alias="except"
    )
    """The checks that do not count."""

    def asks_for(self, asset: str, check: str) -> bool:
        """Whether that check of that asset counts; one whose name is not known does."""
        if not check:
            return True
        names = (check, f"{asset}:{check}")
        counts = self.only is None or any(name in self.only for name in names)
        return counts and not any(name in (self.except_ or ()) for name in names)

    @field_validator("except_")
    @classmethod
    def _apart(cls, excepted: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        return _in_one_list(excepted, info)

    @model_serializer(mode="wrap")
    def _in_short(self, plain: SerializerFunctionWrapHandler) -> Any:
        """The way in which it is written where it speaks of all checks."""
        return self.accept if self.only is None and self.except_ is None else plain(self)


class UpstreamsGate(PolicyValue):
    """Which of the assets that a run reads it waits for."""

    only: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MOST_LISTED)] | None = None
    """The assets, by key, that it waits for; without it, all that it reads."""
    except_: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MOST_LISTED)] | None = Field(
        default=None, validation_alias="except", serialization_alias="except"
    )
    """The assets that it reads as they are."""

    def waits_for(self, asset: str) -> bool:
        """Whether the state of that asset matters."""
        named = self.only is None or asset in self.only
        return named and (self.except_ is None or asset not in self.except_)

    @field_validator("except_")
    @classmethod
    def _apart(cls, excepted: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        return _in_one_list(excepted, info)


def _checks(value: object) -> object:
    """``pass`` is short for ``{accept: pass}``."""
    if value is None or isinstance(value, ChecksGate | Mapping):
        return value
    if isinstance(value, str) and value in OUTCOMES:
        return {"accept": value}
    written = "[...]" if isinstance(value, list | tuple) else str(value)
    written = written.lower() if isinstance(value, bool) else written
    hint = did_you_mean(str(value), OUTCOMES, "write", conjunction="or")
    raise UnitError(f"`checks` cannot be `{quoted(written)}`", hint)


class Gates(PolicyValue):
    """Conditions on the data that a run reads; what is not given is not asked for."""

    fresh: Literal["pass", "warn"] | None = None
    """The worst freshness that is accepted."""
    checks: Annotated[ChecksGate | None, BeforeValidator(_checks)] = None
    """The worst outcome of the blocking checks that is accepted, `pass` or `warn`, or which checks count."""
    upstreams: UpstreamsGate | None = None
    """Which of the assets that it reads it waits for; without it, all."""
    accept_degraded: StrictBool = True
    """Whether data that was made in a mode below full will do."""
    wait_at_most: Duration | None = None
    """How long a run waits for its gates; without it, for as long as it takes."""
    then: Literal["degrade", "launch", "fail"] | None = Field(default=None, validate_default=True)
    """What becomes of a run that has waited that long."""

    @property
    def any_given(self) -> bool:
        """Whether there is a condition at all: without one a run reads whatever is there."""
        return self.fresh is not None or self.checks is not None or not self.accept_degraded

    def waits_for(self, asset: str) -> bool:
        """Whether the state of that asset, by key, matters to a run that reads it."""
        return self.upstreams is None or self.upstreams.waits_for(asset)

    @field_validator("then")
    @classmethod
    def _goes_with_wait_at_most(cls, then: str | None, info: ValidationInfo) -> str | None:
        if "wait_at_most" in info.data and (info.data["wait_at_most"] is None) != (then is None):
            if then is None:
                raise UnitError(
                    "`wait_at_most` does not say what happens then", "add `then: degrade`, `launch` or `fail`"
                )
            raise UnitError(
                f"`then: {then}` does not say when", "add how long to wait, such as `wait_at_most: 10m`"
            )
        return then
