"""Arbitrary policy books and snapshots that fit them.

Values come from small sets on purpose: what is interesting happens where two of them meet, such as a run
that fits exactly, or one that has waited for just as long as it may.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.resource_request import estimate_key
from adaptive_assets.planning.snapshot import (
    Action,
    ActiveRun,
    CheckOutcome,
    CheckState,
    Claims,
    DataState,
    Freshness,
    MachineReading,
    Node,
    Pressure,
    QueuedRun,
    RunState,
    SlotKind,
    SlotLimit,
    Snapshot,
    Work,
)
from adaptive_assets.policy import (
    Cost,
    DeclaredEstimate,
    Gates,
    Guards,
    Objective,
    Policy,
    PolicyBook,
    PressureGuards,
    Price,
    Ramp,
    Rung,
    Stage,
    Tier,
    Window,
)

UNHURRIED: Final = settings(
    max_examples=settings().max_examples // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
"""Books and snapshots take a while to make up, on a busy machine more so: a quarter of the usual examples."""

AT: Final = 1_781_524_800.0
"""Noon in London, and early morning in New York."""
STEP: Final = 256 * 2**20
TIERS: Final = ("critical", "standard", "batch")
NAMES: Final = ("p0", "p1", "p2", "default")
ASSETS: Final = ("a", "b", "c")
"""What kinds of work read; runs may have inputs of their own, see ``INPUTS``."""
AGES: Final = (0.0, 1.0, 25.0, 59.0, 60.0, 119.0, 120.0, 290.0, 600.0, 90_000.0)
SHARES: Final = (0.2, 0.5, 0.85, 1.0)

ESTIMATES: Final = tuple(
    DeclaredEstimate(cpu=cpu, memory=steps and steps * STEP, duration=duration)
    for cpu, steps, duration in product(
        (None, 0.0, 0.1, 0.5, 1.0, 1.7, 8.0), (None, 1, 2, 3, 8, 40), (None, 1.0, 30.0, 300.0)
    )
)
GATES: Final = tuple(
    Gates.model_validate(
        {
            "fresh": fresh,
            "checks": checks,
            "upstreams": upstreams,
            "accept_degraded": degraded,
            "wait_at_most": limit,
            "then": then,
        }
    )
    for fresh, checks, upstreams, degraded, (limit, then) in product(
        (None, "pass", "warn"),
        (None, "pass", "warn", {"accept": "warn", "only": ["x"]}, {"only": ["a:x", "y"], "except": ["b:y"]}),
        (None, None, {"only": ["a"]}, {"except": ["b"]}),
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
STAGES: Final = tuple(
    tuple(
        Stage.model_validate(
            {
                "name": name,
                "after": after,
                "optional": optional,
                "reads": reads,
                "estimate": {"cpu": cpu, "memory": steps * STEP, "duration": duration},
            }
        )
        for name, after, optional, reads, (cpu, steps, duration) in stages
    )
    for stages in (
        (("s", (), False, (), (1.0, 2, 20.0)), ("t", (), False, (), (0.5, 3, 30.0))),
        (
            ("s", (), False, ("a",), (0.5, 1, 10.0)),
            ("t", ("s",), False, (), (0.5, 1, 20.0)),
            ("u", ("s",), False, ("b",), (1.0, 2, 20.0)),
            ("v", ("t",), True, ("c",), (1.0, 4, 60.0)),
        ),
        (
            ("s", (), True, ("a", "b"), (2.0, 8, 30.0)),
            ("t", (), False, ("b",), (0.0, 1, 1.0)),
            ("u", (), False, (), (0.2, 1, 25.0)),
            ("v", ("s", "t"), True, (), (0.5, 40, 5.0)),
        ),
    )
)
"""Stages that can go together or in turn, of which some can be left out, for room or for want of data."""
MODES_BELOW: Final = ("reduced", "in_sequence", "essential")
ADMITTED: Final = (None, None, "full", "full", "reduced", "essential", "in_sequence", "gone")
"""In which mode an earlier cycle admitted a run."""
CLAIMS: Final = (
    Claims({"pool:a": 1}, every=("pool:a",)),
    Claims({"pool:a": 1, "tag:t": 1}, every=("pool:a", "tag:t")),
    Claims({"pool:a": 2, "pool:b": 1}, some=("pool:a", "pool:b")),
    Claims({"pool:a": 1, "pool:gone": 1}, some=("pool:a", "pool:gone")),
    Claims({"pool:b": 3}),
)
"""Slots of Dagster's own limits: all of them needed, one of them, or none to begin with."""
PAUSES: Final = ({"shop": AT + 30.0}, {"shop": AT}, {"elsewhere": AT + 30.0})
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
LEARNED: Final = tuple(
    Estimate(duration, cpu, memory, runs=runs, source=source)
    for duration, cpu, memory, (runs, source) in product(
        (Spread.exactly(30.0), Spread(20.0, 60.0, 290.0), Spread.exactly(0.0)),
        (Spread.exactly(0.5), Spread(0.2, 1.7, 2.0), Spread.exactly(0.0), Spread(4.0, 8.0, 64.0)),
        (
            Spread.exactly(STEP),
            Spread(STEP, 2 * STEP, 2 * STEP),
            Spread(STEP, STEP, 8 * STEP),
            Spread.exactly(40 * STEP),
            Spread(0.0, 0.0, STEP),
        ),
        ((20.0, Source.OWN), (4.0, Source.OWN), (20.0, Source.SIMILAR)),
    )
)
"""What was learned: quantities that are known, and such as spread, up to ones with a tail alone."""
NODE_NAMES: Final = ("n0", "n1", "n2")
CLASSES: Final = ("", "spot")
PRICES: Final = (
    Price(per_core_hour=1.0),
    Price(per_core_hour=0.1, node_class="spot"),
    Price.model_validate({"per_core_hour": 0.5, "hours": "09:00-17:00"}),
    Price.model_validate({"per_core_hour": 3.0, "node_class": "spot", "hours": "22:00-06:00"}),
)
COSTS: Final = (Cost(at_most=0.1), Cost(at_most=0.5, latest=60.0), Cost(at_most=1.0, latest=600.0))
OWNERS: Final = ("alice", "bob")
PATIENCES: Final = (7200.0, 7200.0, 7200.0, 300.0, 60.0)
ACTIONS: Final = (
    (),
    (Action.SUSPEND,),
    (Action.REQUEUE,),
    (Action.SUSPEND, Action.REQUEUE),
    (Action.SUSPEND, Action.REQUEUE),
)
WORKS: Final = tuple(
    Work(name, policy, "shop" if reads else "", (), reads, degradable, composable, undefined=undefined)
    for name, policy, reads, degradable, composable, undefined in product(
        ("x", "y"),
        (*NAMES, "gone"),
        ((), ("a",), ("b", "c")),
        (True, False),
        (True, False),
        ((), (), (), ("a",)),
    )
)
STATES: Final = (
    DataState("a", unreadable=True),
    DataState("a", AT, missing=("1",)),
    *(
        DataState("a", None if age is None else AT - age, freshness, outcomes, mode, external)
        for age, freshness, outcomes, mode, external in product(
            (None, 0.0, 600.0),
            Freshness,
            (
                (),
                *((CheckOutcome("x", state),) for state in CheckState),
                (CheckOutcome("x", CheckState.FAIL), CheckOutcome("y", CheckState.NOT_EVALUATED)),
            ),
            ("full", "reduced"),
            (False, False, False, True),
        )
    ),
)
INPUTS: Final = (*ASSETS, "a[1]", "a[2]", "b[1]", "b[1 to 3 (3)]")
"""The keys of what runs read: whole assets, and partitions of them."""


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
        stages=draw(st.just(()) | st.sampled_from(STAGES)),
        window=draw(st.none() | st.none() | st.sampled_from(WINDOWS)),
        estimate=draw(estimates),
        cost=draw(st.none() | st.none() | st.sampled_from(COSTS)),
        owner=draw(st.none() | st.sampled_from(OWNERS)),
        weight=draw(st.sampled_from((1.0, 1.0, 3.0))),
        opportunity=draw(st.sampled_from((False, False, False, False, True))),
    )


