"""An SQL expression in neutral form: enough of it to compare, to prove and to name its parts."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from dbtool.lint.values import value
from dbtool.sql.text import quoted


class Name(NamedTuple):
    """The name of an object; `schema` is empty where it was not written."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@value()
class Type:
    """A type as it was written; built-in ones have PostgreSQL's internal name and no schema.

    `integer` is `int4`, `char(3)` is `bpchar` with the modifier 3, `interval(3)` has only the
    precision among its modifiers; `interval year to month` has its fields as a negative mask.
    """

    name: str
    schema: str = ""
    modifiers: tuple[int, ...] = ()
    array: bool = False

    @property
    def named(self) -> Name:
        """The name without modifiers, to look a type of the user up with."""
        return Name(self.schema, self.name)

    @property
    def built_in(self) -> bool:
        """Whether PostgreSQL itself, or an extension everybody knows, brings it."""
        return not self.schema and self.name in BUILT_IN

    def __str__(self) -> str:
        # Without a length bpchar has no limit, whereas char is char(1).
        bare = self.name == "bpchar" and not self.modifiers
        word = self.name if bare else _WORDS.get(self.name, self.name)
        fields = tuple(each for each in self.modifiers if each < 0 and word == "interval")
        rest = self.modifiers[len(fields) :]
        word += f" {interval_fields(-fields[0])}" if fields else ""
        within = f"({','.join(map(str, rest))})" if rest else ""
        if word.startswith("time") and " " in word:
            word, zone = word.split(" ", 1)
            within += f" {zone}"
        return (f"{self.schema}." if self.schema else "") + word + within + "[]" * self.array


_FIELDS = (("year", 2), ("month", 1), ("day", 3), ("hour", 10), ("minute", 11), ("second", 12))
"""The fields of an interval from the longest, and the bit each has in its mask."""


def interval_fields(mask: int) -> str:
    """The fields that an interval is restricted to, as `hour to minute`."""
    found = [word for word, bit in _FIELDS if mask & (1 << bit)]
    return " to ".join(dict.fromkeys((found[0], found[-1]))) if found else ""


def shortest_field(modifiers: tuple[int, ...]) -> int:
    """The place of the shortest field that an interval keeps, counted from the longest."""
    mask = -modifiers[0] if modifiers and modifiers[0] < 0 else 1 << _FIELDS[-1][1]
    return max((place for place, (_, bit) in enumerate(_FIELDS) if mask & (1 << bit)), default=0)


_TYPES = """
    bool int2 int4 int8 float4 float8 numeric money text varchar bpchar char name bytea
    date time timetz timestamp timestamptz interval uuid json jsonb jsonpath xml inet cidr
    macaddr macaddr8 bit varbit point line lseg box path polygon circle tsvector tsquery
    oid regclass regproc regtype regrole regnamespace pg_lsn xid xid8 tid
    int4range int8range numrange tsrange tstzrange daterange int4multirange int8multirange
    nummultirange tsmultirange tstzmultirange datemultirange
"""

BY_EXTENSION = {
    "citext": ("citext",),
    "hstore": ("hstore",),
    "ltree": ("ltree", "lquery"),
    "vector": ("vector", "halfvec", "sparsevec"),
    "postgis": ("geometry", "geography"),
    "cube": ("cube",),
}
"""The types that each of the common extensions brings."""

OF_EXTENSIONS = frozenset(name for names in BY_EXTENSION.values() for name in names)
"""Types that common extensions bring, in whatever schema they are installed."""

BUILT_IN = frozenset(_TYPES.split()) | OF_EXTENSIONS
"""Types whose nature is known by their name alone: none of them is a domain."""

_WORDS = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "bpchar": "char",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
    "varbit": "bit varying",
    "char": '"char"',
}


class Form(StrEnum):
    """What an expression is at its top."""

    COLUMN = "column"
    CONSTANT = "constant"
    NULL = "null"
    FUNCTION = "function"
    OPERATOR = "operator"
    AND = "and"
    OR = "or"
    NOT = "not"
    IS_NULL = "is null"
    IS_NOT_NULL = "is not null"
    CAST = "cast"
    COLLATE = "collate"
    ARRAY = "array"
    OTHER = "other"


@value()
class Expression:
    """A node: its form, its own word, what it stands on.

    `word` is the column, the constant's text, the function's or operator's name. Two
    expressions are equal when they mean the same whatever their layout.
    """

    form: Form
    word: str = ""
    parts: tuple["Expression", ...] = ()
    type: Type | None = None

    def walk(self) -> Iterator["Expression"]:
        """This node and every one below it."""
        pending = [self]
        while pending:
            node = pending.pop()
            yield node
            pending.extend(node.parts)

    @property
    def columns(self) -> frozenset[str]:
        """The columns it reads."""
        return frozenset(node.word for node in self.walk() if node.form is Form.COLUMN)

    @property
    def functions(self) -> frozenset[str]:
        """The functions it calls, as written; special ones by name, as `current_timestamp`."""
        return frozenset(node.word for node in self.walk() if node.form is Form.FUNCTION)

    @property
    def conditions(self) -> tuple["Expression", ...]:
        """What has to be true for it to be true, each by itself."""
        if self.form is not Form.AND:
            return (self,)
        return tuple(each for part in self.parts for each in part.conditions)

    def renamed(self, old: str, new: str) -> "Expression":
        """The expression after a column got another name."""
        parts = tuple(part.renamed(old, new) for part in self.parts)
        column = self.form is Form.COLUMN and self.word == old
        return Expression(self.form, new if column else self.word, parts, self.type)

    def __str__(self) -> str:
        return _text(self)


def _text(node: Expression) -> str:
    if node.form is Form.COLUMN and node.word != "*":
        return quoted(node.word) if node.word else ""
    if node.form in (Form.CONSTANT, Form.COLUMN):
        return node.word
    said = [_text(part) for part in node.parts]
    nested = [_nested(part) for part in node.parts]
    if node.form is Form.FUNCTION:
        return node.word if node.word in SPECIAL else f"{node.word}({', '.join(said)})"
    if node.form is Form.OPERATOR and len(said) == 2:
        return f"{nested[0]} {node.word} {nested[1]}"
    if node.form in (Form.AND, Form.OR):
        return f" {node.form.value.upper()} ".join(nested)
    return _suffixed(node, said, nested)


def _suffixed(node: Expression, said: list[str], nested: list[str]) -> str:
    match node.form:
        case Form.NULL:
            return "NULL"
        case Form.NOT:
            return f"NOT {nested[0]}"
        case Form.IS_NULL | Form.IS_NOT_NULL:
            return f"{nested[0]} {node.form.value.upper()}"
        case Form.CAST:
            return f"{nested[0]}::{node.type}"
        case Form.COLLATE:
            return f'{nested[0]} COLLATE "{node.word}"'
        case Form.ARRAY:
            return f"ARRAY[{', '.join(said)}]"
    if node.word == "in":
        return f"{nested[0]} IN ({', '.join(said[1:])})"
    return f"{node.word}({', '.join(said)})" if said else node.word


def _nested(node: Expression) -> str:
    simple = (Form.COLUMN, Form.CONSTANT, Form.FUNCTION, Form.CAST, Form.NULL, Form.ARRAY)
    return _text(node) if node.form in simple else f"({_text(node)})"


SPECIAL = frozenset(
    {
        "current_timestamp",
        "current_date",
        "current_time",
        "localtimestamp",
        "localtime",
        "current_user",
        "session_user",
        "current_role",
        "user",
        "current_catalog",
        "current_schema",
    }
)
"""Functions that are written without parentheses."""
