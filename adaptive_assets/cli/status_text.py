"""A status, for people and for programs."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from adaptive_assets.cli.errors import masked
from adaptive_assets.cli.text import age, clock, count, iso, labelled, record
from adaptive_assets.planning.formatting import cores, share, size

if TYPE_CHECKING:
    from adaptive_assets.cli.state import Governed, Modes, Queue, Status
    from adaptive_assets.cli.status_ledger import LedgerState
    from adaptive_assets.coordinator.weight_watch import Weighting
    from adaptive_assets.planning.snapshot import MachineReading
    from adaptive_assets.policy import Guards


def as_text(found: "Status") -> str:
    """One labelled line for each part; the problems are not among them."""
    return labelled(_lines(found))


def _lines(found: "Status") -> Iterator[tuple[str, str]]:
    yield "instance", f"{found.home}\n{found.coordinator}"
    if found.governed:
        yield "policy book", _book_line(found.governed, found.at)
        yield "policy file", _file_lines(found.governed)
    if found.mode:
        yield "mode", _mode_line(found.mode, found.at)
    daemon = found.daemon
    beat = "no beat ever" if daemon.beat_at is None else f"last beat {age(daemon.beat_at, found.at)}"
    yield "daemon", f"{'alive' if daemon.alive else 'not alive'}, {beat}"
    for error in daemon.errors:
        yield "", f"its error: {error.splitlines()[0] if error else ''}"
    if found.governed:
        yield "last cycle", _cycle_line(found)
    if found.ledger and found.ledger.reading:
        yield "machine", _machine_line(found.ledger.reading, found.guards, found.at)
    if found.weights:
        yield "CPU weights", _weights_line(found.weights)
    observes = found.mode is not None and found.mode.observes
    yield "queue", _queue_line(found.queue, observes=observes)
    if found.ledger and found.ledger.counts:
        yield "verdicts", _counts_line(found.ledger.counts, observes=observes)
    yield "ledger", _ledger_lines(found.ledger_state)
    if found.governed:
        yield "lease", _lease_line(found.ledger_state)
        yield "faults", _faults_line(found)


def _ledger_lines(state: "LedgerState") -> str:
    lines = [state.url or "nothing recorded yet"]
    if state.error or state.unwritable:
        lines.append("cannot be read" if state.error else "cannot be written")
    if state.waiting:
        entries = "entry waits" if state.waiting == 1 else "entries wait"
        lines.append(f"{state.waiting} {entries} for it in {state.outbox}")
    return "\n".join(lines)


def _lease_line(state: "LedgerState") -> str:
    if state.holder is None:
        return "nobody holds it"
    return f"{state.holder}{', which has ended' if state.gone else ''}"


def _faults_line(found: "Status") -> str:
    recorded = len(found.ledger.faults) if found.ledger else 0
    if recorded or found.daemon_faults:
        return f"{recorded + len(found.daemon_faults)} open"
    state = found.ledger_state
    return "none that the ledger could be told of" if state.error or state.unwritable else "none"


def _book_line(governed: "Governed", now: float) -> str:
    if governed.in_force is None or governed.since is None:
        return "none yet: it comes into force with the first cycle"
    return f"{governed.in_force}, in force since {clock(governed.since)} ({age(governed.since, now)})"


def _mode_line(mode: "Modes", now: float) -> str:
    noted = mode.running or mode.configured
    since = "" if mode.since is None else f", since {clock(mode.since)} ({age(mode.since, now)})"
    stocks = "nothing is held, and runs are launched as by stock Dagster"
    does = stocks if noted == "observe" else "decisions are carried out"
    other = mode.running is not None and mode.running != mode.configured
    waits = f"\ndagster.yaml says {mode.configured}: restart daemon and webserver" if other else ""
    return f"{noted}: {does}{since}{waits}"


def _file_lines(governed: "Governed") -> str:
    if governed.file is None:
        return "none: three tiers, and nothing promised"
    if governed.refused:
        said = f"refused: {count(len(governed.refused), 'problem')}, below"
    elif governed.written == governed.in_force:
        said = "says what is in force"
    else:
        said = f"says {governed.written}, which comes into force with the next cycle"
    return f"{governed.file}\n{said}"


def _cycle_line(found: "Status") -> str:
    if found.cycle_at is None or found.ledger is None:
        return "none yet"
    decided = ""
    if found.ledger.at is not None:
        decided = f"; decisions last changed {age(found.ledger.at, found.at)} (cycle {found.ledger.cycle_id})"
    return f"{age(found.cycle_at, found.at)} on {found.ledger.reading_node or found.ledger.node}{decided}"


def _machine_line(reading: "MachineReading", guards: "Guards | None", now: float) -> str:
    cpu = _against(reading.cpu_used / reading.cpu_capacity, guards.cpu if guards else None)
    memory = _against(reading.memory_used / reading.memory_capacity, guards.memory if guards else None)
    from adaptive_assets.policy import PressureGuards

    lines = [
        f"CPU {cores(reading.cpu_used)} of {cores(reading.cpu_capacity)}, {cpu}",
        f"memory {size(reading.memory_used)} of {size(reading.memory_capacity)}, {memory}",
    ]
    pressure, limits = reading.pressure, guards.pressure if guards else PressureGuards()
    pressed = [
        f"{name} {_against(value, limit)}"
        for name, value, limit in (
            ("CPU", pressure.cpu, limits.cpu),
            ("memory", pressure.memory, limits.memory),
            ("I/O", pressure.io, limits.io),
        )
        if value is not None
    ]
    if pressed:
        lines.append("pressure: " + ", ".join(pressed))
    return "\n".join([*lines, f"read {age(reading.at, now)}"])


def _weights_line(weights: "Weighting") -> str:
    if weights.in_force:
        return "in force: runs of lower tiers yield to those of higher ones"
    return f"not in force: {weights.why}\nso the runs of all tiers count for the CPU of each"


def _against(used: float, guard: float | None) -> str:
    shown = share(round(used, 2))
    return shown if guard is None else f"{shown} (guard {share(guard)})"


def _queue_line(queue: "Queue", *, observes: bool) -> str:
    if observes:
        return f"{queue.held + queue.admitted + queue.unseen} queued, none held; {queue.active} active"
    unseen = f", {queue.unseen} not yet seen" if queue.unseen else ""
    return f"{queue.held} held, {queue.admitted} admitted{unseen}; {queue.active} active"


def _counts_line(counts: Mapping[str, int], *, observes: bool) -> str:
    decided = ", ".join(f"{counts.get(verdict, 0)} {verdict}" for verdict in ("launch", "degrade", "fail"))
    told = f"{counts.get('defer', 0)} defer now; {decided} in the hour before the last change"
    return f"{told}; none of it was done" if observes else told


def as_json(found: "Status") -> dict[str, Any]:
    """Times in ISO 8601, sizes in bytes, CPU in cores."""
    governed, ledger, state = found.governed, found.ledger, found.ledger_state
    reading = ledger.reading if ledger else None
    return {
        "at": iso(found.at),
        "home": str(found.home),
        "coordinator": found.coordinator,
        "adaptive": governed is not None,
        "policy": governed and record(governed),
        "mode": found.mode and record(found.mode),
        "daemon": record(found.daemon),
        "cycle": {
            "at": iso(found.cycle_at),
            "decisions_changed_at": iso(ledger.at) if ledger else None,
            "id": ledger.cycle_id if ledger else None,
            "node": ledger and (ledger.reading_node or ledger.node),
        },
        "machine": reading and {**asdict(reading), "at": iso(reading.at)},
        "guards": found.guards and found.guards.model_dump(),
        "cpu_weights": found.weights
        and {"in_force": found.weights.in_force, "why": found.weights.why or None},
        "queue": found.queue,
        "verdicts": dict(ledger.counts) if ledger else {},
        "ledger": {
            "url": state.url,
            "error": state.error or state.unwritable,
            "writable": state.url and not (state.error or state.unwritable),
            "waiting": state.waiting,
            "outbox": str(state.outbox),
        },
        "lease": {"holder": state.holder, "gone": state.gone},
        "faults": [
            {**record(fault), "message": masked(fault.message)} for fault in (ledger.faults if ledger else ())
        ],
        "problems": found.problems,
    }
