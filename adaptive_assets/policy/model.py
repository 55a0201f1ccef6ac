"""The policy book: what people want, as frozen values.

Durations are seconds, sizes bytes, CPU cores, shares fractions of one.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)
from typing_extensions import override

from adaptive_assets.policy.fields import (
    Cores,
    Duration,
    Hours,
    Name,
    Parameter,
    PositiveDuration,
    Share,
    Size,
    Text,
    TimeZone,
)
from adaptive_assets.policy.names import DEFAULT, Names, broken_names
from adaptive_assets.policy.places import Path, Place, Places
from adaptive_assets.policy.units import UnitError

FULL: Final = "full"
LAST_GOOD: Final = "last_good"
USUAL_TIER: Final = "standard"


class _Value(BaseModel):
    """What all of them share: frozen, and closed to unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
    )


class Tier(_Value):
    """A class of importance."""

    name: Name
    """What policies call it."""
    preempts: tuple[Name, ...] = ()
    """The lower tiers whose running work may be made to give way."""
    preemption: Literal["renice", "suspend", "requeue"] | None = None
    """The hardest way in which work of this tier may be made to give way."""


USUAL_TIERS: Final = (Tier(name="critical"), Tier(name=USUAL_TIER), Tier(name="batch"))


class PressureGuards(_Value):
    """Limits on Linux pressure stall information: the share of time in which some task stalled."""

    cpu: Share | None = None
    """Stalled for want of a CPU."""
    memory: Share | None = None
    """Stalled for want of memory."""
    io: Share | None = None
    """Stalled for want of input or output."""


class Guards(_Value):
    """Limits on the machine that admission respects."""

    cpu: Share = 0.85
    """The share of the CPU capacity that may be in use."""
    memory: Share = 0.80
    """The share of the memory capacity that may be in use."""
    pressure: PressureGuards = PressureGuards()
    """Limits on pressure; one that is absent does not limit."""
    concurrency: StrictInt | None = Field(default=None, ge=1)
    """How many runs may be active at once."""


class Estimate(_Value):
    """What one run takes, until runs have taught us better."""

    cpu: Cores | None = None
    """Cores in use at the peak."""
    memory: Size | None = None
    """Memory in use at the peak."""
    duration: PositiveDuration | None = None
    """From start to end."""


class Objective(_Value):
    """What is promised."""

    deadline: PositiveDuration | None = None
    """From the submission of a run to its end."""
    freshness: PositiveDuration | None = None
    """The greatest age of the data that readers may see."""


class Gates(_Value):
    """Conditions on the data that a run reads; what is not given is not asked for."""

    fresh: Literal["pass", "warn"] | None = None
    """The worst freshness that is accepted."""
    checks: Literal["pass", "warn"] | None = None
    """The worst outcome of the blocking checks that is accepted; `warn` lets failures of severity WARN by."""
    accept_degraded: StrictBool = True
    """Whether data that was made in a mode below full will do."""
    wait_at_most: Duration | None = None
    """How long a run waits for its gates; without it, for as long as it takes."""
    then: Literal["degrade", "launch", "fail"] | None = Field(default=None, validate_default=True)
    """What becomes of a run that has waited that long."""

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


class Rung(_Value):
    """One way to do less."""

    mode: Name
    """What the run is told to do; `last_good` serves the last good version instead of making a new one."""
    parameters: Mapping[Text, Parameter] = Field(
        default_factory=dict, validation_alias="with", serialization_alias="with"
    )
    """What the asset is told along with the mode."""
    estimate: Estimate | None = None
    """What one run takes in this mode."""

    @field_validator("mode")
    @classmethod
    def _does_less(cls, mode: str) -> str:
        if mode == FULL:
            raise UnitError(
                "`full` is no way to do less", "name the mode after what is left out, such as `reduced`"
            )
        return mode

    @field_validator("parameters")
    @classmethod
    def _none_for_last_good(cls, parameters: Mapping[str, Any], info: ValidationInfo) -> Mapping[str, Any]:
        if parameters and info.data.get("mode") == LAST_GOOD:
            raise UnitError("`last_good` makes nothing that parameters could change", "remove `with`")
        return parameters


class Window(_Value):
    """Hours in which work prefers to run."""

    prefer: Hours
    """The hours, on the clock of `timezone`; they may wrap midnight."""
    timezone: TimeZone
    """Whose clock."""
    latest: Duration | None = None
    """How long a run waits for the hours before it goes anyway; without it, for as long as it takes."""