@st.composite
def staged(draw: st.DrawFn) -> tuple[PolicyBook, Snapshot]:
    """A book and a snapshot in which there is much to compose: every policy has stages that can be left out.

    Its runs wait for room on one machine, or for the data of some stage, and have not much time.
    """
    book = draw(books())
    stages = st.sampled_from([each for each in STAGES if any(stage.optional for stage in each)])
    estimates = st.sampled_from((None, None, None, DeclaredEstimate(memory=6 * STEP, duration=100.0)))
    dues = st.none() | st.sampled_from((60.0, 130.0, 300.0))
    changed = [
        policy.model_copy(
            update={
                "stages": draw(stages),
                "estimate": draw(estimates),
                "objective": Objective(deadline=draw(dues)),
                "window": None,
                "cost": None,
            }
        )
        for policy in (*book.policies, book.default)
    ]
    snapshot = draw(snapshots(alone=True))
    works: dict[Work, Work] = {}

    def able(work: Work) -> Work:
        return works.setdefault(work, replace(work, degradable=True, composable=True))

    reading = draw(readings())
    machine = replace(
        reading,
        cpu_capacity=4.0,
        memory_capacity=40 * STEP,
        memory_used=min(reading.memory_used, 24 * STEP),
        pressure=Pressure(),
    )
    return book.model_copy(
        update={
            "policies": tuple(changed[:-1]),
            "default": changed[-1],
            "guards": Guards(cpu=draw(st.sampled_from(SHARES)), memory=draw(st.sampled_from(SHARES[1:]))),
        }
    ), replace(
        snapshot,
        queued=tuple(replace(run, work=able(run.work), deadline_at=None) for run in snapshot.queued),
        active=tuple(replace(run, work=able(run.work)) for run in snapshot.active[:2]),
        machine=machine,
        run_limit=None,
        estimates={},
        promoted_at=None,
    )


