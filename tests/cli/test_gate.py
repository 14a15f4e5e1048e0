"""`check --all`: every part in one report, and one exit code."""

import json
from pathlib import Path

import pytest

from dbtool.cli.gate import _ran
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import Interrupted
from dbtool.report import Report
from tests.conftest import Dbtool
from tests.migrate.conftest import plain
from tests.migrate.projects import Small, small

ENV = """
from alembic import context
from sqlalchemy import engine_from_config, pool
from app import Base

engine = engine_from_config(context.config.get_section("alembic"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
MODELS = """
from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    metadata = MetaData(naming_convention={"fk": "fk_%(table_name)s_%(column_0_name)s"})

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    boss: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
"""
BEHIND = """
CREATE TABLE users (id serial PRIMARY KEY, name text DEFAULT 'x');
CREATE INDEX by_hand ON users (id);
CREATE TABLE somebody_elses (id int);
CREATE TABLE alembic_version (version_num varchar(32) CONSTRAINT alembic_version_pkc PRIMARY KEY);
INSERT INTO alembic_version VALUES ('first');
"""
PARTS = ["heads", "models", "lint", "history", "database", "round trip"]


def project(root: Path) -> Small:
    """One table whose model says more than its revision, which cannot be undone."""
    made = small(root, ENV, revisions=0)
    made.write("app.py", MODELS)
    made.write("dbtool.toml", 'models = "app:Base"\n')
    made.revision(
        "first",
        None,
        "op.create_table('users', sa.Column('id', sa.Integer, primary_key=True),\n"
        "    sa.Column('name', sa.Text))",
    )
    return made


def test_the_gate_runs_every_part(dbtool: Dbtool, tmp_path: Path, database: Target) -> None:
    """One exit code for all of them; a database that is behind is to be what it records."""
    made = project(tmp_path)
    made.revision("second", "first", "op.create_index('by_boss', 'users', ['id'])")
    with SyncConnection(database) as connection:
        connection.execute(BEHIND)
    ran = dbtool("check", "--all", "--json", "--url", plain(database), cwd=made.root)
    said = json.loads(ran.out)
    assert ran.code == 1
    assert [each["name"] for each in said["data"]["parts"]] == PARTS
    assert {(each["rule"], each["severity"]) for each in said["findings"]} >= {
        ("drift", "error"),
        ("foreign-key-unindexed", "note"),
        ("downgrade-does-nothing", "warning"),
    }
    by_hand = [e for e in said["findings"] if e["rule"] == "changed-outside-revisions"]
    assert [(each["severity"], each["title"]) for each in by_hand] == [
        (
            "error",
            "column users.name is default 'x'::text in the database, default none by the history",
        ),
        ("warning", "index users.by_hand is in the database, and no revision makes it"),
    ]
    part = next(each for each in said["data"]["parts"] if each["name"] == "database")
    assert part["headline"] == "1 revision pending (second); what first made differs in 2 places"
    assert said["unknown"] == []


def test_one_of_them_at_a_time(dbtool: Dbtool, tmp_path: Path) -> None:
    """What --all does includes the others."""
    ran = dbtool("check", "--all", "--history", cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "")


def test_a_server_that_is_away_hides_nothing(dbtool: Dbtool, tmp_path: Path) -> None:
    """What the other parts found is reported, and then why the command ends as it does."""
    made = project(tmp_path)
    ran = dbtool("check", "--all", "--url", f"postgresql://x@{tmp_path}/x", cwd=made.root)
    assert ran.code == 3, ran
    assert "downgrade-does-nothing" in ran.out
    assert "database: " in ran.out.partition("unknown")[2], ran.out
    assert ran.err.count("error: ") == 1, ran.err


def test_an_interrupt_ends_the_gate() -> None:
    """No part that somebody stopped is unknown, with the next one to follow."""

    def stopped() -> Report:
        raise Interrupted("interrupted")

    with pytest.raises(Interrupted):
        _ran("history", stopped, [])
