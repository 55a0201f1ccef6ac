"""One page that needs nothing else: no requests, light and dark, for a desk, a phone and a printer."""

import base64
import hashlib
import re
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from adaptive_assets.planning import formatting
from adaptive_assets.planning.composition import WHOLE
from adaptive_assets.reporting import labels
from adaptive_assets.reporting.charts import chart_data, queue_summary, waits_at
from adaptive_assets.reporting.colours import planner_colour, tier_colour
from adaptive_assets.reporting.figures import MEANINGS, OVERALL, TIERED, best_of, marked, told_figures
from adaptive_assets.reporting.incidents import incidents, periods
from adaptive_assets.reporting.intervals import intervals
from adaptive_assets.reporting.whom import behind_rows, reason_rows
from adaptive_assets.simulation.evaluation.comparison import Comparison, setting_text
from adaptive_assets.simulation.evaluation.outcome import RunOutcome
from adaptive_assets.simulation.evaluation.waiting import waiting

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_RUNS: Final = 120
"""More bars than these are no longer told apart."""
STEPS: Final = 24
"""Rows of a table over time."""
MOST_INCIDENTS: Final = 40
"""Those told one by one; of the others there is the count."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What HTML may not contain, not even escaped."""


def page(comparison: Comparison) -> str:
    """The whole document."""
    scripts = [_file("vendor/uplot/uPlot.iife.min.js"), _file("templates/charts.js")]
    outcome, end_s = comparison.ours.outcome, comparison.end_s
    waited = waiting(outcome.runs, comparison.tiers, outcome.end_s)
    return (
        _environment(comparison)
        .get_template("report.html.j2")
        .render(
            comparison=comparison,
            tiers=comparison.tiers,
            cluster=comparison.cluster,
            overall=told_figures(comparison, OVERALL, None),
            events=periods(comparison.scenario, end_s),
            behind=behind_rows(waited),
            reasons=reason_rows(waited),
            every_run=[comparison.ours, *comparison.baselines[:1]] if _few(comparison) else [],
            data=chart_data(comparison),
            styles=[_file("vendor/uplot/uPlot.min.css"), _file("templates/report.css")],
            scripts=scripts,
            hashes=[_hash(script) for script in scripts],
            licence=_file("vendor/uplot/LICENSE"),
        )
    )


def _environment(comparison: Comparison) -> "Environment":
    """Escapes every name; what a template may call is named here."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("adaptive_assets.reporting"),
        autoescape=True,
        finalize=_clean,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.filters |= {
        "number": formatting.number,
        "seconds": formatting.seconds,
        "share": formatting.share,
        "size": formatting.size,
        "count": labels.count,
        "share_label": labels.share_label,
        "short_seconds": labels.short_seconds,
        "setting_text": setting_text,
        "notes": labels.notes,
        "summary": queue_summary,
        "planner_colour": partial(planner_colour, comparison),
        "tier_colour": partial(tier_colour, comparison.ours.outcome.tiers),
    }
    environment.globals |= {
        "OVERALL": OVERALL,
        "TIERED": TIERED,
        "MEANINGS": MEANINGS,
        "WHOLE": WHOLE,
        "STEPS": STEPS,
        "MOST_INCIDENTS": MOST_INCIDENTS,
        "best_of": best_of,
        "marked": marked,
        "trial_heads": labels.trial_heads,
        "trial_figures": labels.trial_figures,
        "intervals": intervals,
        "incidents": incidents,
        "waits_at": waits_at,
        "in_rows": partial(_in_rows, comparison.ours.outcome.tiers),
    }
    return environment


def _few(comparison: Comparison) -> bool:
    return 0 < len(comparison.workload.runs) <= MOST_RUNS


def _in_rows(tiers: tuple[str, ...], runs: tuple[RunOutcome, ...]) -> list[RunOutcome]:
    """Those that were submitted, by tier and then by time."""
    submitted = [(run, run.released_s) for run in runs if run.released_s is not None]
    submitted.sort(key=lambda row: (tiers.index(row[0].tier), row[1], row[0].run.run_id))
    return [run for run, _ in submitted]


def _clean(value: Any) -> Any:
    """Names come from files: what no page can carry is replaced."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value


def _file(name: str) -> str:
    return files("adaptive_assets.reporting").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """By which the page's policy lets a browser run this script and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
