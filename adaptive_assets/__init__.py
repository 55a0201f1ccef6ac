"""Adaptive execution for Dagster: launch, defer or degrade every materialization by policy.

The public names load on first use: a daemon that only wants the run coordinator never imports pandera,
pandas or Polars.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from adaptive_assets.assets.adapt import adapt
    from adaptive_assets.assets.contract_attaching import with_contract, with_needs
    from adaptive_assets.assets.contract_needs import Needs
    from adaptive_assets.assets.data_contract import DataContract
    from adaptive_assets.assets.io_manager import FrameIOManager
    from adaptive_assets.assets.pandera_checks import pandera_checks
    from adaptive_assets.assets.run_mode import Mode, RunMode
    from adaptive_assets.coordinator.run_coordinator import AdaptiveRunCoordinator

__all__ = [
    "AdaptiveRunCoordinator",
    "DataContract",
    "FrameIOManager",
    "Mode",
    "Needs",
    "RunMode",
    "adapt",
    "pandera_checks",
    "with_contract",
    "with_needs",
]

_HOMES: Final = {
    "AdaptiveRunCoordinator": "adaptive_assets.coordinator.run_coordinator",
    "DataContract": "adaptive_assets.assets.data_contract",
    "FrameIOManager": "adaptive_assets.assets.io_manager",
    "Mode": "adaptive_assets.assets.run_mode",
    "Needs": "adaptive_assets.assets.contract_needs",
    "RunMode": "adaptive_assets.assets.run_mode",
    "adapt": "adaptive_assets.assets.adapt",
    "pandera_checks": "adaptive_assets.assets.pandera_checks",
    "with_contract": "adaptive_assets.assets.contract_attaching",
    "with_needs": "adaptive_assets.assets.contract_attaching",
}


def __getattr__(name: str) -> Any:
    """Import the module that a public name lives in, and keep the name for the next use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(home), name)
    except AttributeError as error:
        # As an AttributeError it would read "cannot import name" to the caller, and the cause would be lost.
        raise ImportError(f"{home} cannot be imported: {error}", name=home) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
