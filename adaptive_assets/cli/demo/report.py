"""What came of the demo: every run with its verdict and reasons, and what did not go as it should."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from adaptive_assets.cli.explain_text import deadline_kept
from adaptive_assets.cli.text import clock, iso, shortened, table, wrapped
from adaptive_assets.planning.formatting import seconds

if TYPE_CHECKING:
    from adaptive_assets.cli.explanation import ExplainedRun
    from adaptive_assets.cli.installation import Installation
    from adaptive_assets.ledger import DecisionRow

HEADERS = ("at", "run", "what", "tier", "verdict", "mode", "waited", "ended", "deadline")
WHAT_SHOWN = 30
SENTENCE_SHOWN = 200


class Played(Protocol):
    """When the demo began and ended, and when the machine was squeezed (POSIX seconds)."""

    @property
    def began_at(self) -> float: ...  # noqa: D102
    @property
    def ended_at(self) -> float: ...  # noqa: D102
    @property
    def squeezed_at(self) -> float: ...  # noqa: D102
    @property
    def released_at(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Row:
    """One run: what was decided about it in the end, and why it waited before."""

    run_id: str
    run: "ExplainedRun"
    last: "DecisionRow | None"
    deferrals: "tuple[DecisionRow, ...]"
    kept: bool | None
    cut_short: bool
    """Whether it was still at work when the demo ended, and ended with it."""

    @property
    def status(self) -> str:
        """Dagster's word for it, unless it was cut short."""
        return "cut short" if self.cut_short else self.run.status.lower()

    @property
    def verdict(self) -> str:
        """The last verdict; empty before the first."""
        return self.last.verdict if self.last else ""

    @property
    def waited(self) -> float | None:
        """Seconds from submission to the verdict that let it go; ``None`` where none did."""
        if self.last is None or self.last.verdict not in {"launch", "degrade"}:
            return None
        return max(0.0, self.last.at - self.run.submitted_at)


@dataclass(frozen=True, slots=True)
class Report:
    """The runs in the order in which they were requested, and what a smoke test would complain of."""

    played: Played
    rows: tuple[Row, ...]

    @property
    def counts(self) -> Counter[str]:
        """Runs by last verdict, and under ``deferred`` those that had to wait first."""
        counts = Counter(row.verdict or "undecided" for row in self.rows)
        counts["deferred"] = sum(bool(row.deferrals) for row in self.rows)
        return counts

    @property
    def problems(self) -> tuple[str, ...]:
        """What should have happened and did not, or the other way round."""
        return tuple(self._problems())

    def _problems(self) -> Iterator[str]:
        counts = self.counts
        for verdict, expected in (("launch", "launched"), ("deferred", "deferred"), ("degrade", "degraded")):
            if not counts[verdict]:
                yield f"No run was {expected}."
        for row in self.rows:
            if row.status == "failure":
                yield f"The run {row.run_id} ({row.run.name}) failed."
            if row.kept is False:
                yield f"The run {row.run_id} ({row.run.name}) did not keep its deadline."


def gather(installation: "Installation", played: Played) -> Report:
    """Explain every run of the instance."""
    from adaptive_assets.cli.explain import gather as explain

    rows = []
    for run_id in reversed(installation.instance.get_run_ids()):
        found = explain(installation, run_id, played.ended_at)
        if found.run is not None:
            deferrals = tuple(row for row in found.decisions if row.verdict == "defer")
            last = found.decisions[-1] if found.decisions else None
            cut_short = found.run.started_at is not None and not _ended_by(found.run, played.ended_at)
            kept = None if cut_short else deadline_kept(found.run, played.ended_at)
            rows.append(Row(run_id, found.run, last, deferrals, kept, cut_short))
    return Report(played, tuple(rows))


def _ended_by(run: "ExplainedRun", instant: float) -> bool:
    return run.ended_at is not None and run.ended_at <= instant


def as_text(report: Report) -> str:
    """The table, a line of sums, and the squeeze."""
    played = report.played
    rows = [_cells(row, played.began_at) for row in report.rows]
    reasons = ["\n".join(_reasons(row)) for row in report.rows]
    counts = report.counts
    kept = [row.kept for row in report.rows if row.kept is not None]
    sums = (
        f"{len(report.rows)} runs in {seconds(played.ended_at - played.began_at)}:"
        f" {counts['launch']} launched in full, {counts['degrade']} degraded,"
        f" {counts['defer']} still deferred; {counts['deferred']} had to wait."
        f" Deadlines kept: {sum(kept)} of {len(kept)}."
    )
    squeeze = (
        f"The machine was squeezed from +{seconds(played.squeezed_at - played.began_at)}"
        f" to +{seconds(played.released_at - played.began_at)} (the demo began at {clock(played.began_at)})."
    )
    return "\n".join([table(HEADERS, rows, reasons), "", wrapped(sums), wrapped(squeeze)])


def as_json(report: Report) -> dict[str, Any]:
    """The same for programs."""
    played = report.played
    return {
        "began_at": iso(played.began_at),
        "ended_at": iso(played.ended_at),
        "squeezed_at": iso(played.squeezed_at),
        "released_at": iso(played.released_at),
        "counts": dict(report.counts),
        "problems": report.problems,
        "runs": [
            {
                "run_id": row.run_id,
                "name": row.run.name,
                "policy": row.run.policy,
                "tier": row.run.tier,
                "status": row.status,
                "verdict": row.verdict or None,
                "mode": row.last.mode if row.last else None,
                "submitted_at": iso(row.run.submitted_at),
                "decided_at": iso(row.last.at) if row.last else None,
                "started_at": iso(row.run.started_at),
                "ended_at": iso(row.run.ended_at),
                "waited_s": row.waited,
                "deadline_kept": row.kept,
                "reasons": row.last.reasons if row.last else [],
                "deferred_for": [reason for deferral in row.deferrals for reason in deferral.reasons],
            }
            for row in report.rows
        ],
    }


def _cells(row: Row, began_at: float) -> tuple[str, ...]:
    kept = {True: "kept", False: "missed", None: "-"}[row.kept]
    return (
        f"+{seconds(row.run.submitted_at - began_at)}",
        row.run_id[:8],
        shortened(row.run.name, WHAT_SHOWN),
        row.run.tier or "-",
        row.verdict or "-",
        row.last.mode if row.last and row.waited is not None else "-",
        "-" if row.waited is None else seconds(row.waited),
        row.status,
        kept,
    )


def _reasons(row: Row) -> Iterator[str]:
    """Why it waited, each cause once, and why it went after that."""
    causes = dict.fromkeys((d.reason, d.sentence) for d in row.deferrals)
    codes: set[str] = set()
    for code, sentence in causes:
        if code not in codes:
            codes.add(code)
            yield shortened(f"deferred: {code}: {sentence}", SENTENCE_SHOWN)
    if row.last is not None and row.waited is not None and (row.deferrals or row.verdict == "degrade"):
        word = "degraded" if row.verdict == "degrade" else "launched"
        yield shortened(f"{word}: {row.last.reason}: {row.last.sentence}", SENTENCE_SHOWN)
