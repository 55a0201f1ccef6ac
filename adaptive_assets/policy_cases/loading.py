"""From a file of cases to cases that can be judged, or to every problem that the file has."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Final

from adaptive_assets.planning.snapshot import Snapshot
from adaptive_assets.policy import PolicyBook, PolicyError, Problem, load_policy_book
from adaptive_assets.policy.document import read_document
from adaptive_assets.policy.fields import IN_A_FILE
from adaptive_assets.policy.loading import book_of_content
from adaptive_assets.policy.places import KeyedNode, ListNode, MappingNode, Path, Place, Places
from adaptive_assets.policy.plain import sequence
from adaptive_assets.policy.reading import decoded, read_bytes, validated
from adaptive_assets.policy_cases.consistency import broken_references
from adaptive_assets.policy_cases.notation import CASE_FILE, CaseFileTerms, CaseTerms
from adaptive_assets.policy_cases.situation import SnapshotTerms

_START: Final = "a case file is a list of cases, each with a `name`, a `snapshot` and what to `expect`"
_EMPTY_BOOK: Final = PolicyBook(version=1)


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its ``terms`` as they are written, and the book that they are about."""

    terms: CaseTerms
    book: PolicyBook
    places: Places
    path: Path

    @property
    def name(self) -> str:
        """What it shows."""
        return self.terms.name

    def place(self, *below: str | int) -> Place:
        """Where the value at the path ``below`` the case is written."""
        return self.places.value((*self.path, *below))


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of cases, and what is odd about it although it can be taken."""

    source: str
    cases: tuple[Case, ...]
    warnings: tuple[Problem, ...] = ()


def load_cases(path: str | FilePath, book: PolicyBook | None = None) -> CaseFile:
    """The cases in the file at ``path``.

    A case is about its own ``book``; else about the one given here; else about the ``policies`` that its file
    names; else about the empty book.  Raises :class:`PolicyError` with all that is wrong.
    """
    where = FilePath(path)
    return parse_cases(read_bytes(where, "case file"), str(path), where.parent, book)


def parse_cases(text: str | bytes, source: str, folder: FilePath, book: PolicyBook | None = None) -> CaseFile:
    """The cases that ``text`` has; ``policies`` are looked for from ``folder``.  As :func:`load_cases`."""
    root, problems = read_document(
        decoded(text, source, "write several files"), source, kind="a case file", start=_START
    )
    if isinstance(root, ListNode):
        root = MappingNode(root.line, root.column, {"cases": KeyedNode(root.line, root.column, root)})
    places = Places(source, root)
    if not isinstance(root, MappingNode):
        raise PolicyError([*problems, Problem(*places.value(()), "there are no cases here", _START)])
    try:
        terms = validated(root.plain(), places, CASE_FILE)
    except PolicyError as error:
        raise PolicyError([*problems, *error.problems], error.more) from None
    common = book or _named_book(terms, places, folder) or _EMPTY_BOOK
    cases = []
    for position, each in enumerate(terms.cases):
        try:
            case = _case(each, common, places, ("cases", position))
        except PolicyError as error:
            problems += error.problems
            continue
        found = (finding.below(*case.path) for finding in broken_references(each, case.book))
        problems += (finding.located(places) for finding in found)
        cases.append(case)
    if any(problem.severity == "error" for problem in problems):
        raise PolicyError(problems)
    return CaseFile(source, tuple(cases), tuple(problems))


def book_of(content: Mapping[str, Any] | None = None, places: Places | None = None) -> PolicyBook:
    """The policy book that a case writes: its version may be left out, and so may what a policy governs.

    Cases name the policy of each run themselves, so a policy that governs nothing governs the job of its
    name.  ``places`` are those of the values, where they are written in a file.
    """
    whole: dict[str, Any] = {"version": 1, **(content or {})}
    if "policies" in whole:
        policies = whole["policies"]
        whole["policies"] = [_governing(each) for each in sequence(policies)] or policies
    return book_of_content(whole, places or Places())


def snapshot_of(**content: Any) -> Snapshot:
    """The snapshot that a case with this content has; for code that writes cases of its own.

    Raises :class:`pydantic.ValidationError` for content that no case can have.
    """
    return SnapshotTerms.model_validate(content, context=IN_A_FILE).snapshot()


def _case(terms: CaseTerms, common: PolicyBook, places: Places, path: Path) -> Case:
    if terms.book is None:
        return Case(terms, common, places, path)
    own = Places(places.file, places.nearest((*path, "book")))
    return Case(terms, book_of(terms.book, own), places, path)


def _named_book(terms: CaseFileTerms, places: Places, folder: FilePath) -> PolicyBook | None:
    if terms.policies is None:
        return None
    file = folder / terms.policies
    if not file.is_file():
        message = f"there is no file `{terms.policies}`"
        hint = "write its path from the folder of this file"
        raise PolicyError([Problem(*places.value(("policies",)), message, hint)])
    return load_policy_book(file)


def _governing(policy: object) -> object:
    if not isinstance(policy, Mapping) or policy.keys() & {"select", "jobs", "run_tags"}:
        return policy
    return {**policy, "jobs": [policy["name"]]} if "name" in policy else policy
