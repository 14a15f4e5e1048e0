"""Constraints, indexes and triggers of relations, and the SQL that reads them."""

from dataclasses import dataclass, field
from typing import Any

from dbtool.catalog.columns import COLUMNS, Name, column, name


@dataclass(frozen=True, slots=True)
class Constraint:
    """A table constraint; from PostgreSQL 18 on NOT NULL is one too.

    `derived` is one the server made from the constraint of a partitioned table, on either
    side of a foreign key. `on_delete` is "no action", "restrict", "cascade", "set null" or
    "set default" for a foreign key.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    definition: str
    validated: bool
    enforced: bool
    deferrable: bool
    deferred: bool
    inherited: bool
    derived: bool
    references: Name | None
    referenced_columns: tuple[str, ...]
    on_delete: str | None
    index: str | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an index: a column, or an expression.

    `collation` and `opclass` are None where they are the column's and the type's own.
    """

    expression: str
    is_column: bool
    descending: bool
    nulls_first: bool
    collation: str | None
    opclass: str | None


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `constraint` is the constraint it carries, `parent` the partitioned index.

    `reads` are all columns it depends on, by name: in keys, expressions and the predicate.
    """

    oid: int = field(compare=False)
    name: str
    method: str
    keys: tuple[Key, ...]
    include: tuple[str, ...]
    reads: tuple[str, ...] = field(compare=False)
    unique: bool
    nulls_not_distinct: bool
    primary: bool
    exclusion: bool
    valid: bool
    ready: bool
    predicate: str | None
    definition: str
    constraint: str | None
    parent: Name | None
    pages: int = field(compare=False)
    comment: str | None


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger the user made; `enabled` is "origin", "always", "replica" or "disabled".

    `events` are among "insert", "delete", "update" and "truncate".
    """

    name: str
    events: tuple[str, ...]
    definition: str
    enabled: str
    comment: str | None


