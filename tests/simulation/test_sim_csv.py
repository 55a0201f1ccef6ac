"""Traces in CSV: what is read, and what is said of a file that is wrong."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.policy.places import Place
from adaptive_assets.simulation.traces.csv_trace import load_csv_trace, parse_csv_trace
from adaptive_assets.simulation.traces.trace import MOST_PROBLEMS, DeclaredEstimate, TracedRun, TraceError

HEADER = "id,name,submit_s,duration_s,cpu,memory_mb,tier,deadline_s,depends_on"


def complaints(*rows: str, header: str = HEADER) -> list[str]:
    """What is said of a file with these rows."""
    with pytest.raises(TraceError) as refused:
        parse_csv_trace([f"{line}\n" for line in (header, *rows)], "t.csv")
    return [str(problem) for problem in refused.value.problems]


def test_every_column_becomes_its_field(tmp_path: Path) -> None:
    """Optional ones too, in any order, beside columns that mean nothing here."""
    file = tmp_path / "week.csv"
    file.write_text(
        "name,id,colour,submit_s,duration_s,cpu,memory_mb,io,tier,deadline_s,depends_on,priority,input_size,"
        "declared_cpu,declared_memory_mb,declared_duration_s\n"
        "load,a,red,5,60.5,1.5,512,0.3,critical,300,b; c,-2,1e6,2,1024,90\n"
        "\n"
        "load,b,,1,1,1,1,,,,,,,,,\n"
        '"clean, all",c,,2,1,1,1,,,,,,,,,\n'
    )
    workload = load_csv_trace(file)
    assert workload.name == "week.csv"
    assert [run.name for run in workload.runs] == ["load", "clean, all", "load"]
    assert workload.runs[0] == TracedRun("b", "load", 1.0, duration_s=1, cpu=1, memory=1_000_000)
    assert workload.runs[2] == TracedRun(
        "a",
        "load",
        5.0,
        "critical",
        300.0,
        ("b", "c"),
        -2,
        DeclaredEstimate(cpu=2, memory=1_024_000_000, duration=90),
        60.5,
        1.5,
        512_000_000,
        1e6,
        0.3,
    )
    assert workload.tier_places == {"critical": Place(str(file), 2, 31)}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("packed", [False, True])
def test_marks_line_ends_and_compression_make_no_difference(
    tmp_path: Path, ending: str, mark: bytes, packed: bool
) -> None:
    """Spreadsheets write the first two; and a file in gzip is known by its content, not by its name."""
    text = ending.join(["id,name,submit_s,duration_s,cpu,memory_mb", "a,load,0,1,1,1"])
    data = mark + text.encode()
    file = tmp_path / "trace"
    file.write_bytes(gzip.compress(data) if packed else data)
    assert [run.run_id for run in load_csv_trace(file).runs] == ["a"]


def test_a_row_that_is_wrong_is_named_by_line_column_and_value() -> None:
    """All of its values at once, each with what would be right."""
    assert complaints("a,x,0,-5,1,100", "b,x,zero,nan,1,inf", "c,x,0,1e300,,1,,,", "d,x,0,5") == [
        "t.csv:2:7: `duration_s`: `-5` is too small (write seconds such as `90` or `12.5`, of at least 0)",
        "t.csv:3:5: `submit_s`: `zero` is not a number (write seconds such as `90` or `12.5`)",
        "t.csv:3:10: `duration_s`: `nan` is not a number (write seconds such as `90` or `12.5`)",
        (
            "t.csv:3:16: `memory_mb`: `inf` is too large"
            " (write megabytes such as `512`, of at most 9,223,372,036,854)"
        ),
        (
            "t.csv:4:7: `duration_s`: `1e300` is too large"
            " (write seconds such as `90` or `12.5`, of at most 3,153,600,000)"
        ),
        "t.csv:4:13: `cpu` has no value (every row needs one)",
        "t.csv:5:9: `cpu` has no value (this row ends after 4 values)",
        "t.csv:5:9: `memory_mb` has no value (this row ends after 4 values)",
    ]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("a,x,0,1,1,1,batch,1,2,3", "2:1: this row has 10 values, and the header 9 columns"),
        ("a,x,0,1,1,1,batch,soon", "2:19: `deadline_s`: `soon` is not a number"),
        ("a,x,0,1,1,1,,,a", "2:15: `depends_on`: a run waits for itself"),
        ("a,x,0,1,1,1,,,zz", "2:15: `depends_on`: there is no run `zz`"),
        (" ,x,0,1,1,1,,,", "2:1: `id` has no value"),
    ],
)
def test_a_row_can_be_wrong_in_other_ways(row: str, complaint: str) -> None:
    """Too long, in an optional column, or in what it depends on."""
    assert complaint in complaints(row)[0]


def test_an_id_that_comes_twice_says_where_it_came_first() -> None:
    """Even if that row was wrong in another way."""
    told = complaints("a,x,0,-1,1,1", "a,x,0,1,1,1")
    assert told[1] == "t.csv:3:1: `id`: `a` is there twice (ids are unique; the first is on line 2)"


def test_a_cycle_is_spelt_out() -> None:
    """At the first of its lines."""
    told = complaints("z,x,0,1,1,1", "a,x,0,1,1,1,,,b", "b,x,0,1,1,1,,,z;c", "c,x,0,1,1,1,,,a")
    assert told == [
        (
            "t.csv:3:15: `depends_on`: runs wait for each other: a -> b -> c -> a"
            " (remove one of these dependencies)"
        )
    ]


def test_a_long_cycle_is_cut_short() -> None:
    """Its message stays one line."""
    rows = [f"r{number},x,0,1,1,1,,,r{(number + 1) % 5000}" for number in range(5000)]
    (told,) = complaints(*rows)
    assert "r0 -> r1 -> r2" in told
    assert len(told) < 200


def test_a_file_with_many_problems_is_left_after_the_first_ones() -> None:
    """Which a reader mends first anyway; a million of them would hide that."""
    told = complaints(*(f"r{number},x,0,-1,1,1" for number in range(1000)))
    assert len(told) == MOST_PROBLEMS + 1
    assert "stopped after 20 problems" in told[-1]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (
            "id,name,submit_s,duration,cpu,memory_mb,teir",
            [
                "t.csv:1:18: unknown column `duration` (did you mean `duration_s`?)",
                "t.csv:1:41: unknown column `teir` (did you mean `tier`?)",
            ],
        ),
        (
            "id,name,submit_s,cpu,memory_mb",
            [
                (
                    "t.csv:1:1: the column is missing: `duration_s` (the columns that every trace has are"
                    " `id`, `name`, `submit_s`, `duration_s`, `cpu` and `memory_mb`)"
                )
            ],
        ),
        (
            "id;name;submit_s",
            [
                (
                    "t.csv:1:1: `id;name;submit_s` is no header of a trace"
                    " (separate columns by commas, not by `;`)"
                )
            ],
        ),
        (
            "1,load,0,1,1,1",
            [
                (
                    "t.csv:1:1: `1,load,0,1,1,1` is no header of a trace"
                    " (write `id,name,submit_s,duration_s,cpu,memory_mb` as the first line)"
                )
            ],
        ),
        (f"{HEADER},cpu", ["t.csv:1:70: the column `cpu` is there twice (remove one)"]),
    ],
)
def test_a_header_that_is_wrong_is_explained(header: str, told: list[str]) -> None:
    """A misspelt column, a missing one, another separator, no header, one twice."""
    assert complaints("a,b,1,1,1,1", header=header) == told


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "the file is empty"),
        (f"{HEADER}\n".encode(), "there is no run below the header"),
        (b"id,name\na,\xff\n", ":2:3: byte 0xFF is not UTF-8"),
        (gzip.compress(HEADER.encode(), mtime=0)[:20], "damaged or cut short"),
        (f'{HEADER}\n"'.encode() + b"a" * 200_000, ":2:1: from here on this is not CSV: field larger"),
        (
            f'{HEADER}\na,"x,0,1,1,1\nb,x,0,1,1,1\n'.encode(),
            ":2:1: from here on this is not CSV: unexpected end",
        ),
        (b"x" * 3_000_000, "from here on this is not CSV"),
    ],
    # Named here: gzip writes the time into its header, and a name must be the same in every process.
    ids=[
        "empty",
        "header alone",
        "not UTF-8",
        "gzip cut short",
        "endless quote",
        "open quote",
        "one endless line",
    ],
)
def test_a_file_that_is_no_trace_is_refused_with_a_sentence(
    tmp_path: Path, data: bytes, complaint: str
) -> None:
    """Empty, binary, cut, or one endless value: never a traceback, and never the whole of it in memory."""
    file = tmp_path / "t.csv"
    file.write_bytes(data)
    with pytest.raises(TraceError) as refused:
        load_csv_trace(file)
    assert complaint in str(refused.value)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_pipe_will_do(tmp_path: Path, packed: bool) -> None:
    """``<(zcat …)``: what can be read once only is read once."""
    text = f"{HEADER}\na,x,0,1,1,1\n".encode()
    with _pipe(tmp_path, gzip.compress(text) if packed else text) as path:
        assert [run.run_id for run in load_csv_trace(path).runs] == ["a"]


def test_what_is_wrong_in_a_pipe_is_told_without_a_second_look(tmp_path: Path) -> None:
    """Which would wait for ever."""
    with _pipe(tmp_path, HEADER.encode() + b"\na,\xff,0,1,1,1\n") as path:
        with pytest.raises(TraceError) as refused:
            load_csv_trace(path)
        assert "byte 0xFF is not UTF-8" in str(refused.value)


@contextmanager
def _pipe(folder: Path, content: bytes) -> Iterator[Path]:
    """A named pipe into which ``content`` is written."""
    path = folder / "pipe.csv"
    os.mkfifo(path)
    writer = Thread(target=path.write_bytes, args=(content,), daemon=True)
    writer.start()
    try:
        yield path
    finally:
        writer.join(10)


def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    """A missing file, and a directory."""
    for path, complaint in ((tmp_path / "none.csv", "No such file"), (tmp_path, "directory")):
        with pytest.raises(TraceError, match=complaint):
            load_csv_trace(path)


@given(st.text())
def test_no_text_at_all_brings_the_reader_down(text: str) -> None:
    """Whatever is in a file, it is a workload or a :class:`TraceError`."""
    for content in (text, f"{HEADER}\n{text}", f"{HEADER}\na,b,{text},1,1,1\n"):
        with suppress(TraceError):
            parse_csv_trace(content.splitlines(keepends=True), "t.csv")
