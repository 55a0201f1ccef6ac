"""The fields that a policy file may one day have, and that this version would not act on.

They are refused where a book is put in force: a promise that nobody keeps must not look like one that is.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.places import Path
from adaptive_assets.policy.plain import mapping, sequence

NOT_HONOURED_YET: Final[Mapping[str, frozenset[str]]] = {
    "tiers": frozenset({"preempts", "preemption"}),
    "policies": frozenset({"cost"}),
    "default": frozenset({"cost"}),
}
"""By the part of the book in which they stand."""


def not_honoured(content: Mapping[str, object]) -> Iterator[Finding]:
    """A finding for each field in a book's plain ``content`` that is not honoured yet."""
    for part, names in NOT_HONOURED_YET.items():
        entries: list[tuple[Path, object]] = (
            [((part,), content.get(part))]
            if part == "default"
            else [((part, position), entry) for position, entry in enumerate(sequence(content.get(part)))]
        )
        for path, entry in entries:
            for name in mapping(entry):
                if name in names:
                    message = f"`{name}` is not honoured yet by this version"
                    yield Finding((*path, name), message, "remove it; nothing would act on it")
