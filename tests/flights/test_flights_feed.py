import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flights.feed import Feed, FeedBusyError, main, only_feed
from flights.feed_state import FeedState, read_state, write_state
from flights.folder import FlightsFolder
from flights.hours import HOUR, YEAR_END
from flights.replay import Chaos
from tests.flights.conftest import START, replay

WILD = Chaos(late=0.3, duplicated=0.3, broken=0.2, wrong=0.2)


def landed(folder: FlightsFolder) -> dict[str, bytes]:
    """What lies in the landing folder."""
    return {path.name: path.read_bytes() for path in folder.landing.iterdir()}


def test_a_restart_changes_nothing(folder: FlightsFolder, tmp_path: Path) -> None:
    """A feed that is stopped after every hour delivers what one that runs through delivers."""
    other = FlightsFolder(tmp_path / "other")
    other.root.mkdir()
    other.archive.symlink_to(folder.archive)
    replay(folder, 8, WILD)
    for _ in range(8):
        replay(other, 1, WILD)
    assert landed(folder) == landed(other)
    assert read_state(folder) == read_state(other) == FeedState(START, START + 9 * HOUR)


def test_a_crash_before_the_position_is_kept_delivers_again(folder: FlightsFolder) -> None:
    """Files first, then the position: what a crash in between repeats has the same names and content."""
    feed = replay(folder, 2)
    before = landed(folder)
    write_state(folder, FeedState(START, feed.state.position - HOUR))
    replay(folder, 1)
    assert landed(folder) == before


def test_no_half_files(folder: FlightsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """When writing fails, no part of the file is seen, and the next step makes up for it."""
    feed = Feed(folder, START)
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            feed.step()
    assert list(folder.landing.iterdir()) == []
    assert feed.state.position == START + HOUR
    assert len(feed.step()) == 2


def test_run_keeps_on_when_the_disk_is_full(
    folder: FlightsFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A failed step is reported and tried again."""
    feed = Feed(folder, START)
    step, tries = feed.step, iter([OSError(28, "No space left on device"), None])

    def flaky() -> list[Path]:
        error = next(tries, None)
        if error:
            raise error
        return step()

    monkeypatch.setattr(feed, "step", flaky)
    feed.run(0.001, threading.Event(), hours=1)
    assert "could not land 2013-01-12 11:00" in caplog.text
    assert len(landed(folder)) == 2


def test_the_year_ends(folder: FlightsFolder, caplog: pytest.LogCaptureFixture) -> None:
    """After the last hour of the year the feed says so and returns."""
    write_state(folder, FeedState(START, YEAR_END))
    Feed(folder).run(0.001, threading.Event())
    assert "the year is over" in caplog.text
    assert any("2014-01-01T04Z" in name for name in landed(folder))


def test_one_feed_at_a_time(folder: FlightsFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """A second feed on the same folder is refused; the first one's lock ends with it."""
    with only_feed(folder):
        with pytest.raises(FeedBusyError), only_feed(folder):
            pass
        assert main(["--data", str(folder.root), "--hours", "1"]) == 2
        assert "another feed" in capsys.readouterr().err
    with only_feed(folder):
        pass


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"start": "yesterday", "position": "now"}', '{"start": "2013-01-01"}']
)
def test_a_damaged_state_is_named(folder: FlightsFolder, text: str) -> None:
    """A state that cannot be read is an error that names the file, not a silent start from the beginning."""
    folder.feed_state.write_text(text)
    with pytest.raises(ValueError, match=r"feed\.json"):
        read_state(folder)


@pytest.mark.parametrize(
    "arguments",
    [["--speed", "0"], ["--speed", "soon"], ["--start", "2014-05-01T04:00"], ["--start", "today"]],
)
def test_bad_arguments(
    folder: FlightsFolder, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What makes no sense on the command line is refused with an example of what would."""
    with pytest.raises(SystemExit):
        main(["--data", str(folder.root), *arguments])
    assert arguments[1] in capsys.readouterr().err


def test_bad_rates_on_the_command_line(folder: FlightsFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """A chaos rate above 1 ends the program with a sentence."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "signal", lambda *_: None)
        assert main(["--data", str(folder.root), "--late", "3"]) == 2
    assert "`late` is 3.0" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it_cleanly(folder: FlightsFolder, number: signal.Signals) -> None:
    """Asked to stop, the process ends with 0 and leaves a state to carry on from and no hidden files."""
    command = [
        sys.executable,
        "-m",
        "flights.feed",
        "--data",
        str(folder.root),
        "--speed",
        "60",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 60
        while (state := read_state(folder)) is None or state.position == state.start + HOUR:
            assert time.monotonic() < until, "the feed did not start"
            time.sleep(0.05)
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert not list(folder.landing.glob(".*"))
