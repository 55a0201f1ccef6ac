"""What a policy file may say has bounds: a book that is accepted can be used."""

import random
from pathlib import Path

import pytest

from adaptive_assets.coordinator.book_watch import BookWatch
from adaptive_assets.coordinator.dry_run import try_book
from adaptive_assets.policy import PolicyBook, PolicyError, parse_policy_book

HOSTILE = (
    *("0x", "0x" + "f" * 4000, "9" * 4000, "9" * 10_000, "1e400", "1.0e400", ".inf", ".nan", "1:30", "0o17"),
    *("2026-01-01", "yes", "-1", "null", "[]", "{}", '"\\0"', '"\\ud800"', "1e-320", "0.0000001s", "0.0001%"),
)
FILES = sorted(Path("policies").glob("*.yaml"))


@pytest.mark.parametrize("value", ["0x" + "f" * 4000, "9" * 4000, "9" * 10_000, "2000000"])
def test_a_number_that_cannot_be_used_is_refused_in_one_short_line(value: str) -> None:
    """The message has the line, the beginning of the value, and is bounded."""
    with pytest.raises(PolicyError, match="concurrency") as error:
        parse_policy_book(f"version: 1\nguards: {{concurrency: {value}}}\n", "p.yaml")
    (problem,) = error.value.problems
    assert problem.line == 2
    assert len(str(problem)) < 300


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_mutated_book_is_refused_or_can_be_used(file: Path) -> None:
    """Never a traceback, and never a book that fails later."""
    text, chance = file.read_text(), random.Random(7)
    words = text.split(" ")
    for _ in range(25):
        mutated = list(words)
        mutated[chance.randrange(len(words))] = chance.choice(HOSTILE)
        try:
            book = parse_policy_book(" ".join(mutated), "p.yaml")
        except PolicyError:
            continue
        try_book(book)


def test_unknown_keys_without_number_make_a_short_message() -> None:
    """The first fifty are told and the others counted."""
    with pytest.raises(PolicyError) as error:
        parse_policy_book("version: 1\n" + "".join(f"k{n}: 1\n" for n in range(5_000)), "p.yaml")
    assert len(error.value.problems) == 50
    assert str(error.value).endswith("and 4,950 more")


def test_whatever_fails_leaves_the_last_good_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw is told as a refusal."""
    file = tmp_path / "p.yaml"
    file.write_text("version: 1\nguards: {concurrency: 3}\n")
    books = BookWatch(file)
    good = books.current().book

    def fail(book: PolicyBook) -> None:
        raise RecursionError(f"too deep for {book.revision}")

    monkeypatch.setattr("adaptive_assets.coordinator.book_watch.try_book", fail)
    file.write_text("version: 1\nguards: {concurrency: 44}\n")
    state = books.current()
    assert state.book == good
    assert "RecursionError: too deep" in str(state.refused)


def test_without_a_path_the_defaults_rule() -> None:
    """No file is needed."""
    assert BookWatch(None).current().book == PolicyBook(version=1)
