"""The codes of reasons: one for each rule."""

from enum import StrEnum


class ReasonCode(StrEnum):
    """Why; one code for each rule, what can never run first."""

    NEVER_FITS = "never_fits"
    INPUTS_UNKNOWN = "inputs_unknown"
    DATA_MISSING = "data_missing"
    DATA_STALE = "data_stale"
    FRESHNESS_NOT_EVALUATED = "freshness_not_evaluated"
    CHECK_FAILED = "check_failed"
    CHECK_NOT_EVALUATED = "check_not_evaluated"
    DATA_DEGRADED = "data_degraded"
    OUTSIDE_WINDOW = "outside_window"
    PRICE = "price"
    LOCATION_PAUSED = "location_paused"
    POOL = "pool"
    TAG_LIMIT = "tag_limit"
    NO_READING = "no_reading"
    MEMORY = "memory"
    CPU = "cpu"
    PRESSURE = "pressure"
    CONCURRENCY = "concurrency"
    RAMP = "ramp"
    NOT_IDLE = "not_idle"
    BEHIND = "behind"
    DEADLINE = "deadline"
    WAITED = "waited"
    COMPOSED = "composed"
    FORCED = "forced"
    FITS = "fits"
    GIVES_WAY = "gives_way"
    MEMORY_RUNS_OUT = "memory_runs_out"
    CAPACITY_AGAIN = "capacity_again"
    KEPT = "kept"


PLACE = {code: place for place, code in enumerate(ReasonCode)}
"""The order in which the reasons of one deferral are told."""
