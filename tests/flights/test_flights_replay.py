from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights.data import Archive
from flights.deliveries import TABLES, Delivery
from flights.hours import HOUR
from flights.replay import CHAOS, Chaos, Content, deliveries_due, deliveries_of, render
from tests.flights.conftest import START

rates = st.floats(0, 1)


def test_without_chaos_every_hour_arrives_once_when_it_is_over() -> None:
    """One delivery an hour and table, due at the hour's end."""
    for table in TABLES:
        (planned,) = deliveries_of(table, START, Chaos())
        assert (planned.due, planned.content, planned.delivery.number) == (START + HOUR, Content.WHOLE, 1)


@given(
    late=rates, duplicated=rates, broken=rates, wrong=rates, seed=st.integers(0, 9), hour=st.integers(0, 5000)
)
def test_the_truth_always_comes(
    late: float, duplicated: float, broken: float, wrong: float, seed: int, hour: int
) -> None:
    """Whatever chaos does, the delivery with the highest number is whole, and soon there."""
    chaos = Chaos(late, duplicated, broken, wrong, seed)
    planned = deliveries_of("departures", START + hour * HOUR, chaos)
    assert max(planned, key=lambda p: p.delivery.number).content in (Content.WHOLE, Content.DOUBLED)
    assert [p.delivery.number for p in planned] == list(range(1, len(planned) + 1))
    assert all(START + (hour + 1) * HOUR <= p.due <= START + (hour + 6) * HOUR for p in planned)


@given(seed=st.integers(0, 3))
def test_positions_deliver_everything_once(seed: int) -> None:
    """The positions together deliver what the hours plan, nothing twice, nothing of before the start."""
    chaos = Chaos(late=0.4, duplicated=0.3, broken=0.2, wrong=0.2, seed=seed)
    walked = [p for n in range(1, 31) for p in deliveries_due(START + n * HOUR, START, chaos)]
    planned = [
        p for n in range(24) for table in TABLES for p in deliveries_of(table, START + n * HOUR, chaos)
    ]
    assert len(walked) == len(set(walked))
    assert set(planned) <= set(walked)
    assert all(p.delivery.hour >= START for p in walked)


def test_chaos_is_its_seed(archive: Archive) -> None:
    """The same settings make the same year, byte for byte; another seed makes another one."""

    def year(seed: int) -> list[tuple[object, bytes | None]]:
        chaos = Chaos(late=0.2, duplicated=0.2, broken=0.2, wrong=0.2, seed=seed)
        planned = [p for n in range(1, 13) for p in deliveries_due(START + n * HOUR, START, chaos)]
        return [(p, render(p, archive, chaos)) for p in planned]

    assert year(1) == year(1)
    assert year(1) != year(2)


def test_rates_are_kept() -> None:
    """Over a thousand hours, each fault is about as frequent as asked for."""
    chaos = Chaos(late=0.1, duplicated=0.1, broken=0.1, wrong=0.1)
    first = [deliveries_of("departures", START + n * HOUR, chaos) for n in range(1000)]
    contents = Counter(planned[0].content for planned in first)
    assert 60 < contents[Content.BROKEN] < 140
    assert 60 < contents[Content.WRONG] < 140
    assert 60 < sum(len(p) == 2 and p[0].content is Content.WHOLE for p in first) < 140
    assert 60 < sum(p[0].due - p[0].delivery.hour > timedelta(hours=1) for p in first) < 140


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_impossible_rates_are_refused(rate: float) -> None:
    """A share is between 0 and 1, and the error says which rate is not."""
    with pytest.raises(ValueError, match="chaos rate `broken`"):
        Chaos(broken=rate)


def test_named_chaos() -> None:
    """`none` is the default, and it is none."""
    assert CHAOS["none"] == Chaos()


@pytest.mark.parametrize(
    "name",
    [
        "departures_2013-07-01T08Z_0.csv",
        "departures_2013-13-01T08Z_1.csv",
        "planes_2013-07-01T08Z_1.csv",
        "x",
        "",
    ],
)
def test_other_names_are_no_deliveries(name: str) -> None:
    """Only what the feed could have written is taken for a delivery."""
    assert Delivery.named(name) is None


@given(hours=st.integers(0, 8000), table=st.sampled_from(TABLES), number=st.integers(1, 9999))
def test_a_name_says_all_of_a_delivery(hours: int, table: str, number: int) -> None:
    """Names are read back as what they were made of."""
    delivery = Delivery(START + hours * HOUR, table, number)
    assert Delivery.named(delivery.file_name) == delivery