class Policy(_Value):
    """What people want for a selection of assets, for jobs, or for runs with certain tags."""

    name: Name
    """What tags, reasons and the ledger call it."""
    select: Text | None = None
    """The assets, in Dagster's asset selection syntax."""
    jobs: tuple[Text, ...] = ()
    """The jobs, by name."""
    run_tags: Mapping[Text, str] = Field(default_factory=dict, validate_default=True)
    """The tags of the runs; a run must carry all of them."""
    tier: Name = USUAL_TIER
    """How important it is; without it `standard`, or the lowest tier where there is no `standard`."""
    objective: Objective | None = None
    """What is promised."""
    gates: Gates = Gates()
    """Conditions on the data that is read."""
    degrade: tuple[Rung, ...] = ()
    """The ladder: ways to do less, the mildest first."""
    window: Window | None = None
    """Hours in which it prefers to run."""
    estimate: Estimate | None = None
    """What one run takes in full, until runs have taught us better."""
    cost: Mapping[Text, Parameter] | None = None
    """What a run may cost."""

    @field_validator("run_tags")
    @classmethod
    def _governs_something(cls, run_tags: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
        known = info.data
        complete = {"name", "select", "jobs"} <= known.keys() and known["name"] != DEFAULT
        if complete and not (known["select"] or known["jobs"] or run_tags):
            raise UnitError(
                f"the policy `{known['name']}` governs nothing",
                "add `select`, `jobs` or `run_tags`, such as `select: group:reports`",
            )
        return run_tags


class PolicyBook(_Value):
    """The whole content of a policy file."""

    version: Literal[1]
    """The version of the file's language."""
    tiers: tuple[Tier, ...] = Field(default=USUAL_TIERS, min_length=1)
    """The classes of importance, the highest first."""
    guards: Guards = Guards()
    """Limits on the machine."""
    policies: tuple[Policy, ...] = ()
    """What people want; an asset, job or run belongs to one of them at most."""
    default: Policy = Field(default=Policy(name=DEFAULT), validate_default=True)
    """What holds for everything else."""

    _places: Places = PrivateAttr(default=Places())

    @field_validator("version", mode="before")
    @classmethod
    def _no_truth(cls, version: object) -> object:
        if isinstance(version, bool):  # which equals 1 in Python
            raise UnitError("the version is a number", "write `version: 1`")
        return version

    @field_validator("default", mode="before")
    @classmethod
    def _named_default(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        if value.get("name", DEFAULT) != DEFAULT:
            raise UnitError("the default policy has no name of its own", "remove `name`")
        return {**value, "name": DEFAULT}

    @field_validator("default")
    @classmethod
    def _governs_the_rest(cls, default: Policy) -> Policy:
        if default.name != DEFAULT or default.select or default.jobs or default.run_tags:
            raise UnitError(
                "the default policy holds for everything else, so it has no `select`, `jobs` or `run_tags`",
                "remove them, or write a policy under `policies`",
            )
        return default

    @field_validator("policies", "default")
    @classmethod
    def _in_some_tier(cls, value: Any, info: ValidationInfo) -> Any:
        tiers = info.data.get("tiers")
        if not tiers or any(tier.name == USUAL_TIER for tier in tiers):
            return value
        lowest = tiers[-1].name
        return (
            _in_tier(value, lowest)
            if isinstance(value, Policy)
            else tuple(_in_tier(one, lowest) for one in value)
        )

    @model_validator(mode="after")
    def _names_hold(self) -> Self:
        used: list[tuple[Path, str]] = [
            *((("policies", position, "tier"), policy.tier) for position, policy in enumerate(self.policies)),
            (("default", "tier"), self.default.tier),
            *(
                (("tiers", position, "preempts"), name)
                for position, t in enumerate(self.tiers)
                for name in t.preempts
            ),
        ]
        names = Names(
            tiers=[tier.name for tier in self.tiers],
            policies=[policy.name for policy in self.policies],
            used=used,
        )
        if broken := next(broken_names(names), None):
            raise UnitError(broken.message, broken.hint)
        return self

    def policy(self, name: str) -> Policy:
        """The policy of that name; the default policy for a name that the book does not have."""
        return self._by_name.get(name, self.default)

    def rank(self, tier: str) -> int:
        """The tier's place, 0 for the highest; :class:`KeyError` for a tier that the book does not have."""
        return self._ranks[tier]

    def content(self) -> str:
        """The book as canonical JSON: plain numbers, sorted keys, every default written out.

        ``PolicyBook.model_validate_json`` reads it back as an equal book.
        """
        return json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))

    @functools.cached_property
    def revision(self) -> str:
        """12 hex digits that change when, and only when, what the book says changes."""
        return hashlib.sha256(self.content().encode()).hexdigest()[:12]

    @property
    def places(self) -> Places:
        """Where the values are written."""
        return self._places

    def locate(self, path: Path) -> Place:
        """Where the value at ``path`` is written; if it is not, where that which should hold it is."""
        return self._places.value(path)

    def place(self, places: Places) -> None:
        """Remember where the values are written; for the loader."""
        self._places = places

    @functools.cached_property
    def _by_name(self) -> Mapping[str, Policy]:
        return {policy.name: policy for policy in self.policies}

    @functools.cached_property
    def _ranks(self) -> Mapping[str, int]:
        return {tier.name: rank for rank, tier in enumerate(self.tiers)}

    @override
    def __eq__(self, other: object) -> bool:
        """Two books are equal when they say the same, wherever they were read."""
        return isinstance(other, PolicyBook) and self.content() == other.content()

    @override
    def __hash__(self) -> int:
        return hash(self.revision)


def _in_tier(policy: Policy, tier: str) -> Policy:
    """``policy`` in ``tier``, unless it names its tier itself."""
    return policy if "tier" in policy.model_fields_set else policy.model_copy(update={"tier": tier})
