"""How a check says whether it was carried out: metadata of its result, which the gates read."""

from typing import Final

CHECK_STATE: Final = "adaptive/check_state"
EVALUATED: Final = "evaluated"
NOT_EVALUATED: Final = "not_evaluated"
