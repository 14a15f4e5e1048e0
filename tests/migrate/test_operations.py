"""Revisions become statements without a database, and those statements do what Alembic does."""

from collections.abc import Callable, Iterator
from itertools import count, groupby
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dbtool.database.target import Target
from dbtool.database.url import parse
from dbtool.scratch.server import Server
from tests.migrate.projects import Small, small
from tests.migrate.reading import Reading, read
from tests.migrate.test_from_scratch import VALUES
from tests.projects.build import Built, build
from tests.projects.runner import Runner
from tests.projects.shapes import OTHERS, PROJECTS
from tests.projects.snapshot import execute, snapshot

SHAPES = {shape.name: shape for shape in (*PROJECTS, *OTHERS)}
SAME = (
    *("template_generic", "template_async", "template_pyproject_async", "async_settings"),
    *("per_migration", "branches", "merged", "by_year", "package_location", "ini_outside"),
    *("locations_in_env", "metadata_list", "create_all_first", "cmd_opts", "named_section"),
    *("worker_thread", "own_lock", "two_engines", "raw_driver", "long_history"),
)
NOWHERE = parse("postgresql://nobody:secret@127.0.0.1:1/shop", "test")
_numbers = count(1)


@pytest.fixture
def databases(server: Server) -> Iterator[tuple[Target, Target]]:
    """Two empty databases."""
    names = [f"operated_{next(_numbers)}" for _ in range(2)]
    yield server.create_database(names[0]), server.create_database(names[1])
    for name in names:
        server.drop_database(name)


@pytest.fixture
def project(tmp_path: Path) -> Small:
    """A project without revisions."""
    return small(tmp_path / "project", revisions=0)


def read_shape(project: Built, **named: Any) -> Reading:
    """Read a project as its people would have it read."""
    shape = project.shape
    place: dict[str, Any] = {"config": shape.config, "section": shape.section, "x": shape.x}
    return read(project.directory, env=dict(project.environment), **place, **named)


def apply(target: Target, statements: list[dict[str, Any]]) -> None:
    """Run statements as their transactions say."""
    with psycopg.connect(target.sqlalchemy_url("psycopg").replace("+psycopg", "", 1)) as connection:
        connection.autocommit = True
        for transaction, group in groupby(statements, lambda each: each["transaction"]):
            if transaction is None:
                for each in group:
                    connection.execute(each["sql"].encode())
                continue
            with connection.transaction():
                for each in group:
                    connection.execute(each["sql"].encode())


def without_version_table(lines: tuple[str, ...]) -> list[str]:
    """A snapshot without what Alembic keeps for itself."""
    return [each for each in lines if "alembic_version" not in each and "shop_version" not in each]


@pytest.mark.parametrize("name", SAME)
def test_statements_do_what_alembic_does(
    runner: Runner, databases: tuple[Target, Target], tmp_path: Path, name: str
) -> None:
    """Up to the same schema and rows as Alembic, down again to where it began."""
    theirs, ours = databases
    shape = SHAPES[name]
    built = build(shape, tmp_path / "theirs", theirs)
    execute(theirs, shape.before)
    words = (*shape.arguments, "upgrade", shape.head)
    ran = runner("alembic", *words, cwd=built.directory, env=built.environment)
    assert ran.code == 0, ran
    elsewhere = build(shape, tmp_path / "ours", NOWHERE)
    found, files = read_shape(elsewhere, down=True), elsewhere.files()
    assert (found.answer["notes"], found.gaps) == ([], []), found.err
    execute(ours, shape.before)
    before = snapshot(ours)
    apply(ours, found.statements())
    assert without_version_table(snapshot(ours)) == without_version_table(snapshot(theirs))
    back = [each for migration in reversed(found.migrations) for each in migration["down"]]
    apply(ours, back)
    if name != "per_migration":
        assert snapshot(ours) == before
    assert elsewhere.files() == files


