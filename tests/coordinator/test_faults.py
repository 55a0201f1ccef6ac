"""What is told of faults, and when it is over."""

from adaptive_assets.coordinator.faults import AGAIN_S, Fault, Faults
from adaptive_assets.coordinator.parts import MOST_TOLD, Parts
from adaptive_assets.ledger.texts import LONGEST_MESSAGE


def broken() -> int:
    """A part that fails."""
    raise RuntimeError("no disk")


def test_a_fault_is_told_once_and_again_while_it_lasts() -> None:
    """Not in every cycle, and not never."""
    told: list[Fault] = []
    parts = Parts(told.append)
    for now in (0.0, 1.0, 2.0, AGAIN_S + 1):
        parts.begin(now)
        assert parts.attempt("ledger", broken, 7) == 7
        parts.end()
    assert told == [Fault("ledger", "RuntimeError: no disk")] * 2


def test_a_part_that_was_not_used_does_not_work_again() -> None:
    """Only what has worked is said to work."""
    faults = Faults()
    faults.open("ledger", "away", 0.0)
    faults.begin()
    assert faults.settle() == ()
    faults.begin()
    faults.worked("ledger")
    assert faults.settle() == ("ledger",)


def test_thousands_of_runs_at_fault_are_told_in_a_few_lines() -> None:
    """The first by name, the others by their number."""
    told: list[Fault] = []
    parts = Parts(told.append)
    parts.begin(0.0)
    for number in range(5_000):
        parts.attempt("run", broken, 0, subject=f"run {number}")
    parts.end()
    assert len(told) == MOST_TOLD + 1
    assert f"{5_000 - MOST_TOLD} more" in told[-1].message


def test_a_fault_of_a_megabyte_is_told_in_some_lines() -> None:
    """Whatever an error quotes, the log and the page of daemons stay readable; its lines stay lines."""
    told: list[Fault] = []
    parts = Parts(told.append)
    parts.begin(0.0)
    parts.fault("assets", "first\nsecond \x1b[31m" + "x" * 2**20)
    assert told[0].message.startswith("first\nsecond \\x1b[31mxxx")
    assert len(told[0].message) == LONGEST_MESSAGE
