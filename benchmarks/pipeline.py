"""The code location that the benchmarks deploy: 240 assets in four layers."""

import dagster as dg

__all__ = ["CHECK", "LAYERS", "READ", "defs", "key"]

LAYERS = {"raw": 40, "staging": 80, "marts": 80, "reports": 40}
"""Assets by group, from the sources down."""

READ = ("staging", "marts")
"""The layers whose contracts others rely on: each asset in them has a blocking check."""

CHECK = "contract"


def key(layer: str, number: int) -> str:
    """The name of an asset."""
    return f"{layer}_{number:03d}"


def _parents(layer: str, number: int) -> list[str]:
    """Three assets of the layer above, as tables are joined from tables."""
    layers = list(LAYERS)
    place = layers.index(layer)
    if place == 0:
        return []
    above = layers[place - 1]
    return sorted({key(above, (number * step + step) % LAYERS[above]) for step in (1, 2, 3)})


def _asset(layer: str, number: int) -> dg.AssetsDefinition:
    @dg.asset(
        name=key(layer, number),
        group_name=layer,
        deps=_parents(layer, number),
        tags={"domain": f"domain_{number % 8}"},
    )
    def table() -> None: ...

    return table


def _check(layer: str, number: int) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=key(layer, number), name=CHECK, blocking=True)
    def contract() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    return contract


defs = dg.Definitions(
    assets=[_asset(layer, number) for layer, size in LAYERS.items() for number in range(size)],
    asset_checks=[_check(layer, number) for layer in READ for number in range(LAYERS[layer])],
)
