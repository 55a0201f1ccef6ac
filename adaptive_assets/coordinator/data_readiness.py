"""What the Dagster instance knows of the data that runs would read, as a part of a cycle."""

from collections.abc import Collection

from adaptive_assets.assets.input_states import InputStates
from adaptive_assets.assets.inputs import Input
from adaptive_assets.coordinator.parts import Parts
from adaptive_assets.planning.snapshot import DataState
from adaptive_assets.policy import Catalogue


def readable_states(
    reader: InputStates, catalogue: Catalogue, inputs: Collection[Input], parts: Parts, now: float
) -> dict[str, DataState]:
    """The states of ``inputs`` by key; one that cannot be read is unknown, a fault, and stops no other.

    An input that came with a problem is no fault here: whoever found the problem has told it.
    """
    states = dict(reader.of(catalogue, inputs, now))
    for asset, error in reader.errors.items():
        parts.failed("data", error, subject=f"asset {asset}")
    for one in inputs:
        state = states[one.key]
        if state.unreadable and not one.problem and one.asset not in reader.errors:
            parts.fault("data", state.problem, subject=f"input {one.key}")
    return states
