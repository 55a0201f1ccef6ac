"""What gates say of names that anybody may choose."""

from adaptive_assets.planning.gating import not_ready
from adaptive_assets.planning.snapshot import CheckOutcome, CheckState, DataState, QueuedRun, Snapshot, Work
from adaptive_assets.policy import ChecksGate, Gates

HOSTILE = "a\x1b[31m\nb\ud800" + "x" * 100_000


def snapshot_with(state: DataState) -> Snapshot:
    """Nothing but the state of one asset."""
    return Snapshot(at=0.0, queued=(), active=(), machine=None, data={state.asset: state})


def test_names_in_sentences_are_short_and_harmless() -> None:
    """They go into tags, logs and terminals; the numbers keep the asset's own key."""
    gates = Gates(checks=ChecksGate(), fresh="pass", accept_degraded=False)
    work = Work("w", "p", reads=(HOSTILE,), undefined=(HOSTILE,))
    states = (
        DataState(HOSTILE),
        DataState(HOSTILE, unreadable=True),
        DataState(
            HOSTILE,
            materialized_at=0.0,
            mode=HOSTILE,
            outcomes=(
                CheckOutcome(HOSTILE, CheckState.FAIL, HOSTILE, HOSTILE, HOSTILE),
                CheckOutcome(HOSTILE, CheckState.WARN),
                CheckOutcome(HOSTILE, CheckState.NOT_EVALUATED),
            ),
            partitions=HOSTILE,
        ),
    )
    run = QueuedRun("r", work, 0.0)
    for state in states:
        reasons = not_ready(gates, run, snapshot_with(state))
        assert len(reasons) > 1
        assert all(reason.sentence.isprintable() and len(reason.sentence) < 700 for reason in reasons)
        assert reasons[-1].numbers["asset"] == HOSTILE
