"""What has changed between two contracts, and whom it breaks: readers, or data that is stored."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from adaptive_assets.assets.contract_implication import implied
from adaptive_assets.assets.contract_terms import CheckTerm, ColumnTerms, Compatibility, ContractTerms
from adaptive_assets.assets.contract_types import logical_type

FRAME: Final = "the frame"
CONTRACT: Final = "the contract"
ABSENT: Final = "absent"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that the new contract says otherwise. ``was`` and ``now`` follow the words "it is"."""

    subject: str
    """``column `delay```, the frame, or the contract itself."""
    was: str
    now: str
    breaks_readers: bool = False
    """Data that keeps the new contract can be what a reader by the old one cannot take."""
    breaks_stored: bool = False
    """Data that kept the old contract can break the new one."""
    column: str = ""
    """The name of the column that it is about."""

    def breaks(self, rule: Compatibility) -> bool:
        """Whether a compatibility rule refuses it."""
        readers = self.breaks_readers and rule in {"backward", "full"}
        return readers or (self.breaks_stored and rule in {"forward", "full"})


def changes(old: ContractTerms, new: ContractTerms) -> list[Change]:
    """All that differs, in the order of the old contract's columns, then what is new, then the frame."""
    found: list[Change] = []
    names = {one.name for one in old.columns}
    for column in old.columns:
        found += _of_column(column, _counterpart(column, new))
    found += (
        Change(
            _named(column),
            ABSENT,
            f"present{_typed(column)}",
            breaks_stored=column.required,
            column=column.name,
        )
        for column in new.columns
        if column.name not in names
    )
    return [*found, *_of_frame(old, new), *_of_contract(old, new)]


def _counterpart(column: ColumnTerms, terms: ContractTerms) -> ColumnTerms | None:
    if column.pattern:
        return next((one for one in terms.columns if one.pattern and one.name == column.name), None)
    return terms.column(column.name)


def _of_column(old: ColumnTerms, new: ColumnTerms | None) -> Iterator[Change]:
    subject = _named(old)
    if new is None:
        yield Change(subject, f"present{_typed(old)}", ABSENT, breaks_readers=old.required, column=old.name)
        return
    if old.type != new.type:
        yield _of_type(subject, old.type, new.type)
    # a pattern demands of each column that it matches, and of none that it be there
    old_required, new_required = old.required, new.required and new.pattern == old.pattern
    for was, now, strong, weak in (
        (not old.nullable, not new.nullable, "without nulls", "nullable"),
        (old.unique, new.unique, "unique", "not unique"),
        (old_required, new_required, "always present", "not always present"),
    ):
        if was != now:
            yield Change(
                subject,
                strong if was else weak,
                strong if now else weak,
                breaks_readers=was,
                breaks_stored=now,
            )
    yield from _of_checks(subject, old.checks, new.checks, old, new)


def _of_type(subject: str, old: str, new: str) -> Change:
    otherwise = logical_type(old) != logical_type(new)
    return Change(
        subject,
        old or "of any type",
        new or "of any type",
        breaks_readers=otherwise and bool(old),
        breaks_stored=otherwise and bool(new),
    )


def _of_checks(
    subject: str,
    old: Iterable[CheckTerm],
    new: Iterable[CheckTerm],
    old_column: ColumnTerms | None = None,
    new_column: ColumnTerms | None = None,
) -> Iterator[Change]:
    left = list(new)
    for check in old:
        other = next((one for one in left if one == check), None) or next(
            (one for one in left if one.name == check.name), None
        )
        if other is not None:
            left.remove(other)
        if other == check:
            continue
        was, now = _told(check, other)
        yield Change(
            subject,
            was,
            now,
            breaks_readers=not implied(check, new, new_column),
            breaks_stored=other is not None and not implied(other, old, old_column),
        )
    for check in left:
        known = implied(check, old, old_column)
        yield Change(subject, f"not checked by {check.name}", _checked(check), breaks_stored=not known)


def _of_frame(old: ContractTerms, new: ContractTerms) -> Iterator[Change]:
    yield from _of_checks(FRAME, old.checks, new.checks)
    if set(old.unique) != set(new.unique):
        was, now = (
            f"unique in {', '.join(one.unique)}" if one.unique else "not unique in any columns"
            for one in (old, new)
        )
        yield Change(
            FRAME,
            was,
            now,
            breaks_readers=bool(old.unique) and not _implies_unique(new.unique, old.unique),
            breaks_stored=bool(new.unique) and not _implies_unique(old.unique, new.unique),
        )
    if old.strict != new.strict:
        words = {True: "without other columns", False: "free to have other columns"}
        yield Change(FRAME, words[old.strict], words[new.strict], breaks_stored=new.strict)
    if old.ordered != new.ordered:
        words = {True: "in order of its columns", False: "in any order of its columns"}
        yield Change(FRAME, words[old.ordered], words[new.ordered], old.ordered, new.ordered)
    if old.library and old.library != new.library:
        either = new.library or "pandas or Polars"
        yield Change(FRAME, f"one of {old.library}", f"one of {either}", True, bool(new.library))


def _of_contract(old: ContractTerms, new: ContractTerms) -> Iterator[Change]:
    if old.freshness != new.freshness:
        later = old.freshness is not None and (new.freshness is None or new.freshness > old.freshness)
        yield Change(CONTRACT, _fresh(old), _fresh(new), breaks_readers=later)
    for was, now, what in (
        (old.name, new.name, "named"),
        (old.version, new.version, "of version"),
        (", ".join(old.owners), ", ".join(new.owners), "owned by"),
        (old.compatibility, new.compatibility, "compatible"),
    ):
        if was != now:
            yield Change(CONTRACT, f"{what} {was or 'nothing'}", f"{what} {now or 'nothing'}")


def _implies_unique(known: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Rows that differ in some columns differ in more of them, too."""
    return bool(known) and set(known) <= set(wanted)


def _named(column: ColumnTerms) -> str:
    if column.pattern:
        return f"columns like `{column.name}`"
    return column.name if column.is_level else f"column `{column.name}`"


def _typed(column: ColumnTerms) -> str:
    return f" as {column.type}" if column.type else ""


def _checked(check: CheckTerm) -> str:
    return f"checked by {check}"


def _told(check: CheckTerm, other: CheckTerm | None) -> tuple[str, str]:
    """A check as it was and as it is now, so that the two texts differ."""
    if other is None:
        return _checked(check), f"not checked by {check.name}"
    if str(check) != str(other):
        return _checked(check), _checked(other)
    if check.code != other.code:
        return _checked(check), f"{_checked(other)} with other code"
    return _checked(check) + _how(check), _checked(other) + _how(other)


def _how(check: CheckTerm) -> str:
    nulls = "ignored" if check.ignores_nulls else "count"
    return f" ({'a warning' if check.warns else 'an error'}, nulls {nulls})"


def _fresh(terms: ContractTerms) -> str:
    return "of any age" if terms.freshness is None else f"at most {terms.freshness:g} s old"
