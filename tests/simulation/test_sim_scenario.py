"""Scenario files: what is read, and what is said of a file that is wrong."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.policy import PolicyError
from adaptive_assets.simulation.scenarios.events import (
    ClockSkew,
    DataTrouble,
    DurationDrift,
    NodeLoss,
    Scenario,
    SlowDisk,
    StrangerCpu,
    StrangerMemory,
)
from adaptive_assets.simulation.scenarios.scenario import check_scenario, load_scenario, parse_scenario

ALL = """\
version: 1
name: a bad night
events:
  - {event: node_loss, node: node-2, at: 10m, lasts: 5m}
  - {event: stranger_memory, at: 20m, lasts: 30m, amount: 1GiB, grows_per_s: 20MiB}
  - {event: stranger_cpu, node: node-1, at: 0s, lasts: 1h, cores: 2.5}
  - {event: slow_disk, at: 1h, lasts: 90s, factor: 4}
  - {event: data_trouble, name: flights, at: 1h, lasts: 20m, trouble: late}
  - {event: clock_skew, node: node-1, at: 2h, lasts: 10m, seconds: -300}
  - {event: duration_drift, at: 1h30m, factor: 1.5, names: [report, forecast]}
"""


def complaints(text: str) -> list[str]:
    """What is said of this text."""
    with pytest.raises(PolicyError) as refused:
        parse_scenario(text, "s.yaml")
    return [str(problem) for problem in refused.value.problems]


def test_every_event_can_be_written(tmp_path: Path) -> None:
    """And becomes the value that code would write, in seconds, bytes and cores."""
    file = tmp_path / "night.yaml"
    file.write_text(ALL)
    scenario = load_scenario(file)
    assert scenario == Scenario(
        (
            NodeLoss(node="node-2", at=600, lasts=300),
            StrangerMemory(at=1200, lasts=1800, amount=2**30, grows_per_s=20 * 2**20),
            StrangerCpu(node="node-1", at=0, lasts=3600, cores=2.5),
            SlowDisk(at=3600, lasts=90, factor=4),
            DataTrouble(name="flights", at=3600, lasts=1200, trouble="late"),
            ClockSkew(node="node-1", at=7200, lasts=600, seconds=-300),
            DurationDrift(at=5400, factor=1.5, names=("report", "forecast")),
        ),
        "a bad night",
    )


def test_what_is_wrong_with_events_is_told_at_its_place() -> None:
    """All of it at once, each with what would be right."""
    told = complaints("""\
events:
  - {event: node_los, node: node-2, at: 10m, lasts: 5m}
  - {event: node_loss, nod: node-2, at: 10, lasts: 0s}
  - {event: stranger_memory, at: 20m, lasts: 30m}
  - {event: clock_skew, at: 20m, lasts: 30m, seconds: soon}
  - {event: data_trouble, name: 4, at: 1h, lasts: 20m, trouble: latte}
  - {at: 4}
  - duration_drift
  - {event: duration_drift, at: 1h, factor: -1, names: x}
  - {event: duration_drift, at: 1h, factor: .inf, names: [a, ~]}
  - {event: slow_disk, at: 1h, lasts: 1h, factor: 1.0e+300}
  - {event: clock_skew, at: 1h, lasts: 1h, seconds: -1.0e+12}
