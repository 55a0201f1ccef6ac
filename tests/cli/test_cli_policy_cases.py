"""`adaptive policy test`: cases that people write for their own policies, and the page that tells how."""

import shlex
from pathlib import Path

import pytest
import yaml

from adaptive_assets.policy.shape import models_of, written_key
from adaptive_assets.policy_cases.notation import CaseFileTerms
from tests.cli.sites import Adaptive, Told
from tests.docs.pages import DOCS, Block, blocks

PAGE = DOCS / "how-to" / "test-your-policies.md"
RUNS = [block for block in blocks(PAGE, "console") if "adaptive policy test" in block.text]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the files of the page in it."""
    monkeypatch.chdir(tmp_path)
    for block in blocks(PAGE, "yaml"):
        (tmp_path / block.title).write_text(block.text)
    edited = (tmp_path / "policies.yaml").read_text()
    edited = edited.replace("tier: batch", "tier: critical\n    objective: {deadline: 14m}")
    (tmp_path / "edited.yaml").write_text(edited)
    return tmp_path


@pytest.mark.parametrize("block", RUNS, ids=str)
def test_the_page_shows_what_is_printed(folder: Path, adaptive: Adaptive, block: Block) -> None:
    """Word by word."""
    command, _, printed = block.text.partition("\n")
    assert adaptive(*shlex.split(command.removeprefix("$ adaptive "))).stdout == printed


def test_all_cases_of_the_page_hold(folder: Path, adaptive: Adaptive) -> None:
    """Those that it does not run as well."""
    shown = adaptive("policy", "test", *sorted(folder.glob("*cases.yaml")))
    assert (shown.exit_code, "8 cases: 8 as expected, 0 not" in shown.stdout) == (0, True), shown.stdout


def test_the_page_has_every_key() -> None:
    """Of the notation, in backquotes."""
    text = PAGE.read_text(encoding="utf-8")
    for model in models_of(CaseFileTerms):
        for name, info in model.model_fields.items():
            key = written_key(name, info)
            assert f"`{key}`" in text or key in {"p50", "p90", "p99"}, key


def test_what_fails_is_told_with_its_place_and_the_whole_sentence(folder: Path, adaptive: Adaptive) -> None:
    """Exit code 1, and the other cases are still told."""
    cases = (folder / "cases.yaml").read_text().replace("mode: averages", "mode: last_good")
    (folder / "cases.yaml").write_text(cases)
    shown = adaptive("policy", "test", "cases.yaml")
    assert shown.exit_code == 1
    assert "  ok    the forecast goes before older reports" in shown.stdout
    assert "cases.yaml:22:44: run `now`: expected mode last_good, decided averages" in shown.stdout
    assert "            memory: needs 2 GiB, " in shown.stdout
    assert "3 cases: 2 as expected, 1 not" in shown.stdout


def test_json_has_the_same(folder: Path, told: Told) -> None:
    """Every key of it is in the reference."""
    answer = told("policy", "test", "cases.yaml", "more.cases.yaml", "-p", "edited.yaml")
    assert (answer["ok"], answer["passed"] + answer["failed"]) == (False, 6)
    (case, *_) = answer["files"][0]["cases"]
    assert (case["name"], case["line"], case["ok"]) == ("the forecast goes before older reports", 3, False)
    (miss,) = case["misses"]
    assert miss == {
        "file": "cases.yaml",
        "line": 8,
        "column": 15,
        "about": "the plan",
        "field": "launched",
        "expected": "[now, daily]",
        "decided": "[daily, now]",
        "reasons": [],
    }
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| `policy test` |")]
    for key in (*answer, *answer["files"][0], *case, *miss):
        assert f"`{key}`" in row, key


def test_files_that_cannot_be_taken(folder: Path, adaptive: Adaptive, told: Told) -> None:
    """All that is wrong, with lines, beside the cases of the other files; exit code 1."""
    (folder / "bad.yaml").write_text("- name: x\n  snapshot: {queued: [{run: a, waitd: 5m}]}\n")
    (folder / "good.yaml").write_text("- name: x\n  snapshot: {queued: [{run: a}]}\n  launched: [a]\n")
    shown = adaptive("policy", "test", "bad.yaml", "good.yaml")
    assert shown.exit_code == 1
    assert "bad.yaml:2:32: unknown key `waitd` (did you mean `waited`?)" in shown.stdout
    assert "1 case: 1 as expected, 0 not; 1 file cannot be taken" in shown.stdout
    assert told("policy", "test", "bad.yaml")["files"][0]["problems"][0]["line"] == 2
    (folder / "policies.yaml").write_text("version: 1\npolises: []\n")
    for arguments in (("cases.yaml",), ("good.yaml", "-p", "policies.yaml")):
        refused = adaptive("policy", "test", *arguments)
        assert refused.exit_code == 1
        assert "policies.yaml:2:1: unknown key `polises` (did you mean `policies`?)" in refused.stdout


def test_what_is_odd_is_a_note(folder: Path, adaptive: Adaptive) -> None:
    """A policy that is not there: on stderr, and no failure."""
    (folder / "odd.yaml").write_text(
        "- name: x\n  snapshot: {queued: [{run: a, policy: b}]}\n  launched: [a]\n"
    )
    shown = adaptive("policy", "test", "odd.yaml")
    assert (shown.exit_code, "there is no policy `b` here" in shown.stderr) == (0, True)


def test_usage_errors(folder: Path, adaptive: Adaptive) -> None:
    """No file, a file that is not there, a directory: exit code 2 and a sentence."""
    for arguments in ((), ("nowhere.yaml",), (".",), ("cases.yaml", "-p", "nowhere.yaml")):
        shown = adaptive("policy", "test", *arguments)
        assert (shown.exit_code, shown.stdout) == (2, "")
        assert "Error: " in shown.stderr


def test_the_files_of_the_page_are_yaml_for_everybody(folder: Path) -> None:
    """Other tools read them as well."""
    for file in folder.glob("*.yaml"):
        assert yaml.safe_load(file.read_text())
