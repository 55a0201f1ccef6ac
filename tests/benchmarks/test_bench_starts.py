"""How the benchmark of expected starts counts."""

import pytest

from adaptive_assets.simulation.engine.capabilities import NOTHING
from benchmarks.cells import Cell
from benchmarks.starts import Asked, held, play


def asked(start_s: float | None, p90_s: float | None, left_s: float = 1000.0, run_id: str = "r") -> Asked:
    """A batch run for which half of the 90th percentile was the median."""
    p50_s = None if p90_s is None else p90_s / 2
    return Asked(run_id, "batch", 0.0, 20.0, p50_s, p90_s, start_s, left_s)


def test_a_share_is_of_what_the_trace_can_tell() -> None:
    """A run that starts in time, one that does not, one that never does; and one that nobody can know of."""
    found = held(
        "batch",
        [
            asked(50.0, 100.0, run_id="in time"),
            asked(101.0, 100.0, run_id="late"),
            asked(None, 100.0, run_id="never"),
            asked(50.0, 2000.0, run_id="too short a trace"),
            asked(50.0, None, run_id="nothing was said"),
        ],
    )
    assert (found.asked, found.shown, found.runs) == (5, 0.8, 3)
    assert found.p90_holds == pytest.approx(1 / 3)
    assert found.p50_holds == pytest.approx(1 / 3)
    assert found.raw_holds == 0.0
    assert found.times_wait == pytest.approx((2.0 + 100 / 101) / 2)


def test_other_tiers_do_not_count() -> None:
    """Without any of its own, a tier has no shares."""
    found = held("critical", [asked(50.0, 100.0)])
    assert (found.asked, found.p90_holds, found.times_wait) == (0, None, None)


def test_a_trace_is_played_and_asked(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Twelve runs of a minute that need most of the memory, of which all but the first wait."""
    file = tmp_path_factory.mktemp("trace") / "runs.csv"
    rows = [f"r{n},same,{n},60,1,20000,batch,20000" for n in range(12)]
    header = "id,name,submit_s,duration_s,cpu,memory_mb,tier,declared_memory_mb"
    file.write_text("\n".join([header, *rows]))
    cell, found, _ = play(Cell(str(file), 1.0, 0, NOTHING))
    assert cell.trace == str(file)
    assert found
    assert all(each.p90_s is None for each in found), "twelve runs are not enough to say anything"
    assert all(each.start_s is None or each.start_s > 0 for each in found)
