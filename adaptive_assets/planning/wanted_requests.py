"""What to request for the data that waiting runs need: a pure function of a snapshot and its plan."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from adaptive_assets.planning.deadline import Deadline
from adaptive_assets.planning.decisions import Plan, Verdict
from adaptive_assets.planning.estimates import Estimate
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.snapshot import CheckState, DataState, QueuedRun, Snapshot, Work
from adaptive_assets.planning.tuning import TUNING, Tuning
from adaptive_assets.policy import OnFailedCheck, Policy, PolicyBook


class RequestKind(StrEnum):
    """What is requested of Dagster."""

    VALIDATE = "validate"
    """A run of some checks of an asset, and of nothing else."""
    REFRESH = "refresh"
    """A run that makes an asset anew."""
    REPAIR = "repair"
    """A run of a user's job on a version that failed, after which its checks are run again."""
    QUARANTINE = "quarantine"
    """An event that marks a version as bad."""
    ROLLBACK = "rollback"
    """Events that make the last good version the one that counts."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request that a plan gives a reason for; equal ones are one.

    ``partition`` is empty for an asset without partitions. ``made_at`` is when the version that it is about
    was made (of several versions, the oldest), ``good_at`` when the newest good one was, where known.
    ``job`` and ``tries`` are those of a repair.
    """

    kind: RequestKind
    asset: str
    partition: str
    checks: tuple[str, ...] = ()
    policy: str = ""
    """The policy that asks for it."""
    made_at: float | None = None
    good_at: float | None = None
    job: str = ""
    tries: int = 1

    @property
    def subject(self) -> str:
        """What it is about, for people: ``departures[2013-02-08-17]``."""
        return f"{self.asset}[{self.partition}]" if self.partition else self.asset


@dataclass(frozen=True, slots=True)
class Producers:
    """Who makes assets: the policy of each, and the kind of work that a run of it alone would be.

    ``estimates`` gives what is known of kinds of work, by ``estimate_key``.
    """

    policy: Callable[[str], str]
    work: Callable[[str], Work]
    estimates: Callable[[Work], Mapping[str, Estimate]]


def wanted_requests(
    snapshot: Snapshot, plan: Plan, book: PolicyBook, producers: Producers, tuning: Tuning = TUNING
) -> tuple[Wanted, ...]:
    """What the closed gates of the runs that ``plan`` lets wait give reason to request, each once.

    The order is that of the plan. Nothing is wanted for a run that goes all the same, nor of data that could
    not be read. Of one asset and partition, a repair is wanted once however many policies wait for it.
    """
    found: dict[tuple[RequestKind, str, str, tuple[str, ...]], Wanted] = {}
    requests = ResourceRequests(snapshot, book, tuning)
    for decision in plan.decisions:
        if decision.verdict is not Verdict.DEFER:
            continue
        policy = book.policy(decision.work.gated_by or decision.work.policy)
        for reads, run in {run.reads: run for run in reversed(decision.runs)}.items():
            states = [snapshot.data[key] for key in reads if key in snapshot.data]
            for reason in decision.reasons:
                for state in states:
                    if state.asset != reason.numbers.get("asset") or state.unreadable:
                        continue
                    for each in _of(reason, state, run, policy, snapshot, book, producers, requests, tuning):
                        found.setdefault((each.kind, each.asset, each.partition, each.checks), each)
    return tuple(found.values())


def _of(
    reason: Reason,
    state: DataState,
    run: QueuedRun,
    policy: Policy,
    snapshot: Snapshot,
    book: PolicyBook,
    producers: Producers,
    requests: ResourceRequests,
    tuning: Tuning,
) -> Iterator[Wanted]:
    match reason.code:
        case ReasonCode.CHECK_NOT_EVALUATED if policy.on_unready.unevaluated == "validate":
            if _is_settled(state, policy, snapshot.at):
                yield from _validations(reason, state, policy)
        case ReasonCode.CHECK_FAILED:
            producer = book.policy(producers.policy(state.asset))
            if producer.on_failed_check is not None:
                yield from _remedies(reason, state, producer, producer.on_failed_check)
        case ReasonCode.DATA_STALE if policy.on_unready.stale == "refresh" and not state.external:
            if _is_in_time(state, run, policy, snapshot, book, producers, requests, tuning):
                yield Wanted(
                    RequestKind.REFRESH,
                    state.asset,
                    state.stale,
                    policy=policy.name,
                    made_at=state.materialized_at,
                )


def _is_settled(state: DataState, policy: Policy, at: float) -> bool:
    """Whether the version is old enough that its checks are not on their way."""
    made = state.materialized_at
    return made is None or at - made >= policy.on_unready.validate_after


def _validations(reason: Reason, state: DataState, policy: Policy) -> Iterator[Wanted]:
    for partition, checks in _by_partition(reason, state, CheckState.NOT_EVALUATED).items():
        yield Wanted(
            RequestKind.VALIDATE,
            state.asset,
            partition,
            checks,
            policy=policy.name,
            made_at=state.materialized_at,
        )


def _remedies(reason: Reason, state: DataState, policy: Policy, remedy: OnFailedCheck) -> Iterator[Wanted]:
    wanted = Wanted(
        RequestKind(remedy.then),
        state.asset,
        "",
        policy=policy.name,
        made_at=state.materialized_at,
        good_at=state.good_at,
        job=remedy.job or "",
        tries=remedy.tries,
    )
    for partition, checks in _by_partition(reason, state, CheckState.FAIL, CheckState.WARN).items():
        yield replace(wanted, partition=partition, checks=checks)


def _by_partition(reason: Reason, state: DataState, *states: CheckState) -> dict[str, tuple[str, ...]]:
    """The checks that the gate names, of those in one of ``states``, by partition."""
    checks: dict[str, list[str]] = {}
    for one in state.outcomes:
        if one.state in states and one.check in reason.names:
            checks.setdefault(one.partition, []).append(one.check)
    return {partition: tuple(sorted(set(names))) for partition, names in checks.items()}


def _is_in_time(
    state: DataState,
    run: QueuedRun,
    policy: Policy,
    snapshot: Snapshot,
    book: PolicyBook,
    producers: Producers,
    requests: ResourceRequests,
    tuning: Tuning,
) -> bool:
    """Whether ``run`` can still end in time after a run that makes its data anew, which begins now."""
    deadline = Deadline.of(policy, run, tuning)
    if deadline.at is None:
        return True
    work = producers.work(state.asset)
    known = replace(snapshot, estimates=producers.estimates(work))
    refreshing = QueuedRun(run_id="", work=work, submitted_at=snapshot.at)
    takes = tuning.launch_s + ResourceRequests(known, book, tuning).of_run(refreshing).duration
    return deadline.met_by(requests.of_run(run), snapshot.at + takes)


def made_by_runs_at_hand(wanted: Wanted, snapshot: Snapshot) -> bool:
    """Whether a run that waits or runs makes the asset, of one without partitions."""
    works = (*(run.work for run in snapshot.queued), *(run.work for run in snapshot.active))
    return not wanted.partition and any(wanted.asset in work.assets for work in works)
