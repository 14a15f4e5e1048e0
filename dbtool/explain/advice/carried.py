"""What a planner knows of a database beside its schema: read here, put elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_READ = """
WITH wanted AS (
  SELECT c.oid, n.nspname AS schema, c.relname AS name
  FROM unnest($1::text[], $2::text[]) AS w(schema, name)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
), relations AS (
  SELECT oid FROM wanted UNION SELECT x.indexrelid FROM pg_index x JOIN wanted ON oid = indrelid
), sized AS (
  SELECT n.nspname AS schema, c.relname AS relation, c.relkind, c.reltuples AS tuples,
    CASE WHEN c.relkind IN ('p', 'I') THEN 0 ELSE pg_relation_size(c.oid) / 8192 END AS blocks,
    c.relallvisible AS visible
  FROM relations JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
)
SELECT (SELECT coalesce(json_agg(sized), '[]') FROM sized)::text AS sizes,
  (SELECT coalesce(json_agg(json_build_object(
     'schema', s.schemaname, 'relation', s.tablename, 'attribute', s.attname,
     'inherited', s.inherited, 'nulls', s.null_frac, 'width', s.avg_width,
     'distinct', s.n_distinct, 'common', s.most_common_vals::text,
     'shares', s.most_common_freqs, 'bounds', s.histogram_bounds::text,
     'correlation', s.correlation, 'elements', s.most_common_elems::text,
     'element_shares', s.most_common_elem_freqs, 'element_counts', s.elem_count_histogram)), '[]')
   FROM pg_stats s JOIN sized ON (schema, relation) = (s.schemaname, s.tablename))::text
   AS statistics,
  (SELECT coalesce(json_object_agg(name, setting), '{}') FROM pg_settings
   WHERE category LIKE 'Query Tuning%' OR name IN ('work_mem', 'hash_mem_multiplier', 'search_path',
     'max_parallel_workers_per_gather', 'effective_io_concurrency', 'DateStyle', 'TimeZone'))::text
   AS settings,
  EXISTS (SELECT FROM pg_statistic_ext JOIN wanted w ON w.oid = stxrelid) AS has_extended,
  has_table_privilege('pg_statistic_ext_data', 'select') AS sees_common
"""
_EXTENDED = """
SELECT coalesce(json_agg(json_build_object(
  'schema', v.statistics_schemaname, 'name', v.statistics_name, 'inherited', v.inherited,
  'distinct', encode(v.n_distinct::bytea, 'hex'),
  'dependencies', encode(v.dependencies::bytea, 'hex'), 'common', {common})), '[]')::text
FROM unnest($1::text[], $2::text[]) AS w(schema, name)
JOIN pg_stats_ext v ON (v.schemaname, v.tablename) = (w.schema, w.name)
"""
_COMMON = """(
  SELECT encode(d.stxdmcv::bytea, 'hex') FROM pg_statistic_ext e
  JOIN pg_namespace n ON n.oid = e.stxnamespace JOIN pg_statistic_ext_data d ON d.stxoid = e.oid
  WHERE (n.nspname, e.stxname, d.stxdinherit)
      = (v.statistics_schemaname, v.statistics_name, v.inherited)
    AND e.stxexprs IS NULL AND NOT EXISTS (
      SELECT FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
      WHERE a.attrelid = e.stxrelid AND a.attnum = ANY (e.stxkeys)
        AND y.typnamespace <> 'pg_catalog'::regnamespace))"""
"""Lists of common values: only superusers read them as they are, and types of one's own have
other numbers elsewhere."""

_RELATIONS = """
SELECT pg_restore_relation_stats('schemaname', schema, 'relname', relation,
  'relpages', blocks::int, 'reltuples', tuples, 'relallvisible', visible)
FROM json_to_recordset($1::text::json)
  AS s(schema text, relation text, blocks bigint, tuples real, visible int)
WHERE to_regclass(format('%I.%I', schema, relation)) IS NOT NULL
"""
_ATTRIBUTES = """
SELECT pg_restore_attribute_stats('schemaname', schema, 'relname', relation,
  'attname', attribute, 'inherited', inherited, 'null_frac', nulls, 'avg_width', width,
  'n_distinct', "distinct", 'most_common_vals', common, 'most_common_freqs', shares,
  'histogram_bounds', bounds, 'correlation', correlation, 'most_common_elems', elements,
  'most_common_elem_freqs', element_shares, 'elem_count_histogram', element_counts)
FROM json_to_recordset($1::text::json)
  AS s(schema text, relation text, attribute text, inherited bool, nulls real, width int,
       "distinct" real, common text, shares real[], bounds text, correlation real, elements text,
       element_shares real[], element_counts real[])
