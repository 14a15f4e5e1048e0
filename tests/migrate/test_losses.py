"""What a downgrade says before it runs: what is lost, what cannot be undone, what is broken."""

import json
from textwrap import dedent

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.migrate.losses import Loss, Undone
from tests.conftest import Dbtool
from tests.migrate.conftest import Run, plain
from tests.migrate.projects import FROM_CONFIG, Small
from tests.migrate.test_lock import ASYNC, PER_MIGRATION
from tests.pgbouncer import pgbouncer

FIRST, HEAD = "aaaa00000001", "aaaa00000002"
UP = """
op.create_table("users", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
op.create_table(
    "orders",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id")),
    sa.Column("note", sa.Text),
)
op.execute("INSERT INTO users VALUES (1, 'a'), (2, NULL)")
op.execute("INSERT INTO orders VALUES (1, 1, 'x'), (2, 1, NULL), (3, 2, NULL)")
"""


def losses(run: Run, *words: str) -> list[str]:
    """The lines of the plan, revision by revision."""
    ran = run("downgrade", *words, "--plan", "--json")
    assert ran.code == 0, ran
    found = json.loads(ran.out)["data"]["losses"]
    return [
        f"{each['kind']} {each['name']} {each['rows']}" for one in found for each in one["losses"]
    ]


def unknown(run: Run) -> list[str]:
    """Why the plan of the last revision may not say all."""
    found = json.loads(run("downgrade", "-1", "--plan", "--json").out)["data"]["losses"]
    return [each["unknown"] for each in found]


@pytest.fixture
def shop(run: Run, project: Small) -> Run:
    """A project whose last revision made and filled two tables; its downgrade is written later."""
    project.revision(HEAD, FIRST, UP)
    assert run("upgrade").code == 0
    return run


@pytest.mark.parametrize("env", [FROM_CONFIG, ASYNC, PER_MIGRATION], ids=["", "async", "each"])
def test_plan(shop: Run, project: Small, env: str) -> None:
    """Tables with their rows and columns with their values, on one screen, and nothing runs."""
    project.env(env)
    back = 'op.drop_column("orders", "note")\nop.drop_table("users")'
    project.revision(HEAD, FIRST, UP, back)
    ran = shop("downgrade", "base", "--plan")
    assert ran.code == 0, ran
    assert ran.out[ran.out.index("losses") :].splitlines() == [
        "losses",
        HEAD,
        "  loses column orders.note (1 value)",
        "  loses table users (2 rows)",
        FIRST,
        "  loses table t1 (0 rows)",
    ]


BACK = {
    "drop_table": ('op.drop_table("orders")', ["table orders 3"]),
    "one after the other": (
        'op.drop_column("orders", "note")\nop.drop_table("orders")',
        ["column orders.note 1", "table orders 3"],
    ),
    "gone already": (
        'op.drop_table("orders")\nop.execute("DELETE FROM orders")',
        ["table orders 3"],
    ),
    "batch": (
        'with op.batch_alter_table("orders") as batch:\n    batch.drop_column("note")',
        ["column orders.note 1"],
    ),
    "loop": (
        'for name in ("orders", "users"):\n    op.drop_table(name)',
        ["table orders 3", "table users 2"],
    ),
    "sql": ('op.execute("DROP TABLE orders, users")', ["table orders 3", "table users 2"]),
    "renamed before": (
        'op.rename_table("orders", "sales")\n'
        'op.alter_column("sales", "note", new_column_name="n")\n'
        'op.drop_column("sales", "n")\nop.drop_table("sales")',
        ["column orders.note 1", "table orders 3"],
    ),
    "a search_path of others": (
        'op.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = s RETURN 1;'
        " ALTER FUNCTION f() SET search_path = public; ALTER ROLE CURRENT_USER SET search_path = s;"
        ' ALTER ROLE CURRENT_USER RESET search_path")\nop.drop_table("orders")',
        ["table orders 3"],
    ),
    "never there": ('op.execute("DROP TABLE IF EXISTS nothing")', []),
    "made on the way": ('op.execute("CREATE TABLE tmp (id int)")\nop.drop_table("tmp")', []),
    "bind": ('op.get_bind().execute(sa.text("TRUNCATE orders"))', ["rows orders 3"]),
    "delete": ('op.execute("DELETE FROM orders WHERE id > 1")', ["rows orders 3"]),
    "update": ("op.execute(\"UPDATE users SET name = 'x'\")", ["values users 2"]),
    "type": (
        'op.alter_column("orders", "note", type_=sa.String(3))',
        ["conversion orders.note 1"],
    ),
    "same type": ('op.alter_column("orders", "note", type_=sa.Text())', []),
    "index": ('op.execute("CREATE INDEX i ON orders (id)")\nop.drop_index("i")', []),
    "enum": ('sa.Enum("a", name="kind").drop(op.get_bind(), checkfirst=True)', []),
    "schema": (
        'op.execute("DROP SCHEMA public CASCADE")',
        ["table alembic_version 1", "table orders 3", "table t1 0", "table users 2"],
    ),
}


