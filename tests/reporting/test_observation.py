"""The report on a trial: what was decided of whom, and the same runs under stock and under ours."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from adaptive_assets.ledger import Ledger, RunUsageRow, sqlite_ledger_url
from adaptive_assets.planning.decisions import Decision, Verdict
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.snapshot import ActiveRun, MachineReading, QueuedRun, Snapshot, Work
from adaptive_assets.planning.work_key import work_key
from adaptive_assets.policy import parse_policy_book
from adaptive_assets.reporting.observation.counterfactual import (
    Counterfactual,
    Course,
    Lived,
    NoMachineError,
    play,
)
from adaptive_assets.reporting.observation.figures import against, figures, moved, tiers_of
from adaptive_assets.reporting.observation.trial import Trial, read_trial
from adaptive_assets.simulation.engine.cluster import Cluster

GIB = 2**30
START = 1_700_000_000.0
HOT, BULK = Work("hot", "hot"), Work("bulk", "bulk")
BOOK = parse_policy_book(
    """
version: 1
guards: {cpu: 100%, memory: 80%}
policies:
  - {name: hot, jobs: [hot], tier: critical, objective: {deadline: 3m}}
  - {name: bulk, jobs: [bulk], tier: batch}
""",
    "policies.yaml",
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with the book in force."""
    opened = Ledger.open(sqlite_ledger_url(tmp_path))
    opened.record_revision(
        at=START, revision=BOOK.revision, source="policies.yaml", content=json.loads(BOOK.content())
    )
    yield opened
    opened.dispose()


def decision(verdict: Verdict, code: ReasonCode, *runs: QueuedRun, mode: str = "full") -> Decision:
    """A decision on runs of one kind."""
    return Decision(verdict, runs[0].work, "batch", mode, (Reason(code, sentence="so"),), runs)


def cycle(ledger: Ledger, after_s: float, queued: list[QueuedRun], *decisions: Decision) -> None:
    """What the cycle at that time saw and decided anew."""
    at = START + after_s
    ledger.record_cycle(
        at=at,
        node="a",
        revision=BOOK.revision,
        snapshot=Snapshot(at, tuple(queued)),
        decisions=decisions,
    )


def usage(
    run_id: str,
    work: Work,
    after_s: float,
    *,
    wait_s: float = 4.0,
    seconds: float = 60.0,
    status: str = "SUCCESS",
) -> RunUsageRow:
    """A run that held a core and 6 GiB."""
    began = START + after_s + wait_s
    return RunUsageRow(
        run_id=run_id,
        work_key=work_key(work),
        policy=work.policy,
        mode="full",
        node="a",
        status=status,
        submitted_at=START + after_s,
        launched_at=None,
        started_at=began,
        ended_at=began + seconds,
        cpu_seconds=seconds,
        memory_peak=6 * GIB,
    )


def reading(ledger: Ledger, after_s: float, memory_gib: float) -> None:
    """A machine of 4 cores and 16 GiB."""
    machine = MachineReading(START + after_s, 4.0, 0.0, 16 * GIB, round(memory_gib * GIB))
    ledger.record_reading(at=START + after_s, node="a", reading=machine)


def trial_of(ledger: Ledger, since_s: float = 0.0) -> Trial:
    """The first hour, from so many seconds on."""
    return read_trial(ledger, START + since_s, START + 3600, START)


def test_each_run_counts_by_what_was_decided_when_it_was_first_seen(ledger: Ledger) -> None:
    """Also one that joins a kind that waits, of which no decision names it."""
    one, two, three, four = (QueuedRun(name, BULK, START + 10 * place) for place, name in enumerate("abcd"))
    high = QueuedRun("h", HOT, START + 40, priority=7)
    cycle(ledger, 1, [one], decision(Verdict.DEFER, ReasonCode.MEMORY, one))
    cycle(ledger, 11, [one, two])
    cycle(ledger, 21, [two, three], decision(Verdict.LAUNCH, ReasonCode.FITS, two))
    cycle(ledger, 31, [four], decision(Verdict.DEFER, ReasonCode.POOL, four))
    cycle(ledger, 41, [four, high], decision(Verdict.DEGRADE, ReasonCode.DEADLINE, high, mode="reduced"))
    cycle(ledger, 51, [four], decision(Verdict.FAIL, ReasonCode.WAITED, four))
    found = trial_of(ledger).decided
    assert found.seen == {"a", "b", "c", "d", "h"}
    assert found.held == {"memory": 3, "pool": 1}
    assert (found.launched, found.degraded, found.failed) == (0, {"reduced": 1}, 1)
    assert found.priorities == {"h": 7}
    later = trial_of(ledger, since_s=15).decided
    assert later.seen == {"c", "d", "h"}
    assert later.held == {"memory": 1, "pool": 1}


