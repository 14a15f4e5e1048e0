"""One upgrade over many databases or schemas: who is upgraded, who is left, and what is said."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dbtool.cli.fleet_back import confirm
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import UsageError
from dbtool.migrate.fleet import view
from dbtool.migrate.fleet.outcome import Fleet, Outcome
from dbtool.report import Tree
from dbtool.scratch.server import Server
from tests.conftest import Dbtool, Ran
from tests.migrate.conftest import plain
from tests.migrate.projects import FROM_CONFIG, Small, small
from tests.migrate.test_lock import ASYNC
from tests.processes import eventually

TENANT = """
from alembic import context
from sqlalchemy import engine_from_config, pool, text

tenant = context.get_x_argument(as_dictionary=True)["tenant"]
section = context.config.get_section(context.config.config_ini_section)
with engine_from_config(section, poolclass=pool.NullPool).connect() as connection:
    connection.execute(text(f'SET search_path TO "{tenant}"'))
    connection.commit()
    context.configure(connection=connection, version_table_schema=tenant)
    with context.begin_transaction():
        context.run_migrations()
"""

HEAD = "aaaa00000002"


@pytest.fixture
def tenants(database: Target) -> tuple[str, ...]:
    """Schemas of four tenants, one more than upgrade at a time, and one that is none."""
    names = tuple(f"tenant_{number}" for number in range(1, 5))
    with SyncConnection(database) as connection:
        for name in (*names, "other"):
            connection.execute(f"CREATE SCHEMA {name}")
    return names


def recorded(database: Target) -> dict[str, str]:
    """The revision each schema records."""
    with SyncConnection(database) as connection:
        rows = connection.fetch(
            "SELECT relnamespace::regnamespace::text FROM pg_class"
            " WHERE relname = 'alembic_version' ORDER BY 1"
        )
        return {
            each[0]: connection.fetchval(f"SELECT version_num FROM {each[0]}.alembic_version")
            for each in rows
        }


@pytest.fixture
def project(tmp_path: Path) -> Small:
    """A project whose env.py is told the tenant by -x."""
    return small(tmp_path / "project", TENANT)


Run = Callable[..., Ran]


def test_every_schema_is_upgraded(run: Run, database: Target, tenants: tuple[str, ...]) -> None:
    """All that match, several at a time, each in its own version table; none is done twice."""
    fleet = ("upgrade", "--schemas", "tenant_*", "-x", "tenant={schema}", "--parallel", "3", "-y")
    ran = run(*fleet)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == "4 targets: 4 upgraded"
    assert recorded(database) == dict.fromkeys(tenants, HEAD)
    again = run(*fleet)
    assert again.out.splitlines()[0] == "4 targets: 0 upgraded, 4 had nothing pending"


def test_a_line_of_json_for_every_target(
    run: Run, database: Target, tenants: tuple[str, ...]
) -> None:
    """Each is an envelope of its own, as soon as it ended; the summary comes last."""
    ran = run("upgrade", "--schemas", "tenant_*", "-x", "tenant={schema}", "-y", "--json")
    *lines, last = [json.loads(line) for line in ran.out.splitlines()]
    assert [each["data"]["schema"] for each in lines] == list(tenants)
    assert {tuple(each["data"]["after"]) for each in lines} == {(HEAD,)}
    assert {each["command"] for each in (*lines, last)} == {"upgrade"}
    assert len(last["data"]["outcomes"]) == 4
    assert "password" not in ran.out


def test_a_plan_changes_nothing(run: Run, database: Target, tenants: tuple[str, ...]) -> None:
    """--plan says for each what would run."""
    ran = run("upgrade", "--schemas", "tenant_*", "-x", "tenant={schema}", "--plan")
    assert ran.out.splitlines()[0] == (
        f"{len(tenants)} targets: 4 would be upgraded; lint: nothing found"
    )
    assert "at no revision, 2 revisions pending, up to aaaa00000002" in ran.out
    assert (ran.code, recorded(database)) == (0, {})


INDEX = 'op.execute("CREATE INDEX i ON t2 (id)")'


@pytest.mark.parametrize("way", ["option", "settings", "plan"])
def test_findings_stop_a_fleet(
    run: Run, project: Small, database: Target, tenants: tuple[str, ...], way: str
) -> None:
    """A revision is judged for the target it harms most, before the first target is changed."""
    limit = 'fail_on = "error"\n' if way == "settings" else ""
    project.write("dbtool.toml", f'{limit}[lint]\nselect = ["index-not-concurrent"]\n')
    fleet = ("upgrade", "-x", "tenant={schema}", "-y", "--schemas")
    assert run(*fleet, "tenant_3").code == 0
    project.revision("bbb3", HEAD, INDEX, 'op.execute("DROP INDEX i")')
    words = {"option": ["--fail-on", "error"], "plan": ["--plan", "--show-sql"]}.get(way, [])
    ran = run(*fleet, "tenant_*", *words)
    assert (ran.code, ran.err) == (1, "")
    stopped = {
        "option": "; stopped before the first change by --fail-on error",
        "settings": "; stopped before the first change by fail_on = error in the settings",
        "plan": "",
    }[way]
    headline, *lines = ran.out.splitlines()
    assert headline == f"4 targets: 4 would be upgraded; lint: 1 error{stopped}"
    assert [line.split() for line in lines if line.startswith(("aaaa", "bbb"))][:3] == [
        ["aaaa00000001", "3", "1", "together"],
        ["aaaa00000002", "3", "1", "together"],
        ["bbb3", "4", "1", "together"],
    ]
    assert ("    CREATE INDEX i ON t2 (id);" in lines) is (way == "plan")
    assert recorded(database) == {"tenant_3": HEAD}


def test_no_finding_is_in_the_way(
    run: Run, database: Target, tenants: tuple[str, ...], tmp_path: Path
) -> None:
    """All targets are upgraded that could be looked at; the others have failed, and are told."""
    file = tmp_path / "targets"
    missing = plain(database.with_database("missing"))
    file.write_text(f"{missing}\n{plain(database)}\n")
    words = ("upgrade", "--targets", str(file), "-x", "tenant=tenant_1", "-y", "--json")
    ran = run(*words, "--keep-going", "--fail-on", "error")
    first, second, last, error = [json.loads(line) for line in ran.out.splitlines()]
    assert first["data"]["error"]["exit"] == 3
    assert f"comes from {file}:1" in first["data"]["error"]["detail"]
    assert second["data"]["after"] == [HEAD]
    assert last["data"]["outcomes"] == [first["data"], second["data"]]
    assert (ran.code, error["error"]["message"]) == (4, "1 of 2 targets failed")
    assert recorded(database) == {"tenant_1": HEAD}


def test_the_search_path(
    run: Run, project: Small, database: Target, tenants: tuple[str, ...]
) -> None:
    """An env.py that knows nothing of tenants is led by the search path of its connection."""
    project.env(FROM_CONFIG)
    ran = run("upgrade", "--schemas", "tenant_*", "--search-path", "{schema}", "-y")
    assert (ran.code, ran.err) == (0, "")
    assert recorded(database) == dict.fromkeys(tenants, HEAD)


@pytest.mark.parametrize("env", [FROM_CONFIG, ASYNC], ids=["psycopg", "asyncpg"])
def test_a_reset_in_a_revision(
    run: Run, project: Small, database: Target, tenants: tuple[str, ...], env: str
) -> None:
    """RESET leads back to the schema of the tenant."""
    project.env(env)
    up = 'op.execute("RESET ALL")\nop.execute("CREATE TABLE x (i int)")'
    project.revision("aaaa00000003", HEAD, up)
    ran = run("upgrade", "--schemas", "tenant_*", "--search-path", "{schema}", "-y")
    assert (ran.code, ran.err) == (0, "")
    assert recorded(database) == dict.fromkeys(tenants, "aaaa00000003")
    with SyncConnection(database) as connection:
        rows = connection.fetch(
            "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'x' ORDER BY 1"
        )
    assert tuple(each[0] for each in rows) == tenants


def test_another_version_table_is_refused(
    run: Run, project: Small, database: Target, tenants: tuple[str, ...]
) -> None:
    """What -x says reaches nobody where env.py does not read it: nothing runs."""
    project.env(FROM_CONFIG)
    ran = run("upgrade", "--schemas", "tenant_*", "-x", "tenant={schema}", "-y")
    assert ran.code == 4
    assert ran.out.splitlines()[0] == "4 targets: 0 upgraded, 1 failed, 3 not started"
    assert ran.err.splitlines()[:2] == [
        "error: 1 of 1 target failed",
        f"detail: {database.shown} schema tenant_1: the version table is public.alembic_version,"
        " not one of schema tenant_1",
    ]
    assert recorded(database) == {}


def test_no_way_for_the_schema(run: Run, tenants: tuple[str, ...]) -> None:
    """A schema that cannot reach env.py is a mistake of the command line."""
    ran = run("upgrade", "--schemas", "tenant_*", "-y")
    assert ran.code == 2
    assert ran.err.splitlines()[0] == "error: how a schema reaches env.py is not stated"


BROKEN = """
op.execute("CREATE TABLE t2 (id int)")
if op.get_bind().exec_driver_sql("SELECT current_schema()").scalar() == "tenant_2":
    raise ValueError("not here")
