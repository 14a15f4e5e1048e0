"""Tables, indexes and foreign keys, read without a lock on any of them."""

from dataclasses import dataclass
from typing import Any

from dbtool.health.parts import Part

_USERS = """n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'"""
_AT_WORK = """(SELECT pid, relation FROM pg_catalog.pg_locks
    WHERE locktype = 'relation' AND mode = 'ShareUpdateExclusiveLock' AND granted
        AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    ) AS l"""
"""What REINDEX and DROP INDEX CONCURRENTLY hold on indexes, and who builds one on its table."""

_BLOCK = "current_setting('block_size')::bigint"


@dataclass(frozen=True, slots=True)
class Table:
    """A table or partition; ages in transactions, `*_seconds` since, None for never."""

    name: str
    oid: int
    partitioned: bool
    unlogged: bool
    keyed: bool
    rows: float
    bytes: int
    live: int
    dead: int
    modified: int
    analyzed_seconds: float | None
    vacuumed_seconds: float | None
    xid_age: int
    autovacuum: bool
    dead_limit: float
    disabled_triggers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `columns`, `classes`, `collations` and `options` are lists of numbers as text.

    `expressions` and `predicate` are only fit to be compared. Writes keep what is `ready` up to
    date; what is not `live` is being dropped, or was when that ended. `building` is one that is
    not valid because somebody makes or drops it just now; None where that is hidden. `dropping`
    is one that somebody has locked while no index of its table is made.
    """

    name: str
    table: str
    oid: int
    relation: int
    bytes: int
    unique: bool
    primary: bool
    constraint: bool
    replica_identity: bool
    valid: bool
    ready: bool
    live: bool
    building: bool | None
    dropping: bool
    partition: bool
    partitioned: bool
    method: str
    keys: int
    columns: str
    classes: str
    collations: str
    options: str
    expressions: str
    predicate: str
    scans: int

    @property
    def attributes(self) -> tuple[str, ...]:
        """The numbers of its key columns; 0 stands for an expression."""
        return tuple(self.columns.split()[: self.keys])


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key by the columns that refer; `rows` are those of its own table.

    Those of a partitioned table are in its partitions. They are `counted` where ANALYZE or VACUUM
    has been to all of it.
    """

    name: str
    table: str
    relation: int
    attributes: tuple[int, ...]
    columns: tuple[str, ...]
    refers_to: str
    rows: float
    bytes: int
    counted: bool
    partitioned: bool
    validated: bool


@dataclass(frozen=True, slots=True)
class Check:
    """A constraint that was never validated."""

    name: str
    table: str


@dataclass(frozen=True, slots=True)
class View:
    """A materialized view that holds nothing yet."""

    name: str


def tables(rows: list[dict[str, Any]]) -> tuple[Table, ...]:
    """What the server answered to TABLES."""
    return tuple(
        Table(**{**row, "disabled_triggers": tuple(row["disabled_triggers"])}) for row in rows
    )


def indexes(rows: list[dict[str, Any]]) -> tuple[Index, ...]:
    """What the server answered to INDEXES."""
    return tuple(Index(**row) for row in rows)


def foreign_keys(rows: list[dict[str, Any]]) -> tuple[ForeignKey, ...]:
    """What the server answered to FOREIGN_KEYS."""
    return tuple(
        ForeignKey(
            **{**row, "attributes": tuple(row["attributes"]), "columns": tuple(row["columns"])}
        )
        for row in rows
    )


_NAME = "quote_ident(n.nspname) || '.' || quote_ident({}.relname)"

TABLES = Part(
    "tables",
    f"""
(SELECT coalesce(json_agg(x ORDER BY bytes DESC), '[]') FROM (
    SELECT {_NAME.format("c")} AS name, c.oid::bigint AS oid,
           c.relkind = 'p' AS partitioned, c.relpersistence = 'u' AS unlogged,
           EXISTS (SELECT FROM pg_catalog.pg_index AS i
                   WHERE i.indrelid = c.oid AND i.indisprimary) AS keyed,
           greatest(c.reltuples, 0) AS rows, c.relpages::bigint * {_BLOCK} AS bytes,
           pg_stat_get_live_tuples(c.oid) AS live, pg_stat_get_dead_tuples(c.oid) AS dead,
           pg_stat_get_mod_since_analyze(c.oid) AS modified,
           extract(epoch FROM clock_timestamp() - greatest(
               pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)))
               AS analyzed_seconds,
           extract(epoch FROM clock_timestamp() - greatest(
               pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)))
               AS vacuumed_seconds,
           CASE WHEN c.relfrozenxid <> '0' THEN age(c.relfrozenxid) ELSE 0 END AS xid_age,
           coalesce(o.autovacuum, true) AS autovacuum,
           coalesce(o.threshold, current_setting('autovacuum_vacuum_threshold')::float)
               + coalesce(o.scale, current_setting('autovacuum_vacuum_scale_factor')::float)
               * greatest(c.reltuples, 0) AS dead_limit,
           (SELECT coalesce(json_agg(t.tgname ORDER BY t.tgname), '[]')
            FROM pg_catalog.pg_trigger AS t
            WHERE t.tgrelid = c.oid AND t.tgenabled = 'D') AS disabled_triggers
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT max(CASE WHEN option_name = 'autovacuum_enabled' THEN option_value END)::bool
                   AS autovacuum,
               max(CASE WHEN option_name = 'autovacuum_vacuum_threshold' THEN option_value END)
                   ::float AS threshold,
               max(CASE WHEN option_name = 'autovacuum_vacuum_scale_factor' THEN option_value END)
                   ::float AS scale
        FROM pg_catalog.pg_options_to_table(c.reloptions)) AS o
    WHERE c.relkind IN ('r', 'p') AND {_USERS}) AS x)
""",
)

