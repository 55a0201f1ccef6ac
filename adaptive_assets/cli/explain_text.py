"""An explanation, for people and for programs."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from adaptive_assets.cli.text import clock, iso, labelled, record, short_id, wrapped
from adaptive_assets.planning.formatting import cores, seconds, share, size

if TYPE_CHECKING:
    from adaptive_assets.cli.expected_start import ExpectedStart
    from adaptive_assets.cli.explanation import ExplainedRun, Explanation
    from adaptive_assets.ledger import DecisionRow, RunUsageRow

INDENT = " " * 4


def as_text(found: "Explanation") -> str:
    """The run in a few labelled lines, and below it each decision with every reason."""
    parts = [labelled(_lines(found))]
    submitted = found.run.submitted_at if found.run else None
    parts += ["\n".join(_decision(row, submitted, row.id in found.observed)) for row in found.decisions]
    if found.remark:
        parts.append(wrapped(found.remark))
    return "\n\n".join(parts)


def as_json(found: "Explanation") -> dict[str, Any]:
    """Times in ISO 8601, numbers as they were recorded."""
    run = found.run
    return {
        "run_id": found.run_id,
        "run": run and {**record(run), "deadline_kept": deadline_kept(run, found.at)},
        "decisions": [
            {
                **record(row, "id", "at", "verdict", "mode", "parameters", "policy", "tier"),
                "observed": row.id in found.observed,
                "of_kind": row.run_id is None,
                **record(row, "runs", "reasons", "revision", "node"),
                "snapshot": row.cycle_id,
            }
            for row in found.decisions
        ],
        "start": found.start
        and {"as_of": iso(found.start.at), "p50_s": found.start.p50_s, "p90_s": found.start.p90_s},
        "remark": found.remark or None,
        **_memory_json(found),
    }


def deadline_kept(run: "ExplainedRun", now: float) -> bool | None:
    """Whether the run ended well in time; ``None`` without a deadline, or while that is open."""
    if run.deadline_s is None:
        return None
    due = run.submitted_at + run.deadline_s
    if run.ended_at is None:
        return False if now > due else None
    return run.ended_at <= due and run.status == "SUCCESS"


def _lines(found: "Explanation") -> Iterator[tuple[str, str]]:
    run = found.run
    yield "run", found.run_id + (f" · {run.status.lower()}" if run else "")
    if run is None:
        return
    yield "what", run.name
    if run.policy:
        yield "policy", f"{run.policy} · tier {run.tier}"
    if run.mode:
        yield "mode", run.mode
    if run.reason:
        yield "reason", run.reason
    if run.inputs_degraded:
        from adaptive_assets.policy.text import quoted

        modes = (f"{quoted(name)} in mode {quoted(mode)}" for name, mode in run.inputs_degraded.items())
        yield "degraded", f"when it was let go, of what it reads: {', '.join(modes)}"
    yield "submitted", clock(run.submitted_at)
    if run.started_at is not None:
        yield "started", f"{clock(run.started_at)}, after {seconds(run.started_at - run.submitted_at)}"
    if run.ended_at is not None:
        yield "ended", f"{clock(run.ended_at)}, after {seconds(run.ended_at - run.submitted_at)}"
    if run.deadline_s is not None:
        yield "deadline", _deadline(run, run.submitted_at + run.deadline_s, found.at)
    yield from _memory_lines(found)
    if found.start is not None:
        yield "starts", _starts(found.start)


def _memory_lines(found: "Explanation") -> Iterator[tuple[str, str]]:
    """Only where memory ran out."""
    if (usage := found.killed) is not None and (evidence := usage.out_of_memory) is not None:
        told = (
            f"for want of memory at {clock(evidence.killed_at)}{_when_held(usage)}: Dagster saw SIGKILL, and"
            f" the kernel's count in {evidence.counter} rose by {evidence.kills}"
            f" between {clock(evidence.since)} and {clock(evidence.until)}"
        )
        yield "killed", told
    if (asked := found.asked) is not None:
        told = (
            f"at least {size(asked.memory)}, or all that can be had: the attempt before it,"
            f" {short_id(asked.after.run_id)}, was killed for want of memory{_when_held(asked.after)}"
        )
        yield "asks for", told


def _when_held(usage: "RunUsageRow") -> str:
    return "" if usage.memory_peak is None else f", when it held {size(usage.memory_peak)}"


def _memory_json(found: "Explanation") -> dict[str, Any]:
    """Only where memory ran out."""
    told: dict[str, Any] = {}
    if (usage := found.killed) is not None and (evidence := usage.out_of_memory) is not None:
        told["out_of_memory"] = {**record(evidence), "held": usage.memory_peak}
    if found.asked is not None:
        told["asked_memory"] = {
            "at_least": round(found.asked.memory),
            "after": found.asked.after.run_id,
            "held": found.asked.after.memory_peak,
        }
    return told


def _starts(start: "ExpectedStart") -> str:
    as_of = f" (by the plan of {clock(start.at)})"
    if not start.foreseeable:
        return f"not to be foreseen: it waits for more than capacity{as_of}"
    if start.p50_s is None or start.p90_s is None:
        return "not known yet: too few runs of its tier that waited have started"
    return f"in about {seconds(start.p50_s)}, in 9 of 10 cases within {seconds(start.p90_s)}{as_of}"


def _deadline(run: "ExplainedRun", due: float, now: float) -> str:
    promised = f"{seconds(due - run.submitted_at)} from submission"
    kept = deadline_kept(run, now)
    if kept is None:
        return f"{promised}: due in {seconds(due - now)}"
    if kept:
        return f"{promised}: kept, {seconds(due - (run.ended_at or now))} to spare"
    if run.ended_at is not None and run.ended_at <= due:
        return f"{promised}: not kept, it ended in time but not well"
    return f"{promised}: missed by {seconds((run.ended_at or now) - due)}"


def _decision(row: "DecisionRow", submitted: float | None, observed: bool) -> Iterator[str]:
    after = "" if submitted is None else f"  +{seconds(max(0.0, row.at - submitted))}"
    mode = "" if row.mode == "full" else f" in mode {row.mode}"
    parameters = f" {json.dumps(dict(row.parameters))}" if row.parameters else ""
    kind = ""
    if row.run_id is None and row.runs > 1:
        kind = f", with the {row.runs} runs of its kind that wait"
    verdict = click.style(f"only observed: would {row.verdict}" if observed else row.verdict, bold=True)
    yield f"{clock(row.at)}{after}  {verdict}{mode}{parameters}{kind}"
    for reason in row.reasons:
        yield wrapped(f"{reason['code']}: {reason['sentence']}", INDENT)
        numbers = reason.get("numbers")
        if isinstance(numbers, Mapping) and numbers:
            told = ", ".join(
                f"{key} {number(str(reason['code']), key, value)}"
                for key, value in numbers.items()
                if value != ""
            )
            yield wrapped(told, INDENT * 2)
    yield wrapped(
        f"policy book {row.revision}, snapshot {row.cycle_id}, decision {row.id}, on {row.node}", INDENT
    )


def number(code: str, key: str, value: object) -> str:
    """One of the numbers behind a reason, in the unit that its rule counts in."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-" if value is None else str(value)
    if key == "guard":
        return share(value)
    if key.endswith("_at"):
        return clock(value)
    if key.endswith("_s"):
        return seconds(value)
    if code in {"memory", "never_fits"} or key == "memory":
        return size(value)
    if code == "cpu" or key == "cpu":
        return cores(value)
    return share(value) if code == "pressure" else f"{value:g}"
