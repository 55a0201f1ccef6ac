"""The run tags by which the coordinator, Dagster's daemon and the run itself understand one another.

Dagster's pages show at most two of them on a run that waits (``WAITS`` and ``REASON``), and one on a run that
was launched to do less (``MODE``). The others are under a prefix that Dagster hides.
"""

from collections.abc import Mapping
from typing import Final

PREFIX: Final = "adaptive/"
HIDDEN_PREFIX: Final = ".dagster/adaptive_"
"""Dagster's pages leave out tags that begin with ``.dagster/``; its limits, filters and storage do not."""

WAITS: Final = "Waits"
"""On a run that waits: what for, in a few words: ``memory 6.2 GiB · ~4 min``. The pages show tags in the
order of their keys, where capitals come first."""
REASON: Final = "adaptive/reason"
"""On a run that waits: code and sentence: ``memory: needs 2 GiB, 0.4 GiB is free under the 80% guard``."""
MODE: Final = "adaptive/mode"
"""On a run that was launched to do less: the name of a rung, or ``last_good``. Without it: ``full``."""

ADMISSION: Final = ".dagster/adaptive_admission"
HELD: Final = "held"
ADMITTED: Final = "admitted"

POLICY: Final = ".dagster/adaptive_policy"
TIER: Final = ".dagster/adaptive_tier"
MODE_PARAMETERS: Final = ".dagster/adaptive_mode_parameters"
"""The rung's parameters, as a JSON object."""
LAUNCH_REASON: Final = ".dagster/adaptive_reason"
"""Code and sentence of the verdict that let the run go."""
DECISION: Final = ".dagster/adaptive_decision"
"""The ledger's id of the decision that let the run go."""
INPUTS_DEGRADED: Final = ".dagster/adaptive_inputs_degraded"
"""What the run reads that was made in a mode below full when it was let go, as a JSON object of modes:
``{"raw[2013-02-08]": "reduced"}``."""
WOULD: Final = "adaptive/would"
"""What was decided while the coordinator only observed: ``defer: memory``."""

ASSET_POLICY: Final = "adaptive/policy"
"""On assets and sensors."""

INPUT_SIZE: Final = "adaptive/input_size"
"""How much the run reads; this tag and the three below are for users to set."""
CPU: Final = "adaptive/cpu"
"""Cores that the run is said to take: ``2``, ``500m``."""
MEMORY: Final = "adaptive/memory"
"""Memory at its peak: ``1536Mi``, ``1.5GiB``."""
DURATION: Final = "adaptive/duration"
"""From its start to its end: ``5m``."""

REQUESTED_BY: Final = "adaptive/requested_by"
"""On a run that the coordinator requested: ``validate``, ``refresh`` or ``repair``, and for what."""
REQUEST: Final = ".dagster/adaptive_request"
"""On such a run: the key of the request in the ledger."""
REPAIRS: Final = "adaptive/repairs"
"""On a run that repairs: the key of the asset, as one text."""
FAILED_CHECKS: Final = "adaptive/failed_checks"
"""On a run that repairs: the checks that its version failed, as a JSON list."""
REPAIRED_VERSION: Final = "adaptive/failed_version"
"""On a run that repairs: the storage id of the materialization that failed, or ``none``."""

FULL: Final = "full"
LAST_GOOD: Final = "last_good"

OF_USERS: Final = frozenset({INPUT_SIZE, CPU, MEMORY, DURATION})
"""The tags that users set; the others are written over."""

OF_REQUESTS: Final = frozenset({REQUESTED_BY, REQUEST, REPAIRS, FAILED_CHECKS, REPAIRED_VERSION})
"""The tags that a requested run is created with, and keeps."""


def is_ours(key: str) -> bool:
    """Whether the tag is the coordinator's to write, and to take away."""
    return key == WAITS or (
        key.startswith((PREFIX, HIDDEN_PREFIX)) and key not in OF_USERS and key not in OF_REQUESTS
    )


def plain(key: str) -> str:
    """The visible name of a hidden tag.

    Release 0.1.0 wrote it on runs, people set it by hand where no coordinator does, and the metadata of
    materializations have it.
    """
    return PREFIX + key.removeprefix(HIDDEN_PREFIX)


def read(run_tags: Mapping[str, str], key: str) -> str | None:
    """What a hidden tag says, or where the run has none the one of the same name that is not hidden."""
    return run_tags.get(key, run_tags.get(plain(key)))


def mode(run_tags: Mapping[str, str]) -> str:
    """The mode that a run is told to work in."""
    return run_tags.get(MODE, FULL)
