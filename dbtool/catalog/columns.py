"""Names, the columns of relations, and the SQL that reads them."""

from dataclasses import dataclass, field
from typing import Any

_HEADER = 4
"""What PostgreSQL adds to the length, or the precision and scale, in a type's modifier."""


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A relation's or type's schema and name."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Base:
    """What a column's type comes to: a domain is looked through, of an array both are told.

    `name` is PostgreSQL's own ("int8", "varchar"), `element` that of an array's elements, and
    `labels` are those of the enum it is or has as elements.
    """

    name: str
    element: str | None
    modifier: int
    labels: tuple[str, ...]

    @property
    def length(self) -> int | None:
        """The longest text a character type takes."""
        limited = self.name in ("varchar", "bpchar") and self.modifier > _HEADER
        return self.modifier - _HEADER if limited else None

    @property
    def precision(self) -> int | None:
        """The most digits of numeric(precision, scale)."""
        return (self.modifier - _HEADER) >> 16 if self._is_limited_number else None

    @property
    def scale(self) -> int | None:
        """The digits after the point; below zero it rounds before the point."""
        packed = (self.modifier - _HEADER) & 0x7FF
        return (packed ^ 0x400) - 0x400 if self._is_limited_number else None

    @property
    def _is_limited_number(self) -> bool:
        return self.name == "numeric" and self.modifier >= _HEADER


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `default` is also the expression of a generated column.

    `identity` is "always", "by default" or "", `generated` "stored", "virtual" or "".
    `collation` is None where it is the type's own. `domain` and `base` follow from the type.
    """

    name: str
    position: int = field(compare=False)
    type: str
    domain: Name | None
    base: Base = field(compare=False)
    not_null: bool
    default: str | None
    identity: str
    generated: str
    collation: str | None
    comment: str | None


COLUMNS = """
columns AS MATERIALIZED (
    SELECT a.attrelid AS relid, json_agg(json_build_object(
        'name', a.attname,
        'position', a.attnum,
        'type', format_type(a.atttypid, a.atttypmod),
        'domain', CASE WHEN t.typtype = 'd' THEN json_build_object(
                      'schema', (SELECT n.nspname FROM pg_catalog.pg_namespace AS n
                                 WHERE n.oid = t.typnamespace),
                      'name', t.typname) END,
        'base', json_build_object(
            'name', b.typname,
            'element', e.typname,
            'modifier', CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,
            'labels', CASE WHEN 'e' IN (b.typtype, e.typtype)
                      THEN (SELECT json_agg(l.enumlabel ORDER BY l.enumsortorder)
                            FROM pg_catalog.pg_enum AS l WHERE l.enumtypid IN (b.oid, e.oid))
                      END),
        'not_null', a.attnotnull,
        'default', pg_get_expr(d.adbin, d.adrelid),
        'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default'
                    ELSE '' END,
        'generated', CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual'
                     ELSE '' END,
        'collation', CASE WHEN a.attcollation <> t.typcollation
                          THEN a.attcollation::pg_catalog.regcollation::text END,
        'comment', said.description
    ) ORDER BY a.attnum) AS items
    FROM pg_catalog.pg_attribute AS a
    JOIN relations AS r ON r.oid = a.attrelid
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    JOIN pg_catalog.pg_type AS b
      ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
    LEFT JOIN pg_catalog.pg_type AS e ON e.oid = b.typelem AND b.typcategory = 'A'
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_catalog.pg_description AS said
      ON said.objoid = a.attrelid AND said.objsubid = a.attnum
     AND said.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
    WHERE a.attnum > 0 AND NOT a.attisdropped
    GROUP BY a.attrelid
)"""


def column(row: dict[str, Any]) -> Column:
    """A column as the SQL above returns it."""
    base = row["base"]
    return Column(
        **row
        | {
            "domain": name(row["domain"]),
            "base": Base(**base | {"labels": tuple(base["labels"] or ())}),
        }
    )


def name(row: dict[str, Any] | None) -> Name | None:
    """A name as the SQL of this package returns it."""
    return Name(**row) if row else None