def test_values_arrive_as_they_are(database: Target, project: Small) -> None:
    """Values of every type are written so that the server reads the same ones."""
    project.revision("v", None, VALUES.replace("\n    ", "\n"))
    found = read(project.root)
    assert found.gaps == []
    apply(database, found.statements())
    with psycopg.connect(database.sqlalchemy_url("psycopg").replace("+psycopg", "", 1)) as opened:
        rows = opened.execute(
            "SELECT text, number, real, raw, doc->'a', docb, words, grid::text, colour::text,"
            " within::text, moment AT TIME ZONE 'UTC', span, sums::text FROM kept"
        ).fetchall()
    first, first_again = (row for row in rows if row[0] and row[0].startswith("O'Brien"))
    assert first == first_again
    assert first[0] == "O'Brien \\ 100% $1 :x %(y)s ?%"
    assert first[3] == b"\x00\xff'\\"
    assert first[4] == ["it's", None, 1.5, "\\"]
    assert first[6] == ["a,b", 'c"d', None, "", "NULL", "{x}", "back\\slash"]
    assert first[7:10] == ("{{1,2},{3,4}}", "odd", "[1,)")
    assert len(rows) == 8


def test_each_statement_knows_where_it_comes_from(project: Small) -> None:
    """File, line, call and its text; a loop and a helper say which call of the revision it was."""
    project.write(
        "helpers.py",
        """
        from alembic import op

        def audit(table):
            op.execute(f"ALTER TABLE {table} ADD COLUMN seen int")
            op.execute(f"ALTER TABLE {table} ADD COLUMN by text")
        """,
    )
    path = project.revision(
        "a",
        None,
        """
        from helpers import audit
        op.create_table(
            "t", sa.Column("id", sa.Integer)
        )
        for name in ("x", "ü"):
            op.add_column("t", sa.Column(name, sa.Text)); pass
        audit("t")
        with op.batch_alter_table("t") as batch:
            batch.drop_column("x")
            batch.alter_column("id",
                               type_=sa.BigInteger)
        op.get_bind().execute(sa.text("DELETE FROM t"))
        """,
    )
    lines = path.read_text().splitlines()
    at = {text.strip().partition("(")[0]: number for number, text in enumerate(lines, 1)}
    add = 'op.add_column("t", sa.Column(name, sa.Text))'
    found = [
        (each["line"], each["operation"], each["source"])
        for each in read(project.root).statements()
    ]
    create = 'op.create_table(\n        "t", sa.Column("id", sa.Integer)\n    )'
    alter = f'batch.alter_column("id",\n{" " * 27}type_=sa.BigInteger)'
    delete = 'op.get_bind().execute(sa.text("DELETE FROM t"))'
    assert found == [
        (at["op.create_table"], "op.create_table", create),
        (at["op.add_column"], "op.add_column", add),
        (at["op.add_column"], "op.add_column", add),
        (at["audit"], "op.execute", 'audit("t")'),
        (at["audit"], "op.execute", 'audit("t")'),
        (at["batch.drop_column"], "batch_op.drop_column", 'batch.drop_column("x")'),
        (at["batch.alter_column"], "batch_op.alter_column", alter),
        (at["op.get_bind"], "connection.execute", delete),
    ]
    assert {each["file"] for each in read(project.root).statements()} == {
        "migrations/versions/a.py"
    }


