import re
import tomllib

import pytest

from tools import lock, setup_venv

NAME = re.compile(r"[A-Za-z0-9._-]+")


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://registry.example/simple",
        "--find-links wheels",
        "-i there",
        "project @ file:///tmp/project.whl",
        "    --extra-index-url=x \\",
    ],
)
def test_a_place_in_the_lock_is_seen(line: str) -> None:
    """Addresses, direct references and options of pip are what `make lock` refuses to write."""
    assert lock.PLACE.search(line)


def test_the_lock_names_no_place() -> None:
    """The lock holds requirements, markers and hashes only."""
    lines = lock.LOCK.read_text().splitlines()
    assert [line for line in lines if not line.startswith("#") and lock.PLACE.search(line)] == []


def test_the_lock_covers_the_project() -> None:
    """Whatever pyproject.toml asks for, extras and build tools included, is locked, every pin with a hash."""
    project = tomllib.loads((lock.ROOT / "pyproject.toml").read_text())
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        asked.extend(extra)
    names = {NAME.match(requirement).group().lower() for requirement in asked}  # type: ignore[union-attr]

    pins = setup_venv._pins(lock.LOCK.read_text())

    assert names <= {pin.name for pin in pins}
    assert [pin.name for pin in pins if "--hash=sha256:" not in pin.text] == []
    assert {pin.name for pin in pins} >= setup_venv.SOURCE_ONLY
