"""What ``plan()`` says: verdicts, the reasons behind them, and the plan that holds them together."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from typing_extensions import override

from adaptive_assets.planning.concurrency_state import ConcurrencyLimit
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Work


class Verdict(StrEnum):
    """What becomes of a run in this cycle: the first four are for queued runs, the others for active ones."""

    LAUNCH = "launch"
    """To do everything: in full, or with its stages one after another."""
    DEGRADE = "degrade"
    """Launched, to do less."""
    DEFER = "defer"
    FAIL = "fail"
    """Its policy says that it must fail rather than wait longer for its data."""
    KEEP = "keep"
    """It goes on as it is."""
    SLOW = "slow"
    """It goes on with what CPU others leave."""
    SUSPEND = "suspend"
    """It stops until there is room again."""
    RESUME = "resume"
    """It goes on at full speed, after it was slowed down or suspended."""
    REQUEUE = "requeue"
    """It ends and goes back to the queue."""

    @property
    def admits(self) -> bool:
        """Whether the run leaves the queue to run."""
        return self in (Verdict.LAUNCH, Verdict.DEGRADE)

    @property
    def changes(self) -> bool:
        """Whether an active run is told to do something else than before."""
        return self in (Verdict.SLOW, Verdict.SUSPEND, Verdict.RESUME, Verdict.REQUEUE)


class ReasonCode(StrEnum):
    """Why; one code for each rule, what can never run first."""

    NEVER_FITS = "never_fits"
    INPUTS_UNKNOWN = "inputs_unknown"
    DATA_MISSING = "data_missing"
    DATA_STALE = "data_stale"
    FRESHNESS_NOT_EVALUATED = "freshness_not_evaluated"
    CHECK_FAILED = "check_failed"
    CHECK_NOT_EVALUATED = "check_not_evaluated"
    DATA_DEGRADED = "data_degraded"
    OUTSIDE_WINDOW = "outside_window"
    PRICE = "price"
    LOCATION_PAUSED = "location_paused"
    POOL = "pool"
    TAG_LIMIT = "tag_limit"
    NO_READING = "no_reading"
    MEMORY = "memory"
    CPU = "cpu"
    PRESSURE = "pressure"
    CONCURRENCY = "concurrency"
    ADAPTIVE_CONCURRENCY = "pace"
    RAMP = "ramp"
    NOT_IDLE = "not_idle"
    BEHIND = "behind"
    DEADLINE = "deadline"
    WAITED = "waited"
    COMPOSED = "composed"
    FORCED = "forced"
    FITS = "fits"
    GIVES_WAY = "gives_way"
    MEMORY_RUNS_OUT = "memory_runs_out"
    CAPACITY_AGAIN = "room_again"
    KEPT = "kept"


Numbers = Mapping[str, float | int | str | None]


class Reason:
    """One rule that spoke: its code, one sentence, and its numbers (bytes, cores, seconds, shares).

    Where the sentence is a function of the numbers, it is made when it is first read: of the thousands of
    kinds of work that may wait, few are told anew in any one cycle.
    """

    __slots__ = ("_sentence", "code", "numbers")

    def __init__(
        self, code: ReasonCode, sentence: str | Callable[[Numbers], str], numbers: Numbers | None = None
    ) -> None:
        self.code: Final = code
        self.numbers: Final[Numbers] = {} if numbers is None else numbers
        self._sentence = sentence

    @property
    def sentence(self) -> str:
        """What people read."""
        if not isinstance(self._sentence, str):
            self._sentence = self._sentence(self.numbers)
        return self._sentence

    def plain(self) -> dict[str, object]:
        """The reason as JSON has it; without numbers where there are none."""
        told: dict[str, object] = {"code": self.code.value, "sentence": self.sentence}
        return {**told, "numbers": dict(self.numbers)} if self.numbers else told

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reason) and self.plain() == other.plain()

    @override
    def __hash__(self) -> int:
        return hash(self.code)

    @override
    def __repr__(self) -> str:
        return f"Reason({self.code!r}, {self.sentence!r}, {dict(self.numbers)!r})"


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on ``runs``, all of the kind ``work``; the first reason is the one to show.

    ``node`` is where an admitted run is placed, where there are several.
    """

    verdict: Verdict
    work: Work
    tier: str
    mode: str
    reasons: tuple[Reason, ...]
    runs: tuple[QueuedRun, ...]
    parameters: Mapping[str, object] = field(default_factory=dict)
    node: str = ""

    @property
    def reason(self) -> Reason:
        """The reason that goes on the tag and into one line."""
        return self.reasons[0]


@dataclass(frozen=True, slots=True)
class ActiveDecision:
    """The verdict on active ``runs``, all of the kind ``work``; the first reason is the one to show."""

    verdict: Verdict
    work: Work
    tier: str
    mode: str
    reasons: tuple[Reason, ...]
    runs: tuple[ActiveRun, ...]
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def reason(self) -> Reason:
        """The reason in one line."""
        return self.reasons[0]


AnyDecision = Decision | ActiveDecision


@dataclass(frozen=True, slots=True)
class Plan:
    """Decisions on every queued run: admissions one by one in launch order, deferrals by kind of work.

    ``running`` are those on every active run: what is to change one by one, in the order in which to do it,
    and what is kept by kind of work.  ``pace`` belongs into the next snapshot.
    """

    at: float
    revision: str
    decisions: tuple[Decision, ...] = ()
    running: tuple[ActiveDecision, ...] = ()
    pace: ConcurrencyLimit | None = None

    def admitted(self) -> Iterator[Decision]:
        """The decisions that let their runs go, in launch order."""
        return (decision for decision in self.decisions if decision.verdict.admits)

    def by_run(self) -> dict[str, Decision]:
        """The decision on each run, by run id."""
        return {run.run_id: decision for decision in self.decisions for run in decision.runs}
