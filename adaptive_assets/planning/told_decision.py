"""A decision as a ledger has it: what is compared when a recorded cycle is planned again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from adaptive_assets.planning.transitions import Stance, run_key, stance_of

FIELDS: Final = ("verdict", "mode", "tier", "parameters", "runs", "run_ids")
"""What is compared of a decision beside its reasons, in the order in which a difference is named."""


@dataclass(frozen=True, slots=True)
class ToldDecision:
    """A decision as a ledger has it, or would have it.

    ``run_id`` is ``None`` for a kind of work that waits; ``run_ids`` are then the first of its ``runs``.
    ``reasons`` are mappings with ``code``, ``sentence`` and ``numbers``.
    """

    verdict: str
    run_id: str | None
    work_key: str
    tier: str
    mode: str
    parameters: Mapping[str, object]
    reasons: Sequence[Mapping[str, object]]
    runs: int
    run_ids: Sequence[str]

    @property
    def key(self) -> str:
        """Under which stances hold it."""
        return f"kind:{self.work_key}" if self.run_id is None else run_key(self.run_id)

    @property
    def stance(self) -> Stance:
        """What of it is worth writing when it changes."""
        return stance_of(self.verdict, self.mode, [str(reason["code"]) for reason in self.reasons])

    def apart(self, other: "ToldDecision") -> str | None:
        """The first field in which they differ.  Sentences may: they say codes and numbers in other words."""
        mine, theirs = (
            [(each["code"], each.get("numbers")) for each in told.reasons] for told in (self, other)
        )
        found = next((name for name in FIELDS if getattr(self, name) != getattr(other, name)), None)
        if mine != theirs and found not in FIELDS[:3]:
            return "reasons"
        return found

    def opposed(self, other: "ToldDecision") -> str | None:
        """The first field in which they differ so that it would have been told: numbers are not."""
        return None if self.stance == other.stance else self.apart(other)
