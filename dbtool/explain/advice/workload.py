"""The statements that cost a database most, as pg_stat_statements remembers them."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from asyncpg.exceptions import PostgresError

from dbtool.errors import DbtoolError, OperationError, UsageError
from dbtool.explain import parameters, planning, safety
from dbtool.explain.advice.planner import Asked
from dbtool.explain.advice.planners import SECONDS, Place, together
from dbtool.explain.advice.result import Advice
from dbtool.explain.advice.tables import tables_of
from dbtool.explain.mentions import endings
from dbtool.explain.recorded import readable
from dbtool.explain.session import Purpose, RefusedByServerError, guarded
from dbtool.report import counted
from dbtool.sql.classify import Kind, Traits, traits

if TYPE_CHECKING:
    from asyncpg import Record

    from dbtool.database.connection import Connection

_SCHEMA = """
SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
"""
_PRELOADED = "SELECT current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%'"
_STATEMENTS = """
SELECT * FROM (
  SELECT queryid, query, count(*) AS entries, sum(calls)::float8 AS calls,
    sum(total_exec_time) AS ms, sum(sum(total_exec_time)) OVER () AS whole
  FROM {schema}.pg_stat_statements
  WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  GROUP BY queryid, query
) one WHERE (queryid = ANY ($2::bigint[])) IS FALSE ORDER BY ms DESC LIMIT $1
"""
_OF_USERS = """
SELECT ARRAY(
  SELECT relname::text FROM pg_class WHERE relname = ANY ($1::text[]::name[]) AND oid >= 16384
  UNION SELECT proname::text FROM pg_proc WHERE proname = ANY ($1::text[]::name[]) AND oid >= 16384)
"""
_HIDDEN = "<insufficient privilege>"
_PLANNED = 5
"""How many statements are planned for each that is wanted: many cannot be."""

_PAGE = 50
"""How many statements are read at a time."""

_MOST = 1000
"""How many are read at all; those that name nothing of users' cost no planning."""

WORDS = 60


def beginning(sql: str) -> str:
    """The first words of a statement, on one line."""
    words = " ".join(sql.split())
    return words if len(words) <= WORDS else f"{words[: WORDS - 1]}…"


@dataclass(frozen=True, slots=True)
class Costly:
    """One statement of the workload: how often it ran, for how long, and its share of the time."""

    queryid: int
    sql: str
    calls: float
    ms: float
    share: float

    @property
    def name(self) -> str:
        """Its beginning on one line."""
        return beginning(self.sql)


@dataclass(frozen=True, slots=True)
class Workload:
    """The statements that cost most, those left out with the reason, and the advice."""

    statements: tuple[Costly, ...]
    left_out: tuple[str, ...]
    advice: Advice


@dataclass(frozen=True, slots=True)
class Found:
    """The statements to advise on, ready to be planned for any values."""

    costly: tuple[Costly, ...]
    asked: tuple[Asked, ...]
    left_out: tuple[str, ...]


def costliest(place: Place, most: int) -> Found:
    """The statements that took most time and can be planned."""
    return together(_costliest(place, most))


@dataclass(frozen=True, slots=True)
class _Read:
    """A row of pg_stat_statements, and what can be planned of it.

    `idle` could be planned and reads nothing of users': its text is not kept.
    """

    queryid: int | None
    calls: float
    ms: float
    share: float
    hidden: int = 0
    asked: Asked | None = None
    traits: Traits | None = None
    idle: bool = False

    @property
    def names(self) -> frozenset[str]:
        """What it reads and calls, by last names; nothing where its text does not tell."""
        found = self.traits or Traits(Kind.EMPTY)
        named = (*found.relations, *found.functions) if found.exact else ()
        return frozenset(ending for each in named for ending in endings(each))

    def against(self, users: frozenset[str]) -> "_Read":
        """With its text where that names what is of users, or does not tell."""
        found = self.traits
        if found is None or not (found.exact and users.isdisjoint(self.names)):
            return self
        return replace(self, asked=None, traits=None, idle=True)


async def _costliest(place: Place, most: int) -> Found:
    costly: list[Costly] = []
    asked: list[Asked] = []
    hidden = unplanned = looked_at = tried = 0
    tries, more = most * _PLANNED, False
    async with place.connected() as connection, aclosing(_costs(connection, tries)) as costs:
        async for each in costs:
            if more := len(costly) == most or tried == tries or looked_at == _MOST:
                break
            looked_at += 1
            hidden += each.hidden
            unplanned += each.idle
            one = each.asked
            if one is None or each.traits is None:
                continue
            tried += 1
            if each.queryid is None or not await _plans(connection, one, each.traits):
                unplanned += 1
                continue
            costly.append(Costly(each.queryid, one.text, each.calls, each.ms, each.share))
            asked.append(one)
    left_out = [*_left_out(hidden, unplanned)]
    if len(costly) < most and more:
        left_out.append(f"only the costliest {counted(looked_at, 'statement')} were looked at")
    return Found(tuple(costly), tuple(asked), tuple(left_out))


