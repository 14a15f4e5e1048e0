"""Tables of which the planner knows nothing, or nothing right, after a run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from dbtool.database.sync import SyncConnection
from dbtool.report import counted

_RELATIONS = """
    SELECT c.oid::pg_catalog.int8, c.oid::pg_catalog.regclass::pg_catalog.text, c.relnatts,
           pg_catalog.pg_relation_filenode(c.oid)::pg_catalog.int8,
           coalesce(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0),
           greatest(c.relpages, s.n_live_tup, 0) > 0,
           pg_catalog.current_setting('autovacuum_analyze_threshold')::pg_catalog.float8
           + pg_catalog.current_setting('autovacuum_analyze_scale_factor')::pg_catalog.float8
           * greatest(c.reltuples, 0)
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_stat_user_tables s ON s.relid = c.oid
     WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
_WITHOUT = """
    SELECT a.attrelid::pg_catalog.int8, a.attname, a.attnum
      FROM pg_catalog.pg_attribute a
      JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'm')
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.reltuples > 0
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_stats s
                        WHERE s.schemaname = n.nspname AND s.tablename = c.relname
                          AND s.attname = a.attname)
"""
_OBJECTS = """
    SELECT i.indexrelid::pg_catalog.int8, i.indrelid::pg_catalog.int8, 'index ' || c.relname
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
     WHERE i.indexprs IS NOT NULL AND i.indisvalid
     UNION ALL
    SELECT e.oid::pg_catalog.int8, e.stxrelid::pg_catalog.int8, 'statistics ' || e.stxname
      FROM pg_catalog.pg_statistic_ext e
"""


_THRESHOLD = 50.0
"""Rows, as autovacuum_analyze_threshold has it unless it is set otherwise."""


def _rows(query: str, width: int) -> str:
    """The rows of a query as an array of arrays."""
    names = ", ".join(f"c{number}" for number in range(width))
    return (
        f"coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_array({names}))"
        f" FROM ({query}) AS r({names})), '[]')"
    )


_SNAPSHOT = f"""
    SELECT pg_catalog.json_build_array(
        {_rows(_RELATIONS, 7)}, {_rows(_WITHOUT, 3)}, {_rows(_OBJECTS, 3)})::pg_catalog.text
"""


@dataclass(frozen=True, slots=True)
class Stale:
    """A table, as SQL names it, to analyse, and why; `analysed` once that is done."""

    table: str
    reason: str
    analysed: bool = False


@dataclass(frozen=True, slots=True)
class _Relation:
    sql: str
    columns: int
    file: int
    changes: int
    holds_rows: bool
    threshold: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the planner's knowledge rests on at one moment.

    `without` are the columns that have no statistics; `objects` the indexes on expressions
    and the extended statistics, which have statistics of their own.
    """

    relations: Mapping[int, _Relation]
    without: frozenset[tuple[int, str, int]]
    objects: Mapping[int, tuple[int, str]]


def take(connection: SyncConnection) -> Snapshot:
    """Look at the catalogue; no table is touched."""
    relations, without, objects = json.loads(connection.fetchval(_SNAPSHOT))
    return Snapshot(
        {oid: _Relation(*rest) for oid, *rest in relations},
        frozenset((table, name, number) for table, name, number in without),
        {oid: (table, name) for oid, table, name in objects},
    )


def least(snapshot: Snapshot) -> float:
    """How many changed rows may matter to some table; one that is new has the first threshold."""
    return min((_THRESHOLD, *(each.threshold for each in snapshot.relations.values())))


def compare(before: Snapshot, after: Snapshot) -> tuple[Stale, ...]:
    """The tables with rows whose statistics were right before, or could be, and are not now."""
    found = (
        (relation, _reason(oid, relation, before, after))
        for oid, relation in after.relations.items()
        if relation.holds_rows
    )
    stale = (Stale(each.sql, reason) for each, reason in found if reason)
    return tuple(sorted(stale, key=lambda each: each.table))


def _reason(oid: int, now: _Relation, before: Snapshot, after: Snapshot) -> str:
    was = before.relations.get(oid)
    changes = now.changes - (was.changes if was else 0)
    if was is None:
        few = changes < now.threshold
        return "" if few else f"new, with {counted(changes, 'row')} and no statistics"
    retyped = [
        name
        for table, name, number in sorted(after.without - before.without, key=lambda each: each[2])
        if table == oid and number <= was.columns
    ]
    if retyped:
        return f"the type of {', '.join(retyped)} changed"
    if now.file != was.file:
        return "rewritten"
    new = [
        name
        for number, (table, name) in after.objects.items()
        if table == oid and number not in before.objects
    ]
    if new:
        return f"new: {', '.join(sorted(new))}"
    return f"{counted(changes, 'row')} changed" if changes >= now.threshold else ""
