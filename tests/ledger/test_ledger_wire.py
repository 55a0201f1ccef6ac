"""The ledger's names of what it holds are its own: renaming something in Python changes no row."""

import base64
import dataclasses
import typing
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from itertools import starmap

import pytest

from adaptive_assets.ledger import OutOfMemory
from adaptive_assets.ledger.codec import decode, encode, unpack
from adaptive_assets.ledger.snapshots import SnapshotChain, SnapshotReader
from adaptive_assets.ledger.wire import FIELDS, GONE, VALUES
from adaptive_assets.planning.estimates import Estimate, Source, Spread
from adaptive_assets.planning.snapshot import (
    Action,
    ActiveRun,
    CheckOutcome,
    CheckState,
    Claims,
    DataState,
    Freshness,
    MachineReading,
    Node,
    Pressure,
    QueuedRun,
    RunState,
    SlotKind,
    SlotLimit,
    Snapshot,
    Work,
)
from adaptive_assets.planning.work_key import plain_work

WORK = Work("flights", "routes", "shop", ("a", "b"), ("c",), False, True, "strict", ("d",))
READING = MachineReading(10.0, 4.0, 1.5, 2**34, 2**33, Pressure(0.1, 0.2, 0.3), 1.0, 2.0, 3.0, 4.0)


def learned(source: Source) -> Estimate:
    """An estimate with another value in every field."""
    return Estimate(Spread(1.0, 2.0, 3.0), Spread(0.5, 0.75, 1.0), Spread(1e6, 2e6, 4e6), 7.5, source)


def active(state: RunState) -> ActiveRun:
    """An active run in which no field has its default."""
    return ActiveRun(
        state.value,
        WORK,
        "reduced",
        2.0,
        3.0,
        0.5,
        2**20,
        "n1",
        state,
        1.0,
        98.0,
        learned(Source.OWN),
        tuple(Action),
        30.0,
        1,
        9.0,
        "a0",
        4.5,
    )


WAITING = QueuedRun(
    "q1",
    WORK,
    1.0,
    5,
    "reduced",
    99.0,
    learned(Source.DECLARED),
    2,
    "q0",
    12.5,
    Claims({"pool:db": 2}, ("pool:db",), ("tag:t",)),
    inputs=("a[p]",),
)
WHOLE = Snapshot(
    10.0,
    (WAITING,),
    tuple(map(active, RunState)),
    READING,
    {
        f"{fresh.value}-{checks.value}": DataState(
            f"{fresh.value}-{checks.value}",
            5.0,
            fresh,
            (CheckOutcome("x", checks, "p", "2 of 3 rows", "r", 4.0),),
            "reduced",
            True,
            True,
            "p",
            ("q",),
            2,
            "p",
            "p",
            "gone",
            3.0,
        )
        for fresh, checks in zip(Freshness, (*CheckState, *CheckState), strict=False)
    },
    7,
    (Action.SUSPEND,),
    (Node("n1", READING, 9.0, "spot", 30.0),),
    {source.value: learned(source) for source in Source},
    {"me": 3.5},
    {
        "pool:db": SlotLimit(SlotKind.POOL, "db", 2, -1),
        "tag:t": SlotLimit(SlotKind.TAG, "t=1", 1, 1),
    },
    {"shop": 20.0},
    (4.0, 5.0),
    False,
)
"""Every type that a snapshot has and every value of its enums; no field at its default; given by place."""
EARLIER = [
    f"{fresh}-{checks}"
    for fresh, checks in zip(
        ("pass", "warn", "fail", "not_evaluated", "no_policy"),
        ("pass", "warn", "fail", "not_evaluated", "no_checks"),
        strict=True,
    )
]
LATER = replace(WHOLE, at=11.0, queued=(), launches=())


def types_in(hint: object) -> Iterator[type]:
    """The dataclasses and enums that a value of type ``hint`` may hold."""
    for argument in typing.get_args(hint):
        yield from types_in(argument)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        yield hint
        for inner in typing.get_type_hints(hint).values():
            yield from types_in(inner)
    elif isinstance(hint, type) and issubclass(hint, Enum):
        yield hint


