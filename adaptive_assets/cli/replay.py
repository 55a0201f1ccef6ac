"""``adaptive replay``: every recorded cycle planned again, held against what it decided."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from adaptive_assets.cli.errors import PROBLEMS, CliError, masked
from adaptive_assets.cli.installation import home_option, opened
from adaptive_assets.cli.policy_files import POLICY_FILE
from adaptive_assets.cli.replay_text import as_json, as_text, other_as_json, other_as_text, span
from adaptive_assets.cli.text import clock, emit_json

if TYPE_CHECKING:
    from adaptive_assets.ledger import Ledger

MICROSECOND: Final = 1e-6


def instant(text: str) -> float:
    """POSIX seconds of a date, of a time of a day, or of so long ago."""
    from adaptive_assets.policy.units import UnitError, parse_duration

    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return time.time() - parse_duration(text)
    except UnitError:
        raise click.BadParameter(
            f"`{text}` is no time: write a date, `2026-11-27`, a time, `2026-11-27T18:30` (of this machine's"
            " time zone, unless it says another: `2026-11-27T18:30+00:00`), or how long ago it was, `2h`."
        ) from None


@click.command()
@click.option("--ledger", "url", metavar="URL|FILE", help="The ledger; without it, that of the Dagster home.")
@home_option
@click.option("--since", type=instant, metavar="TIME", help="From this time on: 2026-11-27T18:30, or 2h ago.")
@click.option("--until", type=instant, metavar="TIME", help="Up to this time.")
@click.option(
    "--policies",
    type=POLICY_FILE,
    help="Say instead what this policy file would have decided.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
@click.pass_context
def replay(
    ctx: click.Context,
    url: str | None,
    home: Path | None,
    since: float | None,
    until: float | None,
    policies: Path | None,
    json_wanted: bool,
) -> None:
    """Plan every recorded cycle again, and say whether the decisions are those that were recorded."""
    from adaptive_assets.cli.replay_cycles import replayed
    from adaptive_assets.cli.replay_policies import decided_otherwise, loaded

    first, last = -math.inf if since is None else since, math.inf if until is None else until
    if first > last:
        raise click.UsageError(f"--since ({clock(first)}) is after --until ({clock(last)}): swap them.")
    # Texts have microseconds and the ledger more: a time that was copied from a result must find its cycle.
    first, last = first - MICROSECOND, last + MICROSECOND
    book = None if policies is None else loaded(policies, home)
    with _ledger(url, home) as ledger:
        if book is not None:
            otherwise = decided_otherwise(ledger, book, first, last)
            _refuse_nothing(ledger, otherwise.cycles.count, since, until)
            emit_json(other_as_json(otherwise)) if json_wanted else click.echo(other_as_text(otherwise))
            return
        found = replayed(ledger, first, last)
        _refuse_nothing(ledger, found.cycles.count, since, until)
    emit_json(as_json(found)) if json_wanted else click.echo(as_text(found))
    ctx.exit(0 if found.is_identical else PROBLEMS)


@contextmanager
def _ledger(url: str | None, home: Path | None) -> "Iterator[Ledger]":
    """The ledger that is asked for, which must be there: to look must not create one."""
    from adaptive_assets.ledger import Ledger, LedgerError, NoLedgerError
    from adaptive_assets.ledger.location import FILE_NAME, Location

    if url is None:
        with opened(home) as installation:
            if installation.ledger is None:
                raise CliError(
                    f"Nothing has been recorded in {installation.home} yet.",
                    "Let the coordinator run, or name a ledger with --ledger.",
                )
            yield installation.ledger
        return
    if "://" not in url:
        path = Path(url).expanduser().absolute()
        url = f"sqlite:///{path / FILE_NAME if path.is_dir() else path}"
    try:
        file = Location.parse(url).file
    except LedgerError as error:
        raise CliError(str(error)) from error
    if file is not None and not file.is_file():
        raise CliError(
            f"There is no ledger at {masked(str(file))}.",
            f"Name its file, the directory that holds {FILE_NAME}, or its URL: postgresql://user@host/database.",
        )
    ledger = Ledger.open(url, existing=True)
    try:
        yield ledger
    except NoLedgerError as error:
        raise CliError(str(error)) from error
    finally:
        ledger.dispose()


def _refuse_nothing(ledger: "Ledger", cycles: int, since: float | None, until: float | None) -> None:
    """Where there is nothing to plan again, that must not pass for a good result."""
    if cycles:
        return
    last = ledger.latest_status().at
    if last is None:
        raise CliError(
            f"No cycle is recorded in {ledger.safe_url}.",
            "A cycle is recorded when a decision changes: let the coordinator see some runs first.",
        )
    raise CliError(
        f"No cycle is recorded {span(since, until)} in {ledger.safe_url}.",
        f"The last one was at {clock(last)}; older ones than the retention keeps are forgotten.",
    )