BLOCKS = """
op.execute("SELECT 1")
with op.get_context().autocommit_block():
    op.execute("SELECT 2")
    op.execute("SELECT 3")
op.execute("SELECT 4")
"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", [1, None, None, 2, 2, None, None, 3]),
        (", transaction_per_migration=True", [1, None, None, 2, 3, None, None, 4]),
        (", **{'transaction_per_migration': True}", [1, None, None, 2, 3, None, None, 4]),
    ],
)
def test_transactions(project: Small, options: str, expected: list[int | None]) -> None:
    """One for all revisions or one for each, as env.py says with a connection; blocks split it."""
    project.env(
        f"""
        from alembic import context

        def migrate(connection):
            context.configure(connection=connection{options})
            with context.begin_transaction():
                context.run_migrations()

        if context.is_offline_mode():
            context.configure(url="postgresql://")
            context.run_migrations()
        """
    )
    project.revision("a", None, BLOCKS)
    project.revision("b", "a", BLOCKS)
    found = [each["transaction"] for each in read(project.root).statements()]
    numbers = [each for each in dict.fromkeys(found) if each is not None]
    assert [each and numbers.index(each) + 1 for each in found] == expected


def test_what_is_judged_shares_no_transaction_with_what_is_not(project: Small) -> None:
    """The revisions before were deployed before."""
    project.revision("a", None, 'op.execute("SELECT 1")')
    project.revision("b", "a", 'op.execute("SELECT 2")')
    project.revision("c", "b", 'op.execute("SELECT 3")')
    found = read(project.root, "b:")
    first, second, third = (each["transaction"] for each in found.statements())
    assert (first == second, second == third) == (True, False)
    assert found.judged == ["c"]


@pytest.mark.parametrize(("driver", "alone"), [("psycopg", False), ("psycopg2", True)])
def test_commit_in_a_revision(project: Small, driver: str, alone: bool) -> None:
    """A driver that asks the server begins anew after a COMMIT; another one does not notice."""
    project.env(
        f"""
        from alembic import context
        context.configure(url="postgresql+{driver}://")
        with context.begin_transaction():
            context.run_migrations()
        """
    )
    project.revision(
        "a", None, 'op.execute("SELECT 1")\nop.execute("COMMIT")\nop.execute("VACUUM")'
    )
    one, _, three = (each["transaction"] for each in read(project.root).statements())
    assert one is not None
    assert (three is None) == alone
    assert three != one


TEXTS = r"""
op.execute("CREATE TABLE a (x text); -- one; two\nUPDATE a SET x = 'a;b';  ")
op.execute("UPDATE a SET x = '50%' WHERE x LIKE 'a%'")
op.execute(sa.text("UPDATE a SET x = :new WHERE x = :old").bindparams(new="it's", old=None))
op.get_bind().execute(sa.text("DELETE FROM a WHERE x = ANY(:names)"), {"names": ["p", "q"]})
op.get_bind().execute(sa.text("DELETE FROM a WHERE x = :x"), [{"x": "1"}, {"x": 2, "y": 3}])
op.execute("  ")
"""


def test_texts(project: Small) -> None:
    """Several statements in one call, percent signs, bound values, several sets of them."""
    project.revision("a", None, TEXTS)
    assert read(project.root).sql() == [
        "CREATE TABLE a (x text)",
        "UPDATE a SET x = 'a;b'",
        "UPDATE a SET x = '50%' WHERE x LIKE 'a%'",
        "UPDATE a SET x = 'it''s' WHERE x = NULL",
        """DELETE FROM a WHERE x = ANY('{"p","q"}')""",
        "DELETE FROM a WHERE x = '1'",
        "DELETE FROM a WHERE x = 2",
    ]


ESCAPED = r"""
bind = op.get_bind()
bind.exec_driver_sql('ALTER TABLE a ADD CONSTRAINT "c%%" CHECK (x %% 2 = 0)')
bind.exec_driver_sql("SELECT '50%%'", (), {"no_parameters": True})
bind.execution_options(no_parameters=True).exec_driver_sql("SELECT '60%%'")
"""


@pytest.mark.parametrize(
    ("driver", "percent"), [("psycopg", "%"), ("psycopg2", "%"), ("asyncpg", "%%"), ("", "%%")]
)
def test_percent_signs_as_the_driver_reads_them(project: Small, driver: str, percent: str) -> None:
    """What goes to it with a list of values, if an empty one, has two for one with some drivers."""
    project.revision("a", None, ESCAPED)
    ini = (project.root / "alembic.ini").read_text()
    project.write("alembic.ini", ini.replace("driver:", f"postgresql+{driver or 'psycopg'}:"))
    if not driver:
        env = (project.root / "migrations/env.py").read_text()
        project.env(env.replace("context.is_offline_mode()", "False"))
    assert read(project.root).sql() == [
        f'ALTER TABLE a ADD CONSTRAINT "c{percent}" CHECK (x {percent} 2 = 0)',
        "SELECT '50%%'",
        "SELECT '60%%'",
    ]


READS = """
bind = op.get_bind()
op.execute("SELECT 1")
rows = bind.execute(sa.text("SELECT id FROM a")).fetchall()
for row in rows:
    bind.execute(sa.text("UPDATE a SET x = 1"))
