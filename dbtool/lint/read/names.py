"""Names and types in the parser's tree."""

from typing import Any, Literal

from dbtool.lint.expression import OF_EXTENSIONS
from dbtool.lint.schema import TEMPORARY, Name, Type

Node = Any
"""A message of the parser's tree; its classes are generated and carry no types."""

_PERSISTENCE: dict[str, Literal["permanent", "unlogged", "temporary"]] = {
    "u": "unlogged",
    "t": "temporary",
}
FULL_RANGE = 32767


def name_of(relation: Node) -> Name:
    """The name of a RangeVar."""
    return Name(relation.schemaname, relation.relname)


def made_as(relation: Node) -> Name:
    """The name of a RangeVar that is created; what is TEMPORARY is in a schema of its own."""
    if relation.relpersistence == "t":
        return Name(TEMPORARY, relation.relname)
    return name_of(relation)


def persistence(relation: Node) -> Literal["permanent", "unlogged", "temporary"]:
    """How lasting a RangeVar that is created is."""
    return _PERSISTENCE.get(relation.relpersistence, "permanent")


def words(nodes: Node) -> tuple[str, ...]:
    """The strings of a list of nodes."""
    return tuple([node.string.sval for node in nodes])


def qualified(nodes: Node) -> Name:
    """The name a list of strings spells; `pg_catalog` and a database's name are left out."""
    parts = words(nodes)
    if len(parts) < 2:
        return Name("", parts[0] if parts else "")
    return Name("" if parts[-2] == "pg_catalog" else parts[-2], parts[-1])


def type_of(node: Node) -> Type:
    """The type a TypeName stands for."""
    name = qualified(node.names)
    modifiers = tuple(map(_modifier, node.typmods))
    if name.name == "interval" and modifiers:
        fields, *precision = modifiers
        modifiers = (*precision,) if fields == FULL_RANGE else (-fields, *precision)
    if name.name == "numeric" and len(modifiers) == 1:
        modifiers = (*modifiers, 0)
    schema = "" if name.name in OF_EXTENSIONS else name.schema
    return Type(name.name, schema, modifiers, len(node.array_bounds) > 0)


def _modifier(node: Node) -> int:
    constant = node.a_const
    if constant.WhichOneof("val") == "ival":
        return int(constant.ival.ival)
    # A type of an extension may take words, as geometry(Point, 4326): they compare as well.
    return -1 - hash_of(node)


def hash_of(node: Node) -> int:
    """A number that differs where the text of a modifier does."""
    said: str = node.column_ref.fields[0].string.sval if node.HasField("column_ref") else str(node)
    return int.from_bytes(said[:20].encode(), "big") % 2**31
