"""Values go to JSON and back by their type hints, and a key names the same work for ever."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptive_assets.ledger import LedgerError
from adaptive_assets.ledger.codec import decode, encode
from adaptive_assets.planning.snapshot import MachineReading, Work
from adaptive_assets.planning.work_key import work_key
from tests.ledger.examples import FORECAST, READING


class Colour(StrEnum):
    """Something with few values."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Inner:
    """A dataclass within another."""

    colour: Colour
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outer:
    """Every kind of hint that a snapshot may have."""

    number: float
    inner: Inner
    maybe: Inner | None = None
    by_name: Mapping[str, Inner] = field(default_factory=dict)
    many: tuple[Inner, ...] = ()
    mixed: float | int | str | None = "nothing"
    flag: bool = True


st.register_type_strategy(float, st.floats(allow_nan=False))


@given(value=st.from_type(Outer))
def test_a_value_comes_back_equal(value: Outer) -> None:
    """Through JSON text, whatever is in it."""
    assert decode(Outer, json.loads(json.dumps(encode(value)))) == value


def test_defaults_are_left_out() -> None:
    """So a field that is added later reads as its default in older rows."""
    assert encode(Outer(1.5, Inner(Colour.RED))) == {"number": 1.5, "inner": {"colour": "red"}}


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"number": 1.0},
        {"number": 1.0, "inner": {"colour": "green"}},
        {"number": 1.0, "inner": {"colour": "red"}, "later": 1},
        [],
    ],
)
def test_what_does_not_fit_is_an_error(plain: object) -> None:
    """A value with a hole in it must not pass for the one that was stored."""
    with pytest.raises((TypeError, ValueError, KeyError, AttributeError)):
        decode(Outer, plain)


def test_a_type_without_json_is_refused() -> None:
    """By name."""
    with pytest.raises(LedgerError, match="no JSON for a value of type set"):
        encode({"a": (1, {2})})


def test_a_hint_that_cannot_be_told_apart_is_refused() -> None:
    """Better in a test than in a row: a field of such a type could be written but never read."""
    with pytest.raises(TypeError, match="no way to tell"):
        decode(Inner | Outer, {})
    with pytest.raises(TypeError, match="no way to read"):
        decode(set[int], [])


def test_a_reading_comes_back_equal() -> None:
    """With the pressure inside it."""
    assert decode(MachineReading, encode(READING)) == READING


def test_the_key_of_work_is_stable() -> None:
    """It is in rows of long ago: should this fail, the past would be another kind of work."""
    assert work_key(FORECAST) == KEY
    assert work_key(replace(FORECAST)) == KEY


def test_work_from_before_it_could_be_composed_is_read_as_work_that_cannot() -> None:
    """And written as it was then."""
    before = {"name": "report", "policy": "route-reports", "reads": ["departures"]}
    work = decode(Work, before)
    assert work == Work("report", "route-reports", reads=("departures",), composable=False)
    assert encode(work) == before
    assert decode(Work, encode(replace(work, composable=True))).composable


def test_the_key_of_work_tells_every_difference() -> None:
    """Any other field, any other key."""
    others = {
        "name": "forecast2",
        "policy": "other",
        "location": "",
        "assets": (),
        "reads": ("departures",),
        "degradable": False,
        "composable": True,
        "gated_by": "strict",
        "undefined": ("gone",),
    }
    assert list(others) == [each.name for each in fields(Work)]
    keys = {work_key(replace(FORECAST, **{name: value})) for name, value in others.items()}  # type: ignore[arg-type]
    assert len(keys | {KEY}) == len(others) + 1


KEY = "8abae6ec9abe93c0"