total = len(rows)
op.execute(f"SELECT {total}")
names = ["p"]
op.execute("SELECT " + names[0])
rows = []
op.execute(f"SELECT {len(rows)}")
"""


def test_a_revision_that_reads_is_followed_where_it_is_certain(project: Small) -> None:
    """What uses the answer is a gap; what does not is run for certain."""
    path = project.revision("a", None, READS)
    lines = path.read_text().splitlines()
    found = read(project.root)
    assert found.sql() == ["SELECT 1", "SELECT id FROM a", "SELECT p", "SELECT 0"]
    assert found.gaps == [
        (
            lines.index('    rows = bind.execute(sa.text("SELECT id FROM a")).fetchall()') + 1,
            "what follows depends on the answer to SELECT id FROM a",
        ),
        (
            lines.index('    op.execute(f"SELECT {total}")') + 1,
            "it depends on what is not known before it",
        ),
    ]


@pytest.mark.parametrize(
    ("lines", "rest", "reason"),
    [
        ("if sa.inspect(op.get_bind()).has_table('a'): return", [], "what the database holds"),
        ("if sa.inspect(op.get_bind()).has_table('a'): op.execute('X')", ["SELECT 9"], "holds"),
        ("try:\n  op.get_bind().scalar(sa.text('SELECT 5'))\nexcept Exception:\n  pass",
         ["SELECT 5", "SELECT 9"], "the answer to SELECT 5"),
        ("async def go(c): pass\nop.run_async(go)", ["SELECT 9"], "op.run_async"),
        ("sa.create_engine('postgresql+psycopg://127.0.0.1:1/x').connect()", ["SELECT 9"],
         "a connection of its own"),
        ("import socket\nsocket.create_connection(('127.0.0.1', 9))", ["SELECT 9"], "a server"),
        ("import subprocess\nsubprocess.run(['touch', 'made'])", ["SELECT 9"], "another program"),
        ("open('made', 'w')", ["SELECT 9"], "writes a file"),
        ("import os\nos.remove('alembic.ini')", ["SELECT 9"], "removes a file"),
        ("with op.batch_alter_table('t', recreate='always') as b: b.drop_column('c')",
         ["SELECT 9"], "what the database holds"),
        ("op.drop_constraint(None, 't')", [], "has no name"),
        ("op.execute(sa.text('SELECT :x'))", [], "'x'"),
        ("1 / 0", [], "ZeroDivisionError"),
        ("op.get_context().get_current_revision()", ["SELECT 9"], "what the database holds"),
        ("op.get_bind().begin().rollback()", ["SELECT 9"], "takes back"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed(project: Small, lines: str, rest: list[str], reason: str) -> None:
    """Each is said with its line; nothing is done, and what is certain behind it is still read."""
    project.revision("a", None, f"{lines}\nop.execute('SELECT 9')")
    found = read(project.root)
    assert found.sql() == rest
    ((line, said),) = found.gaps
    assert reason in said
    assert line > 7
    assert not (project.root / "made").exists()
    assert (project.root / "alembic.ini").exists()


SESSIONS = """
from sqlalchemy.orm import Session, declarative_base
class Row(declarative_base()):
    __tablename__ = "t"
    id = sa.Column(sa.Integer, primary_key=True)
op.execute("SELECT 0")
session = Session(bind=op.get_bind())
session.execute(sa.text("UPDATE t SET id = :x"), {"x": 7})
session.commit()
with Session(op.get_bind()) as other:
    other.add(Row(id=3))
    other.commit()
