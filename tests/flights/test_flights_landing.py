import os
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flights.backlog import backlogs, read_status, waiting, write_status
from flights.data import Archive
from flights.folder import FlightsFolder, read_json
from flights.hours import HOUR, stamp
from flights.landing import (
    LARGEST_FILE,
    BadDeliveryError,
    quarantine_foreign,
    quarantined_count,
    read_delivery,
    take_in,
)
from flights.replay import Chaos
from tests.flights.conftest import START, replay, take_in_all

FIRST = f"departures_{stamp(START)}_1.csv"
SECOND = f"departures_{stamp(START)}_2.csv"


def whole(folder: FlightsFolder) -> str:
    """A good delivery of the first hour."""
    replay(folder, 1)
    return (folder.landing / FIRST).read_text()


def test_an_hour_is_taken_in_and_moved(folder: FlightsFolder, archive: Archive) -> None:
    """The rows are stored, the file is kept beside, and nothing waits any more."""
    text = whole(folder)
    intake = take_in(folder, "departures", START, time.time())
    expected = archive.departures(START, START + HOUR)
    stored = folder.hours("departures").read([stamp(START)])
    assert stored is not None
    assert intake.rows == len(stored) == len(expected)
    assert stored["flight"].tolist() == expected["flight"].tolist()
    assert stored["dep_delay"].isna().sum() == expected["dep_delay"].isna().sum()
    assert (folder.ingested / FIRST).read_text() == text
    assert [w.delivery.table for w in waiting(folder)] == ["weather"]


def test_taking_in_twice_changes_nothing(folder: FlightsFolder) -> None:
    """After a crash between storing and moving, the hour comes out the same."""
    text = whole(folder)
    take_in(folder, "departures", START, time.time())
    before = folder.hours("departures").read([stamp(START)])
    (folder.landing / FIRST).write_text(text)
    take_in(folder, "departures", START, time.time())
    after = folder.hours("departures").read([stamp(START)])
    assert before is not None
    assert after is not None
    pd.testing.assert_frame_equal(before, after)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_the_last_delivery_counts_in_any_order(folder: FlightsFolder, order: tuple[int, int]) -> None:
    """A correction replaces the hour, also when it overtakes what it corrects."""
    text = whole(folder)
    corrected = "\n".join(text.splitlines()[:6]) + "\n"
    (folder.landing / FIRST).unlink()
    for number in order:
        (folder.landing / f"departures_{stamp(START)}_{number}.csv").write_text(
            text if number == 1 else corrected
        )
        take_in(folder, "departures", START, time.time())
    stored = folder.hours("departures").read([stamp(START)])
    assert stored is not None
    assert len(stored) == 5
    assert set(stored["delivery"]) == {2}


BROKEN = {
    "empty": (lambda _: b"", "it is empty"),
    "another schema": (
        lambda t: t.replace("origin", "airport", 1).encode(),
        "missing: origin; unknown: airport",
    ),
    "another dialect": (lambda t: t.replace(",", ";").encode(), "separated by commas"),
    "cut off": (lambda t: t[:-30].encode(), "fields where 15 are expected"),
    "not text": (lambda _: b"\xff\xfe\x00\x01" * 20, "it is not UTF-8 text"),
    "words for numbers": (
        lambda t: t.replace("\n2013,", "\ntwenty,", 1).encode(),
        "line 2: `year` is `twenty`",
    ),
    "infinite numbers": (lambda t: t.replace("\n2013,", "\ninf,", 1).encode(), "line 2: `year` is `inf`"),
    "no time": (lambda t: t.replace("T15:00:00Z", "o'clock", 1).encode(), "line 2: `time_hour` is"),
    "an open quote": (lambda t: (t + '"').encode(), "it is not CSV"),
    "columns twice": (lambda t: t.replace("year,month", "year,year", 1).encode(), "missing: month"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_deliveries_are_set_aside(folder: FlightsFolder, kind: str) -> None:
    """What cannot be read goes to the quarantine, whole, with a reason that says what is wrong and where."""
    make, expected = BROKEN[kind]
    broken: bytes = make(whole(folder))  # type: ignore[no-untyped-call]
    (folder.landing / FIRST).write_bytes(broken)
    intake = take_in(folder, "departures", START, 1000.0)
    (aside,) = intake.quarantined
    assert intake.rows is None
    assert expected in aside.reason
    assert aside.path.read_bytes() == broken
    assert read_json(folder.quarantine / f"{FIRST}.reason.json") == {
        "file": FIRST,
        "reason": aside.reason,
        "at": 1000.0,
    }


def test_a_file_that_is_far_too_large_is_not_read(folder: FlightsFolder) -> None:
    """An hour never has so many bytes; nobody's mistake fills our memory."""
    whole(folder)
    with (folder.landing / FIRST).open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(BadDeliveryError, match="an hour never has more"):
        read_delivery(folder.landing / FIRST, "departures")


def test_a_folder_with_a_deliverys_name(folder: FlightsFolder) -> None:
    """A folder is no delivery, whatever its name."""
    (folder.landing / FIRST).mkdir(parents=True)
    (aside,) = take_in(folder, "departures", START, time.time()).quarantined
    assert aside.reason == "it is not a file"
    assert aside.path.is_dir()


def test_a_good_file_beside_a_broken_one_is_taken_in(folder: FlightsFolder) -> None:
    """One broken delivery does not cost another."""
    text = whole(folder)
    (folder.landing / FIRST).write_bytes(b"\xff\xff")
    (folder.landing / SECOND).write_text(text)
    intake = take_in(folder, "departures", START, time.time())
    assert intake.deliveries == (2,)
    assert len(intake.quarantined) == 1
    assert intake.rows is not None


def test_names_in_quarantine_do_not_collide(folder: FlightsFolder) -> None:
    """Three broken files of one name are three files in quarantine."""
    for content in (b"\xff", b"\xfe", b"\xfd"):
        folder.landing.mkdir(exist_ok=True)
        (folder.landing / FIRST).write_bytes(content)
        take_in(folder, "departures", START, time.time())
    assert quarantined_count(folder) == 3
    assert {p.read_bytes() for p in folder.quarantine.iterdir() if p.suffix != ".json"} == {
        b"\xff",
        b"\xfe",
        b"\xfd",
    }


def test_foreign_files_are_set_aside_when_they_have_settled(folder: FlightsFolder) -> None:
    """Strangers go, links too; deliveries, hidden files and what somebody is still copying stay."""
    replay(folder, 1)
    now = time.time()
    for name in ("notes.txt", "departures_1.csv"):
        (folder.landing / name).write_text("hello")
        os.utime(folder.landing / name, (now - 60, now - 60))
    (folder.landing / "dangling").symlink_to("nowhere")
    os.utime(folder.landing / "dangling", (now - 60, now - 60), follow_symlinks=False)
    (folder.landing / "copying.csv").write_text("hel")
    (folder.landing / ".departures.csv.0").write_text("hel")
    aside = quarantine_foreign(folder, now)
    assert sorted(file.path.name for file in aside) == ["dangling", "departures_1.csv", "notes.txt"]
    assert len(waiting(folder)) == 2
    assert {"copying.csv", ".departures.csv.0"} <= set(os.listdir(folder.landing))


def test_foreign_files_are_set_aside_a_few_at_a_time(folder: FlightsFolder) -> None:
    """A sensor's tick has to be short, also when somebody drops a thousand files."""
    folder.landing.mkdir()
    for n in range(7):
        (folder.landing / f"{n}.bin").touch()
    assert len(quarantine_foreign(folder, time.time() + 60, limit=5)) == 5
    assert len(quarantine_foreign(folder, time.time() + 60, limit=5)) == 2


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode()))
def test_no_content_breaks_ingestion(tmp_path: Path, content: bytes) -> None:
    """Whatever bytes a file has, they are read as the table or refused with a reason."""
    path = tmp_path / FIRST
    path.write_bytes(content)
    with pytest.raises(BadDeliveryError):
        read_delivery(path, "departures")


