"""The reference models and their history: they agree, go up and down, and keep the data."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import selectinload
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import NullPool

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.example import (
    Base,
    Category,
    Comment,
    Order,
    OrderLine,
    OrderStatus,
    Post,
    Product,
    Profile,
    Role,
    Tag,
    User,
    UserRole,
)
from dbtool.example.history import script_location
from dbtool.scratch.binaries import client
from dbtool.scratch.server import Server

T = TypeVar("T")
HEAD = "6e0b7d93c24f"


def history(target: Target) -> Config:
    """The history as a program uses it: no .ini file."""
    config = Config()
    config.set_main_option("script_location", str(script_location()))
    config.set_main_option("sqlalchemy.url", target.sqlalchemy_url().replace("%", "%%"))
    return config


def schema(server: Server, target: Target) -> str:
    """The schema as pg_dump writes it."""
    dumped = subprocess.run(
        [client("pg_dump", server.binaries.major), "--schema-only", "--no-owner"],
        env=target.libpq_environment(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    return re.sub(r"^\\(un)?restrict .*$", "", dumped.stdout, flags=re.MULTILINE)


def with_connection(target: Target, function: Callable[[Connection], T]) -> T:
    """Call a function with a SQLAlchemy connection."""

    async def call() -> T:
        engine = create_async_engine(target.sqlalchemy_url(), poolclass=NullPool)
        async with engine.begin() as connection:
            return await connection.run_sync(function)

    return asyncio.run(call())


def with_session(target: Target, function: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Call a coroutine function with an ORM session."""

    async def call() -> T:
        engine = create_async_engine(target.sqlalchemy_url(), poolclass=NullPool)
        async with AsyncSession(engine, expire_on_commit=False) as session:
            return await function(session)

    return asyncio.run(call())


def test_history_leads_to_the_models(migrated: Target) -> None:
    """After `upgrade head` autogenerate finds nothing to do, server defaults included."""

    def compare(connection: Connection) -> object:
        options = {"compare_server_default": True, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, Base.metadata)

    assert with_connection(migrated, compare) == []


def test_history_makes_what_create_all_makes(
    server: Server, migrated: Target, database: Target
) -> None:
    """Also what autogenerate cannot see is the same: CHECKs, predicates, enum values."""
    with_connection(database, Base.metadata.create_all)

    def statements(target: Target) -> list[str]:
        said = [line.strip().rstrip(",") for line in schema(server, target).splitlines()]
        return sorted(line for line in said if line and not line.startswith("--"))

    by_history = statements(migrated)
    by_models = statements(database)
    extra = [
        "ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);",
        "ALTER TABLE ONLY public.alembic_version",
        "CREATE TABLE public.alembic_version (",
        ");",
        "version_num character varying(32) NOT NULL",
    ]
    assert by_history == sorted([*by_models, *extra])


def test_each_revision_goes_down_without_a_trace(server: Server, database: Target) -> None:
    """Up, down, up: the schema before a revision is the schema after its downgrade."""
    config = history(database)
    revisions = list(ScriptDirectory.from_config(config).walk_revisions())[::-1]
    command.ensure_version(config)
    for revision in revisions:
        before = schema(server, database)
        command.upgrade(config, revision.revision)
        command.downgrade(config, "-1")
        assert schema(server, database) == before, revision.doc
        command.upgrade(config, revision.revision)
    assert len(revisions) == 14
    assert revisions[-1].revision == HEAD


def test_offline_sql_runs(
    server: Server, database: Target, migrated: Target, tmp_path: Path
) -> None:
    """The history written as SQL, run by psql, gives the same schema."""
    config = history(database)
    path = tmp_path / "history.sql"
    with path.open("w") as file:
        config.output_buffer = file
        command.upgrade(config, "head", sql=True)
    subprocess.run(
        [client("psql", server.binaries.major), "-q", "-v", "ON_ERROR_STOP=1", "-f", path],
        env=database.libpq_environment(os.environ),
        capture_output=True,
        check=True,
    )
    assert schema(server, database) == schema(server, migrated)


INSERT_USERS = """
INSERT INTO users (email, name, country)
SELECT 'user' || n || '@example.com', 'User ' || n, 'DE' FROM generate_series(1, 12000) AS n
"""


def test_backfill_reaches_every_row(database: Target) -> None:
    """The data migration fills the rows of several batches and leaves none out."""
    config = history(database)
    command.upgrade(config, "b0e5932c6d1f")
    with SyncConnection(database) as connection:
        connection.execute(INSERT_USERS)
        connection.execute("UPDATE users SET public_id = NULL WHERE id <> 7")
        kept = connection.fetchval("SELECT public_id FROM users WHERE id = 7")
        command.upgrade(config, "head")
        counts = "SELECT count(DISTINCT public_id), count(*) FROM users"
        assert tuple(connection.fetchrow(counts) or ()) == (12000, 12000)
        assert connection.fetchval("SELECT public_id FROM users WHERE id = 7") == kept


