"""`--sql --from-scratch` prints what really ran: psql makes the same database of it."""

import json
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from dbtool.database.target import Target
from dbtool.scratch.binaries import client
from dbtool.scratch.server import Server, throwaway
from tests.conftest import MAJOR, Dbtool, Ran
from tests.migrate.conftest import Decoy, plain, url
from tests.migrate.projects import FROM_CONFIG, MIGRATE, Small
from tests.projects.build import build
from tests.projects.runner import Runner
from tests.projects.shapes import PROJECTS
from tests.projects.snapshot import execute, sessions, snapshot

SHAPES = {shape.name: shape for shape in PROJECTS}
UNUSUAL = (
    *("template_async", "tenants", "tenant_loop", "second_connection", "two_engines"),
    *("per_migration", "noisy", "merged", "app_in_revisions", "worker_thread"),
)
_numbers = count(1)

ASYNC = f"""
import asyncio
from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine
{MIGRATE}
async def main():
    engine = create_async_engine(context.config.get_main_option("sqlalchemy.url"))
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()

asyncio.run(main())
"""
VALUES = r"""
    import datetime as dt, decimal, enum, uuid
    from sqlalchemy.dialects import postgresql as pg
    class Colour(enum.Enum):
        red = "red"
        odd = "it's odd"
    kinds = {
        "text": sa.Text(), "number": sa.Integer(), "big": sa.BigInteger(), "flag": sa.Boolean(),
        "real": sa.Float(), "exact": sa.Numeric(12, 4), "raw": sa.LargeBinary(),
        "day": sa.Date(), "clock": sa.Time(), "moment": sa.DateTime(timezone=True),
        "naive": sa.DateTime(), "span": sa.Interval(), "key": sa.Uuid(), "doc": sa.JSON(),
        "docb": pg.JSONB(none_as_null=True), "words": pg.ARRAY(sa.Text()),
        "grid": pg.ARRAY(sa.Integer(), dimensions=2), "colour": sa.Enum(Colour, name="colour"),
        "within": pg.INT4RANGE(), "address": pg.INET(), "sums": pg.ARRAY(sa.Numeric()),
    }
    table = op.create_table("kept", *(sa.Column(name, kind) for name, kind in kinds.items()))
    zone = dt.timezone(dt.timedelta(hours=-3, minutes=-30))
    rows = [
        dict(text=text, number=-5, big=2**62, flag=False, real=number,
             exact=decimal.Decimal("-12.3400"), raw=b"\x00\xff'\\", day=dt.date(1, 2, 3),
             clock=dt.time(23, 59, 59, 999999), moment=dt.datetime(2024, 2, 29, 1, 2, tzinfo=zone),
             naive=dt.datetime(1999, 1, 1), span=dt.timedelta(days=-3, seconds=7, microseconds=1),
             key=uuid.UUID(int=7), doc={"a": ["it's", None, 1.5, "\\"]}, docb=[1, "$1"],
             words=["a,b", 'c"d', None, "", "NULL", "{x}", "back\\slash"],
             grid=[[1, 2], [3, 4]], colour=Colour.odd, within=pg.Range(1, None),
             address="10.0.0.0/8", sums=[decimal.Decimal("1.10"), None])
        for text, number in (("O'Brien \\ 100% $1 :x %(y)s ?", 0.1), ("\u00e9\n\t", float("nan")),
                             ("", float("-inf")))
    ]
    rows += [dict.fromkeys(kinds)]
    op.bulk_insert(table, rows)
    bind = op.get_bind()
    bind.execute(table.insert().values(rows[0]))
    bind.execute(table.update().where(table.c.number.in_([-5, 6, 7])).values(big=1))
    bind.execute(sa.text("INSERT INTO kept (number, text) VALUES (:n, :t || '$1 %')"),
                 {"n": 3, "t": "x"})
    bind.execute(sa.text("INSERT INTO kept (docb) SELECT jsonb_build_object('a', cast(:n AS int))"),
                 {"n": 3})
    bare = bind.execution_options(no_parameters=True)
    bare.exec_driver_sql("INSERT INTO kept (text) VALUES ('100% $1')")
    op.execute(sa.text("UPDATE kept SET text = text || '%'"))
"""
READS = """
rows = op.get_bind().execute(sa.text("SELECT id FROM t1")).fetchall()
op.execute("CREATE TABLE read_%d (id int)" % len(rows))
"""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Target]:
    """The database the projects believe to be theirs."""
    with throwaway(MAJOR, port=0) as started:
        yield started.create_database("shop")


