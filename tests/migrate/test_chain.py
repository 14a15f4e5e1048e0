"""A change as several revisions: what has to wait for a deploy, and what it waits for."""

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import Dialect

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError
from dbtool.migrate.autogenerate.alone import alone, heads_of
from dbtool.migrate.autogenerate.backfill import _literal
from dbtool.migrate.autogenerate.chain import New, is_required, waits, waits_for
from dbtool.migrate.difference import Difference
from dbtool.migrate.location import find
from dbtool.migrate.project import Project
from tests.conftest import Dbtool
from tests.migrate.conftest import plain
from tests.migrate.test_autogenerate import ENV, project, versions

BEFORE = """
op.create_table("users", sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.String(100)), sa.Column("age", sa.Integer))
"""
AFTER = """
Table("users", metadata, Column("id", Integer, primary_key=True),
    Column("email", String(100), nullable=False, default="it's: 100%", index=True),
    Column("level", Integer, nullable=False, default=3))
"""
ROWS = """INSERT INTO users (email, age)
    SELECT CASE WHEN i % 3 = 0 THEN i::text END, i FROM generate_series(1, 2500) i"""
HELD = "SELECT count(*) FILTER (WHERE email = 'it''s: 100%'), count(level), sum(level) FROM users"
RUN = ("revision", "--autogenerate", "-q", "--rev-id", "n1", "-m", "change", "--chain")
SHOWN = """\
before the deploy: n1_change.py
change                                meanwhile          work             undone
add column users.level: NULL allowed  all wait a moment  none             yes
for now
create index ix_users_email on users  nobody waits       builds an index  yes

then deploy, and let nothing older run; the code has to
give users.level a value in each row
give users.email a value in each row
no longer use column users.age

after it: n1_rows_change_fill_rows.py, n1_last_change_after_the_deploy.py
change                   meanwhile          work                    undone
fill column users.level  nobody waits       fills rows, in batches  no
where it is NULL
fill column users.email  nobody waits       fills rows, in batches  no
where it is NULL
change column            all wait a moment  reads every row         yes
users.level: NOT NULL
change column            all wait a moment  reads every row         yes
users.email: NOT NULL
drop column users.age    all wait a moment  none                    not its data
"""


def test_a_change_in_three_revisions(dbtool: Dbtool, database: Target, tmp_path: Path) -> None:
    """What runs meanwhile goes on; rows from before get the default, and then it is required."""
    made = project(tmp_path, ENV.format(options=""), BEFORE, AFTER)
    named = ("--url", plain(database))
    assert dbtool("upgrade", "-q", "--yes", *named, cwd=made.root).code == 0
    with SyncConnection(database) as connection:
        connection.execute(ROWS)
    allow = ("--allow", "drop-column:users.age")
    ran = dbtool(*RUN, *allow, cwd=made.root, env={"COLUMNS": "80"})
    assert ran.code == 0, ran
    told = "\n".join(line.rstrip() for line in ran.out.splitlines())
    assert SHOWN in told, ran.out
    assert "dbtool upgrade n1_last  # after the deploy" in ran.out
    names = ["n1_change.py", "n1_last_change_after_the_deploy.py", "n1_rows_change_fill_rows.py"]
    assert versions(made)[1:] == names
    texts = [(made.root / "migrations/versions" / each).read_text() for each in names]
    assert "# Deploy after this" in texts[0]
    assert "nullable=True" in texts[0]
    assert "value in each row; no longer use column users.age." in " ".join(texts[1].split())
    assert "down_revision = 'n1_rows'" in texts[1]
    assert "down_revision = 'n1'" in texts[2]
    ran = dbtool("upgrade", "-q", "--yes", *named, cwd=made.root)
    assert ran.code == 0, ran
    with SyncConnection(database) as connection:
        assert tuple(connection.fetch(HELD)[0]) == (1667, 2500, 7500)
    ran = dbtool("check", "-q", *named, cwd=made.root)
    assert ran.code == 0, ran


