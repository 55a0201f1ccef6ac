"""What a check of ours says of itself in its metadata, and in that of its results, which the gates read."""

from typing import Final

CHECK_STATE: Final = "adaptive/check_state"
EVALUATED: Final = "evaluated"
NOT_EVALUATED: Final = "not_evaluated"
CONTRACT: Final = "adaptive/contract"
"""Metadata of a check and of its results: the name of the contract. Of an asset: its name and version."""
CONTRACT_VERSION: Final = "adaptive/contract_version"
