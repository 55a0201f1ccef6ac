"""Arbitrary policy books and snapshots that fit them.

Values come from small sets on purpose: what is interesting happens where two of them meet, such as a run
that fits exactly, or one that has waited for just as long as it may.
"""

from dataclasses import replace
from itertools import product
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from adaptive_assets.planning.snapshot import (
    ActiveRun,
    CheckState,
    DataState,
    Freshness,
    MachineReading,
    Pressure,
    QueuedRun,
    Snapshot,
    Work,
)
from adaptive_assets.policy import (
    Estimate,
    Gates,
    Guards,
    Objective,
    Policy,
    PolicyBook,
    PressureGuards,
    Rung,
    Tier,
    Window,
)

UNHURRIED: Final = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Books and snapshots take a while to make up, on a busy machine more so."""

AT: Final = 1_781_524_800.0
"""Noon in London, and early morning in New York."""
STEP: Final = 256 * 2**20
TIERS: Final = ("critical", "standard", "batch")
NAMES: Final = ("p0", "p1", "p2", "default")
ASSETS: Final = ("a", "b", "c")
AGES: Final = (0.0, 1.0, 25.0, 59.0, 60.0, 119.0, 120.0, 290.0, 600.0, 90_000.0)
SHARES: Final = (0.2, 0.5, 0.85, 1.0)

ESTIMATES: Final = tuple(
    Estimate(cpu=cpu, memory=steps and steps * STEP, duration=duration)
    for cpu, steps, duration in product(
        (None, 0.0, 0.1, 0.5, 1.0, 1.7, 8.0), (None, 1, 2, 3, 8, 40), (None, 1.0, 30.0, 300.0)
    )
)
GATES: Final = tuple(
    Gates.model_validate(
        {
            "fresh": fresh,
            "checks": checks,
            "accept_degraded": degraded,
            "wait_at_most": limit,
            "then": then,
        }
    )
    for fresh, checks, degraded, (limit, then) in product(
        (None, "pass", "warn"),
        (None, "pass", "warn"),
        (True, False),
        [(None, None), *product((0.0, 60.0, 600.0), ("degrade", "launch", "fail"))],
    )
)
WINDOWS: Final = tuple(
    Window.model_validate({"prefer": prefer, "timezone": zone, "latest": latest})
    for prefer, zone, latest in product(
        ("22:00-06:00", "09:00-17:00", "12:00-12:01"), ("UTC", "America/New_York"), (None, 0.0, 60.0, 600.0)
    )
)
OBJECTIVES: Final = (
    Objective(freshness=60.0),
    *(Objective(deadline=deadline) for deadline in (1.0, 25.0, 60.0, 70.0, 130.0, 300.0, 3600.0)),
)
MODES: Final = ((), ("reduced",), ("reduced", "last_good"), ("half", "tiny", "last_good"))
PRESSURES: Final = tuple(
    Pressure(*shares)
    for shares in ((None, None, None), (0.0, 0.0, 0.0), (0.9, None, 0.1), (0.1, 0.9, None), (0.5, 0.5, 0.5))
)
PRESSURE_GUARDS: Final = (
    PressureGuards(),
    PressureGuards(cpu=0.5),
    PressureGuards(memory=0.2),
    PressureGuards(cpu=0.2, memory=0.85, io=0.2),
)
WORKS: Final = tuple(
    Work(name, policy, reads=reads, degradable=degradable)
    for name, policy, reads, degradable in product(
        ("x", "y"), (*NAMES, "gone"), ((), ("a",), ("b", "c")), (True, False)
    )
)
STATES: Final = tuple(
    DataState("a", None if age is None else AT - age, freshness, checks, failed, missing, mode, source)
    for age, freshness, checks, (failed, missing), mode, source in product(
        (None, 0.0, 600.0),
        Freshness,
        CheckState,
        [((), ()), (("x",), ()), (("x",), ("y", "z"))],
        ("full", "reduced"),
        (False, False, False, True),
    )
)


@st.composite
def policies(draw: st.DrawFn, name: str, tiers: tuple[str, ...]) -> Policy:
    """A policy of that name in one of the tiers."""
    estimates = st.none() | st.sampled_from(ESTIMATES)
    return Policy(
        name=name,
        jobs=() if name == "default" else (name,),
        tier=draw(st.sampled_from(tiers)),
        objective=draw(st.none() | st.sampled_from(OBJECTIVES)),
        gates=draw(st.just(Gates()) | st.sampled_from(GATES)),
        degrade=tuple(Rung(mode=mode, estimate=draw(estimates)) for mode in draw(st.sampled_from(MODES))),
        window=draw(st.none() | st.none() | st.sampled_from(WINDOWS)),
        estimate=draw(estimates),
    )


@st.composite
def books(draw: st.DrawFn) -> PolicyBook:
    """Books of up to three tiers and three policies beside the default."""
    tiers = TIERS[: draw(st.integers(1, len(TIERS)))]
    names = NAMES[: draw(st.integers(0, len(NAMES) - 1))]
    return PolicyBook(
        version=1,
        tiers=tuple(Tier(name=name) for name in tiers),
        guards=Guards(
            cpu=draw(st.sampled_from(SHARES)),
            memory=draw(st.sampled_from(SHARES)),
            pressure=draw(st.sampled_from(PRESSURE_GUARDS)),
            concurrency=draw(st.none() | st.none() | st.integers(1, 5)),
        ),
        policies=tuple(draw(policies(name, tiers)) for name in names),
        default=draw(policies("default", tiers)),
    )


@st.composite
def readings(draw: st.DrawFn) -> MachineReading:
    """Readings of machines of one to eight cores, idle or overrun."""
    return MachineReading(
        at=AT,
        cpu_capacity=draw(st.sampled_from((1.0, 2.0, 8.0))),
        cpu_used=draw(st.sampled_from((0.0, 0.3, 1.0, 1.7, 8.0))),
        memory_capacity=draw(st.sampled_from((4, 8, 13, 40))) * STEP,
        memory_used=draw(st.integers(0, 40)) * STEP,
        pressure=draw(st.sampled_from(PRESSURES)),
    )


@st.composite
def queued(draw: st.DrawFn, number: int, kinds: list[Work]) -> QueuedRun:
    """A queued run; it may have been admitted by an earlier cycle."""
    admitted, passes = draw(
        st.sampled_from(((None, 0), (None, 0), ("full", 1), ("full", 2), ("reduced", 5), ("gone", 0)))
    )
    return QueuedRun(
        run_id=f"q{number}",
        work=draw(st.sampled_from(kinds)),
        submitted_at=AT - draw(st.sampled_from(AGES)),
        priority=draw(st.sampled_from((0, 0, 1, -1))),
        admitted_mode=admitted,
        passes=passes,
    )


@st.composite
def active(draw: st.DrawFn, number: int, kinds: list[Work]) -> ActiveRun:
    """An active run, seen by its processes or not."""
    launched, started = draw(st.sampled_from(((1.0, None), (9.0, 1.0), (15.0, 15.0), (600.0, 590.0))))
    return ActiveRun(
        run_id=f"a{number}",
        work=draw(st.sampled_from(kinds)),
        mode=draw(st.sampled_from(("full", "full", "reduced", "last_good", "gone"))),
        launched_at=AT - launched,
        started_at=None if started is None else AT - started,
        cpu_used=draw(st.sampled_from((None, 0.0, 0.4, 2.0))),
        memory_used=draw(st.sampled_from((None, STEP, 3 * STEP, 40 * STEP))),
    )


@st.composite
def snapshots(draw: st.DrawFn, *, busy: int = 0) -> Snapshot:
    """Snapshots of up to ten queued runs of a few kinds, and at least ``busy`` active ones."""
    kinds = draw(st.lists(st.sampled_from(WORKS), min_size=1, max_size=4))
    waiting = draw(st.integers(0, 10))
    states = draw(st.lists(st.sampled_from(STATES), max_size=len(ASSETS)))
    return Snapshot(
        at=AT,
        queued=tuple(draw(queued(number, kinds)) for number in range(waiting)),
        active=tuple(draw(active(number, kinds)) for number in range(draw(st.integers(busy, busy + 2)))),
        machine=draw(readings() | readings() | st.none()),
        data={asset: replace(state, asset=asset) for asset, state in zip(ASSETS, states, strict=False)},
        run_limit=draw(st.none() | st.integers(0, 8)),
    )
