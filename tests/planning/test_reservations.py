"""Reserved starts: what may pass a blocked run, and that what passes does not delay it."""

from math import inf

from hypothesis import assume, given
from hypothesis import strategies as st

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.expected_completions import ends_at
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.resource_request import request_of
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Snapshot
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy import PolicyBook
from tests.planning.compact import book_of, snapshot_of
from tests.planning.forecast import SLIVER
from tests.planning.strategies import UNHURRIED
from tests.planning.toy import GIB, Toy

SIZES = st.sampled_from((64, 256, 512, 1024, 1536, 2048, 3072, 5000))
CORES = st.sampled_from((0.0, 0.1, 0.5, 1.0, 1.7, 3.0))
TIMES = st.sampled_from((10, 30, 60, 120, 600))


@st.composite
def lines(draw: st.DrawFn) -> tuple[PolicyBook, dict[str, float], int]:
    """A large run at the head of its tier, small ones behind it, and the ages of some that are active."""
    kinds = [
        {
            "name": name,
            "estimate": {"cpu": draw(CORES), "memory": f"{draw(SIZES)}MiB", "duration": f"{draw(TIMES)}s"},
        }
        for name in ("head", "p0", "p1", "p2")
    ]
    ages = {
        f"p{n % 3}-{n}": float(draw(st.sampled_from((20, 25, 40, 100))))
        for n in range(draw(st.integers(1, 5)))
    }
    return book_of({"policies": kinds}), ages, draw(st.integers(0, 6))


def situation(book: PolicyBook, ages: dict[str, float], behind: int) -> Snapshot:
    """Four cores and eight gibibytes; the head of the line was submitted first."""
    active = [
        {
            "run": f"a{number}",
            "policy": number.split("-")[0],
            "launched": f"{age + TUNING.launch_s}s",
            "started": f"{age}s",
            "cpu_used": request_of(book.policy(number.split("-")[0]), "full").cpu,
            "memory_used": f"{request_of(book.policy(number.split('-')[0]), 'full').memory}B",
        }
        for number, age in ages.items()
    ]
    machine = {
        "cpu_used": sum(float(str(run["cpu_used"])) for run in active),
        "memory_used": f"{sum(int(str(run['memory_used'])[:-1]) for run in active)}B",
    }
    queued = [
        {"run": "head", "policy": "head", "waited": "60s", "priority": 1},
        *({"run": f"q{n}", "policy": f"p{n % 3}", "waited": f"{30 - n}s"} for n in range(behind)),
    ]
    return snapshot_of(machine=machine, active=active, queued=queued)


def start_of_head(snapshot: Snapshot, book: PolicyBook, passing: list[QueuedRun]) -> float:
    """When the head finds room, if all goes on for as long as it is expected to, and ``passing`` go now."""
    assert snapshot.machine is not None
    guarded = 4 * book.guards.cpu
    cores, memory = guarded if book.guards.cpu < 1 else 4 * TUNING.overcommit, 8 * GIB * book.guards.memory
    requests = ResourceRequests(snapshot, book)

    def takes(run: QueuedRun | ActiveRun) -> tuple[float, float]:
        request = request_of(book.policy(run.work.policy), "full")
        return request.cpu, request.memory

    def insists(run: QueuedRun) -> tuple[float, float]:
        cpu, size = takes(run)
        return min(cpu, guarded / 2), size

    until = [(ends_at(run, requests.of_run(run), snapshot.at, TUNING), takes(run)) for run in snapshot.active]
    until += [
        (
            snapshot.at + TUNING.launch_s + request_of(book.policy(run.work.policy), "full").duration,
            insists(run),
        )
        for run in passing
    ]
    needs = insists(next(run for run in snapshot.queued if run.run_id == "head"))
    for moment in sorted({snapshot.at, *(end for end, _ in until)}):
        held = [taken for end, taken in until if end > moment]
        if sum(cpu for cpu, _ in held) + needs[0] <= cores + SLIVER and (
            sum(size for _, size in held) + needs[1] <= memory
        ):
            return moment
    return inf


@UNHURRIED
@given(lines())
def test_what_passes_does_not_delay_the_head_of_the_line(
    line: tuple[PolicyBook, dict[str, float], int],
) -> None:
    """By the planner's own prediction of when each run ends, written down a second time."""
    book, ages, behind = line
    snapshot = situation(book, ages, behind)
    decided = plan(snapshot, book)
    by_run = decided.by_run()
    assume(by_run["head"].verdict is Verdict.DEFER)
    passing = [decision.runs[0] for decision in decided.admitted()]
    alone = start_of_head(snapshot, book, [])
    assume(alone < inf)
    assert start_of_head(snapshot, book, passing) <= alone + SLIVER


