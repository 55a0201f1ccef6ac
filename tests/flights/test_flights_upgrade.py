"""A home that the release before made, in which the pipeline was a part of the package, goes on."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flights.model import DelayModel
from tests.flights.conftest import Pipeline

BEFORE = "adaptive_assets.flights.model"

FORECAST = """
import sys
from pathlib import Path
import dagster as dg
from flights import flights_definitions
job = flights_definitions(Path(sys.argv[1])).resolve_implicit_global_asset_job_def()
with dg.DagsterInstance.ephemeral() as instance:
    job.get_subset(asset_selection={dg.AssetKey("delay_forecast")}).execute_in_process(instance=instance)
    event = instance.get_latest_materialization_event(dg.AssetKey("delay_forecast"))
    print("made", event.asset_materialization.metadata["adaptive/mode"].value)
"""


@pytest.fixture
def stored_before(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> DelayModel:
    """The stored model, as the release before wrote it: its class by the name that it had then."""
    model: Any = pipeline.frame("delay_model")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, BEFORE, sys.modules[DelayModel.__module__])
        patch.setattr(DelayModel, "__module__", BEFORE)
        content = pickle.dumps(model, protocol=pickle.HIGHEST_PROTOCOL)
    assert BEFORE.encode() in content
    newest(pipeline).write_bytes(content)
    assert isinstance(model, DelayModel)
    return model


def newest(pipeline: Pipeline) -> Path:
    """The file of the current model."""
    return max((pipeline.folder.tables / "delay_model").glob("*.pickle"))


@pytest.mark.usefixtures("stored_before")
def test_a_stored_model_makes_the_next_forecast(pipeline: Pipeline) -> None:
    """In a new process, which never had the old name: a run in full loads the model and succeeds."""
    command = [sys.executable, "-c", FORECAST, str(pipeline.folder.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == "made full\n", done.stderr[-3000:]


def test_a_stored_model_is_the_last_good_one(pipeline: Pipeline, stored_before: DelayModel) -> None:
    """Served again, it is stored under the name that the class has now."""
    assert pipeline.run("training_set", "delay_model", tags={"adaptive/mode": "last_good"}).success
    after: Any = pipeline.frame("delay_model")
    assert (after.rows, after.known_until) == (stored_before.rows, stored_before.known_until)
    assert BEFORE.encode() not in newest(pipeline).read_bytes()
