"""Move all that stands in a schema when the schema gets another name."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from dbtool.lint.schema import Name, Schema
from dbtool.lint.values import replace


def rename_schema(schema: Schema, old: str, new: str) -> None:
    """ALTER SCHEMA … RENAME TO: every name in it, and every mention of one."""
    kept: tuple[dict[Name, Any], ...] = (
        schema.tables,
        schema.views,
        schema.types,
        schema.functions,
        schema.sequences,
        schema.index_owners,
        schema.referrers,
        schema.armed,
    )
    for among in kept:
        for name, value in [*among.items()]:
            to, moved = _moved(name, old, new), _moved(value, old, new)
            if to != name:
                schema.remove(among, name)
            if to != name and to in schema.tables and among is schema.tables:
                # The server refuses it; a table of that name may be below this one.
                moved = replace(moved, children=())
            if to != name or moved != value:
                schema.put(among, to, moved)


def _moved(value: Any, old: str, new: str) -> Any:
    if isinstance(value, Name):
        return Name(new, value.name) if value.schema == old else value
    if isinstance(value, tuple | frozenset):
        return type(value)(_moved(each, old, new) for each in value)
    if isinstance(value, Mapping):
        return {_moved(k, old, new): _moved(each, old, new) for k, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type | Enum):
        changed = {each.name: getattr(value, each.name) for each in fields(value)}
        found = {name: _moved(each, old, new) for name, each in changed.items()}
        if found.get("schema") == old:
            found["schema"] = new
        return replace(value, **found) if found != changed else value
    return value
