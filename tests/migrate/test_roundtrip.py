"""Revisions up, down and up again: what comes of each, and what is said of it."""

from contextlib import chdir
from pathlib import Path

import pytest

from dbtool.errors import Interrupted
from dbtool.migrate.location import find
from dbtool.migrate.project import Project
from dbtool.migrate.roundtrip import RoundTrip, round_trip
from dbtool.migrate.selection import Wanted
from dbtool.migrate.view_roundtrip import roundtrip
from dbtool.scratch.server import Server
from dbtool.seed.fill import fill
from tests.conftest import Dbtool
from tests.migrate.projects import FROM_CONFIG, Small, small

USERS = """
op.create_table("users", sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("email", sa.String(50), nullable=False, unique=True),
    sa.Column("age", sa.Integer, sa.CheckConstraint("age > 17")))
op.create_table("posts", sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("author", sa.BigInteger, sa.ForeignKey("users.id"), nullable=False))
"""
CONCURRENTLY = "with op.get_context().autocommit_block():\n  op.execute('{}')"
CASES = {
    "made": (USERS, 'op.drop_table("posts")\nop.drop_table("users")'),
    "left_enum": (
        "op.execute(\"CREATE TYPE mood AS ENUM ('sad')\")\nop.execute('CREATE TABLE m (x mood)')",
        'op.drop_table("m")',
    ),
    "left_label": (
        CONCURRENTLY.replace("'{}'", "\"ALTER TYPE mood ADD VALUE IF NOT EXISTS 'glad'\""),
        "op.execute('SELECT 1')",
    ),
    "broken": ("op.execute('CREATE TABLE b (x int)')", 'op.drop_constraint("nope", "b")'),
    "refuses": ("op.execute('CREATE TABLE c (x int)')", 'raise NotImplementedError("never")'),
    "raises": ("op.execute('CREATE TABLE d (x int)')", 'raise RuntimeError("not this one")'),
    "forgets": ('op.add_column("c", sa.Column("y", sa.Integer))', ""),
    "other": (
        'op.alter_column("c", "y", server_default="3")',
        'op.alter_column("c", "y", server_default="4")',
    ),
    "outside": (
        CONCURRENTLY.format("CREATE INDEX CONCURRENTLY i ON c (y)"),
        CONCURRENTLY.format("DROP INDEX CONCURRENTLY i"),
    ),
    "half_way": (
        "op.execute('CREATE TABLE h (x int)')",
        CONCURRENTLY.format("DROP TABLE h") + "\nop.execute('DROP TABLE nix')",
    ),
    "values": (
        'op.drop_column("users", "age")',
        'op.add_column("users", sa.Column("age", sa.Integer, sa.CheckConstraint("age > 17")))',
    ),
    "kept": (
        'op.alter_column("posts", "author", nullable=True)',
        'op.alter_column("posts", "author", nullable=False)',
    ),
    "needs_rows": (
        'op.drop_column("users", "email")',
        'op.add_column("users", sa.Column("email", sa.String(50), nullable=False, unique=True))',
    ),
    "body": (
        "op.execute(\"CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'\")",
        "op.execute('SELECT 1')",
    ),
    "last": ('op.add_column("c", sa.Column("z", sa.Integer))', 'op.drop_column("c", "z")'),
    "cannot": ("op.execute('ALTER TABLE nix ADD y int')", "op.execute('SELECT 1')"),
    "behind": ("op.execute('SELECT 1')", "op.execute('SELECT 1')"),
}
OUTCOMES = {
    "made": "reversible",
    "left_enum": "second upgrade fails",
    "left_label": "leaks",
    "broken": "downgrade fails",
    "refuses": "irreversible",
    "raises": "irreversible",
    "forgets": "empty",
    "other": "differs",
    "outside": "reversible",
    "half_way": "downgrade fails",
    "values": "reversible",
    "kept": "reversible",
    "needs_rows": "reversible",
    "body": "leaks",
    "last": "reversible",
    "cannot": "upgrade fails",
}
SAID = (
    ("error downgrade-leaves-behind", "the downgrade of left_enum leaves enum mood behind"),
    (
        "error downgrade-fails",
        'the downgrade of broken fails: constraint "nope" of relation "b" does not exist',
    ),
    ("error downgrade-differs", "the downgrade of other does not lead back: column c.y is another"),
    ("error downgrade-fails", 'the downgrade of half_way fails: table "nix" does not exist'),
    (
        "error downgrade-fails",
        'the downgrade of needs_rows fails where there are rows: column "email" of'
        ' relation "users" contains null values',
    ),
    ("error upgrade-fails", 'cannot cannot be applied: relation "nix" does not exist'),
    (
        "warning downgrade-leaves-behind",
        "the downgrade of left_label leaves enum label mood.glad behind",
    ),
    (
        "warning downgrade-does-nothing",
        "the downgrade of forgets does nothing, and says that it has undone it",
    ),
    ("warning rows-not-kept", "there and back, values loses the values of users.age"),
    ("warning downgrade-leaves-behind", "the downgrade of body leaves function f() behind"),
    ("note downgrade-refused", "refuses is irreversible: never"),
    ("note downgrade-refused", "raises is irreversible: not this one"),
)
ASYNC = """
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import async_engine_from_config

def migrate(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()

async def run():
    engine = async_engine_from_config(context.config.get_section("alembic"))
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()

asyncio.run(run())
"""