WHERE to_regclass(format('%I.%I', schema, relation)) IS NOT NULL
"""
_CASTS = """
CREATE CAST (bytea AS pg_ndistinct) WITHOUT FUNCTION;
CREATE CAST (bytea AS pg_dependencies) WITHOUT FUNCTION;
CREATE CAST (bytea AS pg_mcv_list) WITHOUT FUNCTION
"""
_PUT_EXTENDED = """
INSERT INTO pg_statistic_ext_data (stxoid, stxdinherit, stxdndistinct, stxddependencies, stxdmcv)
SELECT e.oid, inherited, decode("distinct", 'hex')::pg_ndistinct,
  decode(dependencies, 'hex')::pg_dependencies, decode(common, 'hex')::pg_mcv_list
FROM json_to_recordset($1::text::json)
  AS s(schema text, name text, inherited bool, "distinct" text, dependencies text, common text)
JOIN pg_namespace n ON n.nspname = schema
JOIN pg_statistic_ext e ON e.stxnamespace = n.oid AND e.stxname = name
"""
_NONE = "[]"
_SETTINGS = """
SELECT set_config(key, value, false) FROM json_each_text($1::text::json)
JOIN pg_settings s ON s.name = key AND s.context IN ('user', 'superuser')
"""
_GROW = """
COPY (
  SELECT pg_relation_filepath(c.oid) || ' ' || blocks
  FROM json_to_recordset({sizes}::json) AS s(schema text, relation text, blocks bigint)
  JOIN pg_namespace n ON n.nspname = schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = relation
  WHERE blocks > 0 AND c.relkind IN ('r', 'i', 'm')
) TO PROGRAM {program}
"""
_SEGMENT = 131_072
SAME_FORM = 18
"""The last version that stores statistics of several columns as those before it did."""

_PROGRAM = """
grow() { dd if=/dev/null of="$1" bs=8192 seek="$2" count=0 2>/dev/null; }
while read -r file blocks; do
  part="$file"; number=0
  while [ "$blocks" -gt SEGMENT ]; do
    grow "$part" SEGMENT || exit 1
    blocks=$((blocks - SEGMENT)); number=$((number + 1)); part="$file.$number"
  done
  grow "$part" "$blocks" || exit 1
done
"""


@dataclass(frozen=True, slots=True)
class Carried:
    """Sizes, statistics and settings of a planner, as JSON text."""

    sizes: str
    statistics: str
    settings: str
    extended: str = _NONE


async def read(connection: "Connection", tables: Iterable[tuple[str, str]]) -> Carried:
    """Read what the planner knows of some tables; values of rows are among its statistics."""
    ordered = sorted(set(tables))
    places = [schema for schema, _ in ordered], [name for _, name in ordered]
    row = await connection.fetchrow(_READ, *places)
    common = _COMMON if row["sees_common"] else "NULL::text"
    extended = (
        await connection.fetchval(_EXTENDED.replace("{common}", common), *places)
        if row["has_extended"]
        else _NONE
    )
    return Carried(row["sizes"], row["statistics"], row["settings"], extended)


async def put(connection: "Connection", carried: Carried) -> None:
    """Give a throwaway server of 18 or later the statistics and settings."""
    await connection.execute(_ATTRIBUTES, carried.statistics)
    # The form in which the server stores them is that of every version up to this one.
    if carried.extended != _NONE and connection.get_server_version().major == SAME_FORM:
        await connection.execute(_CASTS)
        await connection.execute(_PUT_EXTENDED, carried.extended)
    await connection.execute(_SETTINGS, carried.settings)


async def resize(connection: "Connection", carried: Carried) -> None:
    """Give its tables their sizes, last of all: creating an index would count their rows."""
    await grow(connection, carried.sizes)
    await connection.execute(_RELATIONS, carried.sizes)


async def grow(connection: "Connection", sizes: str) -> None:
    """Make the files of a throwaway server as long as their originals, without any content.

    A planner goes by the length of a file, whatever the statistics say. The files are sparse:
    they take no room, and nothing ever reads them.
    """
    program = _PROGRAM.replace("SEGMENT", str(_SEGMENT))
    await connection.execute("CHECKPOINT")
    await connection.execute(_GROW.format(sizes=_literal(sizes), program=_literal(program)))


def _literal(text: str) -> str:
    escaped = text.replace("'", "''")
    if "\\" in text:
        escaped = escaped.replace("\\", "\\\\")
        return f"E'{escaped}'"
    return f"'{escaped}'"
