"""The numbers of learning, each with its unit, why it is as it is, and what it was measured on."""

from dataclasses import dataclass
from math import log
from typing import Final


@dataclass(frozen=True, slots=True)
class LearningTuning:
    """The numbers that estimates depend on, and the bounds of what is remembered.

    Where a comment says *off*, that value switches the rule off by itself.  Where it names no measurement,
    the number is set from the theory named, or by convention, and was checked as a whole: of 40,000 jobs of
    Google's trace of 2011 and 67,000 tasks of Alibaba's of 2018, 90 to 92 % stay below the p90 made of those
    before them.

    Raises :class:`ValueError` for a bound below 1, and for a weight that is none.
    """

    # How much a run counts, and for how long.
    runs_kept: int = 64
    """Runs remembered one by one, per kind: enough for order statistics up to the 90th percentile."""
    forget: float = 0.5 ** (1 / 16)
    """Factor on the weight of a run when one more has ended: sixteen runs later it counts half. Off: 1."""

    # What is assumed of how runs of one kind differ: standard deviations of logarithms, and their evidence.
    duration_scatter: float = 0.5
    """A factor of 1.65."""
    cpu_scatter: float = 0.4
    memory_scatter: float = 0.25
    scatter_runs: float = 4.0
    """Runs that the assumed scatter counts for (Smyth 2004). Off: next to 0."""

    # A change of level: Page's CUSUM, in standard deviations (1954).
    change_known: int = 4
    """Runs of a kind before one can be called surprising."""
    change_finest: float = 0.05
    """Least standard deviation that a change is told in: smaller changes change no plan."""
    change_clip: float = 2.5
    """The most that one run counts for, so that a single one is no change."""
    change_wide: float = 4.0
    """The most that one run widens the scatter by: cut as short, too small a scatter would stay too small."""
    change_slack: float = 0.5
    change_alarm: float = 5.0
    """With the slack: one false alarm in 465 normal runs, two deviations found in four. Off: infinity."""
    change_carried: float = 8.0
    """The most runs that the scatter before a change counts for after it."""

    # The size of the input: a power law, by Theil's incomplete method (1950).
    size_runs: float = 10.0
    """Runs of known size, below which no slope is looked for. Off: infinity."""
    size_steepest: float = 2.0
    """The largest exponent: what is steeper than quadratic is taken for chance."""
    size_range: float = 1.5
    """The factor by which sizes must differ, between their 10th and 90th percentile."""
    size_beyond: float = 4.0
    """The factor beyond the sizes seen up to which the law is followed."""
    size_apart: float = 0.05
    """The least distance (of logarithms) of two sizes that make a slope."""
    size_explains: float = 0.2
    """The least share of the squared mean deviation that a slope must explain ..."""
    size_doubt: float = 6.0
    """... or this divided by the number of runs, if that is more. Of kinds whose durations were drawn without
    regard to the size, fewer than one in ten is given a slope."""
    size_refit: int = 8
    """Runs of known size from one look for a slope to the next."""
    size_same: float = 0.1
    """A slope that has moved by less is the same, so that estimates stay."""
    size_step: float = log(2.0) / 2
    """Sizes (their logarithms) are rounded to half an octave, so that close ones share an estimate."""

    # CPU that a run could not have.
    short_of_cpu: float = 0.5
    """The share of its time with all cores busy from which a run's CPU is a lower bound. Off: infinity."""

    # Kin: the kinds under one policy in one mode.
    kin_kinds: float = 3
    """Other kinds that must be known: what fewer do says little of what one more will do. Off: infinity."""
    kin_apart: float = 1.0
    """Assumed standard deviation between kinds (of logarithms); it counts as much as one kind."""
    kin_runs: float = 4.0
    """Runs that the scatter of one kind counts for among its kin, and theirs for it, at the most."""
    kin_level: float = 8.0
    """Runs that the level of kin counts for, at the most. Off for what has run itself: 0."""
    kin_highest: float = 2.0
    """The factor beyond the highest kind up to which the quantiles of a new kind go."""
    kin_kept: int = 256
    """Kinds of a policy that are asked about their kin: those seen last."""
    kin_growth: float = 0.1
    """The share by which evidence has grown when what kin say is worked out anew ..."""
    kin_patience: int = 128
    """... and the runs after which it is at the latest: else each end would change all estimates."""
    fleet: bool = True
    """Whether a new kind asks for no more memory than the kinds of all policies take. First runs then ask for
    1.28 times what they take instead of 1.56 (Google's jobs; the team's 1.59 instead of 3.48), and 25 % of
    them take more than they asked for instead of 23 % (the team's 4 instead of 12 %). Off: False."""
    kin_settled: int = 8
    """A kind of so many runs looks at its kin again with every so many-th run of its own."""

    # What people declare of a run.
    declared: bool = True
    """Whether what is declared of a run goes before what its kin take. Off: False."""
    declared_runs: float = 10
    """Runs of a policy below which a declaration is taken at its word. Correction off: infinity."""
    declared_kept: int = 256
    """Runs of a policy whose ratio of taken to declared is remembered."""
    declared_afresh: int = 16
    """Runs after which the quantiles of the ratio are made anew, so that estimates stay for a while."""

    # More memory for what ran out of it.
    kill_more: float = 1.5
    """What is asked for after a kill, in peaks at which it was: 3.4 times after three. Off: 0."""
    kill_back: float = 0.75
    """What each success leaves of the distance (of logarithms) to what it took. Half forgets a floor before
    the run that was killed has its next attempt, while others of its kind succeed."""
    kill_gone: float = 1.05
    """The floor is gone when a run takes so nearly as much."""
    kill_change: int = 2
    """Kills in a row from which on all runs of a kind are expected to need more."""
    attempts_kept: int = 10_000
    """Root runs whose next attempts are remembered: those that ended last. A few hundred bytes each."""

    # Bounds of what is remembered.
    kinds_kept: int = 10_000
    """Kinds in modes, those seen last: about 4 KB each at the most."""
    policies_kept: int = 1_000
    sizes_kept: int = 64
    """Estimates of one kind for different sizes."""
    snapshot_runs: int = 10_000
    """Runs of kinds that a snapshot holds, those of the kinds seen last: as JSON 0.8 MB, 1.4 with
    sizes, 3.5 where most kinds ran once (measured); it is written in 0.05 to 0.4 s, and read in as long."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if name.endswith("_kept") and getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not 0 < self.forget <= 1:
            raise ValueError(f"forget is {self.forget}; it must be above 0, and at most 1")


LEARNING: Final = LearningTuning()