def test_one_step_is_one_revision(dbtool: Dbtool, tmp_path: Path) -> None:
    """Where nothing has to wait, or all of it, there is one file; without --chain it is offered."""
    goes = 'Table("users", metadata, Column("id", Integer, primary_key=True),\n'
    made = project(
        tmp_path, ENV.format(options=""), BEFORE, f'{goes} Column("email", String(100)))'
    )
    allow = ("--allow", "drop-column:users.age", "--no-proof")
    ran = dbtool(*RUN, *allow, "--dry-run", cwd=made.root)
    assert (ran.code, ran.out.count("def upgrade")) == (0, 1), ran
    more = f'{goes} Column("email", String(100), index=True))'
    made.write("app/models.py", f"from sqlalchemy import *\nmetadata = MetaData()\n{more}")
    ran = dbtool(*RUN[:-1], *allow, "--dry-run", cwd=made.root)
    assert ran.out.count("def upgrade") == 1, ran
    assert "--chain writes two revisions" in " ".join(ran.out.split()), ran


NEW = New(frozenset({"t"}), frozenset({"users.team"}))
NULLS = "column users.a: it may be NULL in the database, is NOT NULL in the models"
WAITING = [
    (("extra-column", "users.a", "", None, "text"), "no longer use column users.a"),
    (("extra-table", "users", "", None, None), "no longer use table users"),
    (("extra-label", "mood.sad", "", None, None), "no longer use value mood.sad"),
    (("extra-index", "i", "", None, "CREATE INDEX i ON t"), "no longer need index i"),
    (("extra-index", "i", "", None, "CREATE UNIQUE INDEX i ON t"), ""),
    (("missing-check", "c", "check c on users is in", "CHECK (a > 0)", None), "keep to c"),
    (("missing-check", "c", "check c on t is in", "CHECK (a > 0)", None), ""),
    (("missing-foreignkey", "f", "f on users is in", "FOREIGN KEY (team)", None), ""),
    (("missing-foreignkey", "f", "f on users is in", "FOREIGN KEY (a)", None), "keep to f"),
    (("different-foreignkey", "f", "f on users is", "FOREIGN KEY (a) REFERENCES t(id)",
      "FOREIGN KEY (a) REFERENCES t(id) ON DELETE CASCADE"), ""),
    (("different-foreignkey", "f", "f on users is", "FOREIGN KEY (a) REFERENCES t(id)",
      "FOREIGN KEY (a) REFERENCES u(id)"), "keep to f"),
    (("missing-unique", "u", "u on users is in", "UNIQUE (a)", None), ""),
    (("extra-check", "c", "check c on users is in", None, "CHECK (a > 0)"), ""),
    (("different-column", "users.a", NULLS, "text NOT NULL", "text"),
     "give users.a a value in each row"),
    (("different-column", "users.a", "", "text", "text DEFAULT 'x'"),
     "give users.a a value of its own"),
    (("different-column", "users.a", "", "character varying(5)", "character varying(9)"),
     "write nothing longer into users.a"),
    (("different-column", "users.a", "", "character varying(5)", "text"),
     "write nothing longer into users.a"),
    (("different-column", "users.a", "", "character varying(9)", "character varying(5)"), ""),
    (("different-column", "users.a", "", "bigint", "integer"), ""),
]  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), WAITING)
def test_what_waits_for_a_deploy(
    said: tuple[str, str, str, str | None, str | None], expected: str
) -> None:
    """What running code does not survive waits; what new code needs does not."""
    kind, name, text, models, database = said
    found = waits_for(Difference(kind, name, text, "", False, models, database), NEW)
    assert found == expected


