"""What the nodes can still take, under the guards and under the limits on runs at once."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf

from adaptive_assets.planning.node_capacity import SLIVER, NodeCapacity
from adaptive_assets.planning.prices import price_of
from adaptive_assets.planning.ranks import nice_by_rank, rank_of
from adaptive_assets.planning.reasons import Reason, ReasonCode
from adaptive_assets.planning.requests import ResourceRequests
from adaptive_assets.planning.resource_request import FULL, ResourceRequest
from adaptive_assets.planning.snapshot import Node, Snapshot
from adaptive_assets.planning.tuning import Tuning
from adaptive_assets.policy import PolicyBook, Ramp


@dataclass(slots=True)
class Capacity:
    """The machines on which runs can be placed, and the limits that hold for all of them together.

    ``places`` has the machine of each node by name, of silent ones too: those were not heard of within their
    lease, and ``nodes`` are the others.
    ``launched`` counts the launches within the ramp's time, also of runs that have ended since.
    """

    nodes: list[NodeCapacity]
    places: Mapping[str, NodeCapacity] = field(default_factory=dict)
    run_limit: int | None = None
    ramp: Ramp | None = None
    runs: int = 0
    launched: int = 0
    _known: dict[tuple[int, int, str, float], tuple[Reason, ...]] = field(default_factory=dict)
    """What was found to be lacking since capacity was last taken: many kinds of work ask for the same."""
    _limited: tuple[Reason, ...] | None = None
    """The limits on runs at once that are reached, as of when capacity was last taken."""
    _largest: NodeCapacity | None = field(init=False)

    def __post_init__(self) -> None:
        self._largest = max(self.nodes, key=lambda node: node.memory_ceiling, default=None)

    @classmethod
    def of(
        cls, snapshot: Snapshot, book: PolicyBook, requests: ResourceRequests, tuning: Tuning
    ) -> "Capacity":
        """The capacity left at the instant of ``snapshot``."""
        limits = [limit for limit in (snapshot.run_limit, book.guards.concurrency) if limit is not None]
        present = snapshot.nodes or (Node("", snapshot.machine, snapshot.at, weighted=snapshot.weighted),)
        nice = nice_by_rank(book)
        nodes = {
            node.name: NodeCapacity(
                node.name,
                book.guards,
                node.reading,
                tuning,
                price=price_of(book.prices, node.node_class, snapshot.at),
                nice=nice if node.weighted else (),
            )
            for node in present
        }
        first = nodes[present[0].name]
        for run in snapshot.active:
            rank = rank_of(book.policy(run.work.policy), book)
            nodes.get(run.node, first).count(run, rank, requests.of_run(run, run.mode), snapshot.at)
        usable = [nodes[node.name] for node in present if not snapshot.nodes or node.is_alive(snapshot.at)]
        ramp = book.guards.ramp
        launches = (*snapshot.launches, *(run.launched_at for run in snapshot.active))
        return cls(
            usable,
            places=nodes,
            run_limit=min(limits, default=None),
            ramp=ramp,
            runs=len(snapshot.active),
            launched=sum(snapshot.at - at < ramp.every for at in launches) if ramp else 0,
        )

    def node_of(self, name: str) -> NodeCapacity | None:
        """The machine that a run on the node ``name`` counts on; ``None`` where that is silent."""
        node = self.places.get(name) or next(iter(self.places.values()), None)
        return node if node in self.nodes else None

    def is_busy_with_strangers(self, request: ResourceRequest) -> bool:
        """Whether our own work, with one run more, would take no more of some node than one run may insist
        on.
        """
        return any(
            node.our_cpu + node.insists_on(request) <= node.most_for_one + SLIVER for node in self.nodes
        )

    @property
    def cpu_ceiling(self) -> float:
        """The cores that the guards leave of all machines together."""
        return sum(node.cpu_ceiling for node in self.nodes)

    def take(
        self, request: ResourceRequest, rank: int, most: float = inf, avoid: Container[str] = ()
    ) -> NodeCapacity | None:
        """Allocate ``request`` to a run that this cycle admits, on the node returned.

        It is one where it fits, if there is one, and none of ``avoid``, if it can: the cheapest, and of those
        the one that it fills most, so that capacity for large runs stays in one piece.
        """
        nodes = self.affordable(most) or self.nodes
        node: NodeCapacity | None = nodes[0] if nodes else None
        if len(nodes) > 1:
            node = min(
                nodes,
                key=lambda node: (
                    not node.fits(request, rank),
                    node.name in avoid,
                    node.price,
                    _left(node, request, rank),
                ),
            )
        self.runs += 1
        self.launched += 1
        self._known.clear()
        self._limited = None
        if node is not None:
            node.take(request, rank)
        return node

    def let_go_on(self, node: NodeCapacity, rank: int, request: ResourceRequest) -> None:
        """Allocate CPU of ``node`` to a run that was suspended."""
        self._known.clear()
        node.let_go_on(rank, request)

    def never_fits(self, request: ResourceRequest, mode: str = FULL) -> Reason | None:
        """Why ``request`` exceeds every whole machine, however long one waits; ``None`` if it does not."""
        largest = self._largest
        least = request.memory if request.least_memory is None else request.least_memory
        if largest is None or largest.machine is None or least <= largest.memory_ceiling:
            return None
        return Reason(
            ReasonCode.NEVER_FITS,
            {
                "mode": mode,
                "needs": least,
                "ceiling": largest.memory_ceiling,
                "capacity": largest.machine.memory_capacity,
                "guard": largest.guards.memory,
                "node": largest.name,
            },
        )

    def lacks(
        self, request: ResourceRequest, rank: int, mode: str = FULL, most: float = inf
    ) -> tuple[Reason, ...]:
        """Every guard that ``request`` would break now on the machine that comes nearest; empty when it fits.

        ``most`` is the price above which a machine is too dear for it.
        """
        # there is one object for equal demands, as long as a plan is made
        key = (id(request), rank, mode, most)
        known = self._known.get(key)
        if known is None:
            if self._limited is None:
                self._limited = tuple(self._limits())
            found = self._on_the_best_node(request, rank, mode, most)
            known = self._known[key] = (*found, *self._limited) if self._limited else found
        return known

    def open_to(self, request: ResourceRequest, rank: int, most: float = inf) -> list[NodeCapacity]:
        """The machines on which ``request`` fits."""
        nodes = self.affordable(most)
        return nodes if len(nodes) == 1 else [node for node in nodes if node.fits(request, rank)]

    def affordable(self, most: float) -> list[NodeCapacity]:
        """The machines that cost no more than ``most``."""
        return self.nodes if most == inf else [node for node in self.nodes if node.price <= most]

    def _on_the_best_node(
        self, request: ResourceRequest, rank: int, mode: str, most: float
    ) -> tuple[Reason, ...]:
        nodes = self.affordable(most)
        if len(nodes) == 1:
            return nodes[0].lacks(request, rank, mode)
        if any(node.fits(request, rank) for node in nodes):
            return ()
        if not nodes:
            if self.nodes:
                return (Reason(ReasonCode.PRICE, {"at_most": most}),)
            return (Reason(ReasonCode.NO_READING, {"silent": len(self.places)}),)
        return min(nodes, key=lambda node: -_left(node, request, rank)).lacks(request, rank, mode)

    def _limits(self) -> Iterator[Reason]:
        if self.run_limit is None and self.runs and any(node.machine is None for node in self.nodes):
            yield Reason(ReasonCode.NO_READING, {"runs": self.runs})
        if self.run_limit is not None and self.runs >= self.run_limit:
            yield Reason(ReasonCode.CONCURRENCY, {"runs": self.runs, "limit": self.run_limit})
        if self.ramp is not None and self.launched >= self.ramp.runs:
            numbers = {"launched": self.launched, "limit": self.ramp.runs, "every_s": self.ramp.every}
            yield Reason(ReasonCode.RAMP, numbers)


def _left(node: NodeCapacity, request: ResourceRequest, rank: int) -> float:
    """The smaller of the shares of memory and CPU left with one more run; negative where it lacks."""
    if node.machine is None:
        return 0.0
    if not node.memory_ceiling or not node.cpu_ceiling:
        return -inf
    memory = (node.free_memory() - node.more_memory(request)) / node.memory_ceiling
    cpu = (node.free_cpu(rank) - node.insists_on(request)) / node.cpu_ceiling
    return min(memory, cpu)
