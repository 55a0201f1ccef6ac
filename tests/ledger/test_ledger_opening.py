"""Tables are made and migrated on first use, by whichever process comes first, and never half."""

import threading
import uuid
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import dagster as dg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, create_engine, inspect, make_url, text
from sqlalchemy.schema import CreateSchema

from adaptive_assets.ledger import Ledger, LedgerError, LedgerStatus, migrating, sqlite_ledger_url, tables
from tests.ledger.conftest import OpenLedger
from tests.ledger.examples import queued, usage
from tests.ledger.processes import heard, process, tell


def version_table(ledger: Ledger) -> str:
    """The name of the table with the ledger's revision, as the database wants it."""
    return "ledger_version" if ledger.safe_url.startswith("sqlite") else "adaptive_assets.ledger_version"


def execute(ledger: Ledger, *statements: str) -> None:
    """Change the database behind the ledger's back."""

    def run(connection: Connection) -> None:
        for statement in statements:
            connection.execute(text(statement))

    ledger._database.write("tamper", run)


def test_opening_touches_nothing(tmp_path: Path) -> None:
    """A code server that never uses its ledger leaves no file."""
    Ledger.open(sqlite_ledger_url(tmp_path / "new" / "storage")).dispose()
    assert not (tmp_path / "new").exists()


def test_the_first_use_makes_the_directory_and_the_file(tmp_path: Path, open_ledger: OpenLedger) -> None:
    """Reading is a use too."""
    ledger = open_ledger(sqlite_ledger_url(tmp_path / "new" / "storage"))
    assert ledger.latest_status() == LedgerStatus()
    assert (tmp_path / "new" / "storage" / "adaptive_ledger.db").is_file()


def test_the_migrated_tables_are_those_that_queries_use(ledger: Ledger) -> None:
    """The steps of the migration and the tables in the code say the same."""
    ledger.latest_status()

    def differences(connection: Connection) -> list[object]:
        schema = None if connection.dialect.name == "sqlite" else "adaptive_assets"
        metadata = MetaData(schema=schema)
        for table in tables.metadata.sorted_tables:
            table.to_metadata(metadata)
        options = {
            "include_schemas": True,
            "include_name": lambda name, kind, _: kind != "schema" or name == schema,
            "version_table": migrating.VERSION_TABLE,
            "version_table_schema": schema,
        }
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    assert ledger._database.read("compare", differences) == []


def test_what_an_older_version_recorded_is_read_by_this_one(url: str, open_ledger: OpenLedger) -> None:
    """Tables as the first version made them, with a row in them, are brought up to date by the first use."""
    schema = None if url.startswith("sqlite") else "adaptive_assets"
    row = usage("r1")
    later = {"root_run_id", "out_of_memory", "declared"}
    kept = {name: value for name, value in asdict(row).items() if name not in later}
    if (file := make_url(url).database) and schema is None:
        Path(file).parent.mkdir(parents=True)
    engine = create_engine(url)
    with engine.begin() as connection:
        if schema is not None:
            connection.execute(CreateSchema(schema))
            connection.execute(text(f"SET LOCAL search_path TO {schema}"))
        migrating.upgrade(connection, schema, "0001")
        marks = ", ".join(f":{name}" for name in kept)
        connection.execute(text(f"INSERT INTO usages ({', '.join(kept)}) VALUES ({marks})"), kept)
    engine.dispose()
    ledger = open_ledger(url)
    assert ledger.usages() == [row]
    assert ledger.out_of_memory("r1") == []


def test_it_is_made_while_dagster_makes_the_files_of_its_runs(tmp_path: Path) -> None:
    """Both use Alembic, in several threads of a webserver: neither disturbs the other."""
    failures: list[BaseException] = []
    over = threading.Event()

    def new_runs(instance: dg.DagsterInstance) -> None:
        while not over.is_set():
            try:
                instance.report_engine_event("hello", job_name="job", run_id=str(uuid.uuid4()))
            except BaseException as error:  # noqa: BLE001  whatever it is, it is the finding
                failures.append(error)
                return

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        thread = threading.Thread(target=new_runs, args=(instance,))
        thread.start()
        try:
            for number in range(25):
                ledger = Ledger.open(sqlite_ledger_url(tmp_path / f"ledger{number}"))
                assert ledger.latest_status() == LedgerStatus()
                ledger.dispose()
        finally:
            over.set()
            thread.join()
    assert failures == []


def test_on_postgresql_everything_is_in_the_ledgers_schema(
    postgres_url: str, open_ledger: OpenLedger
) -> None:
    """Dagster's own tables, and its Alembic version, may be in the same database."""
    open_ledger(postgres_url).latest_status()
    open_ledger(postgres_url, schema="another").latest_status()
    engine = create_engine(postgres_url)
    found = inspect(engine)
    expected = {*tables.metadata.tables, "ledger_version"}
    assert set(found.get_table_names(schema="adaptive_assets")) == expected
    assert set(found.get_table_names(schema="another")) == expected
    assert found.get_table_names(schema="public") == []
    engine.dispose()


def test_schemas_of_one_database_are_ledgers_of_their_own(postgres_url: str, open_ledger: OpenLedger) -> None:
    """Two deployments may share a database."""
    one, another = open_ledger(postgres_url), open_ledger(postgres_url, schema="another")
    one.record_catalogue(at=1.0, location="flights", digest="a", body="{}")
    assert another.catalogues() == {}


@pytest.mark.parametrize("schema", ["", "Adaptive", "a-b", "1st", 'x"; DROP SCHEMA public', "x" * 64])
def test_a_schema_has_a_plain_name(schema: str) -> None:
    """Anything that would need quoting is refused at once."""
    with pytest.raises(LedgerError, match="cannot name the ledger's schema"):
        Ledger.open("postgresql://localhost/x", schema=schema)


