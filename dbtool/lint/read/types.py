"""Types, domains and enums in the parser's tree."""

from collections.abc import Iterator

from dbtool.lint import actions as act
from dbtool.lint.read.columns import constraint
from dbtool.lint.read.expressions import expression
from dbtool.lint.read.names import Node, qualified, type_of, words
from dbtool.lint.schema import Constraint, Expression, Name


def create_enum(node: Node) -> Iterator[act.Action]:
    """CREATE TYPE … AS ENUM."""
    yield act.CreateType(name=qualified(node.type_name), kind="enum", labels=words(node.vals))


def create_domain(node: Node) -> Iterator[act.Action]:
    """CREATE DOMAIN."""
    constraints: list[Constraint] = []
    default: Expression | None = None
    for each in node.constraints:
        if (found := constraint(each.constraint)) is not None:
            constraints.append(found)
        elif each.constraint.HasField("raw_expr"):
            default = expression(each.constraint.raw_expr)
    yield act.CreateType(
        name=qualified(node.domainname),
        kind="domain",
        base=type_of(node.type_name),
        constraints=tuple(constraints),
        default=default,
    )


def create_composite(node: Node) -> Iterator[act.Action]:
    """CREATE TYPE … AS (…)."""
    name = Name(node.typevar.schemaname, node.typevar.relname)
    yield act.CreateType(name=name, kind="composite")


def create_range(node: Node) -> Iterator[act.Action]:
    """CREATE TYPE … AS RANGE."""
    yield act.CreateType(name=qualified(node.type_name), kind="range")


def alter_enum(node: Node) -> Iterator[act.Action]:
    """ALTER TYPE … ADD VALUE and RENAME VALUE."""
    name = qualified(node.type_name)
    if node.old_val:
        yield act.Rename(kind="enum value", name=name, to=node.new_val, part=node.old_val)
    else:
        yield act.AddEnumValue(
            type=name, label=node.new_val, if_not_exists=node.skip_if_new_val_exists
        )


_CHANGES: dict[str, act.DomainChange] = {
    "C": "add constraint",
    "V": "validate constraint",
    "X": "drop constraint",
    "O": "set not null",
    "N": "drop not null",
    "T": "default",
}


def alter_domain(node: Node) -> Iterator[act.Action]:
    """ALTER DOMAIN."""
    change = _CHANGES.get(node.subtype, "default")
    made = getattr(node, "def")
    found = constraint(made.constraint) if change == "add constraint" else None
    yield act.AlterDomain(
        name=qualified(node.type_name), change=change, constraint=found, subject=node.name
    )
