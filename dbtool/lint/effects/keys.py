"""Foreign keys that the server refuses: what they refer to is no key, or cannot be compared."""

from collections.abc import Iterable, Iterator, Mapping

from dbtool.lint.effect import Cause, Task
from dbtool.lint.effects.casts import base
from dbtool.lint.effects.existing import fail
from dbtool.lint.effects.making import State
from dbtool.lint.schema import Column, Constraint, Holds, Name, Schema, Table, Type

INTEGERS = ("int2", "int4", "int8")
_WIDER = ("int2", "int4", "int8", "numeric", "float4", "float8")
_KINDS = {
    **dict.fromkeys(_WIDER, "number"),
    **dict.fromkeys(("text", "varchar", "bpchar"), "string"),
    **dict.fromkeys(("date", "timestamp", "timestamptz"), "day"),
    "uuid": "uuid",
    "bool": "truth",
    "bytea": "bytes",
}


def keys(
    table: Name, columns: Mapping[str, Column], among: Iterable[Constraint], state: State
) -> Iterator[Task]:
    """Foreign keys that cannot be compared with what they refer to, or refer to no key."""
    for key in among:
        if key.kind is not Holds.FOREIGN_KEY or key.references is None:
            continue
        name = key.references
        other = None if state.schema.full(name) == table else state.schema.table(name)
        if other is None or not other.complete:
            continue
        referenced = key.referenced or other.primary_key
        if any(column not in other.columns for column in referenced):
            yield fail("42703", table, f"{other.name.name} has no such column", Cause.MISSING)
            continue
        if not _unique(other, referenced):
            why = f"nothing makes ({', '.join(referenced)}) of {other.name.name} unique"
            yield fail("42830" if referenced else "42704", table, why, Cause.MISSING)
            continue
        for own, theirs in zip(key.columns, referenced, strict=False):
            mine, yours = _type(columns.get(own)), _type(other.columns.get(theirs))
            if mine and yours and not _comparable(mine, yours, state.schema):
                why = f"{own} is {mine}, {theirs} of {other.name.name} is {yours}"
                yield fail("42804", table, why)


def _unique(table: Table, columns: tuple[str, ...]) -> bool:
    return any(
        index.unique
        and set(index.columns) == set(columns)
        and index.predicate is None
        and not index.expressions
        for index in table.indexes.values()
    )


def _type(column: Column | None) -> Type | None:
    return column.type if column is not None else None


def _comparable(own: Type, other: Type, schema: Schema) -> bool:
    """Whether a value can be compared with the key; of types nobody knows nothing is said."""
    mine, yours = base(own, schema)[0], base(other, schema)[0]
    kinds = {_KINDS.get(mine.name, ""), _KINDS.get(yours.name, "")}
    if mine.array or yours.array or "" in kinds:
        return True
    if kinds != {"number"}:
        return len(kinds) == 1
    integers = mine.name in INTEGERS and yours.name in INTEGERS
    floats = mine.name.startswith("float") and yours.name.startswith("float")
    return integers or floats or _WIDER.index(mine.name) <= _WIDER.index(yours.name)