@pytest.mark.parametrize("case", BACK)
def test_forms(shop: Run, project: Small, case: str) -> None:
    """Whatever the form a drop is written in, the plan knows it, and knows it to be all."""
    back, expected = BACK[case]
    project.revision(HEAD, FIRST, UP, back)
    assert losses(shop, "-1") == expected
    assert unknown(shop) == [""]


def test_cascade(shop: Run, project: Small, watch: SyncConnection) -> None:
    """CASCADE names what goes with it: views, constraints of other tables."""
    watch.execute("CREATE VIEW names AS SELECT name FROM users")
    project.revision(HEAD, FIRST, UP, 'op.execute("DROP TABLE users CASCADE")')
    ran = shop("downgrade", "-1", "--plan", "--json")
    (undone,) = json.loads(ran.out)["data"]["losses"]
    assert undone["losses"][0]["cascades"] == [
        "constraint orders_user_id_fkey on table orders",
        "view names",
    ]
    told = shop("downgrade", "-1", "--yes").err
    assert "CASCADE takes constraint orders_user_id_fkey on table orders, view names" in " ".join(
        told.split()
    )


def test_type_cascade(run: Run, project: Small) -> None:
    """A type that is dropped with CASCADE takes the columns of that type."""
    up = 'op.execute("CREATE TYPE mood AS ENUM (\'x\')")\nop.execute("CREATE TABLE m (a mood)")'
    project.revision(HEAD, FIRST, up, 'op.execute("DROP TYPE mood CASCADE")')
    assert run("upgrade").code == 0
    assert losses(run, "-1") == ["column m.a 0"]


def test_partitions_count(run: Run, project: Small, watch: SyncConnection) -> None:
    """The rows of a partitioned table are those of its partitions."""
    up = """
    op.execute("CREATE TABLE p (id int) PARTITION BY RANGE (id)")
    op.execute("CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)")
    op.execute("INSERT INTO p VALUES (1), (2)")
    """
    project.revision(HEAD, FIRST, up, 'op.drop_table("p")')
    assert run("upgrade").code == 0
    assert losses(run, "-1") == ["table p 2"]


def test_large_table_is_estimated(shop: Run, project: Small, watch: SyncConnection) -> None:
    """What is large is not read through: the statistics answer, and that is said."""
    watch.execute(
        "INSERT INTO orders SELECT n, 1, repeat('x', 200) FROM generate_series(4, 90000) n"
    )
    project.revision(HEAD, FIRST, UP, 'op.drop_column("orders", "note")\nop.drop_table("orders")')
    ran = shop("downgrade", "-1", "--plan")
    assert "loses column orders.note (rows not known, " in ran.out
    watch.execute("ANALYZE orders")
    ran = shop("downgrade", "-1", "--plan")
    assert "loses column orders.note (about 90,000 rows, estimated, 2" in ran.out
    assert "loses table orders (about 90,000 rows, estimated, 2" in ran.out


def test_locked_table_does_not_hold_up(shop: Run, project: Small, database: Target) -> None:
    """A table that somebody has locked is estimated instead of waited for."""
    project.revision(HEAD, FIRST, UP, 'op.drop_table("orders")')
    with SyncConnection(database) as other:
        other.execute("ANALYZE orders")
        other.execute("BEGIN; LOCK TABLE orders")
        ran = shop("downgrade", "-1", "--plan")
        assert "loses table orders (about 3 rows, estimated, " in ran.out


def test_an_estimate_of_nothing_is_no_knowledge(
    shop: Run, project: Small, watch: SyncConnection
) -> None:
    """The statistics are of before the rows came, and the table is too large to be counted."""
    project.revision(HEAD, FIRST, UP, 'op.drop_table("orders")')
    watch.execute(
        "TRUNCATE orders; ANALYZE orders;"
        " INSERT INTO orders SELECT n, 1, repeat('x', 200) FROM generate_series(4, 90000) n"
    )
    assert "loses table orders (rows not known, " in shop("downgrade", "-1", "--plan").out


