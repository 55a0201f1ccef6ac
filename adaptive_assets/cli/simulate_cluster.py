"""The machines to simulate: a number of equal ones, or a cluster file."""

from itertools import count
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, StrictInt, ValidationError

from adaptive_assets.policy import PolicyError, Problem
from adaptive_assets.policy.document import read_document
from adaptive_assets.policy.explaining import Language, explain
from adaptive_assets.policy.fields import IN_A_FILE, Cores, Size, Text
from adaptive_assets.policy.places import Places
from adaptive_assets.policy.reading import decoded, read_bytes
from adaptive_assets.policy.terms import PolicyValue
from adaptive_assets.simulation.engine.cluster import Cluster, NodeSpec

__all__ = ["MOST_NODES", "ClusterError", "load_cluster"]

MOST_NODES: Final = 1000
"""More machines than these are a slip of the pen; a simulation reads each of them every few seconds."""


class ClusterError(PolicyError):
    """A cluster file that cannot be taken; ``problems`` are all that is wrong with it, by line."""


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

    version: Literal[1] = 1
    nodes: tuple[Machines, ...] = Field(min_length=1)


CLUSTER_FILE: Final = Language(
    "cluster file",
    ClusterFile,
    {"nodes": "nodes: [{name: large, cores: 16, memory: 64GiB}]", "name": "name: large", "cores": "cores: 16",
     "memory": "memory: 64GiB"},
)  # fmt: skip


def load_cluster(path: Path) -> Cluster:
    """The cluster in the file at ``path``; raises :class:`ClusterError` with all that is wrong."""
    source = str(path)
    try:
        text = decoded(read_bytes(path, "cluster file"), source, "use `count` for equal machines")
        root, problems = read_document(text, source, kind="a cluster file", start="start with `nodes:`")
    except PolicyError as error:
        raise ClusterError(error.problems) from None
    places, content = Places(source, root), root.plain()
    if not isinstance(content, dict):
        message, hint = "a cluster file is a mapping of keys to values", "start with `nodes:`"
        raise ClusterError([*problems, Problem(*places.value(()), message, hint)])
    try:
        read = ClusterFile.model_validate(content, context=IN_A_FILE, by_alias=True, by_name=False)
    except ValidationError as error:
        raise ClusterError([*problems, *explain(error, places, CLUSTER_FILE)]) from None
    if problems:
        raise ClusterError(problems)
    return Cluster(tuple(_nodes(read, places)))


def _nodes(read: ClusterFile, places: Places) -> list[NodeSpec]:
    """The machines, each with a name of its own."""
    nodes: dict[str, NodeSpec] = {}
    problems = []
    for position, machines in enumerate(read.nodes):
        for number in range(1, machines.count + 1):
            name = machines.name if machines.count == 1 else f"{machines.name}-{number}"
            if name in nodes:
                place = places.value(("nodes", position, "name"))
                free = next(f"{machines.name}-{n}" for n in count(2) if f"{machines.name}-{n}" not in nodes)
                problems.append(
                    Problem(
                        *place,
                        f"two machines are named `{name}`",
                        f"give each its own name, such as `{free}`",
                    )
                )
                break
            nodes[name] = NodeSpec(name, machines.cores, machines.memory, machines.node_class)
    if len(nodes) > MOST_NODES:
        place = places.value(("nodes",))
        problems.append(Problem(*place, f"{len(nodes)} machines", f"at most {MOST_NODES} can be simulated"))
    if problems:
        raise ClusterError(problems)
    return list(nodes.values())