INDEXES = Part(
    "indexes",
    f"""
(SELECT coalesce(json_agg(x ORDER BY bytes DESC, name), '[]') FROM (
    SELECT {_NAME.format("c")} AS name, {_NAME.format("t")} AS table,
           c.oid::bigint AS oid, t.oid::bigint AS relation,
           c.relpages::bigint * {_BLOCK} AS bytes,
           i.indisunique AS unique, i.indisprimary AS primary,
           EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = c.oid)
               AS constraint,
           i.indisreplident AS replica_identity, i.indisvalid AS valid,
           i.indisready AS ready, i.indislive AS live,
           NOT i.indisvalid AND (
               EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index AS p
                       WHERE p.index_relid = c.oid)
               OR c.oid IN (SELECT l.relation FROM {_AT_WORK})
               OR CASE WHEN t.oid IN (SELECT l.relation FROM {_AT_WORK}
                           JOIN pg_catalog.pg_stat_progress_create_index AS p USING (pid)
                           WHERE p.relid IS NULL) THEN NULL ELSE false END) AS building,
           NOT i.indisvalid AND c.oid IN (SELECT l.relation FROM {_AT_WORK})
               AND t.oid NOT IN (SELECT l.relation FROM {_AT_WORK}
                   JOIN pg_catalog.pg_stat_progress_create_index AS p USING (pid)) AS dropping,
           c.relispartition AS partition, c.relkind = 'I' AS partitioned,
           m.amname AS method, i.indnkeyatts AS keys, i.indkey::text AS columns,
           i.indclass::text AS classes, i.indcollation::text AS collations,
           i.indoption::text AS options,
           regexp_replace(coalesce(i.indexprs::text, ''), ':location -?\\d+', '', 'g')
               AS expressions,
           regexp_replace(coalesce(i.indpred::text, ''), ':location -?\\d+', '', 'g')
               AS predicate,
           pg_stat_get_numscans(c.oid) AS scans
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
    JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
    WHERE {_USERS}) AS x)
""",
)

FOREIGN_KEYS = Part(
    "foreign_keys",
    f"""
(SELECT coalesce(json_agg(x ORDER BY bytes DESC, x.table, name), '[]') FROM (
    SELECT k.conname AS name, {_NAME.format("t")} AS table, t.oid::bigint AS relation,
           to_json(k.conkey) AS attributes,
           (SELECT json_agg(quote_ident(a.attname) ORDER BY o.place)
            FROM unnest(k.conkey) WITH ORDINALITY AS o (number, place)
            JOIN pg_catalog.pg_attribute AS a
              ON a.attrelid = k.conrelid AND a.attnum = o.number) AS columns,
           (SELECT quote_ident(f.nspname) || '.' || quote_ident(r.relname)
            FROM pg_catalog.pg_class AS r
            JOIN pg_catalog.pg_namespace AS f ON f.oid = r.relnamespace
            WHERE r.oid = k.confrelid) AS refers_to,
           coalesce(s.rows, 0) AS rows, coalesce(s.pages, 0)::bigint * {_BLOCK} AS bytes,
           coalesce(s.counted, true) AS counted,
           t.relkind = 'p' AS partitioned, k.convalidated AS validated
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_class AS t ON t.oid = k.conrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
    CROSS JOIN LATERAL (
        WITH RECURSIVE part (oid, kind, rows, pages) AS (
            SELECT t.oid, t.relkind, t.reltuples, t.relpages
            UNION ALL
            SELECT c.oid, c.relkind, c.reltuples, c.relpages FROM part AS p
            JOIN pg_catalog.pg_inherits AS i ON i.inhparent = p.oid AND p.kind = 'p'
            JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid)
        SELECT sum(greatest(rows, 0)) AS rows, sum(pages) AS pages, bool_and(rows >= 0) AS counted
        FROM part WHERE kind <> 'p') AS s
    WHERE k.contype = 'f' AND k.conparentid = 0 AND {_USERS}) AS x)
""",
)

CHECKS = Part(
    "unvalidated",
    f"""
(SELECT coalesce(json_agg(x ORDER BY x.table, name), '[]') FROM (
    SELECT quote_ident(k.conname) AS name, {_NAME.format("t")} AS table
    FROM pg_catalog.pg_constraint AS k
    JOIN pg_catalog.pg_class AS t ON t.oid = k.conrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
    WHERE NOT k.convalidated AND k.contype IN ('c', 'f', 'n')
      AND coalesce((to_jsonb(k) ->> 'conenforced')::bool, true) AND {_USERS}) AS x)
""",
)

VIEWS = Part(
    "views",
    f"""
(SELECT coalesce(json_agg(x ORDER BY name), '[]') FROM (
    SELECT {_NAME.format("c")} AS name
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'm' AND NOT c.relispopulated AND {_USERS}) AS x)
""",
)

NAMES = Part(
    "names",
    f"""
(SELECT coalesce(json_agg({_NAME.format("c")}), '[]')
 FROM pg_catalog.pg_class AS c
 JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind NOT IN ('i', 'I') AND c.relname LIKE '%\\_idx%' AND {_USERS})
""",
)
"""What is named as an index would be, and is none: no index can have its name."""
