"""`check`: what differs, in words and as an operation."""

import json
import re
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy
from alembic.operations import Operations
from alembic.operations.ops import DowngradeOps, MigrateOperation, MigrationScript, UpgradeOps
from alembic.runtime.migration import MigrationContext

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.migrate.compare import differences
from dbtool.migrate.diff.foreign import without_enums
from dbtool.migrate.location import find
from dbtool.migrate.project import Project
from dbtool.migrate.replayed import check_history
from dbtool.ports import Silent
from dbtool.scratch.server import Server
from tests.migrate.conftest import Run, standing_at
from tests.migrate.projects import Small

ENV = """
from alembic import context
from app.models import metadata
from sqlalchemy import engine_from_config

with engine_from_config(context.config.get_section("alembic")).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata{options})
    with context.begin_transaction():
        context.run_migrations()
"""

MODELS = """
from sqlalchemy import *
metadata = MetaData(naming_convention={"ix": "ix_%(column_0_label)s", "uq": "uq_%(table_name)s"})
"""


@pytest.fixture
def compared(run: Run, project: Small, database: Target) -> Callable[..., list[str]]:
    """The lines `check` prints for models and a database, without names that change."""

    def compare(models: str, sql: str = "", options: str = "", code: int = 1) -> list[str]:
        with SyncConnection(database) as connection:
            standing_at(connection, "aaaa00000002", sql)
        project.env(ENV.format(options=options))
        project.write("app/models.py", MODELS + models)
        ran = run("check")
        assert ran.code == code, ran
        return ran.out.replace(database.shown, "DB").splitlines()

    return compare


def test_nothing_differs(compared: Callable[..., list[str]]) -> None:
    """The quiet case."""
    assert compared(
        'Table("t", metadata, Column("id", Integer))', "CREATE TABLE t (id int)", code=0
    ) == ["models and DB do not differ", "", "no findings"]


def test_missing_table(compared: Callable[..., list[str]]) -> None:
    """A table the database lacks, whole page."""
    assert compared('Table("t", metadata, Column("id", Integer))') == [
        "models and DB differ in 1 place",
        "",
        "[1] error (measured): table t is in the models, not in the database",
        "    drift at t",
        "    fix: in a revision, if the models are right",
        "        op.create_table('t',",
        "        sa.Column('id', sa.Integer(), nullable=True)",
        "        )",
        "",
        "next: dbtool revision --autogenerate -m MESSAGE",
        "",
        "1 error",
    ]


@pytest.mark.parametrize(
    ("column", "sql", "said"),
    [
        ('Column("x", Text)', "id int", "column t.x is in the models, not in the database"),
        ("", "id int, x text", "column t.x is in the database, not in the models"),
        (
            'Column("x", String(50))',
            "id int, x varchar(20)",
            "column t.x: its type is character varying(20) in the database, character varying(50)"
            " in the models",
        ),
        (
            'Column("x", Text, nullable=False)',
            "id int, x text",
            "column t.x: it may be NULL in the database, is NOT NULL in the models",
        ),
        (
            'Column("x", Integer, server_default="1")',
            "id int, x int default 2",
            "column t.x: its default is 2 in the database, 1 in the models",
        ),
        (
            'Column("x", Integer, comment="new")',
            "id int, x int",
            "column t.x: its comment differs",
        ),
        (
            'Column("x", Integer), Index("one", "x")',
            "id int, x int",
            "index one on t is in the models, not in the database",
        ),
        (
            'Column("x", Integer)',
            "id int, x int CONSTRAINT one UNIQUE",
            "unique constraint one on t is in the database, not in the models",
        ),
        (
            'Column("x", Integer, ForeignKey("t.id", name="one"))',
            "id serial PRIMARY KEY, x int",
            "foreign key constraint one on t is in the models, not in the database",
        ),
    ],
)
def test_differences_in_words(
    compared: Callable[..., list[str]], column: str, sql: str, said: str
) -> None:
    """Each kind of difference says which side has what."""
    key = ", primary_key=True" if "PRIMARY" in sql else ""
    models = f'Table("t", metadata, Column("id", Integer{key}), {column})'
    lines = compared(models, f"CREATE TABLE t ({sql})", ", compare_server_default=True")
    assert f"[1] error (measured): {said}" in lines


ENUM = 'Column("s", Enum("new", "paid", {more}name="status"))'