def test_wild_chaos_comes_out_as_the_archive(folder: FlightsFolder, archive: Archive) -> None:
    """Late, out of order, twice, broken, wrong: once all has come, the hours are those of the archive."""
    chaos = Chaos(late=0.5, duplicated=0.3, broken=0.3, wrong=0.3)
    for _ in range(18):
        replay(folder, 1, chaos)
        take_in_all(folder)
    names = [stamp(START + n * HOUR) for n in range(12)]
    stored = folder.hours("departures").read(names)
    assert stored is not None
    expected = archive.departures(START, START + 12 * HOUR)
    columns = ["flight", "origin", "dep_delay", "hour"]
    seen = stored.drop_duplicates().sort_values(columns)[columns].reset_index(drop=True)
    wanted = (
        expected.astype({"flight": float, "hour": float}).sort_values(columns)[columns].reset_index(drop=True)
    )
    pd.testing.assert_frame_equal(seen, wanted, check_dtype=False)
    assert quarantined_count(folder) > 0


def test_backlog_counts_hours_and_their_age(folder: FlightsFolder) -> None:
    """Items are hours, the lag is the oldest file's age, the event time is the newest hour's end."""
    replay(folder, 3)
    for name, age in ((FIRST, 90), (f"departures_{stamp(START + HOUR)}_1.csv", 40)):
        os.utime(folder.landing / name, (1000 - age, 1000 - age))
    os.utime(folder.landing / f"departures_{stamp(START + 2 * HOUR)}_1.csv", (999, 999))
    departures, weather = backlogs(folder.root, 1000.0)
    assert (departures.source, departures.items, departures.lag_s, departures.event_time) == (
        "departures",
        3,
        90.0,
        None,
    )
    assert weather.source == "weather"
    take_in(folder, "departures", START + HOUR, 1000.0)
    departures, _ = backlogs(folder.root, 1000.0)
    assert (departures.items, departures.event_time) == (2, (START + 2 * HOUR).timestamp())


def test_backlog_of_nothing(folder: FlightsFolder) -> None:
    """Before the first delivery there is no lag, and no status file to read."""
    assert [(b.items, b.lag_s) for b in backlogs(folder.root, 5.0)] == [(0, 0.0), (0, 0.0)]
    assert read_status(folder.root, 5.0) == ()


def test_status_file_ages(folder: FlightsFolder) -> None:
    """What is read later says a longer lag, and a clock that was set back says none."""
    replay(folder, 1)
    write_status(folder, time.time())
    now = waiting(folder)[0].landed_at
    assert read_status(folder.root, now + 50)[0].lag_s == pytest.approx(50, abs=1)
    assert read_status(folder.root, now - 3600)[0].lag_s == 0.0


@pytest.mark.parametrize("text", ["{", "{}", "[1]", '[{"source": "departures"}]'])
def test_a_damaged_status_is_named(folder: FlightsFolder, text: str) -> None:
    """A status that cannot be read is an error that names the file."""
    (folder.root / "backlog.json").write_text(text)
    with pytest.raises(ValueError, match=r"backlog\.json"):
        read_status(folder.root, 0.0)