"""


@pytest.mark.parametrize(
    ("flags", "headline", "upgraded"),
    [
        ((), "4 targets: 1 upgraded, 1 failed, 2 not started", 1),
        (("--keep-going",), "4 targets: 3 upgraded, 1 failed", 3),
    ],
)
def test_one_fails(
    run: Run,
    project: Small,
    database: Target,
    tenants: tuple[str, ...],
    flags: tuple[str, ...],
    headline: str,
    upgraded: int,
) -> None:
    """The rest is not begun, unless wanted; the same command goes on where it ended."""
    project.revision(HEAD, "aaaa00000001", BROKEN)
    fleet = ("upgrade", "--schemas", "tenant_*", "-x", "tenant={schema}", "-y", *flags)
    ran = run(*fleet)
    assert (ran.code, ran.out.splitlines()[0]) == (4, headline)
    assert f"revision {HEAD}" in ran.err
    assert len(recorded(database)) == upgraded
    project.revision(HEAD, "aaaa00000001", 'op.execute("CREATE TABLE t2 (id int)")')
    again = run(*fleet)
    assert again.code == 0
    assert recorded(database) == dict.fromkeys(tenants, HEAD)


@pytest.fixture
def databases(server: Server) -> Iterator[tuple[Target, ...]]:
    """Two empty databases."""
    names = ("fleet_a", "fleet_b")
    yield tuple(server.create_database(name) for name in names)
    for name in names:
        server.drop_database(name)


def test_databases_of_a_file(
    dbtool: Dbtool, project: Small, databases: tuple[Target, ...], tmp_path: Path
) -> None:
    """One URL a line; a database named twice is one target; the named one plays no part."""
    project.env(FROM_CONFIG)
    file = tmp_path / "targets"
    lines = [plain(each) for each in databases]
    file.write_text("\n".join(["# customers", *lines, "", lines[0]]) + "\n")
    ran = dbtool("upgrade", "--targets", str(file), "-y", "--parallel", "2", cwd=project.root)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == "2 targets: 2 upgraded"
    assert [recorded(each) for each in databases] == [{"public": HEAD}] * 2


def test_databases_of_a_query(run: Run, project: Small, databases: tuple[Target, ...]) -> None:
    """The name of its column says what the rows are."""
    project.env(FROM_CONFIG)
    sql = "SELECT datname AS database FROM pg_database WHERE datname LIKE 'fleet__' ORDER BY 1"
    ran = run("upgrade", "--query", sql, "-y")
    assert ran.out.splitlines()[0] == "2 targets: 2 upgraded"
    assert [recorded(each) for each in databases] == [{"public": HEAD}] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--query", "SELECT 1 AS one"), "the query of --query returns one"),
        (("--query", "SELECT '' AS schema"), "the query of --query returns a row without a schema"),
        (("--query", "SELECT 1 AS url WHERE false"), "the query of --query returns no row"),
        (("--schemas", "nobody_*"), 'no schema of {shown} matches "nobody_*"'),
        (("--schemas", "*", "--targets", "x"), "--targets and --schemas name two fleets"),
        (("--parallel", "4"), "--search-path, --parallel and --keep-going are for a fleet"),
        (("--targets", "/nowhere/x"), 'cannot read "/nowhere/x"'),
        (("--targets", "/dev/null"), "/dev/null names no database"),
        (("+1", "--schemas", "*"), "+1 is no place for a fleet to go to"),
    ],
)
def test_what_is_no_fleet(
    run: Run, database: Target, arguments: tuple[str, ...], message: str
) -> None:
    """Each mistake is exit 2 and names itself; nothing runs."""
    ran = run("upgrade", *arguments, "-y")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[0] == "error: " + message.format(shown=database.shown)


def test_a_query_may_not_write(run: Run, database: Target) -> None:
    """It runs in a read-only session."""
    ran = run("upgrade", "--query", "CREATE TABLE x (i int)", "-y")
    assert ran.code == 4
    assert "read-only transaction" in ran.err


SLEEPS = """
op.execute("CREATE TABLE t2 (id int)")
op.execute("SELECT pg_sleep(60)")
"""


def started(project: Small, database: Target, *flags: str) -> "subprocess.Popen[str]":
    """A fleet of three at a time whose second revision takes a minute."""
    project.revision(HEAD, "aaaa00000001", SLEEPS)
    fleet = ("--schemas", "tenant_*", "-x", "tenant={schema}", "--parallel", "3", "-y", *flags)
    return subprocess.Popen(
        [sys.executable, "-m", "dbtool", "upgrade", "--url", plain(database), *fleet],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def sleeping(database: Target) -> list[int]:
    """The backends that run the long statement."""
    with SyncConnection(database) as connection:
        return [
            row[0]
            for row in connection.fetch(
                "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
                " AND state = 'active' AND datname = current_database()"
            )
        ]


def test_an_interrupt_cancels_on_the_server(
    project: Small, database: Target, tenants: tuple[str, ...]
) -> None:
    """Exit 130; no statement goes on, no target is half done, and the rest was not begun."""
    fleet = started(project, database)
    assert eventually(lambda: len(sleeping(database)) == 3)
    os.killpg(fleet.pid, signal.SIGINT)
    _, err = fleet.communicate(timeout=60)
    assert fleet.returncode == 130
    assert "0 targets ended well, 3 were cancelled or had failed, 1 had not begun." in err
    assert sleeping(database) == []
    assert recorded(database) == {}


BEHIND_THE_FIRST = """
import os, signal, socket, sys, threading
from dbtool.cli.app import main
number = int(sys.argv.pop(1))
start = threading.Thread.start
reading, writing = socket.socketpair()
writing.setblocking(False)
def then_interrupt(self):
    start(self)
    if getattr(getattr(self, "_target", None), "__name__", "") == "work":
        threading.Thread.start = start
        signal.set_wakeup_fd(writing.fileno())
        os.kill(os.getpid(), number)
        reading.recv(1)
        signal.set_wakeup_fd(-1)