@UNHURRIED
@given(lines())
def test_what_passes_does_not_delay_the_head_in_a_world_that_goes_as_expected(
    line: tuple[PolicyBook, dict[str, float], int],
) -> None:
    """Nor when plan after plan lets others pass: it starts no later than when it has the line for itself."""
    book, ages, behind = line

    def world(others: int) -> Toy:
        toy = Toy(book, {"": (4.0, 8 * GIB)})
        for number in ages:
            toy.submit(number.split("-")[0], number)
        toy.run(20.0)
        toy.submit("head", "head", priority=1)
        for n in range(others):
            toy.submit(f"p{n % 3}", f"q{n}")
        return toy

    alone, crowded = world(0), world(behind)
    assume(not alone.queued[:-1])
    for toy in (alone, crowded):
        toy.run_until(lambda toy=toy: "head" in toy.launched, 1500.0, lambda: None)  # type: ignore[misc]
    assume("head" in alone.launched)
    assert "head" in crowded.launched
    assert crowded.launched["head"] <= alone.launched["head"] + 2 * crowded.cycle_s


BOOK = book_of(
    {
        "policies": [
            {"name": "large", "estimate": {"cpu": 1, "memory": "5GiB", "duration": "10m"}},
            {"name": "half", "estimate": {"cpu": 1, "memory": "3GiB", "duration": "10m"}},
            {"name": "long", "estimate": {"cpu": 0.1, "memory": "2GiB", "duration": "1h"}},
            {"name": "quick", "estimate": {"cpu": 0.1, "memory": "2GiB", "duration": "2m"}},
            {"name": "slim", "estimate": {"cpu": 0.1, "memory": "1GiB", "duration": "1h"}},
        ]
    }
)
HALF = {"run": "a", "policy": "half", "started": "5m", "cpu_used": 1, "memory_used": "3GiB"}
HALF_FULL = {"cpu_used": 1, "memory_used": "3GiB"}


def test_what_ends_before_the_reserved_start_may_pass() -> None:
    """And what would not end before, and takes what is reserved, waits and says behind whom."""
    queued = [
        {"run": "large", "policy": "large", "waited": "3m", "priority": 1},
        {"run": "long", "policy": "long", "waited": "2m", "priority": 1},
        {"run": "quick", "policy": "quick", "waited": "1m"},
        {"run": "slim", "policy": "slim"},
    ]
    decided = plan(snapshot_of(machine=HALF_FULL, active=[HALF], queued=queued), BOOK)
    by_run = decided.by_run()
    assert by_run["large"].reason.code is ReasonCode.MEMORY
    assert by_run["long"].reason.code is ReasonCode.BEHIND
    assert by_run["long"].reason.sentence.startswith("waits behind `large` (standard), which is to")
    assert by_run["long"].reason.numbers["starts_in_s"] == 300.0
    assert by_run["quick"].verdict is Verdict.LAUNCH, "it ends before"
    assert by_run["slim"].verdict is Verdict.LAUNCH, "it takes only what is left over then"


def test_what_is_left_over_is_left_over_once() -> None:
    """Two that would each fit beside the reserved start, and not together: one goes."""
    queued = [
        {"run": "large", "policy": "large", "waited": "3m", "priority": 1},
        {"run": "slim1", "policy": "slim", "waited": "2m"},
        {"run": "slim2", "policy": "slim", "waited": "1m"},
    ]
    by_run = plan(snapshot_of(machine=HALF_FULL, active=[HALF], queued=queued), BOOK).by_run()
    assert by_run["slim1"].verdict is Verdict.LAUNCH
    assert by_run["slim2"].reason.code is ReasonCode.BEHIND


def test_a_full_pool_does_not_hide_an_empty_one() -> None:
    """A head that no end of ours makes room for holds back nobody who fits beside it."""
    stranger = {"memory_used": "3GiB"}
    queued = [{"run": "large", "policy": "large", "waited": "3h"}, {"run": "slim", "policy": "slim"}]
    by_run = plan(snapshot_of(machine=stranger, active=[{"run": "a"}], queued=queued), BOOK).by_run()
    assert by_run["large"].reason.code is ReasonCode.MEMORY
    assert by_run["slim"].verdict is Verdict.LAUNCH


def test_one_huge_run_goes_in_a_stream_of_small_ones() -> None:
    """As soon as what was active has ended; and meanwhile the small ones do not stand still."""
    toy = Toy(BOOK, {"": (4.0, 8 * GIB)})

    def stream() -> None:
        for kind in ("quick", "slim", "long"):
            if toy.waiting(kind) < 3:
                toy.submit(kind, f"{kind}-{toy.at:.0f}")

    toy.run(7200.0, stream)
    toy.submit("large", "large", priority=1)
    before = len(toy.launched)
    waited = toy.run_until(lambda: "large" in toy.launched, 7200.0, stream)
    assert waited <= 3600.0 + 2 * (TUNING.launch_s + toy.cycle_s)
    assert len(toy.launched) > before + 1


