"""What the Dagster instance knows of the data that runs would read."""

import logging
from collections.abc import Collection, Mapping
from functools import partial

from adaptive_assets.assets.input_states import InputStates
from adaptive_assets.assets.inputs import Input
from adaptive_assets.coordinator.parts import Parts
from adaptive_assets.planning.snapshot import DataState
from adaptive_assets.policy import Catalogue

logger = logging.getLogger("dagster.adaptive_assets")


def readable_states(
    states: InputStates, catalogue: Catalogue, inputs: Collection[Input], now: float, parts: Parts
) -> dict[str, DataState]:
    """The states of ``inputs`` by key; one that cannot be read is unknown, a fault, and stops no other."""
    try:
        return states.of(catalogue, inputs, now)
    except Exception as error:  # noqa: BLE001  whose it is shows when each is read alone
        logger.info("The states of %d inputs are read one by one: %s", len(inputs), error)
    found: dict[str, DataState] = {}
    for each in sorted(inputs, key=lambda one: one.key):
        unknown: Mapping[str, DataState] = {
            each.key: DataState(each.asset, unreadable=True, partitions=each.label)
        }
        read = partial(states.of, catalogue, [each], now)
        found |= parts.attempt("data", read, unknown, subject=f"asset {each.key}")
    return found