@pytest.mark.parametrize(
    ("column", "sql", "said"),
    [
        (
            ENUM.format(more='"refunded", '),
            "CREATE TYPE status AS ENUM ('new', 'paid'); CREATE TABLE t (s status)",
            'enum status has "refunded" in the models, not in the database',
        ),
        (
            ENUM.format(more=""),
            "CREATE TYPE status AS ENUM ('new', 'paid', 'lost'); CREATE TABLE t (s status)",
            'enum status has "lost" in the database, not in the models',
        ),
        (
            ENUM.format(more=""),
            "CREATE TYPE status AS ENUM ('paid', 'new'); CREATE TABLE t (s status)",
            "enum status sorts paid, new in the database, new, paid in the models",
        ),
        (
            'Column("s", ARRAY(Enum("new", "paid", "more", name="status")))',
            "CREATE TYPE status AS ENUM ('new', 'paid'); CREATE TABLE t (s status[])",
            'enum status has "more" in the models, not in the database',
        ),
        (
            'Column("s", Integer), CheckConstraint("s > 0", name="positive")',
            "CREATE TABLE t (s int)",
            "check constraint positive on t is in the models, not in the database",
        ),
        (
            'Column("s", Integer)',
            "CREATE TABLE t (s int CONSTRAINT positive CHECK (s > 0))",
            "check constraint positive on t is in the database, not in the models",
        ),
    ],
)
def test_what_alembic_does_not_see(
    compared: Callable[..., list[str]], column: str, sql: str, said: str
) -> None:
    """The catalogue decides what Alembic's comparison leaves out."""
    lines = compared(f'Table("t", metadata, {column})', sql)
    assert any(line.endswith(said) for line in lines), lines
    assert lines[0] == "models and DB differ in 1 place"


def test_a_label_is_added_outside_a_transaction(
    compared: Callable[..., list[str]], run: Run, project: Small
) -> None:
    """The operation shown ends the difference when it runs as a revision."""
    sql = "CREATE TYPE status AS ENUM ('new', 'paid'); CREATE TABLE t (s status)"
    column = ENUM.format(more='"it\'s", ')
    lines = compared(f'Table("t", metadata, {column})', sql)
    begin = next(n for n, line in enumerate(lines) if "autocommit_block" in line)
    up = "\n".join(line.removeprefix("        ") for line in lines[begin : begin + 2])
    project.revision("aaaa00000003", "aaaa00000002", up)
    assert run("upgrade").code == 0
    assert run("check").code == 0


def test_what_cannot_be_built_is_unknown(compared: Callable[..., list[str]], run: Run) -> None:
    """A table that needs what is nowhere is named, given to Alembic, and the rest goes on; so is
    what events create beside tables."""
    models = """
from sqlalchemy.types import UserDefinedType
for each in ("VIEW there AS SELECT 1", "VIEW nowhere AS SELECT 1",
             "FUNCTION made(int) RETURNS int LANGUAGE sql AS 'SELECT 1'"):
    event.listen(metadata, "after_create", DDL("CREATE " + each))
event.listen(metadata, "after_create", DDL("ALTER TABLE t ENABLE ROW LEVEL SECURITY"))
class Point(UserDefinedType):
    cache_ok = True
    def get_col_spec(self, **_):
        return "point_of_theirs"
Table("odd", metadata, Column("p", Point()), Column("n", Integer))
Table("t", metadata, Column("s", Integer, server_default="1"))
"""
    tables = "CREATE TABLE t (s int DEFAULT 2); CREATE TABLE odd (p int);"
    lines = compared(models, tables + "CREATE VIEW there AS SELECT 2")
    assert (
        "[1] error (measured): column t.s: its default is 2 in the database, 1 in the models"
        in (lines)
    )
    assert any("column odd.n is in the models, not in the database" in line for line in lines)
    said = json.loads(run("check", "--json").out)["unknown"]
    assert [each["reason"] for each in said] == [
        "not compared: public.odd, which cannot be created from the models alone:"
        ' type "point_of_theirs" does not exist',
        "not compared: view public.nowhere, function public.made(integer), row security of"
        " public.t: created by events of the models, and not in the database",
    ]