def test_who_agrees_to_an_estimate_agrees_to_rows() -> None:
    """About none may be some; who has agreed to exactly none has not agreed to about none."""
    about = Undone("r", "v", (Loss("table", "t", 0, exact=False, bytes=0),))
    none = Undone("r", "v", (Loss("table", "t", 0, exact=True, bytes=0),))
    assert about.named - none.named == {"rows in t, by r"} == set(about.doubts)


def test_rows_that_a_policy_hides_are_estimated(
    shop: Run, project: Small, watch: SyncConnection, database: Target
) -> None:
    """Of what a policy hides from the owner too, nobody says that it holds nothing."""
    project.revision(HEAD, FIRST, UP, 'op.drop_table("orders")')
    owner = f"hidden_from_{database.database}"
    watch.execute(f'ANALYZE orders; CREATE ROLE "{owner}" LOGIN')
    watch.execute(f'ALTER TABLE alembic_version OWNER TO "{owner}"')
    watch.execute(f'ALTER TABLE orders OWNER TO "{owner}"')
    watch.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    try:
        url = plain(database).replace("postgres@", f"{owner}@", 1)
        ran = shop("--url", url, "downgrade", "-1", "--plan")
        assert "loses table orders (about 3 rows, estimated, " in ran.out, ran
    finally:
        watch.execute(f'DROP OWNED BY "{owner}" CASCADE; DROP ROLE "{owner}"')


def test_pooler_gets_estimates(
    dbtool: Dbtool, shop: Run, project: Small, database: Target, watch: SyncConnection
) -> None:
    """Behind a transaction pooler the plan is read in one transaction that nothing may end."""
    watch.execute("ANALYZE orders")
    project.revision(HEAD, FIRST, UP, 'op.drop_table("orders")\nop.drop_table("users")')
    with pgbouncer(database) as pooler:
        url = plain(pooler.target)
        ran = dbtool("--url", url, "downgrade", "-1", "--plan", cwd=project.root)
    assert ran.code == 0, ran
    assert "loses table orders (about 3 rows, estimated, 8 kB)" in ran.out
    assert "loses table users (rows not known, 0 kB)" in ran.out


CODE = {
    "a file": ('open("trace", "w")', "open()"),
    "a program": ('import subprocess\nsubprocess.run(["touch", "trace"])', "import subprocess"),
    "the application": ("from app.side import effect\neffect()", "import app.side"),
    "the live context": (
        'from alembic import context\ncontext.get_bind().execute(sa.text("CREATE TABLE trace ()"))',
        "context.get_bind().execute()",
    ),
    "a loop without end": ("while True:\n    pass", "while"),
}


@pytest.mark.parametrize("case", CODE)
def test_code_is_not_run_before_anybody_agreed(
    shop: Run, project: Small, watch: SyncConnection, case: str
) -> None:
    """Only what is nothing but operations is rendered; of the rest, what is written out is read."""
    code, named = CODE[case]
    project.write("app/side.py", 'def effect():\n    open("trace", "w")\n')
    project.revision(HEAD, FIRST, UP, f'{code}\nop.drop_table("orders")')
    assert losses(shop, "-1") == ["table orders 3"]
    (why,) = unknown(shop)
    assert why == f"it runs {named}"
    assert not (project.root / "trace").exists()
    assert watch.fetchval("SELECT to_regclass('trace') IS NULL")


@pytest.mark.parametrize(
    ("back", "why"),
    [
        (
            "for row in op.get_bind().execute(sa.text('SELECT 1')):\n    op.drop_table('users')",
            "SELECT 1",
        ),
        ("sa.inspect(op.get_bind())", "database"),
        ("sa.create_engine('postgresql+psycopg://localhost/x').connect()", "connection of its own"),
        ("op.execute('DO $$ BEGIN END $$')", "code inside the server: DO $$ BEGIN END $$"),
    ],
)
def test_not_known(shop: Run, project: Small, back: str, why: str) -> None:
    """What depends on the database is said not to be known, and why."""
    project.revision(HEAD, FIRST, UP, back)
    (said,) = unknown(shop)
    assert why in said


