"""Somebody who follows a page word by word: writes its files, types its commands, does what it asks by hand.

* A block with a title is a file of that name. A ``diff`` block edits the file of that name.
* A ``console`` block is typed at a prompt: what follows a ``$`` is a command, what stands below it is what it
  prints. A block with a title is typed in a terminal of its own, and what is started there stays.
* ``<!-- reader: materialize a b -->`` is the button of that name in the UI, for the assets ``a`` and ``b``;
  ``<!-- reader: press Ctrl-C -->`` ends what was started in the other terminal.

What is printed is compared word by word. Run ids are names: the page's stand for those that there really are.
Times, lengths of time and ``…`` stand for whatever there is in their place.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.docs.pages import Block, Directive

PATIENCE_S: Final = 120.0
_MERCY_S: Final = 30.0
_TYPED_AS_A_PERSON_DOES: Final = """
import os, signal, sys, time
command, mercy_s = sys.argv[1:]
if os.fork() == 0:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.read()
    os.killpg(0, signal.SIGINT)
    time.sleep(float(mercy_s))
    os.killpg(0, signal.SIGKILL)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execvp("sh", ["sh", "-c", f"exec {command}"])
"""
"""A test that runs in the background passes on that it ignores Ctrl-C; a terminal does not.

And who closes a terminal ends what runs in it: a child waits until its standard input closes, as it does when
the test has died, and then ends the group, as :meth:`Reader._end` does.
"""
_UNEQUAL: Final = re.compile(
    r"(?P<any>…)"
    r"|(?P<id>\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8}\b)"
    r"|(?P<revision>\b(?=[0-9a-f]*\d)[0-9a-f]{12}\b)"
    r"|(?P<date>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)"
    r"|(?P<clock>\b\d\d:\d\d UTC)"
    r"|(?P<url>http://127\.0\.0\.1:\d+)"
    r"|(?P<length>(?<![\w.])\d+[smhd](?: \d\d[smhd])?(?!\w))"
)
_STANDS_FOR: Final = {
    "any": r".*?",
    "id": r"[0-9a-f]{8}",
    "revision": r"[0-9a-f]{12}",
    "date": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "clock": r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d UTC",
    "url": r"http://127\.0\.0\.1:\d+",
    "length": r"\d+[smhd](?: \d\d[smhd])?",
}
_LAUNCH: Final = """
mutation ($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
  __typename
  ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } } }
"""
_ASSETS: Final = """
{ assetNodes { assetKey { path } repository { name location { name } }
               assetChecksOrError { ... on AssetChecks { checks { name } } } } }