async def _costs(connection: "Connection", tries: int) -> AsyncGenerator[_Read]:
    """The costliest first: a page, then the rest at once, as each read takes all texts there are.

    Between them the connection is free for other work. Of the rest no more texts are kept than
    are tried; it goes one beyond the last that is looked at, which tells that more were left.
    """
    async with guarded(connection, SECONDS):
        first = [each async for page in _pages(connection, (), _PAGE) for each in page]
    for each in first:
        yield each
    if len(first) < _PAGE:
        return
    seen = [each.queryid for each in first if each.queryid is not None]
    rest: list[_Read] = []
    async with guarded(connection, SECONDS):
        async for page in _pages(connection, seen, _MOST - _PAGE + 1):
            rest += page
            if sum(each.asked is not None for each in rest) > tries:
                break
    for each in rest:
        yield each


async def _pages(
    connection: "Connection", seen: Sequence[int], most: int
) -> AsyncGenerator[list[_Read]]:
    """So many rows of one read that were not seen, a page at a time, only texts of use kept.

    What others' statements took, which have no id, is on the first page alone.
    """
    statements = _STATEMENTS.format(schema=await _schema(connection))
    with _told():
        rows = await connection.cursor(statements, most, seen)
        page: list[Record] = await rows.fetch(_PAGE)
    while page:
        found = [_asked(row) for row in page]
        names = sorted(set().union(*(each.names for each in found)))
        users = frozenset(await connection.fetchval(_OF_USERS, names))
        yield [each.against(users) for each in found]
        with _told():
            page = await rows.fetch(_PAGE)


async def _schema(connection: "Connection") -> str:
    schema = await connection.fetchval(_SCHEMA)
    if schema is not None:
        return str(schema)
    loaded = await connection.fetchval(_PRELOADED)
    steps = "CREATE EXTENSION pg_stat_statements;"
    if not loaded:
        steps = (
            "shared_preload_libraries = 'pg_stat_statements' in postgresql.conf, a restart,"
            f" then {steps}"
        )
    raise UsageError(
        "pg_stat_statements is not installed in this database",
        detail="Without a statement --advise goes by what the server remembers of all.",
        hint=f"{steps} Or name a statement: dbtool explain --advise -f FILE",
    )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except PostgresError as error:
        raise OperationError(
            "pg_stat_statements cannot be read",
            detail=str(error),
            hint="It has to be in shared_preload_libraries, and its view be granted.",
        ) from error


def _asked(row: "Record") -> _Read:
    """The row with the statement to be planned for any values, where it has a plan."""
    share = row["ms"] / row["whole"] if row["whole"] else 0.0
    hidden = row["entries"] if row["query"] == _HIDDEN else 0
    read = _Read(row["queryid"], row["calls"], row["ms"], share, hidden)
    try:
        numbered = parameters.number(readable(row["query"]))
        found = traits(numbered.text, 1)
    except DbtoolError:
        return read
    if found.kind not in safety.PLANNABLE:
        return read
    text = numbered.text
    asked = Asked(text, 1, len(numbered.names), row["calls"], beginning(text))
    return replace(read, asked=asked, traits=found)


async def _plans(connection: "Connection", one: Asked, found: Traits) -> bool:
    """Whether the server can plan it, and nothing but planning comes of it."""
    try:
        async with guarded(connection, SECONDS, purpose=Purpose.ASK) as session:
            behind = await planning.behind(connection, one.text, found)
            if behind.elsewhere or await planning.run_by_planning(connection, behind):
                return False
            plan = await one.plan(session)
    except RefusedByServerError:
        return False
    except PostgresError:
        # A schema that the role may not use is refused when a name in it is looked up.
        if connection.is_closed():
            raise
        return False
    return bool(tables_of((plan,)))


def _left_out(hidden: int, unplanned: int) -> Iterator[str]:
    if hidden:
        yield (
            f"{hidden} statements of other roles are hidden from this one: GRANT pg_read_all_stats"
        )
    if unplanned:
        yield (
            f"{unplanned} statements are left out: they read no table of users, cannot be planned"
            " as they are remembered, or planning them reaches out"
        )
