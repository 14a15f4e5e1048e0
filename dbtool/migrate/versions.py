"""Spare SQLAlchemy the compiling of a statement for each revision that is recorded."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from alembic.runtime.migration import HeadMaintainer, MigrationContext

from dbtool.migrate.record import version_table_in_sql

_PLAIN = re.compile(r"[\w.-]+")


@contextmanager
def as_text() -> Iterator[None]:
    """Have Alembic record revisions by the same statement, written instead of built.

    Building and compiling it takes longer than all else that Alembic does for a revision.
    """
    built = HeadMaintainer._update_version

    def written(heads: HeadMaintainer, from_: str, to_: str) -> None:
        connection, sql = heads.context.connection, _statement(heads.context, from_, to_)
        if connection is None or sql is None or connection.exec_driver_sql(sql).rowcount != 1:
            return built(heads, from_, to_)  # which says what is wrong
        heads.heads.remove(from_)
        heads.heads.add(to_)
        return None

    HeadMaintainer._update_version = written  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        HeadMaintainer._update_version = built  # type: ignore[method-assign]


def _statement(context: MigrationContext, from_: str, to_: str) -> str | None:
    """None where it takes SQLAlchemy to write it."""
    if context.as_sql or not (_PLAIN.fullmatch(from_) and _PLAIN.fullmatch(to_)):
        return None
    table = version_table_in_sql(context)
    return f"UPDATE {table} SET version_num='{to_}' WHERE {table}.version_num = '{from_}'"
