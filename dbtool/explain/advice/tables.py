"""What a server knows about the tables of a plan: shape, indexes, statistics and writes."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dbtool.explain.plan import Plan

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

BLOCK = 8192
_TEXT = "S"
_SYSTEM = re.compile(r"$|information_schema$|pg_")
"""Schemas in which nobody creates an index."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `distinct` is its number of different values, 0 where it was never analysed.

    `common` are its frequent values as text, with the share of rows each has.
    """

    name: str
    type: str
    category: str
    width: float = 0.0
    nulls: float = 0.0
    distinct: float = 0.0
    correlation: float = 0.0
    common: Mapping[str, float] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an index that exists; `expression` is a column's name or the expression."""

    expression: str
    column: str
    opclass: str
    default_opclass: bool
    collation: str
    options: int


@dataclass(frozen=True, slots=True)
class Existing:
    """An index that exists."""

    name: str
    method: str
    keys: tuple[Key, ...]
    include: tuple[str, ...]
    unique: bool
    valid: bool
    constraint: str
    predicate: str
    scans: int


@dataclass(frozen=True, slots=True)
class Part:
    """A partition, and the table it is a partition of; one that is no leaf has its own."""

    schema: str
    name: str
    parent: tuple[str, str]
    leaf: bool = True
    foreign: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Schema and name."""
        return self.schema, self.name


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `root` is the partitioned table it is a part of, or its own name.

    `taken` are the relations in the schemas of its partitions, where their indexes need names.
    """

    schema: str
    name: str
    kind: str
    root: tuple[str, str]
    rows: float
    pages: int
    all_visible: int
    columns: Mapping[str, Column]
    indexes: tuple[Existing, ...]
    inserted: int
    updated: int
    hot: int
    deleted: int
    parts: tuple[Part, ...] = ()
    taken: frozenset[tuple[str, str]] = field(default=frozenset(), repr=False)

    @property
    def texts(self) -> frozenset[str]:
        """The columns that hold text of some kind."""
        return frozenset(name for name, each in self.columns.items() if each.category == _TEXT)

    @property
    def foreign(self) -> bool:
        """Whether a partition is a foreign table: an index ON ONLY the parent stays invalid."""
        return any(each.foreign for each in self.parts)

    @property
    def leaves(self) -> tuple[tuple[str, str], ...]:
        """The partitions that hold rows."""
        return tuple(each.key for each in self.parts if each.leaf)

    @property
    def key(self) -> tuple[str, str]:
        """Schema and name."""
        return self.schema, self.name


@dataclass(frozen=True, slots=True)
class Known:
    """The tables of some plans, and what decides about indexes in their database."""

    version: int
    collation: str
    extensions: tuple[str, ...]
    names: tuple[tuple[str, str, str], ...]
    tables: tuple[Table, ...]

    @property
    def sorts_by_code_point(self) -> bool:
        """Whether a plain index on text serves LIKE 'x%'."""
        return self.collation in ("C", "POSIX", "C.UTF-8", "C.UTF8")

    def table(self, schema: str, name: str) -> Table | None:
        """The table of this name."""
        return next((each for each in self.tables if each.key == (schema, name)), None)


