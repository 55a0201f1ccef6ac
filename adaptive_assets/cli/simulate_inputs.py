"""What ``adaptive simulate`` is given, read and checked: every problem of every file is told at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from adaptive_assets.cli.errors import BAD_INPUT, CliError, masked
from adaptive_assets.cli.installation import dagster_home
from adaptive_assets.cli.policy_files import policy_file

if TYPE_CHECKING:
    from adaptive_assets.ledger import Ledger
    from adaptive_assets.policy import PolicyBook, Problem
    from adaptive_assets.simulation.engine.cluster import Cluster
    from adaptive_assets.simulation.scenarios.scenario import Scenario
    from adaptive_assets.simulation.traces.trace import Workload

FORMATS: Final = ("csv", "swf", "ledger")

Read = TypeVar("Read")


class BadInputError(CliError):
    """Files that cannot be simulated; each of their problems is a line on stderr."""

    def __init__(self, problems: "tuple[Problem, ...]") -> None:
        super().__init__("\n".join(dict.fromkeys(str(problem) for problem in problems)), exit_code=BAD_INPUT)


@dataclass(frozen=True, slots=True)
class Given:
    """The options that say what to simulate."""

    trace: str
    trace_format: str | None
    policies: Path | None
    scenario: Path | None
    cluster: Path | None
    cores: float | None
    memory: int | None
    nodes: int
    load: float | None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the options stand for."""

    workload: "Workload"
    book: "PolicyBook"
    scenario: "Scenario"
    cluster: "Cluster"


def read_inputs(given: Given) -> Inputs:
    """Read all files; raises :class:`BadInputError` with everything that is wrong with them."""
    from adaptive_assets.policy import PolicyError
    from adaptive_assets.simulation.scenarios.scenario import Scenario, load_scenario

    trace_format = given.trace_format or _format_of(given.trace)
    problems: list[Problem] = []
    cluster = _kept(problems, lambda: _cluster(given))
    workload = _kept(problems, lambda: _workload(given.trace, trace_format))
    scenario_file, policies = given.scenario, given.policies
    scenario = _kept(problems, lambda: Scenario() if scenario_file is None else load_scenario(scenario_file))
    book = _kept(problems, lambda: None if policies is None else _book(policies))
    if workload is None or cluster is None or scenario is None or problems:
        raise BadInputError(tuple(problems))
    try:
        book = book or _usual_book(given.trace, trace_format, workload)
        _agree(workload, book, scenario, cluster)
    except PolicyError as error:
        raise BadInputError(error.problems) from None
    return Inputs(_at_load(workload, given.load, cluster), book, scenario, cluster)


def _kept(problems: "list[Problem]", read: Callable[[], Read]) -> Read | None:
    """What ``read`` gives; ``None`` with its problems kept where it cannot be had."""
    from adaptive_assets.policy import PolicyError

    try:
        return read()
    except PolicyError as error:
        problems += error.problems
        return None


def _book(file: Path) -> "PolicyBook":
    from adaptive_assets.policy import load_policy_book

    return load_policy_book(policy_file(file), dagster_home(None))


def _format_of(trace: str) -> str:
    """By the name of the file; an address or a directory is a ledger's."""
    name = trace.lower().removesuffix(".gz")
    if "://" in trace or name.endswith((".db", ".sqlite")) or Path(trace).is_dir():
        return "ledger"
    for known in ("csv", "swf"):
        if name.endswith(f".{known}"):
            return known
    raise click.BadParameter(
        f"the name `{masked(trace)}` does not tell its format; add --format csv, swf or ledger.",
        param_hint="'--trace'",
    )


def _workload(trace: str, trace_format: str) -> "Workload":
    from adaptive_assets.policy import Problem
    from adaptive_assets.simulation.traces.trace import TraceError

    if trace_format == "ledger":
        from adaptive_assets.simulation.traces.recorded import load_recorded

        with _ledger(trace) as where:
            workload = load_recorded(where)
    elif trace_format == "swf":
        from adaptive_assets.simulation.traces.swf import load_swf

        workload = load_swf(trace)
    else:
        from adaptive_assets.simulation.traces.csv_trace import load_csv_trace

        workload = load_csv_trace(trace)
    if not workload.runs:
        raise TraceError(
            [Problem(masked(trace), 0, 0, "there is no run in it", "a trace has a row for each run")]
        )
    if trace_format != "ledger":
        workload = replace(workload, name=Path(trace).name)
    return workload


@contextmanager
def _ledger(trace: str) -> "Iterator[str | Ledger]":
    """The ledger of a Dagster home, wherever its settings keep it; else where ``trace`` says."""
    home = Path(trace)
    if "://" in trace or not (home / "dagster.yaml").is_file():
        yield trace
        return
    from adaptive_assets.cli.installation import opened
    from adaptive_assets.policy import Problem
    from adaptive_assets.simulation.traces.trace import TraceError

    with opened(home) as installation:
        if installation.ledger is None:
            hint = "let the coordinator see some runs first"
            raise TraceError([Problem(trace, 0, 0, "nothing has been recorded here yet", hint)])
        yield installation.ledger


def _cluster(given: Given) -> "Cluster":
    from adaptive_assets.simulation.engine.cluster import Cluster

    if given.cluster is not None:
        if given.cores is not None or given.memory is not None or given.nodes != 1:
            raise click.UsageError("Give --cluster, or --cores, --memory and --nodes; not both.")
        from adaptive_assets.cli.simulate_cluster import load_cluster

        return load_cluster(given.cluster)
    if given.cores is None or given.memory is None:
        raise click.UsageError(
            "Say on what to run it: --cores 8 --memory 32GiB, or --cluster FILE for nodes that differ."
        )
    return Cluster.of(given.cores, given.memory, given.nodes)


def _usual_book(trace: str, trace_format: str, workload: "Workload") -> "PolicyBook":
    """The policies in force when a ledger recorded its runs; else a plain book of the usual tiers."""
    from adaptive_assets.simulation.engine.policy_assignment import plain_book

    if trace_format == "ledger":
        from adaptive_assets.simulation.traces.recorded import recorded_book

        with _ledger(trace) as where:
            recorded = recorded_book(where)
        if recorded is not None:
            return recorded
    return plain_book(workload)


def _agree(workload: "Workload", book: "PolicyBook", scenario: "Scenario", cluster: "Cluster") -> None:
    """Raise where they name tiers, nodes or work that the others do not have."""
    from adaptive_assets.simulation.scenarios.scenario import check_scenario
    from adaptive_assets.simulation.traces.trace import check_tiers

    check_tiers(workload, [tier.name for tier in book.tiers])
    check_scenario(
        scenario, nodes=[node.name for node in cluster.nodes], names={run.name for run in workload.runs}
    )


def _at_load(workload: "Workload", load: float | None, cluster: "Cluster") -> "Workload":
    if load is None:
        return workload
    from adaptive_assets.simulation.traces.scaling import scaled

    try:
        return scaled(workload, load, cluster.cores)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="'--load'") from None
