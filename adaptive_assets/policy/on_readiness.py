"""What is done about data that is not ready: by who waits for it, and by who made it."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from adaptive_assets.policy.fields import Count, Duration, Text
from adaptive_assets.policy.units import UnitError
from adaptive_assets.policy.values import PolicyValue


class OnUnready(PolicyValue):
    """What is requested for a run whose gates are closed."""

    unevaluated: Literal["validate", "wait"] = "validate"
    """Where a check was not evaluated: `validate` requests a run of the missing checks alone."""
    validate_after: Duration = 60.0
    """How old a version is before that run is requested: its checks may be on their way."""
    stale: Literal["refresh", "wait"] = "wait"
    """Where data is stale: `refresh` requests a run that makes it anew, if the deadline leaves the time."""


class OnFailedCheck(PolicyValue):
    """What is done about a version that failed a blocking check, while a run waits for it."""

    then: Literal["quarantine", "repair", "rollback"]
    """`quarantine` marks the version by an event; `repair` runs a job, and then the failed checks again;
    `rollback` makes the last good version the one that counts."""
    job: Text | None = Field(default=None, validate_default=True)
    """The job that repairs; it is told the partition, and by run tags the asset and the checks."""
    tries: Count = 2
    """How many repairs are requested in a row that no check has passed after."""

    @field_validator("job")
    @classmethod
    def _goes_with_repair(cls, job: str | None, info: ValidationInfo) -> str | None:
        if "then" in info.data and (info.data["then"] == "repair") != (job is not None):
            if job is None:
                raise UnitError("`then: repair` does not say by which job", "add `job:` with its name")
            raise UnitError(
                f"`then: {info.data['then']}` runs no job", "remove `job`, or write `then: repair`"
            )
        return job
