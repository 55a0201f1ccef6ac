"""A process of its own for each site: what one keeps in memory is not the other's garbage to collect."""

import logging
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from benchmarks.sites import Home, Site, opened

__all__ = ["Worker"]

P = ParamSpec("P")
T = TypeVar("T")


class Worker:
    """The process that has the site at ``home`` open; a context manager, and closed by :meth:`close`."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._pool = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, action: Callable[Concatenate[Site, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``action(site, …)`` in that process; it must be a function of a module, its result plain data."""
        return self._pool.submit(_act, action, args, kwargs).result()

    def restart(self) -> None:
        """End the process and start another, as one restarts a daemon."""
        self.close()
        self._pool = self._start()

    def close(self) -> None:
        """Close the site and end its process."""
        self._pool.submit(_close).result()
        self._pool.shutdown()

    def _start(self) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        pool.submit(_open, self.home).result()
        return pool


_opened = ExitStack()
_sites: list[Site] = []
"""The one site that a worker's process has open."""


def _open(home: Home) -> None:
    logging.getLogger("dagster").setLevel(logging.ERROR)  # hundreds of passes would say what they do
    warnings.simplefilter("ignore")
    _sites.append(_opened.enter_context(opened(home)))


def _close() -> None:
    _opened.close()


def _act(action: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    return action(_sites[0], *args, **kwargs)
