"""How much a run reads, as whoever submits it says by a tag."""

from collections.abc import Mapping
from math import inf

from adaptive_assets.assets.tags import INPUT_SIZE
from adaptive_assets.policy.text import quoted

LONGEST = 64
"""Characters of a number."""
_LARGEST = 1e18
"""An exabyte; what is more was counted in the wrong unit."""


class InputSizeError(Exception):
    """The tag has a value that is no size."""


def read_input_size(tags: Mapping[str, str]) -> float | None:
    """The size, in whatever unit it is told; ``None`` where it is not told.

    Raises:
        InputSizeError: it is not a number above 0.
    """
    told = tags.get(INPUT_SIZE)
    if told is None:
        return None
    try:
        size = float(told) if len(told) <= LONGEST else inf
    except ValueError:
        size = inf
    if not 0 < size <= _LARGEST:
        raise InputSizeError(
            f"the tag `{INPUT_SIZE}` is `{quoted(told)}`; it must be a number above 0 and up to"
            f" {_LARGEST:g}, such as the rows or bytes that the run reads (`250000`)"
        )
    return size


def input_size(tags: Mapping[str, str]) -> float | None:
    """The size, where it is told and is one."""
    try:
        return read_input_size(tags)
    except InputSizeError:
        return None  # said in the run's log when it was submitted