op.execute("SELECT 1")
"""


def test_sessions(project: Small) -> None:
    """A session's statements are Alembic's transaction's; what it reads back is not known."""
    project.revision("a", None, SESSIONS)
    found = read(project.root)
    assert found.sql() == [
        "SELECT 0",
        "UPDATE t SET id = 7",
        "INSERT INTO t (id) VALUES (3)",
        "SELECT 1",
    ]
    assert len({each["transaction"] for each in found.statements()}) == 1
    ((_, reason),) = found.gaps
    assert reason == "what follows depends on the answer to INSERT INTO t (id) VALUES (3)"


APART = """
op.execute("SELECT 0")
engine = op.get_bind().engine
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as alone:
    alone.execute(sa.text("SELECT 1"))
with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as alone:
    alone.execute(sa.text("SELECT 2"))
with engine.begin() as apart:
    apart.execute(sa.text("SELECT 3"))
op.execute("SELECT 4")
bind = op.get_bind()
bind.commit()
op.execute("SELECT 5")
bind.commit()
bind.execution_options(isolation_level="AUTOCOMMIT")
op.execute("SELECT 6")
"""


def test_connections_apart(project: Small) -> None:
    """What a revision does beside Alembic's connection, or commits itself, commits apart."""
    project.revision("a", None, APART)
    found = read(project.root)
    zero, one, two, three, four, five, six = (each["transaction"] for each in found.statements())
    assert (one, two, six) == (None, None, None)
    assert zero == four
    assert len({zero, three, five}) == 3
    assert found.gaps == []


def test_helper_in_the_revision_is_followed_too(project: Small) -> None:
    """Behind the gap in a helper come the rest of the helper, and the rest of its caller."""
    path = project.revision("a", None, "fill(op.get_bind())\nop.execute('SELECT 2')")
    helper = (
        "\ndef fill(bind):\n    bind.execute(sa.text('SELECT 0')).fetchall()\n"
        "    op.execute('SELECT 1')\n"
    )
    path.write_text(path.read_text() + helper)
    found = read(project.root)
    assert found.sql() == ["SELECT 0", "SELECT 1", "SELECT 2"]
    assert len(found.gaps) == 1


def test_a_revision_is_told_what_a_deploy_would_tell_it(project: Small) -> None:
    """A shortcut for offline mode is not what runs on a live database."""
    project.revision(
        "a",
        None,
        """
        from alembic import context
        if op.get_context().as_sql or context.is_offline_mode():
            op.execute("SELECT 'all at once'")
            return
        op.execute("SELECT 'in batches'")
        """,
    )
    assert read(project.root).sql() == ["SELECT 'in batches'"]


def test_nobody_waits(project: Small) -> None:
    """A revision that sleeps between its steps is read at once."""
    project.revision("a", None, "import time\ntime.sleep(3600)\nop.execute('SELECT 1')")
    assert read(project.root).sql() == ["SELECT 1"]


def test_what_exists_is_told_from_the_history(project: Small) -> None:
    """checkfirst finds what earlier revisions made, and creates what they dropped."""
    project.revision(
        "a",
        None,
        """
        op.execute("CREATE TYPE mood AS ENUM ('a')")
        op.create_table("kept", sa.Column("id", sa.Integer))
        """,
    )
    project.revision(
        "b",
        "a",
        """
        mood = sa.Enum("a", name="mood")
        mood.create(op.get_bind(), checkfirst=True)
        op.execute('DROP TYPE "mood"')
        mood.create(op.get_bind(), checkfirst=True)
        models = sa.MetaData()
        sa.Table("kept", models, sa.Column("id", sa.Integer))
        sa.Table("later", models, sa.Column("id", sa.Integer))
        models.create_all(op.get_bind())
        """,
    )
    found = read(project.root)
    assert found.gaps == []
    assert found.sql()[2:] == [
        'DROP TYPE "mood"',
        "CREATE TYPE mood AS ENUM ('a')",
        "CREATE TABLE later ( id INTEGER )",
    ]