def test_a_percent_sign_is_written_once(
    compared: Callable[..., list[str]], run: Run, database: Target
) -> None:
    """Where Alembic compares what cannot be built, its operations run as printed make the same."""
    models = """
from sqlalchemy.types import UserDefinedType
class Point(UserDefinedType):
    cache_ok = True
    def get_col_spec(self, **_):
        return "point_of_theirs"
odd = Table(
    "odd", metadata, Column("p", Point()), Column("s", Text), Column("n", Integer),
    Column("rate%", Integer),
)
Index("i4", odd.c["rate%"] + 1)
Index("i1", odd.c.s.like("a%"))
Index("i2", odd.c.n % 2)
Index("i3", odd.c.s, postgresql_where=text("s LIKE '%z'"))
Table("new", metadata, Column("p", Point()), CheckConstraint(column("s").like("%c"), name="c"))
"""
    tables = 'CREATE TABLE odd (p int, s text, n int, "rate%" int);'
    tables += " CREATE INDEX i1 ON odd ((s LIKE 'b%')); CREATE INDEX i4 ON odd ((\"rate%\" + 2));"
    compared(models, tables)
    said = [each["fix"]["code"] for each in json.loads(run("check", "--json").out)["findings"]]
    (new,) = (each for each in said if "op.create_table('new'" in each)
    assert """sa.CheckConstraint("s LIKE '%c'", name='c')""" in new
    engine = sqlalchemy.create_engine(database.sqlalchemy_url("psycopg"))
    with engine.begin() as connection:
        names = {"op": Operations(MigrationContext.configure(connection)), "sa": sqlalchemy}
        for each in said:
            if "_index" in each:
                exec(each, names)
    engine.dispose()
    with SyncConnection(database) as connection:
        rows = connection.fetch(
            "SELECT indexdef FROM pg_indexes WHERE indexname ~ '^i[1234]$' ORDER BY 1"
        )
    assert [row[0].partition(" USING btree ")[2] for row in rows] == [
        "(((s ~~ 'a%'::text)))",
        "(((n % 2)))",
        "(s) WHERE (s ~~ '%z'::text)",
        '((("rate%" + 1)))',
    ]


def test_equal_models_are_built_once(
    compared: Callable[..., list[str]], run: Run, database: Target
) -> None:
    """The second run starts no server, and compares what it kept with what is there by then."""
    model = 'Table("t", metadata, Column("id", Integer, server_default=text("1 + 1")))'
    compared(model, "CREATE TABLE t (id int DEFAULT 1 + 1)", code=0)
    with SyncConnection(database) as connection:
        connection.execute("ALTER TABLE t ALTER id SET DEFAULT 2")
    ran = run("check")
    assert (ran.code, ran.err) == (1, "")
    assert "column t.id: its default is 2 in the database, (1 + 1) in the models" in ran.out


def test_types_and_functions_of_the_database_are_there(
    compared: Callable[..., list[str]],
) -> None:
    """What models use and revisions created by hand is taken over from the database."""
    models = """
from sqlalchemy.types import UserDefinedType
class Code(UserDefinedType):
    cache_ok = True
    def get_col_spec(self, **_):
        return "code"
Table("t", metadata, Column("c", Code(), server_default=text("make_code(1)")))
"""
    sql = """
CREATE DOMAIN code AS text CHECK (VALUE <> '');
CREATE FUNCTION make_code(int) RETURNS text LANGUAGE sql AS $$ SELECT 'c' || $1 $$;
CREATE TABLE t (c code DEFAULT make_code(1))
"""
    assert compared(models, sql, code=0) == ["models and DB do not differ", "", "no findings"]


def test_a_locked_table_is_not_waited_for(
    compared: Callable[..., list[str]], run: Run, watch: SyncConnection
) -> None:
    """Whoever holds a table does not keep the check waiting."""
    models = 'Table("t", metadata, Column("id", Integer, server_default="1"))'
    compared(models, "CREATE TABLE t (id int DEFAULT 1)", code=0)
    watch.execute("BEGIN; LOCK TABLE t")
    said = json.loads(run("check", "--json").out)["unknown"]
    ran = run("revision", "--autogenerate", "-m", "x")
    watch.execute("ROLLBACK")
    locked = "not compared: the database: public.t is locked by another session"
    assert [each["reason"] for each in said] == [locked]
    assert (ran.code, f"error: {locked}" in ran.err) == (4, True), ran


def test_a_filter_of_env_py_holds(compared: Callable[..., list[str]]) -> None:
    """What include_object leaves out is not compared with the catalogue either."""
    models = f'Table("t", metadata, {ENUM.format(more="")})'
    sql = "CREATE TYPE status AS ENUM ('other'); CREATE TABLE t (s status)"
    options = ", include_object=lambda o, name, kind, *_: name != 't'"
    assert compared(models, sql, options, code=0)[0] == "models and DB do not differ"


def test_a_drop_is_called_one(compared: Callable[..., list[str]]) -> None:
    """A column of the database alone: what is at stake is named, and nothing proposes to run it."""
    lines = compared(
        'Table("t", metadata, Column("id", Integer))', "CREATE TABLE t (id int, name text)"
    )
    assert "    revision --autogenerate would write a DROP: the data of t.name would go" in lines, (
        lines
    )
    assert "    fix: in a revision, if nobody needs its data" in lines
    assert not any(line.startswith("next:") for line in lines)


