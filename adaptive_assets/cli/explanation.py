"""What ``adaptive explain`` found: a run, its decisions, and when it is expected to start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adaptive_assets.cli.expected_start import ExpectedStart
    from adaptive_assets.ledger import DecisionRow, RunUsageRow


@dataclass(frozen=True, slots=True)
class ExplainedRun:
    """What Dagster and the run's own tags say of it; times are POSIX seconds.

    ``deadline_s`` is what its policy promises, from submission to end, in the book that is in force now.
    """

    name: str
    status: str
    policy: str
    tier: str
    mode: str
    reason: str
    submitted_at: float
    started_at: float | None
    ended_at: float | None
    deadline_s: float | None
    inputs_degraded: Mapping[str, str] = field(default_factory=dict)
    """The modes of what it reads and was made below full when it was let go."""


@dataclass(frozen=True, slots=True)
class Asked:
    """That a run asks for ``memory`` bytes at least, because ``after`` was killed for want of memory."""

    memory: float
    after: "RunUsageRow"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decisions on a run, the oldest first; ``remark`` says why there are none, or what else to know.

    ``run`` is ``None`` for a run that the ledger remembers and Dagster does not.  ``killed`` is what it took,
    if it was killed for want of memory itself; ``asked`` is there if an attempt before it was.  ``observed``
    are the ids of the decisions that were not acted on.
    """

    at: float
    run_id: str
    run: ExplainedRun | None
    decisions: "tuple[DecisionRow, ...]"
    remark: str = ""
    start: "ExpectedStart | None" = None
    killed: "RunUsageRow | None" = None
    asked: Asked | None = None
    observed: frozenset[int] = frozenset()
