"""`adaptive replay`: what was recorded, planned again, and what another book would have decided."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from adaptive_assets.ledger import Ledger, tables
from adaptive_assets.ledger.package_version import package_version
from tests.cli.sites import POLICIES, Adaptive, Site, Told
from tools.postgres import connect


def recorded(site: Site) -> str:
    """Some cycles; the id of the run that waits for its data."""
    waits = site.submit("report")
    site.cycle()
    site.submit(job="plain")
    site.cycle()
    return waits


def change(ledger: Ledger, statement: object) -> None:
    """Change the ledger behind its back."""
    ledger._database.write("doctor", lambda connection: connection.execute(statement))  # type: ignore[call-overload]


def test_all_is_identical(site: Site, adaptive: Adaptive, told: Told) -> None:
    """So many decisions in so many cycles, and the exit code is 0."""
    recorded(site)
    result = adaptive("replay")
    assert result.exit_code == 0
    assert "2 recorded, 2 identical (100 %)" in result.stdout
    found = told("replay", "--ledger", site.ledger.file or "")
    assert (found["cycles"], found["decisions"], found["identical"], found["shown"]) == (2, 2, 2, [])
    assert found["version"] == package_version()


def test_a_difference_names_the_run_both_decisions_and_the_field(
    site: Site, adaptive: Adaptive, told: Told
) -> None:
    """And the exit code is 1."""
    waits = recorded(site)
    table = tables.decisions
    change(site.ledger, update(table).where(table.c.run_id.is_(None)).values(mode="reduced"))
    result = adaptive("replay")
    assert result.exit_code == 1
    assert "2 recorded, 1 identical (50.00 %)" in result.stdout
    assert f"mode of report, 1 run, {waits}" in result.stdout
    assert "recorded  defer in mode reduced" in result.stdout
    assert "now       defer in mode full" in result.stdout
    (shown,) = told("replay")["shown"]
    assert shown["field"] == "mode"
    assert shown["recorded"]["run_ids"] == shown["decided"]["run_ids"] == [waits]


def test_a_difference_of_numbers_is_shown_by_the_numbers(site: Site, adaptive: Adaptive, told: Told) -> None:
    """The sentences are the same: it must be seen what is not."""
    recorded(site)
    table = tables.decisions
    reasons = json.loads(json.dumps(site.ledger.recent_decisions(limit=1)[0].reasons))
    reasons[0]["numbers"]["cpu"] = 63
    newest = site.ledger.recent_decisions(limit=1)[0].id
    change(site.ledger, update(table).where(table.c.id == newest).values(reasons=json.dumps(reasons)))
    result = adaptive("replay")
    assert result.exit_code == 1
    assert "1 difference:" in result.stdout
    assert "fits: cpu recorded 63, now " in " ".join(result.stdout.split())
    (shown,) = told("replay")["shown"]
    assert shown["field"] == "reasons"


def test_cycles_of_another_version_are_told_apart(site: Site, adaptive: Adaptive) -> None:
    """They may differ for a good reason."""
    recorded(site)
    table = tables.cycles
    change(site.ledger, update(table).values(planner_version="0.0.9", digest="another"))
    result = adaptive("replay")
    assert result.exit_code == 1
    assert "2 cycles were planned by adaptive_assets 0.0.9, which may have decided" in result.stdout
    assert "2 differences are in cycles of other versions" in result.stdout
    assert "the plan as a whole is another one" in result.stdout


def test_another_book(site: Site, adaptive: Adaptive, told: Told, tmp_path: Path) -> None:
    """Which run gets another verdict, mode or reason; that is no error."""
    waits = recorded(site)
    file = tmp_path / "other.yaml"
    file.write_text(POLICIES.replace("    gates: {checks: pass}\n", ""))
    result = adaptive("replay", "--policies", file)
    assert result.exit_code == 0
    assert "1 of 2 runs in 2 cycles" in result.stdout
    assert "defer full (data_missing) → launch full (fits)" in result.stdout
    found = told("replay", "--policies", file)
    assert found["changes"] == [{"was": "defer", "would_be": "launch", "runs": 1}]
    assert [each["run_id"] for each in found["shown"]] == [waits]
    file.write_text(POLICIES)
    assert told("replay", "--policies", file)["otherwise"] == 0


@pytest.mark.parametrize("beyond", [0.1234564, 0.1234566])
def test_a_part_of_the_time(site: Site, told: Told, beyond: float) -> None:
    """Both ends count, also as they are shown: rounded to microseconds, a little earlier or later."""
    site.clock = int(site.clock) + beyond
    recorded(site)
    last = told("replay")["last_at"]
    assert told("replay", "--since", last, "--until", "2999-01-01")["cycles"] == 1
    assert told("replay", "--until", last)["cycles"] == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--since", "yesterday"), "`yesterday` is no time: write a date, `2026-11-27`, a time"),
        (("--until", "2026-13-40"), "`2026-13-40` is no time"),
        (("--since", "2026-11-28", "--until", "2026-11-27"), "is after --until (2026-11-27 00:00:00): swap"),
        (("--since", "2998-01-01", "--until", "2999-01-01"), "No cycle is recorded from 2998-01-01"),
        (("--until", "1999-01-01"), "The last one was at"),
        (("--ledger", "/nowhere/ledger.db"), "There is no ledger at /nowhere/ledger.db."),
        (("--ledger", "sqlite:////nowhere/ledger.db"), "There is no ledger at /nowhere/ledger.db."),
        (("--ledger", "mysql://me:secret@host/none"), "mysql"),
        (("--policies", "/nowhere/policies.yaml"), "/nowhere/policies.yaml"),
    ],
)
def test_bad_input_is_a_sentence(
    site: Site, adaptive: Adaptive, arguments: tuple[str, ...], expected: str
) -> None:
    """Exit code 2, no traceback, no secret, and nothing is made."""
    recorded(site)
    result = adaptive("replay", *arguments)
    assert result.exit_code == 2
    assert expected in " ".join(result.stderr.split())
    assert "secret" not in result.output
    assert "Traceback" not in result.output


def test_nothing_is_made_in_a_database_that_holds_no_ledger(adaptive: Adaptive, tmp_path: Path) -> None:
    """A slip in the name may be a database of Dagster's: no byte of it changes."""
    others = tmp_path / "runs.db"
    with closing(sqlite3.connect(others)) as connection:
        connection.execute("CREATE TABLE runs (id INTEGER)")
        connection.commit()
    empty = tmp_path / "empty.db"
    empty.touch()
    for file in (others, empty):
        before = file.read_bytes()
        for command in (("replay", "--ledger"), ("simulate", "--cores", 1, "--memory", "1GiB", "--trace")):
            refused = adaptive(*command, file)
            assert refused.exit_code == 2
            assert "no ledger is in it" in " ".join(refused.stderr.split())
        assert file.read_bytes() == before


