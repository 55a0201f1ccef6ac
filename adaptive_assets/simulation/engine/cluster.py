"""The machines of a simulated deployment."""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One machine: its cores, and the bytes that runs and strangers can have of its memory.

    ``node_class`` is what prices are given by. :class:`ValueError` for a machine without cores or memory.
    """

    name: str
    cores: float
    memory: int
    node_class: str = ""

    def __post_init__(self) -> None:
        if not (0 < self.cores < float("inf") and self.memory > 0):
            raise ValueError(
                f"the node `{self.name}` has {self.cores} cores and {self.memory} bytes;"
                " it needs more than zero of both"
            )


@dataclass(frozen=True, slots=True)
class Cluster:
    """All machines; :class:`ValueError` if there is none, or two share a name."""

    nodes: tuple[NodeSpec, ...]

    @classmethod
    def of(cls, cores: float, memory: int, nodes: int = 1) -> "Cluster":
        """``nodes`` equal machines of ``cores`` and ``memory`` bytes each."""
        return cls(tuple(NodeSpec(f"node-{number}", cores, memory) for number in range(1, nodes + 1)))

    @property
    def cores(self) -> float:
        """The cores of all machines."""
        return sum(node.cores for node in self.nodes)

    @property
    def memory(self) -> int:
        """The bytes of all machines."""
        return sum(node.memory for node in self.nodes)

    def __post_init__(self) -> None:
        if not self.nodes:
            raise ValueError("a cluster needs at least one node")
        name, times = Counter(node.name for node in self.nodes).most_common(1)[0]
        if times > 1:
            raise ValueError(f"{times} nodes are named `{name}`; give each its own name")
