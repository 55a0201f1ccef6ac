"""The reference is whole: every reason, tag, key and figure of the code is on its page, and nothing else."""

import re
from collections.abc import Mapping

import pytest

from adaptive_assets.assets import tags
from adaptive_assets.coordinator import carried, enactment, experience, on_failure
from adaptive_assets.coordinator.run_coordinator import AdaptiveRunCoordinator
from adaptive_assets.planning import short_forms
from adaptive_assets.planning.reasons import ReasonCode
from adaptive_assets.planning.resource_request import LAST_GOOD_PRIOR, PRIOR
from adaptive_assets.planning.tuning import TUNING
from adaptive_assets.policy.terms import USUAL_TIERS
from tests.docs.pages import DOCS, table_keys

REFERENCE = DOCS / "reference"
PLANNING = (DOCS / "explanation" / "planning.md").read_text(encoding="utf-8")


def test_every_reason_has_a_row() -> None:
    """Once, and in the order in which the reasons of a deferral are told."""
    assert table_keys(REFERENCE / "reasons.md") == [code.value for code in ReasonCode]


def test_every_tag_has_a_row() -> None:
    """Each tag of the module, and each value of the admission, is spoken of."""
    constants = {
        name: value for name, value in vars(tags).items() if name.isupper() and isinstance(value, str)
    }
    kept = tags.OF_USERS | tags.OF_REQUESTS
    on_runs = {value for value in constants.values() if tags.is_ours(value) or value in kept}
    on_runs -= {tags.PREFIX, tags.HIDDEN_PREFIX, tags.ASSET_POLICY}
    assert sorted(table_keys(REFERENCE / "run-tags.md")) == sorted(on_runs)
    page = (REFERENCE / "run-tags.md").read_text(encoding="utf-8")
    for value in constants.values():
        assert f"`{value}" in page, value


def test_what_the_page_on_tags_counts_is_so() -> None:
    """The length of a reason, the runs that are told in a cycle, and what a run says before its first."""
    page = (REFERENCE / "run-tags.md").read_text(encoding="utf-8")
    assert f"cut to {carried.REASON_LENGTH} characters" in page
    assert f"in at most {short_forms.LONGEST} characters" in page
    assert f"at most {enactment.DEFERRALS_PER_CYCLE} waiting runs in one cycle" in page
    seen = (DOCS / "how-to" / "where-you-see-what.md").read_text(encoding="utf-8")
    assert f"| `{carried.FIRST_CYCLE}` |" in seen
    assert f"`{carried.QUEUED}`" in (REFERENCE / "reasons.md").read_text(encoding="utf-8")


def test_every_key_of_the_coordinator_has_a_row() -> None:
    """With its default, where the key has a plain one."""
    page = (REFERENCE / "coordinator-config.md").read_text(encoding="utf-8")
    keys = AdaptiveRunCoordinator.config_type()
    assert sorted(table_keys(REFERENCE / "coordinator-config.md")) == sorted(keys)
    for key, field in keys.items():
        if field.is_required:
            assert f"| `{key}` | required |" in page
        elif field.default_provided and isinstance(field.default_value, int | str):
            assert f"| `{key}` | `{field.default_value}` |" in page, key
    assert "after three cycles in a row" in page
    assert on_failure.PATIENCE == 3


def test_the_page_on_the_cycle_says_how_much_is_recalled() -> None:
    """So many runs are learned from anew when the daemon starts."""
    page = (DOCS / "explanation" / "the-cycle.md").read_text(encoding="utf-8")
    assert f"from the last {experience.REMEMBERED:,} runs that the ledger knows" in page