def test_two_databases_have_two_histories(tmp_path: Path) -> None:
    """The multidb template runs each revision once for each database, and writes no file."""
    built = build(SHAPES["template_multidb"], tmp_path / "multidb", NOWHERE)
    before = built.files()
    found = read_shape(built)
    told = {
        (each["database"], " ".join(each["up"][0]["sql"].split()[:3])) for each in found.migrations
    }
    assert told == {("engine1", "CREATE TABLE ledger"), ("engine2", "CREATE TABLE search")}
    assert built.files() == before


def test_tenants_count_once(tmp_path: Path) -> None:
    """The same statements for every schema are one history."""
    found = read_shape(build(SHAPES["tenant_loop"], tmp_path / "tenants", NOWHERE))
    assert [(each["name"], each["database"]) for each in found.migrations] == [
        ("aa01", ""),
        ("aa02", ""),
    ]


def test_stdout_belongs_to_the_report(tmp_path: Path) -> None:
    """What env.py and revisions print goes to stderr."""
    found = read_shape(build(SHAPES["noisy"], tmp_path / "noisy", NOWHERE))
    assert found.out == ""
    assert "NOISE database" in found.err


def test_env_that_cannot_run_here(tmp_path: Path) -> None:
    """Without the variables of a deploy the defaults stand in, and the answer says so."""
    built = build(SHAPES["per_migration"], tmp_path / "bare", NOWHERE)
    found = read(built.directory)
    assert found.answer["notes"] == [
        "env.py cannot run offline: KeyError: 'SHOP_DATABASE_URL'; the revisions are read as"
        " Alembic's defaults would run them"
    ]
    with_env = read_shape(built)
    assert [each["transaction"] for each in found.statements()] == [
        each["transaction"] for each in with_env.statements()
    ]
    assert found.sql() == with_env.sql()


CONNECTS = """
from alembic import context
from sqlalchemy import MetaData, create_engine
target_metadata = MetaData(naming_convention={"uq": "uq_%(table_name)s_by_us"})
with create_engine("postgresql+psycopg://127.0.0.1:1/x").connect() as connection:
    context.configure(connection=connection, target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()
"""


def test_env_that_always_connects(project: Small) -> None:
    """It is stopped, and what it had said about names until then is heeded."""
    project.env(CONNECTS)
    project.revision("a", None, 'op.create_unique_constraint(None, "t", ["x"])')
    found = read(project.root)
    assert found.sql() == ["ALTER TABLE t ADD CONSTRAINT uq_t_by_us UNIQUE (x)"]
    (note,) = found.answer["notes"]
    assert note.startswith("env.py cannot run offline: it connects to a database;")


def test_revision_that_cannot_be_executed(project: Small) -> None:
    """It is a gap, and the others are read."""
    project.revision("a", None, 'op.execute("SELECT 1")')
    path = project.revision("b", "a", 'op.execute("SELECT 2")')
    path.write_text(path.read_text().replace("def upgrade", "1 / 0\ndef upgrade"))
    project.revision("c", "b", 'op.execute("SELECT 3")')
    found = read(project.root)
    assert found.sql() == ["SELECT 1", "SELECT 3"]
    ((_, reason),) = found.gaps
    assert reason == "ZeroDivisionError: division by zero"


def test_what_is_not_installed_here(project: Small) -> None:
    """A missing package matters where a revision uses it, and only there."""
    path = project.revision(
        "a",
        None,
        """
        log.info("begins")
        op.execute("SELECT 1")
        op.add_column("t", sa.Column("c", guid.GUID()))
        seed(op)
        import not_there_either
        op.execute("SELECT 2")
        """,
    )
    imports = """from __future__ import annotations
import alembic_helper_not_there
from not_there import guid, seed as seed
from not_there.logs import get
"""
    log = 'log = get()\ndef later(x: guid.GUID | None) -> "y": pass\ndef upgrade'
    text = path.read_text().replace("from alembic import op", imports + "from alembic import op")
    path.write_text(text.replace("def upgrade", log))
    lines = path.read_text().splitlines()
    found = read(project.root)
    assert found.sql() == ["SELECT 1", "SELECT 2"]
    uses = "it uses not_there, which cannot be imported here (ModuleNotFoundError)"
    imported = "it imports what is not installed here: No module named 'not_there_either'"
    assert found.gaps == [
        (lines.index('    op.add_column("t", sa.Column("c", guid.GUID()))') + 1, uses),
        (lines.index("    seed(op)") + 1, uses),
        (lines.index("    import not_there_either") + 1, imported),
    ]


