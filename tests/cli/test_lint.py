"""`dbtool lint` as it is typed: what it judges, what it knows, and what it refuses."""

import json
import os
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from tests.cli.test_completion import offered
from tests.conftest import MAJOR, Dbtool, Ran
from tests.migrate.projects import Small, small
from tests.test_imports import loaded

RULE = ("--select", "index-not-concurrent,column-type-rewrite,syntax-error,not-read,allow-unused")
TABLE = 'op.create_table("orders", sa.Column("id", sa.Integer), sa.Column("note", sa.String))'
BUILD = 'op.create_index("ix_orders_note", "orders", ["note"])'
SQL = "CREATE INDEX ix_orders_note ON orders (note);\n"
SCHEMA = "CREATE TABLE orders (id int, note text, total int);\n"
WIDEN = "ALTER TABLE orders ALTER total TYPE bigint;\n"

FIRST_SCREEN = """\
1 revision that main does not have: 1 error

[1] error (proven from history): orders: writes wait while index ix_orders_note
    is built
    index-not-concurrent at migrations/versions/bbb2.py:9, bbb2
    SHARE lock on orders: writes wait
    an index is built over every row of orders
    fix: build it while writes go on
        with op.get_context().autocommit_block():
            op.create_index("ix_orders_note", "orders", ["note"], postgresql_concurrently=True)

info: 1 statement judged for PostgreSQL 18, after 1 earlier revision

next:
  dbtool rules index-not-concurrent
  dbtool lint --fix

1 error
"""


@pytest.fixture
def project(tmp_path: Path) -> Small:
    """A project of two revisions: a table, then an index on it."""
    made = small(tmp_path / "project", revisions=0)
    made.revision("aaa1", None, TABLE)
    made.revision("bbb2", "aaa1", BUILD)
    return made


def git(root: Path, *words: str) -> None:
    """Run git with a name of its own."""
    named = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(("git", *named, *words), cwd=root, check=True, capture_output=True)


@pytest.fixture
def branch(project: Small) -> Small:
    """The project in git: the first revision is on main, the second is new."""
    new = project.root / "migrations/versions/bbb2.py"
    text = new.read_text()
    new.unlink()
    git(project.root, "init", "-q", "-b", "main")
    git(project.root, "add", ".")
    git(project.root, "commit", "-q", "-m", "first")
    git(project.root, "checkout", "-q", "-b", "feature")
    new.write_text(text)
    return project


def head(ran: Ran) -> str:
    """The first line of a report."""
    return ran.out.splitlines()[0]


@pytest.mark.usefixtures("git_installed")
def test_first_screen(dbtool: Dbtool, branch: Small) -> None:
    """What is new since main is judged on the schema that main leaves."""
    ran = dbtool("lint", *RULE, cwd=branch.root, env={"COLUMNS": "80"})
    assert (ran.code, ran.err) == (1, "")
    assert ran.out == FIRST_SCREEN
    git(branch.root, "add", ".")
    git(branch.root, "commit", "-q", "-m", "second")
    git(branch.root, "branch", "-f", "main")
    ran = dbtool("lint", cwd=branch.root)
    assert (ran.code, ran.out) == (0, "no revision that main does not have: nothing to judge\n")


@pytest.mark.usefixtures("git_installed")
def test_without_git(dbtool: Dbtool, project: Small) -> None:
    """Nobody knows what is deployed: the report says what that means."""
    ran = dbtool("lint", *RULE, cwd=project.root)
    assert ran.code == 0
    assert head(ran) == "all revisions (this is no git repository): nothing found"
    assert "info: they begin with an empty database, so every table is taken for new" in ran.out
    ran = dbtool("lint", *RULE, "--since", "aaa1", cwd=project.root)
    assert (ran.code, head(ran)) == (
        1,
        "all revisions (this is no git repository), after aaa1: 1 error",
    )


@pytest.mark.parametrize("name", ["bbb2", "bbb", "aaa1:", "aaa1:head", "-1", "head", "bbb2.py"])
def test_ways_to_name_a_revision(dbtool: Dbtool, project: Small, name: str) -> None:
    """By id or its beginning, by range, by place, and by file from wherever one is."""
    versions = project.root / "migrations/versions"
    where = versions if name.endswith(".py") else project.root
    ran = dbtool("lint", name, *RULE, "-c", project.root / "alembic.ini", cwd=where)
    assert (ran.code, head(ran)) == (1, "1 revision, as named: 1 error"), ran


