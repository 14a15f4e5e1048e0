"""Sequences, types, functions and extensions, and the SQL that reads them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OwnedBy:
    """The column a sequence belongs to; `identity` where it is an identity column's."""

    schema: str
    table: str
    column: str
    identity: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence; its last value is not read, for that takes a lock and a privilege."""

    schema: str
    name: str
    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool
    owned_by: OwnedBy | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Enum:
    """An enum type; labels in their order."""

    schema: str
    name: str
    labels: tuple[str, ...]
    comment: str | None


@dataclass(frozen=True, slots=True)
class DomainConstraint:
    """A CHECK of a domain."""

    name: str
    definition: str
    validated: bool


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain; `collation` is None where it is the type's own."""

    schema: str
    name: str
    type: str
    not_null: bool
    default: str | None
    collation: str | None
    constraints: tuple[DomainConstraint, ...]
    comment: str | None


@dataclass(frozen=True, slots=True)
class Function:
    """A function's identity and what a caller must know; its body is not read.

    `kind` is "function", "procedure", "aggregate" or "window function"; `returns` is None for
    a procedure.
    """

    schema: str
    name: str
    arguments: str
    kind: str
    returns: str | None
    language: str
    volatility: str
    security_definer: bool


@dataclass(frozen=True, slots=True)
class Extension:
    """An installed extension."""

    name: str
    version: str
    schema: str


_NO_MEMBER = """NOT EXISTS (
        SELECT FROM members WHERE classid = 'pg_catalog.{}'::pg_catalog.regclass AND objid = {})"""

SEQUENCES = f"""
    SELECT coalesce(json_agg(json_build_object(
        'schema', s.nspname,
        'name', c.relname,
        'type', format_type(q.seqtypid, NULL),
        'start', q.seqstart,
        'increment', q.seqincrement,
        'minimum', q.seqmin,
        'maximum', q.seqmax,
        'cache', q.seqcache,
        'cycle', q.seqcycle,
        'owned_by', CASE WHEN t.oid IS NOT NULL THEN json_build_object(
                        'schema', ts.nspname,
                        'table', t.relname,
                        'column', a.attname,
                        'identity', d.deptype = 'i') END,
        'comment', obj_description(c.oid, 'pg_class')
    ) ORDER BY s.nspname, c.relname), '[]')
    FROM pg_catalog.pg_sequence AS q
    JOIN pg_catalog.pg_class AS c ON c.oid = q.seqrelid
    JOIN spaces AS s ON s.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_depend AS d
      ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
     AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0
     AND d.deptype IN ('a', 'i')
    LEFT JOIN pg_catalog.pg_class AS t ON t.oid = d.refobjid
    LEFT JOIN pg_catalog.pg_namespace AS ts ON ts.oid = t.relnamespace
    LEFT JOIN pg_catalog.pg_attribute AS a
      ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE {_NO_MEMBER.format("pg_class", "c.oid")}
"""

OF_TABLES = " AND d.refobjid IN (SELECT oid FROM relations)"
"""Narrows `SEQUENCES` to those of the tables that are read."""

ENUMS = f"""
    SELECT coalesce(json_agg(json_build_object(
        'schema', s.nspname,
        'name', t.typname,
        'labels', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)
                   FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid),
        'comment', obj_description(t.oid, 'pg_type')
    ) ORDER BY s.nspname, t.typname), '[]')
    FROM pg_catalog.pg_type AS t JOIN spaces AS s ON s.oid = t.typnamespace
    WHERE t.typtype = 'e' AND {_NO_MEMBER.format("pg_type", "t.oid")}
"""

DOMAINS = f"""
    SELECT coalesce(json_agg(json_build_object(
        'schema', s.nspname,
        'name', t.typname,
        'type', format_type(t.typbasetype, t.typtypmod),
        'not_null', t.typnotnull,
        'default', pg_get_expr(t.typdefaultbin, 0),
        'collation', CASE WHEN t.typcollation <> b.typcollation
                          THEN t.typcollation::pg_catalog.regcollation::text END,
        'constraints', coalesce((
            SELECT json_agg(json_build_object(
                'name', k.conname,
                'definition', pg_get_constraintdef(k.oid),
                'validated', k.convalidated) ORDER BY k.conname)
            FROM pg_catalog.pg_constraint AS k
            WHERE k.contypid = t.oid AND k.contype = 'c'), '[]'),
        'comment', obj_description(t.oid, 'pg_type')
    ) ORDER BY s.nspname, t.typname), '[]')
    FROM pg_catalog.pg_type AS t
    JOIN spaces AS s ON s.oid = t.typnamespace
    JOIN pg_catalog.pg_type AS b ON b.oid = t.typbasetype
    WHERE t.typtype = 'd' AND {_NO_MEMBER.format("pg_type", "t.oid")}
"""

OF_COLUMNS = """
      AND t.oid IN (SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
                    JOIN relations AS r ON r.oid = a.attrelid)"""
"""Narrows `DOMAINS` to those the columns that are read have as their type."""

FUNCTIONS = f"""
    SELECT coalesce(json_agg(json_build_object(
        'schema', s.nspname,
        'name', p.proname,
        'arguments', pg_get_function_identity_arguments(p.oid),
        'kind', CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate'
                WHEN 'w' THEN 'window function' ELSE 'function' END,
        'returns', pg_get_function_result(p.oid),
        'language', l.lanname,
        'volatility', CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable'
                      ELSE 'volatile' END,
        'security_definer', p.prosecdef
    ) ORDER BY s.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), '[]')
    FROM pg_catalog.pg_proc AS p
    JOIN spaces AS s ON s.oid = p.pronamespace
    JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
    WHERE {_NO_MEMBER.format("pg_proc", "p.oid")}
"""

EXTENSIONS = """
    SELECT coalesce(json_agg(json_build_object(
        'name', e.extname,
        'version', e.extversion,
        'schema', s.nspname
    ) ORDER BY e.extname), '[]')
    FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS s ON s.oid = e.extnamespace
"""


def sequence(row: dict[str, Any]) -> Sequence:
    """A sequence as the SQL above returns it."""
    owner = row["owned_by"]
    return Sequence(**row | {"owned_by": OwnedBy(**owner) if owner else None})


def enum(row: dict[str, Any]) -> Enum:
    """An enum as the SQL above returns it."""
    return Enum(**row | {"labels": tuple(row["labels"] or ())})


def domain(row: dict[str, Any]) -> Domain:
    """A domain as the SQL above returns it."""
    constraints = tuple(DomainConstraint(**each) for each in row["constraints"])
    return Domain(**row | {"constraints": constraints})
