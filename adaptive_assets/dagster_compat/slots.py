"""What Dagster holds runs back for: pools and tag concurrency limits, counted as its own pass counts them."""

# ruff: noqa: SLF001  touching private members is what this package is for

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.instance.config import PoolGranularity
from dagster._core.op_concurrency_limits_counter import GlobalOpConcurrencyLimitsCounter
from dagster._core.storage.dagster_run import RunRecord
from dagster._utils.tags import TagConcurrencyLimitsCounter


@dataclass(frozen=True, slots=True)
class PoolRules:
    """How the dequeue pass counts pools: whether at all, by runs or by ops, and with what buffer."""

    hold_back: bool
    by_run: bool
    buffer: int


def pool_rules(instance: dg.DagsterInstance) -> PoolRules:
    """What dagster.yaml says of them; without it, by ops."""
    config = instance.get_concurrency_config()
    queue = config.run_queue_config
    return PoolRules(
        hold_back=queue is not None and queue.should_block_op_concurrency_limited_runs,
        by_run=config.pool_config.pool_granularity is PoolGranularity.RUN,
        buffer=queue.op_concurrency_slot_buffer if queue else 0,
    )


def pool_slots(
    instance: dg.DagsterInstance,
    rules: PoolRules,
    queued: Sequence[dg.DagsterRun],
    in_progress: Sequence[RunRecord],
) -> dict[str, tuple[int, int]]:
    """Size and free slots of each pool with a limit that ``queued`` runs take from, as Dagster counts them.

    A pool that gets the default limit is made on the way, as the dequeue pass itself does.
    """
    storage = instance.event_log_storage
    keys = set(storage.get_concurrency_keys())
    if instance.global_op_concurrency_default_limit:
        runs = [run.run_op_concurrency for run in queued if run.run_op_concurrency]
        keys |= {pool for run in runs for pool in (*(run.all_pools or ()), *run.root_key_counts)}
    counter = GlobalOpConcurrencyLimitsCounter(
        instance,
        queued,
        in_progress,
        concurrency_keys=keys,
        pool_limits=storage.get_pool_limits(),
        slot_count_offset=rules.buffer,
        pool_granularity=PoolGranularity.RUN if rules.by_run else PoolGranularity.OP,
    )
    slots = {}
    for pool, info in counter._concurrency_info_by_key.items():
        size = info.slot_count + rules.buffer
        waiting = 0 if rules.by_run else len(info.pending_steps)
        slots[pool] = (size, size - waiting - counter._in_progress_pool_counts[pool])
    return slots


@dataclass(frozen=True, slots=True)
class TagLimit:
    """A tag concurrency limit: on a key, on a key with a value, or (``each``) on each value of a key."""

    key: str
    value: str | None
    each: bool
    limit: int


def tag_limits(limits: Sequence[Mapping[str, Any]]) -> list[TagLimit]:
    """The limits as the dequeue pass reads them: of two on the same, the last counts."""
    counter = TagConcurrencyLimitsCounter(limits, [])
    return [
        *(TagLimit(key, None, each=False, limit=limit) for key, limit in counter._key_limits.items()),
        *(
            TagLimit(key, value, each=False, limit=limit)
            for (key, value), limit in counter._key_value_limits.items()
        ),
        *(TagLimit(key, None, each=True, limit=limit) for key, limit in counter._unique_value_limits.items()),
    ]
