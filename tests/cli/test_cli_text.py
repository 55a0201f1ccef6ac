"""What the command line prints can be read at 100 columns, in a pipe, and never moves a cursor."""

from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.cli.errors import masked
from adaptive_assets.cli.text import iso, labelled, shortened, table, wrapped

WORD = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=12)
SENTENCE = st.lists(WORD, max_size=60).map(" ".join)


@given(st.lists(st.tuples(WORD, WORD, SENTENCE), min_size=1, max_size=5), SENTENCE)
def test_tables_stay_within_the_page(rows: list[tuple[str, str, str]], below: str) -> None:
    """Whatever the cells hold, no line is wider than the page, and every word of the last column is there."""
    import click

    shown = click.unstyle(table(("one", "two", "three"), rows, [below]))
    assert max(len(line) for line in shown.splitlines()) <= 100
    for _, _, sentence in rows:
        for word in sentence.split():
            assert word in shown


@given(st.text(max_size=300))
def test_no_control_character_gets_out(text: str) -> None:
    """Escape sequences, bells and line breaks of others are taken out."""
    for shown in (wrapped(text), labelled([("label", text)]), shortened(text, 50)):
        assert not any(
            (ord(character) < 32 and character != "\n") or ord(character) == 127
            for character in shown
            if character != "\x1b"
        )
        assert "\x1b" not in shown.replace("\x1b[1m", "").replace("\x1b[0m", "")


def test_labels_stand_in_one_column() -> None:
    """A text of several lines goes on under its own beginning."""
    import click

    lines = click.unstyle(labelled([("a", "first\nsecond"), ("longer", "third")])).splitlines()
    assert [line.rstrip() for line in lines] == ["a       first", "        second", "longer  third"]


def test_secrets_are_masked() -> None:
    """Passwords in URLs and named secrets do not get into a message; the rest of it does."""
    url = "postgresql+psycopg2://dagster:p%40ss@db.example:5432/x?sslpassword=tiger&sslmode=require"
    shown = masked(f"cannot connect to {url}")
    assert "p%40ss" not in shown
    assert "tiger" not in shown
    assert "dagster:***@db.example:5432/x" in shown
    assert "sslmode=require" in shown


def test_instants_are_utc_for_programs() -> None:
    """ISO 8601 with its offset; nothing for never."""
    assert iso(0.0) == "1970-01-01T00:00:00+00:00"
    assert iso(None) is None