def test_question_shows_it(dbtool: Dbtool, shop: Run, project: Small, database: Target) -> None:
    """At the question each loss stands below its revision, and no leaves everything as it is."""
    project.revision(HEAD, FIRST, UP, 'op.drop_table("orders")')
    words = ("--url", plain(database), "downgrade", "-1")
    ran = dbtool(*words, cwd=project.root, stdin="n\n", tty=True)
    assert ran.code == 2, ran
    lines = [line.strip() for line in ran.out.splitlines()]
    at = lines.index(f"{HEAD} {HEAD} does something.")
    assert lines[at + 1] == "loses table orders (3 rows)"
    assert losses(shop, "-1") == ["table orders 3"]


def test_yes_is_told_too(shop: Run, project: Small, watch: SyncConnection) -> None:
    """Where nobody is asked, stderr says what is lost, once; the record keeps it."""
    project.revision(HEAD, FIRST, UP, 'op.drop_table("orders")\nop.drop_table("users")')
    ran = shop("downgrade", "-1", "--yes", "--json")
    assert ran.code == 0, ran
    told = [line for line in ran.err.splitlines() if "loses" in line]
    assert told == [
        f"info: {HEAD} loses table orders (3 rows)",
        f"info: {HEAD} loses table users (2 rows)",
    ]
    (undone,) = json.loads(ran.out)["data"]["losses"]
    assert [each["rows"] for each in undone["losses"]] == [3, 2]
    assert watch.fetchval("SELECT to_regclass('orders') IS NULL")


def test_nothing_to_undo_it_with(shop: Run, project: Small) -> None:
    """A downgrade() that does nothing is noted; where upgrade() does nothing either it is not."""
    project.revision(HEAD, FIRST, UP, "pass")
    assert "does nothing: the schema stays as it is" in shop("downgrade", "-1", "--plan").out
    project.revision(HEAD, FIRST, "pass", "pass")
    assert "does nothing" not in shop("downgrade", "-1", "--plan").out


REFUSALS = {
    "bare": ("raise NotImplementedError", "NotImplementedError"),
    "message": ('raise NotImplementedError("ask the\\n  data team")', "ask the data team"),
    "another kind": ('raise RuntimeError("no way back")', "no way back"),
    "after a statement": ('op.drop_table("orders")\nraise Exception("gone")', "gone"),
    "formatted": ('raise RuntimeError(f"{revision} stays")', "… stays"),
}


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("words", [("--yes",), ("--plan",)])
def test_author_refuses(
    shop: Run, project: Small, watch: SyncConnection, case: str, words: tuple[str, ...]
) -> None:
    """A downgrade that raises on purpose is told as such, before a later one has run."""
    code, said = REFUSALS[case]
    path = project.revision(HEAD, FIRST, UP, code)
    line = path.read_text().splitlines().index("    " + code.splitlines()[-1]) + 1
    project.revision("aaaa00000003", HEAD, "pass", 'open("trace", "w")')
    assert shop("upgrade").code == 0
    ran = shop("downgrade", "base", *words)
    assert ran.code == 4, ran
    assert [line.strip() for line in ran.err.splitlines()] == [
        f"error: revision {HEAD} cannot be downgraded: its author says so",
        f"detail: migrations/versions/{HEAD}.py:{line}: {said}",
        "Nothing was run.",
        "hint: Go back to a backup, or write a new revision that leads to where you want to be.",
    ]
    assert not (project.root / "trace").exists()


def test_refusal_that_depends(shop: Run, project: Small, watch: SyncConnection) -> None:
    """A raise behind a condition is the author's word too, once it is reached."""
    project.revision(
        HEAD,
        FIRST,
        UP,
        """
        if op.get_bind().scalar(sa.text("SELECT count(*) FROM orders")):
            raise RuntimeError("there are orders")
        """,
    )
    ran = shop("downgrade", "-1", "--yes")
    assert ran.code == 4, ran
    assert f"error: revision {HEAD} cannot be downgraded: its author says so" in ran.err
    assert "there are orders" in ran.err
    assert f"stands at {HEAD}, as before." in " ".join(ran.err.split())


def test_broken_is_no_refusal(shop: Run, project: Small) -> None:
    """An exception from inside a call is a failure, not anybody's word."""
    project.revision(HEAD, FIRST, UP, 'op.execute("DROP TABLE nowhere")')
    ran = shop("downgrade", "-1", "--yes")
    assert ran.code == 4, ran
    assert f'error: revision {HEAD} ({HEAD} does something.) failed: table "nowhere"' in ran.err
    assert "author" not in ran.err


UNNAMED = """
op.create_unique_constraint(None, "users", ["name"])
op.create_foreign_key(None, "orders", "users", ["user_id"], ["id"])
"""