def test_a_likely_rename(compared: Callable[..., list[str]], run: Run, project: Small) -> None:
    """One column too many and one too few: the operation that keeps the data is shown."""
    models = 'Table("t", metadata, Column("id", Integer), Column("name", Text))'
    lines = compared(models, "CREATE TABLE t (id int, full_name text)")
    rename = "op.alter_column('t', 'full_name', new_column_name='name')"
    assert f"        {rename}" in lines
    project.revision("aaaa00000003", "aaaa00000002", rename)
    assert run("upgrade").code == 0
    assert run("check").code == 0


def test_no_log_of_plugins(compared: Callable[..., list[str]], run: Run, project: Small) -> None:
    """A team's logging of INFO does not bury the answer."""
    compared('Table("t", metadata, Column("id", Integer))')
    env = (project.root / "migrations/env.py").read_text()
    project.env(f"import logging\nlogging.basicConfig(level=logging.INFO)\n{env}")
    for words in (("check",), ("revision", "--autogenerate", "-m", "x", "--rev-id", "n1")):
        assert "INFO" not in run(*words).err


def test_metadata_without_tables(compared: Callable[..., list[str]]) -> None:
    """Every table of the database unknown to the models: did anybody import them?"""
    lines = compared("", "CREATE TABLE t (id int)")
    assert "[1] error (measured): table t is in the database, not in the models" in lines
    assert any("did env.py import your models?" in line for line in lines)


def test_metadata_without_tables_on_an_empty_database(compared: Callable[..., list[str]]) -> None:
    """Nothing against nothing is no drift, and still suspicious."""
    lines = compared("", code=0)
    assert any("have no tables at all: did env.py import your models?" in line for line in lines)
    assert not any("[tool.dbtool]" in line for line in lines)


def test_models_named_in_the_settings(compared: Callable[..., list[str]], project: Small) -> None:
    """The settings can import what env.py does not."""
    project.write("dbtool.toml", 'models = ["app.tables:t"]')
    project.write(
        "app/tables.py",
        'from app.models import *\nt = metadata\nTable("t", metadata, Column("id", Integer))\n',
    )
    assert compared("", "CREATE TABLE t (id int)", code=0)[0] == "models and DB do not differ"


def test_no_metadata(run: Run, project: Small) -> None:
    """An env.py that compares nothing is told how."""
    assert run("stamp", "head").code == 0
    ran = run("check")
    assert ran.code == 4
    assert ran.err.startswith("error: env.py gives Alembic no models to compare\n")


def test_hook_that_empties_the_directives(compared: Callable[..., list[str]]) -> None:
    """A hook that takes everything away leaves no difference, and no crash."""
    options = ", process_revision_directives=lambda c, r, directives: directives.clear()"
    assert compared("", options=options, code=0)[0] == "models and DB do not differ"


def test_pending_revisions_are_not_compared(run: Run) -> None:
    """A database that is behind is told so, not compared."""
    ran = run("check")
    assert ran.code == 1
    assert "has 2 revisions pending, so it was not compared" in ran.out
    assert "no revision is recorded, the head is aaaa00000002" in ran.out


def test_drift_is_judged_by_fail_on(compared: Callable[..., list[str]], run: Run) -> None:
    """`--fail-on never` reports without failing."""
    compared('Table("t", metadata, Column("id", Integer))')
    assert run("check", "--fail-on", "never").code == 0


SCHEMAS = """
from alembic import context
from app.models import metadata
from sqlalchemy import engine_from_config, text

with engine_from_config(context.config.get_section("alembic")).connect() as connection:
    for name in ("north", "south"):
        {lead}
        context.configure(connection={given}, target_metadata=metadata, version_table_schema=name)
        with context.begin_transaction():
            context.run_migrations()
"""
LEADS = {
    "search_path": (
        "connection.execute(text(f'SET search_path TO {name}')); connection.commit()",
        "connection",
    ),
    "schema_translate_map": (
        "translated = {None: name, 'apart': f'{name}_apart'}",
        "connection.execution_options(schema_translate_map=translated)",
    ),
}