KINDS = sorted({*types_in(Snapshot), *types_in(OutOfMemory)}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_and_value_has_a_name_in_the_ledger(kind: type) -> None:
    """One that is added is given its name on purpose, and no two have the same."""
    if issubclass(kind, Enum):
        names, python = VALUES[kind], [member.value for member in kind]
    else:
        names, python = FIELDS[kind], list(typing.get_type_hints(kind))
    assert sorted(names) == sorted(python)
    assert len(set(names.values())) == len(names)
    assert not set(names.values()) & GONE.get(kind, frozenset())


def test_the_table_names_nothing_else() -> None:
    """No type is in it that the ledger does not hold."""
    assert {*FIELDS, *VALUES, *GONE} == set(KINDS)


def test_what_was_stored_before_reads_as_it_was() -> None:
    """A checkpoint and a delta that an earlier version wrote, of all types and values there were."""
    reader = SnapshotReader()
    reader.follow(base64.b64decode(CHECKPOINT))
    assert reader.snapshot() == replace(
        WHOLE,
        queued=(replace(WAITING, inputs=None),),
        data={key: DataState(key, external=True) for key in EARLIER},  # they were never waited for
    )
    reader.follow(base64.b64decode(DELTA))
    assert reader.snapshot().at == LATER.at


def test_checks_by_name_read_as_outcomes() -> None:
    """An earlier version told one state of all the checks, and which of them failed or were missing."""
    former = {"asset": "a", "checks": "warn", "checks_failed": ["x", "y"], "checks_missing": ["z"]}
    outcomes = [("x", CheckState.WARN), ("y", CheckState.WARN), ("z", CheckState.NOT_EVALUATED)]
    assert decode(DataState, former) == DataState("a", outcomes=tuple(starmap(CheckOutcome, outcomes)))
    assert decode(DataState, {"asset": "a", "checks": "pass"}) == DataState("a")
    unnamed = DataState("a", outcomes=(CheckOutcome("", CheckState.NOT_EVALUATED),))
    assert decode(DataState, {"asset": "a", "checks": "not_evaluated"}) == unnamed


def test_what_is_stored_now_has_the_same_names() -> None:
    """All but the states of data, which are told per input since, and what runs read of it."""
    chain = SnapshotChain()
    first = chain.draft(WHOLE)
    chain.stored(first, "1")
    before = unpack(base64.b64decode(CHECKPOINT))
    del before["changes"]["backlogs"]  # read over since it decides nothing
    now = unpack(first.blob)
    for each in (before, now):
        del each["changes"]["data"]
    for _, _, run in now["changes"]["queued"][2]:
        del run["inputs"]
    for later in ("weighted", "promoted_at"):
        del now["scalars"][later]
    for gone in ("slowdown", "pace"):
        del before["scalars"][gone]
    for _, _, run in before["changes"]["active"][2]:
        del run["slowed"]
        run["actions"].remove("renice")
    assert now == before
    assert unpack(chain.draft(LATER).blob) == unpack(base64.b64decode(DELTA))


def test_the_work_of_a_decision_has_the_same_names_as_that_of_a_snapshot() -> None:
    """They are looked into by SQL, and by whoever reads a decision."""
    assert {name: encode(value) for name, value in plain_work(WORK).items()} == encode(WORK)
    assert decode(Work, encode(plain_work(WORK))) == WORK


class Shade(StrEnum):
    """An enum that has changed its word since."""

    SIMILAR = "similar"


@dataclass(frozen=True, slots=True)
class Renamed:
    """A dataclass whose field has another name since."""

    shade: Shade


def test_a_name_of_python_and_one_of_the_ledger_may_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways, of fields and of values."""
    monkeypatch.setitem(typing.cast("dict[type, object]", FIELDS), Renamed, {"shade": "colour"})
    monkeypatch.setitem(typing.cast("dict[type, object]", VALUES), Shade, {"similar": "kin"})
    assert encode(Renamed(Shade.SIMILAR)) == {"colour": "kin"}
    assert decode(Renamed, {"colour": "kin"}) == Renamed(Shade.SIMILAR)


CHECKPOINT = (
    "eF7tV11v6jgQ/S95pijhoxCk/SUIRcZxwCKxc22Hbhf1v++ZcQih7V714VYXrW4fqngYj+fjzPj4krxYd/LJ5pLIPK3kvEqrfCmq9WpJ"
    "MiMalWySqtaHY/DJJGltreUrRM52QZGktlIEbQ1k/mhbSIT3CsqbbSKw2ie7SeKUKFkiaVWqgxOl2NewXYnaq0kibdNaH0XBdZAcRFBl"
    "saezfHBaBtjqTKkqbVRJpspk9/Y2SbwUtXAcgQjJJkun6SRphDxC714o266QohVSB1hdkB6JOk/2sukS21Rj3etIKVtlq3z9nGfrxfBr"
    "1F8v13k+XyzzGZLilPed4+NgMdmk0+yqTguoaEsfc/hban8qKB90Jlzg9YvTAdtnJDAqUE2gI5U+01nzsdgrgzDhPWy5zhS1bjQEK+Rd"
    "Uh04zb7zrTLIEHLmxYE9o0rOp0tKWW1fSvuCkmXTGcJGSlijN/VMqaBcrunc1tnGUilIsuJjWY8z3lpbb8o9fZ40ztuwBJXqgYOfcJz+"
    "h2KbJJVT+HjKYCKIwwb2hm1Y33aFv7JhGxIZt2VU7FbE7F8i1jYzVJscEp2RR8Bxs6WyLqcpApdA5qmQygWhESoDDbryKMyBVC/Jj051"
    "jKXtbnJ5m2y3CPcHjr5wYjWFQ0tuEXx/aBCE1u2Rimt2uJ6t0xbVBMIoi2X/c2NLaiSnyk7iSOoBUdaAKKc1z2mn8kE3QD25Vnau7yok"
    "eZn2WGlzfDFI2jxnXFBAhLheK6XSsVY6XfEn1OAW1CK2B80s5b9oi6yO19i0uK4jzJCvFdn2tnMEFvgv0XYIhaqCAjUtssBVdtaG4pbA"
    "FMFq03ahiDjIZmQHm3XDRQjipFCeEZZmMKnOipzdDghDQb0lCG977KD5dztICfVnko+KiNONNkDUqJKD7Cfl/FClHlgR/Jx4H4S71pv7"
    "8jZCOPn9COmHSrpYL1fPaIdYfsO4RvdRquKY+wRB99DgJnx8aKBmo/njlNGACYUXBxFdAdxufBsIU6D284i+G3jQ67DRjxpuiXssifdY"
    "WmCc7SZb7OvPodYa1Xwk/e1VD9zZY0f/IOGXIwHjp1bi/L73B9mjoODm0J9p8GunAV0JpQji/kJowUmf6B+NB+anRFVuQhDGoJwWNa6o"
    "OOzBIZh5+KMBueu1McZAMyTxZd49rItK6DrS0r9pwkWtotHeExYhfiXxh/vlep3Gu6AzxAtvJLifbS/CmSf6N3Z+JPyC83H3zfm79fc5"
    "T5wPiXmif2PnR8IvOB9335y/W3+f83O6tkOhzqLu6C3ydLcah/NTtS8E+M7wLdLPf/i+kPHIMbaIbzyEW/RgH/XMpz//R4h9E3xTa1Cj"
    "74U81fZAvH/E/ioVacDAVaMgwROLKCfqWosDERDQB2aaJhRg3ridn8GUmVQSX3tnlbjb8CBmIkfNyt09fnn+/x6ZRyVcnIlMySg1Beg7"
    "D0XfWnqX4zrz6krpYgavjPVdFunViTQ+5vOmn7d4yT6uj6MnGPlJLmPKDq+xh83tp09HIOXt7V8O7a3i"
)
DELTA = (
    "eF4VjDEKwCAQBP+ytYTY+hW54jASIaKoOVKIf89ZzjDMxFf7M+DmMhiBM/cN4BfO2uM0yCwlpKjWkzYhcbk3TTSJEi/1Hs2CjC480Vo/"
    "nlsb2A=="
)
