"""Which evaluation of a check speaks of which version of an asset."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from adaptive_assets.dagster_compat.versions import EvaluationRow, Materialization


class SpeakingEvaluations:
    """Evaluations of the checks of one asset.

    ``made`` gives the materialization of a storage id, where there is one; ``makes`` says whether a run was
    to materialize the asset itself.
    """

    def __init__(
        self,
        rows: Iterable[EvaluationRow],
        made: Callable[[int], Materialization | None],
        makes: Callable[[str], bool],
    ) -> None:
        """Each row counts once, however often it is given."""
        self._made, self._makes = made, makes
        self._by_target: defaultdict[tuple[str, int], list[EvaluationRow]] = defaultdict(list)
        self._by_run: defaultdict[tuple[str, str], list[EvaluationRow]] = defaultdict(list)
        self._untargeted: defaultdict[tuple[str, str | None], list[EvaluationRow]] = defaultdict(list)
        for row in rows:
            if row.run_id:
                self._by_run[row.check, row.run_id].append(row)
            if row.target is None:
                self._untargeted[row.check, row.partition].append(row)
            else:
                self._by_target[row.check, row.target].append(row)

    def newest(self, check: str, version: Materialization, until: int | None = None) -> EvaluationRow | None:
        """The newest evaluation that speaks of a version; ``until`` is the storage id of the next version.

        One that has the version as target does, and one of the run that made it: a check may be yielded
        before the output that it looked at. A run that was to make a version of its own speaks of that one
        alone, also if it never came to make it: what its check looked at is not what others read. One
        without a target speaks of the version of its partition that was the latest then.
        """
        return max(self._of(check, version, until), key=lambda row: row.order, default=None)

    def _of(self, check: str, version: Materialization, until: int | None) -> Iterator[EvaluationRow]:
        if version.run_id:
            for row in self._by_run.get((check, version.run_id), ()):
                if row.partition in (None, version.partition) and not self._of_earlier_attempt(row, version):
                    yield row
        for row in self._by_target.get((check, version.storage_id), ()):
            if not self._of_its_own(row):
                yield row
        for row in self._untargeted.get((check, version.partition), ()):
            later = row.order > version.storage_id and (until is None or row.order < until)
            if later and not self._of_its_own(row):
                yield row

    def _of_its_own(self, row: EvaluationRow) -> bool:
        """Whether the run was to make a version of its own, of which alone its evaluation speaks."""
        return bool(row.run_id) and self._makes(row.run_id)

    def _of_earlier_attempt(self, row: EvaluationRow, version: Materialization) -> bool:
        """Whether the run looked at what it had made of the partition before, and made it once more."""
        if row.target is None or row.target == version.storage_id:
            return False
        target = self._made(row.target)
        return (
            target is not None
            and target.run_id == version.run_id
            and target.partition == version.partition
            and target.storage_id < version.storage_id
        )