@pytest.mark.parametrize(
    ("kind", "waiting"),
    [
        ("mood", True),
        ('app."mood"[]', True),
        ("mood NOT NULL", True),
        ("moody", False),
        ("text", False),
    ],
)
def test_another_default_waits_with_its_enumeration(kind: str, waiting: bool) -> None:
    """The enumeration is made anew without the old default, and takes none of the models back."""
    said = 'enum app.mood has "sad" in the database, not in the models'
    enum = Difference("extra-label", "app.mood.sad", said, "")
    said = "column t.m: its default is 'sad' in the database, 'ok' in the models"
    sides = (f"{kind} DEFAULT 'ok'", f"{kind} DEFAULT 'sad'")
    column = Difference("different-column", "t.m", said, "", False, *sides)
    found = waits([column, enum])
    assert found == {enum: "no longer use value app.mood.sad",
                     column: found[enum] if waiting else ""}  # fmt: skip


def test_an_enumeration_waits_with_a_default_that_goes() -> None:
    """It is made anew without the default, which running code still counts on; so do its others."""
    enum = Difference("different-enum", "mood", "enum mood sorts a, b in the database", "")
    text = "column t.{}: its default is {} in the database, {} in the models"
    goes = Difference("different-column", "t.m", text.format("m", "'a'", "none"), "", False,
                      "mood", "mood DEFAULT 'a'")  # fmt: skip
    other = Difference("different-column", "t.n", text.format("n", "'a'", "'b'"), "", False,
                       "mood[] DEFAULT 'b'", "mood[] DEFAULT 'a'")  # fmt: skip
    assert waits([other, enum, goes]) == dict.fromkeys(
        (other, enum, goes), "give t.m a value of its own"
    )


def test_a_column_waits_for_no_index_of_its_name() -> None:
    """An index that takes the name of a dropped table's waits; a column is found by its table."""
    text = "table t is in the database, not in the models, and has the name of what comes: email"
    goes = Difference("extra-table", "t", text, "op.drop_table('t')", True)
    index = Difference("missing-index", "email", "", "op.create_index('email', 'u', ['email'])")
    column = Difference("missing-column", "u.email", "", "op.add_column('u', sa.Column('email'))")
    why = "no longer use table t"
    assert waits([goes, index, column]) == {goes: why, index: why, column: ""}


def goes(table: str, room: str) -> Difference:
    """A table that goes, and what its indexes are called."""
    text = f"table {table} is in the database, not in the models, and has the name of what comes: "
    return Difference("extra-table", table, text + room, "", True)


def index(name: str, table: str) -> Difference:
    """An index that comes."""
    text = f"index {name} on {table} is in the models, not in the database"
    return Difference("missing-index", name, text, f"op.create_index({name!r}, 'x', ['a'])")


TAKERS = [
    (index("one", "u"), "app.t", "app.one", False),
    (index("one", "app.u"), "app.t", "app.one", True),
    (index("one", "app.u"), "t", "one", False),
    (index("a one", "Order Items"), "t", "b, a one", True),
    (index("a on b", "Order Items"), "t", "a on b", True),
    (index("one", "u"), "t", "one_more, no one", False),
    (Difference("missing-table", "u", "", "op.create_table('u', sa.Column('one'))"),
     "t", "one", False),
    (Difference("missing-table", "u", "", "op.create_index('one', 'u', ['a'])"), "t", "one", True),
    (Difference("missing-table", "app.u", "", "op.create_index(op.f('one'), 'u', ['a'])"),
     "t", "one", False),
    (Difference("missing-table", "app.u", "", "sa.UniqueConstraint('a', name='o ne')"),
     "app.t", "app.o ne", True),
]  # fmt: skip


@pytest.mark.parametrize(("comes", "table", "room", "expected"), TAKERS)
def test_names_are_those_of_one_schema(
    comes: Difference, table: str, room: str, expected: bool
) -> None:
    """What has the name of a dropped table's index waits for that table, and nothing else does."""
    gone = goes(table, room)
    why = f"no longer use table {table}"
    assert waits([gone, comes]) == {gone: why, comes: why if expected else ""}


def check(definition: str, table: str = "Order Items") -> Difference:
    """A check that comes."""
    text = f"check constraint c d on {table} is in the models, not in the database"
    return Difference("missing-check", "c d", text, "", False, definition)


