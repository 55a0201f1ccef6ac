"""``adaptive contract``: compare contracts, write one as JSON, and check what a project's assets need."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adaptive_assets.cli.contract_files import load_contract
from adaptive_assets.cli.errors import PROBLEMS, note, write_text
from adaptive_assets.cli.policy_cases import EXISTING_FILE
from adaptive_assets.cli.text import count, emit_json

if TYPE_CHECKING:
    from adaptive_assets.assets.contract_diff import Change
    from adaptive_assets.assets.contract_terms import ContractTerms


@click.group()
def contract() -> None:
    """Compare contracts of data, write them as JSON, and check what a project's assets need."""


@contract.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--rule",
    type=click.Choice(["backward", "forward", "full", "none"]),
    help="Whom a change must not break; by default as OLD says.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def diff(ctx: click.Context, old: str, new: str, rule: str | None, as_json: bool) -> None:
    """Class every change between two contracts as compatible or breaking.

    OLD and NEW are each a JSON file, FILE.py:NAME or MODULE:NAME. The exit code is 1 if a change breaks.
    """
    from adaptive_assets.assets.contract_diff import changes

    before, after = load_contract(old), load_contract(new)
    governing: Any = rule or before.compatibility
    found = changes(before, after)
    breaking = [change for change in found if change.breaks(governing)]
    if as_json:
        emit_json(_as_json(before, after, governing, found))
    else:
        for change in sorted(found, key=lambda one: not one.breaks(governing)):
            broken = change.breaks(governing)
            kind = click.style("breaking" if broken else "compatible", fg="red" if broken else None)
            click.echo(f"{kind}: {change.subject}: {change.was} → {change.now}")
        click.echo(
            f"{count(len(found), 'change')} from `{before}` to `{after}`, "
            f"{len(breaking):,} breaking ({governing})"
        )
    if breaking and before.version == after.version:
        version = before.version or "empty"
        note(f"The version is {version} in both: a breaking change deserves a new one.")
    ctx.exit(PROBLEMS if breaking else 0)


@contract.command()
@click.argument("name")
@click.option(
    "--out", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write it to this file."
)
def show(name: str, out: Path | None) -> None:
    """Print a contract as JSON, which `adaptive contract diff` takes.

    NAME is FILE.py:NAME or MODULE:NAME of a contract or a pandera model, or a JSON file.
    """
    text = json.dumps(load_contract(name).as_json(), indent=2, ensure_ascii=False)
    if out is None:
        click.echo(text)
    else:
        write_text(out, text + "\n")


@contract.command()
@click.option("-f", "--definitions", type=EXISTING_FILE, help="Look at the assets of this Python file.")
@click.option("-m", "--module", help="Look at those of this Python module.")
@click.option("-w", "--workspace", type=EXISTING_FILE, help="Look at those of this workspace file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(
    ctx: click.Context, definitions: Path | None, module: str | None, workspace: Path | None, as_json: bool
) -> None:
    """Tell every need of an asset that no contract meets, over all code locations of a workspace.

    Contracts of other code locations are not known when one loads. Here they are, if they are attached to
    their assets by `with_contract()`.
    """
    if sum(given is not None for given in (definitions, module, workspace)) != 1:
        raise click.UsageError("Give one of --definitions, --module and --workspace.")
    from adaptive_assets.cli.contract_project import unmet_of_project

    known, problems = unmet_of_project(definitions=definitions, module=module, workspace=workspace)
    if as_json:
        emit_json({"ok": not problems, "assets": known, "problems": problems})
    else:
        for problem in problems:
            click.secho(problem, fg="red")
        if not problems:
            click.echo(f"fine: all needs of {count(known, 'asset')} are met")
    ctx.exit(PROBLEMS if problems else 0)


def _as_json(
    before: "ContractTerms", after: "ContractTerms", rule: Any, found: "list[Change]"
) -> dict[str, Any]:
    return {
        "ok": not any(change.breaks(rule) for change in found),
        "rule": rule,
        "old": {"contract": before.name, "version": before.version},
        "new": {"contract": after.name, "version": after.version},
        "changes": list(_changes_json(rule, found)),
    }


def _changes_json(rule: Any, found: "list[Change]") -> Iterator[dict[str, Any]]:
    for change in found:
        yield {
            "subject": change.subject,
            "was": change.was,
            "now": change.now,
            "breaking": change.breaks(rule),
            "breaks_readers": change.breaks_readers,
            "breaks_stored": change.breaks_stored,
        }