def test_a_role_that_may_not_create_is_told_what_it_needs(postgres_url: str, open_ledger: OpenLedger) -> None:
    """CREATE on the database, or a schema that an administrator made for it."""
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    role = admin.url.database
    with admin.connect() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'limited'"))
        limited = admin.url.set(username=role, password="limited").render_as_string(hide_password=False)
        try:
            with pytest.raises(LedgerError, match=r"permission denied for database .*needs CREATE on the"):
                open_ledger(limited).latest_status()
            connection.execute(text(f"CREATE SCHEMA adaptive_assets AUTHORIZATION {role}"))
            ledger = open_ledger(limited)
            assert ledger.latest_status() == LedgerStatus()
            ledger.dispose()
        finally:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
    admin.dispose()


def test_processes_that_start_at_once_migrate_once(url: str, open_ledger: OpenLedger) -> None:
    """Daemon, webserver and code servers all come up together with an empty database."""
    script = (
        "import os; say('ready'); sys.stdin.readline()\n"
        "for number in range(3): cycle(10 * os.getpid() + number)\n"
        "say('done')"
    )
    with ExitStack() as stack:
        children = [stack.enter_context(process(url, script)) for _ in range(4)]
        assert [heard(child) for child in children] == ["ready"] * 4
        for child in children:
            tell(child)
        assert [heard(child) for child in children] == ["done"] * 4
        assert [child.wait(timeout=60) for child in children] == [0] * 4
    ledger = open_ledger(url)
    rows = ledger.recent_decisions(limit=100)
    assert len(rows) == 12
    assert all(ledger.snapshot(row.cycle_id).queued == (queued(row.run_id or ""),) for row in rows)


def test_a_process_killed_while_migrating_leaves_nothing(url: str, open_ledger: OpenLedger) -> None:
    """The next one starts from an empty database, not from half the tables."""
    script = (
        "from alembic.operations import Operations; from adaptive_assets.ledger import migrating\n"
        "create = Operations.create_table\n"
        "def slow(self, name, *parts, **options):\n"
        "    create(self, name, *parts, **options)\n"
        "    if name == 'works': say('half'); time.sleep(600)\n"
        "Operations.create_table = slow\n"
        "ledger.latest_status()\n"
    )
    with process(url, script) as child:
        assert heard(child) == "half"
        child.kill()
        child.wait(timeout=60)
    ledger = open_ledger(url)
    assert ledger.latest_status() == LedgerStatus()
    execute(ledger, f"SELECT 1 FROM {version_table(ledger)}")


def test_a_process_killed_while_recording_leaves_whole_cycles(url: str, open_ledger: OpenLedger) -> None:
    """What it was told to be recorded is there, what it was in the middle of is not, and others go on."""
    script = (
        "cycle(1); cycle(2)\n"
        "add = writes._add_decisions\n"
        "def slow(*given):\n"
        "    add(*given); say('middle'); time.sleep(600)\n"
        "writes._add_decisions = slow\n"
        "cycle(3)\n"
    )
    with process(url, script) as child:
        assert heard(child) == "middle"
        child.kill()
        child.wait(timeout=60)
    ledger = open_ledger(url)
    assert [row.run_id for row in ledger.recent_decisions()] == ["r2", "r1"]
    last = ledger.latest_status()
    assert last.cycle_id is not None
    assert ledger.snapshot(last.cycle_id).queued == (queued("r2"),)
    assert ledger.decisions_for_run("r3") == []
    ledger.record_catalogue(at=4.0, location="flights", digest="a", body="{}")
    assert ledger.catalogues() == {"flights": "{}"}


def test_a_process_killed_at_any_moment_leaves_whole_cycles(url: str, open_ledger: OpenLedger) -> None:
    """Each cycle that is there has its decision, and a snapshot that can be rebuilt."""
    with process(url, "for number in range(10_000): cycle(number); say(number)") as child:
        for _ in range(25):
            assert heard(child)
        child.kill()
        child.wait(timeout=60)
    ledger = open_ledger(url)
    rows = ledger.recent_decisions(limit=10_000)
    assert len(rows) >= 25
    assert ledger.latest_status().cycle_id == rows[0].cycle_id
    assert all(ledger.snapshot(row.cycle_id).queued == (queued(row.run_id or ""),) for row in rows)


def test_a_ledger_of_a_newer_version_is_refused(url: str, open_ledger: OpenLedger) -> None:
    """An older version must not write into tables that it does not know."""
    ledger = open_ledger(url)
    ledger.latest_status()
    execute(ledger, f"UPDATE {version_table(ledger)} SET version_num = '0099'")
    expected = r"the ledger is at revision 0099, this version knows up to \d+: upgrade adaptive_assets"
    with pytest.raises(LedgerError, match=expected):
        open_ledger(url).latest_status()
    with pytest.raises(LedgerError, match=expected):
        open_ledger(url).record_fault(at=1.0, node="a", part="policy", message="x")


def test_a_ledger_that_was_taken_away_is_made_anew(url: str, open_ledger: OpenLedger, tmp_path: Path) -> None:
    """One failure tells it; the next use starts with an empty one."""
    ledger = open_ledger(url)
    ledger.record_catalogue(at=1.0, location="flights", digest="a", body="{}")
    if url.startswith("sqlite"):
        execute(ledger, *(f"DROP TABLE {name}" for name in ("decisions", "catalogues")))
    else:
        execute(ledger, "DROP SCHEMA adaptive_assets CASCADE")
    with pytest.raises(LedgerError, match="catalogues"):
        ledger.catalogues()
    if url.startswith("sqlite"):
        for file in (tmp_path / "storage").iterdir():
            file.unlink()
    assert ledger.catalogues() == {}
