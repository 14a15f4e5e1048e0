"""Ask about every constraint again: whether rows are there that it does not accept."""

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg.exceptions import LockNotAvailableError, PostgresError, QueryCanceledError

from dbtool.database.connection import Connection
from dbtool.seed.live import LiveConstraint, LiveTable
from dbtool.sql.text import quoted

OUT_OF_TIME = (LockNotAvailableError.sqlstate, QueryCanceledError.sqlstate)
"""What the server ends a question with because of a lock or its length."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is not as it must be: a constraint rows break, a class that does not load.

    Or something that could not be asked about, and what the server said instead: `sqlstate` is
    the code of that.
    """

    kind: str
    name: str
    said: str
    sqlstate: str = ""


async def constraints(
    connection: Connection, tables: Sequence[LiveTable]
) -> tuple[int, tuple[Wrong, ...], tuple[Wrong, ...]]:
    """How many were asked about, those that rows break, and those that could not be asked."""
    wrong: list[Wrong] = []
    unread: list[Wrong] = []
    checked = 0
    for table in tables:
        for each in table.of_kind("check", "foreign key", "unique", "primary key"):
            question = _question(table, each)
            if not question:
                continue
            name = f"{table.shown}.{each.name}"
            try:
                async with connection.limits():
                    count = await connection.fetchval(question)
            except PostgresError as error:
                unread.append(Wrong(each.kind, name, str(error), getattr(error, "sqlstate", "")))
                continue
            checked += 1
            if count:
                wrong.append(Wrong(each.kind, name, f"{count:,} rows break {each.definition}"))
    return checked, tuple(wrong), tuple(unread)


def _question(table: LiveTable, each: LiveConstraint) -> str:
    """A statement that counts the rows that break a constraint; none for what none can break."""
    if each.definition.endswith(" NOT ENFORCED"):
        return ""
    if each.kind == "check":
        inside = each.definition.removeprefix("CHECK ")
        for suffix in (" NOT VALID", " NO INHERIT"):
            inside = inside.removesuffix(suffix)
        return f"SELECT count(*) FROM {table.name} WHERE NOT ({inside})"
    if each.kind == "foreign key":
        if not each.target or ", PERIOD " in each.definition:
            # Of keys over time several rows may cover one: equality says nothing.
            return ""
        pairs = zip(each.columns, each.target_columns, strict=True)
        joined = " AND ".join(f"p.{quoted(there)} = c.{quoted(here)}" for here, there in pairs)
        known = " AND ".join(f"c.{quoted(name)} IS NOT NULL" for name in each.columns)
        return (
            f"SELECT count(*) FROM {table.name} AS c WHERE {known}"
            f" AND NOT EXISTS (SELECT FROM {each.target} AS p WHERE {joined})"
        )
    keys = [f"({key})" for key in each.expressions] or list(map(quoted, each.columns))
    if not keys:
        return ""
    where = f"({each.predicate})" if each.predicate else "true"
    if not each.is_strict:
        where += f" AND num_nulls({', '.join(keys)}) = 0"
    return (
        f"SELECT coalesce(sum(n - 1), 0)::int8 FROM (SELECT count(*) AS n FROM {table.name}"
        f" WHERE {where} GROUP BY {', '.join(keys)} HAVING count(*) > 1) AS repeated"
    )
