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

INPUT_SIZE: Final = "adaptive/input_size"
"""How much the run reads: the only one of these tags that is for users to set."""

FULL: Final = "full"
LAST_GOOD: Final = "last_good"
