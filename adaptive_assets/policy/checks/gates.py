"""Gates: checks and assets that there are, and choices that choose something."""

from collections.abc import Collection, Iterator

from adaptive_assets.policy.catalogue import Catalogue
from adaptive_assets.policy.checks.governing import Resolve
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.gates import Gates, UpstreamsGate, of_asset
from adaptive_assets.policy.places import Path
from adaptive_assets.policy.suggesting import did_you_mean
from adaptive_assets.policy.text import quoted


def upstreams(select: str, catalogue: Catalogue, resolve: Resolve) -> frozenset[str] | None:
    """What the assets selected read, themselves left out; ``None`` where the selection is no good."""
    try:
        selected = resolve(select, catalogue)
    except ValueError:
        return None
    facts = [catalogue.assets[key] for key in selected if key in catalogue.assets]
    return frozenset(parent for each in facts for parent in each.parents) - selected


def gate_findings(
    gates: Gates, catalogue: Catalogue | None, reads: Collection[str] | None
) -> Iterator[Finding]:
    """What is wrong with ``gates``, by paths from their policy.

    ``reads`` are the assets that the policy's own read, where that is known.  Without a ``catalogue``, the
    checks and assets that are named need not exist.
    """
    if gates.upstreams is not None:
        yield from _moot(gates, gates.upstreams)
    if catalogue is None:
        return
    if gates.upstreams is not None:
        for path, asset in _named("upstreams", gates.upstreams.only, gates.upstreams.except_):
            yield from _upstream(path, asset, catalogue, reads)
    if gates.checks is not None:
        for path, name in _named("checks", gates.checks.only, gates.checks.except_):
            yield from _check(path, name, catalogue)


def _moot(gates: Gates, upstreams: UpstreamsGate) -> Iterator[Finding]:
    path = ("gates", "upstreams")
    if upstreams.only is None and upstreams.except_ is None:
        message = "`upstreams` chooses nothing, so a run waits for all that it reads"
        yield Finding(path, message, "add `only` or `except`, or remove it", "warning")
    elif not gates.any_given:
        message = "nothing is asked of the data, so `upstreams` says nothing"
        yield Finding(path, message, "add a condition such as `checks: pass`", "warning")


def _upstream(
    path: Path, asset: str, catalogue: Catalogue, reads: Collection[str] | None
) -> Iterator[Finding]:
    if asset not in catalogue.assets:
        yield _no_asset(path, asset, catalogue)
    elif reads is not None and asset not in reads:
        message = f"nothing that the policy selects reads `{asset}` from another run"
        hint = did_you_mean(asset, sorted(reads), "it reads") if reads else "it reads nothing"
        yield Finding(path, message, hint, "warning")


def _named(
    key: str, only: Collection[str] | None, excepted: Collection[str] | None
) -> Iterator[tuple[Path, str]]:
    for word, names in (("only", only), ("except", excepted)):
        for place, name in enumerate(names or ()):
            yield ("gates", key, word, place), name


def _no_asset(path: Path, asset: str, catalogue: Catalogue) -> Finding:
    known = catalogue.assets
    hint = did_you_mean(asset, known, "the assets are") if known else "no asset is defined"
    return Finding(path, f"there is no asset `{quoted(asset)}`", hint)


def _check(path: Path, name: str, catalogue: Catalogue) -> Iterator[Finding]:
    asset, check = of_asset(name)
    if asset is not None and asset not in catalogue.assets:
        yield _no_asset(path, asset, catalogue)
        return
    of = list(catalogue.assets.values()) if asset is None else [catalogue.assets[asset]]
    known = {each.name: None for facts in of for each in facts.checks}
    if check not in known:
        where = "" if asset is None else f" of `{asset}`"
        hint = (
            did_you_mean(check, known, "the checks are")
            if known
            else "it has none"
            if asset
            else "there is none"
        )
        yield Finding(path, f"there is no check `{quoted(check)}`{where}", hint)
    elif not any(each.name == check and each.blocking for facts in of for each in facts.checks):
        message = f"the check `{quoted(name)}` blocks nothing, so no gate waits for it"
        yield Finding(path, message, "declare it with `blocking=True`, or remove it here", "warning")