def test_enum_value_goes_away_with_its_rows_kept(database: Target) -> None:
    """Taking the refund back keeps the orders: what was refunded counts as cancelled."""
    config = history(database)
    command.upgrade(config, "head")
    with SyncConnection(database) as connection:
        connection.execute("INSERT INTO users (email, name, country) VALUES ('a@b', 'A', 'DE')")
        connection.execute(
            "INSERT INTO orders (number, customer_id, status, refunded_at)"
            " VALUES ('O-1', 1, 'refunded', now()), ('O-2', 1, 'pending', NULL)"
        )
    command.downgrade(config, "5a90f7c2e814")
    with SyncConnection(database) as connection:
        found = connection.fetch("SELECT number, status::text AS status FROM orders ORDER BY id")
        labels = connection.fetchval("SELECT enum_range(NULL::order_status)::text")
    assert [tuple(row) for row in found] == [("O-1", "cancelled"), ("O-2", "pending")]
    assert labels == "{pending,paid,shipped,delivered,cancelled}"
    command.upgrade(config, "head")


def test_env_refuses_to_guess_a_database() -> None:
    """Without a URL the history says so; it does not connect to whatever is there."""
    ran = subprocess.run(
        [Path(sys.executable).parent / "alembic", "current"],
        cwd=Path(__file__).parent.parent,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert "no database is named: set sqlalchemy.url or DATABASE_URL" in ran.stdout + ran.stderr


def test_history_is_found_inside_an_installed_package(tmp_path: Path) -> None:
    """A wheel holds the history inside the package, a checkout beside it."""
    assert script_location() == Path(__file__).parent.parent / "migrations"
    package = tmp_path / "site-packages" / "dbtool" / "example"
    package.mkdir(parents=True)
    source = Path(__file__).parent.parent / "dbtool" / "example" / "history.py"
    shutil.copy(source, package / "history.py")
    shutil.copytree(script_location(), package / "migrations")
    code = "import history; print(history.script_location())"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=package, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == str(package / "migrations")


def test_models_work_through_the_orm(migrated: Target) -> None:
    """Every class is written and read back with its relations."""

    async def work(session: AsyncSession) -> None:
        ada = User(email="ada@example.com", name="Ada Berg", country="SE")
        ada.profile = Profile(interests=["art", "music"])
        ada.roles = [UserRole(role=Role(name="editor", permissions=["write"]))]
        post = Post(author=ada, title="First", slug="first", body="Hello", tags=[])
        post.tags.append(Tag(name="news", slug="news"))
        shelf = Category(name="Kitchen", slug="kitchen")
        shelf.children.append(Category(name="Mugs", slug="mugs"))
        mug = Product(category=shelf, sku="MUG-1", name="Mug", price="12.50", created_by=ada)
        order = Order(number="O-1", customer=ada, lines=[])
        order.lines.append(
            OrderLine(line_number=1, product=mug, quantity=3, unit_price="12.50", discount="0.1")
        )
        session.add_all([post, order])
        await session.flush()
        first = Comment(post=post, author=ada, body="Nice")
        session.add(first)
        await session.flush()
        session.add(Comment(post=post, author=ada, body="Thanks", parent=first))
        await session.commit()
        session.expunge_all()

        comments = (
            await session.scalars(select(Comment).options(selectinload(Comment.replies)))
        ).all()
        assert [(c.body, [r.body for r in c.replies]) for c in comments] == [
            ("Nice", ["Thanks"]),
            ("Thanks", []),
        ]
        line = (await session.scalars(select(OrderLine))).one()
        assert str(line.total) == "33.75"
        found = (await session.scalars(select(Order))).one()
        assert (found.status, found.version) == (OrderStatus.PENDING, 1)

    with_session(migrated, work)


def test_a_reply_stays_on_its_post(migrated: Target) -> None:
    """The composite foreign key refuses a reply to a comment on another post."""

    async def work(session: AsyncSession) -> None:
        ada = User(email="ada@example.com", name="Ada Berg", country="SE")
        one, two = (
            Post(author=ada, title=f"Post {n}", slug=f"post-{n}", body="Hello") for n in "12"
        )
        comment = Comment(post=one, author=ada, body="Nice")
        session.add_all([one, two, comment])
        await session.flush()
        session.add(Comment(post_id=two.id, author=ada, body="Strange", parent_id=comment.id))
        with pytest.raises(IntegrityError, match="fk_comments_post_id_parent_id_comments"):
            await session.flush()

    with_session(migrated, work)


def test_two_editors_do_not_overwrite_each_other(migrated: Target) -> None:
    """The version column refuses the change that was made from an older row."""

    async def work(session: AsyncSession) -> None:
        shelf = Category(name="Kitchen", slug="kitchen")
        mug = Product(category=shelf, sku="MUG-1", name="Mug", price="12.50")
        session.add(mug)
        await session.commit()
        engine = session.get_bind()
        assert engine is not None
        connection = await session.connection()
        await connection.exec_driver_sql("UPDATE products SET version = version + 1")
        mug.name = "Cup"
        with pytest.raises(StaleDataError):
            await session.flush()

    with_session(migrated, work)
