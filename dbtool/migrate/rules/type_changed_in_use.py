"""A column gets a narrower or another type than the released code writes.

Why: processes of the last release go on writing what their models allow: text that is too long for
the new length, numbers too large for the new type. With another type altogether, asyncpg encodes
their parameters for the old one, and a comparison finds no operator.

When: `dbtool check --released TAG` finds the column in the models of that release with a type that
holds more, or another kind of value. A wider type of the same kind is fine.

Bad:
```python
# v1: name: Mapped[str] = mapped_column(String(200)), and the next release
op.alter_column("users", "name", type_=sa.String(50))
```

Good:
```python
# v2 refuses longer names in the application
# v3
op.alter_column("users", "name", type_=sa.String(50))
```
"""

import re
from collections.abc import Iterator

from dbtool.finding import Finding, Severity, rule_name
from dbtool.migrate.use import Use, two_steps
from dbtool.statement import Takes

NAME = rule_name(__name__)
_INTEGERS = ("smallint", "integer", "bigint", "numeric")
_TEXTS = ("varchar", "text", "citext")
_SAME = {
    "character varying": "varchar",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "decimal": "numeric",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "bool": "boolean",
    "double precision": "float8",
    "float": "float8",
    "real": "float4",
}
_TYPE = re.compile(r"(?P<name>[^(\[]+?)\s*(?:\((?P<limits>[\d, -]+)\))?(?P<rest>[^(]*)")


def check(use: Use) -> Iterator[Finding]:
    """Report types the release does not fit into."""
    column = use.column
    if use.taken.what is not Takes.TYPE or column is None or not column.type:
        return
    old, new = _Kind(column.type), _Kind(use.taken.to)
    if old.fits(new):
        return
    narrower = old.is_like(new)
    written = "may no longer fit" if narrower else "are encoded for another type"
    yield use.finding(
        NAME,
        f"{use.named} becomes {use.taken.to} while {use.release} writes {column.type}",
        f"values that {use.table.owner} writes {written}",
        two_steps(_first(use, narrower=narrower), use.operation),
        Severity.WARNING if narrower else Severity.ERROR,
    )


class _Kind:
    """A type as far as it decides what fits into it."""

    def __init__(self, text: str) -> None:
        found = _TYPE.fullmatch(text.strip().lower().strip('"'))
        name, limits, rest = found.groups("") if found else (text, "", "")
        self.name = _SAME.get(f"{name}{rest}".strip(), f"{name}{rest}".strip())
        self.limits = tuple(int(each) for each in limits.split(",") if each.strip())

    def is_like(self, other: "_Kind") -> bool:
        """Whether both hold one kind of value."""
        kinds = (_INTEGERS, _TEXTS)
        return self.name == other.name or any({self.name, other.name} <= {*kind} for kind in kinds)

    def fits(self, other: "_Kind") -> bool:
        """Whether all that this one holds fits into the other."""
        if self.name in _INTEGERS and other.name in _INTEGERS and self.name != other.name:
            return _INTEGERS.index(self.name) < _INTEGERS.index(other.name)
        if not self.is_like(other):
            return False
        if not (self.limits and other.limits):
            return not other.limits
        return other.limits[0] >= self.limits[0] and self.limits[1:] == other.limits[1:]


def _first(use: Use, *, narrower: bool) -> str:
    column = use.taken.column
    if narrower:
        return f"# let the application write only what fits {use.taken.to}"
    return (
        f"# add a column of type {use.taken.to} beside {column}, write both, and fill old rows;\n"
        f"# then read the new one"
    )
