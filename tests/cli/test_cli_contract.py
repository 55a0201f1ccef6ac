"""`adaptive contract`: changes for CI, a contract as JSON, and needs over all code locations."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from adaptive_assets.cli.main import cli

OLD = """\
from datetime import timedelta
import pandera.pandas as pa
from adaptive_assets import DataContract

print("noise of the project")

class Departures(pa.DataFrameModel):
    flight: int = pa.Field(gt=0)
    delay: float = pa.Field(ge=-60, lt=1440)

CONTRACT = DataContract(Departures, owner="team:flights", version="1.0.0", freshness=timedelta(hours=1))
"""
COMPATIBLE = OLD.replace("lt=1440)", "lt=1000)\n    gate: str").replace("1.0.0", "1.1.0")
BREAKING = OLD.replace("flight: int = pa.Field(gt=0)", "flight: float").replace("lt=1440", "lt=1500")

LESS = "checked by less_than(max_value={})"

PRODUCER = """\
import dagster as dg
from adaptive_assets import adapt, with_contract
from old import CONTRACT

@dg.asset
def departures(): ...

departures, checks = with_contract(departures, CONTRACT)
defs = adapt(dg.Definitions([departures], asset_checks=checks))
"""
WORKSPACE = """\
load_from:
- python_file: {relative_path: producer.py}
- python_file: {relative_path: consumer.py}
"""
CONSUMER = """\
import dagster as dg
from adaptive_assets import Needs, adapt, with_needs

@dg.asset(deps=["departures"])
def forecast(): ...

