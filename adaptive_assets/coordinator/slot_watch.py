"""What the limits of Dagster's own have left: its pools, and the user's tag concurrency limits."""

from collections import Counter
from collections.abc import Iterable, Mapping

import dagster as dg

from adaptive_assets.assets import tags
from adaptive_assets.dagster_compat.runs import ACTIVE_RUN_STATUSES, RunRecord
from adaptive_assets.dagster_compat.slots import PoolRules, TagLimit, pool_rules, pool_slots, tag_limits
from adaptive_assets.planning.snapshot import Claims, QueuedRun, SlotKind, SlotLimit


class SlotWatch:
    """Says of each queued run which slots it takes, and how many of them are free.

    It reads nothing while no queued run takes any.
    """

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._pools: PoolRules = pool_rules(instance)
        queue = instance.get_concurrency_config().run_queue_config
        self._tags: dict[str, list[TagLimit]] = {}
        for limit in tag_limits(queue.tag_concurrency_limits if queue else ()):
            if limit.key != tags.ADMISSION:
                self._tags.setdefault(limit.key, []).append(limit)
        self._known: dict[Claims, Claims] = {}
        self._limits: dict[str, tuple[TagLimit, str]] = {}
        self._examples: dict[Claims, dg.DagsterRun] = {}

    def claims_of(self, run: dg.DagsterRun) -> Claims | None:
        """The slots that ``run`` takes; one object for all runs that take the same."""
        claims = self._claims_of(run)
        if claims is None:
            return None
        known = self._known.setdefault(claims, claims)
        self._examples.setdefault(known, run)
        return known

    def limits(self, queued: Iterable[QueuedRun]) -> Mapping[str, SlotLimit]:
        """The limits of which ``queued`` runs take slots, as they are now."""
        claimed = {id(run.claims): run.claims for run in queued if run.claims is not None}.values()
        keys = {key for claims in claimed for key in claims.taken}
        self._forget_all_but(claimed, keys)
        if not claimed:
            return {}
        records = self._instance.get_run_records(dg.RunsFilter(statuses=list(ACTIVE_RUN_STATUSES)))
        return {
            **self._of_pools([self._examples[claims] for claims in claimed], records),
            **self._of_tags(keys, records),
        }

    def _forget_all_but(self, claimed: Iterable[Claims], keys: set[str]) -> None:
        """A limit on each value of a tag may have had any number of values by now."""
        self._known = {claims: claims for claims in claimed}
        self._examples = {claims: self._examples[claims] for claims in claimed}
        self._limits = {key: limit for key, limit in self._limits.items() if key in keys}

    def _claims_of(self, run: dg.DagsterRun) -> Claims | None:
        limited = [on for key, value in run.tags.items() for on in self._on(key, value)]
        pools = run.run_op_concurrency if self._pools.hold_back else None
        if pools is None:
            return Claims(dict.fromkeys(limited, 1), tuple(limited)) if limited else None
        taken = dict.fromkeys(pools.all_pools or (), 1) if self._pools.by_run else pools.root_key_counts
        named = {f"{SlotKind.POOL}:{pool}": count for pool, count in sorted(taken.items())}
        every = (*limited, *named) if self._pools.by_run else tuple(limited)
        waits = not self._pools.by_run and not pools.has_unconstrained_root_nodes
        return Claims({**dict.fromkeys(limited, 1), **named}, every, tuple(named) if waits else ())

    def _on(self, key: str, value: str) -> list[str]:
        """The limits that hold for a tag, by their keys."""
        found = []
        for limit in self._tags.get(key, ()):
            if limit.value is None or limit.value == value:
                name = key if limit.value is None and not limit.each else f"{key}={value}"
                each = " each" if limit.each else ""
                self._limits[f"{SlotKind.TAG}{each}:{name}"] = (limit, name)
                found.append(f"{SlotKind.TAG}{each}:{name}")
        return found

    def _of_pools(
        self, examples: list[dg.DagsterRun], records: Iterable[RunRecord]
    ) -> Mapping[str, SlotLimit]:
        pooled = [run for run in examples if run.run_op_concurrency]
        if not pooled or not self._pools.hold_back:
            return {}
        slots = pool_slots(self._instance, self._pools, pooled, list(records))
        return {
            f"{SlotKind.POOL}:{pool}": SlotLimit(SlotKind.POOL, pool, size, free)
            for pool, (size, free) in slots.items()
        }

    def _of_tags(self, keys: set[str], records: Iterable[RunRecord]) -> Mapping[str, SlotLimit]:
        known = [key for key in keys if key in self._limits]
        if not known:
            return {}
        runs = (record.dagster_run for record in records)
        taken = Counter(on for run in runs for key, value in run.tags.items() for on in self._on(key, value))
        return {
            key: SlotLimit(SlotKind.TAG, name, limit.limit, limit.limit - taken[key])
            for key in sorted(known)
            for limit, name in (self._limits[key],)
        }
