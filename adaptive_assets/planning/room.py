"""Room: what the machines can still take under the guards and under the limits on runs at once."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from math import floor, inf

from adaptive_assets.planning.demand import FULL, Demand
from adaptive_assets.planning.demands import Demands
from adaptive_assets.planning.host import SLIVER, Host
from adaptive_assets.planning.prices import price_of
from adaptive_assets.planning.ranks import rank_of
from adaptive_assets.planning.snapshot import Node, Snapshot
from adaptive_assets.planning.verdicts import Reason, ReasonCode
from adaptive_assets.planning.wording import number, seconds, share, size
from adaptive_assets.policy import PolicyBook, Ramp

__all__ = ["Room"]


@dataclass(slots=True)
class Room:
    """The machines on which runs can be placed, and the limits that hold for all of them together.

    ``places`` has the machine of each node by name, of silent ones too: those were not heard of within their
    lease, and ``hosts`` are the others.
    ``launched`` counts the launches within the ramp's time, also of runs that have ended since.
    """

    hosts: list[Host]
    places: Mapping[str, Host] = field(default_factory=dict)
    run_limit: int | None = None
    pace: float | None = None
    ramp: Ramp | None = None
    runs: int = 0
    launched: int = 0
    _known: dict[tuple[int, int, str, float], tuple[Reason, ...]] = field(default_factory=dict)
    """What was found to be lacking since room was last taken: many kinds of work ask for the same."""
    _largest: Host | None = field(init=False)

    def __post_init__(self) -> None:
        self._largest = max(self.hosts, key=lambda host: host.memory_ceiling, default=None)

    @classmethod
    def of(cls, snapshot: Snapshot, book: PolicyBook, demands: Demands) -> "Room":
        """The room at the instant of ``snapshot``."""
        limits = [limit for limit in (snapshot.run_limit, book.guards.concurrency) if limit is not None]
        nodes = snapshot.nodes or (Node("", snapshot.machine, snapshot.at),)
        hosts = {
            node.name: Host(
                node.name,
                book.guards,
                node.reading,
                price=price_of(book.prices, node.node_class, snapshot.at),
            )
            for node in nodes
        }
        first = hosts[nodes[0].name]
        for run in snapshot.active:
            rank = rank_of(book.policy(run.work.policy), book)
            hosts.get(run.node, first).count(run, rank, demands.of_run(run, run.mode), snapshot.at)
        usable = [hosts[node.name] for node in nodes if not snapshot.nodes or node.is_alive(snapshot.at)]
        ramp = book.guards.ramp
        launches = (*snapshot.launches, *(run.launched_at for run in snapshot.active))
        return cls(
            usable,
            places=hosts,
            run_limit=min(limits, default=None),
            pace=snapshot.pace.limit if snapshot.pace and book.guards.adaptive else None,
            ramp=ramp,
            runs=len(snapshot.active),
            launched=sum(snapshot.at - at < ramp.every for at in launches) if ramp else 0,
        )

    def host_of(self, node: str) -> Host | None:
        """The machine that a run on ``node`` counts on; ``None`` where that is silent."""
        host = self.places.get(node) or next(iter(self.places.values()), None)
        return host if host in self.hosts else None

    def trickles(self, demand: Demand) -> bool:
        """Whether it is strangers that keep some machine busy.

        Our own work, with a run more, takes no more of it than a single run may insist on.
        """
        return any(
            host.our_cpu + host.insists_on(demand) <= host.most_for_one + SLIVER for host in self.hosts
        )

    @property
    def cpu_ceiling(self) -> float:
        """The cores that the guards leave of all machines together."""
        return sum(host.cpu_ceiling for host in self.hosts)

    def take(self, demand: Demand, rank: int, most: float = inf, avoid: Container[str] = ()) -> Host | None:
        """Promise ``demand`` to a run that this cycle admits, on the machine returned.

        It is one where it fits, if there is one, and none of ``avoid``, if it can: the cheapest, and of those
        the one that it fills most, so that room for large runs stays in one piece.
        """
        hosts = self.affordable(most) or self.hosts
        host: Host | None = hosts[0] if hosts else None
        if len(hosts) > 1:
            host = min(
                hosts,
                key=lambda host: (
                    not host.fits(demand, rank),
                    host.name in avoid,
                    host.price,
                    _left(host, demand, rank),
                ),
            )
        self.runs += 1
        self.launched += 1
        self._known.clear()
        if host is not None:
            host.take(demand, rank)
        return host

    def shared_by(self, demand: Demand, rank: int, most: float = inf) -> list[Host]:
        """The machines that ``demand`` could share with its peers, whatever the pace."""
        if any(reason.code is not ReasonCode.PACE for reason in self._limits()):
            return []
        return [
            host for host in self.affordable(most) if host.is_shared_by(demand, rank) and not host.strained
        ]

    def never_fits(self, demand: Demand, mode: str = FULL) -> Reason | None:
        """Why ``demand`` exceeds every whole machine, however long one waits; ``None`` if it does not."""
        largest = self._largest
        least = demand.memory if demand.least_memory is None else demand.least_memory
        if largest is None or largest.machine is None or least <= largest.memory_ceiling:
            return None
        ceiling, machine = largest.memory_ceiling, largest.machine
        return Reason(
            ReasonCode.NEVER_FITS,
            f"{'' if mode == FULL else f'mode {mode} '}needs {size(least)}, more than the"
            f" {share(largest.guards.memory)} guard leaves of the whole {_machine(largest)}"
            f" ({size(ceiling, at_most=True)} of {size(machine.memory_capacity)}):"
            " lower the estimate, raise the guard or add a rung that needs less",
            {"mode": mode, "needs": least, "ceiling": ceiling, "capacity": machine.memory_capacity},
        )

    def lacks(self, demand: Demand, rank: int, mode: str = FULL, most: float = inf) -> tuple[Reason, ...]:
        """Every guard that ``demand`` would break now on the machine that comes nearest; empty when it fits.

        ``most`` is the price above which a machine is too dear for it.
        """
        # there is one object for equal demands, as long as a plan is made
        key = (id(demand), rank, mode, most)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = (*self._on_the_best_host(demand, rank, mode, most), *self._limits())
        return known

    def open_to(self, demand: Demand, rank: int, most: float = inf) -> list[Host]:
        """The machines on which ``demand`` fits."""
        hosts = self.affordable(most)
        return hosts if len(hosts) == 1 else [host for host in hosts if host.fits(demand, rank)]

    def affordable(self, most: float) -> list[Host]:
        """The machines that cost no more than ``most``."""
        return self.hosts if most == inf else [host for host in self.hosts if host.price <= most]

    def _on_the_best_host(self, demand: Demand, rank: int, mode: str, most: float) -> tuple[Reason, ...]:
        hosts = self.affordable(most)
        if len(hosts) == 1:
            return hosts[0].lacks(demand, rank, mode)
        if any(host.fits(demand, rank) for host in hosts):
            return ()
        if not hosts:
            if self.hosts:
                return (
                    Reason(ReasonCode.PRICE, f"no machine costs {number(most)} or less", {"at_most": most}),
                )
            why = "no machine was heard of within its lease"
            return (Reason(ReasonCode.NO_READING, why, {"silent": len(self.places)}),)
        return min(hosts, key=lambda host: -_left(host, demand, rank)).lacks(demand, rank, mode)

    def _limits(self) -> Iterator[Reason]:
        if self.run_limit is None and self.runs and any(host.machine is None for host in self.hosts):
            yield Reason(
                ReasonCode.NO_READING,
                "there is no recent reading of the machine: one run at a time until there is",
                {"runs": self.runs},
            )
        if self.run_limit is not None and self.runs >= self.run_limit:
            yield Reason(
                ReasonCode.CONCURRENCY,
                f"of {self.run_limit} runs at once, {self.runs} are active or about to be",
                {"runs": self.runs, "limit": self.run_limit},
            )
        if self.pace is not None and self.runs >= max(1, floor(self.pace)):
            yield Reason(
                ReasonCode.PACE,
                f"more than {floor(self.pace)} runs at once would slow each other down by now,"
                f" {self.runs} are active or about to be",
                {"runs": self.runs, "limit": self.pace},
            )
        if self.ramp is not None and self.launched >= self.ramp.runs:
            yield Reason(
                ReasonCode.RAMP,
                f"{number(self.launched)} runs were launched in the last {seconds(self.ramp.every)},"
                f" the ramp allows {self.ramp.runs}",
                {"launched": self.launched, "limit": self.ramp.runs, "every_s": self.ramp.every},
            )


def _machine(host: Host) -> str:
    return f"machine `{host.name}`" if host.name else "machine"


def _left(host: Host, demand: Demand, rank: int) -> float:
    """The smaller of the shares of memory and CPU left with one more run; negative where it lacks."""
    if host.machine is None:
        return 0.0
    if not host.memory_ceiling or not host.cpu_ceiling:
        return -inf
    memory = (host.free_memory() - host.more_memory(demand)) / host.memory_ceiling
    cpu = (host.free_cpu(rank) - host.insists_on(demand)) / host.cpu_ceiling
    return min(memory, cpu)
