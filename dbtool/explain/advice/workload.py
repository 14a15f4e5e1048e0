"""The statements that cost a database most, as pg_stat_statements remembers them."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
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
    """A row of pg_stat_statements, and what can be planned of it."""

    row: "Record"
    asked: Asked | None = None
    traits: Traits | None = None

    @property
    def names(self) -> frozenset[str]:
        """What it reads and calls, by last names; nothing where its text does not tell."""
        found = self.traits or Traits(Kind.EMPTY)
        named = (*found.relations, *found.functions) if found.exact else ()
        return frozenset(ending for each in named for ending in endings(each))

    def may_read(self, users: frozenset[str]) -> bool:
        """Whether it names what is of users, or its text does not tell."""
        found = self.traits
        return found is not None and not (found.exact and users.isdisjoint(self.names))


async def _costliest(place: Place, most: int) -> Found:
    costly: list[Costly] = []
    asked: list[Asked] = []
    hidden = unplanned = looked_at = tried = 0
    async with place.connected() as connection, aclosing(_statements(connection)) as statements:
        async for each, of_users in statements:
            if len(costly) == most or tried == most * _PLANNED:
                break
            row, one = each.row, each.asked
            looked_at += 1
            if row["query"] == _HIDDEN:
                hidden += row["entries"]
            if one is None or each.traits is None:
                continue
            tried += of_users
            if not (of_users and await _plans(connection, one, each.traits)):
                unplanned += 1
                continue
            share = row["ms"] / row["whole"] if row["whole"] else 0.0
            costly.append(Costly(row["queryid"], one.text, row["calls"], row["ms"], share))
            asked.append(one)
    left_out = [*_left_out(hidden, unplanned)]
    if len(costly) < most and (tried == most * _PLANNED or looked_at >= _MOST):
        left_out.append(f"only the costliest {counted(looked_at, 'statement')} were looked at")
    return Found(tuple(costly), tuple(asked), tuple(left_out))


async def _statements(connection: "Connection") -> AsyncGenerator[tuple[_Read, bool]]:
    """The costliest first, and whether each may read what is of users.

    Between them the connection is free for other work.
    """
    seen: list[int] = []
    looked_at = 0
    while looked_at < _MOST:
        async with guarded(connection, SECONDS):
            found = [_asked(row) for row in await _read(connection, seen)]
            names = sorted(set().union(*(each.names for each in found)))
            users = frozenset(await connection.fetchval(_OF_USERS, names))
        for each in found:
            yield each, each.may_read(users)
        if len(found) < _PAGE:
            return
        looked_at += len(found)
        seen += [each.row["queryid"] for each in found if each.row["queryid"] is not None]


async def _read(connection: "Connection", seen: Sequence[int]) -> "list[Record]":
    """The next page: what others' statements took, which have no id, is on the first alone."""
    schema = await connection.fetchval(_SCHEMA)
    if schema is None:
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
    try:
        rows: list[Record] = await connection.fetch(_STATEMENTS.format(schema=schema), _PAGE, seen)
    except PostgresError as error:
        raise OperationError(
            "pg_stat_statements cannot be read",
            detail=str(error),
            hint="It has to be in shared_preload_libraries, and its view be granted.",
        ) from error
    return rows


def _asked(row: "Record") -> _Read:
    """The row with the statement to be planned for any values, where it has a plan."""
    try:
        numbered = parameters.number(readable(row["query"]))
        found = traits(numbered.text, 1)
    except DbtoolError:
        return _Read(row)
    if found.kind not in safety.PLANNABLE:
        return _Read(row)
    text = numbered.text
    asked = Asked(text, 1, len(numbered.names), row["calls"], beginning(text))
    return _Read(row, asked, found)


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
