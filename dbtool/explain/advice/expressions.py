"""Expressions of a plan's conditions, as SQL that an index could hold."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

_RELABELS = frozenset({"text", "varchar", "bpchar"})


@dataclass(frozen=True, slots=True)
class About:
    """The table alias whose columns count, and those of them that are text of some kind.

    A cast of text to text only names it otherwise; one of a number makes another value of it.
    """

    alias: str
    texts: Collection[str] | None

    def renames(self, node: Any) -> bool:
        """Whether a cast leaves what is below it as it is."""
        name = node.type_cast.type_name.names[-1].string.sval
        inner = node.type_cast.arg
        if name not in _RELABELS or inner.WhichOneof("node") != "column_ref":
            return name in _RELABELS
        return self.texts is None or inner.column_ref.fields[-1].string.sval in self.texts


ANY_TABLE = About("", None)


def uncast(node: Any, about: About) -> tuple[Any, str]:
    """What is below casts, and the first type it is cast to that changes it."""
    cast = ""
    while node.WhichOneof("node") == "type_cast":
        name = node.type_cast.type_name.names[-1].string.sval
        cast = cast or ("" if about.renames(node) else name)
        node = node.type_cast.arg
    return node, cast


def _references(node: Any) -> Iterator[tuple[str, str]]:
    """The alias and name of every column below."""
    import postgast

    for _, inner in postgast.walk(node):
        if type(inner).__name__ == "ColumnRef":
            names = [field.string.sval for field in inner.fields]
            yield (names[-2] if len(names) > 1 else ""), names[-1]


def columns_of(node: Any) -> tuple[str, ...]:
    """All columns in an expression about one table."""
    return tuple(dict.fromkeys(name for _, name in _references(node) if name))


def columns_about(node: Any, about: About) -> tuple[str, ...]:
    """The columns of one alias in an expression."""
    found = (name for of, name in _references(node) if of in ("", about.alias) and name)
    return tuple(dict.fromkeys(found))


def others_than(node: Any, about: About) -> tuple[str, ...]:
    """The other aliases in an expression."""
    return tuple(dict.fromkeys(of for of, _ in _references(node) if of not in ("", about.alias)))


def sql_of(node: Any, about: About = ANY_TABLE) -> str:
    """An expression without aliases and needless casts, in brackets where an index needs them."""
    import postgast
    from postgast import pg_query_pb2 as pb

    copied = pb.Node()
    copied.CopyFrom(node)
    _strip(copied, about)
    target = pb.Node(res_target=pb.ResTarget(val=copied))
    select = pb.SelectStmt(target_list=[target], limit_option=pb.LIMIT_OPTION_DEFAULT)
    statement = pb.RawStmt(stmt=pb.Node(select_stmt=select))
    written = postgast.deparse(pb.ParseResult(stmts=[statement])).removeprefix("SELECT ")
    bare = copied.WhichOneof("node") in ("column_ref", "func_call", "a_const", "param_ref")
    return written if bare else f"({written})"


def _strip(message: Any, about: About) -> None:
    """Take aliases off columns, and casts between kinds of text off what is in them."""
    if type(message).__name__ == "Node" and message.WhichOneof("node") == "type_cast":
        inner, cast = uncast(message, about)
        if not cast and inner.WhichOneof("node") in ("column_ref", "a_const"):
            bare = type(message)()
            bare.CopyFrom(inner)
            message.CopyFrom(bare)
    if type(message).__name__ == "ColumnRef" and len(message.fields) > 1:
        last = type(message.fields[0])()
        last.CopyFrom(message.fields[-1])
        del message.fields[:]
        message.fields.append(last)
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in (value,) if hasattr(value, "ListFields") else value:
                _strip(each, about)


def bare(condition: str) -> str:
    """A condition without the brackets around all of it."""
    wrapped = condition.startswith("(") and condition.endswith(")")
    return condition[1:-1] if wrapped else condition
