"""What whoever submits a run says by tags that it takes: cores, memory, and how long."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from adaptive_assets.assets.tags import CPU, DURATION, MEMORY
from adaptive_assets.planning.snapshot import Declaration
from adaptive_assets.policy.text import quoted
from adaptive_assets.policy.units import UnitError, parse_duration, parse_size

__all__ = ["declared", "read_declared"]

_CORES: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(m?)")
_MOST_CORES: Final = 1_000_000
_KUBERNETES: Final = re.compile(r"[0-9.]+[KMGT]i")
"""A size as Kubernetes writes it, where that is not ambiguous; its `2G` is Slurm's of 1024."""


def _cores(text: str) -> float:
    match = _CORES.fullmatch(text)
    cores = float(match[1]) / (1000 if match[2] else 1) if match else 0.0
    if not 0 < cores <= _MOST_CORES:
        raise UnitError(f"`{quoted(text)}` is no number of cores", "write cores such as `2`, `0.5` or `500m`")
    return cores


def _above_zero(parse: Callable[[str], float], example: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        amount = parse(text)
        if not amount:
            raise UnitError(f"`{quoted(text)}` is nothing", example)
        return amount

    return read


def _size(text: str) -> int:
    return parse_size(f"{text}B" if _KUBERNETES.fullmatch(text) else text)


_READ: Final[Mapping[str, Callable[[str], float]]] = {
    CPU: _cores,
    MEMORY: _above_zero(_size, "write a size such as `1536Mi` or `1.5GiB`"),
    DURATION: _above_zero(parse_duration, "write a duration such as `5m` or `90s`"),
}


def read_declared(tags: Mapping[str, str]) -> tuple[Declaration | None, tuple[str, ...]]:
    """What the tags declare, as far as that can be read, and in a sentence each what cannot."""
    amounts, problems = dict[str, float](), list[str]()
    for tag, read in _READ.items():
        if tag in tags:
            try:
                amounts[tag] = read(tags[tag])
            except UnitError as error:
                problems.append(f"the tag `{tag}` cannot be read: {error}")
    if not amounts:
        return None, tuple(problems)
    memory = amounts.get(MEMORY)
    found = Declaration(amounts.get(CPU), None if memory is None else int(memory), amounts.get(DURATION))
    return found, tuple(problems)


def declared(tags: Mapping[str, str]) -> Declaration | None:
    """What the tags declare; what cannot be read was said in the run's log when it was submitted."""
    return read_declared(tags)[0]
