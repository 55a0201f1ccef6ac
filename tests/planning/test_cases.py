"""Policies tested as cases: a policy file, what is true, and what is decided and said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from adaptive_assets.planning.plan import plan
from adaptive_assets.planning.verdicts import Decision, ReasonCode, Verdict
from tests.planning.compact import book_of, snapshot_of


@dataclass(frozen=True)
class Expected:
    """What is decided on some runs; only what is given is compared, ``reasons`` being all codes in order."""

    runs: Sequence[str]
    verdict: str
    mode: str = "full"
    reasons: Sequence[str] | None = None
    says: Sequence[str] = ()
    parameters: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Case:
    """One case; ``launched`` are all runs that are let go, in order."""

    name: str
    snapshot: Mapping[str, Any]
    expect: Sequence[Mapping[str, Any]]
    book: Mapping[str, Any] | None = None
    launched: Sequence[str] | None = None

    def expected(self) -> Iterator[Expected]:
        """The expectations; ``run`` is short for one of ``runs``, ``says`` may be one sentence."""
        for entry in self.expect:
            given = dict(entry)
            runs = [given.pop("run")] if "run" in given else given.pop("runs")
            says = given.pop("says", [])
            yield Expected(runs, says=[says] if isinstance(says, str) else says, **given)


CASES = {
    f"{path.stem}: {content['name']}": Case(**content)
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for content in yaml.safe_load(path.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_case(case: Case) -> None:
    """The plan decides each run as the case expects it, and says why."""
    decided = plan(snapshot_of(**case.snapshot), book_of(case.book))
    by_run = decided.by_run()
    for expected in case.expected():
        for run in expected.runs:
            _compare(run, by_run[run], expected)
    if case.launched is not None:
        assert [run.run_id for decision in decided.admitted() for run in decision.runs] == case.launched


def _compare(run: str, decision: Decision, expected: Expected) -> None:
    said = "\n".join(f"{reason.code}: {reason.sentence}" for reason in decision.reasons)
    assert (decision.verdict, decision.mode) == (expected.verdict, expected.mode), f"{run}\n{said}"
    if expected.reasons is not None:
        assert [reason.code.value for reason in decision.reasons] == expected.reasons, f"{run}\n{said}"
    for part in expected.says:
        assert part in said, f"{run}\n{said}"
    if expected.parameters is not None:
        assert decision.parameters == expected.parameters


def test_every_code_and_verdict_has_a_case() -> None:
    """No rule goes without a case that shows it."""
    expected = [entry for case in CASES.values() for entry in case.expected()]
    assert {entry.verdict for entry in expected} == {verdict.value for verdict in Verdict}
    codes = {code for entry in expected for code in entry.reasons or ()}
    assert codes == {code.value for code in ReasonCode}
