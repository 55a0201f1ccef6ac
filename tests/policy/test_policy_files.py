"""Whole policy files: what is accepted, and every word that is said about what is not."""

from pathlib import Path

import pytest

from adaptive_assets.policy import PolicyError, check_policy_book, load_policy_book
from tests.policy.case_files import case_files, expected, found
from tests.policy.catalogues import CATALOGUE, resolve


def _name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", case_files("accepted"), ids=_name)
def test_a_good_file_has_no_problem(path: Path) -> None:
    """It loads, and the checks find nothing."""
    assert check_policy_book(load_policy_book(path), CATALOGUE, resolve) == []


@pytest.mark.parametrize("path", case_files("refused"), ids=_name)
def test_a_bad_file_is_refused_with_all_its_errors(path: Path) -> None:
    """Each error at its line and column, in the order of the file, with what would be right."""
    with pytest.raises(PolicyError) as error:
        load_policy_book(path)
    assert found(error.value.problems) == expected(path)
    assert {problem.file for problem in error.value.problems} == {str(path)}


@pytest.mark.parametrize("path", case_files("checked"), ids=_name)
def test_the_checks_find_what_no_schema_can(path: Path) -> None:
    """The file loads, and `check_policy_book` says what is wrong with it, and where."""
    book = load_policy_book(path)
    assert found(check_policy_book(book, CATALOGUE, resolve)) == expected(path)


def test_without_a_catalogue_only_the_syntax_of_selections_is_checked() -> None:
    """Nothing is said of assets and jobs that may exist, and a syntax error is still found."""
    path = next(path for path in case_files("checked") if path.stem == "selections")
    problems = check_policy_book(load_policy_book(path), None, resolve)
    assert [(problem.line, "no asset selection" in problem.message) for problem in problems] == [(6, True)]
    jobs = next(path for path in case_files("checked") if path.stem == "jobs")
    assert [p.message for p in check_policy_book(load_policy_book(jobs), None, resolve)] == [
        "`load` and `reload` both govern `nightly_load`"
    ]
