"""The feed: replays 2013 into the landing folder at a chosen speed.

``python -m flights.feed --data DIR --speed 20`` delivers an hour of flights every 20 s.  It
keeps its position in ``DIR/feed.json``: stopped and started again, it carries on where it was.  SIGTERM and
SIGINT stop it after the file in hand.
"""

import argparse
import fcntl
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from flights.backlog import write_status
from flights.data import Archive
from flights.feed_state import FeedState, read_state, write_state
from flights.folder import FlightsFolder, write_atomically
from flights.hours import FIRST_HOUR, HOUR, NEW_YORK, YEAR_END, floor_hour
from flights.replay import CHAOS, Chaos, deliveries_due, render

DEFAULT_SPEED: Final = 20.0
DEFAULT_START: Final = datetime(2013, 7, 1, 8, tzinfo=UTC)
"""Four in the morning in New York, on a Monday of storms; the first wave leaves an hour later."""

log = logging.getLogger("flights.feed")


class FeedBusyError(RuntimeError):
    """Another feed is at work on the same folder."""


class Feed:
    """One replay into one folder."""

    def __init__(
        self, folder: FlightsFolder, start: datetime = DEFAULT_START, chaos: Chaos | None = None
    ) -> None:
        self.folder = folder
        self.chaos = chaos or Chaos()
        self.archive = Archive(folder.archive)
        self.state = read_state(folder) or FeedState(start=start, position=start + HOUR)
        write_state(folder, self.state)

    def step(self) -> list[Path]:
        """Deliver what is due at the position, move on by an hour, and return the files.

        A crash in between delivers the same files again under the same names: the reader takes an hour in
        twice, and the second time changes nothing.

        Raises:
            OSError: A file cannot be written; the position stays, so that the next step tries again.
        """
        position = self.state.position
        paths = []
        for planned in deliveries_due(position, self.state.start, self.chaos):
            content = render(planned, self.archive, self.chaos)
            if content is None:
                continue
            path = self.folder.landing / planned.delivery.file_name
            write_atomically(path, lambda beside, content=content: beside.write_bytes(content))  # type: ignore[misc]
            paths.append(path)
        self.state = replace(self.state, position=position + HOUR)
        write_state(self.folder, self.state)
        write_status(self.folder, time.time())
        return paths

    def run(
        self,
        speed: float,
        stop: threading.Event,
        *,
        hours: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Step every ``speed`` seconds until ``stop`` is set, the year is over, or ``hours`` are done."""
        due = clock()
        done = 0
        while not stop.is_set() and not self.state.finished and (hours is None or done < hours):
            try:
                paths = self.step()
            except OSError as error:
                log.warning(
                    "could not land %s (%s); trying again in %g s", _local(self.state.position), error, speed
                )
            else:
                done += 1
                names = ", ".join(path.name for path in paths) or "nothing"
                log.info("it is %s in New York: landed %s", _local(self.state.position - HOUR), names)
            # After a pause of the whole machine, go on at the same speed: no burst makes up for it.
            due = max(due + speed, clock())
            stop.wait(max(0.0, due - clock()))
        if self.state.finished:
            log.warning(
                "the year is over: nothing more to land; remove %s to replay it", self.folder.feed_state
            )


@contextmanager
def only_feed(folder: FlightsFolder) -> Iterator[None]:
    """Hold the folder's feed lock, which the kernel gives back however the process ends.

    Raises:
        FeedBusyError: Another process holds it.
    """
    folder.root.mkdir(parents=True, exist_ok=True)
    with (folder.root / "feed.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FeedBusyError(f"another feed is replaying into {folder.root}; stop it first") from None
        yield


def _local(instant: datetime) -> str:
    return instant.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M")


def _start(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text}` is not a time; write it like 2013-07-01T04:00") from None
    hour = floor_hour(instant if instant.tzinfo else instant.replace(tzinfo=NEW_YORK))
    if not FIRST_HOUR <= hour < YEAR_END:
        raise argparse.ArgumentTypeError(f"`{text}` is not in 2013, the year that there is")
    return hour


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 86400:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number of seconds above 0, such as 20")
    return seconds


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m flights.feed", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that the pipeline reads")
    parser.add_argument("--speed", type=_seconds, default=DEFAULT_SPEED, help="seconds to an hour of flights")
    parser.add_argument(
        "--start", type=_start, default=DEFAULT_START, help="New York time, like 2013-07-01T04:00"
    )
    parser.add_argument("--hours", type=int, help="stop after this many hours")
    parser.add_argument(
        "--chaos", choices=CHAOS, default="none", help="faults to deliver; the rates below go first"
    )
    for rate in ("late", "duplicated", "broken", "wrong"):
        parser.add_argument(
            f"--{rate}", type=float, metavar="SHARE", help=f"share of deliveries that are {rate}"
        )
    parser.add_argument("--seed", type=int, help="the seed of the faults")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the feed; 0 after a clean stop, 2 for bad arguments or a folder in use."""
    arguments = _arguments(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s feed %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    chosen = {
        k: v
        for k in ("late", "duplicated", "broken", "wrong", "seed")
        if (v := getattr(arguments, k)) is not None
    }
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder = FlightsFolder(arguments.data)
    try:
        chaos = replace(CHAOS[arguments.chaos], **chosen)
        with only_feed(folder):
            feed = Feed(folder, arguments.start, chaos)
            if feed.state.start != arguments.start:
                log.info("carries on with the replay that started at %s", _local(feed.state.start))
            feed.run(arguments.speed, stop, hours=arguments.hours)
    except (ValueError, FeedBusyError, FileNotFoundError) as error:
        print(f"feed: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