@pytest.fixture
def databases(server: Server) -> Iterator[tuple[Target, Target]]:
    """Two empty databases."""
    names = [f"scratched_{next(_numbers)}" for _ in range(2)]
    yield server.create_database(names[0]), server.create_database(names[1])
    for name in names:
        server.drop_database(name)


def psql(target: Target, script: str) -> None:
    """Run a script as people do; the first error ends it."""
    words = [
        str(client("psql", MAJOR)),
        "-v",
        "ON_ERROR_STOP=1",
        "-q",
        "-o",
        "/dev/null",
        "-f",
        "-",
    ]
    environment = target.libpq_environment({"PATH": "/usr/bin:/bin"})
    ran = subprocess.run(
        words, input=script, text=True, capture_output=True, env=environment, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, ""), script


@pytest.mark.parametrize("name", UNUSUAL)
def test_leads_where_alembic_leads(
    runner: Runner,
    databases: tuple[Target, Target],
    elsewhere: Target,
    tmp_path: Path,
    name: str,
) -> None:
    """The recorded SQL of a whole history, and no session where the project believes to be."""
    migrated, scripted = databases
    shape = SHAPES[name]
    theirs = build(shape, tmp_path / "theirs", migrated)
    words = (*shape.arguments, "upgrade", shape.head)
    ran = runner("alembic", *words, cwd=theirs.directory, env=theirs.environment)
    assert ran.code == 0, ran
    ours, seen = build(shape, tmp_path / "ours", elsewhere), sessions(elsewhere)
    words = (*words, "--sql", "--from-scratch")
    ran = runner("dbtool", *words, cwd=ours.directory, env=ours.environment)
    assert (ran.code, sessions(elsewhere)) == (0, seen), ran
    execute(scripted, shape.before)
    psql(scripted, ran.out)
    assert snapshot(scripted) == snapshot(migrated)


Scratch = Callable[..., Ran]


@pytest.fixture
def scratch(dbtool: Dbtool, project: Small) -> Scratch:
    """Run `upgrade --sql --from-scratch` or another verb in the small project."""

    def run(*words: str, **named: object) -> Ran:
        return dbtool(*words, "--sql", "--from-scratch", cwd=project.root, **named)

    return run


def test_whole_output(scratch: Scratch, project: Small) -> None:
    """Transactions, blocks outside of them, literals and what depends on rows."""
    project.revision(
        "aaaa00000003",
        "aaaa00000002",
        """
        people = op.create_table("people", sa.Column("name", sa.Text), sa.Column("at", sa.Date))
        op.bulk_insert(people, [{"name": "O'Brien 100%", "at": sa.func.current_date()}][:0])
        op.get_bind().execute(sa.text("INSERT INTO t1 VALUES (:n)"), {"n": 7})
        op.get_bind().execute(sa.text("SELECT count(*) FROM t1")).scalar()
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY i ON people (name)")
        op.execute("COMMENT ON TABLE people IS '100% -- all'")
        """,
    )
    ran = scratch("upgrade", "aaaa00000001:head")
    assert ran.code == 0, ran
    assert ran.out == (
        f"-- recorded by dbtool from a run on a throwaway PostgreSQL {_scratch_major(ran)}\n"
        "-- the run read from t1: what it would do for rows that the history itself does not"
        " write is missing\n"
        "\n"
        "BEGIN;\n\n"
        "-- Running upgrade aaaa00000002 aaaa00000002 does something.\n\n"
        "CREATE TABLE t2 (id int);\n\n"
        "UPDATE alembic_version SET version_num='aaaa00000002' WHERE alembic_version.version_num"
        " = 'aaaa00000001';\n\n"
        "-- Running upgrade aaaa00000003 aaaa00000003 does something.\n\n"
        "CREATE TABLE people (\n\tname TEXT, \n\tat DATE\n);\n\n"
        "INSERT INTO t1 VALUES (7);\n\n"
        "COMMIT;\n\n"
        "CREATE INDEX CONCURRENTLY i ON people (name);\n\n"
        "BEGIN;\n\n"
        "COMMENT ON TABLE people IS '100% -- all'\n;\n\n"
        "UPDATE alembic_version SET version_num='aaaa00000003' WHERE alembic_version.version_num"
        " = 'aaaa00000002';\n\n"
        "COMMIT;\n\n"
    )


def _scratch_major(ran: Ran) -> str:
    return ran.out.partition("PostgreSQL ")[2].split()[0]


