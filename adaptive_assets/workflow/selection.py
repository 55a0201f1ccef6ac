"""Dagster's own asset selection syntax, resolved over a catalogue."""

import warnings

import dagster as dg

from adaptive_assets.policy import AssetFacts, Catalogue

__all__ = ["Selector", "resolve"]


class Selector:
    """Resolves selections over one catalogue; the graph is built once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._known = catalogue.assets.keys()
        made = [_spec(facts) for facts in catalogue.assets.values() if facts.materializable]
        found = [_spec(facts) for facts in catalogue.assets.values() if not facts.materializable]
        self._assets = [_materializable(made)] if made else []
        self._assets += [dg.AssetsDefinition(specs=[spec]) for spec in found]

    def __call__(self, text: str) -> frozenset[str]:
        """The keys of the assets that ``text`` selects.

        Raises:
            ValueError: ``text`` is not a selection.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", dg.BetaWarning)  # Dagster's parser uses Dagster's beta API
                found = dg.AssetSelection.from_string(text).resolve(self._assets, allow_missing=True)
        except Exception as error:  # the parser raises its library's own types
            raise ValueError(_first_line(error)) from error
        return frozenset(key.to_user_string() for key in found) & self._known


def resolve(text: str, catalogue: Catalogue) -> frozenset[str]:
    """The keys of the assets of ``catalogue`` that ``text`` selects; see :class:`Selector`."""
    return Selector(catalogue)(text)


def _spec(facts: AssetFacts) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=dg.AssetKey.from_user_string(facts.key),
        deps=[dg.AssetKey.from_user_string(parent) for parent in facts.parents],
        group_name=facts.group,
        tags=dict(facts.tags),
        owners=list(facts.owners),
    )


def _materializable(specs: list[dg.AssetSpec]) -> dg.AssetsDefinition:
    """Selections by group or tag pass over what nothing materializes, so give it a function that could."""

    @dg.multi_asset(specs=specs, name="catalogue", can_subset=True)
    def catalogue():  # type: ignore[no-untyped-def]  # an annotation would have to name each output
        raise NotImplementedError

    return catalogue


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]
