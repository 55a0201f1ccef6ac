"""``python -m benchmarks``: all benchmarks, or some of them, with tables of what was found."""

import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from adaptive_assets.simulation.engine.capabilities import Capabilities
from adaptive_assets.simulation.traces.trace import TraceError
from benchmarks import (
    ablation,
    contract_overhead,
    fidelity,
    kills,
    launching,
    paired_passes,
    planning,
    publishing,
    readiness,
    real,
    selection,
    simulation,
    starts,
    submission,
    turnaround,
)
from benchmarks.ablation_cells import KeepError
from benchmarks.ablation_rules import RULES
from benchmarks.alibaba import NoTraceError
from benchmarks.cells import LOADS, TEAM_LOADS, TRACES
from benchmarks.figures import Figure, finding
from benchmarks.real_workloads import PARTS
from benchmarks.report import RESULTS, Finding, save
from benchmarks.seeds import TUNED
from benchmarks.sites import STORAGES, Storage

Options = Mapping[str, Any]

_CELLS: Final = {
    "traces": "traces",
    "loads": "loads",
    "seeds": "seeds",
    "first": "first_seed",
    "jobs": "jobs",
}
"""What all that play cells of the simulator are told, by the option that says it."""


def _simulation(given: Options) -> Finding:
    return simulation.measure(say=_say, **_chosen(given, {**_CELLS, "actions": "actions"}))


def _turnaround(given: Options) -> Finding:
    return turnaround.measure_all(say=_say, **_chosen(given, {**_CELLS, "share": "share"}))


def _starts(given: Options) -> Finding:
    return starts.measure(say=_say, **_chosen(given, _CELLS))


def _ablation(given: Options) -> Finding:
    first, seeds = given["first_seed"], given["seeds"] or ablation.SEEDS
    first = ablation.FIRST if first is None else first
    if tuned := set(range(first, first + seeds)) & set(TUNED):
        raise click.BadParameter(
            f"rules were tuned on seed {min(tuned)}; the ablation takes seeds from {ablation.FIRST} on.",
            param_hint="'--first-seed'",
        )
    names = {
        **_CELLS,
        "actions": "actions",
        "share": "share",
        "keep": "keep",
    }
    chosen = _chosen(given, names)
    if given["rules"]:
        chosen["rules"] = [rule for rule in RULES if rule.name in given["rules"]]
    return ablation.measure(say=_say, **chosen)


def _planning(given: Options) -> Finding:
    names = {"queued": "queued", "repeats": "repeats", "runs": "day"}
    return planning.measure(say=_say, **_chosen(given, names))


def _fidelity(given: Options) -> Finding:
    return fidelity.measure(say=_say, **_chosen(given, {"runs": "runs"}))


def _kills(given: Options) -> Finding:
    names = {"storages": "storages", "kills": "kills", "faults": "faults", "jobs": "jobs"}
    return kills.measure(say=_say, **_chosen(given, names))


def _publishing(given: Options) -> Finding:
    return publishing.measure(say=_say, **_chosen(given, {"kills": "kills"}))


def _real(given: Options) -> Finding:
    names = {
        "parts": "only",
        "storages": "storages",
        "limits": "limits",
        "repeats": "repeats",
        "share": "share",
    }
    return real.measure(say=_say, **_chosen(given, names))


def _contracts(given: Options) -> Finding:
    return finding("contracts", contract_overhead.measure(**_chosen(given, {"repeats": "repeats"})))


def _passes(given: Options) -> Finding:
    storages: tuple[Storage, ...] = given["storages"] or STORAGES
    chosen = _chosen(given, {"queued": "queued", "repeats": "repeats"})
    return paired_passes.finding(
        [pairs for storage in storages for pairs in paired_passes.measure(storage, **chosen)]
    )


def _readiness(given: Options) -> Finding:
    storages: tuple[Storage, ...] = given["storages"] or STORAGES
    chosen = _chosen(given, {"repeats": "repeats"})
    return readiness.finding([read for storage in storages for read in readiness.measure(storage, **chosen)])


def _against_stock(
    name: str, measure: Callable[..., list[Figure]], **names: str
) -> Callable[[Options], Finding]:
    """A benchmark that is made once for each storage."""

    def measured(given: Options) -> Finding:
        storages: tuple[Storage, ...] = given["storages"] or STORAGES
        figures = [figure for storage in storages for figure in measure(storage, **_chosen(given, names))]
        return finding(name, figures)

    return measured


def _chosen(given: Options, names: Mapping[str, str]) -> dict[str, Any]:
    """The arguments for which something was given, by option; the rest keep the benchmark's own defaults."""
    return {argument: given[option] for argument, option in names.items() if given[option]}


