"""The rules, each with the values that switch it off by itself."""

from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final

from adaptive_assets.learning import LEARNING, LearningTuning
from adaptive_assets.planning.tuning import TUNING, Tuning

__all__ = ["CONTROL", "FULL", "RULES", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of planning or of learning, and the fields of its tuning whose values switch it off.

    ``acts``: whether it acts on running work, so that only a launcher that can do so shows it. ``moves_s``
    is not zero in the control alone.
    """

    name: str
    off: tuple[tuple[str, Any], ...] = ()
    """Of the planner's numbers."""
    unlearned: tuple[tuple[str, Any], ...] = ()
    """Of the learner's."""
    acts: bool = False
    moves_s: float = 0.0

    @property
    def changes(self) -> dict[str, Any]:
        """What is other than with all rules, for a file of kept cells."""
        unlearned = {f"learning.{name}": value for name, value in self.unlearned}
        return {**dict(self.off), **unlearned, **({"moves_s": self.moves_s} if self.moves_s else {})}

    @property
    def tuning(self) -> Tuning:
        """The numbers of the planner without it."""
        return replace(TUNING, **dict(self.off))

    @property
    def learning(self) -> LearningTuning:
        """The numbers of the learner without it."""
        return replace(LEARNING, **dict(self.unlearned))


FULL: Final = Rule("all rules")
"""The planner as it is."""

CONTROL: Final = Rule("nothing: arrivals up to 1 s later", moves_s=1.0)
"""No rule is off. What is different by more than the seeds are, is so by chance."""


def _planning(name: str, acts: bool = False, **off: float) -> Rule:
    return Rule(name, tuple(off.items()), acts=acts)


def _learning(name: str, **off: float) -> Rule:
    return Rule(f"learning: {name}", unlearned=tuple(off.items()))


RULES: Final[tuple[Rule, ...]] = (
    # what a run asks for
    _planning("first run of a kind by the 75th percentile of similar work", similar_quantile=0.9),
    _planning("memory of runs together: 75th percentiles", summed_quantile=0.5),
    _planning("memory of runs together: standard deviations", memory_sigmas=0.0),
    _planning("memory of runs together: growth ends", grows_for=inf),
    _planning("launched runs count before readings show them", settling_s=0.0),
    _planning("a run insists on half of the CPU at most", widest=1.0),
    _planning("time to launch", launch_s=0.0),
    _planning("a cycle of lookahead to the deadline", lookahead_s=0.0),
    _planning("overdue runs end later", overdue=0.0),
    _planning("more than all cores", overcommit=1.0),
    # order
    _planning("starvation protection", starvation_runs=0),
    _planning("starvation protection keeps its distance", starvation_spacing=0),
    _planning("size order", size_levels=0),
    _planning("size order by cores too", size_weight=1.0),
    _planning("fair share by use", share_levels=0),
    # admission
    _planning("reserved starts", reserved_starts=0),
    _planning("more than one reserved start", reserved_starts=1),
    _planning("no wait for strangers", strangers_s=inf),
    _planning("idle margin of work ahead", idle=0.0),
    # what running work does
    _planning("memory of runs that can leave: standard deviations", evictable_sigmas=0.0, acts=True),
    _planning("preemption", preempting_runs=0, acts=True),
    _planning("preemption for more than one blocked run", preempting_runs=1, acts=True),
    _planning("hold after a change", hold_s=0.0, acts=True),
    _planning("preemption only for a long wait", worth_s=0.0, acts=True),
    _planning("preemption loses little", loss_at_least=inf, acts=True),
    _planning("preempted three times at most", preempted_at_most=10**9, acts=True),
    _planning("suspended for 15 minutes at most", suspended_at_most_s=inf, acts=True),
    _planning("runs leave before memory runs out", memory_edge=inf, acts=True),
    _planning("optional stages left out after patience", compose_overdue=False, acts=True),
    _planning("composition known by another one", composition_evidence=inf, acts=True),
    # what runs that ended teach
    _learning("similar work", kin_kinds=inf),
    _learning("new kinds no larger than the fleet", fleet=False),
    _learning("declarations corrected by what runs took", declared_runs=inf),
    _learning("declarations before similar work", declared=False),
    _learning("sizes of inputs", size_runs=inf),
    _learning("CPU that a run could not have", short_of_cpu=inf),
    _learning("changes of level", change_alarm=inf),
    _learning("earlier runs count less", forget=1.0),
    _learning("more memory after a kill", kill_more=0.0),
)
