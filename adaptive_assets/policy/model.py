"""The policy book: the whole content of a policy file, with its names resolved."""

import functools
import hashlib
import json
from collections.abc import Mapping
from itertools import chain
from typing import Any, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator
from typing_extensions import override

from adaptive_assets.policy.fields import IN_A_FILE, Version
from adaptive_assets.policy.names import broken_names
from adaptive_assets.policy.places import Path, Place, Places
from adaptive_assets.policy.stages import broken_stages
from adaptive_assets.policy.terms import (
    DEFAULT,
    USUAL_TIER,
    USUAL_TIERS,
    Guards,
    Policy,
    Price,
    Tier,
)
from adaptive_assets.policy.units import UnitError
from adaptive_assets.policy.values import MOST_LISTED, PolicyValue
from adaptive_assets.policy.weights import USUAL_CPU_WEIGHT, broken_weights, cpu_weights


class PolicyBook(PolicyValue):
    """The whole content of a policy file."""

    version: Version
    """The version of the file's language."""
    tiers: tuple[Tier, ...] = Field(default=USUAL_TIERS, min_length=1, max_length=100)
    """The classes of importance, the highest first."""
    guards: Guards = Guards()
    """Limits on the machine."""
    policies: tuple[Policy, ...] = Field(default=(), max_length=MOST_LISTED)
    """What people want; an asset, job or run belongs to one of them at most."""
    prices: tuple[Price, ...] = Field(default=(), max_length=1000)
    """What machines cost, and when."""
    default: Policy = Field(default=Policy(name=DEFAULT), validate_default=True)
    """What holds for everything else."""

    _places: Places = PrivateAttr(default=Places())

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
        if (
            default.name != DEFAULT
            or default.select
            or default.jobs
            or default.run_tags
            or default.claimed_by
        ):
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
    def _names_hold(self, info: ValidationInfo) -> Self:
        if info.context is not IN_A_FILE:  # of a file, the loader has told all of them at their places
            content = self.model_dump(mode="json", by_alias=True)
            found = chain(broken_names(content), broken_weights(content), broken_stages(content))
            if broken := next(found, None):
                raise UnitError(broken.message, broken.hint)
        return self

    def policy(self, name: str) -> Policy:
        """The policy of that name; the default policy for a name that the book does not have."""
        return self._by_name.get(name, self.default)

    def rank(self, tier: str) -> int:
        """The tier's place, 0 for the highest; :class:`KeyError` for a tier that the book does not have."""
        return self._ranks[tier]

    def cpu_weight(self, tier: str) -> int:
        """The tier's CPU weight, 1 to 10,000; :class:`KeyError` for a tier that the book does not have."""
        return self._cpu_weights[tier]

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

    @functools.cached_property
    def _cpu_weights(self) -> Mapping[str, int]:
        given = [tier.cpu_weight for tier in self.tiers]
        highest = min(self.rank(policy.tier) for policy in (*self.policies, self.default))
        if not any(given[:highest]):  # to yield to tiers without runs is to yield to other processes alone
            given[:highest] = [USUAL_CPU_WEIGHT] * highest
            given[highest] = given[highest] or USUAL_CPU_WEIGHT
        return dict(zip((tier.name for tier in self.tiers), cpu_weights(given), strict=True))

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
