"""When the assets are made anew, in the terms of Dagster's declarative automation."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

Condition = dg.AutomationCondition[Any]


def when_landed(*tables: str) -> Condition:
    """Make the asset whenever an hour of these partitioned tables has been taken in.

    Dagster's ``eager`` will not do here: it waits for every hour of the year to be there, and for a moment at
    which no hour is being taken in.
    """
    keys = _keys(tables)
    some_are_there = dg.AutomationCondition.any_deps_match(~dg.AutomationCondition.missing()).allow(keys)
    return (_updated(tables) | (_never_made() & some_are_there)) & ~dg.AutomationCondition.in_progress()


def when_updated(*parents: str, needs: Sequence[str] = ()) -> Condition:
    """Make the asset whenever one of ``parents`` has been, once all of them and of ``needs`` are there."""
    return (_updated(parents) | _never_made()) & _possible((*parents, *needs))


def when_settled(*parents: str, needs: Sequence[str] = ()) -> Condition:
    """Make the asset when one of ``parents`` has been and none is being made any more.

    Parents that are made in one run are waited for together; where a check stops that run half way, what was
    made until then counts.
    """
    settled = ~dg.AutomationCondition.any_deps_in_progress().allow(_keys(parents))
    return when_updated(*parents, needs=needs) & settled


def every(cron_schedule: str, *parents: str, needs: Sequence[str] = ()) -> Condition:
    """Make the asset at these times if one of ``parents`` has been made since; at once if it never was.

    ``needs`` have to be there; the parents only if they are among them.
    """
    tick: Condition = dg.AutomationCondition.cron_tick_passed(cron_schedule)
    due = tick.since_last_handled() & _updated(parents)
    return (due | _never_made()) & _possible(needs)


def when_missing() -> Condition:
    """Make the asset once."""
    return _never_made() & ~dg.AutomationCondition.in_progress()


def not_during(*assets: str) -> Condition:
    """Do not make the asset while one of these is being made: those that are made after it, in the same run.

    Of a run that is half through, the first assets are no longer in progress; asked for then, they would run
    without the others.
    """
    condition: Condition = ~dg.AutomationCondition.in_progress()
    for asset in assets:
        condition = condition & ~dg.AutomationCondition.asset_matches(
            asset, dg.AutomationCondition.in_progress()
        )
    return condition


def _updated(parents: Sequence[str]) -> Condition:
    keys = _keys(parents)
    before: Condition = dg.AutomationCondition.any_deps_updated().allow(keys)
    # Besides: an asset that was finished since the last tick counts as handled, whatever its parents do now.
    now: Condition = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.will_be_requested()).allow(
        keys
    )
    return before.since_last_handled() | now


def _never_made() -> Condition:
    # Not again and again after a failure, which would fail again.
    return dg.AutomationCondition.missing() & ~dg.AutomationCondition.execution_failed()


def _possible(parents: Sequence[str]) -> Condition:
    missing = dg.AutomationCondition.any_deps_missing().allow(_keys(parents))
    return ~missing & ~dg.AutomationCondition.in_progress()


def _keys(names: Sequence[str]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*names)
