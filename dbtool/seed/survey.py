"""Find out what there is to fill: the tables asked for, as they stand, and the rows around them."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from asyncpg.exceptions import LockNotAvailableError, QueryCanceledError

from dbtool.database.connection import Connection
from dbtool.errors import LockNotObtained, OperationError, UsageError
from dbtool.metadata import Models
from dbtool.seed import live, turn
from dbtool.seed.found import Found, lookups
from dbtool.seed.keys import Given
from dbtool.seed.live import Beside, Live, LiveTable
from dbtool.seed.meaning import Meaning, meanings
from dbtool.seed.plan import Request, Skipped
from dbtool.seed.rows import NULL, Population
from dbtool.seed.stream import BLOCK
from dbtool.seed.trial import tried
from dbtool.seed.values import escaped
from dbtool.sql.text import quoted


async def survey(
    connection: Connection,
    models: Models,
    request: Request,
    *,
    writing: bool = True,
    anew: bool = False,
) -> Found:
    """Everything a plan needs; raises where the database is not ready for it.

    With `writing` it must also be ready to be filled, by this role and on this server. With
    `anew` it is that of tables without rows, whatever is there.
    """
    try:
        async with connection.limits():
            found = await _survey(connection, models, request, writing)
            first = {} if anew else await _first_blocks(connection, found.tables)
            return await tried(connection, replace(found, first_blocks=first), request)
    except LockNotAvailableError as error:
        if await turn.is_taken(connection):
            raise turn.taken() from error
        raise LockNotObtained(
            "a table of the models is locked by another session",
            detail=f"{error}. Nothing was loaded.",
            hint="dbtool pool shows who sits in a transaction; run this again when it ended.",
        ) from error
    except QueryCanceledError as error:
        raise OperationError(
            "the server ended a question about the tables",
            detail=f"{error}. Nothing was loaded.",
            hint="SHOW statement_timeout tells how long this role's statements may take.",
        ) from error


async def _survey(connection: Connection, models: Models, request: Request, writing: bool) -> Found:
    said = meanings(models)
    seen = await live.read(connection, [each.sql_name for each in said])
    _refuse_unmigrated(seen)
    chosen = _chosen(seen.tables, request.tables)
    if not request.tables:
        chosen = tuple(table for table in chosen if table.sql_name not in request.kept)
    if writing:
        _refuse_read_only(seen)
    _refuse_role(seen, chosen, writing)
    named = _by_name(seen, said)
    # Of a handful of rows some kind would have none, nor the table that extends it.
    few = (name for name in lookups(seen.tables) if not named[name].discriminators)
    return Found(
        tables=chosen,
        meanings=named,
        lookups=frozenset(few),
        existing=await _existing(connection, seen.tables, chosen, request),
        missing=() if request.tables else _missing(seen),
        beside=tuple(table for table in seen.tables if table not in chosen),
    )


async def _first_blocks(connection: Connection, tables: Sequence[LiveTable]) -> dict[str, int]:
    """Where numbering goes on in the tables that hold rows."""
    full = await live.filled(connection, tables)
    return {
        table.name: -(-await live.next_index(connection, table) // BLOCK)
        for table in tables
        if table.name in full
    }


def _missing(seen: Live) -> tuple[Skipped, ...]:
    """The tables of the models that are not there, beside others that are."""
    why = "it is not in the database; a revision that creates it is missing or pending"
    return tuple(Skipped(name.replace('"', ""), why) for name in seen.missing)


def _by_name(seen: Live, said: Sequence[Meaning]) -> dict[str, Meaning]:
    by_sql_name = {each.sql_name: each for each in said}
    return {table.name: by_sql_name[table.sql_name] for table in seen.tables}


def _refuse_unmigrated(seen: Live) -> None:
    if seen.missing and not seen.tables:
        names = ", ".join(name.replace('"', "") for name in seen.missing)
        raise OperationError(
            "no table of the models is there",
            detail=f"Missing: {names}.",
            hint="Run dbtool upgrade first; seeding fills a migrated database.",
        )


def _chosen(tables: tuple[LiveTable, ...], names: Sequence[str]) -> tuple[LiveTable, ...]:
    if not names:
        return tables
    written = {alias: table for table in tables for alias in (table.name, table.shown)}
    known = {alias: table for table in tables for alias in _unquoted(table)} | written
    for name in names:
        if name not in known:
            near = get_close_matches(name, written, n=3)
            listed = ", ".join(sorted({table.shown for table in tables}))
            raise UsageError(
                f'no table "{name}" in the models',
                detail="" if near else f"There are: {listed}.",
                hint=f"Did you mean {' or '.join(near)}?" if near else "",
            )
    wanted = {known[name].name for name in names}
    return tuple(table for table in tables if table.name in wanted)


def _unquoted(table: LiveTable) -> tuple[str, ...]:
    """A table's names as the models write them, and as the shell completes them."""
    on_path = table.shown != table.name
    return (f"{table.schema}.{table.bare_name}", *((table.bare_name,) if on_path else ()))


