"""What the daemon, the webserver and every run worker import stays light."""

import subprocess
import sys

import pytest

import adaptive_assets

HEAVY = ("pandas", "polars", "pandera", "numpy", "sklearn", "pyarrow", "matplotlib")


def test_public_names_load_no_data_library() -> None:
    """Neither the coordinator nor any other public name loads a data library before there is data."""
    names = ", ".join(adaptive_assets.__all__)
    check = (
        f"from adaptive_assets import {names}\nimport sys\nprint(sorted(set({HEAVY!r}) & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"


def test_importing_the_package_loads_nothing_of_dagster() -> None:
    """The package itself is a list of names."""
    check = "import adaptive_assets, sys; print('dagster' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"


def test_public_names_are_there() -> None:
    """Each name loads, is listed, and is the same thing twice."""
    for name in adaptive_assets.__all__:
        assert name in dir(adaptive_assets)
        assert getattr(adaptive_assets, name) is getattr(adaptive_assets, name)
    with pytest.raises(AttributeError, match="has no attribute 'adpat'"):
        _ = adaptive_assets.adpat


def test_a_broken_module_is_not_a_missing_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the module behind a name cannot be imported, the error says why."""
    monkeypatch.setitem(adaptive_assets._HOMES, "adpat", "adaptive_assets.assets.adapt")
    with pytest.raises(ImportError, match=r"adaptive_assets\.assets\.adapt cannot be imported: .*adpat"):
        from adaptive_assets import adpat  # noqa: F401
