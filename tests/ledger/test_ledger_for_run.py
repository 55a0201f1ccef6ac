"""Which decisions were a run's own: the ones on it, and the deferrals of its kind while it waited."""

from dataclasses import replace

import pytest

from adaptive_assets.ledger import Ledger
from adaptive_assets.planning.decisions import Decision
from adaptive_assets.planning.snapshot import QueuedRun
from adaptive_assets.planning.work_key import work_key
from tests.ledger.examples import FORECAST, REPORT, deferral, degrade, launch, queued, snapshot_of


class Story:
    """Records one cycle after the other, and asks what was told of a run."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.now = 1000.0

    def cycle(self, runs: list[QueuedRun], *decisions: Decision) -> None:
        """The queue, and what changed."""
        self.now += 5
        self.ledger.record_cycle(
            at=self.now, node="a", revision="rev", snapshot=snapshot_of(*runs), decisions=decisions
        )

    def told(self, run_id: str, kind: str | None = None) -> list[str]:
        """What was said of a run: sentences, in order."""
        return [row.sentence for row in self.ledger.decisions_for_run(run_id, kind)]


@pytest.fixture
def story(ledger: Ledger) -> Story:
    """A story that begins with an empty ledger."""
    return Story(ledger)


ONE, TWO, OTHER = queued("one"), queued("two"), queued("other", REPORT)


def test_a_run_waits_with_its_kind_and_then_goes(story: Story) -> None:
    """Deferrals of its kind, then its own admission; nothing of other kinds or other runs."""
    story.cycle([ONE, OTHER], deferral(FORECAST, ONE, sentence="no memory"), deferral(REPORT, OTHER))
    story.cycle([ONE, OTHER], deferral(FORECAST, ONE, sentence="stale data"))
    story.cycle([ONE, OTHER], degrade(ONE))
    story.cycle([TWO, OTHER], deferral(FORECAST, TWO, sentence="much later"))
    assert story.told("one") == ["no memory", "stale data", "would end 40 s late in full"]


def test_a_deferral_in_force_holds_for_a_run_that_joins(story: Story) -> None:
    """Only changes are recorded: a run that finds its kind waiting shares the reason of those before it."""
    story.cycle([ONE], deferral(FORECAST, ONE, sentence="first reason"))
    story.cycle([ONE], deferral(FORECAST, ONE, sentence="second reason"))
    story.cycle([ONE, TWO])
    story.cycle([ONE, TWO], deferral(FORECAST, ONE, TWO, sentence="third reason"))
    assert story.told("two") == ["second reason", "third reason"]
    assert story.told("one") == ["first reason", "second reason", "third reason"]


def test_a_run_that_goes_at_once_did_not_wait(story: Story) -> None:
    """Others of its kind may have waited before and may wait after: that is not its story."""
    story.cycle([ONE], deferral(FORECAST, ONE, sentence="no memory"))
    story.cycle([ONE, TWO], launch(TWO), deferral(FORECAST, ONE, sentence="behind"))
    assert story.told("two") == ["fits"]


def test_a_run_is_followed_from_one_kind_to_another(story: Story) -> None:
    """A policy was edited while it waited: its work is now of another kind, with other reasons."""
    edited = replace(ONE, work=replace(FORECAST, policy="nightly"))
    story.cycle([ONE], deferral(FORECAST, ONE, sentence="no memory"))
    story.cycle([edited], deferral(edited.work, edited, sentence="outside its window"))
    story.cycle([edited], launch(edited))
    assert story.told("one") == ["no memory", "outside its window", "fits"]


def test_a_run_that_no_cycle_has_seen_is_explained_by_its_kind(story: Story) -> None:
    """Nothing changed since it was submitted, so nothing was recorded: its kind's last deferral holds."""
    story.cycle([ONE], deferral(FORECAST, ONE, sentence="no memory"))
    story.cycle([ONE], deferral(FORECAST, ONE, sentence="no CPU"))
    assert story.told("unseen") == []
    assert story.told("unseen", work_key(FORECAST)) == ["no CPU"]
    assert story.told("unseen", work_key(REPORT)) == []
    assert story.told("one", work_key(REPORT)) == ["no memory", "no CPU"]


def test_a_run_is_told_what_it_waits_for_and_not_its_fellows(story: Story) -> None:
    """Two runs of one kind wait for different things; one that joins later shares both."""
    story.cycle(
        [ONE, TWO], deferral(FORECAST, ONE, sentence="no memory"), deferral(FORECAST, TWO, sentence="behind")
    )
    late = queued("late")
    story.cycle([ONE, TWO, late])
    assert story.told("one") == ["no memory"]
    assert story.told("two") == ["behind"]
    assert story.told("late") == ["no memory", "behind"]


def test_a_restart_does_not_make_a_run_arrive_again(story: Story, url: str) -> None:
    """What held for a run before the daemon was restarted still belongs to it."""
    story.cycle([ONE], deferral(FORECAST, ONE, sentence="before"))
    story.ledger.dispose()
    story.ledger = Ledger.open(url)
    story.cycle([ONE], deferral(FORECAST, ONE, sentence="after"))
    assert story.told("one") == ["before", "after"]
    story.ledger.dispose()


def test_a_clock_that_jumps_back_does_not_shuffle_the_story(story: Story) -> None:
    """The order is that of recording."""
    story.cycle([ONE], deferral(FORECAST, ONE, sentence="first"))
    story.now -= 3600
    story.cycle([ONE], deferral(FORECAST, ONE, sentence="second"))
    story.cycle([ONE], launch(ONE))
    assert story.told("one") == ["first", "second", "fits"]