def test_a_large_run_lets_small_ones_pass_for_an_eighth_of_patience() -> None:
    """And then goes as soon as what is active has ended, though there are more of them all the time."""
    toy = Toy(BOOK, {"": (4.0, 8 * GIB)})

    def stream() -> None:
        while toy.waiting("quick") < 3:
            toy.submit("quick", f"quick-{len(toy.submitted)}")

    toy.run(600.0, stream)
    toy.submit("large", "large")
    waited = toy.run_until(lambda: "large" in toy.launched, 7200.0, stream)
    assert 900.0 <= waited <= 900.0 + 120.0 + 2 * (TUNING.launch_s + toy.cycle_s)


def test_a_run_that_has_just_started_gives_back_what_was_promised_to_it() -> None:
    """Also where its CPU in use can be seen, and is next to nothing yet."""
    book = book_of(
        {
            "guards": {"cpu": "85%"},
            "policies": [
                {"name": "head", "estimate": {"cpu": 1.7, "memory": "64MiB", "duration": "10m"}},
                {"name": "small", "estimate": {"cpu": 0.5, "memory": "64MiB", "duration": "1h"}},
            ],
        }
    )
    just = {
        "run": "a",
        "policy": "head",
        "launched": "6s",
        "started": "1s",
        "cpu_used": 0.0,
        "memory_used": "1MiB",
    }
    more = {**just, "run": "b", "policy": "small"}
    queued = [{"run": "head", "policy": "head", "waited": "5s"}, {"run": "small", "policy": "small"}]
    by_run = plan(snapshot_of(active=[just, more], queued=queued), book).by_run()
    assert by_run["head"].reason.code is ReasonCode.CPU
    assert by_run["small"].verdict is Verdict.LAUNCH, "1.7 and 0.5 and 0.5 are free once the first has ended"
    queued.append({"run": "small2", "policy": "small"})
    queued.append({"run": "small3", "policy": "small"})
    by_run = plan(snapshot_of(active=[just, more], queued=queued), book).by_run()
    held = [run for run in ("small", "small2", "small3") if by_run[run].verdict is Verdict.DEFER]
    assert held, "the room that the first gives back is reserved"


def test_a_run_admitted_now_gives_back_all_the_cpu_that_it_takes() -> None:
    """It counts with every core that it is expected to use, though it insisted on fewer to start."""
    book = book_of({"guards": {"cpu": "85%"}, "default": {"estimate": {"cpu": 4, "duration": "60s"}}})
    snapshot = snapshot_of(queued=[{"run": "r1", "waited": "2m"}, {"run": "r2", "waited": "1m"}])
    decided = plan(snapshot, book)
    assert [decision.verdict for decision in decided.decisions] == [Verdict.LAUNCH, Verdict.DEFER]
    assert decided.starts == {"r2": 60.0 + TUNING.launch_s}


def test_a_run_gives_back_no_more_cores_than_the_machine_has() -> None:
    """It was counted with no more either: two that would like 16 of 4 do not make place for three others."""
    book = book_of(
        {
            "policies": [
                {"name": "wide", "estimate": {"cpu": 16, "duration": "60s"}},
                {"name": "long", "estimate": {"cpu": 4, "duration": "1h"}},
            ]
        }
    )
    active = [
        {"run": name, "policy": policy, "launched": "10s", "started": "10s", "cpu_used": 2}
        for name, policy in (("a", "wide"), ("b", "long"))
    ]
    snapshot = snapshot_of(active=active, queued=[{"run": "r", "policy": "wide"}])
    assert plan(snapshot, book).starts == {"r": 3590.0}


def test_a_wide_run_that_passes_takes_what_it_counts_with() -> None:
    """Not what it insists on to start: all of it counts when the head of the line is to start."""
    book = book_of(
        {
            "policies": [
                {"name": "half", "estimate": {"cpu": 0, "memory": "3GiB", "duration": "10m"}},
                {"name": "head", "estimate": {"cpu": 2, "memory": "5GiB", "duration": "10m"}},
                {"name": "wide", "estimate": {"cpu": 4, "memory": "1MiB", "duration": "1h"}},
            ]
        }
    )
    active = {**HALF, "cpu_used": 0}
    queued = [{"run": "h", "policy": "head", "waited": "1m", "priority": 1}, {"run": "w", "policy": "wide"}]
    decided = plan(snapshot_of(machine={"memory_used": "3GiB"}, active=[active], queued=queued), book)
    reasons = {run_id: decision.reason.code for run_id, decision in decided.by_run().items()}
    assert reasons == {"h": ReasonCode.MEMORY, "w": ReasonCode.BEHIND}
