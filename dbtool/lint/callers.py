"""What of the catalog calls a function or is made with an extension, and so goes with it."""

import re
from collections.abc import Callable, Iterator
from typing import Literal

from dbtool.lint.schema import Expression, Holds, Index, Name, Schema, Table, UserType
from dbtool.lint.values import value

Kind = Literal["default", "column", "constraint", "index", "trigger", "policy"]
Called = Callable[[str], bool]
"""Whether a function by a name as it was written is one that goes."""


@value()
class Caller:
    """A part of a table that goes with what it calls."""

    table: Table
    kind: Kind
    name: str


def ambiguous(schema: Schema, name: Name) -> bool:
    """Whether nobody can tell by the name of a function who calls it."""
    found = schema.function(name)
    return found is not None and found.ambiguous


def function_named(schema: Schema, name: Name) -> Called:
    """Whether a written name means a function, by where each of the two is found."""
    wanted = _function(schema, str(name))
    known = schema.function(name) is not None or not schema.complete

    def called(written: str) -> bool:
        return known and _function(schema, written) == wanted

    return called


def _function(schema: Schema, written: str) -> Name:
    home, _, name = written.rpartition(".")
    found = schema.function(Name(home, name))
    return found.name if found is not None else schema.full(Name(home, name))


def callers(schema: Schema, called: Called) -> Iterator[Caller]:
    """The parts of tables that call a function."""
    for table in schema.tables.values():
        for kind, name, calls in _calls(table):
            if any(map(called, calls)):
                yield Caller(table, kind, name)


def taken_with_function(schema: Schema, name: Name) -> tuple[Caller, ...]:
    """The parts of tables that DROP FUNCTION … CASCADE takes, as far as that can be told."""
    return () if ambiguous(schema, name) else (*callers(schema, function_named(schema, name)),)


def taken_with_extension(schema: Schema, extension: str) -> tuple[Caller, ...]:
    """The parts of tables, but for columns of its types, that DROP EXTENSION … CASCADE takes."""
    calling = callers(schema, function_of(schema, extension))
    return (*calling, *indexed_with(schema, extension))


def views_calling(schema: Schema, called: Called) -> list[Name]:
    """The views that call a function."""
    return [each.name for each in schema.views.values() if any(map(called, each.calls))]


def domains_calling(schema: Schema, called: Called) -> list[tuple[UserType, str]]:
    """The domains with a check that calls a function, and the check's name."""
    return [
        (domain, check.name)
        for domain in schema.types.values()
        for check in domain.checks
        if check.expression is not None and any(map(called, check.expression.functions))
    ]


def _calls(table: Table) -> Iterator[tuple[Kind, str, frozenset[str]]]:
    for column in table.columns.values():
        if column.default is not None:
            yield "column" if column.generated else "default", column.name, column.default.functions
    for check in table.having(Holds.CHECK):
        if check.expression is not None:
            yield "constraint", check.name, check.expression.functions
    for index in table.indexes.values():
        for expression in _expressions(index):
            yield "index", index.name, expression.functions
    for name, trigger in table.triggers.items():
        yield "trigger", name, trigger.calls
    for name, conditions in table.policies.items():
        yield "policy", name, conditions.calls


def _expressions(index: Index) -> tuple[Expression, ...]:
    return index.expressions + ((index.predicate,) if index.predicate is not None else ())


_FUNCTIONS = {
    "uuid-ossp": r"uuid_(?:generate|nil|ns)\w*",
    "pgcrypto": r"digest|hmac|(?:en|de)?crypt\w*|gen_salt|gen_random_bytes|pgp_\w+|(?:de)?armor",
    "unaccent": r"unaccent",
    "pg_trgm": r"(?:strict_|word_)*similarity\w*|show_trgm",
    "fuzzystrmatch": r"levenshtein\w*|soundex|difference|d?metaphone\w*|daitch_mokotoff",
    "moddatetime": r"moddatetime",
}
"""The functions that common extensions bring."""
_CLASSES = {
    "pg_trgm": ("gin_trgm_ops", "gist_trgm_ops"),
    "intarray": ("gin__int_ops", "gist__int_ops", "gist__intbig_ops"),
    "vector": ("vector_",),
}
"""How the operator classes begin that common extensions bring, where an index names them."""
_METHODS = {"btree_gist": "gist", "btree_gin": "gin"}
_SCALARS = """
    int2 int4 int8 float4 float8 numeric money bool oid text varchar bpchar char name bytea date
    time timetz timestamp timestamptz interval uuid macaddr macaddr8 bit varbit
"""
_BY_EXTENSION_ALONE = frozenset(_SCALARS.split())
"""Types that only these two extensions index by such a method."""


def function_of(schema: Schema, extension: str) -> Called:
    """Whether a written name means a function that an extension brings."""
    brought = re.compile(_FUNCTIONS.get(extension, r"(?!)"))

    def called(written: str) -> bool:
        home, _, name = written.rpartition(".")
        return brought.fullmatch(name) is not None and schema.function(Name(home, name)) is None

    return called


def indexed_with(schema: Schema, extension: str) -> Iterator[Caller]:
    """The indexes and exclusion constraints that stand on operator classes of an extension."""
    classes, method = _CLASSES.get(extension, ()), _METHODS.get(extension)
    for table in schema.tables.values() if classes or method else ():
        for index in table.indexes.values():
            by_class = any(
                word.startswith(classes) for option in index.options for word in option.split()
            )
            if (classes and by_class) or (method and _is_by(index, table, method)):
                yield Caller(table, "constraint" if index.constraint else "index", index.name)


def _is_by(index: Index, table: Table, method: str) -> bool:
    """Whether an index by a method has a column that only an extension indexes so."""
    constraint = table.constraints.get(index.constraint)
    excludes = constraint is not None and constraint.kind is Holds.EXCLUDE and method == "gist"
    if index.method != method and not excludes:
        return False
    columns = (table.columns.get(name) for name in index.columns)
    types = (column.type for column in columns if column is not None)
    return any(
        each is not None and not each.array and each.name in _BY_EXTENSION_ALONE for each in types
    )
