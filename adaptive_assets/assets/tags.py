"""The run tags by which the coordinator, Dagster's daemon and the run itself understand one another."""

from typing import Final

PREFIX: Final = "adaptive/"

ADMISSION: Final = "adaptive/admission"
HELD: Final = "held"
ADMITTED: Final = "admitted"

POLICY: Final = "adaptive/policy"
TIER: Final = "adaptive/tier"
MODE: Final = "adaptive/mode"
MODE_PARAMETERS: Final = "adaptive/mode_parameters"
"""The rung's parameters, as a JSON object."""
REASON: Final = "adaptive/reason"
"""Code and sentence: ``memory: needs 2.0 GiB, 0.4 GiB is free under the 80% guard``."""
DECISION: Final = "adaptive/decision"
"""The ledger's id of the decision that let the run go."""
WOULD: Final = "adaptive/would"
"""What was decided while the coordinator only observed: ``defer: memory``."""

INPUT_SIZE: Final = "adaptive/input_size"
"""How much the run reads; this tag and the three below are for users to set."""
CPU: Final = "adaptive/cpu"
"""Cores that the run is said to take: ``2``, ``500m``."""
MEMORY: Final = "adaptive/memory"
"""Memory at its peak: ``1536Mi``, ``1.5GiB``."""
DURATION: Final = "adaptive/duration"
"""From its start to its end: ``5m``."""

FULL: Final = "full"
LAST_GOOD: Final = "last_good"

OF_USERS: Final = frozenset({INPUT_SIZE, CPU, MEMORY, DURATION})
"""The tags that users set; the others are written over."""
