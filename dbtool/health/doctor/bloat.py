"""How much of a table is space that no row uses, estimated from its statistics."""

from dataclasses import dataclass

from dbtool.health.parts import Part


@dataclass(frozen=True, slots=True)
class Bloat:
    """A table's size and what its rows would take, in bytes; both are the planner's numbers."""

    table: str
    bytes: int
    needed: int

    @property
    def wasted(self) -> int:
        """Bytes that no row uses."""
        return max(self.bytes - self.needed, 0)


@dataclass(frozen=True, slots=True)
class Estimates:
    """The tables that could be estimated, and how many could not for want of statistics."""

    tables: tuple[Bloat, ...]
    unseen: int


BLOAT = Part(
    "bloat",
    """
(WITH sized AS (
    SELECT c.oid, n.nspname, c.relname, c.relpages, c.reltuples,
           coalesce((SELECT option_value::float FROM pg_catalog.pg_options_to_table(c.reloptions)
                     WHERE option_name = 'fillfactor'), 100) / 100 AS fill
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpages > 128 AND c.reltuples > 0
      AND n.nspname NOT IN ('pg_catalog', 'information_schema')
), widths AS (
    SELECT s.oid, count(w.attname) AS known, count(*) AS columns,
           sum((1 - coalesce(w.null_frac, 0)) * coalesce(w.avg_width, 0)) AS width
    FROM sized AS s
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = s.oid AND a.attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_catalog.pg_stats AS w
      ON w.schemaname = s.nspname AND w.tablename = s.relname AND w.attname = a.attname
     AND NOT w.inherited
    GROUP BY s.oid
), estimated AS (
    SELECT quote_ident(nspname) || '.' || quote_ident(relname) AS table, known = columns AS seen,
           relpages * current_setting('block_size')::bigint AS bytes,
           ceil(reltuples * (28 + ceil(width / 8) * 8)
                / ((current_setting('block_size')::int - 24) * fill))
               * current_setting('block_size')::bigint AS needed
    FROM sized JOIN widths USING (oid)
)
SELECT json_build_object(
    'unseen', (SELECT count(*) FROM estimated WHERE NOT seen),
    'tables', (SELECT coalesce(json_agg(e ORDER BY bytes - needed DESC), '[]')
               FROM (SELECT "table", bytes, needed::bigint AS needed FROM estimated
                     WHERE seen AND bytes > needed) AS e)))
""",
)
"""A row is its header and line pointer, 28 bytes, and its columns, aligned to 8 together.

Only tables of more than a megabyte are looked at; what is in TOAST is not.
"""
