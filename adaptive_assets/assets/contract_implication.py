"""Whether checks of one contract imply a check of another: then nothing that keeps them breaks it.

Ranges and lists of values are compared by what they allow; all other checks have to be the same.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from adaptive_assets.assets.contract_terms import CheckTerm, ColumnTerms

Values = tuple[Any, ...]

_LENGTH: Final = "str_length"


@dataclass(frozen=True, slots=True)
class _Range:
    """Values from ``low`` to ``high``; an end is ``None`` where there is none."""

    low: Any = None
    high: Any = None
    low_counts: bool = True
    high_counts: bool = True

    def within(self, other: "_Range") -> bool:
        """Whether all values of this range are in the other."""
        return _not_beyond(self.low, other.low, self.low_counts, other.low_counts, lambda a, b: a > b) and (
            _not_beyond(self.high, other.high, self.high_counts, other.high_counts, lambda a, b: a < b)
        )

    def cut(self, other: "_Range") -> "_Range":
        """The values that are in both."""
        low, high = (self.low, self.low_counts), (self.high, self.high_counts)
        if _not_beyond(other.low, self.low, other.low_counts, self.low_counts, lambda a, b: a > b):
            low = (other.low, other.low_counts)
        if _not_beyond(other.high, self.high, other.high_counts, self.high_counts, lambda a, b: a < b):
            high = (other.high, other.high_counts)
        return _Range(low[0], high[0], low[1], high[1])

    def has(self, value: Any) -> bool:
        return _Range(value, value).within(self)


def implied(check: CheckTerm, by: Iterable[CheckTerm], column: ColumnTerms | None = None) -> bool:
    """Whether whatever passes all of ``by`` passes ``check``, as an error where it is one.

    Args:
        check: The check in question.
        by: The checks that are known to pass.
        column: The column that they are of, in the contract with ``by``: where it has no nulls it does not
            matter that a check ignores them. ``None`` for checks of the frame.
    """
    nullable = column is None or column.nullable
    strong = [
        one
        for one in by
        if (check.warns or not one.warns) and (check.ignores_nulls or not one.ignores_nulls or not nullable)
    ]
    if any(_same(one, check) for one in strong):
        return True
    if not check.ignores_nulls and nullable:
        return False
    plain = [one for one in strong if _is_plain(one)]
    return _is_plain(check) and (_by_values(check, plain) or _by_range(check, plain))


def _is_plain(check: CheckTerm) -> bool:
    """Whether a check is one of pandera's own, and of each value by itself."""
    return not check.code and "groupby" not in check.arguments


def _same(one: CheckTerm, other: CheckTerm) -> bool:
    return (one.name, one.code) == (other.name, other.code) and dict(one.arguments) == dict(other.arguments)


def _by_range(check: CheckTerm, known: Sequence[CheckTerm]) -> bool:
    wanted = _range_of(check)
    if wanted is None:
        return False
    of_length = check.name == _LENGTH
    limits = _Range()
    for one in known:
        if (one.name == _LENGTH) == of_length and (found := _range_of(one)):
            limits = limits.cut(found)
    if limits.within(wanted):
        return True
    return not of_length and any(
        (allowed := _allowed(one)) is not None and all(wanted.has(value) for value in allowed)
        for one in known
    )


def _by_values(check: CheckTerm, known: Sequence[CheckTerm]) -> bool:
    wanted, refused = _allowed(check), _refused(check)
    for one in known:
        allowed = _allowed(one)
        if wanted is not None and allowed is not None and all(value in wanted for value in allowed):
            return True
        if refused is None:
            continue
        if allowed is not None and not any(value in refused for value in allowed):
            return True
        others = _refused(one)
        if others is not None and all(value in others for value in refused):
            return True
    return False


def _allowed(check: CheckTerm) -> Values | None:
    """The values that a check allows, where it lists them."""
    match check.name, check.arguments:
        case "isin", {"allowed_values": list(values)}:
            return tuple(values)
        case "equal_to", {"value": value}:
            return (value,)
    return None


def _refused(check: CheckTerm) -> Values | None:
    match check.name, check.arguments:
        case "notin", {"forbidden_values": list(values)}:
            return tuple(values)
        case "not_equal_to", {"value": value}:
            return (value,)
    return None


def _range_of(check: CheckTerm) -> _Range | None:
    """The range that a check allows, of values or, for ``str_length``, of lengths."""
    match check.name, check.arguments:
        case "greater_than", {"min_value": low}:
            return _Range(low=low, low_counts=False)
        case "greater_than_or_equal_to", {"min_value": low}:
            return _Range(low=low)
        case "less_than", {"max_value": high}:
            return _Range(high=high, high_counts=False)
        case "less_than_or_equal_to", {"max_value": high}:
            return _Range(high=high)
        case "equal_to", {"value": value}:
            return _Range(value, value)
        case "in_range", {"min_value": low, "max_value": high, **more}:
            return _Range(
                low, high, more.get("include_min") is not False, more.get("include_max") is not False
            )
        case "str_length", {**limits}:
            exact = limits.get("exact_value")
            low = limits.get("min_value") if exact is None else exact
            high = limits.get("max_value") if exact is None else exact
            return _Range(low, high)
    return None


def _not_beyond(
    end: Any, limit: Any, end_counts: bool, limit_counts: bool, further_in: Callable[[Any, Any], bool]
) -> bool:
    """Whether an end of a range is at a limit or further in; what cannot be compared is beyond it."""
    if limit is None:
        return True
    one, other = _comparable(end), _comparable(limit)
    if one is None or other is None or type(one) is not type(other):
        return False
    return further_in(one, other) or (one == other and (limit_counts or not end_counts))


def _comparable(value: Any) -> Any:
    """A number as a float, a text that is a time as one, any other text as it is."""
    if isinstance(value, (int, float)):
        number = float(value)
        return None if math.isnan(number) else number
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return value
    return time if time.tzinfo else time.replace(tzinfo=UTC)
