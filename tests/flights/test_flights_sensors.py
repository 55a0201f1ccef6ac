import os
import time
from collections.abc import Iterator

import dagster as dg
import pytest

from flights import flights_definitions
from flights.backlog import read_status
from flights.folder import FlightsFolder
from flights.hours import HOUR, hour_key, stamp
from flights.landing import quarantined_count
from flights.resources import FlightsData
from flights.sensors import HOURS_TAG, RUNS_AT_ONCE, history_sensor, landing_sensor
from tests.flights.conftest import START, replay, take_in_all


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance that remembers runs."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


class Ticks:
    """The sensors of a data folder, ticked by hand."""

    def __init__(self, folder: FlightsFolder, instance: dg.DagsterInstance) -> None:
        self.folder = folder
        self.instance = instance
        self.data = FlightsData(root=str(folder.root))
        self.repository = flights_definitions(folder.root).get_repository_def()

    def landing(self) -> dg.SensorResult:
        """One tick of the landing sensor."""
        with dg.build_sensor_context(self.instance, repository_def=self.repository) as context:
            result = landing_sensor(context, data=self.data)
        assert isinstance(result, dg.SensorResult)
        return result

    def history(self) -> dg.SensorResult | dg.SkipReason:
        """One tick of the history sensor."""
        with dg.build_sensor_context(self.instance, repository_def=self.repository) as context:
            result = history_sensor(context, data=self.data)
        assert isinstance(result, dg.SensorResult | dg.SkipReason)
        return result

    def record(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
        """Let a request have become a run with this status."""
        self.instance.add_run(dg.DagsterRun(job_name="some", tags=dict(request.tags), status=status))


@pytest.fixture
def ticks(folder: FlightsFolder, instance: dg.DagsterInstance) -> Ticks:
    """The sensors of an empty folder."""
    return Ticks(folder, instance)


def test_one_run_for_each_landed_hour(ticks: Ticks) -> None:
    """Both tables of an hour are taken in by one run, the oldest hour first."""
    replay(ticks.folder, 2)
    requests = ticks.landing().run_requests or []
    assert [r.partition_key for r in requests] == [hour_key(START + n * HOUR) for n in range(2)]
    assert [key.to_user_string() for key in requests[0].asset_selection or ()] == ["departures", "weather"]
    assert read_status(ticks.folder.root, time.time())[0].items == 2


def test_only_what_has_landed_is_asked_for(ticks: Ticks) -> None:
    """Where the weather is missing, the run is of the departures alone."""
    replay(ticks.folder, 1)
    (ticks.folder.landing / f"weather_{stamp(START)}_1.csv").unlink()
    (request,) = ticks.landing().run_requests or []
    assert [key.to_user_string() for key in request.asset_selection or ()] == ["departures"]


def test_an_hour_in_work_is_not_asked_for_again(ticks: Ticks) -> None:
    """While its run is at work, an hour is left alone; another hour is not."""
    replay(ticks.folder, 2)
    first, second = ticks.landing().run_requests or []
    ticks.record(first, dg.DagsterRunStatus.STARTED)
    assert [r.run_key for r in ticks.landing().run_requests or []] == [second.run_key]


def test_the_same_files_have_the_same_run_key(ticks: Ticks) -> None:
    """Asked twice before the run is there, Dagster makes one run; a new delivery makes another."""
    replay(ticks.folder, 1)
    (first,) = ticks.landing().run_requests or []
    (again,) = ticks.landing().run_requests or []
    (ticks.folder.landing / f"departures_{stamp(START)}_2.csv").write_text("x")
    (other,) = ticks.landing().run_requests or []
    assert first.run_key == again.run_key != other.run_key


def test_failed_runs_are_tried_again_a_few_times(ticks: Ticks) -> None:
    """After a failure the hour is asked for under a new key; after three it is left to people."""
    replay(ticks.folder, 1)
    keys = []
    for _ in range(3):
        (request,) = ticks.landing().run_requests or []
        keys.append(request.run_key)
        ticks.record(request, dg.DagsterRunStatus.FAILURE)
    assert len(set(keys)) == 3
    assert not ticks.landing().run_requests
    assert (ticks.folder.landing / f"departures_{stamp(START)}_1.csv").exists()


def test_a_backlog_is_taken_in_by_one_run(ticks: Ticks) -> None:
    """More hours than runs are one run together; while that and another are at work, hours wait."""
    replay(ticks.folder, 10)
    (request,) = ticks.landing().run_requests or []
    assert request.partition_key is None
    assert request.tags["dagster/asset_partition_range_start"] == hour_key(START)
    assert request.tags["dagster/asset_partition_range_end"] == hour_key(START + 9 * HOUR)
    ticks.record(request, dg.DagsterRunStatus.STARTED)
    assert "10 landed hours wait" in str(ticks.landing().skip_reason)
    replay(ticks.folder, 1)
    (next_hour,) = ticks.landing().run_requests or []
    assert next_hour.partition_key == hour_key(START + 10 * HOUR)
    ticks.record(next_hour, dg.DagsterRunStatus.STARTED)
    replay(ticks.folder, 3)
    assert not ticks.landing().run_requests, f"{RUNS_AT_ONCE} are at work"


def test_foreign_files_are_reported(ticks: Ticks) -> None:
    """What is no delivery goes to the quarantine, and the tick says that something is there."""
    replay(ticks.folder, 1)
    take_in_all(ticks.folder)
    stranger = ticks.folder.landing / "holiday.jpg"
    stranger.write_bytes(b"\xff\xd8")
    os.utime(stranger, (1000, 1000))
    result = ticks.landing()
    assert not result.run_requests
    assert "1 files are in" in str(result.skip_reason)
    assert quarantined_count(ticks.folder) == 1


def test_nothing_has_landed(ticks: Ticks) -> None:
    """An idle tick says so."""
    assert "nothing new has landed" in str(ticks.landing().skip_reason)


def test_requests_carry_the_hour(ticks: Ticks) -> None:
    """The run can be found by the hour that it takes in."""
    replay(ticks.folder, 1)
    (request,) = ticks.landing().run_requests or []
    assert request.tags[HOURS_TAG] == f"{stamp(START)}/{stamp(START)}"


def test_history_goes_backwards_a_week_at_a_time(ticks: Ticks) -> None:
    """The newest missing days first, one run at a time, and nothing when all is there."""
    assert isinstance(ticks.history(), dg.SkipReason)
    replay(ticks.folder, 1)
    take_in_all(ticks.folder)
    result = ticks.history()
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    assert request.tags["dagster/asset_partition_range_start"] == "2013-01-04"
    assert request.tags["dagster/asset_partition_range_end"] == "2013-01-10"
    ticks.record(request, dg.DagsterRunStatus.STARTED)
    assert isinstance(ticks.history(), dg.SkipReason)


def test_history_leaves_gaps_for_later(ticks: Ticks) -> None:
    """A run's days follow one another: what lies before a day that is there comes with the next one."""
    from flights.history import day_summary, missing_days
    from flights.known import Known

    replay(ticks.folder, 1)
    take_in_all(ticks.folder)
    for day in missing_days(Known.of(ticks.folder))[:8]:
        ticks.folder.history.write(day.isoformat(), day_summary(ticks.folder, day))
    result = ticks.history()
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    assert request.tags["dagster/asset_partition_range_start"] == "2013-01-09"
    for day in missing_days(Known.of(ticks.folder)):
        ticks.folder.history.write(day.isoformat(), day_summary(ticks.folder, day))
    assert isinstance(ticks.history(), dg.SkipReason)


def test_history_that_keeps_failing_is_an_error(ticks: Ticks) -> None:
    """A week that failed three times fails the tick, where it is seen, and is not skipped in silence."""
    replay(ticks.folder, 1)
    take_in_all(ticks.folder)
    result = ticks.history()
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    for _ in range(3):
        ticks.record(request, dg.DagsterRunStatus.FAILURE)
    with pytest.raises(RuntimeError, match="3 runs have failed over the history from 2013-01-04"):
        ticks.history()


def test_freshness_is_promised_where_it_matters(folder: FlightsFolder) -> None:
    """What lands, the departures and the forecast say how old they may be; the reports promise nothing."""
    specs = flights_definitions(folder.root).resolve_all_asset_specs()
    promised = {spec.key.to_user_string() for spec in specs if spec.freshness_policy is not None}
    assert promised == {"departures", "weather", "departures_clean", "airport_hours", "delay_forecast"}
