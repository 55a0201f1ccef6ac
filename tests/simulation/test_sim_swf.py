"""Traces in the Standard Workload Format."""

import gzip
from pathlib import Path

import pytest

from adaptive_assets.policy.places import Place
from adaptive_assets.simulation.traces.swf import load_swf, parse_swf
from adaptive_assets.simulation.traces.trace import DeclaredEstimate, TracedRun, TraceError

LOG = """\
; Version: 2.2
; MaxProcs: 128
;
    1     0   5  100   4   50  1024   4  200  2048  1  3  1  7  0  1  -1 -1
    2     5  -1   60  -1   -1    -1   2   -1    -1  1  3  1 -1  1  1   1 10
    3     6  -1   -1  -1   -1    -1  -1   -1    -1  5  3  1 -1  1  1  -1 -1
    4     7   0    0   1   -1    -1  -1   -1   512  0 -1 -1 -1 -1 -1   3 -1
    4     7   0    0   1   -1    -1  -1   -1   512  3 -1 -1 -1 -1 -1   3 -1
"""


def complaints(*lines: str) -> list[str]:
    """What is said of a file with these lines."""
    with pytest.raises(TraceError) as refused:
        parse_swf(lines, "t.swf")
    return [str(problem) for problem in refused.value.problems]


def test_jobs_become_runs(tmp_path: Path) -> None:
    """Requests are declared estimates, kilobytes are for each processor, and what never ran is left out."""
    file = tmp_path / "log.swf.gz"
    file.write_bytes(gzip.compress(LOG.encode()))
    workload = load_swf(file, {0: "critical"})
    declared = DeclaredEstimate(cpu=4, memory=4 * 2048 * 1024, duration=200)
    assert workload.runs == (
        TracedRun(
            "1", "app-7", 0, "critical", declared=declared, duration_s=100, cpu=2, memory=4 * 1024 * 1024
        ),
        TracedRun(
            "2", "user-3", 5, depends_on=("1",), declared=DeclaredEstimate(cpu=2), duration_s=60, cpu=2
        ),
        TracedRun("4", "job", 7, declared=DeclaredEstimate(memory=512 * 1024), cpu=1, memory=512 * 1024),
    )
    assert workload.tier_places == {"critical": Place(str(file), 4, 1)}


def line(number: int, *, preceding: int = -1) -> str:
    """A job that ran, after another one."""
    return f"{number} 0 0 10 1 -1 -1 1 -1 -1 1 1 1 1 1 1 {preceding} -1"


def test_lines_that_are_wrong_are_named_with_the_number_that_is() -> None:
    """By what the number means, and its column."""
    good = line(1)
    assert complaints(
        good.removesuffix(" -1"),
        good.replace("1 0 0", "1 x 0"),
        good.replace("10", "-5"),
        good.replace("1 0 0", "1 -1 0"),
        good.replace("-1 -1 1", "-1 nan 1"),
        good,
        good,
    ) == [
        "t.swf:1:1: this line has 17 values (a job has 18 numbers, -1 for what is not known)",
        "t.swf:2:3: the submit time cannot be `x` (write a number from 0 on, up to 3,153,600,000)",
        (
            "t.swf:3:7: the run time cannot be `-5`"
            " (write a number from 0 on, or -1 for none, up to 3,153,600,000)"
        ),
        "t.swf:4:3: the submit time cannot be `-1` (write a number from 0 on, up to 3,153,600,000)",
        (
            "t.swf:5:15: the used memory cannot be `nan`"
            " (write a number from 0 on, or -1 for none, up to 1,099,511,627,776)"
        ),
        "t.swf:7:1: the job number 1 is there twice (job numbers are unique; the first is on line 6)",
    ]


def test_jobs_that_precede_each_other_are_refused() -> None:
    """The cycle is spelt out, at its first line."""
    (told,) = complaints(line(1, preceding=2), line(2, preceding=1))
    assert told.startswith("t.swf:1:1: jobs wait for each other: 1 -> 2 -> 1")


def test_a_job_after_one_that_the_log_lacks_depends_on_nothing() -> None:
    """Logs are cleaned, and parts of them published."""
    assert parse_swf([line(5, preceding=4)], "t.swf").runs[0].depends_on == ()


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [([], "the file is empty"), (["; MaxProcs: 8\n"], "no job that ran"), (["id,name\n"], "1 values")],
)
def test_a_file_without_jobs_is_refused(lines: list[str], complaint: str) -> None:
    """Empty, with headers alone, or of another format."""
    assert complaint in complaints(*lines)[0]
