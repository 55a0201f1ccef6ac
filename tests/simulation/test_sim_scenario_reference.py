"""The reference of trace and scenario files is right: its examples are read, and it leaves nothing out."""

import pytest

from adaptive_assets.policy import PolicyError
from adaptive_assets.simulation.scenarios.events import EVENTS
from adaptive_assets.simulation.scenarios.scenario import parse_scenario
from adaptive_assets.simulation.traces.csv_columns import COLUMNS
from adaptive_assets.simulation.traces.csv_trace import parse_csv_trace
from adaptive_assets.simulation.traces.text_source import MOST_RUNS
from adaptive_assets.simulation.traces.trace import MOST_PROBLEMS, TraceError
from tests.docs.pages import DOCS, blocks

TRACES = DOCS / "reference" / "trace-files.md"
SCENARIOS = DOCS / "reference" / "scenario-files.md"


def test_the_example_of_a_trace_is_one() -> None:
    """And what is wrong with the other is told word by word."""
    good, wrong = blocks(TRACES, "csv")
    told, *_ = blocks(TRACES, "text")
    assert len(parse_csv_trace(good.text.splitlines(), "trace.csv").runs) == 4
    with pytest.raises(TraceError) as refused:
        parse_csv_trace(wrong.text.splitlines(), "trace.csv")
    assert f"{refused.value}\n" == told.text


def test_every_column_has_a_row() -> None:
    """Those that every trace needs say so."""
    page = TRACES.read_text(encoding="utf-8")
    for column in COLUMNS:
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{column.name}` |"))
        assert row.endswith("| required |") == column.required


def test_the_limits_are_those_of_the_code() -> None:
    """On runs and on problems."""
    page = TRACES.read_text(encoding="utf-8")
    assert f"up to {MOST_RUNS:,} runs" in page
    assert f"after {MOST_PROBLEMS} of them" in page


def test_the_example_of_a_scenario_has_every_event() -> None:
    """And what is wrong with the other is told word by word."""
    good, wrong = blocks(SCENARIOS, "yml")
    told, *_ = blocks(SCENARIOS, "text")
    assert [type(event) for event in parse_scenario(good.text, "s.yaml").events] == list(EVENTS.values())
    with pytest.raises(PolicyError) as refused:
        parse_scenario(wrong.text, "scenario.yaml")
    assert f"{refused.value}\n" == told.text


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_has_a_row_with_its_keys(kind: str) -> None:
    """But for those that all events have."""
    page = SCENARIOS.read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith(f"| `{kind}` |"))
    keys = [name for name in EVENTS[kind].model_fields if name not in {"event", "at", "lasts"}]
    assert sorted(key.strip(" `") for key in row.split("|")[2].split(",")) == sorted(keys)