@st.composite
def tiers_of(draw: st.DrawFn, names: tuple[str, ...]) -> tuple[Tier, ...]:
    """Tiers of these names, each of which preempts some of those below it."""
    return tuple(
        Tier(
            name=name,
            preempts=tuple(lower for lower in names[place + 1 :] if draw(st.booleans())),
            preemption=draw(st.sampled_from((None, "renice", "suspend", "requeue", "requeue"))),
            patience=draw(st.sampled_from(PATIENCES)),
        )
        for place, name in enumerate(names)
    )


@st.composite
def books(draw: st.DrawFn) -> PolicyBook:
    """Books of up to three tiers and three policies beside the default."""
    tiers = TIERS[: draw(st.integers(1, len(TIERS)))]
    names = NAMES[: draw(st.integers(0, len(NAMES) - 1))]
    return PolicyBook(
        version=1,
        tiers=draw(tiers_of(tiers)),
        guards=Guards(
            cpu=draw(st.sampled_from(SHARES)),
            memory=draw(st.sampled_from(SHARES)),
            pressure=draw(st.sampled_from(PRESSURE_GUARDS)),
            concurrency=draw(st.none() | st.none() | st.integers(1, 5)),
            adaptive=draw(st.booleans()),
            ramp=draw(st.none() | st.none() | st.builds(Ramp, runs=st.integers(1, 3), every=st.just(60.0))),
        ),
        policies=tuple(draw(policies(name, tiers)) for name in names),
        prices=draw(st.just(()) | st.lists(st.sampled_from(PRICES), max_size=3).map(tuple)),
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
def machines(draw: st.DrawFn, name: str) -> Node:
    """A node of that name, heard of just now, just within its lease, or too long ago."""
    return Node(
        name,
        draw(readings() | readings() | readings() | st.none()),
        AT - draw(st.sampled_from((0.0, 0.0, 5.0, 60.0, 61.0))),
        draw(st.sampled_from(CLASSES)),
    )


@st.composite
def queued(draw: st.DrawFn, number: int, kinds: list[Work]) -> QueuedRun:
    """A queued run; it may have been admitted by an earlier cycle."""
    due = draw(st.sampled_from((None, None, None, None, -10.0, 20.0, 75.0, 400.0)))
    return QueuedRun(
        run_id=f"q{number}",
        work=draw(st.sampled_from(kinds)),
        submitted_at=AT - draw(st.sampled_from(AGES)),
        priority=draw(st.sampled_from((0, 0, 1, -1))),
        admitted_mode=draw(st.sampled_from(ADMITTED)),
        deadline_at=None if due is None else AT + due,
        estimate=draw(st.none() | st.none() | st.none() | st.sampled_from(LEARNED)),
        preempted=draw(st.integers(0, 3)),
        claims=draw(st.none() | st.none() | st.none() | st.sampled_from(CLAIMS)),
        inputs=draw(st.none() | st.lists(st.sampled_from(INPUTS), max_size=3, unique=True).map(tuple)),
    )


@st.composite
def slot_limits(draw: st.DrawFn) -> Mapping[str, SlotLimit]:
    """Limits of Dagster's own, with slots or without."""
    return {
        key: SlotLimit(SlotKind(key.partition(":")[0]), key.partition(":")[2], 2, draw(st.integers(-2, 3)))
        for key in draw(st.sets(st.sampled_from(("pool:a", "pool:b", "tag:t"))))
    }


@st.composite
def active(draw: st.DrawFn, number: int, kinds: list[Work], nodes: tuple[str, ...]) -> ActiveRun:
    """An active run, seen by its processes or not, which may have given way."""
    launched, started = draw(st.sampled_from(((1.0, None), (9.0, 1.0), (15.0, 15.0), (600.0, 590.0))))
    state = draw(st.sampled_from((*RunState, RunState.RUNNING, RunState.RUNNING)))
    changed = state is not RunState.RUNNING
    return ActiveRun(
        run_id=f"a{number}",
        work=draw(st.sampled_from(kinds)),
        mode=draw(st.sampled_from(("full", "full", *MODES_BELOW, "last_good", "gone"))),
        launched_at=AT - launched,
        started_at=None if started is None else AT - started,
        cpu_used=draw(st.sampled_from((None, 0.0, 0.4, 2.0))),
        memory_used=draw(st.sampled_from((None, STEP, 3 * STEP, 40 * STEP))),
        node=draw(st.sampled_from(nodes)) if nodes else "",
        state=state,
        submitted_at=AT - launched - draw(st.sampled_from((0.0, 30.0, 600.0))),
        estimate=draw(st.none() | st.none() | st.sampled_from(LEARNED)),
        actions=draw(st.sampled_from(ACTIONS)),
        ran_s=draw(st.none() | st.just(25.0)),
        preempted=draw(st.integers(0, 3)),
        acted_at=AT - draw(st.sampled_from((5.0, 59.0, 60.0, 300.0, 900.0))) if changed else None,
    )


def state_of(key: str, state: DataState) -> DataState:
    """The state as that of the input with this key."""
    asset, _, partitions = key.removesuffix("]").partition("[")
    return replace(state, asset=asset, partitions=partitions)


@st.composite
def snapshots(draw: st.DrawFn, *, busy: int = 0, alone: bool = False) -> Snapshot:
    """Snapshots of up to ten queued runs of a few kinds, and at least ``busy`` active ones.

    They are of one machine or of several nodes; ``alone``: of one machine.
    """
    kinds = draw(st.lists(st.sampled_from(WORKS), min_size=1, max_size=4))
    waiting = draw(st.integers(0, 10))
    states = draw(st.dictionaries(st.sampled_from(INPUTS), st.sampled_from(STATES), max_size=len(INPUTS)))
    names = () if alone else NODE_NAMES[: draw(st.sampled_from((0, 0, 1, 2, 3)))]
    keys = st.sampled_from([estimate_key(work, mode) for work in kinds for mode in ("full", *MODES_BELOW)])
    return Snapshot(
        at=AT,
        queued=tuple(draw(queued(number, kinds)) for number in range(waiting)),
        active=tuple(
            draw(active(number, kinds, names)) for number in range(draw(st.integers(busy, busy + 3)))
        ),
        machine=None if names else draw(readings() | readings() | st.none()),
        data={key: state_of(key, state) for key, state in states.items()},
        run_limit=draw(st.none() | st.integers(0, 8)),
        nodes=tuple(draw(machines(name)) for name in names),
        estimates=draw(st.just({}) | st.dictionaries(keys, st.sampled_from(LEARNED), max_size=3)),
        usage=draw(
            st.just({})
            | st.dictionaries(st.sampled_from((*NAMES, *OWNERS)), st.sampled_from((500.0, 5000.0, 9e6)))
        ),
        weighted=draw(st.booleans()),
        promoted_at=draw(st.none() | st.sampled_from((AT, AT - 100.0, AT - 3600.0))),
        limits=draw(slot_limits()),
        paused=draw(st.just({}) | st.just({}) | st.just({}) | st.sampled_from(PAUSES)),
        launches=tuple(
            AT - ago for ago in draw(st.lists(st.sampled_from((0.0, 5.0, 59.9, 60.0)), max_size=3))
        ),
        actions=draw(st.sampled_from(ACTIONS)),
    )
