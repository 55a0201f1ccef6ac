"""When waiting runs are expected to start, as far as that can be relied on."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adaptive_assets.ledger import Ledger
    from adaptive_assets.planning.snapshot import Snapshot
    from adaptive_assets.policy import PolicyBook


@dataclass(frozen=True, slots=True)
class ExpectedStart:
    """Seconds from now until a waiting run starts: sooner in 50 and in 90 of 100 cases.

    Both are ``None`` where that is not known.  ``foreseeable`` is false for a run that waits for more than
    capacity.  ``at`` is the time of the snapshot that it is from.
    """

    at: float
    p50_s: float | None = None
    p90_s: float | None = None
    foreseeable: bool = True


def expected_starts(
    ledger: "Ledger", snapshot: "Snapshot", book: "PolicyBook", run_ids: Collection[str], now: float
) -> Mapping[str, ExpectedStart]:
    """For each of ``run_ids`` that waits in ``snapshot``, which was recorded before ``now``.

    Raises:
        LedgerError: what predictions were worth cannot be read.
    """
    from adaptive_assets.learning.start_calibration import KEY, StartCalibration
    from adaptive_assets.planning.prediction import predict

    waiting = [run for run in snapshot.queued if run.run_id in set(run_ids)]
    if not waiting:
        return {}
    calibration = StartCalibration.read(ledger.kept(KEY))
    found = predict(snapshot, book, [run.run_id for run in waiting])
    since = max(0.0, now - snapshot.at)
    expected: dict[str, ExpectedStart] = {}
    for run in waiting:
        seconds = found.get(run.run_id)
        if seconds is None:
            expected[run.run_id] = ExpectedStart(snapshot.at, foreseeable=False)
            continue
        known = calibration.quantiles(book.policy(run.work.policy).tier, seconds, since)
        expected[run.run_id] = (
            ExpectedStart(snapshot.at) if known is None else ExpectedStart(snapshot.at, known.p50, known.p90)
        )
    return expected
