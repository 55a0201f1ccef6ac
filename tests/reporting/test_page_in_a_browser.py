"""The page as a browser sees it; where no Chromium is installed, these tests are skipped."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from adaptive_assets.reporting import page
from tests.reporting.comparisons import NASTY, comparison
from tests.reporting.outcomes import workload

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.e2e, pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")]


def seen(text: str, folder: Path) -> str:
    """The document after its scripts have run."""
    (folder / "report.html").write_text(text, encoding="utf-8")
    shown = subprocess.run(
        [
            str(BROWSER),
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000"),
            *(f"--user-data-dir={folder / 'profile'}", "--dump-dom", f"file://{folder / 'report.html'}"),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return shown.stdout


def test_every_chart_is_drawn(tmp_path: Path) -> None:
    """Six over time, one queue for each planner, waits for each tier; each has a label."""
    document = seen(page(comparison(workload(20, name=NASTY))), tmp_path)
    charts = re.findall(r'<canvas[^>]*aria-label="([^"]+)"', document)
    assert len(charts) == document.count("<canvas") == 6 + 3 + 3
    assert charts[0].startswith("Runs waiting over time under adaptive: at most")
    assert '<p class="note" id="failed" hidden' in document


def test_a_chart_that_fails_says_so_and_the_others_are_drawn(tmp_path: Path) -> None:
    """A series that is missing costs its own charts."""
    broken = page(comparison(workload(20))).replace('"memory high":', '"memory lost":')
    document = seen(broken, tmp_path)
    assert "This chart could not be drawn" in document
    assert "Some charts could not be drawn. The tables have their numbers." in document
    assert document.count("<canvas") == 6 + 3 + 3 - 1
