"""Finding a run by the beginning of its id."""

import difflib
from typing import TYPE_CHECKING, Final

from adaptive_assets.cli.errors import CliError
from adaptive_assets.cli.text import clock

if TYPE_CHECKING:
    import dagster as dg

    from adaptive_assets.dagster_compat.runs import RunRecord

WHOLE: Final = 36
"""Characters of a run id."""
CANDIDATES: Final = 10
RECENT: Final = 1_000
"""Among how many runs, the newest, a mistyped id is looked for."""


def find_run(instance: "dg.DagsterInstance", given: str) -> "RunRecord | None":
    """The one run whose id begins with ``given``; ``None`` for a whole id that no run of the instance has.

    Raises:
        CliError: no run has an id that begins so, or more than one has; names the nearest, or the candidates.
    """
    text = given.strip().lower()
    if len(text) >= WHOLE:
        return instance.get_run_record_by_id(text)
    found = [run_id for run_id in instance.get_run_ids() if run_id.startswith(text)]
    if len(found) == 1:
        return instance.get_run_record_by_id(found[0])
    if not found:
        raise unknown(instance, given)
    raise CliError(
        f"{len(found)} runs have an id that begins with `{given}`:\n" + _listed(instance, found[:CANDIDATES]),
        "Give more of it."
        if len(found) <= CANDIDATES
        else f"… and {len(found) - CANDIDATES} more. Give more of it.",
    )


def unknown(instance: "dg.DagsterInstance", given: str) -> CliError:
    """Says that there is no such run, and which ids come near."""
    recent = instance.get_run_ids(limit=RECENT)
    if not recent:
        return CliError(f"There is no run `{given}`: this instance has not run anything yet.")
    text = given.strip().lower()
    beginnings = {run_id[: len(text)]: run_id for run_id in reversed(recent)}
    near = [beginnings[match] for match in difflib.get_close_matches(text, beginnings, n=3, cutoff=0.5)]
    hint = "The nearest ids are:" if near else "The newest runs are:"
    return CliError(f"There is no run `{given}`. {hint}", _listed(instance, near or list(recent[:3])))


def _listed(instance: "dg.DagsterInstance", run_ids: list[str]) -> str:
    import dagster as dg

    records = instance.get_run_records(dg.RunsFilter(run_ids=run_ids))
    return "\n".join(
        f"  {record.dagster_run.run_id}  {record.dagster_run.status.value.lower():<11}"
        f"  {clock(record.create_timestamp.timestamp())}  {_what(record.dagster_run)}"
        for record in records
    )


def _what(run: "dg.DagsterRun") -> str:
    from adaptive_assets.assets.policy_assignment import PolicyAssignment, facts_of
    from adaptive_assets.policy import Catalogue, PolicyBook

    return PolicyAssignment(PolicyBook(version=1), Catalogue()).work_of(facts_of(run)).name
