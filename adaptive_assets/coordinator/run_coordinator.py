"""The run coordinator that users name in ``dagster.yaml``."""

import inspect
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import dagster as dg
from typing_extensions import override

from adaptive_assets.assets import tags
from adaptive_assets.coordinator.clock import since_boot
from adaptive_assets.coordinator.coordinator_mode import CoordinatorMode, read_mode
from adaptive_assets.coordinator.cycle import Cycle, CycleOutcome
from adaptive_assets.coordinator.deployment import Deployment
from adaptive_assets.coordinator.faults import Faults
from adaptive_assets.coordinator.on_failure import OnFailure, Ruling
from adaptive_assets.coordinator.parts import EXPLAINED, message_of
from adaptive_assets.dagster_compat.daemon import (
    ConfigurableClassData,
    QueuedRunCoordinator,
    RunQueueConfig,
    SubmitRunContext,
    concurrency_settings,
    cut_wait_short,
    dequeue_daemon,
    dequeue_workspace,
    hush_full_queue,
    pass_time,
    paused_locations,
    report_daemon_error,
)
from adaptive_assets.policy import Catalogue

DAY_S = 86_400.0

HELD: dict[str, Any] = {"key": tags.ADMISSION, "value": tags.HELD, "limit": 0}
"""The limit by which the stock dequeue daemon passes every held run by."""

logger = logging.getLogger("dagster.adaptive_assets")


