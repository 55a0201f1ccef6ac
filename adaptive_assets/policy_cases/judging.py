"""Whether a case holds: the plan of its snapshot against what it expects."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from adaptive_assets.planning.decisions import ActiveDecision, Decision, Plan
from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.transitions import transitions
from adaptive_assets.policy.places import Path
from adaptive_assets.policy_cases.loading import Case
from adaptive_assets.policy_cases.notation import Expectation, ExpectedRow

AnyDecision = Decision | ActiveDecision


@dataclass(frozen=True, slots=True)
class Miss:
    """One expectation that does not hold.

    ``path`` leads from the case to what is expected, ``about`` is the run or the row, ``field`` what differs.
    ``reasons`` are those of the decision, each ``code: sentence``.
    """

    path: Path
    about: str
    field: str
    expected: str
    decided: str
    reasons: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was expected, and what was decided."""
        if self.field == "says":
            return f"{self.about}: nothing says {self.expected}"
        if self.field == "rows":
            return f"{self.about}: expected {self.expected} rows, decided {self.decided}"
        return f"{self.about}: expected {self.field} {self.expected}, decided {self.decided}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A case and all that differs from what it expects; nothing does if it holds."""

    case: Case
    misses: tuple[Miss, ...]

    @property
    def holds(self) -> bool:
        """Whether everything is as it is expected."""
        return not self.misses

    def lines(self) -> Iterator[str]:
        """What differs, by its place in the file; below it, all that was said of the decision."""
        for position, miss in enumerate(self.misses):
            file, line, column = self.case.place(*miss.path)
            yield f"{file}:{line}:{column}: {miss.sentence}"
            following = self.misses[position + 1 : position + 2]
            if not following or (following[0].about, following[0].reasons) != (miss.about, miss.reasons):
                yield from (f"    {reason}" for reason in miss.reasons)


def judge(case: Case) -> Judgement:
    """Plan the snapshot of ``case`` under its book, and compare."""
    decided = plan(case.terms.snapshot.snapshot(), case.book)
    return Judgement(case, (*_runs(case, decided), *_launched(case, decided), *_ledger(case, decided)))


def _runs(case: Case, decided: Plan) -> Iterator[Miss]:
    by_run: dict[str, AnyDecision] = dict(decided.by_run())
    by_run |= {run.run_id: decision for decision in decided.running for run in decision.runs}
    for position, expected in enumerate(case.terms.expect or ()):
        for run in expected.named:
            if run in by_run:
                yield from _compare(("expect", position), f"run `{run}`", expected, by_run[run])
            else:
                yield Miss(
                    ("expect", position), f"run `{run}`", "verdict", expected.verdict.value, "nothing at all"
                )


def _launched(case: Case, decided: Plan) -> Iterator[Miss]:
    expected = case.terms.launched
    actual = [run.run_id for decision in decided.admitted() for run in decision.runs]
    if expected is not None and list(expected) != actual:
        yield Miss(("launched",), "the plan", "launched", _list(expected), _list(actual))


def _ledger(case: Case, decided: Plan) -> Iterator[Miss]:
    expected, before = case.terms.ledger, case.terms.before
    if expected is None:
        return
    told = {} if before is None else transitions({}, plan(before.snapshot(), case.book))[1]
    rows = transitions(told, decided)[0]
    if len(expected) != len(rows):
        summaries = "; ".join(_summary(row) for row in rows)
        actual_rows = f"{len(rows)}: {summaries}" if rows else "none"
        yield Miss(("ledger",), "the ledger", "rows", str(len(expected)), actual_rows)
    for position, (row, actual) in enumerate(zip(expected, rows, strict=False)):
        yield from _compare(("ledger", position), f"row {position + 1} of the ledger", row, actual)


def _compare(
    path: Path, about: str, expected: Expectation | ExpectedRow, decision: AnyDecision
) -> Iterator[Miss]:
    said = tuple(f"{reason.code.value}: {reason.sentence}" for reason in decision.reasons)
    for field, actual in _FIELDS.items():
        wanted = getattr(expected, field, None)
        if field == "runs" and isinstance(expected, Expectation):
            continue
        if wanted is not None and wanted != actual(decision):
            yield Miss((*path, field), about, field, _text(wanted), _text(actual(decision)), said)
    for position, words in enumerate(expected.says):
        if words not in "\n".join(said):
            where = (*path, "says", position)
            yield Miss(where, about, "says", f"“{words}”", "\n".join(said), said)


_FIELDS: Final[Mapping[str, Callable[[AnyDecision], object]]] = {
    "verdict": lambda decision: decision.verdict,
    "mode": lambda decision: decision.mode,
    "tier": lambda decision: decision.tier,
    "policy": lambda decision: decision.work.policy,
    "name": lambda decision: decision.work.name,
    "node": lambda decision: decision.node if isinstance(decision, Decision) else None,
    "parameters": lambda decision: dict(decision.parameters),
    "reasons": lambda decision: tuple(reason.code for reason in decision.reasons),
    "runs": lambda decision: len(decision.runs),
}
"""What is compared as a whole, and where a decision has it."""


def _summary(decision: AnyDecision) -> str:
    codes = _list([reason.code.value for reason in decision.reasons])
    return (
        f"{decision.verdict.value} {decision.work.name} ({decision.mode}, runs: {len(decision.runs)}) {codes}"
    )


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(values)}]"


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return _list([str(each) for each in value])
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {each}" for key, each in sorted(value.items())) + "}"
    return str(value) or "none"