threading.Thread(target=threading.Event().wait, daemon=True).start()
threading.Thread.start = then_interrupt
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_that_another_thread_takes(
    project: Small, database: Target, tenants: tuple[str, ...], number: signal.Signals
) -> None:
    """Right behind the start of the first worker it waits for the others: no work goes on."""
    project.revision(HEAD, "aaaa00000001", SLEEPS)
    words = ("upgrade", "--url", plain(database), "--schemas", "tenant_*", "-x", "tenant={schema}")
    ran = subprocess.run(
        [sys.executable, "-c", BEHIND_THE_FIRST, str(int(number)), *words, "--parallel", "3", "-y"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 130
    assert "0 targets ended well, " in ran.stderr
    assert "Traceback" not in ran.stderr
    assert recorded(database) == {}


def workers(fleet: "subprocess.Popen[str]") -> list[int]:
    """The processes that upgrade."""
    found = []
    for each in Path(f"/proc/{fleet.pid}/task").glob("*/children"):
        # A thread that ends takes its directory along.
        with suppress(OSError):
            for pid in each.read_text().split():
                if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(int(pid))
    return found


def test_an_interrupt_while_the_workers_start(
    project: Small, database: Target, tenants: tuple[str, ...]
) -> None:
    """It is heard as soon as there is somebody to hear it, and nothing else is said."""
    fleet = started(project, database)
    assert eventually(lambda: len(workers(fleet)) == 3)
    os.kill(fleet.pid, signal.SIGINT)
    _, err = fleet.communicate(timeout=60)
    assert fleet.returncode == 130
    assert err.splitlines()[0] == "error: interrupted"
    assert recorded(database) == {}


def test_a_worker_that_dies_fails_its_target_alone(
    project: Small, database: Target, tenants: tuple[str, ...]
) -> None:
    """The others go on, and the death is told; where its target stands is not known."""
    fleet = started(project, database, "--keep-going", "--json")
    assert eventually(lambda: len(sleeping(database)) == 3)
    # The fourth target begins as soon as the death is seen; the others have read theirs.
    project.revision(HEAD, "aaaa00000001", "pass")
    os.kill(workers(fleet)[0], signal.SIGKILL)
    with SyncConnection(database) as connection:
        for pid in sleeping(database):
            connection.execute("SELECT pg_cancel_backend($1::int)", pid)
    out, err = fleet.communicate(timeout=60)
    assert fleet.returncode == 4
    *_, last, _ = map(json.loads, out.splitlines())
    outcomes = last["data"]["outcomes"]
    failed = [each for each in outcomes if each["error"]]
    assert (len(outcomes), len(failed)) == (4, 3), err
    (died,) = (each for each in failed if "before its time (signal 9)" in each["error"]["message"])
    assert (died["before"], died["after"]) == (None, None)


def test_a_question_before_a_fleet(
    run: Run, project: Small, database: Target, tenants: tuple[str, ...]
) -> None:
    """Of databases in production it is asked once, for those that have anything pending."""
    live = f'[env.live]\nurl = "{plain(database)}"\nproduction = true\n'
    project.write("dbtool.toml", live)
    fleet = ("upgrade", "--schemas", "tenant_*", "-x", "tenant={schema}")
    assert run("upgrade", "-x", "tenant=tenant_1", "--yes").code == 0
    ran = run(*fleet)
    assert (ran.code, ran.out) == (2, "")
    pending = "at no revision, 2 revisions pending, up to aaaa00000002"
    assert ran.err.splitlines()[:6] == [
        *(f"  {database.shown} schema {each}: {pending}" for each in tenants[1:]),
        "lint: nothing found",
        "error: this needs a yes, and nobody is there to ask",
        "detail: Upgrade 3 targets? [y/N]",
    ]
    assert recorded(database) == {"tenant_1": HEAD}
    assert run(*fleet, "--yes").code == 0
    again = run(*fleet)
    assert (again.code, again.err) == (0, "")
    assert again.out.splitlines()[0] == "4 targets: 0 would be upgraded, 4 had nothing pending"
    with SyncConnection(database) as connection:
        connection.execute("BEGIN; LOCK TABLE tenant_2.t1")
        looked = run("status", *fleet[1:], "--check-heads", "--json")
    *each, last = map(json.loads, looked.out.splitlines())
    assert (looked.code, len(each), last["findings"]) == (0, 4, [])
    locking = {one["data"]["schema"]: one["data"]["status"]["surroundings"] for one in each}
    assert locking["tenant_2"]["transactions"][0]["tables"] == ["tenant_2.t1"]


@pytest.mark.slow
def test_a_thousand_schemas(run: Run, database: Target) -> None:
    """Many tenants are routine: all upgraded, then all found in order."""
    with SyncConnection(database) as connection:
        for number in range(1_000):
            connection.execute(f"CREATE SCHEMA tenant_{number}")
    fleet = ("upgrade", "--schemas", "tenant_*", "-x", "tenant={schema}", "--parallel", "4", "-y")
    assert run(*fleet).out.splitlines()[0] == "1,000 targets: 1,000 upgraded"
    assert set(recorded(database).values()) == {HEAD}
    assert run(*fleet).out.splitlines()[0].endswith("1,000 had nothing pending")


def test_a_fleet_goes_back(
    run: Run, project: Small, database: Target, tenants: tuple[str, ...]
) -> None:
    """All are seen and agreed to first, and what each loses is said; steps are refused."""
    fleet = ("--schemas", "tenant_*", "-x", "tenant={schema}")
    assert run("upgrade", *fleet, "-y").code == 0
    back = ("downgrade", *fleet)
    steps = run(*back, "-1", "-y")
    assert (steps.code, "-1 is no place for a fleet to go back to" in steps.err) == (2, True)
    planned = run(*back, "aaaa00000001", "--plan")
    assert planned.out.splitlines()[0] == "4 targets: 4 would be downgraded"
    assert f"at {HEAD}, 1 revision to undo" in planned.out
    assert planned.out.count(f"{HEAD} loses table tenant_") == 4
    live = f'[env.live]\nurl = "{plain(database)}"\nproduction = true\n'
    project.write("dbtool.toml", live)
    asked = run(*back, "aaaa00000001", "--yes")
    assert asked.code == 2
    assert f'Downgrade 4 targets? Type "{database.database}"' in asked.err
    assert recorded(database) == dict.fromkeys(tenants, HEAD)
    done = run(*back, "aaaa00000001", "--confirm-database", database.database)
    assert (done.code, done.out.splitlines()[0]) == (0, "4 targets: 4 downgraded"), done
    assert recorded(database) == dict.fromkeys(tenants, "aaaa00000001")


def test_losses_that_are_not_listed_are_counted() -> None:
    """Of a large fleet only some losses are listed, which nobody may take for all."""
    losing = tuple(
        Outcome(f"db{each}", None, ("b",), ("b",), ("b",), losses=("b loses table t",))
        for each in range(31)
    )
    *_, listed = view.summary(Fleet(losing, (), planned=True, verb="downgrade"), "x").sections
    assert isinstance(listed, Tree)
    assert (len(listed.roots), listed.title) == (
        30,
        "losses of the 30 of 31 targets that lose most",
    )


def test_every_database_of_a_fleet_is_confirmed() -> None:
    """One that is left out is not changed either."""
    confirm("shop, crm", ("shop", "crm"))
    with pytest.raises(UsageError, match="--confirm-database leaves out crm"):
        confirm("shop", ("shop", "crm"))


@pytest.mark.parametrize("words", [("upgrade",), ("downgrade", "base")])
def test_no_script_of_a_fleet(
    run: Run, database: Target, tenants: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Who asks for SQL gets none, and no run."""
    ran = run(*words, "--sql", "--schemas", "tenant_*", "-x", "tenant={schema}", "-y")
    assert (ran.code, recorded(database)) == (2, {})
    assert "--sql is for one database" in ran.err
