"""What a replay found, for people and for programs."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from adaptive_assets.cli.text import clock, iso, labelled, short_id, table, wrapped

if TYPE_CHECKING:
    from adaptive_assets.cli.replay_cycles import Cycles, Found, Replay
    from adaptive_assets.cli.replay_policies import Brief, Otherwise
    from adaptive_assets.planning.told_decision import ToldDecision


def span(since: float | None, until: float | None) -> str:
    """``from … to …``, as far as it is bounded."""
    told = [f"from {clock(since)} on"] if since is not None and until is None else []
    told += [f"up to {clock(until)}"] if until is not None and since is None else []
    if since is not None and until is not None:
        told = [f"from {clock(since)} to {clock(until)}"]
    return " ".join(told) or "at any time"


def as_text(found: "Replay") -> str:
    """How many decisions are identical, what else is to be known, and the first differences."""
    lines = [
        *_cycles(found.cycles),
        ("decisions", f"{found.decisions:,} recorded, {found.identical:,} identical ({_share(found)})"),
    ]
    parts = [labelled(lines), *(wrapped(remark) for remark in _remarks(found))]
    if found.differences:
        more = f", of which {len(found.shown)} are shown" if found.differences > len(found.shown) else ""
        parts.append(f"{_count(found.differences, 'difference')}{more}:")
        parts += ["\n".join(_difference(each)) for each in found.shown]
    return "\n\n".join(parts)


def as_json(found: "Replay") -> dict[str, Any]:
    """Times in ISO 8601; of the differences those that are shown."""
    return {
        **_cycles_as_json(found.cycles),
        "version": found.version,
        "decisions": found.decisions,
        "identical": found.identical,
        "missing": found.missing,
        "differences": found.differences,
        "other_versions": _versions_as_json(found.versions),
        "shown": [
            {
                "cycle": each.cycle,
                "at": iso(each.at),
                "revision": each.revision,
                "version": each.version,
                "work": each.name or None,
                "field": each.difference.field,
                "recorded": each.difference.recorded and asdict(each.difference.recorded),
                "decided": each.difference.decided and asdict(each.difference.decided),
            }
            for each in found.shown
        ],
    }


def other_as_text(found: "Otherwise") -> str:
    """How many runs another book decides otherwise, by verdicts, and the first of them."""
    share = (
        f"{len(found.otherwise):,} of {_count(len(found.runs), 'run')} in {_count(found.differing, 'cycle')}"
    )
    lines = [*_cycles(found.cycles), ("policies", found.revision), ("otherwise", share)]
    parts = [labelled(lines), *(wrapped(remark) for remark in _unplanned(found.cycles))]
    if found.changes:
        rows = [
            (before or "none", after or "none", f"{runs:,}")
            for (before, after), runs in found.changes.most_common()
        ]
        parts.append(table(("was", "would be", "runs"), rows))
        first = [
            (
                clock(each.at),
                short_id(each.run_id),
                each.name,
                f"{_brief(each.was)} → {_brief(each.would_be)}",
            )
            for each in found.shown
        ]
        parts.append(table(("first at", "run", "name", "was → would be"), first))
    return "\n\n".join(parts)


def other_as_json(found: "Otherwise") -> dict[str, Any]:
    """Times in ISO 8601; of the runs those that are shown."""
    return {
        **_cycles_as_json(found.cycles),
        "policies": found.revision,
        "runs": len(found.runs),
        "otherwise": len(found.otherwise),
        "differing_cycles": found.differing,
        "changes": [
            {"was": before or None, "would_be": after or None, "runs": runs}
            for (before, after), runs in found.changes.most_common()
        ],
        "shown": [
            {
                "run_id": each.run_id,
                "name": each.name,
                "at": iso(each.at),
                "was": _brief_as_json(each.was),
                "would_be": _brief_as_json(each.would_be),
            }
            for each in found.shown
        ],
    }


def _cycles(cycles: "Cycles") -> list[tuple[str, str]]:
    during = f"{clock(cycles.first_at)} to {clock(cycles.last_at)}"
    under = _count(len(cycles.revisions), "policy revision")
    return [("ledger", cycles.ledger), ("cycles", f"{cycles.count:,}, {during}, under {under}")]


def _cycles_as_json(cycles: "Cycles") -> dict[str, Any]:
    return {
        "ledger": cycles.ledger,
        "cycles": cycles.count,
        "first_at": iso(cycles.first_at),
        "last_at": iso(cycles.last_at),
        "revisions": sorted(cycles.revisions),
        "unplanned": [{"cycles": count, "reason": reason} for reason, count in cycles.unplanned.items()],
    }


def _versions_as_json(versions: "Counter[str | None]") -> list[dict[str, Any]]:
    return [{"version": version, "cycles": count} for version, count in versions.items()]


def _share(found: "Replay") -> str:
    """100 % only where it is all of them."""
    if found.identical == found.decisions:
        return "100 %"
    return f"{int(10_000 * found.identical / found.decisions) / 100:.2f} %"


def _remarks(found: "Replay") -> Iterator[str]:
    yield from _unplanned(found.cycles)
    for version, cycles in found.versions.items():
        if version is None:
            yield (
                f"{_count(cycles, 'cycle')} of an earlier version do not say which one that was, nor what"
                " their plans were as a whole: of these, only the decisions in the ledger are compared."
            )
        else:
            yield (
                f"{_count(cycles, 'cycle')} were planned by adaptive_assets {version}, which may have decided"
                f" by other rules than {found.version or 'this version'}."
            )
    if found.of_versions:
        verb = "is" if found.of_versions == 1 else "are"
        yield f"{_count(found.of_versions, 'difference')} {verb} in cycles of other versions."
    if found.missing:
        yield (
            f"{_count(found.missing, 'decision')} that were in force already are not in the ledger as they"
            " were: forgotten by retention, or lost while it could not be written."
        )


def _unplanned(cycles: "Cycles") -> Iterator[str]:
    for reason, count in cycles.unplanned.items():
        yield f"! {_count(count, 'cycle')} cannot be planned again. {reason}"


def _difference(found: "Found") -> Iterator[str]:
    difference = found.difference
    known = difference.recorded or difference.decided
    where = f"cycle {found.cycle}, {clock(found.at)}, revision {found.revision}"
    if known is None:
        yield f"{where}: the plan as a whole is another one"
        yield wrapped("No recorded decision differs: other runs, or the same in another order.", "  ")
        return
    who = (
        f"run {known.run_id}"
        if known.run_id
        else f"{_count(known.runs, 'run')}, {', '.join(known.run_ids[:3])}"
    )
    yield f"{where}: {difference.field} of {found.name}, {who}"
    yield from labelled(
        [("  recorded", _told(difference.recorded)), ("  now", _told(difference.decided))]
    ).splitlines()
    if difference.field == "reasons" and difference.recorded and difference.decided:
        yield from (wrapped(each, "  ") for each in _numbers(difference.recorded, difference.decided))


def _numbers(recorded: "ToldDecision", decided: "ToldDecision") -> Iterator[str]:
    """The numbers that differ behind the same reasons, whose sentences may be the same."""
    for was, now in zip(recorded.reasons, decided.reasons, strict=False):
        if was["code"] != now["code"]:
            return
        before, after = _numbers_of(was), _numbers_of(now)
        for name in (*before, *(each for each in after if each not in before)):
            if (old := before.get(name, "nothing")) != (new := after.get(name, "nothing")):
                yield f"{was['code']}: {name} recorded {old}, now {new}"


def _numbers_of(reason: Mapping[str, object]) -> Mapping[str, object]:
    numbers = reason.get("numbers")
    return numbers if isinstance(numbers, Mapping) else {}


def _told(decision: "ToldDecision | None") -> str:
    if decision is None:
        return "no decision"
    parameters = f" {dict(decision.parameters)}" if decision.parameters else ""
    reasons = "; ".join(f"{each['code']}: {each.get('sentence', '')}" for each in decision.reasons)
    runs = f", {_count(decision.runs, 'run')}" if decision.run_id is None else ""
    return f"{decision.verdict} in mode {decision.mode}{parameters}, tier {decision.tier}{runs}: {reasons}"


def _brief(brief: "Brief") -> str:
    verdict, mode, code = brief
    return f"{verdict} {mode} ({code})" if verdict else "no decision"


def _brief_as_json(brief: "Brief") -> dict[str, str] | None:
    verdict, mode, code = brief
    return {"verdict": verdict, "mode": mode, "reason": code} if verdict else None


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
