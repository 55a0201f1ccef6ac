"""Did you mean…?"""

import difflib
from collections.abc import Collection
from itertools import islice
from typing import Final

SHOWN: Final = 8
"""How many names a sentence lists before it counts the rest."""


def did_you_mean(name: str, known: Collection[str], otherwise: str, conjunction: str = "and") -> str:
    """The nearest of the ``known`` names as a hint; without one, the known names after ``otherwise``."""
    close = difflib.get_close_matches(name, known, n=1)
    return (
        f"did you mean `{close[0]}`?" if close else f"{otherwise} {listing(known, conjunction=conjunction)}"
    )


def listing(names: Collection[str], *, shown: int = SHOWN, conjunction: str = "and") -> str:
    """The names as words of a sentence: at most ``shown``, and the number of the rest."""
    quoted = [f"`{name}`" for name in islice(dict.fromkeys(names), shown)]
    if len(names) > shown:
        return f"{', '.join(quoted)} and {len(names) - shown:,} more"
    return f" {conjunction} ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