CHECKS = [
    ('CHECK (("one two" > 0))', ""),
    ('CHECK ((("one two" > 0) AND (b > 0)))', "keep to c d"),
    ("CHECK ((b = 'one two'::text))", "keep to c d"),
    ("CHECK ((one > 0))", "keep to c d"),
]


@pytest.mark.parametrize(("definition", "expected"), CHECKS)
def test_a_check_waits_unless_all_it_reads_is_new(definition: str, expected: str) -> None:
    """Running code writes the other columns; a word of a value is no column."""
    comes = Difference("missing-column", "Order Items.one two", "", "")
    said = check(definition)
    found = waits([comes, said], frozenset({"Order Items.b", "Order Items.one"}))
    assert found[said] == expected


@pytest.mark.parametrize(
    ("enum", "kind", "waiting"),
    [("mood", "app.mood", False), ("app.mood", "mood", True), ("mood", "public.mood", True),
     ("Big Mood", '"Big Mood"', True), ("app.mood", "other.mood", False)],
)  # fmt: skip
def test_an_enumeration_of_another_schema(enum: str, kind: str, waiting: bool) -> None:
    """A default waits with the enumeration that is its type, not with one of that name."""
    label = Difference("extra-label", f"{enum}.sad", f'enum {enum} has "sad" in the database', "")
    said = "column t.m: its default is 'sad' in the database, 'ok' in the models"
    sides = (f"{kind} DEFAULT 'ok'", f"{kind} DEFAULT 'sad'")
    column = Difference("different-column", "t.m", said, "", False, *sides)
    assert bool(waits([column, label])[column]) is waiting


ENUM_APART = """
op.execute('''CREATE SCHEMA app
           ; CREATE TYPE app."Kind" AS ENUM ('a'); CREATE TYPE mood AS ENUM ('a')
           ; CREATE TABLE "Order Items" (id int PRIMARY KEY, "one two" int)
           ; CREATE TABLE app.others (id int PRIMARY KEY)''')
"""
USED_APART = """
kind = Enum("a", name="Kind", schema="app", metadata=metadata)
mood = Enum("a", name="mood", metadata=metadata)
Table("Order Items", metadata, Column("id", Integer, primary_key=True), Column("kind", kind))
Table("others", metadata, Column("id", Integer, primary_key=True), Column("mood", mood),
      schema="app")
Table("new ones", metadata, Column("id", Integer, primary_key=True), Column("mood", mood),
      schema="app")
"""


def test_types_and_names_of_several_schemas(dbtool: Dbtool, tmp_path: Path) -> None:
    """A type stays in its schema whatever that of the table is; a flag can be pasted."""
    env = ENV.format(options=", include_schemas=True")
    made = project(tmp_path, env, ENUM_APART, USED_APART)
    ran = dbtool(*RUN, cwd=made.root)
    assert ran.code == 2
    assert "--allow 'drop-column:Order Items.one two'  if nobody needs it" in ran.err
    ran = dbtool(*RUN, "--allow", "drop-column:Order Items.one two", cwd=made.root)
    assert (ran.code, ran.err) == (0, ""), ran
    assert "proven up, down and up again" in ran.out
    again = dbtool("revision", "--autogenerate", "-q", "-m", "again", cwd=made.root)
    assert again.out.startswith("no file written: models and the history do not differ"), again


IN_THE_WAY = """
op.execute('''CREATE TABLE kept (id int PRIMARY KEY, b int, c int REFERENCES kept);
              CREATE TABLE gone (id int PRIMARY KEY, b int, CONSTRAINT kept_c_fkey
                                 FOREIGN KEY (b) REFERENCES kept);
              CREATE TABLE parts (id int) PARTITION BY RANGE (id);
              CREATE INDEX one ON gone (b); CREATE INDEX two ON kept (c)''')
"""
COMES = """
Table("kept", metadata, Column("id", BigInteger, primary_key=True), Column("b", Integer),
      Column("c", BigInteger, ForeignKey("kept.id", name="kept_c_fkey")), Index("one", "b"))
Table("new", metadata, Column("id", Integer, primary_key=True), Column("b", Integer))
Index("two", metadata.tables["new"].c.b)
"""

