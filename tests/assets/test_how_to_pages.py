"""The examples of the how-to pages about data run as they are printed."""

import json
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from adaptive_assets.cli.main import cli
from adaptive_assets.policy import load_policy_book

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language, in order."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (PAGES / page).read_text(), flags=re.MULTILINE | re.DOTALL
    )


@pytest.fixture
def run_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Execute a page: ``run_page(page)`` is what its blocks define, one after the other."""
    monkeypatch.chdir(tmp_path)

    def run(page: str) -> dict[str, Any]:
        for policies in blocks(page, "yaml"):
            Path("policies.yaml").write_text(policies)
            load_policy_book("policies.yaml")
        names: dict[str, Any] = {"__name__": "example"}
        for block in blocks(page, "python"):
            exec(compile(block, page, "exec"), names)
        return names

    return run


def test_gating_on_data_quality(run_page: Any) -> None:
    """The check of the page fails as the page says."""
    names = run_page("gate-on-data-quality.md")
    defs: dg.Definitions = names["defs"]
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(raise_on_error=False)
    (evaluation,) = result.get_asset_check_evaluations()
    assert str(evaluation.description).startswith(
        "1 of 2 rows break `Departures`: carrier: isin(['AA', 'DL', 'UA']); delay: "
    )
    empty = names["departures"]().head(0)
    with pytest.raises(Exception, match="no departures"):
        names["SomeDepartures"].validate(empty)


def test_contracts(run_page: Any, tmp_path: Path) -> None:
    """The pipeline of the page runs, and the changes that it speaks of are told as it says."""
    names = run_page("contracts.md")
    defs: dg.Definitions = names["defs"]
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process()
    (evaluation,) = result.get_asset_check_evaluations()
    assert evaluation.metadata["adaptive/contract_version"].value == "1.0.0"

    page = (PAGES / "contracts.md").read_text()
    console = blocks("contracts.md", "console")[-1].split("$ adaptive ")[1:]
    changed = blocks("contracts.md", "python")[0].replace("lt=1440", "lt=2000")
    old: dict[str, Any] = names["DEPARTURES"].terms.as_json()
    new: dict[str, Any] = {"__name__": "changed"}
    exec(
        compile(changed.replace("    delay: float", "    gate: str\n    delay: float"), "changed", "exec"),
        new,
    )
    Path("departures.json").write_text(json.dumps(old))
    Path("changed.json").write_text(json.dumps(new["DEPARTURES"].terms.as_json()))
    told = CliRunner().invoke(cli, ["contract", "diff", "departures.json", "changed.json"])
    assert told.stdout == console[1].partition("\n")[2]

    renamed = (
        blocks("contracts.md", "python")[0].replace("    delay:", "    delays:").replace("1.0.0", "2.0.0")
    )
    broken: dict[str, Any] = {"__name__": "renamed"}
    exec(compile(renamed, "renamed", "exec"), broken)
    consumer = compile(blocks("contracts.md", "python")[1], "renamed", "exec")
    with pytest.raises(dg.DagsterInvalidDefinitionError) as error:
        exec(consumer, broken)
    quoted = " ".join(line.removeprefix("> ") for line in page.splitlines() if line.startswith("> "))
    assert str(error.value).splitlines()[0].partition(" (1 of")[0] == quoted


def test_degrading_an_asset(run_page: Any) -> None:
    """The asset of the page does less when it is told so, and serves its last good version."""
    defs: dg.Definitions = run_page("degrade-an-asset.md")["defs"]
    job = defs.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:

        def rows(**tags: str) -> Any:
            run_tags = {f"adaptive/{name}": value for name, value in tags.items()}
            return job.execute_in_process(instance=instance, tags=run_tags).output_for_node("delay_model")[
                "rows"
            ]

        assert rows() == 1000
        assert rows(mode="reduced", mode_parameters='{"sample": 0.25}') == 250
        assert rows(mode="last_good") == 250
