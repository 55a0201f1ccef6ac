"""Policies tested as cases: a policy file, what is true, and what is decided and said."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adaptive_assets.planning.decisions import Verdict
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.policy_cases import Case, judge, load_cases

CASES = {
    f"{path.stem}: {case.name}": case
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for case in load_cases(path).cases
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_case(case: Case) -> None:
    """The plan decides each run as the case expects it, and says why."""
    judged = judge(case)
    assert judged.holds, "\n".join(judged.lines())


def test_every_code_and_verdict_has_a_case() -> None:
    """No rule goes without a case that shows it."""
    expected = [entry for case in CASES.values() for entry in case.terms.expect or ()]
    assert {entry.verdict for entry in expected} == set(Verdict)
    assert set(_codes()) == set(ReasonCode)


def _codes() -> Iterator[ReasonCode]:
    for case in CASES.values():
        for entry in case.terms.expect or ():
            yield from entry.reasons or ()
