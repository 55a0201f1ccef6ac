"""What holds and what does not: one miss for each thing that differs, at its place."""

from pathlib import Path

import pytest

from adaptive_assets.policy_cases import Judgement, judge, parse_cases

SITUATION = """\
- name: x
  book: {policies: [{name: small}]}
  snapshot:
    machine: {memory_used: 6GiB}
    active: [{run: busy, memory_used: 6GiB, policy: small}]
    queued: [{run: r1, policy: small}, {run: r2, policy: small, priority: -1}]
"""
FREE = "fits: takes 0.5 cores and 512 MiB for about 1m 00s"


def judged(expected: str, situation: str = SITUATION.replace("6GiB", "1GiB")) -> Judgement:
    """A case with these expectations, written from the third column on."""
    text = situation + "".join(f"  {line}\n" for line in expected.splitlines())
    (case,) = parse_cases(text, "c.yaml", Path()).cases
    return judge(case)


def sentences(expected: str, situation: str = SITUATION.replace("6GiB", "1GiB")) -> list[str]:
    """What is said to differ, with its line and column."""
    result = judged(expected, situation)
    places = (result.case.place(*miss.path) for miss in result.misses)
    return [
        f"{place.line}:{place.column} {miss.sentence}"
        for place, miss in zip(places, result.misses, strict=True)
    ]


@pytest.mark.parametrize(
    "expected",
    [
        "expect: []",
        "expect: [{run: r1, verdict: launch}]",
        "expect: [{runs: [r1, r2], verdict: launch, mode: full, tier: standard, parameters: {}}]",
        "expect: [{run: r1, verdict: launch, reasons: [fits], says: [fits, 512 MiB]}]",
        "expect: [{run: busy, verdict: keep}]",
        "launched: [r1, r2]",
        "ledger: [{verdict: launch, policy: small, name: small, runs: 1}, {verdict: launch}]",
    ],
)
def test_what_holds(expected: str) -> None:
    """Only what is given is compared."""
    assert judged(expected).holds
    assert list(judged(expected).lines()) == []


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        (
            "expect: [{run: r1, verdict: defer}]",
            ["7:31 run `r1`: expected verdict defer, decided launch"],
        ),
        (
            "expect: [{run: r1, verdict: launch, mode: small, tier: batch, reasons: [memory, behind]}]",
            [
                "7:45 run `r1`: expected mode small, decided full",
                "7:58 run `r1`: expected tier batch, decided standard",
                "7:74 run `r1`: expected reasons [memory, behind], decided [fits]",
            ],
        ),
        (
            "expect: [{runs: [r1, r2], verdict: launch, parameters: {n: 1}}]",
            [
                "7:58 run `r1`: expected parameters {n: 1}, decided {}",
                "7:58 run `r2`: expected parameters {n: 1}, decided {}",
            ],
        ),
        (
            "expect: [{run: r1, verdict: launch, says: [fits, 3 cores]}]",
            ["7:52 run `r1`: nothing says “3 cores”"],
        ),
        ("expect: [{run: r1, verdict: launch, node: n1}]", ["7:45 run `r1`: expected node n1, decided none"]),
        (
            "expect: [{run: busy, verdict: suspend}]",
            ["7:33 run `busy`: expected verdict suspend, decided keep"],
        ),
        ("launched: [r2, r1]", ["7:13 the plan: expected launched [r2, r1], decided [r1, r2]"]),
        (
            "ledger: []",
            [
                "7:11 the ledger: expected 0 rows, decided 2: "
                + "; ".join(["launch small (full, runs: 1) [fits]"] * 2)
            ],
        ),
        (
            "ledger: [{verdict: launch, runs: 2}, {verdict: launch, name: large}]",
            [
                "7:36 row 1 of the ledger: expected runs 2, decided 1",
                "7:64 row 2 of the ledger: expected name large, decided small",
            ],
        ),
    ],
)
def test_what_does_not_hold(expected: str, said: list[str]) -> None:
    """What was expected, what was decided, and where that stands in the file."""
    assert sentences(expected) == said


def test_the_whole_sentence_is_told_once_for_a_run() -> None:
    """Below everything that differs of it."""
    lines = list(judged("expect: [{run: r1, verdict: defer, reasons: [memory]}]").lines())
    assert lines == [
        "c.yaml:7:31: run `r1`: expected verdict defer, decided launch",
        "c.yaml:7:47: run `r1`: expected reasons [memory], decided [fits]",
        f"    {FREE}",
    ]


def test_runs_that_wait_alike_are_one_row() -> None:
    """And none, where the plan before said the same."""
    row = "ledger: [{verdict: defer, policy: small, reasons: [memory], runs: 2}]"
    assert sentences(row, SITUATION) == []
    before = "before: {machine: {memory_used: 6GiB}, active: [{run: b}], queued: [{run: q, policy: small}]}\n"
    assert sentences(f"{before}ledger: []", SITUATION) == []
