"""The numbers of the planner: what each is in, why it is so, and what switches its rule off.

Measured on: *traces*, the workloads of ``python -m benchmarks simulation`` on the seeds that it calls tuned
on; *real*, runs of Dagster's default launcher on two cores; *chosen*, by reason alone.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Tuning:
    """Every number that a rule of ``plan()`` goes by; seconds, cores, bytes and shares of one."""

    # 1 estimate
    prior_cpu: float = 0.5
    """Cores of a run of which nothing is known: one Python process with a data frame in it. Chosen."""
    prior_memory: int = 512 * 1024**2
    """Bytes of the same."""
    prior_duration_s: float = 60.0
    """Its duration."""
    last_good_cpu: float = 0.25
    """Cores of a run that only serves the last good version again, where full mode does not take less.
    Chosen."""
    last_good_memory: int = 256 * 1024**2
    """Bytes of the same."""
    last_good_duration_s: float = 10.0
    """Its duration."""
    summed_quantile: float = 0.75
    """The quantile of memory that is added up over runs together: not all reach their 90th at once.
    Traces."""
    similar_quantile: float = 0.75
    """The quantile of similar work's memory that the first run of a kind asks for, which teaches more than
    waiting for the largest would. 0.9: as for any other run. Traces."""
    composition_evidence: float = 4.0
    """Runs in another composition of the same stages tell more than those in a mode itself if there are more
    than so many times as many. Infinite: never. Chosen."""
    launch_s: float = 5.0
    """From the verdict to the first line of user code: Dagster starts a process and loads definitions.
    Real."""
    lookahead_s: float = 10.0
    """What is not decided now is decided a cycle later: two cycles at Dagster's default of 5 s."""

    # what nodes have left
    settling_s: float = 15.0
    """How long a launched run may not show the memory that it starts with. Real. 0: not at all."""
    overcommit: float = 1.2
    """The cores that runs may be expected to use on average, as a share of all, where the guard keeps none
    free: not all reach their mean at once, and a core that idles is lost. 1: no more than there are.
    Traces."""
    strangers_share: float = 0.5
    """The share of all cores that strangers can keep from our runs, where the guard keeps none free: a run
    that waits for them would have started with stock Dagster. 1: all that they use. Chosen."""
    widest: float = 0.5
    """The share of the guarded CPU that one run may insist on: one that would like every core takes longer on
    fewer. Of memory, the share kept free for what is not known of a run. 1: all of it. Traces."""
    memory_sigmas: float = 1.5
    """Standard deviations by which the memory of runs together is predicted to exceed its mean. Their tails
    are long: more would leave the machine half empty. 0: percentiles alone. Traces."""
    evictable_sigmas: float = 0.5
    """As many, where enough of the runs can leave in time should memory run short. Traces."""
    grows_for: float = 0.4
    """The share of its median duration after which a run has grown as far as it will. Infinite: never.
    Traces."""

    # 3 order
    share_unit: float = 600.0
    """Core-seconds of use below which owners are alike. Chosen."""
    share_levels: int = 8
    """Levels of use for each doubling, about 9 % apart: owners with about the same use are served in the
    order of submission. 0: no fair share. Chosen."""
    size_levels: int = 4
    """Size classes for each doubling: what takes about the same goes in the order of submission. 0: no size
    order. Traces."""
    size_weight: float = 0.75
    """How much the area of a run counts in its size, beside what it takes for each core. Traces."""
    small: float = 1 / 8
    """A run of no larger share of the machine is in nobody's way for long, and fits soon. Traces."""
    starvation_runs: int = 8
    """How many runs starvation protection lets go ahead in the time of a tier's patience. 0: none. Traces."""
    starvation_spacing: int = 4
    """And no sooner than so many times what such a run takes: the rest of the time is the others'. Traces."""

    # 4 admit
    reserved_starts: int = 8
    """Reserved starts at a time: enough for the first of all tiers. 1: EASY backfilling. 0: none, and nobody
    gives way to a blocked run. Traces."""
    strangers_s: float = 120.0
    """How long the first in the queue waits for strangers that keep the machine busy while our own work takes
    less than one run may insist on. Infinite: as long as it takes. Chosen."""
    idle: float = 0.25
    """The share of the guarded machine that work ahead leaves free. 0: nothing. Chosen."""
    compose_overdue: bool = True
    """Whether a run that waited beyond its tier's patience leaves out its optional stages."""

    # 5 give way
    preempting_runs: int = 8
    """Blocked runs for which others give way at a time. 0: nobody gives way. Traces."""
    hold_s: float = 60.0
    """A run whose state was changed stays as it is for so long: capacity that comes and goes must not
    shake it."""
    worth_s: float = 60.0
    """Without a deadline that it can keep, a run must expect to wait longer before another loses its progress
    for it. Chosen."""
    loss_at_least: float = 1000.0
    """Core-seconds of progress that a requeue may waste, beside as much as the run takes that it is for.
    Traces."""
    preempted_at_most: int = 3
    """A run that had to give way so often is left alone. Chosen."""
    restart_core_s: float = 5.0
    """Core-seconds that it takes to start a run again. Real."""
    suspended_at_most_s: float = 900.0
    """After so long what gave way goes on, whether there is capacity or not: it holds its memory anyway."""
    leaving_s: float = 10.0
    """How long a run takes to end once it was told to, with the cycle in which that is noticed. Real."""
    overdue: float = 0.15
    """A run that has outlived its estimate is given so much more of what it has run already. Traces."""
    memory_edge: float = 0.5
    """How much of the margin beyond the memory guard may be in use before runs leave. Infinite: all of it,
    and the kernel chooses. Traces."""

    # when a run is predicted to start
    horizon_s: float = 86_400.0
    """Beyond this nothing is predicted. Chosen."""
    prediction_plans: int = 400
    """Plans made for one prediction, at most. Chosen."""
    idle_step_s: float = 60.0
    """The first step ahead where nothing is active and nothing goes; doubled as long as that is so.
    Chosen."""
    longest_step_s: float = 600.0
    """The longest of those: hours and prices are predicted as exactly as that. Chosen."""


TUNING: Final = Tuning()
