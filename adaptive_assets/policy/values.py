"""What all parts of a policy file share."""

from typing import Final

from pydantic import BaseModel, ConfigDict

MOST_LISTED: Final = 10_000
"""Entries of a list of policies, jobs, assets or checks."""


class PolicyValue(BaseModel):
    """A part of a policy file: frozen, and closed to unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
    )
