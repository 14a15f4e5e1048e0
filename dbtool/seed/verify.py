"""Look at what is there: rows against the plan, every constraint again, every mapped class."""

import asyncio
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg.exceptions import PostgresError
from sqlalchemy import Connection as OrmConnection
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Mapper, Session
from sqlalchemy.pool import NullPool

from dbtool.catalog import SETTINGS
from dbtool.database.connection import Connection
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError
from dbtool.imports import in_short
from dbtool.metadata import Models
from dbtool.ports import Progress, Silent
from dbtool.report import counted
from dbtool.seed import live
from dbtool.seed.build import build
from dbtool.seed.constraints import OUT_OF_TIME, Wrong, constraints
from dbtool.seed.found import Found
from dbtool.seed.live import LiveTable
from dbtool.seed.plan import Load, Planned, Request, SeedPlan, Skipped
from dbtool.seed.shares import Off, is_more, off_plan
from dbtool.seed.survey import survey

_NAME = "dbtool seed verify"
_LIMITS = {**SETTINGS, "statement_timeout": "60s"}
"""Nobody shall wait long for a question, nor for who waits behind its lock."""
_LOADED = 1000
"""How many objects of each class are loaded."""
_BODIES = """
SELECT DISTINCT p.prosrc FROM pg_catalog.pg_trigger AS t
JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """The rows of a table, and how many the plan has for it.

    `filtered` is whether row security may hide some from this role.
    """

    name: str
    rows: int
    planned: int | None
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and what is wrong."""

    tables: tuple[Counted, ...]
    constraints: int
    classes: int
    objects: int
    wrong: tuple[Wrong, ...]
    unread: tuple[Wrong, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    missing: tuple[Counted, ...] = ()
    off_plan: tuple[Off, ...] = ()
    uncompared: tuple[Counted, ...] = ()
    """The tables with more rows than a plan tells anything about."""


def verify(
    target: Target,
    models: Models,
    request: Request | None = None,
    progress: Progress | None = None,
) -> Verified:
    """Count, check every constraint again and load every mapped class; nothing is written."""
    wanted, shown = request or Request(), progress or Silent()
    connected = SyncConnection(target, application_name=_NAME, read_only=True, settings=_LIMITS)
    with connected as session:
        found = session.run(lambda c: survey(c, models, wanted, writing=False, anew=True))
        planned = build(found, wanted)
        kept = session.run(lambda c: _kept(c, wanted))
        present = (*found.tables, *kept)
        shown.step(f"checking the constraints of {counted(len(present), 'table')}")
        tables, uncounted = session.run(lambda c: _counts(c, present, planned.plan))
        loads = _comparable(planned, tables, wanted)
        off, more, uncompared = session.run(lambda c: _shares(c, loads, tables, found, wanted))
        checked, wrong, unread = session.run(lambda c: constraints(c, present))
        shown.step("loading every mapped class")
        names = {(table.schema, table.bare_name) for table in found.tables}
        mappers = [each for each in models.mappers if not wanted.tables or _is_of(each, names)]
        objects, failed, unloaded = _classes(target, session, mappers)
    return Verified(
        tables=tables,
        constraints=checked,
        classes=len(mappers),
        objects=objects,
        wrong=(*wrong, *failed),
        unread=(*uncounted, *unread, *uncompared, *unloaded),
        skipped=planned.plan.skipped,
        missing=_missing(tables, loads),
        off_plan=off,
        uncompared=tuple(each for each in tables if each.name in more),
    )


def _is_of(mapper: Mapper[object], names: set[tuple[str, str]]) -> bool:
    known = {bare for _, bare in names}
    return getattr(mapper.local_table, "name", "") in known


async def _kept(connection: Connection, request: Request) -> tuple[LiveTable, ...]:
    """The tables whose rows are the user's own: constraints hold there too."""
    if request.tables or not request.kept:
        return ()
    async with connection.limits():
        return (await live.read(connection, request.kept)).tables


def _comparable(planned: Planned, tables: Sequence[Counted], request: Request) -> tuple[Load, ...]:
    """The tables whose rows are those that were loaded, and all seen: no hook changes them."""
    hooks, seen = _hooks(request, planned), {each.name for each in tables if not each.filtered}
    return tuple(
        load for load in planned.loads if load.table.shown in seen and not _is_written(load, hooks)
    )


def _missing(tables: Sequence[Counted], loads: Sequence[Load]) -> tuple[Counted, ...]:
    """The tables with fewer rows than planned."""
    names = {each.table.shown for each in loads}
    return tuple(each for each in tables if each.name in names and each.rows < (each.planned or 0))


async def _shares(
    connection: Connection,
    loads: Sequence[Load],
    tables: Sequence[Counted],
    found: Found,
    request: Request,
) -> tuple[tuple[Off, ...], set[str], tuple[Wrong, ...]]:
    """What comes up more or less often than planned, but for what triggers change.

    And the tables with too many rows for that, and those about which there was no answer.
    """
    there = {each.name: each.rows for each in tables}
    async with connection.limits():
        bodies = [each["prosrc"] for each in await connection.fetch(_BODIES)]
    off: list[Off] = []
    unread: list[Wrong] = []
    own_only = [each for each in loads if not _is_written(each, bodies)]
    more = {each.table.shown for each in own_only if is_more(each, there[each.table.shown])}
    for each in own_only:
        own = _own(each.table, found, request)
        try:
            off += await off_plan(connection, each, there[each.table.shown], own)
        except PostgresError as error:
            unread.append(
                Wrong("shares", each.table.shown, str(error), getattr(error, "sqlstate", ""))
            )
    return tuple(off), more, tuple(unread)


def _hooks(request: Request, planned: Planned) -> tuple[str, ...]:
    """The SQL that the user's own hooks run; such as names no table may change any of them."""
    written = tuple(hook.sql for hook in request.after)
    names = " ".join(each.table.bare_name for each in planned.loads)
    unknown = (sql for sql in written if not any(_is_written(e, [sql]) for e in planned.loads))
    return (*written, *(names for _ in unknown))


def _is_written(load: Load, statements: Sequence[str]) -> bool:
    """Whether statements name the table: what is in it then is theirs."""
    name = re.compile(rf"(?<!\w){re.escape(load.table.bare_name)}(?!\w)", re.IGNORECASE)
    return any(map(name.search, statements))


def _own(table: LiveTable, found: Found, request: Request) -> frozenset[str]:
    """The columns whose values the project's code makes, by factories or types of the models."""
    made = (name for name, rule in request.rule(table.sql_name).columns if rule.made)
    meaning = found.meanings.get(table.name)
    return frozenset((*made, *(meaning.stored if meaning else ())))


async def _counts(
    connection: Connection, tables: Sequence[LiveTable], plan: SeedPlan
) -> tuple[tuple[Counted, ...], tuple[Wrong, ...]]:
    """The rows of the tables, and the tables that could not be counted."""
    planned = {each.name: each.rows for each in plan.tables}
    made: list[Counted] = []
    unread: list[Wrong] = []
    for table in tables:
        try:
            async with connection.limits():
                rows, filtered = await connection.fetchrow(
                    "SELECT count(*), pg_catalog.row_security_active($1::text::regclass)"
                    f" FROM {table.name}",
                    table.name,
                )
        except PostgresError as error:
            unread.append(Wrong("rows", table.shown, str(error), getattr(error, "sqlstate", "")))
            continue
        made.append(Counted(table.shown, rows, planned.get(table.shown), filtered))
    return tuple(made), tuple(unread)


def _classes(
    target: Target, session: SyncConnection, mappers: Sequence[Mapper[object]]
) -> tuple[int, tuple[Wrong, ...], tuple[Wrong, ...]]:
    """Load objects of every class on a connection that proves to be on the same database.

    How many, the classes that fail, and those the server gave no answer about in time.
    """
    secret = secrets.randbits(62)
    session.execute("SELECT pg_advisory_lock($1)", secret)

    def load(connection: OrmConnection) -> tuple[int, tuple[Wrong, ...], tuple[Wrong, ...]]:
        loaded, failed, unread = 0, list[Wrong](), list[Wrong]()
        for mapper in mappers:
            transaction = connection.begin()
            connection.execute(text("SET TRANSACTION READ ONLY"))
            for name, value in _LIMITS.items():
                connection.execute(text(f"SET LOCAL {name} = '{value}'"))
            _refuse_elsewhere(connection, secret)
            orm = Session(connection)
            try:
                loaded += len(orm.scalars(select(mapper.class_).limit(_LOADED)).unique().all())
            except Exception as error:
                # Whatever the team's classes raise is the answer.
                list_of = unread if _is_out_of_time(error) else failed
                name, said = mapper.class_.__name__, in_short(error)
                list_of.append(Wrong("class", name, said, _sqlstate(error)))
            finally:
                orm.close()
                if transaction.is_active:
                    transaction.rollback()
        return loaded, tuple(failed), tuple(unread)

    async def work() -> tuple[int, tuple[Wrong, ...], tuple[Wrong, ...]]:
        engine = create_async_engine(target.sqlalchemy_url(), poolclass=NullPool)
        async with engine.connect() as connection:
            return await connection.run_sync(load)

    try:
        return asyncio.run(work())
    except DBAPIError as error:
        if not _is_out_of_time(error):
            raise
        # The engine's own first questions have the limits of the role.
        names = (mapper.class_.__name__ for mapper in mappers)
        said, state = str(error.orig), _sqlstate(error)
        return 0, (), tuple(Wrong("class", name, said, state) for name in names)
    finally:
        session.execute("SELECT pg_advisory_unlock($1)", secret)


def _is_out_of_time(error: Exception) -> bool:
    """Whether the server ended a question because of a lock or its length: no class's fault."""
    return _sqlstate(error) in OUT_OF_TIME


def _sqlstate(error: Exception) -> str:
    return getattr(error.orig, "sqlstate", None) or "" if isinstance(error, DBAPIError) else ""


def _refuse_elsewhere(connection: OrmConnection, secret: int) -> None:
    """Stop unless our other connection's lock can be seen from here."""
    seen = connection.execute(
        text(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory'"
            " AND granted AND (classid::bigint << 32 | objid::bigint) = :secret"
            " AND database = (SELECT oid FROM pg_catalog.pg_database"
            " WHERE datname = current_database()))"
        ),
        {"secret": secret},
    ).scalar_one()
    if not seen:
        raise OperationError(
            "the models' connection leads to another database",
            detail="Code of the project redirects connections; nothing was loaded there.",
            hint="Look for a do_connect listener in the modules of the models.",
        )
