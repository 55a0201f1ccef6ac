"""The assets, run in this process, in every mode that their ladders know."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from flights import flights_definitions
from flights.folder import FlightsFolder
from flights.hours import HOUR, hour_key, stamp
from flights.known import Known
from flights.model import DelayModel, horizon
from tests.flights.conftest import START, Pipeline, replay


def test_the_definitions_load(folder: FlightsFolder) -> None:
    """Everything resolves, and every asset has a group, an owner, a kind and a description."""
    definitions = flights_definitions(folder.root)
    dg.Definitions.validate_loadable(definitions)
    specs = list(definitions.resolve_all_asset_specs())
    assert len(specs) == 14
    for spec in specs:
        assert spec.group_name != "default", spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key
        assert spec.description, spec.key


def test_live_tables_hold_a_week(pipeline: Pipeline) -> None:
    """The live tables reach to the end of the newest hour, seven days back, and keep their contracts."""
    result = pipeline.run("departures_clean", "airport_hours")
    assert result.success
    assert [e.passed for e in result.get_asset_check_evaluations()] == [True, True]
    until = Known.of(pipeline.folder).until
    departures, hours = pipeline.frame("departures_clean"), pipeline.frame("airport_hours")
    assert departures["known_at"].between(until - timedelta(days=7), until, inclusive="left").all()
    assert hours["hour"].max() == until - HOUR
    assert len(hours) == 7 * 24 * 3


MODES: list[tuple[str, dict[str, str]]] = [
    ("full", {}),
    ("averages", {"adaptive/mode": "averages", "adaptive/reason": "cpu: needs 1 core, 0 is free"}),
    ("last_good", {"adaptive/mode": "last_good"}),
]


@pytest.mark.parametrize(("mode", "tags"), MODES)
def test_forecasts_in_each_mode(pipeline: Pipeline, mode: str, tags: dict[str, str]) -> None:
    """In every mode: each flight of the next three hours has a delay, and rows and metadata say the mode."""
    if mode == "last_good":
        assert pipeline.run("delay_forecast").success
        pipeline.land(1)
        assert pipeline.run("departures_clean", "airport_hours").success
    result = pipeline.run("delay_forecast", tags=tags)
    assert result.success
    known = Known.of(pipeline.folder)
    forecast = pipeline.frame("delay_forecast")
    schedule = known.schedule(known.until, horizon(known.until))
    assert len(forecast) == len(schedule) > 50
    assert forecast["scheduled_at"].tolist() == schedule["scheduled_at"].tolist()
    assert set(forecast["mode"]) == {mode}
    metadata = pipeline.metadata("delay_forecast")
    assert metadata["adaptive/mode"] == mode
    assert metadata.get("adaptive/reason") == tags.get("adaptive/reason")
    assert [e.passed for e in result.get_asset_check_evaluations()] == [True]
    log = pipeline.folder.forecasts.read([stamp(known.until)])
    assert log is not None
    assert set(log["mode"]) == {mode}


def test_averages_do_without_scikit_learn(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cheaper mode is cheap because the model is never loaded."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(dg.AssetExecutionContext, "load_asset_value", refuse)
    assert pipeline.run("delay_forecast", tags={"adaptive/mode": "averages"}).success
    assert not pipeline.run("delay_forecast").success


def test_an_unknown_mode_is_refused(pipeline: Pipeline) -> None:
    """A rung that the asset does not know fails with the modes that it knows."""
    result = pipeline.run("delay_forecast", tags={"adaptive/mode": "guess"})
    assert not result.success
    failure = next(e for e in result.all_events if e.is_step_failure)
    assert "it knows `full`, `averages` and `last_good`" in str(failure.step_failure_data.error)


def test_training_on_a_sample(pipeline: Pipeline) -> None:
    """Told to sample, training takes that share of the rows and both assets say so."""
    full = pipeline.run("training_set", "delay_model")
    assert full.success
    rows = len(pipeline.frame("training_set"))
    tags = {"adaptive/mode": "sample", "adaptive/mode_parameters": json.dumps({"sample": 0.25})}
    assert pipeline.run("training_set", "delay_model", tags=tags).success
    assert len(pipeline.frame("training_set")) == round(rows * 0.25)
    assert pipeline.metadata("delay_model")["rows"] == round(rows * 0.25)
    assert pipeline.metadata("delay_model")["adaptive/mode"] == "sample"


def test_training_serves_the_last_good_version(pipeline: Pipeline) -> None:
    """Told to serve the last good version, training learns nothing and says so."""
    before: Any = pipeline.frame("delay_model")
    assert pipeline.run("training_set", "delay_model", tags={"adaptive/mode": "last_good"}).success
    after: Any = pipeline.frame("delay_model")
    assert isinstance(after, DelayModel)
    assert after.known_until == before.known_until
    assert pipeline.metadata("delay_model")["adaptive/mode"] == "last_good"


@pytest.mark.parametrize("sample", ["0", "1.5", '"some"', "true"])
def test_an_impossible_sample_is_refused(pipeline: Pipeline, sample: str) -> None:
    """A share that is none fails with what would be right."""
    tags = {"adaptive/mode": "sample", "adaptive/mode_parameters": f'{{"sample": {sample}}}'}
    result = pipeline.run("training_set", tags=tags)
    failure = next(e for e in result.all_events if e.is_step_failure)
    assert "a share above 0 and up to 1 is right" in str(failure.step_failure_data.error)


def test_accuracy_compares_modes(pipeline: Pipeline) -> None:
    """When the flights have left, the forecasts are scored by the mode that they were made in."""
    assert pipeline.run("departures_clean", "airport_hours").success
    assert pipeline.run("delay_forecast").success
    pipeline.land(1)
    assert pipeline.run("departures_clean", "airport_hours").success
    assert pipeline.run("delay_forecast", tags={"adaptive/mode": "averages"}).success
    pipeline.land(2)
    assert pipeline.run("departures_clean", "airport_hours", "forecast_accuracy").success
    table = pipeline.frame("forecast_accuracy")
    scored = table[table["horizon_h"] == "all"].set_index("mode")
    assert {"full", "averages"} <= set(scored.index)
    assert (scored.loc[["full", "averages"], "flights"] > 20).all()
    metadata = pipeline.metadata("forecast_accuracy")
    assert metadata["mae_min/full"] == scored.loc["full", "mae_min"]
    assert "| averages |" in metadata["table"]


def test_history_of_a_range_in_one_run(pipeline: Pipeline) -> None:
    """One run fills in many days; a day that the replay has not reached is refused by name."""

    def days(first: str, last: str) -> Any:
        return pipeline.run(
            "flight_history",
            tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last},
        )

    assert days("2013-01-02", "2013-01-08").success
    assert len(pipeline.folder.history.names()) == 7
    assert len(pipeline.instance.get_materialized_partitions(dg.AssetKey("flight_history"))) == 7
    result = days("2013-01-09", "2013-01-20")
    failure = next(e for e in result.all_events if e.is_step_failure)
    assert "2013-01-11 is not over yet (10 of 12 days)" in str(failure.step_failure_data.error)
    assert len(pipeline.folder.history.names()) == 7


@pytest.mark.parametrize(
    ("report", "words"), [("route_report", "JFK to LAX"), ("carrier_report", "JetBlue Airways")]
)
def test_reports_are_pages_of_their_own(pipeline: Pipeline, report: str, words: str) -> None:
    """Each report is one HTML file that needs nothing else; the catalog shows where, and a small picture."""
    assert pipeline.run(report).success
    metadata = pipeline.metadata(report)
    page = Path(metadata["page"]).read_text()
    assert words in page
    assert page.count("<img ") == page.count("data:image/png;base64,") == 2
    assert 'src="http' not in page
    assert "<script" not in page
    assert metadata["preview"].startswith(f"![{report}](data:image/png;base64,")
    assert len(metadata["preview"]) < 60_000


def test_an_hour_that_has_not_landed_fails_by_name(pipeline: Pipeline) -> None:
    """Materializing an hour of the future by hand fails with a sentence."""
    result = pipeline.run("departures", partition="2013-09-01-12:00")
    failure = next(e for e in result.all_events if e.is_step_failure)
    assert "2013-09-01-12:00 (UTC) has not landed" in str(failure.step_failure_data.error)


def test_a_backlog_is_taken_in_hour_by_hour(pipeline: Pipeline) -> None:
    """A run of a range materializes each hour that has landed, and leaves one that has not missing."""
    start = replay(pipeline.folder, 0).state.position - HOUR
    replay(pipeline.folder, 4)
    hidden = pipeline.folder.landing / f"departures_{stamp(start + HOUR)}_1.csv"
    kept = hidden.rename(pipeline.folder.root / hidden.name)
    tags = {
        "dagster/asset_partition_range_start": hour_key(start),
        "dagster/asset_partition_range_end": hour_key(start + 3 * HOUR),
    }
    assert pipeline.run("departures", "weather", tags=tags).success
    made = pipeline.instance.get_materialized_partitions(dg.AssetKey("departures"))
    there = [hour_key(start + n * HOUR) in made for n in range(4)]
    assert there == [True, False, True, True]
    kept.rename(hidden)
    assert pipeline.run("departures", partition=hour_key(start + HOUR)).success


def test_a_broken_delivery_does_not_fail_its_run(pipeline: Pipeline) -> None:
    """The run succeeds, the hour stays missing, and an observation says what was set aside and why."""
    position = replay(pipeline.folder, 1).state.position - 2 * HOUR
    broken = pipeline.folder.landing / f"departures_{stamp(position)}_1.csv"
    whole = broken.read_text()
    broken.write_bytes(b"\xff\xfe nothing")
    result = pipeline.run("departures", "weather", partition=hour_key(position))
    assert result.success
    assert [m.asset_key.to_user_string() for m in result.asset_materializations_for_node("weather")] == [
        "weather"
    ]
    assert not result.asset_materializations_for_node("departures")
    (observation,) = result.asset_observations_for_node("departures")
    assert "UTF-8" in observation.metadata["reason"].value
    (pipeline.folder.landing / f"departures_{stamp(position)}_2.csv").write_text(whole)
    assert pipeline.run("departures", partition=hour_key(position)).success


def test_a_wrong_delivery_stops_the_live_tables(pipeline: Pipeline) -> None:
    """With the contract of the departures broken, what follows in the run is not made; corrected, it is."""
    position = replay(pipeline.folder, 1).state.position - 2 * HOUR
    path = pipeline.folder.landing / f"departures_{stamp(position)}_1.csv"
    whole = path.read_text()
    path.write_text(whole.replace(",JFK,", ",XXX,", 1))
    assert pipeline.run("departures", "weather", partition=hour_key(position)).success
    result = pipeline.run("departures_clean", "airport_hours")
    assert not result.success
    assert [e.passed for e in result.get_asset_check_evaluations()] == [False]
    assert not result.asset_materializations_for_node("airport_hours")
    (pipeline.folder.landing / f"departures_{stamp(position)}_2.csv").write_text(whole)
    assert pipeline.run("departures", partition=hour_key(position)).success
    assert pipeline.run("departures_clean", "airport_hours").success


def test_without_a_feed_the_error_says_how_to_start_one(folder: FlightsFolder) -> None:
    """An empty data folder fails the run with the command to give."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = Pipeline(folder, instance).run("departures_clean")
    failure = next(e for e in result.all_events if e.is_step_failure)
    assert "start the feed with `python -m flights.feed" in str(failure.step_failure_data.error)


def test_the_first_hour_starts_the_clock(pipeline: Pipeline) -> None:
    """Now is the end of the newest hour that was taken in, whatever the wall clock says."""
    known = Known.of(pipeline.folder)
    assert known.start == START
    assert known.until > START
