"""``adaptive policy``: check a policy file before it is put in force, test it, and print its JSON Schema."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adaptive_assets.cli.errors import PROBLEMS, CliError, note, one_line, write_text
from adaptive_assets.cli.installation import dagster_home, home_option, opened
from adaptive_assets.cli.policy_cases import EXISTING_FILE, run_cases
from adaptive_assets.cli.policy_files import POLICY_FILE, existing_policy_file
from adaptive_assets.cli.text import count, emit_json, wrapped

if TYPE_CHECKING:
    from adaptive_assets.assets.deaf import Deaf
    from adaptive_assets.policy import Catalogue, PolicyBook, Problem
    from adaptive_assets.policy.checking import LeftOut


@click.group()
def policy() -> None:
    """Check and test policy files, and print their JSON Schema."""


policy.add_command(run_cases)


@dataclass(frozen=True, slots=True)
class Assets:
    """The assets that policies are checked against, ``None`` when unknown, and where they are known from.

    ``problems`` is what the definitions themselves have against their policy file.  ``jobs_known`` is false
    where jobs that make no assets are not in the catalogue: then no name can be called wrong.  ``deaf`` is
    what does not ask for the run's mode, ``None`` where no definitions were looked at.
    """

    catalogue: "Catalogue | None"
    source: str
    problems: "tuple[Problem, ...]" = ()
    jobs_known: bool = True
    deaf: "Deaf | None" = None


@dataclass(frozen=True, slots=True)
class Checked:
    """One policy file: what is wrong with it, and the revision of its book; ``None`` if it holds none."""

    file: Path
    revision: str | None
    policies: int
    problems: "tuple[Problem, ...]"
    more: int = 0
    """Problems of the text beside those."""

    @property
    def errors(self) -> int:
        """How many of the problems keep the file from coming into force."""
        return sum(problem.severity == "error" for problem in self.problems)


@policy.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=POLICY_FILE)
@click.option("-f", "--definitions", type=EXISTING_FILE, help="Take the assets from this Python file.")
@click.option("-m", "--module", help="Take the assets from this Python module.")
@click.option(
    "-w", "--workspace", type=EXISTING_FILE, help="Take the assets from this workspace file (workspace.yaml)."
)
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(
    ctx: click.Context,
    files: tuple[Path, ...],
    definitions: Path | None,
    module: str | None,
    workspace: Path | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Tell everything that is wrong with policy files.

    Selections and jobs are checked against the definitions that -f, -m or -w name; without them, against what
    the code locations of the instance last said of themselves.
    """
    if sum(given is not None for given in (definitions, module, workspace)) > 1:
        raise click.UsageError("Give one of --definitions, --module and --workspace.")
    files = tuple(existing_policy_file(file, home) for file in files)
    assets = _assets(definitions, module, workspace, home)
    checked = [_with_theirs(check_file(file, assets), assets.problems) for file in files]
    told = {file.resolve() for file in files}
    elsewhere = [problem for problem in assets.problems if Path(problem.file).resolve() not in told]
    if as_json:
        emit_json(_as_json(checked, assets, elsewhere))
    else:
        for line in _lines(checked, elsewhere):
            click.echo(line)
        note(wrapped(_about(assets)))
    ctx.exit(0 if _is_ok(checked, elsewhere) else PROBLEMS)


@policy.command()
@click.option(
    "--out", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write it to this file."
)
def schema(out: Path | None) -> None:
    """Print the JSON Schema of policy files, which gives editors completion."""
    from adaptive_assets.policy import policy_schema

    text = json.dumps(policy_schema(), indent=2)
    if out is None:
        click.echo(text)
    else:
        write_text(out, text + "\n")


def check_file(file: Path, assets: Assets) -> Checked:
    """Check one file: all that is wrong with its text, and with the book that it holds or would hold."""
    from adaptive_assets.policy import PolicyError, load_policy_book
    from adaptive_assets.policy.remains import remains_of

    try:
        book = load_policy_book(file)
    except PolicyError as error:
        remains = remains_of(file.read_bytes(), str(file)) if error.problems[0].line else None
        found = _of_book(remains.book, assets, remains.left_out) if remains else []
        return Checked(file, None, 0, _in_order([*error.problems, *found]), error.more)
    return Checked(file, book.revision, len(book.policies), _in_order(_of_book(book, assets)))


