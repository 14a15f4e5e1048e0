"""Empty tables, and name the rows that are lost before anybody agrees to it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from asyncpg.exceptions import (
    InsufficientPrivilegeError,
    LockNotAvailableError,
    PostgresError,
    QueryCanceledError,
)

from dbtool.database.connection import Connection
from dbtool.errors import LockNotObtained, OperationError, UsageError
from dbtool.report import counted

NOTHING_LOST = "The transaction is rolled back: no row is lost."

_REACHED = """
WITH RECURSIVE reached AS (
    SELECT unnest($1::text[])::regclass::oid AS oid
    UNION SELECT c.conrelid FROM pg_constraint c JOIN reached r ON c.confrelid = r.oid
    WHERE c.contype = 'f' AND c.conparentid = 0
)
SELECT format('%I.%I', n.nspname, r.relname) AS name, r.oid::regclass::text AS shown,
    has_table_privilege(r.oid, 'TRUNCATE') AND has_table_privilege(r.oid, 'SELECT') AS allowed,
    (SELECT string_agg(s.oid::regclass::text, ', ') FROM pg_depend d
        JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        WHERE d.refobjid = r.oid AND d.deptype IN ('a', 'i')
        AND NOT pg_has_role(s.relowner, 'USAGE')) AS foreign_sequences
FROM reached JOIN pg_class r USING (oid) JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE r.relkind IN ('r', 'p') ORDER BY 2
"""


@dataclass(frozen=True, slots=True)
class Doomed:
    """A table that will be emptied, and the rows that go with it."""

    name: str
    shown: str
    rows: int


async def doomed(connection: Connection, tables: Sequence[str]) -> tuple[Doomed, ...]:
    """These tables, and all whose rows refer to theirs, with the rows each would lose."""
    found = await connection.fetch(_REACHED, list(tables))
    if refused := [row["shown"] for row in found if not row["allowed"]]:
        raise OperationError(
            f"no right to empty {', '.join(refused)}",
            detail="The role needs TRUNCATE and SELECT. Nothing was changed.",
        )
    if sequences := [row["foreign_sequences"] for row in found if row["foreign_sequences"]]:
        raise OperationError(
            f"no right to restart {', '.join(sequences)}",
            detail="Only the owner may restart a sequence. Nothing was changed.",
        )
    counts = await _counts(connection, [row["name"] for row in found])
    return tuple(
        Doomed(row["name"], row["shown"], rows) for row, rows in zip(found, counts, strict=True)
    )


async def _counts(connection: Connection, names: Sequence[str]) -> list[int]:
    if not names:
        return []
    each = ", ".join(f"(SELECT count(*) FROM {name})" for name in names)
    row = await connection.fetchrow(f"SELECT {each}")
    return list(row) if row else []


def losses(found: Sequence[Doomed]) -> str:
    """The rows that will be lost, in words; empty where none are."""
    full = [f"{each.shown} {counted(each.rows, 'row')}" for each in found if each.rows]
    return f"These rows will be lost: {', '.join(full)}." if full else ""


def keep_reference(
    found: Sequence[Doomed], named: Collection[str], reference: Collection[str]
) -> None:
    """Raise where reference rows would go with the rows of the tables that were named."""
    beside = [each for each in found if each.rows and each.name not in named]
    kept = [each.shown for each in beside if {each.name, each.shown} & set(reference)]
    if kept:
        raise UsageError(
            f"--truncate would empty {', '.join(kept)} too, which has reference rows",
            detail="They refer to rows of tables that are emptied. Nothing was loaded.",
            hint="Name the tables to empty and to fill with --tables, or leave --truncate out.",
        )


async def empty(connection: Connection, found: Sequence[Doomed]) -> None:
    """Empty the tables in the transaction that is open, and start their sequences anew.

    No more rows are lost than were named: rows that came since stop it.
    """
    if not found:
        return
    names = ", ".join(each.name for each in found)
    try:
        # Whoever comes in the meantime waits behind this lock, so it gives up soon.
        await connection.execute("SET LOCAL lock_timeout = '2s'")
        await connection.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        now = await doomed(connection, [each.name for each in found])
        _refuse_news(found, now)
        await connection.execute(f"TRUNCATE {names} RESTART IDENTITY")
    except (LockNotAvailableError, QueryCanceledError) as error:
        raise LockNotObtained(
            "the tables to empty are in use by another session",
            detail=f"{error}. {NOTHING_LOST}",
            hint="dbtool pool shows who sits in a transaction; run this again when it ended.",
        ) from error
    except InsufficientPrivilegeError as error:
        raise OperationError("no right to empty the tables", detail=f"{error}.") from error
    except PostgresError as error:
        raise OperationError(
            "cannot empty the tables", detail=f"{error}. {NOTHING_LOST}"
        ) from error


def _refuse_news(found: Sequence[Doomed], now: Sequence[Doomed]) -> None:
    named = {each.name: each.rows for each in found}
    new = [each.shown for each in now if each.rows > named.get(each.name, -1)]
    if new:
        raise OperationError(
            f"rows that were not named would be lost: {', '.join(new)}",
            detail=f"They appeared since the rows were counted. {NOTHING_LOST}",
            hint="Run it again; it counts anew.",
        )
