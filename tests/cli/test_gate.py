"""`check --all`: every part in one report, and one exit code."""

import json
from pathlib import Path

from dbtool.database.target import Target
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
PARTS = ["heads", "models", "lint", "history", "database", "round trip"]


def project(root: Path) -> Small:
    """One table whose model says more than its revision, which cannot be undone."""
    made = small(root, ENV, revisions=0)
    made.write("app.py", MODELS)
    made.write("dbtool.toml", 'models = "app:Base"\n')
    made.revision(
        "first", None, "op.create_table('users', sa.Column('id', sa.Integer, primary_key=True))"
    )
    return made


def test_the_gate_runs_every_part(dbtool: Dbtool, tmp_path: Path, database: Target) -> None:
    """One exit code for all of them; a database that is behind is unknown, not wrong."""
    ran = dbtool("check", "--all", "--json", "--url", plain(database), cwd=project(tmp_path).root)
    said = json.loads(ran.out)
    assert ran.code == 1
    assert [each["name"] for each in said["data"]["parts"]] == PARTS
    assert {(each["rule"], each["severity"]) for each in said["findings"]} >= {
        ("drift", "error"),
        ("foreign-key-unindexed", "note"),
        ("downgrade-does-nothing", "warning"),
    }
    assert [each["reason"].partition(", so")[0] for each in said["unknown"]] == [
        f"{database.shown} has 1 revision pending"
    ]


def test_one_of_them_at_a_time(dbtool: Dbtool, tmp_path: Path) -> None:
    """What --all does includes the others."""
    ran = dbtool("check", "--all", "--history", cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "")
