"""What people write into the wrong places of a file: its own keys and values, put together at random."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

__all__ = ["Slips"]


class Slips:
    """Strategies for files in a language that has these ``keys``, written with these ``scalars``."""

    def __init__(self, keys: Sequence[str], scalars: Sequence[object]) -> None:
        self._keys = st.sampled_from(keys)
        self.values: st.SearchStrategy[Any] = st.recursive(
            st.sampled_from(scalars),
            lambda below: st.lists(below, max_size=2) | st.dictionaries(self._keys, below, max_size=3),
            max_leaves=6,
        )
        """Any value at all."""

    def mappings(self, **likely: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
        """Mappings whose keys are often in the right place, and sometimes not."""
        return st.builds(
            lambda good, odd: {**good, **odd},
            st.fixed_dictionaries({}, optional=dict(likely)),
            st.dictionaries(self._keys, self.values, max_size=1),
        )
