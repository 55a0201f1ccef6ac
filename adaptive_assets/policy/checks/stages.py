"""Stages: assets that there are, and what becomes of stages today."""

from collections.abc import Iterator

from adaptive_assets.policy.catalogue import Catalogue
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.suggesting import did_you_mean
from adaptive_assets.policy.terms import Policy
from adaptive_assets.policy.text import quoted


def stage_findings(policy: Policy, catalogue: Catalogue | None) -> Iterator[Finding]:
    """What is wrong with the stages of ``policy``, by paths from the policy.

    Without a ``catalogue``, the assets that they name need not exist.
    """
    stages = policy.stages
    if not stages:
        return
    if len(stages) == 1:
        yield Finding(
            ("stages",),
            "a single stage can be run in one way alone, so it says nothing",
            "declare the others too, or write its estimate as that of the policy",
            "warning",
        )
    else:
        yield Finding(
            ("stages",),
            "in Dagster, runs of this policy go in full as yet, whatever their stages: no launcher can order"
            " the stages of a run or leave them out",
            "try the stages in `adaptive policy test` and `adaptive simulate --actions compose`,"
            " and keep a ladder beside them",
            "warning",
        )
    essential = {asset: stage.name for stage in stages if not stage.optional for asset in stage.reads}
    for position, stage in enumerate(stages):
        for place, asset in enumerate(stage.reads):
            if stage.optional and asset in essential:
                yield Finding(
                    ("stages", position, "reads", place),
                    f"`{essential[asset]}` reads `{asset}` too, and is not optional: every run waits for it",
                    "name here what this stage alone reads",
                    "warning",
                )
        named = (("reads", stage.reads), ("assets", stage.assets))
        for key, place, asset in ((key, *each) for key, assets in named for each in enumerate(assets)):
            if catalogue is not None and asset not in catalogue.assets:
                known = catalogue.assets
                hint = did_you_mean(asset, known, "the assets are") if known else "no asset is defined"
                yield Finding(("stages", position, key, place), f"there is no asset `{quoted(asset)}`", hint)