def test_a_postgres_database_without_a_ledger_stays_so(adaptive: Adaptive, postgres_url: str) -> None:
    """Not even the schema is made."""
    refused = adaptive("replay", "--ledger", postgres_url)
    assert refused.exit_code == 2
    assert "no ledger is in it" in " ".join(refused.stderr.split())
    with closing(connect(postgres_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'adaptive_assets'")
        assert cursor.fetchone() is None


def test_a_ledger_without_cycles_is_no_good_result(site: Site, adaptive: Adaptive) -> None:
    """Neither before there is one, nor when it is empty."""
    before = adaptive("replay")
    assert before.exit_code == 2
    assert "Nothing has been recorded in" in before.stderr
    site.ledger.keep("made", "yes")
    empty = adaptive("replay")
    assert empty.exit_code == 2
    assert (
        "A cycle is recorded when a decision changes: let the coordinator see some runs first."
        in " ".join(empty.stderr.split())
    )


@pytest.mark.parametrize("content", [None, '{"version": 1, "later": true}'])
def test_a_revision_that_cannot_be_had(site: Site, adaptive: Adaptive, content: str | None) -> None:
    """Its cycles are counted, it is said what to do, and the exit code is 1: nothing is proven."""
    recorded(site)
    table = tables.revisions
    if content is None:
        change(site.ledger, delete(tables.activations))
        change(site.ledger, delete(table))
    else:
        change(site.ledger, update(table).values(content=content))
    result = adaptive("replay")
    assert result.exit_code == 1
    told = " ".join(result.stdout.split())
    assert "! 2 cycles cannot be planned again. The policy book of revision" in told
    expected = "is not in the ledger" if content is None else "knows other keys than this one"
    assert expected in told


def test_a_damaged_snapshot_stops_no_other(site: Site, adaptive: Adaptive, told: Told) -> None:
    """The cycles that build upon it cannot be planned again either; those of the next chain can."""
    recorded(site)
    site._cycle = None
    site.submit(job="plain")
    site.cycle()
    first = min(cycle.id for cycle in site.ledger.recorded_cycles())
    table = tables.cycles
    change(site.ledger, update(table).where(table.c.id == first).values(snapshot=b"damaged"))
    result = adaptive("replay")
    assert result.exit_code == 1
    assert "cannot be planned again. The snapshot is not whole" in " ".join(result.stdout.split())
    found = told("replay")
    assert found["identical"] >= 1
    assert sum(each["cycles"] for each in found["unplanned"]) < found["cycles"]
