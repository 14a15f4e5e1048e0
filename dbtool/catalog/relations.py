"""Tables and views, and the SQL that reads them."""

from dataclasses import dataclass, field
from typing import Any

from dbtool.catalog.columns import Column, Name, name
from dbtool.catalog.parts import Constraint, Index, Trigger, constraint, parts


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `rows` is the planner's estimate and None where nothing was ever analysed.

    `kind` is "table", "partitioned table" or "foreign table", `persistence` "permanent",
    "unlogged" or "temporary". `parent` and `bound` are a partition's; `inherits` is plain
    inheritance. `privileges` are what the reading role may do with its rows, as "select".
    """

    oid: int = field(compare=False)
    schema: str
    name: str
    kind: str
    persistence: str
    owner: str = field(compare=False)
    privileges: tuple[str, ...] = field(compare=False)
    partition_key: str | None
    parent: Name | None
    bound: str | None
    inherits: tuple[Name, ...]
    row_security: bool
    force_row_security: bool
    options: tuple[str, ...]
    rows: float | None = field(compare=False)
    pages: int = field(compare=False)
    comment: str | None
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...]
    indexes: tuple[Index, ...]
    triggers: tuple[Trigger, ...]


@dataclass(frozen=True, slots=True)
class View:
    """A view or materialized view."""

    oid: int = field(compare=False)
    schema: str
    name: str
    kind: str
    owner: str = field(compare=False)
    privileges: tuple[str, ...] = field(compare=False)
    definition: str
    populated: bool
    options: tuple[str, ...]
    comment: str | None
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...]
    triggers: tuple[Trigger, ...]


_PRIVILEGES = """coalesce((
            SELECT json_agg(privilege)
            FROM unnest(ARRAY['select', 'insert', 'update', 'delete']) AS privilege
            WHERE has_table_privilege(r.oid, privilege)), '[]')"""

_WITH_PARTS = """FROM relations AS r
    LEFT JOIN columns ON columns.relid = r.oid
    LEFT JOIN indexes ON indexes.relid = r.oid
    LEFT JOIN triggers ON triggers.relid = r.oid"""

TABLES = f"""
    SELECT coalesce(json_agg(json_build_object(
        'oid', r.oid::bigint,
        'schema', r.schema,
        'name', r.relname,
        'kind', CASE r.relkind WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table'
                ELSE 'table' END,
        'persistence', CASE r.relpersistence WHEN 'u' THEN 'unlogged' WHEN 't' THEN 'temporary'
                       ELSE 'permanent' END,
        'owner', pg_get_userbyid(r.relowner),
        'privileges', {_PRIVILEGES},
        'partition_key', pg_get_partkeydef(r.oid),
        'parent', CASE WHEN r.relispartition
                       THEN (SELECT name FROM parents WHERE relid = r.oid) END,
        'bound', pg_get_expr(r.relpartbound, r.oid),
        'inherits', CASE WHEN r.relispartition THEN '[]'
                    ELSE coalesce((SELECT json_agg(name ORDER BY inhseqno) FROM parents
                                   WHERE relid = r.oid), '[]') END,
        'row_security', r.relrowsecurity,
        'force_row_security', r.relforcerowsecurity,
        'options', coalesce(to_json(r.reloptions), '[]'),
        'rows', nullif(r.reltuples, -1),
        'pages', r.relpages,
        'comment', obj_description(r.oid, 'pg_class'),
        'columns', coalesce(columns.items, '[]'),
        'constraints', coalesce(constraints.items, '[]'),
        'indexes', coalesce(indexes.items, '[]'),
        'triggers', coalesce(triggers.items, '[]')
    ) ORDER BY r.schema, r.relname), '[]')
    {_WITH_PARTS}
    LEFT JOIN constraints ON constraints.relid = r.oid
    WHERE r.relkind IN ('r', 'p', 'f')
"""

VIEWS = f"""
    SELECT coalesce(json_agg(json_build_object(
        'oid', r.oid::bigint,
        'schema', r.schema,
        'name', r.relname,
        'kind', CASE r.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END,
        'owner', pg_get_userbyid(r.relowner),
        'privileges', {_PRIVILEGES},
        'definition', pg_get_viewdef(r.oid),
        'populated', r.relispopulated,
        'options', coalesce(to_json(r.reloptions), '[]'),
        'comment', obj_description(r.oid, 'pg_class'),
        'columns', coalesce(columns.items, '[]'),
        'indexes', coalesce(indexes.items, '[]'),
        'triggers', coalesce(triggers.items, '[]')
    ) ORDER BY r.schema, r.relname), '[]')
    {_WITH_PARTS}
    WHERE r.relkind IN ('v', 'm')
"""


def table(row: dict[str, Any]) -> Table:
    """A table as the SQL above returns it."""
    return Table(
        **row
        | parts(row)
        | {
            "parent": name(row["parent"]),
            "inherits": tuple(Name(**each) for each in row["inherits"]),
            "options": tuple(row["options"]),
            "constraints": tuple(map(constraint, row["constraints"])),
        }
    )


def view(row: dict[str, Any]) -> View:
    """A view as the SQL above returns it."""
    return View(**row | parts(row) | {"options": tuple(row["options"])})