class AdaptiveRunCoordinator(QueuedRunCoordinator[dg.DagsterInstance]):
    """Decides for every queued run whether to launch, defer or degrade it; Dagster's own daemon launches it.

    It is a ``QueuedRunCoordinator`` and takes all of its configuration, with two differences:
    ``max_concurrent_runs`` is unlimited unless it is given, because the guards limit what runs at once; and
    ``policies``, ``mode``, ``ledger``, ``retention_days`` and ``on_failure`` are added.

    In ``mode: observe`` it decides and records the same, and every run is launched as by stock Dagster.
    """

    def __init__(
        self,
        policies: str | None = None,
        mode: str = CoordinatorMode.ACT.value,
        ledger: str | None = None,
        backlogs: Sequence[str] = (),
        retention_days: int = 30,
        on_failure: str = OnFailure.HOLD.value,
        inst_data: ConfigurableClassData | None = None,
        **queue: Any,
    ) -> None:
        super().__init__(inst_data=inst_data, **queue)
        self._given_limit: int | None = queue.get("max_concurrent_runs")
        self._given_mode = mode
        self._observes = mode == CoordinatorMode.OBSERVE
        self._deployment = Deployment(policies, ledger, retention_days * DAY_S, observes=self._observes)
        self._backlogs = tuple(backlogs)
        self._ruling = Ruling(OnFailure(on_failure))
        self._faults = Faults()
        self._cycle: Cycle | None = None
        self._pass: tuple[int, RunQueueConfig] | None = None

    @classmethod
    @override
    def config_type(cls) -> Any:
        """The stock coordinator's configuration and ours."""
        stock: Any = QueuedRunCoordinator.config_type()
        return {
            **stock,
            "policies": dg.Field(
                dg.StringSource,
                is_required=False,
                description=(
                    "The policy file; relative to DAGSTER_HOME or the working directory. Without it there are"
                    " three plain tiers, no policy and no promise."
                ),
            ),
            "mode": dg.Field(
                dg.StringSource,
                is_required=False,
                default_value=CoordinatorMode.ACT.value,
                description=(
                    "`act`, or `observe`: everything is decided and recorded, and nothing is held. Runs are"
                    " launched as by stock Dagster."
                ),
            ),
            "ledger": dg.Field(
                dg.StringSource,
                is_required=False,
                description="SQLAlchemy URL of the ledger; without it, it is kept beside Dagster's storage.",
            ),
            "backlogs": dg.Field(
                dg.Array(dg.StringSource),
                is_required=False,
                default_value=[],
                description="Has no effect any more, and can be removed.",
            ),
            "retention_days": dg.Field(
                dg.IntSource,
                is_required=False,
                default_value=30,
                description="After how many days the ledger forgets cycles, decisions, readings and usage.",
            ),
            "on_failure": dg.Field(
                dg.Enum("OnFailure", [dg.EnumValue(choice.value) for choice in OnFailure]),
                is_required=False,
                default_value=OnFailure.HOLD.value,
                description=(
                    "What rules when planning keeps failing: `hold` launches nothing more,"
                    " `open` launches as stock Dagster would."
                ),
            ),
        }

    @classmethod
    @override
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Called by Dagster with the validated section of ``dagster.yaml``."""
        return cls(inst_data=inst_data, **config_value)

    @override
    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Refuses a mode that there is not, and settings that would silently override every decision."""
        read_mode(self._given_mode, Path(instance.root_directory, "dagster.yaml"))
        if concurrency_settings(instance).get("runs"):
            raise dg.DagsterInvariantViolationError(
                "dagster.yaml sets `concurrency.runs`, which overrides what AdaptiveRunCoordinator decides."
                " Move max_concurrent_runs and tag_concurrency_limits from there to `run_coordinator.config`,"
                " and remove `concurrency.runs`."
            )
        super().register_instance(instance)

    @override
    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Put the run under its policy and hold it, then queue it as stock Dagster does."""
        if context.dagster_run.status is dg.DagsterRunStatus.NOT_STARTED:
            self._prepare(context)
        return super().submit_run(context)

    @override
    def get_run_queue_config(self) -> RunQueueConfig:
        """Runs one cycle if the dequeue daemon begins a pass; for everybody else it is free of effects."""
        frame = inspect.currentframe()
        daemon = dequeue_daemon(frame)
        if daemon is not None:
            config = self._begin_pass(daemon, dequeue_workspace(frame), pass_time(frame))
            self._pass = (threading.get_ident(), config)
            return config
        if self._pass is not None and self._pass[0] == threading.get_ident():
            return self._pass[1]
        return super().get_run_queue_config() if self._observes else self._queue_config(self._given_limit)

    def known_catalogue(self) -> Catalogue:
        """What is known of the assets of all code locations, in any process that has the instance.

        Raises:
            LedgerError: the ledger, which has it, cannot be read.
            ValueError: what it has was written by another version.
        """
        return self._deployment.known_catalogue(self._instance)

    @override
    def dispose(self) -> None:
        """Stop the sampler and close the ledger."""
        self._deployment.dispose()
        super().dispose()

    def _prepare(self, context: SubmitRunContext) -> None:
        """A run is worth more than its policy: if we cannot even be set up, it is queued as it is."""
        try:
            submission = self._deployment.submission(self._instance)
        except Exception as error:  # noqa: BLE001  as above
            _log(f"Run {context.dagster_run.run_id} is queued without a policy: {message_of(error)}", error)
        else:
            submission.prepare(context)

    def _begin_pass(self, daemon: Any, workspace: Any, fixed_time: float | None) -> RunQueueConfig:
        """Run a cycle and say what the stock pass is to do; only tests of Dagster give a ``fixed_time``."""
        now = time.time()
        outcome: CycleOutcome | None
        try:
            if not self._deployment.lease(self._instance).holds():
                return self._stand_by(daemon, now)
            done = outcome = self._next_cycle(daemon).run(
                now, since_boot(), workspace, paused_locations(daemon, fixed_time or now)
            )
        except Exception as error:  # noqa: BLE001  it is told, and `on_failure` rules
            message = f"The cycle failed: {message_of(error)}"
            if self._tell(daemon, "cycle", message, now):
                _log(message, error)
            outcome = None if self._observes else self._ruling.failed(error)
        else:
            self._faults.close("cycle")
            self._ruling.succeeded(done)
            for fault in done.faults:
                report_daemon_error(daemon, f"{fault.part}: {fault.message}", "AdaptiveAssetsFault")
        return self._config_after(outcome)

    def _next_cycle(self, daemon: Any) -> Cycle:
        if self._cycle is None:
            self._cycle = self._deployment.cycle(self._instance, self._limit())
            if not self._observes:  # which leaves the pass to stock Dagster, its pace too
                hush_full_queue(daemon)
                cut_wait_short(daemon, self._is_pass_due)
            if self._backlogs:
                logger.warning("`backlogs` in dagster.yaml has no effect any more, and can be removed")
        self._faults.close("lease")
        return self._cycle

    def _is_pass_due(self) -> bool:
        return self._cycle is not None and self._cycle.next_pass.is_due()

    def _stand_by(self, daemon: Any, now: float) -> RunQueueConfig:
        """Another daemon launches: this one plans and launches nothing, and says so.

        What it knew is out of date when its turn comes: it then begins as after a restart.
        """
        self._cycle = None
        self._deployment.end_cycle()
        message = self._deployment.lease(self._instance).fault or "another daemon launches runs"
        if self._tell(daemon, "lease", message, now):
            logger.error("lease: %s", message)
        return self._queue_config(0)

    def _tell(self, daemon: Any, part: str, message: str, now: float) -> bool:
        """Show a fault in the UI and record it, when it is time to; true when it was."""
        if self._faults.open(part, message, now) is None:
            return False
        self._deployment.record_fault(now, part, message)
        report_daemon_error(daemon, message, "AdaptiveAssetsFault")
        return True

    def _config_after(self, outcome: CycleOutcome | None) -> RunQueueConfig:
        """What the stock pass is to do; with nothing to launch it ends before it reads the queue."""
        if outcome is None or self._observes:
            return super().get_run_queue_config()
        if not outcome.free:
            return self._queue_config(outcome.active)
        limit = self._limit()
        # Dagster still counts the lost ones, whose places are free.
        return self._queue_config(None if limit is None else limit + outcome.lost)

    def _limit(self) -> int | None:
        return None if self._given_limit in (None, -1) else self._given_limit

    def _queue_config(self, limit: int | None) -> RunQueueConfig:
        stock = super().get_run_queue_config()
        return stock._replace(
            max_concurrent_runs=-1 if limit is None else limit,
            tag_concurrency_limits=[*stock.tag_concurrency_limits, HELD],
        )


def _log(message: str, error: Exception) -> None:
    """With the traceback of an error that does not say all there is to say."""
    logger.error(message, exc_info=None if isinstance(error, EXPLAINED) else error)
