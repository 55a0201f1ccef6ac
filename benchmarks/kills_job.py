"""The code location of the kill campaign: a run leaves one line for each time that it is executed."""

from pathlib import Path

import dagster as dg

__all__ = ["EXECUTIONS", "JOB", "defs", "plain"]

JOB = "plain"
EXECUTIONS = "executions"
"""The directory in ``DAGSTER_HOME`` with a file for each run that was executed, named by its id."""


@dg.op
def leave_a_line(context: dg.OpExecutionContext) -> None:
    """What was done cannot be undone: a second execution adds a second line."""
    with Path(context.instance.root_directory, EXECUTIONS, context.run_id).open("a") as log:
        log.write("executed\n")


@dg.job(executor_def=dg.in_process_executor)
def plain() -> None:
    """One op, no assets."""
    leave_a_line()


defs = dg.Definitions(jobs=[plain])
