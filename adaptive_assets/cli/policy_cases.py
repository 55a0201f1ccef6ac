"""``adaptive policy test``: run the cases that people write for their own policies."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from adaptive_assets.cli.errors import PROBLEMS, note
from adaptive_assets.cli.policy_files import POLICY_FILE, existing_policy_file
from adaptive_assets.cli.text import count, emit_json, record

if TYPE_CHECKING:
    from adaptive_assets.policy import Problem
    from adaptive_assets.policy_cases import Judgement

EXISTING_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Tested:
    """One file of cases: what came of each, or what is wrong with the file; ``odd`` is what is only odd."""

    file: Path
    judged: "tuple[Judgement, ...]" = ()
    problems: "tuple[Problem, ...]" = ()
    odd: "tuple[Problem, ...]" = ()

    @property
    def failed(self) -> int:
        """How many cases do not hold."""
        return sum(not one.holds for one in self.judged)

    @property
    def ok(self) -> bool:
        """Whether the file can be taken, and all of its cases hold."""
        return not self.problems and not self.failed


@click.command("test")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=EXISTING_FILE)
@click.option(
    "-p",
    "--policies",
    type=POLICY_FILE,
    help="The policy file that the cases are about, instead of the one that they name.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def run_cases(ctx: click.Context, files: tuple[Path, ...], policies: Path | None, as_json: bool) -> None:
    """Test policies by cases: what is true, and what must then be decided and said.

    Each case is planned as the coordinator would plan it. Nothing is started, and no deployment is needed.
    """
    book = None if policies is None else existing_policy_file(policies)
    tested = [run_file(file, book) for file in files]
    if as_json:
        emit_json(_as_json(tested))
    else:
        for line in _lines(tested):
            click.echo(line)
        for problem in dict.fromkeys(problem for one in tested for problem in one.odd):
            note(str(problem))
    ctx.exit(0 if all(one.ok for one in tested) else PROBLEMS)


def run_file(file: Path, policies: Path | None) -> Tested:
    """Judge the cases of one file, under the book in ``policies`` where one is given."""
    from adaptive_assets.policy import PolicyError, load_policy_book
    from adaptive_assets.policy_cases import judge, load_cases

    try:
        read = load_cases(file, None if policies is None else load_policy_book(policies))
    except PolicyError as error:
        return Tested(file, problems=error.problems)
    return Tested(file, tuple(judge(case) for case in read.cases), odd=read.warnings)


def _lines(tested: list[Tested]) -> Iterator[str]:
    for problem in dict.fromkeys(problem for one in tested for problem in one.problems):
        yield click.style(str(problem), fg="red" if problem.severity == "error" else "yellow")
    for one in tested:
        if one.judged:
            yield click.style(str(one.file), bold=True)
        for judged in one.judged:
            passed = click.style("ok  ", fg="green") if judged.holds else click.style("FAIL", fg="red")
            yield f"  {passed}  {judged.case.name}"
            yield from (f"        {line}" for line in judged.lines())
    yield _total(tested)


def _total(tested: list[Tested]) -> str:
    cases, failed = sum(len(one.judged) for one in tested), sum(one.failed for one in tested)
    refused = sum(bool(one.problems) for one in tested)
    parts = []
    if cases:
        parts.append(f"{count(cases, 'case')}: {cases - failed} as expected, {failed} not")
    if refused:
        parts.append(f"{count(refused, 'file')} cannot be taken")
    return click.style("; ".join(parts), fg="red" if failed or refused else "green")


def _as_json(tested: list[Tested]) -> dict[str, Any]:
    return {
        "ok": all(one.ok for one in tested),
        "passed": sum(len(one.judged) - one.failed for one in tested),
        "failed": sum(one.failed for one in tested),
        "files": [
            {
                "file": str(one.file),
                "problems": (*one.problems, *one.odd),
                "cases": [_case_as_json(judged) for judged in one.judged],
            }
            for one in tested
        ],
    }


def _case_as_json(judged: "Judgement") -> dict[str, Any]:
    case = judged.case
    told = ("about", "field", "expected", "decided", "reasons")
    misses = [{**case.place(*miss.path)._asdict(), **record(miss, *told)} for miss in judged.misses]
    return {
        "name": case.name,
        "line": case.place().line,
        "revision": case.book.revision,
        "ok": judged.holds,
        "misses": misses,
    }
