"""Runs as Dagster's storage has them: their records, statuses and tags."""

from dagster._core.storage.dagster_run import ACTIVE_RUN_STATUSES, FINISHED_STATUSES, RunRecord
from dagster._core.storage.tags import GRPC_INFO_TAG, MAX_RETRIES_TAG, PRIORITY_TAG

__all__ = [
    "ACTIVE_RUN_STATUSES",
    "FINISHED_STATUSES",
    "GRPC_INFO_TAG",
    "MAX_RETRIES_TAG",
    "PRIORITY_TAG",
    "RunRecord",
]
