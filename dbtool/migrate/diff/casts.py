"""How the values of a column get from one type to another."""

from dbtool import catalog as cat
from dbtool.sql.names import identifier

_NUMBERS = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric"})
TEXTS = frozenset({"varchar", "bpchar", "text"})
_CAST = (
    frozenset({"date", "timestamp", "timestamptz"}),
    frozenset({"time", "timetz", "interval"}),
    frozenset({"json", "jsonb"}),
    frozenset({"bit", "varbit"}),
    frozenset({"inet", "cidr"}),
    frozenset({"bool", "int4"}),
)
"""Types with a cast of their own from one to the other; else the way is through text."""


def using(models: cat.Column, live: cat.Column) -> str:
    """The expression that makes the new value of the old one."""
    name = identifier(models.name)
    if models.base.element and not live.base.element:
        return f"ARRAY[{name}]::{models.type}"
    if live.base.element and not models.base.element:
        return f"{name}[1]::{models.type}"
    kinds = {models.base.name, live.base.name}
    direct = any(kinds <= each for each in _CAST) or kinds & TEXTS
    return f"{name}::{models.type}" if direct else f"{name}::text::{models.type}"


def by_themselves(one: str, other: str) -> bool:
    """Whether values go from one type to the other without an expression."""
    return one == other or any({one, other} <= kind for kind in (_NUMBERS, TEXTS))
