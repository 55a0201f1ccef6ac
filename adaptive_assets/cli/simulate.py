"""``adaptive simulate``: what would have happened, under this planner and under what people use today."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from adaptive_assets.cli.errors import CliError, note, write_text
from adaptive_assets.cli.simulate_inputs import FORMATS, BadInputError, Given, read_inputs
from adaptive_assets.cli.text import emit_json

if TYPE_CHECKING:
    from adaptive_assets.simulation.engine.capabilities import Capabilities

FILE = click.Path(dir_okay=False, path_type=Path)


LEAST_CORES: Final = 0.01
MOST_CORES: Final = 1e6
LEAST_LOAD: Final = 0.001
MOST_LOAD: Final = 1000.0
"""Beyond these is a slip of the pen, with which a simulation would take for ever."""


def _number(least: float, most: float) -> Callable[[str], float]:
    """Reads a number from ``least`` to ``most``."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            raise click.BadParameter(f"`{text}` is not a number.") from None
        if not least <= number <= most:
            raise click.BadParameter(f"`{text}` is no number from {least:g} to {most:,.0f}.")
        return number

    return read


def _size(text: str) -> int:
    """Bytes, written with their unit."""
    from adaptive_assets.policy.units import UnitError, parse_size

    try:
        size = parse_size(text)
    except UnitError as error:
        raise click.BadParameter(f"{error}.") from None
    if not size:
        raise click.BadParameter(f"`{text}` is no memory at all.")
    return size


def _capabilities(text: str) -> "Capabilities":
    """Words with commas between them."""
    from adaptive_assets.simulation.engine.capabilities import Capabilities

    try:
        return Capabilities.read(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


@click.command()
@click.option("--trace", required=True, metavar="FILE|URL", help="The runs: a CSV or SWF file, or a ledger.")
@click.option(
    "--format", "trace_format", type=click.Choice(FORMATS), help="Its format; without it, by the name."
)
@click.option("--policies", type=FILE, help="The policy file; without it, plain tiers and nothing promised.")
@click.option("--scenario", type=FILE, help="What happens to nodes and data meanwhile, as YAML.")
@click.option(
    "--cores",
    type=_number(LEAST_CORES, MOST_CORES),
    metavar="NUMBER",
    help="Cores of the node, or of each.",
)
@click.option("--memory", type=_size, metavar="SIZE", help="Memory of the node, or of each: 64GiB.")
@click.option("--nodes", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many nodes.")
@click.option("--cluster", type=FILE, help="Nodes that differ, as YAML, in place of the three.")
@click.option(
    "--load",
    type=_number(LEAST_LOAD, MOST_LOAD),
    metavar="NUMBER",
    help="Stretch arrivals to ask for this share of the cores.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of what is drawn by lot.")
@click.option(
    "--baselines/--no-baselines", default=True, help="Search for the best settings of what people use."
)
@click.option("--oracle/--no-oracle", default=True, help="Simulate a planner that knows what runs will take.")
@click.option(
    "--actions",
    type=_capabilities,
    default="none",
    show_default=True,
    metavar="WORD,…",
    help="What launchers can do beyond Dagster's: suspend, requeue, compose.",
)
@click.option(
    "--cpu-weights/--no-cpu-weights",
    "weighted",
    default=True,
    help="Whether runs yield the CPU to those of higher tiers by their weight.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write a report with plots here.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def simulate(
    trace: str,
    trace_format: str | None,
    policies: Path | None,
    scenario: Path | None,
    cores: float | None,
    memory: int | None,
    nodes: int,
    cluster: Path | None,
    load: float | None,
    seed: int,
    baselines: bool,
    oracle: bool,
    actions: "Capabilities",
    weighted: bool,
    as_json: bool,
    html: Path | None,
    quiet: bool,
) -> None:
    """Simulate a workload: deadlines, waits and use of the nodes under our planner and under others.

    The same runs come to the same nodes under each planner: ours, what people use today (each at the best
    setting that a search finds), and an oracle that is told what every run will take.
    """
    inputs = read_inputs(Given(trace, trace_format, policies, scenario, cluster, cores, memory, nodes, load))
    if html is not None:
        _check_place(html)
    from adaptive_assets import reporting
    from adaptive_assets.policy import PolicyError
    from adaptive_assets.simulation.evaluation.compare import compare, fine_settings

    try:
        with _bar(shown=_wants_bar(quiet, as_json)) as progress:
            found = compare(
                inputs.workload,
                inputs.book,
                inputs.cluster,
                scenario=inputs.scenario,
                settings=fine_settings(inputs.workload, actions, weighted=weighted),
                load=load,
                seed=seed,
                with_baselines=baselines,
                with_oracle=oracle,
                clock=time.perf_counter,
                progress=progress,
            )
    except PolicyError as error:
        raise BadInputError(error.problems) from None
    if html is not None:
        write_text(html, reporting.page(found))
    if as_json:
        emit_json(reporting.as_json(found))
    else:
        click.echo(reporting.as_text(found))
    if html is not None:
        note(f"The report is in {html}.")


@contextmanager
def _bar(*, shown: bool) -> Iterator[Callable[[float, str], None] | None]:
    """A progress bar on stderr, with the planner at work behind it."""
    if not shown:
        yield None
        return
    with click.progressbar(
        length=1000, file=sys.stderr, item_show_func=lambda doing: doing, label="simulating", width=30
    ) as bar:

        def tell(done: float, doing: str) -> None:
            bar.update(max(0, min(1000, round(done * 1000)) - bar.pos), doing)

        yield tell


def _wants_bar(quiet: bool, as_json: bool) -> bool:
    """Where somebody watches: not in a script, and not beside JSON that goes into a pipe."""
    return not quiet and sys.stderr.isatty() and not (as_json and not sys.stdout.isatty())


def _check_place(html: Path) -> None:
    """Before a simulation that may take minutes."""
    if not html.parent.is_dir():
        raise CliError(f"{html} cannot be written: there is no directory {html.parent}.")
    if not os.access(html.parent, os.W_OK):
        raise CliError(f"{html} cannot be written: you may not write into {html.parent}.")