def test_a_block_of_what_is_not_installed(project: Small) -> None:
    """Nobody knows what it begins with, nor how it ends."""
    path = project.revision("a", None, "with NAME: pass")
    imports = "from not_there import NAME\nfrom alembic import op"
    path.write_text(path.read_text().replace("from alembic import op", imports))
    ((_, reason),) = read(project.root).gaps
    assert reason == "it uses not_there, which cannot be imported here (ModuleNotFoundError)"


def test_where_a_gap_is_among_the_statements(project: Small) -> None:
    """A function that stands below runs where it is called."""
    path = project.revision("a", None, 'op.execute("SELECT 1")\nbelow()\nop.execute("SELECT 2")')
    below = (
        "def below():\n    op.execute(f\"SELECT {op.get_bind().scalar(sa.text('SELECT 3'))}\")\n"
    )
    path.write_text(f"{path.read_text()}\n\n{below}")
    found = read(project.root)
    assert found.sql() == ["SELECT 1", "SELECT 3", "SELECT 2"]
    assert [gap["after"] for each in found.migrations for gap in each["gaps"]] == [2]


def test_what_is_not_installed_gets_into_no_statement(project: Small) -> None:
    """Neither as text nor compared: what depends on it is a gap, the same in every run."""
    path = project.revision(
        "a",
        None,
        """
        op.execute(f"DROP VIEW {NAME}")
        op.execute("DROP VIEW %s" % NAME)
        op.execute("DROP VIEW " + NAME)
        op.create_table(NAME, sa.Column("id", sa.Integer))
        op.add_column("t", sa.Column("c", sa.Text, server_default=NAME))
        op.execute(sa.text("DELETE FROM t WHERE c = :c").bindparams(c=NAME))
        if NAME == "prod": op.execute("DROP VIEW v")
        op.execute("SELECT 1")
        """,
    )
    imports = "from not_there import NAME\nfrom alembic import op"
    path.write_text(path.read_text().replace("from alembic import op", imports))
    found = read(project.root)
    assert found.sql() == ["SELECT 1"]
    uses = "it uses not_there, which cannot be imported here (ModuleNotFoundError)"
    lines = [line for line, _ in found.gaps]
    assert lines == [*range(lines[0], lines[0] + 7)]
    assert found.gaps[0][1] == uses
    assert {reason for _, reason in found.gaps} <= {
        uses,
        "it depends on what is not known before it",
    }


def test_what_is_unknown_stays_unknown_behind_the_next_gap(project: Small) -> None:
    """A variable that the first gap left open is used by nobody behind the second."""
    project.revision(
        "a",
        None,
        """
        bind = op.get_bind()
        kept = ["k"]
        first = bind.scalar(sa.text("SELECT 1"))
        names = [first]
        second = bind.scalar(sa.text("SELECT 2"))
        kept.append(second)
        op.execute(f"SELECT {first}")
        op.execute(f"SELECT {names}")
        op.execute(f"SELECT {kept}")
        op.execute("SELECT 3")
        """,
    )
    found = read(project.root)
    assert found.sql() == ["SELECT 1", "SELECT 2", "SELECT 3"]
    said = [reason for _, reason in found.gaps]
    assert said[:2] == [f"what follows depends on the answer to SELECT {n}" for n in (1, 2)]
    assert said[2:] == ["it depends on what is not known before it"] * 3
    # What both gaps left open is so from the first of them on.
    gaps = sorted(found.migrations[0]["gaps"], key=lambda gap: gap["line"])
    assert [gap["after"] for gap in gaps] == [1, 2, 1, 1, 2]


