"""The candidate: the run that is first in the queue now, and what is in its way."""

from dataclasses import dataclass

from adaptive_assets.planning.deadline import Deadline
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.run_group import RunGroup
from adaptive_assets.planning.snapshot import QueuedRun


@dataclass(frozen=True, slots=True)
class Candidate:
    """The first run of ``group`` at ``at``: what is in the way of full mode, and whether that matters.

    ``lacks`` are the guards that it would break, ``behind`` is whom it would delay. ``kept_by_strangers``
    says that strangers use all that it lacks while nothing of ours is blocked; ``waited_for_strangers``, that
    it has waited for them as long as anybody does.
    """

    group: RunGroup
    run: QueuedRun
    deadline: Deadline
    at: float
    lacks: tuple[Reason, ...]
    behind: tuple[Reason, ...]
    kept_by_strangers: bool
    waited_for_strangers: bool

    @property
    def never_fits(self) -> bool:
        """Whether full mode exceeds the whole machine."""
        return bool(self.lacks) and self.lacks[0].code is ReasonCode.NEVER_FITS

    @property
    def is_endangered(self) -> bool:
        """Whether full mode is late, unless it is launched in this cycle."""
        return self.deadline.endangered(self.group.full, self.at)

    @property
    def is_pressed(self) -> bool:
        """Whether full mode cannot be waited for: it may not be taken, never fits, or would be late."""
        return self.group.only_rungs or self.never_fits or self.is_endangered

    @property
    def full_is_open(self) -> bool:
        """Whether it may go in full, in time or not."""
        if self.behind or self.group.only_rungs:
            return False
        return not self.lacks or (self.kept_by_strangers and (self.waited_for_strangers or self._goes_now))

    @property
    def _goes_now(self) -> bool:
        """Whether it is in time if it goes now, has no other way to be, and would be late if it waited."""
        group = self.group
        return self.is_endangered and self.in_time and not (group.rungs or group.essentials)

    @property
    def in_time(self) -> bool:
        """Whether full mode, launched now, keeps the deadline."""
        return self.deadline.met_by(self.group.full, self.at)

    @property
    def late(self) -> tuple[Reason, ...]:
        """That full mode cannot be waited for any longer, if so."""
        if not self.is_endangered:
            return ()
        return (self.deadline.reason(self.group.full, self.at, self.group.mode),)
