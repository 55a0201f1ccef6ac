"""A small catalogue, and a resolver of selections that stands in for Dagster's."""

import re

from adaptive_assets.policy import AssetFacts, Catalogue, CheckFacts

PARENTS = {"delay_model": ("weather", "departures"), "delay_forecast": ("delay_model", "weather")}
CHECKS = {
    "weather": (CheckFacts("contract", blocking=True),),
    "departures": (CheckFacts("contract", blocking=True), CheckFacts("lines")),
}
CATALOGUE = Catalogue(
    assets={
        key: AssetFacts(key=key, group=group, parents=PARENTS.get(key, ()), checks=CHECKS.get(key, ()))
        for key, group in {
            "weather": "landing",
            "departures": "landing",
            "delay_model": "delays",
            "delay_forecast": "delays",
            "route_report": "reports",
            "carrier_report": "reports",
        }.items()
    },
    jobs={"nightly_load": ("flights",), "load_again": ("flights", "history")},
)


def resolve(selection: str, catalogue: Catalogue) -> frozenset[str]:
    """Understands ``*``, ``key:``, ``group:`` and ``tag:`` (of which there are none), and nothing else."""
    match = re.fullmatch(r"\*|(key|group|tag):([\w=]+)", selection)
    if match is None:
        raise ValueError(f"no viable alternative\nat input '{selection}'")
    return frozenset(
        key
        for key, facts in catalogue.assets.items()
        if match[0] == "*" or (match[1], match[2]) in {("key", key), ("group", facts.group)}
    )