def test_the_last_revision_nobody_judges(dbtool: Dbtool, project: Small) -> None:
    """`since` stands in the settings too, and the command line wins over it."""
    project.write("dbtool.toml", '[lint]\nsince = "bbb2"\nselect = "index-not-concurrent"\n')
    assert head(dbtool("lint", cwd=project.root)).endswith(", after bbb2: nothing to judge")
    assert dbtool("lint", "--since", "aaa1", cwd=project.root).code == 1
    assert dbtool("lint", "bbb2", cwd=project.root).code == 1


def test_select_and_ignore(dbtool: Dbtool, tmp_path: Path) -> None:
    """By name, with commas or repeated, from the settings or the command line."""
    (tmp_path / "it.sql").write_text(SQL + "SELEC 1;\n")

    def found(*words: str) -> set[str]:
        ran = dbtool("lint", "it.sql", "--json", *words)
        return {each["rule"] for each in json.loads(ran.out)["findings"]}

    both = {"index-not-concurrent", "syntax-error"}
    assert found() >= both
    assert found("--select", "index-not-concurrent, syntax_error") == both
    assert found("--select", "index-not-concurrent", "--select", "syntax-error") == both
    assert found("--select", "all", "--ignore", "default") & both == set()
    assert found("--ignore", "syntax-error") & both == {"index-not-concurrent"}
    (tmp_path / "dbtool.toml").write_text('[lint]\nignore = ["syntax-error"]\n')
    assert found() & both == {"index-not-concurrent"}
    assert found("--select", "syntax-error") == {"syntax-error"}
    assert found("--ignore", "index-not-concurrent") & both == {"syntax-error"}


@pytest.mark.parametrize("place", ["flag", "settings"])
def test_a_rule_nobody_knows(dbtool: Dbtool, tmp_path: Path, place: str) -> None:
    """The message says where the name stands, and which are near."""
    (tmp_path / "it.sql").write_text(SQL)
    words = ["lint", "it.sql"]
    if place == "flag":
        words += ["--select", "index-not-concurent"]
    else:
        (tmp_path / "dbtool.toml").write_text('[lint]\nselect = ["index-not-concurent"]\n')
    ran = dbtool(*words)
    source = "--select" if place == "flag" else "lint.select"
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        f'error: {source}: no rule of lint is called "index-not-concurent"\n'
        "hint: Did you mean index-not-concurrent or reindex-not-concurrent?\n"
    )


def test_a_file_of_sql(dbtool: Dbtool, tmp_path: Path) -> None:
    """A mistake has its line and column; what hangs on the schema is unknown, and says on what."""
    (tmp_path / "it.sql").write_text(f"{WIDEN}\nALTER TABLE orders\n  ADD COLUM x int;\n")
    ran = dbtool("lint", "it.sql", *RULE)
    assert (ran.code, head(ran)) == (1, "it.sql: 1 error, 1 unknown")
    assert 'syntax error at or near "int" (line 4, column 15)' in ran.out
    assert "syntax-error at it.sql:4\n" in ran.out
    assert "column-type-rewrite at it.sql:1\n    to decide: " in ran.out
    assert "--schema" in ran.out


@pytest.mark.parametrize("kind", ["file", "url"])
def test_the_schema_that_sql_meets(
    dbtool: Dbtool, tmp_path: Path, database: Target, kind: str
) -> None:
    """It decides what the text alone does not, and what is there is not taken for new."""
    (tmp_path / "it.sql").write_text(SQL + WIDEN)
    (tmp_path / "schema.sql").write_text(SCHEMA)
    schema = "schema.sql"
    if kind == "url":
        schema = database.sqlalchemy_url("asyncpg")
        with SyncConnection(database) as connection:
            connection.execute(SCHEMA)
    ran = dbtool("lint", "it.sql", "--schema", schema, *RULE)
    assert (ran.code, head(ran)) == (1, "it.sql: 2 errors"), ran
    shown = "schema.sql" if kind == "file" else database.shown
    assert f"judged for PostgreSQL 18, on the schema of {shown}" in ran.out


