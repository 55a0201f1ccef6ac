"""Real processes that use a ledger, to be started together and killed at the worst moment."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PREAMBLE = """
import sys, time
from dataclasses import replace
from adaptive_assets.ledger import Ledger, writes
from tests.ledger.examples import *

ledger = Ledger.open({url!r})

def say(word):
    print(word, flush=True)

def cycle(number):
    run = queued(f"r{{number}}")
    snapshot = snapshot_of(run, at=float(number))
    ledger.record_cycle(
        at=float(number), node="a", revision="rev", snapshot=snapshot, decisions=[launch(run)]
    )
"""


@contextmanager
def process(url: str, script: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs ``script`` with ``ledger``, ``say`` and ``cycle`` at hand; killed at the end."""
    command = [sys.executable, "-W", "error", "-c", PREAMBLE.format(url=url) + script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def heard(child: subprocess.Popen[str]) -> str:
    """The next word that the process says; empty when it has ended."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def tell(child: subprocess.Popen[str]) -> None:
    """Let the process read a line: the sign to go on."""
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()
