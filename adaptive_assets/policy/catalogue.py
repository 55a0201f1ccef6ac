"""What is known of the assets, checks and jobs of all code locations, as plain values."""

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """An asset check; a ``blocking`` one can close the gates of what reads the asset."""

    name: str
    blocking: bool = False


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """An asset, in the words of its definition.

    ``key`` and ``parents`` are keys as one text, such as ``a/b``; in a part, ``/`` and the backslash stand
    behind a backslash, so that two keys are never one text.
    """

    key: str
    group: str = "default"
    parents: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    checks: tuple[CheckFacts, ...] = ()
    location: str = ""
    materializable: bool = True
    observable: bool = False
    stub: bool = False
    """Whether its code location only names it, as what another asset reads."""
    has_freshness_policy: bool = False
    freshness_policy: str = ""
    """Dagster's own text of the policy; empty where there is none, or where it is not known."""
    partitions: str = ""
    """``static``, ``dynamic``, ``time`` or ``multipartitions``; empty for an asset without partitions."""
    time_windows: str = ""
    """Dagster's own text of the time windows that its partitions are; empty where they are none."""
    time_place: int = -1
    """Which part of a partition key of several dimensions names the window; -1: all of the key does."""
    own_mappings: tuple[str, ...] = ()
    """Those of ``parents`` to which a partition mapping of the project's own leads."""
    jobs: tuple[str, ...] = ()
    """The jobs of its code location that may materialize it."""
    jobs_elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The same of each other code location that has some."""

    def jobs_by_location(self) -> dict[str, tuple[str, ...]]:
        """The jobs that may materialize it, by code location."""
        return {self.location: self.jobs, **self.jobs_elsewhere}


@dataclass(frozen=True)
class Catalogue:
    """Assets by key, and jobs by name with the code locations that define them."""

    assets: Mapping[str, AssetFacts] = field(default_factory=dict)
    jobs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    """Code locations of the workspace of which nothing is known: they never loaded. Not part of the JSON."""
    problems: tuple[str, ...] = ()
    """What could not be read of the code locations, each with its name. Not part of the JSON."""

    @functools.cached_property
    def digest(self) -> str:
        """12 hex digits that change when, and only when, what the catalogue says changes."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def to_json(self) -> str:
        """The catalogue as canonical JSON, which :meth:`from_json` reads back as an equal one."""
        content = {
            "assets": [_plain(facts) for _, facts in sorted(self.assets.items())],
            "jobs": dict(self.jobs),
        }
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Catalogue":
        """What :meth:`to_json` wrote; :class:`ValueError` for anything else."""
        try:
            content = json.loads(text)
            assets = [_asset(facts) for facts in content["assets"]]
            jobs = {str(name): tuple(locations) for name, locations in content["jobs"].items()}
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"this is no catalogue: {error!r}") from error
        return cls({facts.key: facts for facts in assets}, jobs)


def _plain(facts: AssetFacts) -> dict[str, Any]:
    plain = {field.name: getattr(facts, field.name) for field in fields(facts)}
    return plain | {"tags": dict(facts.tags), "checks": [asdict(check) for check in facts.checks]}


def _asset(plain: Mapping[str, Any]) -> AssetFacts:
    known = {field.name for field in fields(AssetFacts)}  # another version may know more, or other ones
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in plain.items()
        if name in known
    }
    values["jobs_elsewhere"] = {
        location: tuple(jobs) for location, jobs in plain.get("jobs_elsewhere", {}).items()
    }
    values["checks"] = tuple(CheckFacts(**check) for check in plain["checks"])
    return AssetFacts(**values)
