"""``python -m benchmarks``: all benchmarks, or one of them, with tables of what was found."""

import time

import click

from benchmarks import launching, selection, submission
from benchmarks.figures import Figure, all_met
from benchmarks.report import RESULTS, save, table
from benchmarks.sites import STORAGES, Storage

NAMES = ("selection", "submission", "launching")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--storage", "storages", multiple=True, type=click.Choice(STORAGES), help="One storage only.")
@click.option("--queued", multiple=True, type=click.IntRange(500), help="Length of the queue (selection).")
@click.option("--repeats", type=click.IntRange(1, 100), help="Measurements per figure.")
@click.option("--save/--no-save", "saves", default=None, help="Write the results, as a full run does.")
def main(
    names: tuple[str, ...],
    storages: tuple[Storage, ...],
    queued: tuple[int, ...],
    repeats: int | None,
    saves: bool | None,
) -> None:
    """Measure our coordinator against stock's, side by side on the same storage.

    Ends with status 1 when a bound is not met.
    """
    if saves is None:
        saves = not (storages or queued or repeats)
    found: list[Figure] = []
    for name in names or NAMES:
        began = time.monotonic()
        figures = [
            figure for storage in storages or STORAGES for figure in _measure(name, storage, queued, repeats)
        ]
        click.echo(f"\n{name}, in {time.monotonic() - began:.0f} s:\n\n{table(figures)}")
        if saves:
            page = save(name, figures)
            click.echo(f"\nWritten to {page.relative_to(RESULTS.parents[1])}, with the samples in JSON.")
        found += figures
    raise SystemExit(not all_met(found))


def _measure(name: str, storage: Storage, queued: tuple[int, ...], repeats: int | None) -> list[Figure]:
    given = {"repeats": repeats} if repeats else {}
    match name:
        case "selection":
            return selection.measure(storage, queued or selection.QUEUED, **given)
        case "submission":
            return submission.measure(storage, **given)
        case _:
            return launching.measure(storage, **given)


if __name__ == "__main__":
    main()
