"""The statements that cost a database most, as pg_stat_statements remembers them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asyncpg.exceptions import PostgresError

from dbtool.errors import DbtoolError, OperationError, UsageError
from dbtool.explain import parameters, planning, safety
from dbtool.explain.advice.planner import Asked
from dbtool.explain.advice.planners import SECONDS, Place, together
from dbtool.explain.advice.result import Advice
from dbtool.explain.advice.tables import tables_of
from dbtool.explain.recorded import readable
from dbtool.explain.session import Purpose, RefusedByServerError, guarded
from dbtool.sql.classify import traits

if TYPE_CHECKING:
    from asyncpg import Record

    from dbtool.database.connection import Connection

_SCHEMA = """
SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
"""
_PRELOADED = "SELECT current_setting('shared_preload_libraries') LIKE '%pg_stat_statements%'"
_STATEMENTS = """
SELECT queryid, query, sum(calls)::float8 AS calls, sum(total_exec_time) AS ms,
  sum(sum(total_exec_time)) OVER () AS whole
FROM {schema}.pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY queryid, query ORDER BY ms DESC LIMIT $1
"""
_HIDDEN = "<insufficient privilege>"
_LOOKED_AT = 5
"""How many statements are read for each that is wanted: many are none that can be planned."""

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


async def _costliest(place: Place, most: int) -> Found:
    async with place.connected() as connection:
        async with guarded(connection, SECONDS):
            rows = await _read(connection, most * _LOOKED_AT)
        costly: list[Costly] = []
        asked: list[Asked] = []
        hidden, unplanned = 0, 0
        for row in rows:
            if len(costly) == most:
                break
            if row["query"] == _HIDDEN:
                hidden += 1
                continue
            one = _asked(row)
            if one is None:
                continue
            if not await _plans(connection, one):
                unplanned += 1
                continue
            share = row["ms"] / row["whole"] if row["whole"] else 0.0
            costly.append(Costly(row["queryid"], one.text, row["calls"], row["ms"], share))
            asked.append(one)
    return Found(tuple(costly), tuple(asked), tuple(_left_out(hidden, unplanned)))


async def _read(connection: "Connection", most: int) -> "list[Record]":
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
        rows: list[Record] = await connection.fetch(_STATEMENTS.format(schema=schema), most)
    except PostgresError as error:
        raise OperationError(
            "pg_stat_statements cannot be read",
            detail=str(error),
            hint="It has to be in shared_preload_libraries, and its view be granted.",
        ) from error
    return rows


def _asked(row: "Record") -> Asked | None:
    """The statement to be planned for any values; None for one that has no plan."""
    text = readable(row["query"])
    try:
        numbered = parameters.number(text)
        if traits(numbered.text, 1).kind not in safety.PLANNABLE:
            return None
    except DbtoolError:
        return None
    text = numbered.text
    return Asked(text, 1, len(numbered.names), row["calls"], beginning(text))


async def _plans(connection: "Connection", one: Asked) -> bool:
    """Whether the server can plan it, and nothing but planning comes of it."""
    try:
        async with guarded(connection, SECONDS, purpose=Purpose.ASK) as session:
            found = await planning.behind(connection, one.text, traits(one.text))
            if await planning.run_by_planning(connection, found):
                return False
            plan = await one.plan(session)
    except RefusedByServerError:
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
            " as they are remembered, or planning them runs functions that reach out"
        )