def test_a_directory(dbtool: Dbtool, tmp_path: Path) -> None:
    """Files are read in the order of their numbers; what one creates is new to the next."""
    folder = tmp_path / "sql"
    folder.mkdir()
    (folder / "V2__table.sql").write_text("CREATE TABLE orders (note text);")
    (folder / "V10__index.sql").write_text(SQL)
    (folder / "V10__index.down.sql").write_text("SELEC 1;")
    ran = dbtool("lint", "sql", *RULE)
    assert (ran.code, head(ran)) == (1, "3 files: 1 error")
    (folder / "V10__index.sql").rename(folder / "V10__index.up.sql")
    ran = dbtool("lint", "sql", *RULE)
    assert (ran.code, head(ran)) == (0, "2 files: nothing found")
    ran = dbtool("lint", "sql/V10__index.up.sql", "sql/V2__table.sql", *RULE)
    assert (ran.code, head(ran)) == (1, "2 files: 1 error")


def test_stdin(dbtool: Dbtool) -> None:
    """Findings of a pipe have lines as well."""
    ran = dbtool("lint", "-", *RULE, stdin=f"\ufeff-- first\n{SQL}")
    assert (ran.code, head(ran)) == (1, "stdin: 1 error")
    assert "index-not-concurrent at stdin:2\n" in ran.out


def test_one_transaction(dbtool: Dbtool) -> None:
    """As psql runs it each statement commits alone; other tools run a file as a whole."""
    text = "CREATE INDEX CONCURRENTLY i ON orders (note);"
    rule = ("--select", "concurrently-in-transaction")
    assert dbtool("lint", "-", *rule, stdin=text).code == 0
    assert dbtool("lint", "-", *rule, "--one-transaction", stdin=text).code == 1


