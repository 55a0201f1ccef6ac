"""Contracts and needs of definitions, held against each other when a code location loads."""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from adaptive_assets.assets.asset_keys import key_of, text_of
from adaptive_assets.assets.check_states import CONTRACT
from adaptive_assets.assets.contract_needs import NEEDS, Needs, json_in, needs_in, together, unmet
from adaptive_assets.assets.contract_terms import ContractTerms, TermsError
from adaptive_assets.assets.pandera_checks import CONTRACT_TERMS
from adaptive_assets.dagster_compat.definitions import is_reconstruction
from adaptive_assets.policy.suggesting import did_you_mean

_log = logging.getLogger("adaptive_assets")


def refuse_broken_needs(defs: dg.Definitions) -> None:
    """Raise where an asset needs what another does not promise; in the process of a run, only log it.

    A contract that nothing checks promises nothing, and is refused as well. A run was launched by the
    definitions before an edit, which it must not die of.

    Raises:
        dagster.DagsterInvalidDefinitionError: It tells every such need, each on a line.
    """
    told = list(broken_needs(defs))
    if not told:
        return
    if len(told) > 1:
        told[0] += f" (1 of {len(told)})"
    message = "\n".join(told)
    if not is_reconstruction():
        raise dg.DagsterInvalidDefinitionError(message)
    _log.warning("the run goes on with contracts that are broken since it was launched: %s", message)


@dataclass(frozen=True, slots=True)
class Stated:
    """What an asset states, as consumer and as producer."""

    metadata: Mapping[str, Any]
    blocking: frozenset[str] = frozenset()
    """The names of its blocking checks."""
    checked: tuple[Mapping[str, Any], ...] = ()
    """The metadata of those checks, which names the contracts that they hold the asset against."""
    here: bool = True
    """It is made by what is looked at: then no contract means that there is none."""
    held: bool = True
    """A check holds it against its contract, as far as is known."""


def broken_needs(defs: dg.Definitions) -> Iterator[str]:
    """Each need that a contract does not meet, and each contract that nothing checks, as a sentence.

    Assets of other code locations are not known here, and nothing is said of them.
    """
    graph = defs.resolve_asset_graph()
    checks: defaultdict[dg.AssetKey, list[dg.AssetCheckSpec]] = defaultdict(list)
    held: set[dg.AssetKey] = set()
    for check in sorted(graph.asset_check_keys, key=str):
        spec = graph.get_check_spec(check)
        if spec.blocking:
            checks[check.asset_key].append(spec)
        if CONTRACT in spec.metadata:
            held.add(check.asset_key)
    yield from unmet_needs(
        {
            node.key: Stated(
                node.metadata,
                frozenset(spec.name for spec in checks[node.key]),
                tuple(spec.metadata for spec in checks[node.key]),
                node.is_materializable,
                node.key in held or not node.is_materializable,
            )
            for node in graph.asset_nodes
        }
    )


def unmet_needs(assets: Mapping[dg.AssetKey, Stated]) -> Iterator[str]:
    """Each need that is not met, and each statement that cannot be read, of assets by key."""
    promises: dict[dg.AssetKey, ContractTerms | None] = {}
    for key, stated in sorted(assets.items()):
        try:
            promises[key] = _promised(stated)
        except TermsError as error:
            yield f"the contract of `{text_of(key)}`, in its metadata `{CONTRACT_TERMS}`: {error}"
            continue
        if not stated.held and CONTRACT_TERMS in stated.metadata:
            yield (
                f"`{text_of(key)}` states a contract that nothing checks: give `Definitions` the checks that "
                "`with_contract()` returns"
            )
    for key, stated in sorted(assets.items()):
        try:
            needs = needs_in(stated.metadata)
        except TermsError as error:
            yield f"what `{text_of(key)}` needs, in its metadata `{NEEDS}`: {error}"
            continue
        yield from _lost_lineage(text_of(key), needs, promises.get(key))
        for upstream, needed in needs.items():
            producer = key_of(upstream)
            if producer not in promises:
                continue
            contract, blocking = promises[producer], assets[producer].blocking
            if contract or blocking or assets[producer].here:
                yield from unmet(text_of(key), upstream, needed, contract, blocking)


def contract_in(metadata: Mapping[str, Any]) -> ContractTerms | None:
    """The contract that the metadata of an asset or of a check states.

    Raises:
        TermsError: Something else is there under that name.
    """
    stated = json_in(metadata, CONTRACT_TERMS)
    return ContractTerms.from_json(stated) if stated else None


def _promised(stated: Stated) -> ContractTerms | None:
    own = contract_in(stated.metadata)
    if own is not None:
        return own
    return together([one for one in map(contract_in, stated.checked) if one is not None])


def _lost_lineage(asset: str, needs: Mapping[str, Needs], contract: ContractTerms | None) -> Iterator[str]:
    if contract is None:
        return
    known = [column.name for column in contract.columns]
    for upstream, needed in needs.items():
        for own in needed.lineage:
            if contract.column(own) is None:
                yield (
                    f"the column `{own}` of `{asset}` is made of columns of `{upstream}`, and the contract "
                    f"`{contract}` of `{asset}` has no such column; {did_you_mean(own, known, 'it has')}"
                )