def _refuse_read_only(seen: Live) -> None:
    reader = seen.reader
    if reader.read_only:
        why = (
            "The server is a standby." if reader.standby else "default_transaction_read_only is on."
        )
        raise OperationError(
            "the database takes no writes",
            detail=why,
            hint="Name the primary server, or a role that may write.",
        )


def _refuse_role(seen: Live, chosen: Sequence[LiveTable], writing: bool) -> None:
    needed = {"select", "insert"} if writing else {"select"}
    rights = "SELECT, INSERT" if writing else "SELECT"
    refused = ", ".join(table.shown for table in chosen if not needed <= set(table.privileges))
    if refused:
        raise OperationError(
            f'"{seen.reader.user}" may not {"fill" if writing else "read"} {refused}',
            detail=f"The role needs {rights}.",
            hint=f"As the owner: GRANT {rights} ON {refused} TO {quoted(seen.reader.user)};",
        )


async def _existing(
    connection: Connection, seen: Sequence[LiveTable], chosen: Sequence[LiveTable], request: Request
) -> dict[str, Population]:
    """Rows of tables that are referenced and not filled, as parents to choose from."""
    filled = {table.name for table in chosen}
    wanted: dict[str, set[str]] = {}
    for table in chosen:
        for key in table.of_kind("foreign key"):
            if key.target and key.target not in filled:
                wanted.setdefault(key.target, set()).update(key.target_columns)
    parents = [table for table in seen if table.name in wanted]
    if others := sorted(wanted.keys() - {table.name for table in parents}):
        parents += (await live.read(connection, others)).tables
    found: dict[str, Population] = {}
    for parent in parents:
        columns = sorted(wanted[parent.name])
        readable = "select" in parent.privileges
        beside = _natural(parent, chosen, request)
        values = await live.keys(connection, parent, columns, BLOCK, beside) if readable else {}
        population = Population(
            parent.name, request.random_seed, len(next(iter(values.values()), ()))
        )
        population.generators = {
            name: Given(tuple(NULL if text is None else escaped(text) for text in texts))
            for name, texts in values.items()
        }
        found[parent.name] = population
    return found


def _natural(table: LiveTable, chosen: Sequence[LiveTable], request: Request) -> Beside:
    """The columns, if migrated, by which a file tells its rows apart, and the rows meant."""
    key = next((key for name, key in request.natural if name == table.sql_name), ())
    if not set(key) <= {column.name for column in table.columns}:
        return Beside()
    keys = {
        (child.sql_name, frozenset(each.columns))
        for child in chosen
        for each in child.of_kind("foreign key")
        if each.target == table.name
    }
    wanted = dict.fromkeys(
        meant.name
        for name, rule in request.rules
        for pin in rule.pins
        for meant in pin.references
        if meant.by_key and (name, frozenset(meant.columns)) in keys
    )
    return Beside(key, tuple(wanted))
