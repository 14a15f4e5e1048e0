"""What the catalog knows about the tables and functions a plan uses, in one statement."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbtool.explain.compiling import AS_BEFORE
from dbtool.explain.mentions import Mentioned
from dbtool.explain.reach import REACHED

if TYPE_CHECKING:
    from dbtool.database.connection import Connection


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """An index as far as advice needs it; an expression in place of a column is empty."""

    name: str
    method: str
    columns: tuple[str, ...]
    unique: bool
    valid: bool
    predicate: str


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table as the planner sees it; `rows` is -1 where it was never analysed.

    `columns` are their types, of a domain what it is made of.
    `distinct` are the numbers of different values, of columns that were analysed.
    `foreign` tells whether a partition of the same partitioned table is a foreign table.
    """

    schema: str
    name: str
    kind: str
    partition: bool
    rows: float
    pages: int
    all_visible: int
    modified: int
    columns: Mapping[str, str]
    indexes: tuple[IndexFacts, ...]
    distinct: Mapping[str, float] = field(default_factory=dict)
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """A function that may have side effects; `trusted` tells whether its language is.

    `via` is the function whose body or aggregate calls it, empty where the plan itself does;
    `extension` is what it came with; `copies` that it copies to a file or with a program;
    `planned` that PostgreSQL may run it to plan; `supposed` that only a type, an operator or a
    table led to it, and it may be left alone; `unconfined` that its language, which is not C,
    lets it do what the server's account may; `composes` that it runs SQL which it puts together
    meanwhile; `program` is what a foreign table runs, `remote` that it asks another server.
    """

    schema: str
    name: str
    trusted: bool
    via: str = ""
    extension: str = ""
    copies: bool = False
    planned: bool = False
    supposed: bool = False
    unconfined: bool = False
    composes: bool = False
    program: str = ""
    remote: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules may know beyond the plan; nothing of it when only a plan was given."""

    version: int = 0
    work_mem: int = 0
    hash_mem_multiplier: float = 1.0
    tables: tuple[TableFacts, ...] = ()
    volatile: tuple[FunctionFacts, ...] = ()
    _by_name: Mapping[tuple[str, str], TableFacts] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named = {(each.schema, each.name): each for each in self.tables}
        object.__setattr__(self, "_by_name", named)

    def table(self, schema: str, name: str) -> TableFacts | None:
        """The table of this name."""
        return self._by_name.get((schema, name)) if self._by_name else None


_FACTS = """
WITH RECURSIVE wanted AS (
  SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS w(schema, name)
), tables AS (
  SELECT c.oid, c.relkind, c.relispartition, c.reltuples, c.relpages, c.relallvisible, w.*
  FROM wanted w
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
), {reached}
SELECT json_build_object(
  'jit', CASE WHEN $7 AND ($10 OR NOT EXISTS (SELECT FROM moves)) THEN {as_before} END,
  'work_mem', pg_size_bytes(current_setting('work_mem')) / 1024,
  'hash_mem_multiplier', current_setting('hash_mem_multiplier')::float8,
  'moves', EXISTS (SELECT FROM moves),
  'volatile', (SELECT coalesce(json_agg(f ORDER BY via, schema, name), '[]') FROM functions f),
  'tables', (SELECT coalesce(json_agg(json_build_object(
    'schema', t.schema, 'name', t.name, 'kind', t.relkind, 'partition', t.relispartition,
    'foreign', coalesce(pg_partition_root(t.oid) IN (
      SELECT pg_partition_root(ftrelid) FROM pg_foreign_table), false),
    'rows', t.reltuples, 'pages', t.relpages, 'all_visible', t.relallvisible,
    'modified', coalesce(pg_stat_get_mod_since_analyze(t.oid), 0),
    'columns', (SELECT coalesce(json_object_agg(a.attname,
                  format_type(coalesce(nullif(y.typbasetype, 0), y.oid), NULL)), '{}')
                FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
                WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'distinct', (SELECT coalesce(json_object_agg(s.attname, CASE WHEN s.n_distinct < 0
                    THEN -s.n_distinct * greatest(t.reltuples, 1) ELSE s.n_distinct END), '{}')
                 FROM pg_stats s
                 WHERE s.schemaname = t.schema AND s.tablename = t.name AND NOT s.inherited
                   AND s.n_distinct <> 0),
    'indexes', (SELECT coalesce(json_agg(json_build_object(
        'name', i.relname, 'method', am.amname, 'unique', x.indisunique, 'valid', x.indisvalid,
        'predicate', coalesce(pg_get_expr(x.indpred, x.indrelid), ''),
        'columns', (SELECT json_agg(coalesce(a.attname, '') ORDER BY k.place)
                    FROM unnest(x.indkey::int[]) WITH ORDINALITY AS k(number, place)
                    LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
                    WHERE k.place <= x.indnkeyatts)
      ) ORDER BY i.relname), '[]')
      FROM pg_index x
      JOIN pg_class i ON i.oid = x.indexrelid
      JOIN pg_am am ON am.oid = i.relam
      WHERE x.indrelid = t.oid)
  )), '[]') FROM tables t)
)::text
""".replace("{reached}", REACHED.strip()).replace("{as_before}", AS_BEFORE)


async def read(
    connection: "Connection",
    tables: Iterable[tuple[str, str]],
    uses: Mentioned,
    *,
    last: bool = False,
) -> Facts:
    """Look up tables by schema and name, and which functions that are reached are volatile.

    After the `last` question statements are compiled as they would have been.
    """
    named = sorted(set(tables))
    schemas, names = [schema for schema, _ in named], [name for _, name in named]
    lists = [sorted(each) for each in (uses.functions, uses.operators, uses.types)]
    asked = (schemas, names, *lists, uses.known, last, sorted(uses.views), uses.typed)
    found = json.loads(await connection.fetchval(_FACTS, *asked, False))
    if found["moves"]:
        found = json.loads(await connection.fetchval(_FACTS, *asked, True))
    return Facts(
        version=connection.get_server_version().major,
        work_mem=found["work_mem"],
        hash_mem_multiplier=found["hash_mem_multiplier"],
        tables=tuple(_table(each) for each in found["tables"]),
        volatile=tuple(FunctionFacts(**each) for each in found["volatile"]),
    )


def _table(row: dict[str, object]) -> TableFacts:
    indexes = row.pop("indexes")
    assert isinstance(indexes, list)
    return TableFacts(
        indexes=tuple(
            IndexFacts(**{**each, "columns": tuple(each["columns"])}) for each in indexes
        ),
        **row,  # type: ignore[arg-type]
    )
