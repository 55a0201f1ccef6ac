from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from adaptive_assets.planning.snapshot import Pressure
from adaptive_assets.signals import read_pressure, stalled_share

if TYPE_CHECKING:
    from tests.signals.conftest import FakeRoot


def psi(percent: object) -> str:
    """A pressure file as the kernel writes it."""
    return (
        f"some avg10={percent} avg60=1.00 avg300=0.50 total=1234\n"
        "full avg10=99.00 avg60=0.00 avg300=0.00 total=0"
    )


def test_the_share_of_the_last_ten_seconds(root: "FakeRoot") -> None:
    """`some avg10`, as a share of one."""
    assert stalled_share(root.write("cpu", psi("12.34"))) == 0.1234


def test_all_three_resources(root: "FakeRoot") -> None:
    """Each comes from its own file."""
    for resource, percent in (("cpu", "50.00"), ("memory", "0.00"), ("io", "100.00")):
        root.write(f"proc/pressure/{resource}", psi(percent))
    assert read_pressure(root.path, {}) == (Pressure(cpu=0.5, memory=0.0, io=1.0), ())


def test_a_kernel_without_psi(root: "FakeRoot") -> None:
    """Not to know is not an error."""
    assert read_pressure(root.path, {}) == (Pressure(), ())


def test_a_groups_own_pressure_comes_first(root: "FakeRoot") -> None:
    """What a limited group suffers is its own; where it keeps no figures, the machine's stand in."""
    root.write("proc/pressure/cpu", psi("1.00"))
    root.write("proc/pressure/memory", psi("2.00"))
    root.write("group/cpu.pressure", psi("80.00"))
    groups: dict[str, Path] = {"cpu": root.path / "group", "memory": root.path / "group"}
    pressure, problems = read_pressure(root.path, groups)  # type: ignore[arg-type]  # plain names will do
    assert (pressure, problems) == (Pressure(cpu=0.8, memory=0.02), ())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "full avg10=1.00 avg60=0 avg300=0 total=0",
        "some",
        psi("many"),
        psi("101.00"),
        psi("-1"),
        psi("nan"),
    ],
)
def test_garbled_figures_are_named_and_spoil_nothing_else(root: "FakeRoot", content: str) -> None:
    """The resource is unknown, its file is named, and the others are read."""
    root.write("proc/pressure/cpu", psi("50.00"))
    file = root.write("proc/pressure/io", content)
    pressure, (problem,) = read_pressure(root.path, {})
    assert pressure == Pressure(cpu=0.5)
    assert isinstance(problem, ValueError)
    assert str(file) in str(problem)


def test_a_file_that_cannot_be_read_is_reported(root: "FakeRoot") -> None:
    """There, but not readable, is another thing than not there."""
    (root.path / "proc/pressure/cpu").mkdir(parents=True)
    pressure, (problem,) = read_pressure(root.path, {})
    assert pressure == Pressure()
    assert isinstance(problem, OSError)
