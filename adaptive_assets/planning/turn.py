"""One run, as it stands when its turn in line has come."""

from dataclasses import dataclass

from adaptive_assets.planning.deadline import Deadline
from adaptive_assets.planning.decisions import Reason, ReasonCode
from adaptive_assets.planning.node_capacity import shareable
from adaptive_assets.planning.snapshot import QueuedRun
from adaptive_assets.planning.triage import RunGroup

__all__ = ["Turn"]


@dataclass(frozen=True, slots=True)
class Turn:
    """The first run of ``group`` at ``at``: what is in the way of full mode, and whether that matters.

    ``lacks`` are the guards that it would break, ``behind`` is whom it would delay. ``trickles`` says
    that strangers have kept it waiting for long enough while nothing of ours is active.
    """

    group: RunGroup
    run: QueuedRun
    deadline: Deadline
    at: float
    lacks: tuple[Reason, ...]
    behind: tuple[Reason, ...]
    trickles: bool

    @property
    def never_fits(self) -> bool:
        """Whether full mode exceeds the whole machine."""
        return bool(self.lacks) and self.lacks[0].code is ReasonCode.NEVER_FITS

    @property
    def pressed(self) -> bool:
        """Whether full mode cannot be waited for: it may not be taken, never fits, or would be late."""
        endangered = self.deadline.endangered(self.group.full, self.at)
        return self.group.only_rungs or self.never_fits or endangered

    @property
    def full_is_open(self) -> bool:
        """Whether it may go in full, in time or not."""
        if self.behind or self.group.only_rungs:
            return False
        return not self.lacks or (self.trickles and shareable(self.lacks))

    @property
    def in_time(self) -> bool:
        """Whether full mode, launched now, keeps the deadline."""
        return self.deadline.met_by(self.group.full, self.at)

    @property
    def late(self) -> tuple[Reason, ...]:
        """That full mode cannot be waited for any longer, if so."""
        if not self.deadline.endangered(self.group.full, self.at):
            return ()
        return (self.deadline.reason(self.group.full, self.at, self.group.mode),)