_TABLES = """
WITH RECURSIVE wanted AS (
  SELECT c.oid FROM unnest($1::text[], $2::text[]) AS w(schema, name)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
  WHERE c.relkind IN ('r', 'p', 'm')
), up AS (
  SELECT oid, oid AS root FROM wanted
  UNION SELECT up.oid, i.inhparent FROM up
  JOIN pg_inherits i ON i.inhrelid = up.root
  JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
), every AS (SELECT root AS oid FROM up UNION SELECT oid FROM up), tables AS (
  SELECT c.*, n.nspname, coalesce((SELECT root FROM up
      JOIN pg_class r ON r.oid = up.root WHERE up.oid = c.oid AND NOT r.relispartition LIMIT 1),
    c.oid) AS root
  FROM every e JOIN pg_class c ON c.oid = e.oid JOIN pg_namespace n ON n.oid = c.relnamespace
)
SELECT json_build_object(
  'collation', (SELECT {collation} FROM pg_database WHERE datname = current_database()),
  'extensions', (SELECT coalesce(json_agg(extname ORDER BY extname), '[]') FROM pg_extension),
  'names', (SELECT coalesce(json_agg(json_build_array(n.nspname, t.relname, i.relname)), '[]')
    FROM (SELECT x.indexrelid, x.indrelid FROM pg_index x
          WHERE NOT x.indisprimary AND NOT EXISTS (
            SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid)
          ORDER BY x.indexrelid LIMIT 500) x
    JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'pg_toast')),
  'taken', (SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname)), '[]')
    FROM (SELECT DISTINCT c.relnamespace AS oid
          FROM (SELECT DISTINCT root FROM tables WHERE relkind = 'p') r,
            pg_partition_tree(r.root) p JOIN pg_class c ON c.oid = p.relid) s
    JOIN pg_namespace n USING (oid) JOIN pg_class c ON c.relnamespace = n.oid),
  'tables', (SELECT coalesce(json_agg(json_build_object(
    'schema', t.nspname, 'name', t.relname, 'kind', t.relkind,
    'root', (SELECT json_build_array(n.nspname, c.relname) FROM pg_class c
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = t.root),
    'rows', t.reltuples, 'pages', t.relpages, 'all_visible', t.relallvisible,
    'inserted', coalesce(pg_stat_get_tuples_inserted(t.oid), 0),
    'updated', coalesce(pg_stat_get_tuples_updated(t.oid), 0),
    'hot', coalesce(pg_stat_get_tuples_hot_updated(t.oid), 0),
    'deleted', coalesce(pg_stat_get_tuples_deleted(t.oid), 0),
    'parts', (SELECT coalesce(json_agg(json_build_array(n.nspname, c.relname, m.nspname, a.relname,
                p.isleaf, c.relkind = 'f') ORDER BY p.level, n.nspname, c.relname), '[]')
              FROM pg_partition_tree(t.oid) p JOIN pg_class c ON c.oid = p.relid
              JOIN pg_namespace n ON n.oid = c.relnamespace
              JOIN pg_class a ON a.oid = p.parentrelid
              JOIN pg_namespace m ON m.oid = a.relnamespace
              WHERE p.level > 0 AND t.relkind = 'p'),
    'columns', (SELECT coalesce(json_agg(json_build_object(
        'name', a.attname, 'type', format_type(a.atttypid, NULL), 'category', y.typcategory,
        'width', coalesce(s.avg_width, nullif(a.attlen, -1), 32), 'nulls', coalesce(s.null_frac, 0),
        'distinct', coalesce(CASE WHEN s.n_distinct < 0
          THEN -s.n_distinct * greatest(t.reltuples, 1) ELSE s.n_distinct END, 0),
        'correlation', coalesce(s.correlation, 0),
        'values', coalesce(to_json(s.most_common_vals::text::text[]), '[]'),
        'shares', coalesce(to_json(s.most_common_freqs), '[]')) ORDER BY a.attnum), '[]')
      FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
      LEFT JOIN pg_stats s ON s.schemaname = t.nspname AND s.tablename = t.relname
        AND s.attname = a.attname AND s.inherited = (t.relkind = 'p')
      WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'indexes', (SELECT coalesce(json_agg(json_build_object(
        'name', i.relname, 'method', am.amname, 'unique', x.indisunique, 'valid', x.indisvalid,
        'constraint', coalesce((SELECT conname FROM pg_constraint k
                                WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x')
                                LIMIT 1), ''),
        'predicate', coalesce(pg_get_expr(x.indpred, x.indrelid), ''),
        'scans', coalesce(pg_stat_get_numscans(i.oid), 0),
        'include', (SELECT coalesce(json_agg(a.attname ORDER BY k.place), '[]')
          FROM unnest(x.indkey::int[]) WITH ORDINALITY AS k(number, place)
          JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
          WHERE k.place > x.indnkeyatts),
        'keys', (SELECT json_agg(json_build_object(
            'expression', pg_get_indexdef(x.indexrelid, k.place::int, true),
            'column', coalesce(a.attname, ''), 'opclass', o.opcname,
            'default_opclass', o.opcdefault,
            'collation', coalesce((SELECT collname FROM pg_collation c
                                   WHERE c.oid = x.indcollation[k.place - 1]), ''),
            'options', x.indoption[k.place - 1]) ORDER BY k.place)
          FROM unnest(x.indkey::int[]) WITH ORDINALITY AS k(number, place)
          LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
          JOIN pg_opclass o ON o.oid = x.indclass[k.place - 1]
          WHERE k.place <= x.indnkeyatts)) ORDER BY i.relname), '[]')
      FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am am ON am.oid = i.relam
      WHERE x.indrelid = t.oid)
  )), '[]') FROM tables t)
)::text
"""


def tables_of(plans: Iterable[Plan]) -> set[tuple[str, str]]:
    """Schema and name of every table of users that plans read or write."""
    return {
        (node.text("Schema"), node.relation)
        for plan in plans
        for node in plan.nodes
        if node.relation and not _SYSTEM.match(node.text("Schema"))
    }


async def read(connection: "Connection", named: Iterable[tuple[str, str]]) -> Known:
    """Look up tables, and the partitioned tables they are parts of, in one statement."""
    ordered = sorted(set(named))
    version = int(connection.get_server_version().major)
    collation = "coalesce(datlocale, datcollate)" if version >= 17 else "datcollate"
    if version in (15, 16):
        collation = "coalesce(daticulocale, datcollate)"
    said = json.loads(
        await connection.fetchval(
            _TABLES.replace("{collation}", collation),
            [schema for schema, _ in ordered],
            [name for _, name in ordered],
        )
    )
    taken = frozenset((schema, name) for schema, name in said["taken"])
    return Known(
        version=version,
        collation=said["collation"],
        extensions=tuple(said["extensions"]),
        names=tuple((schema, table, index) for schema, table, index in said["names"]),
        tables=tuple(_table(each, taken) for each in said["tables"]),
    )


def _table(row: dict[str, Any], taken: frozenset[tuple[str, str]]) -> Table:
    return Table(
        **row
        | {
            "root": tuple(row["root"]),
            "parts": tuple(
                Part(schema, name, (above, parent), leaf, foreign)
                for schema, name, above, parent, leaf, foreign in row["parts"]
            ),
            "taken": taken if row["parts"] else frozenset(),
            "columns": {each["name"]: _column(each) for each in row["columns"]},
            "indexes": tuple(_index(each) for each in row["indexes"]),
        }
    )


def _column(row: dict[str, Any]) -> Column:
    values, shares = row.pop("values"), row.pop("shares")
    return Column(**row, common=dict(zip(values, shares, strict=False)))


def _index(row: dict[str, Any]) -> Existing:
    keys = tuple(Key(**each) for each in row["keys"])
    return Existing(**row | {"keys": keys, "include": tuple(row["include"])})
