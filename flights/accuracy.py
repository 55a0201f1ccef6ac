"""Forecasts against what happened."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def score(forecasts: "pd.DataFrame | None", departures: "pd.DataFrame") -> "pd.DataFrame":
    """Score forecasts of flights that have left since.

    Returns:
        A row for each mode and full hours ahead (and ``all``): ``mode``, ``horizon_h``, ``flights``,
        ``mae_min`` (mean absolute error), ``bias_min`` (forecast minus outcome) and ``within_15`` (the share
        of forecasts at most fifteen minutes off).  Flights that were cancelled, or have not left yet, have
        no outcome and are not scored.
    """
    import pandas as pd

    columns = ["mode", "horizon_h", "flights", "mae_min", "bias_min", "within_15"]
    outcomes = departures.loc[~departures["cancelled"], ["flight_id", "delay_min"]].drop_duplicates(
        "flight_id"
    )
    if forecasts is None or forecasts.empty:
        return pd.DataFrame(columns=columns)
    scored = forecasts.merge(outcomes.rename(columns={"delay_min": "outcome_min"}), on="flight_id")
    ahead = (scored["scheduled_at"] - scored["made_at"]).dt.total_seconds() // 3600
    off = scored["delay_min"] - scored["outcome_min"]
    table = pd.DataFrame({"mode": scored["mode"], "horizon_h": ahead.astype(int).astype(str), "off": off})
    both = pd.concat([table, table.assign(horizon_h="all")], ignore_index=True)
    rows = [
        {
            "mode": mode,
            "horizon_h": horizon,
            "flights": len(group),
            "mae_min": round(float(group["off"].abs().mean()), 2),
            "bias_min": round(float(group["off"].mean()), 2),
            "within_15": round(float((group["off"].abs() <= 15).mean()), 3),
        }
        for (mode, horizon), group in both.groupby(["mode", "horizon_h"])
    ]
    return pd.DataFrame(rows, columns=columns)
