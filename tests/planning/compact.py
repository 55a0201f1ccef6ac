"""Snapshots written shortly, as the YAML cases and the unit tests write them.

Times are ages (``waited: 3m``), sizes and durations carry their units as in a policy file. What is not given
is a machine of four idle cores and eight free gigabytes, and work named after its policy.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import yaml

from adaptive_assets.planning.snapshot import (
    ActiveRun,
    CheckState,
    DataState,
    Freshness,
    MachineReading,
    Pressure,
    QueuedRun,
    Snapshot,
    Work,
)
from adaptive_assets.policy import PolicyBook
from adaptive_assets.policy.loading import parse_policy_book
from adaptive_assets.policy.units import parse_duration, parse_share, parse_size

NOON = "2026-06-15T12:00:00+00:00"


def book_of(content: Mapping[str, Any] | None = None) -> PolicyBook:
    """The policy book that a file with this content would be; a policy that governs nothing governs jobs."""
    whole = {"version": 1, **(content or {})}
    policies = [
        policy if policy.keys() & {"select", "jobs", "run_tags"} else {**policy, "jobs": [policy["name"]]}
        for policy in whole.pop("policies", [])
    ]
    return parse_policy_book(yaml.safe_dump({**whole, "policies": policies}), "case.yaml")


def snapshot_of(
    at: str = NOON,
    machine: Mapping[str, Any] | None = None,
    *,
    reading: bool = True,
    data: Mapping[str, Mapping[str, Any]] | None = None,
    active: Sequence[Mapping[str, Any]] = (),
    queued: Sequence[Mapping[str, Any]] = (),
    run_limit: int | None = None,
) -> Snapshot:
    """A snapshot at an ISO time; without a machine reading if ``reading`` is false."""
    now = datetime.fromisoformat(at).timestamp()
    return Snapshot(
        at=now,
        queued=tuple(queued_run(now, **run) for run in queued),
        active=tuple(active_run(now, **run) for run in active),
        machine=machine_reading(now, **(machine or {})) if reading else None,
        data={name: data_state(now, name, **state) for name, state in (data or {}).items()},
        run_limit=run_limit,
    )


def machine_reading(
    now: float,
    *,
    cpu: float = 4.0,
    cpu_used: float = 0.0,
    memory: str = "8GiB",
    memory_used: str = "0B",
    pressure: Mapping[str, str] | None = None,
) -> MachineReading:
    """A reading taken at ``now``."""
    shares = {resource: parse_share(share) for resource, share in (pressure or {}).items()}
    return MachineReading(now, cpu, cpu_used, parse_size(memory), parse_size(memory_used), Pressure(**shares))


def work(
    policy: str,
    name: str | None = None,
    *,
    reads: Sequence[str] = (),
    degradable: bool = True,
) -> Work:
    """A kind of work; two with the same name and policy are the same kind."""
    name = name or policy
    return Work(name, policy, "here", (name,), tuple(reads), degradable)


def queued_run(
    now: float,
    *,
    run: str,
    policy: str = "default",
    waited: str = "0s",
    priority: int = 0,
    admitted: str | None = None,
    passes: int = 0,
    **kind: Any,
) -> QueuedRun:
    """A queued run that was submitted ``waited`` before ``now``."""
    submitted = now - parse_duration(waited)
    return QueuedRun(run, work(policy, **kind), submitted, priority, admitted, passes)


def active_run(
    now: float,
    *,
    run: str,
    policy: str = "default",
    mode: str = "full",
    launched: str = "1h",
    started: str | None = "1h",
    cpu_used: float | None = None,
    memory_used: str | None = None,
    **kind: Any,
) -> ActiveRun:
    """An active run that was launched, and started, that long before ``now``."""
    return ActiveRun(
        run,
        work(policy, **kind),
        mode,
        launched_at=now - parse_duration(launched),
        started_at=None if started is None else now - parse_duration(started),
        cpu_used=cpu_used,
        memory_used=None if memory_used is None else parse_size(memory_used),
    )


def data_state(
    now: float,
    asset: str,
    *,
    age: str | None = "10m",
    freshness: str = "no_policy",
    checks: str = "no_checks",
    failed: Sequence[str] = (),
    missing: Sequence[str] = (),
    mode: str = "full",
    source: bool = False,
) -> DataState:
    """An asset that was last materialized ``age`` before ``now``; never, without an age."""
    return DataState(
        asset,
        None if age is None else now - parse_duration(age),
        Freshness(freshness),
        CheckState(checks),
        tuple(failed),
        tuple(missing),
        mode,
        source,
    )
