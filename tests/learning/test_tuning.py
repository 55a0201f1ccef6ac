"""Each rule of learning can be switched off by itself."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from adaptive_assets.learning import EndedRun, Learner, LearningTuning, SubmittedRun
from adaptive_assets.planning.snapshot import Declaration, Work
from tests.learning.ended import GIB, WORK, ended, failed, similar, taught

RUN = SubmittedRun(WORK, "r", 4000.0, Declaration(memory=4 * GIB))
SIZED = [ended(0.01 * size, size=float(size)) for size in range(1000, 3000, 50)]
OTHERS = [
    replace(ended(memory=GIB), run=SubmittedRun(Work(f"o{n}", "p"), declared=RUN.declared)) for n in range(10)
]
KILLED = failed(3 * GIB, killed=True)


def told(runs: Sequence[EndedRun], run: SubmittedRun = RUN, **changed: Any) -> Any:
    """What a learner tuned so says, that has seen ``runs``, of the kind and of one of it."""
    learner = taught(runs, Learner(tuning=LearningTuning(**changed)))
    return learner.of_kind(run.work), learner.estimate(run)


@pytest.mark.parametrize(
    ("off", "runs", "without"),
    [
        pytest.param({"kin_kinds": inf}, similar(12), [], id="kin"),
        pytest.param({"size_runs": inf}, SIZED, [ended(run.duration_s) for run in SIZED], id="sizes"),
        pytest.param(
            {"short_of_cpu": inf},
            [ended(), *[replace(ended(cpu=0.1), cores_busy=1.0)] * 9],
            [ended(), *[ended(cpu=0.1)] * 9],
            id="busy cores",
        ),
        pytest.param({"forget": 1.0}, [ended(60.0)] * 20 + [ended(90.0)] * 9, None, id="forgetting"),
        pytest.param({"change_alarm": inf}, [ended(60.0)] * 20 + [ended(120.0)] * 9, None, id="changes"),
        pytest.param({"kill_more": 0.0}, [ended()] * 9 + [KILLED], [ended()] * 9, id="kill"),
    ],
)
def test_a_rule_that_is_off_changes_nothing(
    off: dict[str, Any], runs: list[EndedRun], without: list[EndedRun] | None
) -> None:
    """With it, something else is said; without it, the same as if what it goes by had not been seen."""
    assert told(runs, **off) != told(runs)
    if without is not None:
        assert told(runs, **off) == told(without, **off)


def test_declarations_can_be_left_out_or_taken_at_their_word() -> None:
    """The first leaves kin to speak, the second does not ask what others were worth."""
    run = SubmittedRun(Work("new", "p"), "r", declared=RUN.declared)
    assert told(OTHERS, run)[1].memory.p50 == pytest.approx(GIB)
    assert told(OTHERS, run, declared_runs=inf)[1].memory.p50 == 4 * GIB
    assert told(OTHERS, run, declared=False)[1] is None


def test_a_bound_or_weight_that_cannot_be_is_refused() -> None:
    """By its name, its value and what would be right."""
    with pytest.raises(ValueError, match="runs_kept is 0; it must be at least 1"):
        LearningTuning(runs_kept=0)
    with pytest.raises(ValueError, match=r"forget is 1\.5; it must be above 0, and at most 1"):
        LearningTuning(forget=1.5)
