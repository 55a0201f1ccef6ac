"""What the reports show: routes and carriers, over the history and the last seven days."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flights.metadata import local
from flights.pages import Plot, new_figure, page, png

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_LATE: Final = "#c2503a"
_PLAIN: Final = "#3a6ea5"
_SHOWN: Final = 20
PREVIEW_DPI: Final = 50
"""Coarse: a preview is kept in Dagster's event log, again with every materialization."""
_COLUMNS: Final = {
    "name": "carrier",
    "delay": "minutes late",
    "cancelled_percent": "cancelled, %",
    "arr_delay": "minutes late at arrival, in the history",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A page, a small picture for a preview, and how much it is made of."""

    html: str
    preview: bytes
    flights: int
    days: int


def route_report(
    departures: "pd.DataFrame", history: "pd.DataFrame", airports: "pd.DataFrame", until: datetime
) -> Report:
    """Show the routes: where they go, how late they leave, and how their delays run through the day."""
    flown = departures[~departures["cancelled"]]
    routes = (
        flown.assign(route=flown["origin"] + " to " + flown["dest"])
        .groupby(["route", "dest"], as_index=False)
        .agg(flights=("delay_min", "size"), delay=("delay_min", "mean"))
    )
    picture = _map(routes, airports)
    plots = [
        Plot(png(picture), "Destinations of the last seven days; size is flights, colour the mean delay"),
        Plot(_by_hour(departures), "Mean delay in minutes by airport and hour of the day, last seven days"),
    ]
    table = routes.sort_values("flights", ascending=False).head(_SHOWN)
    arrivals = _means(history, ["origin", "dest"])
    table = table.merge(
        arrivals.assign(route=arrivals["origin"] + " to " + arrivals["dest"])[["route", "arr_delay"]],
        on="route",
        how="left",
    ).drop(columns="dest")
    return _report(
        "Routes out of New York", plots, png(picture, PREVIEW_DPI), table, departures, history, until
    )


def carrier_report(
    departures: "pd.DataFrame", history: "pd.DataFrame", airlines: "pd.DataFrame", until: datetime
) -> Report:
    """Show the carriers: how late they leave, how much they cancel, and how they have done over the year."""
    table = (
        departures.groupby("carrier", as_index=False)
        .agg(
            flights=("flight_id", "size"),
            delay=("delay_min", "mean"),
            cancelled_percent=("cancelled", "mean"),
        )
        .merge(airlines, on="carrier", how="left")
        .sort_values("flights", ascending=False)
    )
    table["cancelled_percent"] *= 100
    table["name"] = table["name"].fillna(table["carrier"])
    picture = _spread(departures, table)
    plots = [
        Plot(png(picture), "Delays of the last seven days by carrier: the middle half and the median"),
        Plot(_year(history), "Mean departure delay by day, over the days that are in the history"),
    ]
    arrivals = _means(history, ["carrier"])[["carrier", "arr_delay"]]
    table = table.merge(arrivals, on="carrier", how="left")
    columns = ["name", "flights", "delay", "cancelled_percent", "arr_delay"]
    return _report(
        "Carriers out of New York",
        plots,
        png(picture, PREVIEW_DPI),
        table[columns],
        departures,
        history,
        until,
    )


def _report(
    title: str,
    plots: list[Plot],
    preview: bytes,
    table: "pd.DataFrame",
    departures: "pd.DataFrame",
    history: "pd.DataFrame",
    until: datetime,
) -> Report:
    days = history["day"].nunique() if len(history) else 0
    note = f"{len(departures):,} departures of the seven days to {local(until)}, and {days} days of history"
    return Report(page(title, note, plots, table.rename(columns=_COLUMNS)), preview, len(departures), days)


def _means(history: "pd.DataFrame", by: list[str]) -> "pd.DataFrame":
    """Return the mean arrival delay of the history, weighted by flights."""
    import pandas as pd

    if history.empty:
        return pd.DataFrame(columns=[*by, "arr_delay"]).astype({"arr_delay": float})
    known = history.dropna(subset=["arr_delay"])
    weighted = known.assign(total=known["arr_delay"] * known["flights"]).groupby(by, as_index=False)
    sums = weighted[["total", "flights"]].sum()
    return sums.assign(arr_delay=sums["total"] / sums["flights"])[[*by, "arr_delay"]]


def _map(routes: "pd.DataFrame", airports: "pd.DataFrame") -> "Figure":
    places = routes.groupby("dest", as_index=False).agg(flights=("flights", "sum"), delay=("delay", "mean"))
    places = places.merge(airports, left_on="dest", right_on="faa")
    figure = new_figure(8, 4.5)
    axes = figure.subplots()
    dots = axes.scatter(
        places["lon"],
        places["lat"],
        s=places["flights"],
        c=places["delay"],
        cmap="YlOrRd",
        vmin=0,
        vmax=60,
        ec="#5556",
    )
    figure.colorbar(dots, label="minutes late")
    # Hawaii and Alaska have few flights and would leave the rest of the map in a corner.
    axes.set(xlim=(-128, -62), ylim=(16, 50), xlabel="longitude", ylabel="latitude")
    return figure


def _by_hour(departures: "pd.DataFrame") -> bytes:
    figure = new_figure(8, 2.6)
    axes = figure.subplots()
    table = departures.pivot_table(index="origin", columns="local_hour", values="delay_min", aggfunc="mean")
    picture = axes.imshow(table.to_numpy(dtype=float), aspect="auto", cmap="YlOrRd")
    axes.set_xticks(range(len(table.columns)), [f"{int(hour):02}" for hour in table.columns])
    axes.set_yticks(range(len(table.index)), list(table.index))
    axes.set_xlabel("hour of the schedule")
    figure.colorbar(picture, label="minutes late")
    return png(figure)


def _spread(departures: "pd.DataFrame", table: "pd.DataFrame") -> "Figure":
    figure = new_figure(8, 4.5)
    axes = figure.subplots()
    delays: list[Any] = [
        departures.loc[departures["carrier"] == carrier, "delay_min"].dropna().to_numpy()
        for carrier in table["carrier"]
    ]
    axes.boxplot(delays, orientation="horizontal", showfliers=False, medianprops={"color": _LATE})
    axes.set_yticks(range(1, len(table) + 1), list(table["name"]))
    axes.invert_yaxis()
    axes.axvline(0, color=_PLAIN, linewidth=0.8)
    axes.set_xlabel("minutes late")
    return figure


def _year(history: "pd.DataFrame") -> bytes:
    import pandas as pd

    figure = new_figure(8, 3)
    axes = figure.subplots()
    if len(history):
        known = history.dropna(subset=["dep_delay"])
        flown = known["flights"] - known["cancelled"]
        sums = pd.DataFrame({"day": known["day"], "minutes": known["dep_delay"] * flown, "flown": flown})
        by_day = sums.groupby("day").sum()
        axes.bar(
            pd.to_datetime(by_day.index).to_numpy(),
            by_day["minutes"] / by_day["flown"],
            width=1.0,
            color=_PLAIN,
        )
        figure.autofmt_xdate()
    else:
        axes.text(0.5, 0.5, "the history is still empty", ha="center", va="center", transform=axes.transAxes)
    axes.set_ylabel("minutes late")
    return png(figure)