def test_what_is_left_out_is_counted(ledger: Ledger) -> None:
    """What did not end with success, by its status; what came before or after is not of the trial."""
    ledger.record_usage(
        usages=[
            usage("a", BULK, 0),
            usage("b", BULK, 60, status="FAILURE"),
            usage("c", BULK, 90, status="CANCELED"),
            usage("early", BULK, -10),
            usage("late", BULK, 4000),
        ]
    )
    trial = trial_of(ledger)
    assert [run.run_id for run in trial.workload.runs] == ["a"]
    assert trial.left_out == {"FAILURE": 1, "CANCELED": 1}


def test_the_runs_are_played_under_stock_and_under_ours(ledger: Ledger) -> None:
    """Six of 6 GiB at once on 16 GiB: stock overcommits the memory, ours makes batch wait.

    Ours has learned by then what such a run takes: it begins with nothing.
    """
    alone = [usage(f"a{place}", BULK, 100 * place, seconds=60) for place in range(6)]
    crowd = [usage(f"b{place}", BULK, 900 + place, seconds=60) for place in range(6)]
    ledger.record_usage(usages=[*alone, *crowd, usage("h", HOT, 930, seconds=20)])
    for after_s, memory in ((0, 1.0), (60, 15.0), (120, 15.5), (600, 1.0)):
        reading(ledger, after_s, memory)
    trial = trial_of(ledger)
    assert trial.over_guard == 0.5
    found = play(trial, stock_limit=10, our_limit=None, cycle_s=5.0)
    assert tiers_of(found, ["critical", "standard", "batch"]) == ["critical", "batch"]
    measured = figures(found.measured, "batch")
    assert (measured.start_mean_s, measured.turnaround_mean_s) == (4.0, 64.0)
    stock, ours = figures(found.stock), figures(found.ours)
    assert stock.kills > ours.kills
    assert ours.unfinished == 0
    assert (found.stock.over_guard or 0) > (found.ours.over_guard or 0)


def test_what_others_use_is_what_runs_do_not(ledger: Ledger) -> None:
    """The median over the cycles in which every run could be seen."""
    for after_s, cpu, own, memory in ((1, 3.0, 2.5, 9), (2, 1.5, 0.5, 5), (3, 4.0, None, 15)):
        run = ActiveRun("x", BULK, "full", START, cpu_used=own, memory_used=None if own is None else 3 * GIB)
        machine = MachineReading(START + after_s, 4.0, cpu, 16 * GIB, memory * GIB)
        snapshot = Snapshot(START + after_s, active=(run,), machine=machine)
        ledger.record_cycle(
            at=START + after_s, node="a", revision=BOOK.revision, snapshot=snapshot, decisions=()
        )
    assert trial_of(ledger).others == (0.75, 4 * GIB)


def test_a_limit_on_runs_holds_in_the_play_of_stock(ledger: Ledger) -> None:
    """One at once, by priority before submission; no limit is no limit."""
    ledger.record_usage(usages=[usage(name, BULK, 0, seconds=100) for name in "abc"])
    reading(ledger, 0, 0.0)
    runs = [QueuedRun(name, BULK, START, priority=5 * (name == "c")) for name in "abc"]
    cycle(ledger, 0, runs, decision(Verdict.DEFER, ReasonCode.MEMORY, *runs))
    one = play(trial_of(ledger), stock_limit=1, our_limit=None, cycle_s=5.0).stock.runs
    ends = {run_id: lived.turnaround_s or 0 for run_id, lived in one.items()}
    assert sorted(ends, key=ends.__getitem__) == ["c", "a", "b"]
    assert ends["b"] > 300
    free = play(trial_of(ledger), stock_limit=None, our_limit=None, cycle_s=5.0).stock.runs
    assert all((lived.turnaround_s or 0) < 200 for lived in free.values())


def test_without_a_reading_there_is_no_machine_to_play_on(ledger: Ledger) -> None:
    """It is said, not guessed."""
    ledger.record_usage(usages=[usage("a", BULK, 0)])
    with pytest.raises(NoMachineError):
        play(trial_of(ledger), stock_limit=10, our_limit=None, cycle_s=5.0)


def test_what_speaks_against_us_is_told_and_noise_is_not() -> None:
    """A time that is 5% and a second longer, any count that is higher, and memory over the guard."""

    def course(*runs: Lived, over: float = 0.0) -> Course:
        return Course("any", {str(place): run for place, run in enumerate(runs)}, over)

    stock = course(Lived("batch", 10.0, 100.0, has_deadline=True), Lived("batch", 10.0, 100.0))
    ours = course(
        Lived("batch", 10.5, 160.0, has_deadline=True, missed=True), Lived("batch", 2.0, None), over=0.2
    )
    found = Counterfactual(Cluster.of(4, GIB), 10, (0.0, 0), stock, stock, ours)
    told = [(each.tier, each.figure) for each in against(found, ["batch"])]
    assert told == [
        ("batch", "turnaround, mean"),
        ("batch", "turnaround, 95%"),
        ("batch", "deadlines missed"),
        ("batch", "never ended"),
        ("", "time with memory over the guard"),
    ]
    gaps = moved(found)
    assert (gaps.later, gaps.later_median_s, gaps.later_most_s, gaps.sooner) == (2, 60.0, 60.0, 0)
