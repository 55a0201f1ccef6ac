"""Which evaluation of a check speaks for a version: the newest that is of it."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from adaptive_assets.dagster_compat.versions import EvaluationRow, VersionRow


@dataclass(frozen=True, slots=True)
class Until:
    """The ids of the next materializations after a version, of its asset and of its partition, if any."""

    of_asset: int | None = None
    of_partition: int | None = None


LATEST = Until()


class CheckEvaluations:
    """The evaluations of one check, found by version without looking at those of all the others."""

    def __init__(self, rows: Iterable[EvaluationRow]) -> None:
        self._rows = sorted(rows, key=lambda row: row.id, reverse=True)
        self._by_partition: dict[str, list[EvaluationRow]] = {}
        self._by_target: dict[int, EvaluationRow] = {}
        self._by_run: dict[str, EvaluationRow] = {}
        self._loose: list[EvaluationRow] = []
        """Those that no run made, and of which nobody said the version or the partition."""
        for row in self._rows:
            if row.partition:
                self._by_partition.setdefault(row.partition, []).append(row)
                continue
            if row.target is not None:
                self._by_target.setdefault(row.target, row)
            if row.run_id:
                self._by_run.setdefault(row.run_id, row)
            elif row.target is None:
                self._loose.append(row)
        self._loose.reverse()

    @property
    def some_are_loose(self) -> bool:
        """Whether what some are of is told only by when they were made."""
        return any(row.target is None and not row.run_id for row in self._rows)

    def newest(self, version: VersionRow, until: Until) -> EvaluationRow | None:
        """The newest one that speaks for ``version``; ``until`` as in :func:`speaks_for`."""
        if version.id < 0 or not version.partition:
            return next((row for row in self._rows if speaks_for(row, version, until)), None)
        of_partition = (
            row for row in self._by_partition.get(version.partition, ()) if speaks_for(row, version, until)
        )
        found = [row for row in (next(of_partition, None), *self._of_any(version, until)) if row is not None]
        return max(found, key=lambda row: row.id, default=None)

    def _of_any(self, version: VersionRow, until: Until) -> Iterator[EvaluationRow]:
        """The newest of each kind without a partition that speaks for ``version``."""
        last = len(self._loose)
        if until.of_asset is not None:
            last = bisect_right(self._loose, until.of_asset, key=lambda row: row.id)
        loose = self._loose[last - 1] if last else None
        known = (self._by_target.get(version.id), self._by_run.get(version.run_id), loose)
        yield from (row for row in known if row is not None and speaks_for(row, version, until))


def speaks_for(row: EvaluationRow, version: VersionRow, until: Until) -> bool:
    """Whether an evaluation is of ``version``.

    A check may be yielded before the output that it looks at, so what the version's own run evaluated is of
    it, whatever Dagster noted as the latest version then. What no run evaluated, and of which nobody said the
    version, is of the one that was the latest of its partition then, or else of the asset: it came before the
    next, ``until``. Where no version was ever reported, whatever was evaluated is of what is there.
    """
    if row.partition and version.partition and row.partition != version.partition:
        return False
    if version.id < 0:
        return True
    if row.target == version.id or (row.run_id and row.run_id == version.run_id):
        return True
    if row.target is not None or row.run_id or row.id < version.id:
        return False
    following = until.of_partition if version.partition and row.partition else until.of_asset
    return following is None or row.id < following
