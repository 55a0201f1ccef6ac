"""The reference tables, which do not change."""

from typing import Final

import dagster as dg
import pandas as pd

from flights.automation import when_missing
from flights.data import read_table

_OWNERS: Final = ["team:flight-data"]


@dg.asset(group_name="reference", kinds={"csv"}, owners=_OWNERS, automation_condition=when_missing())
def airports() -> pd.DataFrame:
    """1,458 airports, with where they are."""
    return read_table("airports")


@dg.asset(group_name="reference", kinds={"csv"}, owners=_OWNERS, automation_condition=when_missing())
def planes() -> pd.DataFrame:
    """3,322 planes, with age and seats; a sixth of the departures are by planes that are not among them."""
    return read_table("planes")


@dg.asset(group_name="reference", kinds={"csv"}, owners=_OWNERS, automation_condition=when_missing())
def airlines() -> pd.DataFrame:
    """16 airlines by their code."""
    return read_table("airlines")