FIGURES: Mapping[str, str] = {
    "from the verdict to the first line of your code": f"{TUNING.launch_s:g} s",
    "a deadline is in danger with less slack than": f"{TUNING.lookahead_s:g} s",
    "of the cores, strangers keep from our runs, if the guard keeps no CPU free, at most": (
        f"{TUNING.strangers_share:.0%}"
    ),
    "memory is promised to a run of which nothing is seen, if it started less than": (
        f"{TUNING.settling_s:g} s ago"
    ),
    "runs may be expected to use, if the guard keeps no CPU free,": f"{TUNING.overcommit:.0%} of the cores",
    "a run insists on at most this share of the CPU under the guard": f"{TUNING.widest:.0%}",
    "a wide estimate counts for at most this share of the memory under the guard": f"{TUNING.widest:.0%}",
    "in a sum, a run's memory counts with its percentile": f"{100 * TUNING.summed_quantile:g}",
    "the mean of memory together is exceeded by": f"{TUNING.memory_sigmas:g} standard deviations",
    "or, if some of them can leave, by": f"{TUNING.evictable_sigmas:g} standard deviations",
    "a run has reached its peak of memory, at the latest, after": (
        f"{TUNING.grows_for:.0%} of its median duration"
    ),
    "runs are evicted when more of the memory above the guard is in use than": f"{TUNING.memory_edge:.0%}",
    "the area of a run counts in its size, beside its share for each core,": f"{TUNING.size_weight:.0%}",
    "to start a run again counts as": f"{TUNING.restart_core_s:g} core-seconds",
    "the first run in the queue waits for other processes at most": f"{TUNING.strangers_s:g} s",
    "reserved starts at a time, at most": f"{TUNING.reserved_starts}",
    "runs for which others give way at a time, at most": f"{TUNING.preempting_runs}",
    "a run gives way, at most": f"{TUNING.preempted_at_most} times",
    "a run that was changed stays as it is for": f"{TUNING.hold_s:g} s",
    "no run gives way for capacity that becomes free by itself within": f"{TUNING.leaving_s:g} s",
    "without a deadline, progress is thrown away only for a wait of more than": f"{TUNING.worth_s:g} s",
    "progress that may be lost, beside as much as the waiting run takes": (
        f"{TUNING.loss_at_least:g} core-seconds"
    ),
    "a run that gave way goes on after, at the latest": f"{TUNING.suspended_at_most_s:g} s",
    "overdue runs that go first within a tier's patience, at most": f"{TUNING.starvation_runs}",
    "and between two of them, in times of what such a run takes, at least": f"{TUNING.starvation_spacing}",
    "use below which owners count as equal": f"{TUNING.share_unit:g} core-seconds",
    "work ahead leaves idle, of the capacity under the guards": f"{TUNING.idle:.0%}",
    "starts are predicted for": f"{TUNING.horizon_s / 3600:g} h",
    "assumed of a run of which nothing is known or declared": (
        f"{PRIOR.cpu:g} cores, {PRIOR.memory // 2**20} MiB, {PRIOR.duration:g} s"
    ),
    "assumed of serving the last good version, or less if full mode takes less": (
        f"{LAST_GOOD_PRIOR.cpu:g} cores, {LAST_GOOD_PRIOR.memory // 2**20} MiB,"
        f" {LAST_GOOD_PRIOR.duration:g} s"
    ),
}


@pytest.mark.parametrize("figure", FIGURES)
def test_the_figures_of_the_planner_are_those_of_the_code(figure: str) -> None:
    """Whoever changes one changes the page."""
    assert f"| {figure} | {FIGURES[figure]} |" in PLANNING


def test_the_page_on_planning_has_no_other_figures() -> None:
    """Every row of its table is held against the code."""
    table = PLANNING.partition("## Figures")[2].partition("## ")[0]
    rows = re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE)
    assert set(rows) - {"figure", "---"} == set(FIGURES)


def test_what_the_page_on_planning_says_in_words_is_so() -> None:
    """The bound on waiting, the usual patience, and the percentiles that are added up."""
    assert f"(max(patience / {TUNING.starvation_runs}, {TUNING.starvation_spacing} D) + D)" in PLANNING
    assert f"sum of their {100 * TUNING.summed_quantile:g}th percentiles" in PLANNING
    assert "**patience** (two hours, unless" in PLANNING
    assert {tier.patience for tier in USUAL_TIERS} == {7200.0}
    assert "goes after two minutes although" in PLANNING
    assert TUNING.strangers_s == 120.0
