"""Forecasting the delay of a departure: a gradient-boosted model, and averages for when time is short."""

import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from flights.features import CATEGORIES, FEATURES, HORIZON_HOURS, LABEL, features
from flights.hours import HOUR, NEW_YORK
from flights.tables import flight_ids

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

EARLIEST: Final = -30.0
LATEST: Final = 300.0
"""Minutes beyond which a delay says little about the next one; the label is cut off there."""
HELD_OUT: Final = timedelta(days=7)
"""The newest flights, which the first of two fits does not see and is judged by."""
ROUNDS: Final = 120
SEED: Final = 2013

# Models that were pickled while the pipeline was a part of the package are still read.
sys.modules.setdefault("adaptive_assets.flights.model", sys.modules[__name__])


@dataclass(frozen=True, slots=True)
class DelayModel:
    """A fitted model, what it was fitted on, and how far off it was on flights that it had not seen."""

    estimator: Any
    categories: dict[str, list[str]]
    rows: int
    known_until: datetime
    mae_min: float
    """Mean absolute error on the held-out week, in minutes."""
    baseline_mae_min: float
    """The same of the overall mean."""

    def predict(self, rows: "pd.DataFrame") -> "np.ndarray[Any, Any]":
        """Return the expected delay in minutes of each row of `FEATURES`."""
        if rows.empty:  # scikit-learn refuses to predict nothing; by night there is nothing to predict
            return rows["horizon_min"].to_numpy(dtype=float)
        with _one_thread():
            predicted: np.ndarray[Any, Any] = self.estimator.predict(_matrix(rows, self.categories))
        return predicted


def fit(rows: "pd.DataFrame", known_until: datetime) -> DelayModel:
    """Fit a model on training rows; twice, first without the newest week, to know how good it is.

    Raises:
        ValueError: There are too few rows to learn anything from.
    """
    import numpy as np

    if len(rows) < 1000:
        raise ValueError(f"{len(rows)} training rows are too few; a thousand is the least")
    categories = {c: sorted(rows[c].dropna().unique().tolist()) for c in CATEGORIES}
    matrix = _matrix(rows, categories)
    label = rows[LABEL].clip(EARLIEST, LATEST).to_numpy()
    seen = (rows["scheduled_at"] < rows["scheduled_at"].max() - HELD_OUT).to_numpy()
    error = baseline = float("nan")
    with _one_thread():
        if 0 < seen.sum() < len(rows):
            trial = _estimator().fit(matrix[seen], label[seen])
            error = float(np.abs(trial.predict(matrix[~seen]) - label[~seen]).mean())
            baseline = float(np.abs(label[seen].mean() - label[~seen]).mean())
        estimator = _estimator().fit(matrix, label)
    return DelayModel(estimator, categories, len(rows), known_until, error, baseline)


def horizon(made_at: datetime) -> datetime:
    """Return the end of what a forecast made at ``made_at`` covers."""
    return made_at + timedelta(hours=HORIZON_HOURS)


def forecast_by_model(
    model: DelayModel,
    flights: "pd.DataFrame",
    hours: "pd.DataFrame",
    planes: "pd.DataFrame",
    made_at: datetime,
) -> "pd.DataFrame":
    """Forecast scheduled flights with the fitted model.

    The newest of the airports' ``hours`` stands for the one before ``made_at``, which may not be there yet.
    """
    import pandas as pd

    instant = pd.Timestamp(made_at).as_unit("us")
    newest = hours[hours["hour"] == hours["hour"].max()].assign(hour=instant - HOUR)
    instants = pd.Series(instant, index=flights.index)
    return _forecast(flights, made_at, model.predict(features(flights, instants, newest, planes)))


def forecast_by_averages(flights: "pd.DataFrame", hours: "pd.DataFrame", made_at: datetime) -> "pd.DataFrame":
    """Forecast scheduled flights by what their airport averages at that hour of the day.

    An hour in which the airport had no departure falls back on the average of all.
    """
    import numpy as np

    local_hour = flights["scheduled_at"].dt.tz_convert(NEW_YORK).dt.hour
    busy = hours[hours["departures"] > 0]
    minutes = busy["delay_mean"] * busy["departures"]
    by_hour = (
        minutes.groupby([busy["origin"], busy["local_hour"]]).sum()
        / busy.groupby(["origin", "local_hour"])["departures"].sum()
    ).to_dict()
    overall = float(minutes.sum() / busy["departures"].sum()) if len(busy) else 0.0
    means = [by_hour.get(key, overall) for key in zip(flights["origin"], local_hour, strict=True)]
    return _forecast(flights, made_at, np.asarray(means, dtype=float))


def carried_over(flights: "pd.DataFrame", earlier: "pd.DataFrame", made_at: datetime) -> "pd.DataFrame":
    """Forecast scheduled flights by an earlier forecast: its word for the flights that it covers.

    The others get its mean for their airport, or its overall mean where it covers none from there.
    """
    known = earlier.set_index("flight_id")["delay_min"]
    by_origin = earlier.groupby("origin")["delay_min"].mean()
    overall = float(earlier["delay_min"].mean()) if len(earlier) else 0.0
    ids = flight_ids(flights)
    delays = ids.map(known.to_dict()).fillna(flights["origin"].map(by_origin.to_dict())).fillna(overall)
    return _forecast(flights, made_at, delays.to_numpy(dtype=float))


def _one_thread() -> "AbstractContextManager[Any]":
    """Keep scikit-learn to one thread: what a policy estimates of CPU is then so, and no thread spins."""
    # Only thread pools that are loaded can be limited, and scikit-learn brings its own.
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1)
    return limits


def _estimator() -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        max_iter=ROUNDS,
        learning_rate=0.1,
        max_leaf_nodes=31,
        categorical_features=list(range(len(CATEGORIES))),
        early_stopping=False,
        random_state=SEED,
    )


def _matrix(rows: "pd.DataFrame", categories: dict[str, list[str]]) -> "np.ndarray[Any, Any]":
    """Return the features as floats; categories as their numbers, unknown ones as missing."""
    import numpy as np

    numbers = {
        name: {value: float(i) for i, value in enumerate(values)} for name, values in categories.items()
    }
    columns = [rows[c].map(numbers[c]) if c in numbers else rows[c] for c in FEATURES]
    return np.column_stack([column.to_numpy(dtype=float) for column in columns])


def _forecast(flights: "pd.DataFrame", made_at: datetime, delays: "np.ndarray[Any, Any]") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "flight_id": flight_ids(flights),
            "carrier": flights["carrier"],
            "flight": flights["flight"].astype("int64"),
            "origin": flights["origin"],
            "dest": flights["dest"],
            "scheduled_at": flights["scheduled_at"],
            "made_at": pd.Series(pd.Timestamp(made_at).as_unit("us"), index=flights.index),
            "delay_min": delays.astype(float),
        }
    )