_CTES = """
relations AS MATERIALIZED (
    SELECT c.*, s.nspname AS schema
    FROM pg_catalog.pg_class AS c JOIN spaces AS s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND {which}
      AND NOT EXISTS (SELECT FROM members
                      WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                        AND objid = c.oid)
),
{columns},
constraints AS MATERIALIZED (
    SELECT k.conrelid AS relid, json_agg(json_build_object(
        'name', k.conname,
        'kind', CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique'
                WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key' WHEN 'x' THEN 'exclusion'
                WHEN 'n' THEN 'not null' ELSE 'trigger' END,
        'columns', coalesce((SELECT json_agg(a.attname ORDER BY at)
                    FROM unnest(k.conkey) WITH ORDINALITY AS key (number, at)
                    JOIN pg_catalog.pg_attribute AS a
                      ON a.attrelid = k.conrelid AND a.attnum = key.number), '[]'),
        'definition', pg_get_constraintdef(k.oid),
        'validated', k.convalidated,
        'enforced', {enforced},
        'deferrable', k.condeferrable,
        'deferred', k.condeferred,
        'inherited', NOT k.conislocal,
        'derived', k.conparentid <> 0,
        'references', CASE WHEN f.oid IS NOT NULL THEN json_build_object(
                          'schema', fs.nspname, 'name', f.relname) END,
        'referenced_columns', coalesce((SELECT json_agg(a.attname ORDER BY at)
                    FROM unnest(k.confkey) WITH ORDINALITY AS key (number, at)
                    JOIN pg_catalog.pg_attribute AS a
                      ON a.attrelid = k.confrelid AND a.attnum = key.number), '[]'),
        'on_delete', CASE WHEN k.contype = 'f' THEN CASE k.confdeltype
                     WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade'
                     WHEN 'n' THEN 'set null' ELSE 'set default' END END,
        'index', i.relname,
        'comment', said.description
    ) ORDER BY k.contype, k.conname) AS items
    FROM pg_catalog.pg_constraint AS k
    JOIN relations AS r ON r.oid = k.conrelid
    LEFT JOIN pg_catalog.pg_class AS f ON f.oid = k.confrelid
    LEFT JOIN pg_catalog.pg_namespace AS fs ON fs.oid = f.relnamespace
    LEFT JOIN pg_catalog.pg_class AS i ON i.oid = k.conindid AND k.contype IN ('p', 'u', 'x')
    LEFT JOIN pg_catalog.pg_description AS said
      ON said.objoid = k.oid
     AND said.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
    GROUP BY k.conrelid
),
indexes AS MATERIALIZED (
    SELECT x.indrelid AS relid, json_agg(json_build_object(
        'oid', c.oid::bigint,
        'name', c.relname,
        'method', m.amname,
        'keys', (
            SELECT json_agg(json_build_object(
                'expression', coalesce(a.attname::text,
                                       pg_get_indexdef(x.indexrelid, at::int, false)),
                'is_column', a.attname IS NOT NULL,
                'descending', (option & 1) <> 0,
                'nulls_first', (option & 2) <> 0,
                'collation', CASE WHEN collated <> coalesce(a.attcollation, t.typcollation)
                                  THEN collated::pg_catalog.regcollation::text END,
                'opclass', CASE WHEN NOT o.opcdefault THEN o.opcname END
            ) ORDER BY at)
            FROM unnest(x.indkey::int2[], x.indclass::oid[], x.indcollation::oid[],
                        x.indoption::int2[])
                 WITH ORDINALITY AS key (number, class, collated, option, at)
            JOIN pg_catalog.pg_attribute AS ia ON ia.attrelid = x.indexrelid AND ia.attnum = at
            JOIN pg_catalog.pg_type AS t ON t.oid = ia.atttypid
            LEFT JOIN pg_catalog.pg_attribute AS a
              ON a.attrelid = x.indrelid AND a.attnum = key.number AND key.number <> 0
            LEFT JOIN pg_catalog.pg_opclass AS o ON o.oid = key.class
            WHERE at <= x.indnkeyatts),
        'include', coalesce((
            SELECT json_agg(ia.attname ORDER BY ia.attnum)
            FROM pg_catalog.pg_attribute AS ia
            WHERE ia.attrelid = x.indexrelid AND ia.attnum > x.indnkeyatts), '[]'),
        'reads', coalesce((
            SELECT json_agg(a.attname ORDER BY a.attname)
            FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = x.indrelid AND a.attnum = ANY (x.indkey::int2[]
                || CASE WHEN x.indexprs IS NULL AND x.indpred IS NULL THEN '{{}}' ELSE ARRAY(
                    SELECT p.refobjsubid::int2 FROM pg_catalog.pg_depend AS p
                    WHERE p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND p.objid = c.oid AND p.refobjid = x.indrelid
                      AND p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass) END)
              AND a.attnum > 0), '[]'),
        'unique', x.indisunique,
        'nulls_not_distinct', {nulls_not_distinct},
        'primary', x.indisprimary,
        'exclusion', x.indisexclusion,
        'valid', x.indisvalid,
        'ready', x.indisready,
        'predicate', pg_get_expr(x.indpred, x.indrelid),
        'definition', pg_get_indexdef(x.indexrelid),
        'constraint', k.conname,
        'parent', CASE WHEN p.oid IS NOT NULL THEN json_build_object(
                      'schema', ps.nspname, 'name', p.relname) END,
        'pages', c.relpages,
        'comment', obj_description(c.oid, 'pg_class')
    ) ORDER BY c.relname) AS items
    FROM pg_catalog.pg_index AS x
    JOIN relations AS r ON r.oid = x.indrelid
    JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid
    JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
    LEFT JOIN pg_catalog.pg_constraint AS k
      ON k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')
    LEFT JOIN pg_catalog.pg_inherits AS h ON h.inhrelid = c.oid
    LEFT JOIN pg_catalog.pg_class AS p ON p.oid = h.inhparent
    LEFT JOIN pg_catalog.pg_namespace AS ps ON ps.oid = p.relnamespace
    GROUP BY x.indrelid
),
triggers AS MATERIALIZED (
    SELECT g.tgrelid AS relid, json_agg(json_build_object(
        'name', g.tgname,
        'events', (SELECT json_agg(event) FROM (VALUES
                      (4, 'insert'), (8, 'delete'), (16, 'update'), (32, 'truncate')
                  ) AS known (bit, event) WHERE g.tgtype & bit <> 0),
        'definition', pg_get_triggerdef(g.oid),
        'enabled', CASE g.tgenabled WHEN 'O' THEN 'origin' WHEN 'A' THEN 'always'
                   WHEN 'R' THEN 'replica' ELSE 'disabled' END,
        'comment', obj_description(g.oid, 'pg_trigger')
    ) ORDER BY g.tgname) AS items
    FROM pg_catalog.pg_trigger AS g JOIN relations AS r ON r.oid = g.tgrelid
    WHERE NOT g.tgisinternal
    GROUP BY g.tgrelid
),
parents AS MATERIALIZED (
    SELECT h.inhrelid AS relid, h.inhseqno,
           json_build_object('schema', ps.nspname, 'name', p.relname) AS name
    FROM pg_catalog.pg_inherits AS h
    JOIN relations AS r ON r.oid = h.inhrelid
    JOIN pg_catalog.pg_class AS p ON p.oid = h.inhparent
    JOIN pg_catalog.pg_namespace AS ps ON ps.oid = p.relnamespace
)
"""


def ctes(version: int, which: str) -> str:
    """The parts as common table expressions, of which relations, for a server's version."""
    return _CTES.format(
        which=which,
        columns=COLUMNS.strip(),
        enforced="k.conenforced" if version >= 18 else "true",
        nulls_not_distinct="x.indnullsnotdistinct" if version >= 15 else "false",
    )


def parts(row: dict[str, Any]) -> dict[str, Any]:
    """What tables and views have in common."""
    return {
        "columns": tuple(map(column, row["columns"])),
        "indexes": tuple(map(_index, row["indexes"])),
        "triggers": tuple(map(_trigger, row["triggers"])),
        "privileges": tuple(row["privileges"]),
    }


def constraint(row: dict[str, Any]) -> Constraint:
    """A constraint as the SQL above returns it."""
    return Constraint(
        **row
        | {
            "columns": tuple(row["columns"]),
            "references": name(row["references"]),
            "referenced_columns": tuple(row["referenced_columns"]),
        }
    )


def _index(row: dict[str, Any]) -> Index:
    return Index(
        **row
        | {
            "keys": tuple(Key(**each) for each in row["keys"]),
            "include": tuple(row["include"]),
            "reads": tuple(row["reads"]),
            "parent": name(row["parent"]),
        }
    )


def _trigger(row: dict[str, Any]) -> Trigger:
    return Trigger(**row | {"events": tuple(row["events"])})
