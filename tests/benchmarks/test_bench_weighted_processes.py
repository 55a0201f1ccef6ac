"""Tiers that compete as real processes: that they are played, and what is simulated of them."""

import pytest

from adaptive_assets.policy import Policy, PolicyBook
from benchmarks.weighted_processes import Job, Seen, play, turnarounds

BOOK = PolicyBook(version=1, policies=(Policy(name="urgent", jobs=("urgent",), tier="critical"),))
"""Weights begin at the highest tier in use."""


def test_what_was_seen_is_simulated_with_the_weights_of_the_tiers() -> None:
    """At nice 0 and 7 on one core, and on the half of it that they got where others had the rest."""
    jobs = [Job("critical", 0.0, 10.0), Job("standard", 0.0, 10.0)]
    seen = [Seen(job, 0.0, 20.0, job.core_s) for job in jobs]
    found = turnarounds(seen, BOOK, 1.0)
    assert found["critical"] == pytest.approx((20.0, 10 * (1 + 1.25**-7)), abs=0.05)
    assert found["standard"] == pytest.approx((20.0, 20.0), abs=0.05)
    assert turnarounds(seen, BOOK, 0.5)["standard"][1] == pytest.approx(40.0, abs=0.1)


def test_jobs_are_played_as_real_processes() -> None:
    """Each uses what it is to use, and ends after it was submitted; their part of the core is one at most."""
    jobs = [Job("batch", 0.0, 0.2), Job("critical", 0.1, 0.1)]
    seen, part = play(jobs, BOOK)
    assert sorted(each.job.tier for each in seen) == ["batch", "critical"]
    assert all(each.core_s >= each.job.core_s and each.ended_s > each.submitted_s for each in seen)
    assert 0 < part <= 1
