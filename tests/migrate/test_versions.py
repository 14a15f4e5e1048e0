"""The statement that records a revision is Alembic's own, whether built or written."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from alembic.runtime.migration import HeadMaintainer, MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool, create_engine, event, text

from dbtool.database.target import Target
from dbtool.migrate.versions import as_text
from tests.migrate.conftest import url


@pytest.fixture
def connection(database: Target) -> Iterator[Connection]:
    """SQLAlchemy's connection to a database of its own."""
    engine = create_engine(url(database), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def recorded(context: MigrationContext, *, written: bool, step: tuple[str, str]) -> list[str]:
    """The statements by which Alembic goes one step further, and where it then stands."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    connection = context.connection
    assert connection is not None
    table = context._version
    with connection.begin_nested() as savepoint:
        context._ensure_version_table()
        heads = HeadMaintainer(context, ())
        heads._insert_version(step[0])
        event.listen(connection, "before_cursor_execute", note)
        with as_text() if written else nullcontext():
            heads._update_version(*step)
        event.remove(connection, "before_cursor_execute", note)
        stands = [str(each) for each in connection.scalars(table.select())]
        assert heads.heads == {*stands}
        savepoint.rollback()
    return [*seen, *stands]


def test_written_is_what_is_built(connection: Connection) -> None:
    """Name, schema, translation and identifiers of every kind give the same statement."""
    connection.execute(text('CREATE SCHEMA "Odd one"'))
    translated = {"schema_translate_map": {None: "Odd one", "shop": "Odd one"}}
    cases: tuple[tuple[dict[str, Any], dict[str, Any], tuple[str, str]], ...] = (
        ({}, {}, ("a1", "b2")),
        ({"version_table": "Of Ours"}, {}, ("0001", "2026.1-final")),
        ({"version_table": "order", "version_table_schema": "Odd one"}, {}, ("a", "b")),
        ({}, translated, ("a", "b")),
        ({"version_table_schema": "shop"}, translated, ("a", "b")),
        ({}, {}, ("100%", "a%sb")),
        ({}, {}, ("a", "b /* :name */")),
    )
    for options, execution, step in cases:
        configured = connection.execution_options(**execution)
        context = MigrationContext.configure(configured, opts=options)
        built, written = (recorded(context, written=each, step=step) for each in (False, True))
        assert written == built
        assert written[-1] == step[1]
        connection.execution_options(schema_translate_map={})


def test_nothing_to_update_is_told_by_alembic(connection: Connection) -> None:
    """Where the row is not there, Alembic refuses as ever, and its method is itself again."""
    context = MigrationContext.configure(connection)
    context._ensure_version_table()
    built = HeadMaintainer._update_version
    with as_text(), pytest.raises(CommandError, match="expected to match one row"):
        HeadMaintainer(context, ("a",))._update_version("a", "b")
    assert HeadMaintainer._update_version is built