def test_constraint_without_a_name(shop: Run, project: Small, watch: SyncConnection) -> None:
    """What autogenerate writes without a name is refused before the run, with the real name."""
    path = project.revision(
        "aaaa00000003",
        HEAD,
        UNNAMED,
        """
        op.drop_constraint(None, "orders", type_="foreignkey")
        with op.batch_alter_table("users") as batch_op:
            batch_op.drop_constraint(None, type_="unique")
        """,
    )
    assert shop("upgrade").code == 0
    watch.execute("ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey")
    ran = shop("downgrade", "-1", "--yes")
    assert ran.code == 4, ran
    lines = path.read_text().splitlines()
    first = next(n for n, line in enumerate(lines, 1) if "drop_constraint" in line)
    file = "migrations/versions/aaaa00000003.py"
    assert [line.strip() for line in ran.err.splitlines()] == [
        "error: revision aaaa00000003 cannot be downgraded: it drops a constraint without naming"
        " it",
        f'detail: {file}:{first}: op.drop_constraint(None, "orders", type_="foreignkey")',
        f'{file}:{first + 2}: batch_op.drop_constraint(None, type_="unique")',
        "Nothing was run.",
        "hint: Name it as this database has it:",
        f"line {first}: op.drop_constraint('orders_user_id_fkey1', 'orders', type_='foreignkey')",
        f"line {first + 2}: op.drop_constraint('users_name_key', 'users', type_='unique')",
        "A naming_convention in the models' MetaData names all of them from the start.",
    ]


def test_naming_convention_names_it(shop: Run, project: Small) -> None:
    """Where a naming convention gives the constraint its name, nothing is refused."""
    env = FROM_CONFIG.replace(
        "context.configure(connection=connection)",
        "from sqlalchemy import MetaData\n"
        '        metadata = MetaData(naming_convention={"uq": "uq_%(table_name)s"})\n'
        "        context.configure(connection=connection, target_metadata=metadata)",
    )
    project.env(env)
    project.revision(
        "aaaa00000003",
        HEAD,
        'op.create_unique_constraint(None, "users", ["name"])',
        'op.drop_constraint(None, "users", type_="unique")',
    )
    assert shop("upgrade").code == 0
    ran = shop("downgrade", "-1", "--yes")
    assert ran.code == 0, ran


def test_odd_names_and_missing_rights(
    run: Run, project: Small, watch: SyncConnection, database: Target
) -> None:
    """Percent signs, quotes, capitals, and a schema that one may not look into."""
    name = '100% "Sure"\'s'
    in_sql = '"100% ""Sure""\'s"'
    back = f"op.drop_table({name!r})\nop.drop_table('t', schema='closed')"
    project.revision(HEAD, FIRST, "pass", back)
    assert run("upgrade").code == 0
    watch.execute("CREATE SCHEMA closed; CREATE TABLE closed.t (id int); ANALYZE closed.t")
    watch.execute("CREATE ROLE deploy LOGIN; GRANT ALL ON alembic_version TO deploy")
    watch.execute(f"CREATE TABLE {in_sql} (id int); ALTER TABLE {in_sql} OWNER TO deploy")
    try:
        url = plain(database).replace("postgres@", "deploy@", 1)
        ran = run("--url", url, "downgrade", "-1", "--plan")
        assert ran.code == 0, ran
        assert f"loses table {name} (0 rows)" in ran.out
        assert "loses table closed.t (about 0 rows, estimated, 0 kB)" in ran.out
        ran = run("--url", url, "downgrade", "-1", "--yes")
        assert ran.code == 4, ran
        assert "permission denied for schema closed" in ran.err
    finally:
        watch.execute("DROP OWNED BY deploy; DROP ROLE deploy")


def test_search_path_of_env(run: Run, project: Small, watch: SyncConnection) -> None:
    """Tables are found where env.py's own search_path leads."""
    env = FROM_CONFIG.replace(
        "        context.configure(connection=connection)",
        dedent(
            """
            connection.exec_driver_sql("SET search_path TO tenant")
            connection.commit()
            context.configure(connection=connection)
            """
        ).replace("\n", "\n        "),
    )
    project.env(env)
    watch.execute("CREATE SCHEMA tenant; CREATE TABLE t2 (id int); INSERT INTO t2 VALUES (1)")
    assert run("upgrade").code == 0
    assert losses(run, "-1") == ["table tenant.t2 0"]
