"""The examples on all pages hold: policies load, settings are Dagster's, code compiles, links lead there."""

import sqlite3
from pathlib import Path

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner

from adaptive_assets.assets.selection import resolve
from adaptive_assets.cli.main import cli
from adaptive_assets.coordinator.run_coordinator import AdaptiveRunCoordinator
from adaptive_assets.ledger import Ledger, sqlite_ledger_url
from adaptive_assets.policy import check_policy_book, parse_policy_book
from adaptive_assets.policy_cases import judge, load_cases
from tests.docs.pages import DOCS, ROOT, Block, anchors, blocks, links, pages

YAML = [block for page in pages() for block in blocks(page, "yaml")]
SETTINGS = [block for block in YAML if block.title == "dagster.yaml"]
POLICIES = [
    block
    for block in YAML
    if block.title not in {"dagster.yaml", "refused"} and not block.title.endswith("cases.yaml")
]
PYTHON = [block for page in pages() for block in blocks(page, "python")]
RUN_HERE = ["adopt-in-your-project.md", "automate-on-readiness.md", "take-it-out.md"]
"""Pages whose code stands for itself; other pages are run by the tests of what they are about."""


@pytest.mark.parametrize("block", POLICIES, ids=str)
def test_policy_files_are_good(block: Block) -> None:
    """Each loads as it would in a cycle, and the checks find no error."""
    book = parse_policy_book(block.text, "policies.yaml")
    problems = check_policy_book(book, None, resolve)
    assert [str(problem) for problem in problems if problem.severity == "error"] == []


def test_what_the_page_on_degradation_says_of_stages_is_decided_so(tmp_path: Path) -> None:
    """Its cases hold under its policies."""
    for block in blocks(DOCS / "explanation" / "degradation.md", "yaml"):
        (tmp_path / block.title).write_text(block.text, encoding="utf-8")
    judged = [judge(case) for case in load_cases(tmp_path / "cases.yaml").cases]
    assert len(judged) == 4
    assert [line for one in judged for line in one.lines()] == []


@pytest.mark.parametrize("block", SETTINGS, ids=str)
def test_settings_are_dagsters_own(
    block: Block, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster opens an instance by them, on a real PostgreSQL where they say so, with our coordinator."""
    if "postgres" in yaml.safe_load(block.text).get("storage", {}):
        for name in ("DAGSTER_POSTGRES_URL", "ADAPTIVE_LEDGER_URL"):
            monkeypatch.setenv(name, request.getfixturevalue("postgres_url"))
    (tmp_path / "dagster.yaml").write_text(block.text, encoding="utf-8")
    (tmp_path / "policies.yaml").write_text("version: 1\n", encoding="utf-8")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.run_coordinator, AdaptiveRunCoordinator)
        assert instance.get_runs_count() == 0
    told = CliRunner().invoke(cli, ["status", "--home", str(tmp_path)])
    assert "The dequeue daemon is not alive" in told.output
    assert "ledger" in told.output


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_code_compiles(block: Block) -> None:
    """Without a typo at least."""
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("name", RUN_HERE)
def test_code_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block by itself, beside the policy file of its page; what it defines can be loaded."""
    page = DOCS / "how-to" / name
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "yaml"):
        if block.title == "policies.yaml":
            Path("policies.yaml").write_text(block.text, encoding="utf-8")
    for block in blocks(page, "python"):
        names = {"__name__": "example", "__file__": str(tmp_path / "definitions.py")}
        exec(compile(block.text, str(block), "exec"), names)
        defs = names["defs"]
        if isinstance(defs, dg.Definitions):
            dg.Definitions.validate_loadable(defs)


def test_the_query_for_what_runs_took_runs(tmp_path: Path) -> None:
    """The columns are those of the ledger."""
    (page,) = [page for page in pages() if page.name == "write-a-policy.md"]
    (query,) = [
        line.split('"')[1]
        for block in blocks(page, "console")
        for line in block.text.splitlines()
        if line.startswith('>   "select ')
    ]
    ledger = Ledger.open(sqlite_ledger_url(tmp_path))
    ledger.recent_decisions()
    ledger.dispose()
    with sqlite3.connect(tmp_path / "adaptive_ledger.db") as connection:
        assert connection.execute(query).fetchall() == []
    connection.close()


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link into the project names a file that is there, and a heading that it has."""
    for target in links(page):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{target}: there is no such file"
        assert not anchor or anchor in anchors(file), f"{target}: there is no such heading"


def test_every_page_is_in_the_index() -> None:
    """Nothing is written that nobody can find; decisions are listed by their folder."""
    listed = {(DOCS / target).resolve() for target in links(DOCS / "index.md")}
    written = {page for page in DOCS.rglob("*.md") if page.parent.name != "decisions"} - {DOCS / "index.md"}
    assert written - listed == set()
