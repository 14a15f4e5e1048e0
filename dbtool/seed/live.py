"""What the live database says about the tables to fill: it is the law, models are the meaning."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dbtool.connection import Connection


@dataclass(frozen=True, slots=True)
class LiveColumn:
    """One column; `type` is as the server prints it, `base` looks through a domain."""

    name: str
    type: str
    base: str
    element: str | None
    modifier: int
    nullable: bool
    identity: str
    generated: bool
    default: str | None
    sequence: str | None
    labels: tuple[str, ...]

    @property
    def max_length(self) -> int | None:
        """The longest text a character column takes."""
        has_length = self.base in ("varchar", "bpchar") and self.modifier > 4
        return self.modifier - 4 if has_length else None

    @property
    def numeric(self) -> tuple[int, int] | None:
        """Precision and scale of numeric(p, s)."""
        if self.base != "numeric" or self.modifier < 4:
            return None
        packed = self.modifier - 4
        return packed >> 16, packed & 0x7FF


@dataclass(frozen=True, slots=True)
class LiveConstraint:
    """One constraint or unique index."""

    name: str
    kind: str
    columns: tuple[str, ...]
    definition: str
    target: str | None = None
    target_columns: tuple[str, ...] = ()
    deferrable: bool = False
    on_delete: str = "a"


@dataclass(frozen=True, slots=True)
class LiveTable:
    """One table as it stands; `shown` is how it is named where the search path finds it."""

    name: str
    schema: str
    bare_name: str
    sql_name: str
    shown: str
    kind: str
    can_insert: bool
    can_select: bool
    columns: tuple[LiveColumn, ...]
    constraints: tuple[LiveConstraint, ...]
    triggers: tuple[str, ...]

    def of_kind(self, *kinds: str) -> tuple[LiveConstraint, ...]:
        """The constraints of these kinds (p, u, f, c, x)."""
        return tuple(each for each in self.constraints if each.kind in kinds)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return next((each.columns for each in self.of_kind("p")), ())

    def column(self, name: str) -> LiveColumn:
        """The column of that name."""
        return next(each for each in self.columns if each.name == name)


@dataclass(frozen=True, slots=True)
class Live:
    """The tables that were asked for, those that are not there, and whether writing is allowed."""

    tables: tuple[LiveTable, ...]
    missing: tuple[str, ...]
    read_only: bool
    standby: bool
    user: str
    version: int


SQL = """
WITH wanted AS (
    SELECT name, to_regclass(name) AS oid FROM unnest($1::text[]) AS name
), columns AS (
    SELECT a.attrelid, json_agg(json_build_object(
        'name', a.attname,
        'type', format_type(a.atttypid, a.atttypmod),
        'base', b.typname,
        'element', e.typname,
        'modifier', CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,
        'nullable', NOT (a.attnotnull OR t.typnotnull),
        'identity', a.attidentity,
        'generated', a.attgenerated <> '',
        'default', pg_get_expr(d.adbin, d.adrelid),
        'sequence', pg_get_serial_sequence(a.attrelid::regclass::text, a.attname),
        'labels', (SELECT json_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_enum l
                   WHERE l.enumtypid IN (b.oid, e.oid))
    ) ORDER BY a.attnum) AS list
    FROM wanted w
    JOIN pg_attribute a ON a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
    LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A'
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    GROUP BY a.attrelid
), stated AS (
    SELECT c.conrelid, c.conname::text AS name, c.contype::text AS kind,
        pg_get_constraintdef(c.oid) AS definition,
        (SELECT json_agg(a.attname ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY k (num, n)
         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num) AS columns,
        (SELECT format('%I.%I', n.nspname, r.relname) FROM pg_class r
         JOIN pg_namespace n ON n.oid = r.relnamespace WHERE r.oid = c.confrelid) AS target,
        (SELECT json_agg(a.attname ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY k (num, n)
         JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num) AS target_columns,
        c.condeferrable AS can_defer, c.confdeltype::text AS on_delete
    FROM wanted w JOIN pg_constraint c ON c.conrelid = w.oid
    WHERE c.contype IN ('p', 'u', 'f', 'c', 'x') AND c.conparentid = 0
    UNION ALL
    SELECT a.attrelid, c.conname, 'c', replace(pg_get_constraintdef(c.oid), 'VALUE',
        quote_ident(a.attname)), json_build_array(a.attname), NULL, NULL, false, 'a'
    FROM wanted w
    JOIN pg_attribute a ON a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_constraint c ON c.contypid = a.atttypid AND c.contype = 'c'
    UNION ALL
    SELECT i.indrelid, i.indexrelid::regclass::text, 'u', pg_get_indexdef(i.indexrelid),
        (SELECT json_agg(DISTINCT a.attname) FROM pg_depend p
         JOIN pg_attribute a ON a.attrelid = p.refobjid AND a.attnum = p.refobjsubid
         WHERE p.classid = 'pg_class'::regclass AND p.objid = i.indexrelid
         AND p.refobjid = i.indrelid AND p.refobjsubid > 0
         AND (a.attnum = ANY (i.indkey) OR 0 = ANY (i.indkey))), NULL, NULL, false, 'a'
    FROM wanted w JOIN pg_index i ON i.indrelid = w.oid AND i.indisunique
    WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
), constraints AS (
    SELECT conrelid, json_agg(json_build_object('name', name, 'kind', kind, 'columns', columns,
        'definition', definition, 'target', target, 'target_columns', target_columns,
        'deferrable', can_defer, 'on_delete', on_delete) ORDER BY kind, name) AS list
    FROM stated GROUP BY conrelid
)
SELECT json_build_object(
    'read_only', current_setting('transaction_read_only')::bool,
    'standby', pg_is_in_recovery(),
    'user', current_user,
    'version', current_setting('server_version_num')::int,
    'missing', (SELECT json_agg(name) FROM wanted WHERE oid IS NULL),
    'tables', (SELECT json_agg(json_build_object(
        'name', format('%I.%I', n.nspname, r.relname), 'sql_name', w.name,
        'schema', n.nspname, 'bare_name', r.relname,
        'shown', w.oid::regclass::text, 'kind', r.relkind,
        'can_insert', has_table_privilege(w.oid, 'INSERT'),
        'can_select', has_table_privilege(w.oid, 'SELECT'),
        'columns', columns.list, 'constraints', constraints.list,
        'triggers', (SELECT json_agg(g.tgname ORDER BY g.tgname) FROM pg_trigger g
            WHERE g.tgrelid = w.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D'
            AND g.tgtype & 4 > 0)
        ) ORDER BY w.name)
        FROM wanted w
        JOIN pg_class r ON r.oid = w.oid JOIN pg_namespace n ON n.oid = r.relnamespace
        LEFT JOIN columns ON columns.attrelid = w.oid
        LEFT JOIN constraints ON constraints.conrelid = w.oid)
)::text
"""


async def read(connection: Connection, names: Sequence[str]) -> Live:
    """Ask about tables by their quoted names, in one statement."""
    answer: dict[str, Any] = json.loads(await connection.fetchval(SQL, list(names)))
    return Live(
        tables=tuple(_table(each) for each in answer["tables"] or ()),
        missing=tuple(answer["missing"] or ()),
        read_only=answer["read_only"],
        standby=answer["standby"],
        user=answer["user"],
        version=answer["version"],
    )


def _table(found: dict[str, Any]) -> LiveTable:
    columns = tuple(
        LiveColumn(**{**each, "labels": tuple(each["labels"] or ())}) for each in found["columns"]
    )
    constraints = tuple(_constraint(each) for each in found["constraints"] or ())
    lists = {"columns": columns, "constraints": constraints}
    return LiveTable(**{**found, **lists, "triggers": tuple(found["triggers"] or ())})


def _constraint(found: dict[str, Any]) -> LiveConstraint:
    columns = tuple(found["columns"] or ())
    targets = tuple(found["target_columns"] or ())
    return LiveConstraint(**{**found, "columns": columns, "target_columns": targets})


async def filled(connection: Connection, tables: Sequence[LiveTable]) -> frozenset[str]:
    """The names of those tables that already hold rows."""
    if not tables:
        return frozenset()
    tests = ", ".join(f"EXISTS (SELECT FROM {table.name})" for table in tables)
    answers = await connection.fetchrow(f"SELECT {tests}")
    return frozenset(table.name for table, full in zip(tables, answers, strict=True) if full)


async def next_index(connection: Connection, table: LiveTable) -> int:
    """The first row index no row of a filled table can have been made from."""
    key = table.primary_key
    serial = len(key) == 1 and table.column(key[0]).base in ("int2", "int4", "int8")
    top = f"coalesce(max({quoted(key[0])}), 0)" if serial else "0"
    return int(await connection.fetchval(f"SELECT greatest(count(*), {top}) FROM {table.name}"))


async def keys(
    connection: Connection, table: LiveTable, columns: Sequence[str], limit: int
) -> dict[str, tuple[str, ...]]:
    """The values of some columns in the first rows of a table, as text."""
    chosen = ", ".join(f"{quoted(name)}::text" for name in columns)
    by = ", ".join(map(quoted, table.primary_key or columns))
    known = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in columns)
    rows = await connection.fetch(
        f"SELECT {chosen} FROM {table.name} WHERE {known} ORDER BY {by} LIMIT {limit}"
    )
    return {name: tuple(row[place] for row in rows) for place, name in enumerate(columns)}


def quoted(name: str) -> str:
    """An identifier as SQL text."""
    return '"' + name.replace('"', '""') + '"'