def _of_book(book: "PolicyBook", assets: Assets, left_out: "LeftOut | None" = None) -> "list[Problem]":
    from adaptive_assets.assets.deaf import deaf_ladders
    from adaptive_assets.assets.policy_assignment import PolicyAssignment
    from adaptive_assets.assets.selection import Selector
    from adaptive_assets.policy import Catalogue, check_policy_book

    catalogue = assets.catalogue
    if catalogue is not None and not assets.jobs_known:
        named = {job: () for one in book.policies for job in one.jobs}
        catalogue = Catalogue(catalogue.assets, {**named, **catalogue.jobs})
    select = Selector(catalogue or Catalogue())
    found = check_policy_book(book, catalogue, lambda selection, _: select(selection), left_out or {})
    if catalogue is not None and assets.deaf is not None:
        deaf = deaf_ladders(PolicyAssignment(book, catalogue), assets.deaf)
        # what a broken selection governs is not known, and so not what is left to `default` either
        found += (one for one in deaf if not left_out or one.line != book.locate(("default", "degrade")).line)
    return found


def _in_order(problems: "Iterable[Problem]") -> "tuple[Problem, ...]":
    key = attrgetter("file", "line", "column")
    return tuple(sorted(dict.fromkeys(problems), key=key))


def _with_theirs(checked: Checked, theirs: "Iterable[Problem]") -> Checked:
    """Add what the definitions have against this file, unless the check has a problem at the same place."""
    said = {(problem.line, problem.column) for problem in checked.problems}
    added = tuple(
        replace(problem, file=str(checked.file))
        for problem in theirs
        if Path(problem.file).resolve() == checked.file.resolve()
        and (problem.line, problem.column) not in said
    )
    return replace(checked, problems=_in_order([*checked.problems, *added]))


def _assets(
    definitions: Path | None, module: str | None, workspace: Path | None, home: Path | None
) -> Assets:
    if definitions or module or workspace:
        from adaptive_assets.cli.definitions import load_project

        named = str(definitions or workspace or f"module {module}")
        project = load_project(definitions=definitions, module=module, workspace=workspace)
        if project.problems and not project.catalogue.assets:
            return Assets(
                None, f"{named} cannot be loaded under the policy file that it adapts", project.problems
            )
        return Assets(project.catalogue, named, project.problems, deaf=project.deaf)
    place = dagster_home(home)
    if place is None or (home is None and not (place / "dagster.yaml").exists()):
        return Assets(None, "there is no Dagster instance to ask (DAGSTER_HOME)")
    try:
        with opened(home) as installation:
            catalogue = installation.catalogue()
    except CliError as error:
        if home is not None:
            raise
        return Assets(None, one_line(error))
    if catalogue is None:
        return Assets(None, f"no code location has told the ledger of {place} about its assets yet")
    return Assets(catalogue, f"the ledger of {place}", jobs_known=False)


def _about(assets: Assets) -> str:
    if assets.catalogue is None:
        return (
            f"Selections were checked for their syntax only: {assets.source}."
            " Name your definitions with -f, -m or -w to check them against your assets."
        )
    known = count(len(assets.catalogue.assets), "asset")
    return f"Selections were checked against {known}, known from {assets.source}."


def _is_ok(checked: list[Checked], elsewhere: "list[Problem]") -> bool:
    errors = any(problem.severity == "error" for problem in elsewhere)
    return not errors and not any(one.errors for one in checked)


def _lines(checked: list[Checked], elsewhere: "list[Problem]") -> Iterator[str]:
    for problem in _in_order([*(problem for one in checked for problem in one.problems), *elsewhere]):
        yield click.style(str(problem), fg="red" if problem.severity == "error" else "yellow")
    for one in checked:
        if one.more:
            yield f"{one.file}: and {one.more:,} more"
        if not one.problems:
            yield f"{one.file}: fine, {one.policies} policies, revision {one.revision}"


def _as_json(checked: list[Checked], assets: Assets, elsewhere: "list[Problem]") -> dict[str, Any]:
    return {
        "ok": _is_ok(checked, elsewhere),
        "assets": {
            "checked": assets.catalogue is not None,
            "known": len(assets.catalogue.assets) if assets.catalogue else 0,
            "source": assets.source,
            "problems": _in_order(elsewhere),
        },
        "files": checked,
    }
