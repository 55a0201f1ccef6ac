"""The ladder: which way to do less a run takes that cannot run in full."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adaptive_assets.planning.deadline import Deadline
from adaptive_assets.planning.reasons import Reason
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.policy import Rung
from adaptive_assets.policy.compositions import Composition


@dataclass(frozen=True, slots=True)
class Option:
    """A way to run other than in full, what it requests, and what is in its way now.

    It is a rung of the policy's ladder, or a composition of its stages.
    """

    way: Rung | Composition
    request: ResourceRequest
    lacks: tuple[Reason, ...] = ()
    kept_by_strangers: bool = False
    """Whether what it lacks is used by strangers."""

    @property
    def mode(self) -> str:
        """What the run is told to do."""
        return self.way.mode

    @property
    def parameters(self) -> Mapping[str, object]:
        """What it is told along with that."""
        return self.way.parameters if isinstance(self.way, Rung) else {}


@dataclass(frozen=True, slots=True)
class Ladder:
    """The ways in which one run can do less, the mildest first, as they stand in the capacity that is left.

    ``never`` says why there is none, where none could ever fit.
    """

    options: Sequence[Option]
    never: tuple[Reason, ...]

    @property
    def obstacles(self) -> tuple[Reason, ...]:
        """What keeps the quickest way from going now; where none could ever fit, why not."""
        return min(self.options, key=_duration).lacks if self.options else self.never

    @property
    def least(self) -> ResourceRequest | None:
        """What the quickest way requests that could fit."""
        return min(self.options, key=_duration).request if self.options else None

    def choose(self, deadline: Deadline, at: float, *, patient: bool) -> Option | None:
        """The way to launch now, or ``None`` where there is none or where it can still wait for capacity.

        The mildest that fits and ends in time. Where none does and waiting would break the deadline (or the
        run is not ``patient``), the quickest of those that fit or lack only what strangers use: to share the
        CPU with them is better than to be late. The memory guard and the run limit are never broken.
        """
        fitting = [option for option in self.options if not option.lacks]
        in_time = [option for option in fitting if deadline.met_by(option.request, at)]
        if in_time:
            return in_time[0]
        if patient and any(not deadline.endangered(option.request, at) for option in self.options):
            return None
        fitting += [option for option in self.options if option.kept_by_strangers]
        return min(
            fitting,
            key=lambda option: (
                not deadline.met_by(option.request, at),
                bool(option.lacks),
                option.request.duration,
            ),
            default=None,
        )


def _duration(option: Option) -> float:
    return option.request.duration