def test_downgrade(
    scratch: Scratch, dbtool: Dbtool, project: Small, databases: tuple[Target, Target]
) -> None:
    """A downgrade begins where its range begins."""
    migrated, scripted = databases
    for target in databases:
        assert dbtool("--url", plain(target), "upgrade", cwd=project.root).code == 0
    words = ("--url", plain(migrated), "downgrade", "base", "--yes")
    assert dbtool(*words, cwd=project.root).code == 0
    psql(scripted, scratch("downgrade", "head:base").out)
    assert snapshot(scripted) == snapshot(migrated)


def test_hint_where_rendering_fails(dbtool: Dbtool, project: Small) -> None:
    """A revision that cannot be rendered names the way out, and the way out works."""
    project.revision("aaaa00000003", "aaaa00000002", READS)
    ran = dbtool("upgrade", "--sql", cwd=project.root)
    assert (ran.code, ran.out) == (4, "")
    assert "--sql --from-scratch" in ran.err
    ran = dbtool("upgrade", "--sql", "--from-scratch", cwd=project.root)
    assert "CREATE TABLE read_0 (id int);" in ran.out, ran
    assert "info: the run read from t1" in ran.err
    assert " event=" not in ran.err


def test_env_without_an_offline_branch(scratch: Scratch, dbtool: Dbtool, project: Small) -> None:
    """An env.py that always connects cannot render, and can be recorded."""
    project.env(FROM_CONFIG.replace("context.is_offline_mode()", "False"))
    ran = dbtool("upgrade", "--sql", cwd=project.root)
    assert (ran.code, ran.out) == (4, "")
    assert "--sql --from-scratch" in ran.err
    assert scratch("upgrade").code == 0


def test_never_looks_at_the_named_database(scratch: Scratch, project: Small, decoy: Decoy) -> None:
    """Neither DATABASE_URL nor --url nor what env.py computes is connected to."""
    project.env(
        FROM_CONFIG.replace(
            "section = ", "import os\n    section = {'sqlalchemy.url': os.environ['OWN']} or "
        )
    )
    environment = {"DATABASE_URL": plain(decoy.target), "OWN": url(decoy.target)}
    ran = scratch("upgrade", "--url", plain(decoy.target), env=environment)
    assert ran.code == 0, ran
    assert decoy.statements() == []
    nowhere = scratch("upgrade", env={**environment, "DATABASE_URL": "nonsense://:::"})
    assert (nowhere.code, nowhere.out) == (0, ran.out)
    environment["OWN"] = "postgresql+psycopg://somebody@/postgres?host=/nowhere"
    maintenance = scratch("upgrade", env=environment)
    assert (maintenance.code, maintenance.out) == (0, ran.out), maintenance


def test_work_past_sqlalchemy_is_noticed(scratch: Scratch, project: Small) -> None:
    """What the driver's own cursor does is not in the script, so the script is refused."""
    project.revision(
        "aaaa00000003",
        "aaaa00000002",
        'op.get_bind().connection.cursor().execute("CREATE TABLE hidden (id int)")',
    )
    ran = scratch("upgrade")
    assert (ran.code, ran.out) == (4, ""), ran
    assert "does not lead where the run led" in ran.err
    assert "table public.hidden" in ran.err


def test_statements_that_were_taken_back(scratch: Scratch, project: Small) -> None:
    """What a savepoint or a transaction undid leaves no trace that fails in psql."""
    project.revision(
        "aaaa00000003",
        "aaaa00000002",
        """
        for statement in ("CREATE TABLE t1 (id int)", "CREATE TABLE t3 (id int)"):
            try:
                with op.get_bind().begin_nested():
                    op.execute(statement)
            except sa.exc.DBAPIError:
                pass
        """,
    )
    ran = scratch("upgrade")
    assert ran.code == 0, ran
    assert ran.out.count("CREATE TABLE t1") == 1
    assert "CREATE TABLE t3 (id int);" in ran.out


def test_roles_are_not_proven(scratch: Scratch, project: Small) -> None:
    """A role belongs to the whole server and cannot be made twice there; that is said."""
    project.revision("aaaa00000003", "aaaa00000002", 'op.execute("CREATE ROLE reporting")')
    ran = scratch("upgrade", "--json")
    assert ran.code == 0, ran
    assert "all databases of a server share" in json.loads(ran.out)["data"]["unproven"]
    assert "info: not proven" in ran.err


def test_needs_sql(dbtool: Dbtool, project: Small) -> None:
    """Recording without asking for SQL is a mistake, and runs nothing."""
    for words in (("upgrade", "--from-scratch"), ("downgrade", "base", "--from-scratch")):
        ran = dbtool(*words, cwd=project.root)
        assert ran.code == 2
        assert ran.err == "error: --from-scratch is a way to write --sql\nhint: Give both.\n"


