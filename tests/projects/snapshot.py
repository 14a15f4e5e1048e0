"""Everything about a database that a migration can change, as lines to compare."""

import psycopg
from psycopg import sql

from dbtool.database.target import Target
from tests.processes import eventually

_SCHEMAS = "NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
_DEFINITIONS = f"""
SELECT format('schema %s', nspname) FROM pg_namespace
 WHERE nspname {_SCHEMAS} AND nspname NOT LIKE 'pg\\_%'
UNION ALL
SELECT format('column %s.%s.%s %s%s %s %s %s', n.nspname, c.relname, a.attname,
              format_type(a.atttypid, a.atttypmod),
              CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
              coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attidentity, a.attgenerated)
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
  JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname {_SCHEMAS}
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
  FROM pg_constraint
 WHERE connamespace::regnamespace::text {_SCHEMAS}
UNION ALL
SELECT format('index %s valid=%s %s', pg_get_indexdef(i.indexrelid), i.indisvalid,
              obj_description(i.indexrelid, 'pg_class'))
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
 WHERE c.relnamespace::regnamespace::text {_SCHEMAS}
UNION ALL
SELECT format('enum %s %s', enumtypid::regtype, string_agg(enumlabel, ',' ORDER BY enumsortorder))
  FROM pg_enum GROUP BY enumtypid
UNION ALL
SELECT format('view %s %s', oid::regclass, pg_get_viewdef(oid))
  FROM pg_class WHERE relkind = 'v' AND relnamespace::regnamespace::text {_SCHEMAS}
"""
_TABLES = f"""
SELECT relnamespace::regnamespace::text, relname FROM pg_class
 WHERE relkind = 'r' AND relnamespace::regnamespace::text {_SCHEMAS} ORDER BY 1, 2
"""


def snapshot(target: Target) -> tuple[str, ...]:
    """Definitions and rows of a database; times of creation are left out."""
    with psycopg.connect(_conninfo(target), autocommit=True) as connection:
        lines = [line for (line,) in connection.execute(_DEFINITIONS.encode())]
        for schema, table in connection.execute(_TABLES.encode()).fetchall():
            rows = sql.SQL("SELECT (to_jsonb(t) - array['created_at', 'at'])::text FROM {} t")
            name = sql.Identifier(schema, table)
            found = connection.execute(rows.format(name)).fetchall()
            lines += [f"row {schema}.{table} {row}" for (row,) in found]
    return tuple(sorted(lines))


def execute(target: Target, statements: str) -> None:
    """Run SQL on a database."""
    with psycopg.connect(_conninfo(target), autocommit=True) as connection:
        connection.execute(statements.encode())


def databases(target: Target) -> set[str]:
    """The names of the databases on a server."""
    with psycopg.connect(_conninfo(target), autocommit=True) as connection:
        found = connection.execute("SELECT datname FROM pg_database").fetchall()
        return {str(name) for (name,) in found}


def sessions(target: Target) -> int:
    """How many sessions the database has ever seen; call it when all of them have ended."""
    count = "SELECT sessions FROM pg_stat_database WHERE datname = %s"
    active = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    with psycopg.connect(
        _conninfo(target.with_database("postgres")), autocommit=True
    ) as connection:
        assert eventually(
            lambda: connection.execute(active, [target.database]).fetchone() == (0,)
        ), f"{target.database} is still in use"
        (seen,) = connection.execute(count, [target.database]).fetchone() or (0,)
    return int(seen)


def _conninfo(target: Target) -> str:
    return psycopg.conninfo.make_conninfo(
        host=target.host,
        port=target.port,
        user=target.user,
        dbname=target.database,
        password=target.secret(),
    )