""")
    assert told == [
        "s.yaml:2:13: there is no event `node_los` (did you mean `node_loss`?)",
        "s.yaml:3:5: `node` is missing from `node_loss` (add `node: node-1`)",
        "s.yaml:3:24: unknown key `nod` (did you mean `node`?)",
        "s.yaml:3:41: `10` has no unit (write a duration such as `5m` or `90s`)",
        "s.yaml:3:52: `lasts` cannot be `0s` (write more than zero)",
        (
            "s.yaml:4:5: a stranger that takes no memory"
            " (add `amount: 4GiB`, or `grows_per_s: 10MiB` for a leak)"
        ),
        "s.yaml:5:55: `soon` is not a number (write a number such as `0.5`)",
        's.yaml:6:33: YAML reads `4` as a number, and `name` is text (write it in quotes: "4")',
        "s.yaml:6:65: `trouble` cannot be `latte` (did you mean `late`?)",
        (
            "s.yaml:7:5: `events[5]` does not say which event it is (add `event:` with `node_loss`,"
            " `stranger_memory`, `stranger_cpu`, `slow_disk`, `data_trouble`,"
            " `clock_skew` or `duration_drift`)"
        ),
        (
            "s.yaml:8:5: `events[6]` is not a mapping"
            " (write keys and values below it, such as `event`, `at`, `lasts`)"
        ),
        "s.yaml:9:45: `factor` cannot be `-1` (write more than zero)",
        "s.yaml:9:56: `names` is not a list (start each entry with `- `, or write `[one, two]`)",
        "s.yaml:10:45: `factor` cannot be `.inf` (write a finite number)",
        "s.yaml:10:62: `names[1]` has no value (write one, or remove the entry)",
        "s.yaml:11:51: `factor` cannot be `1.0e+300` (write at most `1000`)",
        "s.yaml:12:53: `seconds` cannot be `-1.0e+12` (write at least `-3153600000`)",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "s.yaml:1:1: the file is empty (a scenario starts with `version: 1`)"),
        ("- 1", "s.yaml:1:1: a scenario is a mapping of keys to values"),
        ("version: 2\nevents: []", "s.yaml:1:10: `2` is no version of the scenario file that is known here"),
        ("name: [a]\nevents: []", "s.yaml:1:7: `name` is not text"),
        ("version: 1", "s.yaml:1:1: `events` is missing"),
        ("events: 3", "s.yaml:1:9: `events` is not a list"),
        ("event: []\nevents: []", "s.yaml:1:1: unknown key `event` (it belongs under `events`)"),
        ("events: [", "this is not YAML"),
        ("events: []\n---\n", "a scenario is one document"),
    ],
)
def test_what_is_wrong_with_the_whole_is_told(text: str, complaint: str) -> None:
    """In the words of scenarios, though the reader of documents is that of policy files."""
    assert complaint in complaints(text)[0]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [(b"events: \xff", ":1:9: byte 0xFF at offset 8 is not"), (b" " * 17_000_000, "more than 16MiB")],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, data: bytes, complaint: str) -> None:
    """Or too long to be a scenario; or not there."""
    file = tmp_path / "s.yaml"
    file.write_bytes(data)
    with pytest.raises(PolicyError) as refused:
        load_scenario(file)
    assert complaint in str(refused.value)
    for path, reason in ((tmp_path / "none.yaml", "no such file"), (tmp_path, "this is a directory")):
        with pytest.raises(PolicyError, match=f"^{path}: .*{reason}"):
            load_scenario(path)


def test_nodes_and_names_that_there_are_not_are_pointed_at() -> None:
    """Once the cluster and the workload are known."""
    scenario = parse_scenario(ALL, "s.yaml")
    check_scenario(scenario, nodes=["node-1", "node-2"], names=["report", "forecast"])
    with pytest.raises(PolicyError) as refused:
        check_scenario(scenario, nodes=["node-1"], names=["reports"])
    assert [str(problem) for problem in refused.value.problems] == [
        "s.yaml:4:30: there is no node `node-2` (did you mean `node-1`?)",
        "s.yaml:10:61: nothing in the workload is named `report` (did you mean `reports`?)",
        "s.yaml:10:69: nothing in the workload is named `forecast` (the names of the workload are `reports`)",
    ]


def test_a_stranger_in_code_takes_some_memory_too() -> None:
    """The rule is the value's own, not the file's."""
    with pytest.raises(ValueError, match="takes no memory"):
        StrangerMemory(at=0, lasts=1)


@given(st.text())
def test_no_text_at_all_brings_the_reader_down(text: str) -> None:
    """Whatever is in a file, it is a scenario or a :class:`PolicyError`."""
    for content in (text, f"events:\n  - {text}", f"events: [{{event: slow_disk, at: {text}}}]"):
        with suppress(PolicyError):
            parse_scenario(content, "s.yaml")
