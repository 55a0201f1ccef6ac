"""Files of cases: what is taken, where the policies come from, and what is said about what is not."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from adaptive_assets.cli.simulate_cluster import CLUSTER_FILE
from adaptive_assets.policy import PolicyBook, PolicyError, parse_policy_book
from adaptive_assets.policy.explaining import Language
from adaptive_assets.policy.loading import POLICY_FILE
from adaptive_assets.policy.shape import models_of, written_key
from adaptive_assets.policy_cases import CaseFile, judge, load_cases, parse_cases
from adaptive_assets.policy_cases.notation import CASE_FILE
from adaptive_assets.simulation.scenarios.scenario import SCENARIO_FILE
from tests.policy.case_files import expected, found
from tests.policy.slips import Slips

REFUSED = sorted((Path(__file__).parent / "refused").glob("*.yaml"))
BOOK = parse_policy_book("version: 1\npolicies: [{name: reports, select: '*', tier: batch}]", "p.yaml")


def parsed(text: str, book: PolicyBook | None = None, folder: Path = Path()) -> CaseFile:
    """The cases of a text."""
    return parse_cases(text, "cases.yaml", folder, book)


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_a_bad_file_is_refused_with_all_its_errors(path: Path) -> None:
    """Each error at its line and column, with what would be right."""
    with pytest.raises(PolicyError) as error:
        load_cases(path)
    assert found(error.value.problems) == expected(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cases.yaml:1:1: the file is empty (a case file is a list of cases"),
        ("5", "cases.yaml:1:1: there are no cases here (a case file is a list of cases"),
        ("[]", "cases.yaml:1:1: `cases` is empty"),
        ("{policies: a}", "cases.yaml:1:1: `cases` is missing"),
        ("- name: x\n---\n", "cases.yaml:2:1: a second document starts here (a case file is one document)"),
        (
            "{policies: nowhere.yaml, cases: [{name: x, snapshot: {}, expect: []}]}",
            "there is no file `nowhere",
        ),
    ],
)
def test_what_is_no_file_of_cases(text: str, said: str) -> None:
    """One sentence, and not about policy books."""
    with pytest.raises(PolicyError) as error:
        parsed(text)
    assert said in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """As of a policy file."""
    with pytest.raises(PolicyError, match="there is no such file"):
        load_cases(tmp_path / "nowhere.yaml")
    with pytest.raises(PolicyError, match="name the case file itself"):
        load_cases(tmp_path)


def test_the_policies_are_the_nearest(tmp_path: Path) -> None:
    """A case's own book, then the one that is given, then the one that the file names, then none."""
    (tmp_path / "policies.yaml").write_text("version: 1\npolicies: [{name: named, select: '*'}]")
    cases = (
        "[{name: own, book: {policies: [{name: mine}]}, snapshot: {}, expect: []},"
        " {name: other, snapshot: {}, expect: []}]"
    )

    def policies(text: str, book: PolicyBook | None = None) -> list[list[str]]:
        (tmp_path / "cases.yaml").write_text(text)
        read = load_cases(tmp_path / "cases.yaml", book)
        return [[policy.name for policy in case.book.policies] for case in read.cases]

    assert policies(cases) == [["mine"], []]
    assert policies(f"{{policies: policies.yaml, cases: {cases}}}") == [["mine"], ["named"]]
    assert policies(f"{{policies: policies.yaml, cases: {cases}}}", BOOK) == [["mine"], ["reports"]]


def test_a_bad_policy_file_is_told_by_its_own_lines(tmp_path: Path) -> None:
    """Not by those of the cases."""
    (tmp_path / "policies.yaml").write_text("version: 1\npolises: []\n")
    (tmp_path / "cases.yaml").write_text(
        "{policies: policies.yaml, cases: [{name: a, snapshot: {}, expect: []}]}"
    )
    with pytest.raises(PolicyError, match=r"policies.yaml:2:1: unknown key `polises`"):
        load_cases(tmp_path / "cases.yaml")


def test_a_policy_that_is_not_there_is_only_odd() -> None:
    """A run of a policy that was removed is a case like any other; more often it is a slip."""
    read = parsed(
        "[{name: x, snapshot: {queued: [{run: a, policy: report}]}, expect: [{run: a, verdict: launch}]}]",
        BOOK,
    )
    (warning,) = read.warnings
    assert str(warning) == (
        "cases.yaml:1:49: warning: there is no policy `report` here, so `default` governs `a`"
        " (did you mean `reports`?)"
    )
    assert judge(read.cases[0]).holds


@pytest.mark.parametrize(
    "language", [POLICY_FILE, CASE_FILE, SCENARIO_FILE, CLUSTER_FILE], ids=lambda language: language.name
)
def test_a_key_that_is_missing_can_be_shown(language: Language[BaseModel]) -> None:
    """Whichever it is that cannot be left out."""
    required = {
        written_key(name, info)
        for model in (*models_of(language.top), *language.kinds.values())
        for name, info in model.model_fields.items()
        if info.is_required()
    }
    assert required == language.required.keys()


KEYS = [
    *("name", "book", "before", "snapshot", "expect", "launched", "ledger", "at", "machine", "nodes", "data"),
    *(
        "queued",
        "active",
        "estimates",
        "usage",
        "weighted",
        "run",
        "runs",
        "policy",
        "reads",
        "waited",
    ),
    *(
        "verdict",
        "reasons",
        "says",
        "parameters",
        "duration",
        "p50",
        "of",
        "state",
        "actions",
        "cpu",
        "a",
        "",
    ),
]
SCALARS = [
    0,
    1,
    -1,
    0.5,
    float("nan"),
    float("inf"),
    True,
    None,
    "",
    "a",
    "5m",
    "1GiB",
    "0B",
    "40%",
    "launch",
    "fits",
]
SLIPS = Slips(KEYS, SCALARS)
VALUES, mappings = SLIPS.values, SLIPS.mappings

SNAPSHOTS = mappings(
    at=VALUES,
    machine=mappings(cpu=VALUES, memory=VALUES, pressure=VALUES),
    queued=st.lists(mappings(run=VALUES, waited=VALUES, estimate=mappings(duration=VALUES)), max_size=2),
    active=st.lists(mappings(run=VALUES, started=VALUES, state=VALUES, actions=VALUES), max_size=2),
    data=st.dictionaries(st.sampled_from(KEYS), mappings(age=VALUES, checks=VALUES), max_size=1),
    estimates=st.lists(mappings(of=VALUES, memory=VALUES), max_size=1),
    usage=VALUES,
    weighted=VALUES,
)
CASES = st.lists(
    mappings(
        name=st.just("x"),
        book=mappings(policies=VALUES),
        snapshot=SNAPSHOTS,
        expect=st.lists(mappings(run=VALUES, verdict=VALUES, says=VALUES, reasons=VALUES), max_size=2),
        ledger=VALUES,
    ),
    max_size=2,
)


@settings(max_examples=60, deadline=None)
@given(CASES)
def test_every_slip_has_a_sentence_of_its_own(content: list[dict[str, Any]]) -> None:
    """Cases, or problems with a place and a hint; nothing else is raised."""
    problems = None
    try:
        parsed(yaml.safe_dump(content, allow_unicode=True))
    except PolicyError as error:
        problems = error.problems
    assert problems is None or problems
    for problem in problems or ():
        assert problem.line > 0
        assert problem.hint
        assert "see the reference" not in problem.hint, problem
