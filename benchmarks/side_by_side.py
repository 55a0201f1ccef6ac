"""Calls in several processes."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any, TypeVar

__all__ = ["side_by_side"]

Result = TypeVar("Result")


def side_by_side(
    do: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], jobs: int
) -> Generator[Result, None, None]:
    """What ``do`` returns for each of ``arguments``, in ``jobs`` processes, each result when it is there.

    An exception of a call cancels all calls that have not begun; so does closing the generator.
    """
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(do, *each) for each in arguments]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
