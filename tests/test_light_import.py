import subprocess
import sys
import textwrap

HEAVY = ("matplotlib", "numpy", "pandas", "pandera", "polars", "pyarrow", "scipy", "sklearn")


def test_the_coordinator_loads_no_data_library() -> None:
    """Webserver, daemon and every run worker load the coordinator: no data library comes with it."""
    program = f"""
        import sys
        import adaptive_assets
        adaptive_assets.AdaptiveRunCoordinator
        print(*sorted(set({HEAVY!r}) & set(sys.modules)))
    """
    # In a process of its own: this one has imported everything.
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout.split()) == (0, []), ran.stderr
