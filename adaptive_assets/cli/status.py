"""``adaptive status``: is the deployment at work, under which policy book, and what is wrong with it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from adaptive_assets.cli.errors import PROBLEMS, masked
from adaptive_assets.cli.installation import Installation, home_option, opened
from adaptive_assets.cli.state import Daemon, Governed, Queue, Status
from adaptive_assets.cli.status_ledger import ledger_state
from adaptive_assets.cli.status_text import as_json, as_text
from adaptive_assets.cli.text import age, emit_json

if TYPE_CHECKING:
    from adaptive_assets.ledger import FaultRow, LedgerStatus
    from adaptive_assets.policy import PolicyBook, Problem

DEQUEUE: Final = "QUEUED_RUN_COORDINATOR"
BEAT_S: Final = 90.0
"""A daemon beats every 30 s: after three beats missed it is taken for dead."""
FAULT_MINUTES: Final = 5.0
"""A fault that lasts is recorded again every four minutes."""

ADOPT: Final = """\
run_coordinator:
  module: adaptive_assets
  class: AdaptiveRunCoordinator
  config: {policies: policies.yaml}"""


@click.command()
@home_option
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
@click.pass_context
def status(ctx: click.Context, home: Path | None, json_wanted: bool) -> None:
    """Say whether the deployment is at work, under which policy book, and what is wrong."""
    with opened(home) as installation:
        found = gather(installation, time.time())
    if json_wanted:
        emit_json(as_json(found))
    else:
        click.echo(as_text(found))
        for problem in found.problems:
            click.secho(f"! {problem}", fg="red")
    ctx.exit(PROBLEMS if found.problems else 0)


def gather(installation: Installation, now: float) -> Status:
    """Read the status of an installation as of ``now``."""
    from dataclasses import replace

    from adaptive_assets.coordinator.weight_watch import KEY, Weighting
    from adaptive_assets.ledger import LedgerError

    seen: LedgerStatus | None = None
    book: PolicyBook | None = None
    weights: Weighting | None = None
    failed: str | None = None
    try:
        if installation.ledger is not None:
            seen = installation.ledger.latest_status(now=now, minutes=FAULT_MINUTES)
            book = installation.book_in_force()
            weights = Weighting.of_text(installation.ledger.kept(KEY))
    except LedgerError as error:
        failed = str(error)
    found = Status(
        at=now,
        home=installation.home,
        coordinator=installation.coordinator,
        ledger=seen,
        ledger_state=ledger_state(installation, failed),
        governed=_governed(installation, seen),
        guards=book.guards if book else None,
        daemon=_daemon(installation, now),
        queue=_queue(installation),
        weights=weights,
        mode=installation.modes,
    )
    return replace(found, problems=tuple(_problems(found)))


def _governed(installation: Installation, seen: "LedgerStatus | None") -> Governed | None:
    if installation.settings is None:
        return None
    file = installation.policy_file
    activation = seen.activation if seen else None
    if activation is not None and file is not None:
        file = _of_the_daemon(installation, file, Path(activation.source))
    revision, problems = _read(installation, file)
    return Governed(
        file=file,
        in_force=activation.revision if activation else None,
        since=activation.at if activation else None,
        written=revision,
        refused=problems,
    )


def _of_the_daemon(installation: Installation, file: Path, source: Path) -> Path:
    """The file that the daemon reads: a relative path that is not in the home starts where the daemon works.

    ``source`` is where it read the book in force, and ``file`` what the path means here.
    """
    given = Path((installation.settings and installation.settings.policies) or "")
    elsewhere = not given.is_absolute() and not file.is_relative_to(installation.home)
    same_path = source.parts[-len(given.parts) :] == given.parts
    return source if elsewhere and same_path and source.is_file() else file


def _read(installation: Installation, file: Path | None) -> "tuple[str | None, tuple[Problem, ...]]":
    """Read the file as a cycle would: the revision of its book, or why it is refused."""
    from adaptive_assets.assets.policy_assignment import PolicyAssignment
    from adaptive_assets.ledger import LedgerError
    from adaptive_assets.policy import BUILT_IN, Catalogue, PolicyError, load_policy_book

    settings, home = installation.settings, Path(installation.instance.root_directory)
    # as it is given where it is nowhere: the error then names the folders
    given = file if file is None or file.exists() else (settings and settings.policies) or file
    try:
        book = BUILT_IN if given is None else load_policy_book(given, home)
        try:
            catalogue = installation.catalogue()
        except LedgerError:
            catalogue = None
        assignment = PolicyAssignment(book, catalogue or Catalogue())
    except PolicyError as error:
        return None, error.problems
    return (None, assignment.problems) if assignment.problems else (book.revision, ())


def _daemon(installation: Installation, now: float) -> Daemon:
    beat = installation.instance.get_daemon_heartbeats().get(DEQUEUE)
    if beat is None:
        return Daemon(None, alive=False)
    errors = tuple(masked(error.message.strip()) for error in beat.errors or ())
    return Daemon(beat.timestamp, alive=now - beat.timestamp < BEAT_S, errors=errors)


def _queue(installation: Installation) -> Queue:
    import dagster as dg

    from adaptive_assets.assets import tags
    from adaptive_assets.dagster_compat.runs import ACTIVE_RUN_STATUSES

    def count(**tag: str) -> int:
        wanted = {tags.ADMISSION: tag["admission"]} if tag else {}
        return installation.instance.get_runs_count(
            dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED], tags=wanted)
        )

    held, admitted = count(admission=tags.HELD), count(admission=tags.ADMITTED)
    active = installation.instance.get_runs_count(dg.RunsFilter(statuses=list(ACTIVE_RUN_STATUSES)))
    return Queue(held, admitted, max(0, count() - held - admitted), active)


def _problems(found: Status) -> Iterator[str]:
    if found.governed is None:
        yield (
            f"{found.home / 'dagster.yaml'} names {found.coordinator} as its run coordinator, so nothing is"
            f" adaptive here. To adopt it, write there:\n{ADOPT}"
        )
        return
    if found.governed.refused:
        stays = found.governed.in_force
        kept = f"the book {stays} stays in force" if stays else "the defaults rule until it is mended"
        yield f"The policy file is refused, and {kept}:\n" + "\n".join(map(str, found.governed.refused))
    if not found.daemon.alive:
        since = (
            "has never run here"
            if found.daemon.beat_at is None
            else f"last beat {age(found.daemon.beat_at, found.at)}"
        )
        yield f"The dequeue daemon is not alive ({since}): no run is launched. Start `dagster-daemon run`."
    state = found.ledger_state
    if state.error:
        yield f"The ledger: {state.error}"
    elif state.unwritable:
        yield f"The ledger: {state.unwritable}\nWhat the daemon decides meanwhile is kept in {state.outbox}."
    for fault in found.ledger.faults if found.ledger else ():
        if fault.part != "policy":  # the file itself was looked at, which says more and is never late
            yield f"{fault.part}: {masked(fault.message)} ({_seen(fault, found.at)})"
    for error in found.daemon_faults:
        yield f"The daemon: {error}"


def _seen(fault: "FaultRow", now: float) -> str:
    times = "once" if fault.times == 1 else f"{fault.times} times"
    return f"{times}, last {age(fault.at, now)}"