"""


class Reader:
    """Follows pages in a folder; a context manager that ends whatever it has started."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._log = folder.parent / f"{folder.name}.log"
        self._environment = {**os.environ, **environment}
        self._names: dict[str, str] = {}
        """What a run id or address of the page stands for."""
        self._started: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def follow(self, step: Block | Directive) -> None:
        """Do what one step of a page says; AssertionError when something else comes of it."""
        if isinstance(step, Directive):
            self._by_hand(step)
        elif step.language == "diff":
            self._edit(step)
        elif step.language == "console":
            for command, said in _typed(step):
                self._type(step, command, said)
        else:
            assert step.title, f"{step}: a block that is no console must name its file"
            (self._folder / step.title).write_text(step.text, encoding="utf-8")

    def _edit(self, step: Block) -> None:
        file = self._folder / step.title
        lines = step.text.splitlines()
        old = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        new = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{step}: what it takes out is {text.count(old)} times in\n{text}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def _type(self, step: Block, command: str, said: str) -> None:
        for name, real in self._names.items():
            command = command.replace(name, real)
        if step.title:
            self._start(step, command, said)
        elif command.startswith("adaptive ") and said:
            # It looks, and changes nothing: a person would look again after a moment, too.
            self._eventually(lambda: self._output(command), step, said)
        else:
            output = self._output(command)
            assert self._is_said(said, output), f"{step}: {command} said\n{output}"

    def _output(self, command: str) -> str:
        """What a command prints. The folder and the environment of the next one are those that it leaves."""
        state = self._folder.parent / f"{self._folder.name}.state"
        script = f'cd "$1" || exit 1\n{command}\ncode=$?\npwd > "$2"\nexit $code'
        done = subprocess.run(
            ["sh", "-c", script, "sh", str(self._folder), str(state)],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        self._folder = Path(state.read_text(encoding="utf-8").strip())
        return done.stdout

    def _start(self, step: Block, command: str, said: str) -> None:
        assert self._started is None, f"{step}: something runs there already"
        with self._log.open("ab") as log:
            start = log.tell()
            self._started = subprocess.Popen(
                [sys.executable, "-c", _TYPED_AS_A_PERSON_DOES, command, str(_MERCY_S)],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._eventually(lambda: self._log.read_text(encoding="utf-8")[start:], step, f"…{said}…")

    def _eventually(self, look: Callable[[], str], step: Block, said: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while not self._is_said(said, seen := look()):
            assert time.monotonic() < until, f"{step}: expected\n{said}\nbut saw\n{seen}\n{self._tail()}"
            time.sleep(2)

    def _is_said(self, said: str, output: str) -> bool:
        """Whether ``output`` is what the page says; what names stand for is remembered then."""
        pattern, names = self._pattern(" ".join(said.split()))
        match = re.fullmatch(pattern, " ".join(output.split()))
        if match:
            self._names |= {name: match[group] for group, name in names.items()}
        return bool(match)

    def _pattern(self, said: str) -> tuple[str, dict[str, str]]:
        pattern, names, position = "", dict[str, str](), 0
        for piece in _UNEQUAL.finditer(said):
            pattern += re.escape(said[position : piece.start()])
            position = piece.end()
            kind, text = str(piece.lastgroup), piece[0]
            if kind not in {"id", "url"}:
                pattern += _STANDS_FOR[kind]
            elif text in self._names:
                pattern += re.escape(self._names[text])
            elif text in names.values():
                pattern += next(f"(?P={group})" for group, name in names.items() if name == text)
            else:
                names[f"name{len(names)}"] = text
                pattern += f"(?P<name{len(names) - 1}>{_STANDS_FOR[kind]})"
        return pattern + re.escape(said[position:]), names

    def _by_hand(self, step: Directive) -> None:
        match step.text.split():
            case ["materialize", *assets]:
                self._materialize(assets)
            case ["press", "Ctrl-C"]:
                self._end()
            case _:
                raise AssertionError(f"{step}: a reader does not know how to `{step.text}`")

    def _materialize(self, assets: list[str]) -> None:
        """What the button does: one run of the assets, with their checks."""
        nodes = {"/".join(node["assetKey"]["path"]): node for node in self._ask(_ASSETS)["assetNodes"]}
        repository = nodes[assets[0]]["repository"]
        selector = {
            "repositoryLocationName": repository["location"]["name"],
            "repositoryName": repository["name"],
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [nodes[asset]["assetKey"] for asset in assets],
            "assetCheckSelection": [
                {"assetKey": nodes[asset]["assetKey"], "name": check["name"]}
                for asset in assets
                for check in nodes[asset]["assetChecksOrError"].get("checks", ())
            ],
        }
        params = {"selector": selector, "mode": "default", "executionMetadata": {"tags": []}}
        answer = self._ask(_LAUNCH, {"params": params})["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer

    def _ask(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        """Ask the webserver, at the address that the page shows."""
        address = next(real for name, real in self._names.items() if name.startswith("http://"))
        request = urllib.request.Request(
            f"{address}/graphql",
            json.dumps({"query": query, "variables": variables or {}}).encode(),
            {"Content-Type": "application/json"},
        )
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.load(answer)["data"]
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert time.monotonic() < until, f"{address} does not answer\n{self._tail()}"
                time.sleep(2)

    def _end(self) -> None:
        """Ctrl-C, which a terminal sends to all that was started there; then no mercy."""
        if self._started is None:
            return
        group, process = self._started.pid, self._started
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_MERCY_S)
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        process.communicate()
        self._started = None
        self._names = {name: real for name, real in self._names.items() if not name.startswith("http://")}

    def _tail(self) -> str:
        return self._log.read_text(encoding="utf-8")[-3000:] if self._log.exists() else ""


def _typed(step: Block) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with what it prints."""
    first, *commands = re.split(r"^\$ ", step.text, flags=re.MULTILINE)
    assert not first, f"{step}: a console begins with a command"
    for typed in commands:
        command, _, said = typed.partition("\n")
        while command.endswith("\\"):
            more, _, said = said.partition("\n")
            command = f"{command}\n{more.removeprefix('> ')}"
        yield command, said