def test_placeholders_are_noticed(dbtool: Dbtool, project: Small) -> None:
    """Alembic prints SQL that nothing can run, and says nothing; here the revision is named."""
    project.env(FROM_CONFIG.replace(", literal_binds=True", ""))
    values = 'op.execute(sa.table("t1", sa.column("id")).insert().values(id=7))'
    project.revision("aaaa00000003", "aaaa00000002", values)
    ran = dbtool("upgrade", "aaaa00000002:head", "--sql", cwd=project.root)
    assert ran.code == 0, ran
    assert "INSERT INTO t1 (id) VALUES (%(id)s);" in ran.out
    assert ran.err == (
        "info: the SQL of aaaa00000003 has placeholders where values belong, and no database"
        " takes it so; let env.py pass literal_binds=True to context.configure, or add"
        " --from-scratch\n"
    )
    ran = dbtool("upgrade", "aaaa00000002:head", "--sql", "--from-scratch", cwd=project.root)
    assert "INSERT INTO t1 (id) VALUES (7" in ran.out, ran


def test_failure_names_the_revision(scratch: Scratch, project: Small) -> None:
    """The error is that of an upgrade, without a database nobody can look at."""
    project.revision("aaaa00000003", "aaaa00000002", 'op.execute("ALTER TABLE x ADD y int")')
    ran = scratch("upgrade", "-q")
    assert (ran.code, ran.out) == (4, "")
    assert ran.err == (
        "error: revision aaaa00000003 (aaaa00000003 does something.) failed:"
        ' relation "x" does not exist\n'
        "detail: ALTER TABLE x ADD y int\n"
        "        SQLSTATE 42P01\n"
        "        at migrations/versions/aaaa00000003.py:9\n"
    )


def test_history_that_does_not_build_from_empty(scratch: Scratch, project: Small) -> None:
    """A throwaway database is empty, and that is the reason."""
    project.revision("aaaa00000001", None, 'op.execute("ALTER TABLE x ADD y int")')
    ran = scratch("upgrade", "-q")
    assert ran.code == 4
    assert ran.err.endswith(
        "hint: This history does not build from an empty database, and a throwaway one is.\n"
    )


def test_extension_that_the_throwaway_server_lacks(scratch: Scratch, project: Small) -> None:
    """Other programs may have it, and the hint says how to name them."""
    project.revision("aaaa00000003", "aaaa00000002", 'op.execute("CREATE EXTENSION no_such")')
    ran = scratch("upgrade", "-q")
    assert ran.code == 4
    assert 'failed: extension "no_such" is not available\n' in ran.err
    assert ran.err.endswith(
        "hint: Its files must be installed on the server's machine. For a server that dbtool"
        " starts, DBTOOL_PG_BIN can name other programs.\n"
    )


def test_range_with_three_ends(scratch: Scratch) -> None:
    """A range has two ends."""
    ran = scratch("upgrade", "a:b:c")
    assert (ran.code, ran.err) == (
        2,
        'error: "a:b:c" is not a range\nhint: Give both ends, from:to.\n',
    )


def test_range_in_the_wrong_direction(dbtool: Dbtool, project: Small) -> None:
    """A downgrade that would have to go up undoes nothing, rendered or recorded."""
    for more in ((), ("--from-scratch", "-q")):
        words = ("downgrade", "aaaa00000001:aaaa00000002", "--sql", *more)
        ran = dbtool(*words, cwd=project.root)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("error: there is nothing to undo on the way there\n")


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_values_survive(
    runner: Runner,
    project: Small,
    databases: tuple[Target, Target],
    driver: str,
) -> None:
    """Every kind of value that a revision binds stands in the script as what it was."""
    migrated, scripted = databases
    ini = project.root / "alembic.ini"
    ini.write_text(ini.read_text().replace("driver://user:pass@localhost/dbname", "URL"))
    project.env(ASYNC if driver == "asyncpg" else FROM_CONFIG)
    project.revision("aaaa00000003", "aaaa00000002", VALUES)
    ini.write_text(ini.read_text().replace("URL", url(migrated, driver).replace("%", "%%")))
    ran = runner("alembic", "upgrade", "head", cwd=project.root)
    assert ran.code == 0, ran
    ran = runner("dbtool", "upgrade", "--sql", "--from-scratch", cwd=project.root)
    assert ran.code == 0, ran
    psql(scripted, ran.out)
    assert snapshot(scripted) == snapshot(migrated)