@pytest.mark.parametrize("way", LEADS)
def test_schemas_that_differ_are_named(
    run: Run, project: Small, database: Target, way: str
) -> None:
    """An env.py that goes from schema to schema: what differs in which, and what in all."""
    lead, given = LEADS[way]
    project.env(SCHEMAS.format(lead=lead, given=given))
    models = "Table('t', metadata, Column('id', Integer), Column('a', Text), Column('b', Text))\n"
    if way == "schema_translate_map":
        models += "Table('apart', metadata, Column('id', Integer), schema='apart')\n"
    project.write("app/models.py", MODELS + models)
    for path in (project.root / "migrations/versions").glob("*.py"):
        path.unlink()
    with SyncConnection(database) as connection:
        connection.execute("CREATE SCHEMA north; CREATE TABLE north.t (id int, a text)")
        connection.execute("CREATE SCHEMA south; CREATE TABLE south.t (id int)")
    ran = run("check", "--json")
    said = json.loads(ran.out)
    assert [each["title"] for each in said["findings"]] == [
        "north, south: column t.b is in the models, not in the database",
        "south: column t.a is in the models, not in the database",
    ]
    left = [each["reason"] for each in said["unknown"]]
    assert left == (
        ["not compared: tables of schema apart, which schema_translate_map leads elsewhere"]
        if way == "schema_translate_map"
        else []
    )


def test_the_history_is_compared_without_a_database(project: Small, server: Server) -> None:
    """What the revisions make of an empty database, whatever is named; no URL is needed."""
    project.env(ENV.format(options=""))
    project.write("app/models.py", MODELS + "Table('t1', metadata, Column('id', BigInteger))\n")
    with chdir(project.root):
        opened = Project(find(None, None, project.root), root=project.root)
        found = check_history(opened, Silent(), server)
    assert (found.database, found.named_by, found.pending) == ("the history", "--history", ())
    assert [each.text for each in found.differences] == [
        "column t1.id: its type is integer in the history, bigint in the models",
        "table t2 is in the history, not in the models",
    ]
    assert found.major == server.binaries.major


@dataclass(frozen=True, slots=True)
class Kept:
    """What a library keeps beside the models, as its operations name it."""

    type_: str
    schema: str
    signature: str


class ReplaceOp(MigrateOperation):
    """An operation of such a library."""

    def __init__(self, target: object) -> None:
        self.target = target


def test_what_libraries_keep_is_named() -> None:
    """A function or view by its name; what says nothing of itself by its operation."""
    operations = [
        ReplaceOp(Kept("function", "app", "f(a int)")),
        ReplaceOp(Kept("view", "public", "v")),
        ReplaceOp(None),
    ]
    directive = MigrationScript("x", UpgradeOps(operations), DowngradeOps([]))
    comparison: Any = SimpleNamespace(generated_revisions=[directive])
    assert [each.text for each in differences(comparison, None)] == [
        "function app.f(a int) is another in the database",
        "view v is another in the database",
        "the database needs Replace",
    ]
    ReplaceOp.__module__ = "alembic_postgresql_enum.operations"
    without_enums(comparison)
    assert differences(comparison, None) == []


_ENDS = """
CREATE FUNCTION ends_server() RETURNS bool LANGUAGE plpgsql AS $f$
BEGIN
    EXECUTE $$COPY (SELECT 1) TO PROGRAM 'kill -9 $(head -n 1 postmaster.pid)'$$;
    PERFORM pg_sleep(600);
    RETURN true;
END $f$;
CREATE FUNCTION is_kept() RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $f$
BEGIN
    RETURN current_database() NOT LIKE 'models%' OR public.ends_server();
END $f$;
CREATE TABLE t (id int);
"""
"""A condition that is computed where an index is created, and ends a throwaway server there."""


@pytest.mark.parametrize("differs", [False, True])
def test_a_throwaway_server_that_was_killed_is_told_as_ours(
    run: Run, project: Small, database: Target, differs: bool
) -> None:
    """It is no difference; one that is seen without the server is told all the same."""
    with SyncConnection(database) as connection:
        indexed = "CREATE INDEX ix ON t ((id + 0)) WHERE is_kept()"
        standing_at(connection, "aaaa00000002", _ENDS + ("" if differs else indexed))
    project.env(ENV.format(options=""))
    project.write(
        "app/models.py",
        MODELS + 'Table("t", metadata, Column("id", Integer),'
        ' Index("ix", text("(id + 0)"), postgresql_where=text("is_kept()")))',
    )
    ran = run("check")
    assert ran.code == (1 if differs else 4), ran
    assert re.search(r"the throwaway PostgreSQL \d+ ended while it was used", ran.out + ran.err)
    assert ("index ix on t is in the models, not in the database" in ran.out) is differs
    assert ("touched no database of yours" in " ".join(ran.err.split())) is not differs
