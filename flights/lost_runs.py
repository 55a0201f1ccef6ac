"""Runs whose processes are gone: ended in Dagster's books, so that nothing waits for them any more."""

from pathlib import Path


def end_lost_runs(home: Path) -> int:
    """End the runs that a DAGSTER_HOME has as started, and return how many there were.

    Only for someone who knows that no process of that home is alive: after a kill or a power cut, Dagster's
    default launcher cannot tell, and such runs would hold their slots for ever.  They end as failed (those
    that were being cancelled as cancelled), and Dagster's own retries bring them back.
    """
    if not (home / "history").exists():
        return 0
    import dagster as dg

    lost = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs(dg.RunsFilter(statuses=list(lost)))
        for run in runs:
            if run.status is dg.DagsterRunStatus.CANCELING:
                instance.report_run_canceled(
                    run, message="Its process was gone when `make dev` started again."
                )
            else:
                instance.report_run_failed(run, message="Its process was gone when `make dev` started again.")
    return len(runs)