BAD = {
    "no such file": (("nothing.sql",), 'cannot read "nothing.sql"', "No such file"),
    "no such revision file": (("versions/x.py",), "there is no file versions/x.py", ""),
    "no sql inside": (("empty",), 'there is no .sql file in "empty"', ""),
    "binary": (("binary.sql",), '"binary.sql" is not UTF-8', ""),
    "zero byte": (("zero.sql",), '"zero.sql" is not text', "zero byte"),
    "empty stdin": (("-",), "stdin is empty", ""),
    "both": (("it.sql", "bbb2"), "give revisions or SQL, not both at once", "it.sql is SQL"),
    "url": (("postgresql://u:s3cret@h/d",), "a URL names neither a revision nor a file", ""),
    "near": (("bbb3",), 'there is no revision "bbb3"', "Did you mean bbb2"),
    "option": (("-z", "bbb2"), "no such option: -z", ""),
    "since sql": (("it.sql", "--since", "a"), "--since is for revisions, and SQL was given", ""),
    "since named": (("bbb2", "--since", "aaa1"), "--since leaves nothing out of what is", "a:b"),
    "schema": (("bbb2", "--schema", "x"), "--schema is for SQL; revisions have their", ""),
    "one": (("bbb2", "--one-transaction"), "--one-transaction is for SQL;", ""),
    "baseline": (("bbb2", "--baseline", "x"), "--baseline is for --measure", ""),
    "no schema": (("it.sql", "--schema", "x"), 'cannot read "x"', "No such file"),
    "major": (("it.sql", "--pg", "14"), 'invalid value for "--pg": 14 is below 15', ""),
    "url flag": (("--url", "postgresql://u:s3cret@h/d"), "--url is for --export-stats", ""),
    "stats": (("it.sql", "--stats", "x"), "cannot read x", "No such file"),
    "not stats": (("it.sql", "--stats", "it.sql"), "it.sql does not hold the sizes", ""),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be(dbtool: Dbtool, project: Small, case: str) -> None:
    """A message that names the thing, exit 2, and nothing on stdout."""
    words, message, more = BAD[case]
    (project.root / "empty").mkdir()
    (project.root / "binary.sql").write_bytes(b"\x80\x81")
    (project.root / "zero.sql").write_bytes(b"SELECT\0 1")
    project.write("it.sql", SQL)
    ran = dbtool("lint", *words, cwd=project.root)
    assert (ran.code, ran.out) == (2, ""), ran
    assert ran.err.startswith(f"error: {message}"), ran.err
    assert more in ran.err
    assert "s3cret" not in ran.err


def test_a_terminal_is_no_pipe(dbtool: Dbtool) -> None:
    """Nobody is left waiting for somebody to type SQL."""
    ran = dbtool("lint", "-", tty=True)
    assert ran.code == 2
    assert "there is no SQL on stdin" in ran.out


def test_no_project(dbtool: Dbtool, tmp_path: Path) -> None:
    """Revisions need Alembic's configuration; SQL needs nothing."""
    ran = dbtool("lint")
    assert (ran.code, ran.out) == (2, "")
    assert "no Alembic configuration was found" in ran.err
    assert "dbtool lint FILE.sql" in ran.err
    (tmp_path / "it.sql").write_text("SELECT 1;")
    assert dbtool("lint", "it.sql").code == 0


FORMATS = ("terminal", "json", "markdown", "github", "gitlab", "sarif", "junit")


@pytest.mark.parametrize("format", FORMATS)
def test_formats(dbtool: Dbtool, project: Small, format: str) -> None:  # noqa: A002
    """Each says rule, file and line, and the exit code is the same."""
    ran = dbtool("lint", "bbb2", *RULE, "--format", format, cwd=project.root)
    assert (ran.code, ran.err) == (1, "")
    for word in ("index-not-concurrent", "migrations/versions/bbb2.py", "9"):
        assert word in ran.out
    if format in ("json", "gitlab", "sarif"):
        json.loads(ran.out)
    if format == "junit":
        ET.fromstring(ran.out)


def test_json(dbtool: Dbtool, project: Small) -> None:
    """The data says of each statement where it is, with what it commits and what it does."""
    data = json.loads(dbtool("lint", "bbb2", *RULE, "--json", cwd=project.root).out)["data"]
    assert (data["chosen"], data["server"], data["replayed"]) == ("1 revision, as named", 18, 1)
    (outcome,) = data["outcomes"]
    (verdict,) = outcome["verdicts"]
    statement = verdict["statement"]
    assert statement["sql"] == "CREATE INDEX ix_orders_note ON orders (note)"
    assert (statement["line"], statement["operation"]) == (9, "op.create_index")
    assert verdict["effects"] == [
        "SHARE lock on public.orders",
        "builds an index on public.orders",
    ]


def test_narrow(dbtool: Dbtool, project: Small) -> None:
    """On 60 columns only code may be wider, since it is to be pasted."""
    ran = dbtool("lint", "bbb2", *RULE, cwd=project.root, env={"COLUMNS": "60"})
    assert [line for line in ran.out.splitlines() if len(line) > 60] == [
        '            op.create_index("ix_orders_note", "orders", ["note"], '
        "postgresql_concurrently=True)"
    ]


def test_what_is_allowed(dbtool: Dbtool, project: Small) -> None:
    """It is counted in a note, and listed with its reason for programs."""
    allow = "# dbtool: allow index-not-concurrent -- three rows\n"
    project.revision("bbb2", "aaa1", allow + BUILD)
    ran = dbtool("lint", "bbb2", *RULE, cwd=project.root)
    assert (ran.code, head(ran)) == (0, "1 revision, as named: nothing found")
    assert "info: 1 finding is allowed by comments that say why; --json lists them\n" in ran.out
    ran = dbtool("lint", "bbb2", *RULE, "--json", cwd=project.root)
    (allowed,) = json.loads(ran.out)["data"]["outcomes"][0]["allowed"]
    assert (allowed["rule"], allowed["line"], allowed["reason"]) == (
        "index-not-concurrent",
        10,
        "three rows",
    )


def test_what_cannot_be_read(dbtool: Dbtool, project: Small) -> None:
    """A part that asks the database is unknown, with what would decide it, and never fine."""
    up = 'for row in op.get_bind().execute(sa.text("SELECT 1 FROM orders")):\n    op.execute("x")'
    project.revision("bbb2", "aaa1", up)
    ran = dbtool("lint", "bbb2", *RULE, cwd=project.root)
    assert (ran.code, head(ran)) == (0, "1 revision, as named: 1 unknown")
    assert "not-read at migrations/versions/bbb2.py:9, bbb2\n" in ran.out
    assert "dbtool upgrade --sql --from-scratch bbb2" in ran.out
    assert dbtool("lint", "bbb2", *RULE, "--fail-on", "unknown", cwd=project.root).code == 1


def test_a_history_that_did_not_begin_empty(dbtool: Dbtool, project: Small) -> None:
    """What it never made may exist: nothing is called missing for that."""
    project.revision("aaa1", None, 'op.execute("ALTER TABLE made_by_hand ADD COLUMN x int")')
    project.revision("bbb2", "aaa1", 'op.execute("ALTER TABLE by_hand_too ADD COLUMN x int")')
    for words in (("bbb2",), ("aaa1",), ()):
        ran = dbtool("lint", *words, cwd=project.root)
        assert "does not exist" not in ran.out
        assert ran.code == 0, ran


def test_what_it_loads(tmp_path: Path) -> None:
    """SQL is judged without an ORM, and nothing that connects is even loaded."""
    (tmp_path / "it.sql").write_text(SQL)
    heavy = {"alembic", "asyncpg", "psycopg", "sqlalchemy", "rich"}
    assert loaded(tmp_path, "lint", "it.sql") & heavy == set()
    made = small(tmp_path / "project")
    packages = loaded(made.root, "lint", "head", env={"PATH": os.environ["PATH"]})
    assert packages & heavy == {"alembic", "sqlalchemy"}


def test_measured(dbtool: Dbtool, project: Small) -> None:
    """What was seen is said to be measured, on the server that was asked for."""
    ran = dbtool("lint", "bbb2", *RULE, "--measure", "--pg", str(MAJOR), cwd=project.root)
    assert (ran.code, head(ran)) == (1, "1 revision, as named: 1 error"), ran
    assert "[1] error (measured): orders: writes wait" in ran.out
    assert f"judged for PostgreSQL {MAJOR}, after 1 earlier revision" in ran.out


def test_measured_from_a_baseline(dbtool: Dbtool, project: Small) -> None:
    """A history that does not build its schema is measured on the one that is given."""
    project.revision("aaa1", None, 'op.execute("ALTER TABLE orders ADD COLUMN more int")')
    words = ("lint", "bbb2", *RULE, "--measure", "--pg", str(MAJOR))
    ran = dbtool(*words, cwd=project.root)
    assert (ran.code, ran.out) == (4, "")
    assert "error: cannot measure: aaa1 does not run on what comes before it\n" in ran.err
    assert "--baseline schema.sql" in ran.err
    project.write("schema.sql", SCHEMA)
    ran = dbtool(*words, "--baseline", "schema.sql", cwd=project.root)
    assert ran.code == 1, ran
    assert "[1] error (measured)" in ran.out


def test_measured_without_a_server(dbtool: Dbtool, project: Small) -> None:
    """It fails and says why; it never falls back to reading alone."""
    words = ("lint", "bbb2", "--measure", "--pg", "15" if MAJOR != 15 else "18")
    ran = dbtool(*words, cwd=project.root, env={"DBTOOL_PG_BIN": str(project.root)})
    assert (ran.code != 0, ran.out) == (True, ""), ran
    assert "error: " in ran.err


def test_sizes(dbtool: Dbtool, tmp_path: Path, database: Target) -> None:
    """A file of sizes is written once and committed; it turns a lock into a length of time."""
    with SyncConnection(database) as connection:
        connection.execute(SCHEMA)
        connection.execute("INSERT INTO orders SELECT i, 'x' FROM generate_series(1, 1000) i")
        connection.execute("ANALYZE orders")
    url = database.sqlalchemy_url("asyncpg")
    ran = dbtool("lint", "--export-stats", "sizes.json", "--url", url)
    assert (ran.code, head(ran)) == (
        0,
        f"sizes.json holds the sizes of 1 table of {database.shown}",
    )
    (tmp_path / "it.sql").write_text(SQL)
    (tmp_path / "schema.sql").write_text(SCHEMA)
    for given in ("sizes.json", url):
        ran = dbtool("lint", "it.sql", "--schema", "schema.sql", "--stats", given, *RULE)
        assert (ran.code, head(ran)) == (0, "it.sql: 1 note"), ran
        assert "1,000 rows" in ran.out
        assert f"judged for PostgreSQL {MAJOR}" in ran.out


def test_completion(dbtool: Dbtool, project: Small) -> None:
    """Revisions and files, and of an option's value what fits it."""
    project.write("one.sql", SQL)
    assert offered(dbtool, "dbtool lint ", project.root) == [
        "aaa1",
        "bbb2",
        "migrations/",
        "one.sql",
    ]
    assert offered(dbtool, "dbtool lint migrations/versions/b", project.root) == [
        "migrations/versions/bbb2.py"
    ]
    assert offered(dbtool, "dbtool lint --since b", project.root) == ["bbb2"]
    for line in ("dbtool rules index-no", "dbtool lint --select index-n"):
        assert offered(dbtool, line, project.root) == ["index-not-concurrent"]
    assert offered(dbtool, "dbtool lint --ignore all,syntax-e") == ["all,syntax-error"]