def _capabilities(text: str) -> Capabilities:
    """Words with commas between them, as for ``adaptive simulate``."""
    try:
        return Capabilities.read(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(map(str, values))


BENCHMARKS: Final[Mapping[str, Callable[[Options], Finding]]] = {
    "selection": _against_stock("selection", selection.measure, queued="queued", repeats="repeats"),
    "passes": _passes,
    "submission": _against_stock("submission", submission.measure, repeats="repeats"),
    "launching": _against_stock("launching", launching.measure, repeats="repeats"),
    "contracts": _contracts,
    "planning": _planning,
    "readiness": _readiness,
    "simulation": _simulation,
    "turnaround": _turnaround,
    "starts": _starts,
    "fidelity": _fidelity,
    "kills": _kills,
    "publishing": _publishing,
    "real": _real,
    "ablation": _ablation,
}
NAMED_ONLY: Final = ("ablation", "turnaround")
"""Made when they are named: they take hours."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(tuple(BENCHMARKS)))
@click.option(
    "--storage",
    "storages",
    multiple=True,
    type=click.Choice(STORAGES),
    help="One storage only (selection, passes, submission, launching, readiness, kills); instead of SQLite"
    " (real).",
)
@click.option(
    "--queued",
    multiple=True,
    type=click.IntRange(500),
    help="Length of the queue (selection, passes, planning).",
)
@click.option("--repeats", type=click.IntRange(1, 100), help="Measurements per figure.")
@click.option("--day", type=click.IntRange(1_000), help="Runs of the simulated day (planning).")
@click.option(
    "--trace",
    "traces",
    multiple=True,
    metavar="NAME|FILE",
    help=f"Instead of {', '.join(TRACES)}: one of them, or a trace file (all simulations).",
)
@click.option(
    "--load",
    "loads",
    multiple=True,
    type=click.FloatRange(0, 10, min_open=True),
    help=f"Load instead of {_numbers(LOADS)}, of team {_numbers(TEAM_LOADS)} (all simulations).",
)
@click.option("--seeds", type=click.IntRange(1, 100), help="How many (all simulations).")
@click.option(
    "--first-seed",
    type=click.IntRange(0),
    help=f"From which on; rules were tuned on {TUNED[0]} to {TUNED[-1]} (all simulations).",
)
@click.option(
    "--actions",
    type=_capabilities,
    metavar="WORD,…",
    help="What launchers can do in the second table, or for rules that act on running work, instead of all"
    " that can be named (simulation, ablation).",
)
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes side by side (all simulations, kills).")
@click.option("--runs", type=click.IntRange(12), help="How many real runs (fidelity).")
@click.option(
    "--kills",
    type=click.IntRange(1),
    help="Kills of daemons whose ledger is well (kills), or of writers (publishing).",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    type=click.Choice(kills.PARTS),
    help="One part only (kills).",
)
@click.option(
    "--rule",
    "rules",
    multiple=True,
    type=click.Choice([rule.name for rule in RULES]),
    help="One rule only (ablation).",
)
@click.option(
    "--share",
    type=click.FloatRange(0.01, 1),
    help="The part of each workload that is played, from its start (real) or around its middle.",
)
@click.option("--only", multiple=True, type=click.Choice(tuple(PARTS)), help="One part only (real).")
@click.option(
    "--limit",
    "limits",
    multiple=True,
    type=click.IntRange(1),
    help="Stock's max_concurrent_runs: several to search the best of, or the one to take (real).",
)
@click.option(
    "--keep",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where finished cells are kept, and taken from (ablation).",
)
@click.option("--save/--no-save", "saves", default=None, help="Write the results, as a full run does.")
def main(names: tuple[str, ...], saves: bool | None, **given: Any) -> None:
    """Measure what was promised: against stock Dagster, in the simulator, and the simulator itself.

    Ends with status 1 when a bound is not met.
    """
    if saves is None:
        saves = not any(value for option, value in given.items() if option not in {"jobs", "keep"})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    met = True
    for name in names or [name for name in BENCHMARKS if name not in NAMED_ONLY]:
        began = time.monotonic()
        try:
            found = BENCHMARKS[name](given)
        except (KeepError, NoTraceError, TraceError) as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"\n{name}, in {time.monotonic() - began:.0f} s. {found.intro}\n\n{found.body}")
        if saves:
            page = save(found)
            click.echo(f"\nWritten to {page.relative_to(RESULTS.parents[1])}, with all measurements in JSON.")
        met = met and found.met
    raise SystemExit(not met)


def _say(progress: str) -> None:
    click.echo(progress, err=True)


if __name__ == "__main__":
    main()