def tried(project: Small, server: Server, *revisions: str) -> RoundTrip:
    """The round trip that the command makes in the project's directory."""
    with chdir(project.root):
        opened = Project(find(None, None, project.root), root=project.root)
        return round_trip(opened, Wanted(revisions), server=server, fill=fill)


def written(root: Path, env: str = FROM_CONFIG) -> Small:
    """A history with one revision for each way a round trip can end."""
    project, before = small(root, env, revisions=0), None
    for name, (up, down) in CASES.items():
        project.revision(name, before, up, down)
        before = name
    return project


@pytest.fixture(scope="module")
def found(server: Server, tmp_path_factory: pytest.TempPathFactory) -> RoundTrip:
    """The round trip of all cases."""
    project = written(tmp_path_factory.mktemp("trips") / "project")
    return tried(project, server, "base:heads")


def test_each_way_a_round_trip_ends_is_told_apart(found: RoundTrip) -> None:
    """Also behind a downgrade that failed half-way outside of its transaction."""
    assert {each.revision: each.outcome.value for each in found.revisions} == OUTCOMES
    assert found.untried == ("behind",)
    assert not found.is_proven


def test_what_is_said_of_them(found: RoundTrip) -> None:
    """The worst first, each with the rule and in one line."""
    report = roundtrip(found, "check")
    said = [(f"{each.severity.word} {each.rule}", each.title) for each in report.findings]
    assert tuple(said) == SAID


def test_rows_are_put_into_what_a_revision_changes(found: RoundTrip) -> None:
    """Into the table and those it refers to; nothing else is filled."""
    rows = {each.revision: each.rows for each in found.revisions if each.rows is not None}
    assert {name: each.tables for name, each in rows.items()} == {
        "values": ("public.users",),
        "kept": ("public.users", "public.posts"),
        "needs_rows": ("public.users",),
        "last": ("public.c",),
    }
    assert rows["kept"].lost == ()


def test_an_asynchronous_env_that_commits_each_revision(server: Server, tmp_path: Path) -> None:
    """The way back runs in a transaction of its own there too, and by default for the last."""
    project = small(tmp_path / "project", ASYNC)
    url = "sqlalchemy.url = postgresql+asyncpg://x@localhost/x\n"
    ini = project.root / "alembic.ini"
    kept = [line for line in ini.read_text().splitlines() if "sqlalchemy.url" not in line]
    ini.write_text("\n".join([*kept, url]))
    found = tried(project, server)
    assert [(each.revision, each.is_proven) for each in found.revisions] == [("aaaa00000002", True)]
    assert found.chosen.startswith("the last revision (")


def test_an_interrupt_is_no_failure_of_the_revision(server: Server, tmp_path: Path) -> None:
    """Whoever stops the command during an upgrade does not have it blamed on that."""
    project = small(tmp_path / "project")
    project.revision("stopped", "aaaa00000002", "raise KeyboardInterrupt")
    with pytest.raises(Interrupted):
        tried(project, server)


def test_revisions_are_for_the_round_trip(dbtool: Dbtool, tmp_path: Path) -> None:
    """A word too many is no database and no model."""
    ran = dbtool("check", "head", cwd=tmp_path)
    assert (ran.code, ran.err.splitlines()[0]) == (2, "error: revisions are for --roundtrip")
