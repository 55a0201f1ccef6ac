"""What policies govern: assets and jobs that there are, each of them by one policy."""

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from adaptive_assets.policy.catalogue import Catalogue
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.places import Path
from adaptive_assets.policy.suggesting import did_you_mean, listing
from adaptive_assets.policy.terms import Policy
from adaptive_assets.policy.text import quoted

Resolve = Callable[[str, Catalogue], frozenset[str]]
"""From an asset selection to the keys of the assets selected; :class:`ValueError` for a syntax error."""

_SHOWN: Final = 3
"""How many assets a message names before it counts the rest."""
_MOST_SUGGESTIONS: Final = 20


def governing_findings(
    policies: Sequence[Policy], catalogue: Catalogue | None, resolve: Resolve
) -> Iterator[Finding]:
    """Selections and jobs that are wrong, name nothing, or are governed twice, by paths from the book.

    Without a ``catalogue``, selections are checked for their syntax alone, and jobs need not exist.
    """
    owners: dict[str, int] = {}
    empty: list[tuple[int, str]] = []
    for position, policy in enumerate(policies):
        if policy.select is None:
            continue
        try:
            assets = resolve(policy.select, catalogue or Catalogue())
        except ValueError as error:
            reason = quoted(" ".join(str(error).split()), 200)
            message = f"`{quoted(policy.select)}` is no asset selection: {reason}"
            hint = "write one such as `group:reports` or `key:sales or tag:team=bi`"
            yield Finding(("policies", position, "select"), message, hint)
            continue
        if not assets:
            empty.append((position, policy.select))
        yield from _governed_twice(policies, position, ("select",), owners, assets)
    if catalogue is not None:
        yield from _empty_selections(empty, catalogue)
    yield from _job_findings(policies, catalogue)


def _empty_selections(empty: Sequence[tuple[int, str]], catalogue: Catalogue) -> Iterator[Finding]:
    for position, select in empty:
        hint = "check it against the assets that there are"
        # Looking for the nearest name is slow; where so many are wrong, the names are not what is wrong.
        if len(empty) <= _MOST_SUGGESTIONS:
            hint = _nearest(select, catalogue) or hint
        yield Finding(("policies", position, "select"), f"`{quoted(select)}` selects nothing", hint)


def _nearest(select: str, catalogue: Catalogue) -> str | None:
    """The hint for a selection that names one key or group."""
    match = re.fullmatch(r'(key|group):"?([^\s"*()]+)"?', select)
    if match is None:
        return None
    known = catalogue.assets if match[1] == "key" else {facts.group for facts in catalogue.assets.values()}
    close = difflib.get_close_matches(match[2], known, n=1)
    return f"did you mean `{match[1]}:{close[0]}`?" if close else None


def _job_findings(policies: Sequence[Policy], catalogue: Catalogue | None) -> Iterator[Finding]:
    owners: dict[str, int] = {}
    for position, policy in enumerate(policies):
        for place, job in enumerate(policy.jobs):
            if catalogue is not None and job not in catalogue.jobs:
                known = catalogue.jobs
                hint = did_you_mean(job, known, "the jobs are") if known else "no job is defined"
                path = ("policies", position, "jobs", place)
                yield Finding(path, f"there is no job `{quoted(job)}`", hint)
            yield from _governed_twice(policies, position, ("jobs", place), owners, [job])


def _governed_twice(
    policies: Sequence[Policy], position: int, where: Path, owners: dict[str, int], things: Iterable[str]
) -> Iterator[Finding]:
    """Assets or jobs that a policy before this one governs already; ``owners`` has the first of each."""
    shared: defaultdict[int, list[str]] = defaultdict(list)
    for thing in sorted(things):
        owner = owners.setdefault(thing, position)
        if owner != position:
            shared[owner].append(thing)
    for owner, common in shared.items():
        names = f"`{policies[owner].name}` and `{policies[position].name}`"
        hint = "narrow one of them; an asset or a job has one policy"
        path = ("policies", position, *where)
        yield Finding(path, f"{names} both govern {listing(common, shown=_SHOWN)}", hint)
