"""Which machine has room for what a run requests, as planners without measurements count it."""

from dataclasses import dataclass

from adaptive_assets.planning.decisions import Decision
from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.snapshot import ActiveRun, QueuedRun, Snapshot
from adaptive_assets.policy import PolicyBook
from adaptive_assets.simulation.baselines.observed_requests import requested
from adaptive_assets.simulation.baselines.stock import launch
from adaptive_assets.simulation.engine.cluster import Cluster


@dataclass(slots=True)
class FreeCapacity:
    """Cores and bytes of a machine that nobody has requested."""

    cpu: float
    memory: float

    def fits(self, request: ResourceRequest) -> bool:
        """Whether there is room for ``request``."""
        return request.cpu <= self.cpu + 1e-9 and request.memory <= self.memory

    def take(self, request: ResourceRequest) -> None:
        """``request`` is placed here."""
        self.cpu -= request.cpu
        self.memory -= request.memory

    def give(self, request: ResourceRequest) -> None:
        """``request`` has gone."""
        self.cpu += request.cpu
        self.memory += request.memory


class Placement:
    """The machines of one snapshot that can be heard, with what active runs request taken off.

    ``cpu_share`` of the cores may be requested, all of the memory.  A run that requests more than a machine
    has counts there as one that requests all of it.
    """

    def __init__(
        self, cluster: Cluster, snapshot: Snapshot, book: PolicyBook, cpu_share: float = 1.0
    ) -> None:
        self._snapshot = snapshot
        self._book = book
        self._requests: dict[str, ResourceRequest] = {}
        silent = {node.name for node in snapshot.nodes if snapshot.at - node.heard_at > node.lease_s}
        self._whole = {
            node.name: FreeCapacity(node.cores * cpu_share, node.memory)
            for node in cluster.nodes
            if node.name not in silent
        }
        self.free = {name: FreeCapacity(whole.cpu, whole.memory) for name, whole in self._whole.items()}
        for run in snapshot.active:
            if node := self.node_of(run):
                self.free[node].take(self.request(run, node))

    @property
    def any_free(self) -> bool:
        """Whether anything at all could start."""
        return any(free.cpu > 0 and free.memory > 0 for free in self.free.values())

    def node_of(self, run: ActiveRun) -> str | None:
        """The machine that ``run`` is on; ``None`` if that is silent."""
        name = run.node or next(iter(self.free), "")
        return name if name in self.free else None

    def host(self, run: QueuedRun) -> str | None:
        """The machine with the most free cores on which ``run`` fits now."""
        fitting = [name for name, free in self.free.items() if free.fits(self.request(run, name))]
        return max(fitting, key=lambda name: self.free[name].cpu, default=None)

    def start(self, run: QueuedRun, name: str) -> Decision:
        """``run`` starts on that machine."""
        self.free[name].take(self.request(run, name))
        return launch(run, self._book, name)

    def request(self, run: QueuedRun | ActiveRun, name: str) -> ResourceRequest:
        """What the run requests, and no more than the machine has."""
        request = self._requests.get(run.run_id)
        if request is None:
            request = self._requests[run.run_id] = requested(run, self._snapshot, self._book)
        whole = self._whole[name]
        if request.cpu <= whole.cpu and request.memory <= whole.memory:
            return request
        return ResourceRequest(
            min(request.cpu, whole.cpu), int(min(request.memory, whole.memory)), request.duration
        )