def test_computed_header(project: Small) -> None:
    """Where only Python knows a revision's name Alembic loads the files, and lines are right."""
    path = project.revision("a", None, 'op.execute("SELECT 1")')
    path.write_text(path.read_text().replace("revision = 'a'", "revision = 'A'.lower()"))
    (statement,) = read(project.root).statements()
    line = path.read_text().splitlines().index('    op.execute("SELECT 1")') + 1
    assert (statement["line"], statement["sql"]) == (line, "SELECT 1")


def test_no_way_back(project: Small) -> None:
    """A downgrade that refuses is none; one that fails is a gap; an empty one is empty."""
    project.revision("a", None, 'op.execute("SELECT 1")', 'raise NotImplementedError("never")')
    project.revision("b", "a", 'op.execute("SELECT 2")', 'op.drop_constraint(None, "t")')
    path = project.revision("c", "b", 'op.execute("SELECT 3")')
    path = project.revision("d", "c", 'op.execute("SELECT 4")')
    path.write_text(path.read_text().partition("def downgrade")[0])
    found = read(project.root, down=True)
    assert [each["down"] for each in found.migrations] == [None, [], [], None]
    ((_, reason),) = found.gaps
    assert "has no name" in reason


Choose = Callable[..., list[str]]


@pytest.fixture
def choose(project: Small) -> Choose:
    """Chooses among a, b, c (labelled side), and d after b."""
    project.revision("aaaa1", None)
    project.revision("bbbb2", "aaaa1")
    project.revision("cccc3", "bbbb2", branch_labels=("side",))
    project.revision("dddd4", "bbbb2")
    return lambda *words, **named: read(project.root, *words, **named).judged


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("bbbb2",), ["bbbb2"]),
        (("bbbb",), ["bbbb2"]),
        (("head",), ["cccc3", "dddd4"]),
        (("heads",), ["cccc3", "dddd4"]),
        (("side@head",), ["cccc3"]),
        (("dddd4-1",), ["bbbb2"]),
        (("aaaa1+1",), ["bbbb2"]),
        (("aaaa1:cccc3",), ["bbbb2", "cccc3"]),
        ((":bbbb2",), ["aaaa1", "bbbb2"]),
        (("bbbb2:",), ["cccc3", "dddd4"]),
        (("aaaa1", "dddd4"), ["aaaa1", "dddd4"]),
        (("migrations/versions/cccc3.py",), ["cccc3"]),
        ((), ["aaaa1", "bbbb2", "cccc3", "dddd4"]),
    ],
)
def test_revisions_by_name(choose: Choose, words: tuple[str, ...], expected: list[str]) -> None:
    """Ids and their beginnings, labels, steps, ranges that leave out their start, files."""
    assert sorted(choose(*words)) == expected


def test_the_last_ones(choose: Choose) -> None:
    """-N is the last N revisions."""
    assert len(choose("-1")) == 1
    assert {*choose("-2")} == {"cccc3", "dddd4"}


def test_since(choose: Choose) -> None:
    """What a team lived with before it began to look is not judged."""
    assert sorted(choose(since="bbbb2")) == ["cccc3", "dddd4"]
    assert sorted(choose("bbbb2", since="bbbb2")) == ["bbbb2"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("zz", 'there is no revision "zz"'),
        ("alembic.ini.py", "there is no file alembic.ini.py"),
        ("migrations/env.py", "migrations/env.py is no revision of this history"),
        ("aaaa1-1", '"aaaa1-1" is not one revision'),
        ("a:b:c", '"a:b:c" is not a range'),
    ],
)
def test_what_names_no_revision(choose: Choose, project: Small, word: str, said: str) -> None:
    """Each says what is wrong with it."""
    assert choose("aaaa1") == ["aaaa1"]
    assert read(project.root, word).answer["error"] == said