ALLOWED = ("--allow", "drop-table:gone", "--allow", "drop-table:parts")


@pytest.mark.parametrize("chain", [(), ("--chain",)])
def test_a_table_that_goes_is_not_in_the_way(
    dbtool: Dbtool, tmp_path: Path, chain: tuple[str, ...]
) -> None:
    """Its foreign key goes before a type changes; what takes the name of its index waits for it."""
    made = project(tmp_path, ENV.format(options=""), IN_THE_WAY, COMES)
    words = [each for each in RUN if each != "--chain"]
    ran = dbtool(*words, *chain, *ALLOWED, cwd=made.root)
    assert (ran.code, ran.err) == (0, ""), ran
    assert ran.out.splitlines()[0].endswith("proven up, down and up again")
    again = dbtool(*(each for each in words if each not in ("--rev-id", "n1")), cwd=made.root)
    assert again.out.startswith("no file written: models and the history do not differ"), again


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("sa.Integer(), nullable=False", True),
        ("sa.Integer(), nullable=True", False),
        ("sa.Integer(), server_default='1', nullable=False", False),
        ("sa.Integer(), sa.Identity(always=True), nullable=False", False),
    ],
)
def test_what_is_required(column: str, expected: bool) -> None:
    """A new column that nothing but the code fills."""
    code = f"op.add_column('users', sa.Column('a', {column}))"
    assert is_required(Difference("missing-column", "users.a", "", code)) is expected


@pytest.mark.parametrize("dialect", [PGDialect_psycopg, PGDialect_asyncpg])
def test_a_default_is_filled_in_as_it_is(dialect: Callable[[], Dialect]) -> None:
    """Also one with percent signs, which some drivers want doubled."""
    context = MigrationContext.configure(dialect=dialect(), opts={"as_sql": True})
    assert _literal(context, Column("a", Text, default="100%% of 5%")) == "'100%% of 5%'"


def test_somebody_else_has_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revision that came since the comparison is not left beside another head."""
    made = project(tmp_path, ENV.format(options=""), BEFORE, AFTER)
    monkeypatch.chdir(made.root)
    opened = Project(find(None, None, made.root), root=made.root)
    heads = heads_of(opened)
    with alone(opened, heads):
        pass
    made.revision("bbbb00000002", "aaaa00000001", "pass")
    with pytest.raises(OperationError, match="has changed since") as raised:  # noqa: SIM117
        with alone(opened, heads):
            pytest.fail("it was let in")
    assert "bbbb00000002" in raised.value.detail


def test_a_type_changes_in_two_revisions(dbtool: Dbtool, tmp_path: Path) -> None:
    """What stands on a type goes before it in the same revision, on the way back too."""
    before = """
op.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
op.execute('''CREATE TABLE t (x int, y int, m mood, CONSTRAINT moody CHECK (m <> 'ok'),
              CONSTRAINT ck CHECK (x > 0)); CREATE INDEX old ON t (abs(x))''')
"""
    after = """
Table("t", metadata, Column("x", Text), Column("y", Integer, nullable=False),
      Column("m", Enum("sad", "ok", "new", name="mood")), Index("old", "y"),
      CheckConstraint("m <> 'sad'", name=conv("moody")),
      CheckConstraint("x <> ''", name=conv("ck")))
"""
    after = f"from sqlalchemy.sql.elements import conv\n{after}"
    made = project(tmp_path, ENV.format(options=""), before, after)
    ran = dbtool(*RUN, cwd=made.root)
    assert (ran.code, ran.err) == (0, ""), ran
    assert ran.out.splitlines()[0].endswith("written: 8 changes, proven up, down and up again")
