"""The machines to simulate: a number of equal ones, or a cluster file."""

from itertools import count
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, StrictInt

from adaptive_assets.policy import PolicyError
from adaptive_assets.policy.explaining import Language
from adaptive_assets.policy.fields import Cores, Size, Text, Version
from adaptive_assets.policy.findings import Finding
from adaptive_assets.policy.places import Places
from adaptive_assets.policy.reading import read_bytes, read_mapping, validated
from adaptive_assets.policy.values import PolicyValue
from adaptive_assets.simulation.engine.cluster import Cluster, NodeSpec

MOST_NODES: Final = 1000
"""More machines than these are a slip of the pen; a simulation reads each of them every few seconds."""


class Machines(PolicyValue):
    """One entry of a cluster file: ``count`` equal machines."""

    name: Text
    """Of the machine; of several, each gets a number behind it."""
    cores: Annotated[Cores, Field(ge=0.01, le=1_000_000)]
    """Cores of one of them."""
    memory: Size
    """Memory of one of them."""
    node_class: Text = Field(default="", validation_alias="class", serialization_alias="class")
    """What prices are given by."""
    count: StrictInt = Field(default=1, ge=1, le=MOST_NODES)
    """How many of them there are."""


class ClusterFile(PolicyValue):
    """The content of a cluster file."""

    version: Version = 1
    nodes: tuple[Machines, ...] = Field(min_length=1)


CLUSTER_FILE: Final = Language(
    "cluster file",
    ClusterFile,
    kind="a cluster file",
    start="`nodes:`",
    fewer="use `count` for equal machines",
    required={
        "nodes": "nodes: [{name: large, cores: 16, memory: 64GiB}]",
        "name": "name: large",
        "cores": "cores: 16",
        "memory": "memory: 64GiB",
    },
)


def load_cluster(path: Path) -> Cluster:
    """The cluster in the file at ``path``; raises :class:`PolicyError` with all that is wrong."""
    text = read_bytes(path, CLUSTER_FILE.name)
    content, places, problems = read_mapping(text, str(path), CLUSTER_FILE)
    return Cluster(tuple(_nodes(validated(content, places, CLUSTER_FILE, problems), places)))


def _nodes(read: ClusterFile, places: Places) -> list[NodeSpec]:
    """The machines, each with a name of its own."""
    nodes: dict[str, NodeSpec] = {}
    problems = []
    for position, machines in enumerate(read.nodes):
        for number in range(1, machines.count + 1):
            name = machines.name if machines.count == 1 else f"{machines.name}-{number}"
            if name in nodes:
                free = next(f"{machines.name}-{n}" for n in count(2) if f"{machines.name}-{n}" not in nodes)
                message, hint = (
                    f"two machines are named `{name}`",
                    f"give each its own name, such as `{free}`",
                )
                problems.append(Finding(("nodes", position, "name"), message, hint))
                break
            nodes[name] = NodeSpec(name, machines.cores, machines.memory, machines.node_class)
    if len(nodes) > MOST_NODES:
        hint = f"at most {MOST_NODES} can be simulated"
        problems.append(Finding(("nodes",), f"{len(nodes)} machines", hint))
    if problems:
        raise PolicyError(problem.located(places) for problem in problems)
    return list(nodes.values())
