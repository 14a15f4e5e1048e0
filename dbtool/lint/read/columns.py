"""Columns, constraints and indexes in the parser's tree."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from postgast import pg_query_pb2 as pb

from dbtool.lint.expression import Expression, Form
from dbtool.lint.read.expressions import expression, optional
from dbtool.lint.read.names import Node, name_of, qualified, type_of, words
from dbtool.lint.schema import Bound, Column, Constraint, Holds, Index, Name, Type
from dbtool.lint.values import replace
from dbtool.sql.names import identifier

_SERIAL = {
    "serial": "int4",
    "serial4": "int4",
    "bigserial": "int8",
    "serial8": "int8",
    "smallserial": "int2",
    "serial2": "int2",
}
_NEXTVAL = Expression(Form.FUNCTION, "nextval")


@dataclass(slots=True)
class _Definition:
    """A column while the constraints of its definition are read."""

    column: Column
    constraints: list[Constraint] = field(default_factory=list)

    def take(self, node: Node) -> None:
        match node.contype:
            case pb.CONSTR_NOTNULL:
                self.column = replace(self.column, not_null=True)
            case pb.CONSTR_DEFAULT:
                self.column = replace(self.column, default=expression(node.raw_expr))
            case pb.CONSTR_IDENTITY:
                named = sequence_name(node.options)
                self.column = replace(self.column, identity=True, not_null=True, sequence=named)
            case pb.CONSTR_GENERATED:
                kind: Literal["stored", "virtual"]
                kind = "virtual" if node.generated_kind == "v" else "stored"
                made = expression(node.raw_expr)
                self.column = replace(self.column, generated=kind, default=made)
            case pb.CONSTR_ATTR_NOT_ENFORCED if self.constraints:
                last = self.constraints[-1]
                self.constraints[-1] = replace(last, enforced=False, valid=False)
            case _:
                if (found := constraint(node, (self.column.name,))) is not None:
                    self.constraints.append(found)
                    if found.kind is Holds.PRIMARY_KEY:
                        self.column = replace(self.column, not_null=True)


def sequence_name(options: Node) -> Name | None:
    """The name that IDENTITY (SEQUENCE NAME …) gives."""
    named = (each.def_elem for each in options if each.def_elem.defname == "sequence_name")
    return next((qualified(each.arg.list.items) for each in named), None)


def column(node: Node) -> tuple[Column, tuple[Constraint, ...]]:
    """A column definition: the column, and the constraints written beside it."""
    type_ = type_of(node.type_name) if node.HasField("type_name") else None
    serial = type_ is not None and not type_.schema and type_.name in _SERIAL
    if type_ is not None and serial:
        type_ = Type(_SERIAL[type_.name])
    read = _Definition(
        Column(
            name=node.colname,
            type=type_,
            not_null=serial or node.is_not_null,
            default=_NEXTVAL if serial else None,
            serial=serial,
            collation=collation(node),
        )
    )
    for each in node.constraints:
        read.take(each.constraint)
    return read.column, tuple(read.constraints)


def collation(node: Node) -> str:
    """The collation of a column definition."""
    return qualified(node.coll_clause.collname).name if node.HasField("coll_clause") else ""


_KINDS = {
    pb.CONSTR_CHECK: Holds.CHECK,
    pb.CONSTR_NOTNULL: Holds.NOT_NULL,
    pb.CONSTR_PRIMARY: Holds.PRIMARY_KEY,
    pb.CONSTR_UNIQUE: Holds.UNIQUE,
    pb.CONSTR_FOREIGN: Holds.FOREIGN_KEY,
    pb.CONSTR_EXCLUSION: Holds.EXCLUDE,
}


def constraint(node: Node, of: tuple[str, ...] = ()) -> Constraint | None:
    """A constraint; `of` is the column it stands beside. None for what is no constraint."""
    kind = _KINDS.get(node.contype)
    if kind is None:
        return None
    enforced = node.is_enforced or kind not in (Holds.CHECK, Holds.FOREIGN_KEY)
    check = optional(node, "raw_expr") if kind is Holds.CHECK else None
    return Constraint(
        kind=kind,
        name=node.conname,
        columns=_columns(node, kind, check) or of,
        expression=check,
        valid=not node.skip_validation and enforced,
        enforced=enforced,
        references=name_of(node.pktable) if kind is Holds.FOREIGN_KEY else None,
        referenced=words(node.pk_attrs),
        index=node.indexname,
        include=words(node.including),
        no_inherit=node.is_no_inherit,
        temporal=node.without_overlaps or node.fk_with_period,
    )


def _columns(node: Node, kind: Holds, check: Expression | None) -> tuple[str, ...]:
    if kind is Holds.FOREIGN_KEY:
        return words(node.fk_attrs)
    if check is not None:
        return tuple(sorted(check.columns))
    if kind is Holds.EXCLUDE:
        elements = (each.list.items[0].index_elem for each in node.exclusions)
        return tuple(each.name for each in elements)
    return words(node.keys)


def index(node: Node) -> Index:
    """An IndexStmt; the name is empty where the server makes one."""
    elements = [each.index_elem for each in node.index_params]
    return Index(
        name=node.idxname,
        table=name_of(node.relation),
        columns=tuple(each.name for each in elements),
        options=_options(elements),
        expressions=tuple(expression(each.expr) for each in elements if each.HasField("expr")),
        predicate=optional(node, "where_clause"),
        include=tuple(each.index_elem.name for each in node.index_including_params),
        unique=node.unique,
        method=node.access_method or "btree",
    )


def _options(elements: list[Node]) -> tuple[str, ...]:
    """What stands behind each element; nothing where none has anything."""
    found = tuple(" ".join(_said(each)) for each in elements)
    return found if any(found) else ()


def _said(element: Node) -> Iterator[str]:
    if element.collation:
        yield f"COLLATE {identifier(words(element.collation)[-1])}"
    if element.opclass:
        yield words(element.opclass)[-1]
    if element.ordering == pb.SORTBY_DESC:
        yield "DESC"
    if element.nulls_ordering == pb.SORTBY_NULLS_FIRST:
        yield "NULLS FIRST"
    if element.nulls_ordering == pb.SORTBY_NULLS_LAST:
        yield "NULLS LAST"


def bound(node: Node) -> Bound:
    """The FOR VALUES clause of a partition."""
    if node.is_default:
        return Bound(default=True, text="DEFAULT")
    if node.strategy == "h":
        text = f"WITH (MODULUS {node.modulus}, REMAINDER {node.remainder})"
        return Bound(text=text, modulus=node.modulus, remainder=node.remainder)
    values = tuple(map(expression, node.listdatums))
    lower = tuple(map(expression, node.lowerdatums))
    upper = tuple(map(expression, node.upperdatums))
    said = ", ".join
    text = (
        f"IN ({said(map(str, values))})"
        if values
        else f"FROM ({said(map(str, lower))}) TO ({said(map(str, upper))})"
    )
    return Bound(values=values, lower=lower, upper=upper, text=text)


_STRATEGIES = {
    pb.PARTITION_STRATEGY_LIST: "list",
    pb.PARTITION_STRATEGY_RANGE: "range",
    pb.PARTITION_STRATEGY_HASH: "hash",
}


def partitioning(node: Node) -> tuple[str, tuple[str, ...]]:
    """How a table is partitioned: in words, and the columns (empty where an expression is)."""
    elements = [each.partition_elem for each in node.part_params]
    said = ", ".join(e.name or str(expression(e.expr)) for e in elements)
    return f"{_STRATEGIES.get(node.strategy, '')} ({said})", tuple(e.name for e in elements)


def option(nodes: Iterable[Node], wanted: str) -> str | None:
    """The value of a named option as text, an empty string where it has none."""
    for each in nodes:
        element = each.def_elem
        if element.defname == wanted:
            arg = element.arg
            match arg.WhichOneof("node"):
                case "string":
                    return str(arg.string.sval)
                case "boolean":
                    return "true" if arg.boolean.boolval else "false"
                case "integer":
                    return str(arg.integer.ival)
                case "type_name":
                    return qualified(arg.type_name.names).name
            return ""
    return None


def unquoted(constant: Expression) -> str:
    """The text of a string constant."""
    word = constant.word
    return word[1:-1].replace("''", "'") if word[:1] == "'" else word
