"""Which tables and columns a query reads."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from dbtool.lint.read.names import Node, name_of, qualified
from dbtool.lint.schema import Name


@dataclass(slots=True)
class _Found:
    relations: dict[Name, None] = field(default_factory=dict)
    aliases: dict[str, Name] = field(default_factory=dict)
    columns: list[tuple[str, str]] = field(default_factory=list)
    inner: set[str] = field(default_factory=set)

    def look(self, message: Node) -> None:
        """Collect below a message of the tree."""
        for current in below(message):
            kind = current.DESCRIPTOR.name
            if kind == "RangeVar":
                self._relation(current)
            elif kind == "ColumnRef":
                self._column(current)
            elif kind == "CommonTableExpr":
                self.inner.add(current.ctename)

    def _relation(self, node: Node) -> None:
        name = name_of(node)
        self.relations[name] = None
        self.aliases[node.alias.aliasname or name.name] = name

    def _column(self, node: Node) -> None:
        parts = [each.string.sval if each.HasField("string") else "*" for each in node.fields]
        self.columns.append((parts[-2] if len(parts) > 1 else "", parts[-1]))


def below(*messages: Node) -> Iterator[Node]:
    """Messages of the tree, and all that is below them."""
    pending = [*messages]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(children(current))


def children(message: Node) -> Iterator[Node]:
    """The messages right below one of the tree."""
    for each, value in message.ListFields():
        if each.message_type is not None:
            if each.is_repeated:
                yield from value
            else:
                yield value


def reads(query: Node) -> frozenset[tuple[Name, str]]:
    """The columns a query reads, each with its table; `*` for all of them.

    A column without its table's name is taken to be of each table of the query.
    """
    found = _Found()
    found.look(query)
    relations = [name for name in found.relations if name.schema or name.name not in found.inner]
    # The empty column says that the relation itself is needed, whatever is read of it.
    read = {(name, "") for name in relations}
    for qualifier, column in found.columns:
        owner = found.aliases.get(qualifier)
        of = [owner] if owner in relations else [] if qualifier else relations
        read.update((name, column) for name in of if name is not None)
    return frozenset(read)


def relations(query: Node) -> frozenset[str]:
    """The names without a schema that a query reads from; a table whose rows it changes is none."""
    read = (each for each in below(query) if each.DESCRIPTOR.name == "Node")
    named = (each.range_var for each in read if each.HasField("range_var"))
    return frozenset(each.relname for each in named if not each.schemaname)


def calls(query: Node) -> frozenset[str]:
    """The functions that a query calls, in whatever part of it, as written."""
    called = (each for each in below(query) if each.DESCRIPTOR.name == "FuncCall")
    return frozenset(str(qualified(each.funcname)) for each in called)
