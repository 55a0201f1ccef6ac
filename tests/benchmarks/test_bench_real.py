"""The workloads of real runs side by side, and what is made of their times; none is played here."""

import json
from collections.abc import Sequence

import pytest

from adaptive_assets.policy import load_policy_book
from benchmarks import real
from benchmarks.adapted_work import POLICIES
from benchmarks.real_plays import Ended, Play
from benchmarks.real_runs import Request
from benchmarks.real_workloads import CORES, LOAD, LOAD_S, PARTS, STARTUP_CORE_S, TIERS, burst, ordinary

SECONDS = {None: 1.0, 2: 4.0, 3: 2.0, 4: 3.0}
"""How long a run takes here, by stock's limit, and with ours."""


def played(limit: int | None, requests: Sequence[Request], failed: int = 0) -> Play:
    """A play in which one run after the other takes its seconds, and the first ``failed`` end badly."""
    took = SECONDS[limit]
    ended = [
        Ended(request, 0.0, took * place, took * (place + 1), place >= failed)
        for place, request in enumerate(requests)
    ]
    return Play(limit, tuple(ended), 1.0)


def test_jobs_are_of_the_tier_that_the_policy_file_says() -> None:
    """Else a figure of a tier would be of other runs."""
    book = load_policy_book(POLICIES)
    told = {job: policy.tier for policy in book.policies for job in policy.jobs}
    assert told == {job: tier for tier, jobs in TIERS.items() for job in jobs}


def test_the_workloads_are_as_promised() -> None:
    """Sixty runs of all tiers in the burst; and three tenths of the cores, five minutes long."""
    assert len(burst()) == 60
    assert {request.job for request in burst()} == {"forecast", "ingest", "backfill"}
    used = sum(STARTUP_CORE_S + request.seconds * request.cores for request in ordinary())
    assert used / (CORES * LOAD_S) == pytest.approx(LOAD, rel=0.03)
    trial = PARTS["load"].trial
    assert trial == ordinary()[: len(trial)]
    assert {request.job for request in trial} == {"forecast", "ingest", "backfill"}


def test_stock_plays_at_its_best_and_who_begins_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every limit is tried once, with the trial; then both play all of it, in turn."""
    seen: list[tuple[int | None, int]] = []

    def play(_storage: str, limit: int | None, requests: Sequence[Request], *, in_turn: bool) -> Play:
        assert not in_turn
        seen.append((limit, len(requests)))
        return played(limit, requests)

    monkeypatch.setattr(real, "play", play)
    found = real.measure(["tiny300"], limits=(2, 3, 4), repeats=2, say=lambda _: None)
    assert seen == [(2, 30), (3, 30), (4, 30), (None, 300), (3, 300), (3, 300), (None, 300)]
    ratio, badly = found.content["bounds"]
    assert (ratio["found"], ratio["allowed"], ratio["met"]) == (0.5, 1.05, True)
    assert (badly["found"], badly["met"]) == (0, True)
    assert found.met
    assert found.name == "real-tiny300"
    assert "stock, 2 at once (search)" in found.body
    json.dumps(found.content, allow_nan=False)


def test_a_setting_at_which_runs_end_badly_is_not_stocks_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast it is; and a run of ours that ends badly breaks a bound."""

    def play(_storage: str, limit: int | None, requests: Sequence[Request], *, in_turn: bool) -> Play:
        return played(limit, requests, failed=int(limit in {None, 3}))

    monkeypatch.setattr(real, "play", play)
    found = real.measure(["burst"], limits=(2, 3, 4), repeats=1, share=0.5, say=lambda _: None)
    (part,) = found.content["parts"]
    assert [each["limit"] for each in part["stock"]] == [4]
    assert len(part["ours"][0]["runs"]) == 30
    assert not found.met
    assert [bound["met"] for bound in found.content["bounds"]][-1] is False


def test_one_limit_is_taken_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """And on each storage that is asked for."""
    seen: list[tuple[str, int | None]] = []

    def play(storage: str, limit: int | None, requests: Sequence[Request], *, in_turn: bool) -> Play:
        assert in_turn
        seen.append((storage, limit))
        return played(limit, requests)

    monkeypatch.setattr(real, "play", play)
    real.measure(["idle"], ("sqlite", "postgres"), limits=(4,), repeats=1, say=lambda _: None)
    assert seen == [("sqlite", None), ("sqlite", 4), ("postgres", None), ("postgres", 4)]