forecast = with_needs(forecast, {"departures": Needs(COLUMNS)})
defs = adapt(dg.Definitions([forecast]))
"""

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command in a folder with contracts, and forgets the modules of it."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("old", OLD), ("compatible", COMPATIBLE), ("breaking", BREAKING)):
        Path(f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))

    def called(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["contract", *arguments])

    yield called
    # the code locations of `check` stay in the process
    for name in ("old", "producer", "consumer"):
        sys.modules.pop(name, None)


def test_a_compatible_change_passes(run: Run) -> None:
    """New columns and tighter checks; what the project prints is not in the output."""
    done = run("diff", "old.py:CONTRACT", "compatible.py:CONTRACT")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"compatible: column `delay`: {LESS.format(1440)} → {LESS.format(1000)}",
        "compatible: column `gate`: absent → present as string[pyarrow]",
        "compatible: the contract: of version 1.0.0 → of version 1.1.0",
        "3 changes from `Departures 1.0.0` to `Departures 1.1.0`, 0 breaking (backward)",
    ]


def test_a_breaking_change_fails(run: Run) -> None:
    """With the exit code 1, what breaks before all else, and a word on the version."""
    done = run("diff", "old.py:CONTRACT", "breaking.py:CONTRACT")
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "breaking: column `flight`: int64 → float64",
        "breaking: column `flight`: checked by greater_than(min_value=0) → not checked by greater_than",
        f"breaking: column `delay`: {LESS.format(1440)} → {LESS.format(1500)}",
        "3 changes from `Departures 1.0.0` to `Departures 1.0.0`, 3 breaking (backward)",
    ]
    assert done.stderr.splitlines()[-1] == (
        "The version is 1.0.0 in both: a breaking change deserves a new one."
    )


@pytest.mark.parametrize(("rule", "code"), [("backward", 0), ("forward", 1), ("full", 1), ("none", 0)])
def test_the_rule_can_be_given(run: Run, rule: str, code: int) -> None:
    """A required column more breaks data that is stored, and no reader."""
    assert run("diff", "old.py:CONTRACT", "compatible.py:CONTRACT", "--rule", rule).exit_code == code
    assert run("diff", "compatible.py:CONTRACT", "breaking.py:CONTRACT", "--rule", "none").exit_code == 0


def test_json_has_every_change(run: Run) -> None:
    """For programs."""
    done = run("diff", "old.py:CONTRACT", "breaking.py:CONTRACT", "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert told["ok"] is False
    assert told["old"] == {"contract": "Departures", "version": "1.0.0"}
    assert told["changes"][0] == {
        "subject": "column `flight`",
        "was": "int64",
        "now": "float64",
        "breaking": True,
        "breaks_readers": True,
        "breaks_stored": True,
    }


def test_a_contract_as_json_is_the_same_contract(run: Run) -> None:
    """`show` writes what `diff` reads; a module is as good as a file, and a model as a contract."""
    assert run("show", "old.py:CONTRACT", "--out", "old.json").exit_code == 0
    assert json.loads(run("show", "old:CONTRACT").stdout) == json.loads(Path("old.json").read_text())
    assert json.loads(run("show", "old.json").stdout) == json.loads(Path("old.json").read_text())
    done = run("diff", "old.json", "old.py:CONTRACT")
    assert (done.exit_code, done.stdout) == (
        0,
        "0 changes from `Departures 1.0.0` to `Departures 1.0.0`, 0 breaking (backward)\n",
    )
    assert run("diff", "old.json", "compatible.py:Departures", "--rule", "none").exit_code == 0


def test_versions_in_two_folders_do_not_mix(run: Run) -> None:
    """Each takes what it imports from beside itself, although the modules have the same names."""
    for folder, kind in (("before", "float"), ("after", "int")):
        Path(folder).mkdir()
        Path(folder, "models.py").write_text(
            f"import pandera.pandas as pa\nclass A(pa.DataFrameModel):\n    a: {kind}\n"
        )
        Path(folder, "contracts.py").write_text("from models import A\n")
    done = run("diff", "before/contracts.py:A", "after/contracts.py:A")
    assert done.stdout.splitlines()[0] == "breaking: column `a`: float64 → int64"
    assert "models" not in sys.modules


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("nowhere.json", "There is no file nowhere.json"),
        ("nowhere.py:CONTRACT", "There is no file nowhere.py"),
        ("nowhere.a:CONTRACT", "nowhere.a cannot be loaded: ModuleNotFoundError: No module named"),
        ("old.py:CONTRAKT", "old.py:CONTRAKT: there is no `CONTRAKT`; did you mean `CONTRACT`?"),
        (
            "old.py:timedelta",
            "old.py:timedelta: `timedelta` is no pandera model: give a DataFrameModel class",
        ),
        ("old.py:", "old.py: names no contract"),
        ("broken.py:A", "broken.py cannot be loaded: SyntaxError: "),
        ("leaves.py:A", "leaves.py cannot be loaded: SystemExit: 3"),
        ("broken.json", "broken.json:2:1: it is no JSON: Expecting"),
        ("wrong.json", "wrong.json: the column `a` is a number; it should be an object."),
        ("latin.json", "latin.json is no text in UTF-8"),
        (".", "cannot be read: Is a directory"),
    ],
)
def test_what_names_no_contract_is_told(run: Run, named: str, told: str) -> None:
    """In a sentence, with the exit code 2."""
    Path("broken.py").write_text("def (")
    Path("leaves.py").write_text("raise SystemExit(3)")
    Path("broken.json").write_text('{"contract": "A",\n')
    Path("wrong.json").write_text('{"contract": "A", "columns": {"a": 3}}')
    Path("latin.json").write_bytes(b'"\xe4"')
    done = run("diff", named, "old.py:CONTRACT")
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("columns", "code", "told"),
    [
        ('["delay"]', 0, "fine: all needs of 2 assets are met"),
        (
            '{"delay": "int64"}',
            1,
            (
                "`forecast` needs column `delay` of `departures` to be int64, and by the contract "
                "`Departures 1.0.0` of team:flights it is float64"
            ),
        ),
    ],
)
def test_needs_are_checked_over_code_locations(run: Run, columns: str, code: int, told: str) -> None:
    """The consumer's own location loads, because it cannot know; all locations together tell."""
    Path("producer.py").write_text(PRODUCER)
    Path("consumer.py").write_text(CONSUMER.replace("COLUMNS", columns))
    Path("workspace.yaml").write_text(WORKSPACE)
    assert run("check", "-f", "consumer.py").exit_code == 0
    done = run("check", "-w", "workspace.yaml")
    assert (done.exit_code, done.stdout.splitlines()) == (code, [told])
    answer: dict[str, Any] = json.loads(run("check", "-w", "workspace.yaml", "--json").stdout)
    assert answer == {"ok": code == 0, "assets": 2, "problems": [told] * code}


def test_a_location_that_is_down_is_told(run: Run) -> None:
    """And the others are checked."""
    Path("consumer.py").write_text(CONSUMER.replace("COLUMNS", '["delay"]'))
    Path("producer.py").write_text("raise RuntimeError('no database')")
    Path("workspace.yaml").write_text(WORKSPACE)
    done = run("check", "-w", "workspace.yaml")
    assert done.exit_code == 1
    assert "`producer.py` cannot be loaded: " in done.stdout
    assert "no database" in done.stdout


def test_one_place_is_checked(run: Run) -> None:
    """None and two are usage errors."""
    assert run("check").exit_code == 2
    assert run("check", "-f", "old.py", "-m", "old").exit_code == 2
