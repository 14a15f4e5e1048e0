"""The user's own statement, changed in one place: nothing of it is lost on the way."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import postgast
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from dbtool.lint.code.calls import WIDTH
from dbtool.lint.read import read
from dbtool.lint.read.blocks import block
from dbtool.lint.read.columns import option
from dbtool.lint.read.names import Node
from dbtool.lint.read.prepared import Prepared

_CALL = re.compile(r"op\.\w+\(")


def not_valid(sql: str, step: int, name: str) -> str:
    """The ALTER TABLE command that is the action at a place, alone and with NOT VALID behind it.

    The constraint has a name in it, so that a later statement is sure to mean the same one.
    """
    text, place = statement_of(sql, step)
    tree, alone = _command(text, place)
    constraint = _definition(tree.stmts[0].stmt.alter_table_stmt.cmds[0]).constraint
    if alone and constraint.conname:
        return f"{text} NOT VALID"
    constraint.conname = name
    constraint.skip_validation = True
    return str(postgast.deparse(tree))


def single(sql: str, step: int) -> str:
    """The ALTER TABLE command that is the action at a place, alone; any other text as it is."""
    text, place = statement_of(sql, step)
    tree, alone = _command(text, place)
    return text if alone else str(postgast.deparse(tree))


def statement_of(sql: str, step: int) -> tuple[str, int]:
    """Of a text the statement with the action at a place, and that action's place within it."""
    raws = postgast.parse(sql).stmts
    if len(raws) == 1 and raws[0].stmt.HasField("do_stmt") and step:
        return _in_block(raws[0].stmt.do_stmt, step - 1)
    written = sql.encode()
    known: Prepared = {}
    for raw in raws if len(raws) > 1 else ():
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(written)
        text = written[raw.stmt_location : end].decode().strip().rstrip(";")
        count = len(read(text, known))
        if step < count:
            return statement_of(text, step) if raw.stmt.HasField("do_stmt") else (text, step)
        step -= count
    return sql.strip().rstrip(";"), step


def _in_block(node: Node, step: int) -> tuple[str, int]:
    for within in block(node).statements:
        count = len(read(within.sql))
        if step < count:
            return within.sql.strip().rstrip(";"), step
        step -= count
    raise IndexError(step)


def _command(sql: str, step: int) -> tuple[Node, bool]:
    """A statement with nothing but that command of it, and whether it has nothing else anyway."""
    tree = postgast.parse(sql)
    commands = tree.stmts[0].stmt.alter_table_stmt.cmds
    if step >= len(commands) or len(commands) == 1:
        return tree, True
    _keep(commands, commands[step])
    return tree, False


def with_argument(source: str, operation: str, argument: str, *operations: str) -> str | None:
    """The team's own call of one of some operations with an argument more; None if it is none.

    A batch operation stands inside a block of its own and is left to SQL.
    """
    text = outdented(source.strip())
    name = argument.partition("=")[0]
    if operation not in operations or not _CALL.match(text) or not text.endswith(")"):
        return None
    inner = text[:-1].rstrip()
    if name in inner or "**" in inner or "#" in inner.rsplit("\n", 1)[-1]:
        return None
    if "\n" in inner and inner.endswith(","):
        return f"{inner}\n    {argument},\n)"
    if "\n" in inner or len(inner) + len(argument) < WIDTH:
        return f"{inner}, {argument})"
    call, _, arguments = inner.partition("(")
    return f"{call}(\n    {arguments},\n    {argument},\n)"


def outdented(source: str) -> str:
    """A call whose first line stands at the left, with the others as far in as they are of it."""
    first, *rest = source.split("\n")
    outer = min((len(each) - len(each.lstrip()) for each in rest if each.strip()), default=0)
    return "\n".join((first, *(each[outer:] for each in rest)))


def domain_check(sql: str, step: int, column: str) -> str | None:
    """The condition of the ALTER DOMAIN … ADD CHECK at a place, said of a column."""
    text, _ = statement_of(sql, step)
    node = postgast.parse(text).stmts[0].stmt.alter_domain_stmt
    constraint = getattr(node, "def").constraint
    return condition(constraint.raw_expr, column) if constraint.HasField("raw_expr") else None


def condition(expression: Node, column: str) -> str:
    """A condition on VALUE, said of a column."""
    for each in _columns(expression):
        if len(each.fields) == 1 and each.fields[0].string.sval == "value":
            each.fields[0].string.sval = column
    return _text(expression)


def using(sql: str, step: int) -> str | None:
    """The text behind USING in the ALTER COLUMN … TYPE at a place."""
    tree, _ = _command(*statement_of(sql, step))
    made = _definition(tree.stmts[0].stmt.alter_table_stmt.cmds[0]).column_def
    return _text(made.raw_default) if made.HasField("raw_default") else None


def definition(sql: str, step: int) -> str:
    """What stands behind the name in the ADD CONSTRAINT that is the action at a place."""
    tree, _ = _command(*statement_of(sql, step))
    _definition(tree.stmts[0].stmt.alter_table_stmt.cmds[0]).constraint.conname = ""
    return str(postgast.deparse(tree)).partition(" ADD ")[2]


def written_beside(sql: str, step: int, kind: int) -> str | None:
    """The expression of a constraint, of a kind of the parser's, in the ADD COLUMN at a place."""
    tree, _ = _command(*statement_of(sql, step))
    command = tree.stmts[0].stmt.alter_table_stmt.cmds[0]
    for each in _definition(command).column_def.constraints:
        if each.constraint.contype == kind and each.constraint.HasField("raw_expr"):
            return _text(each.constraint.raw_expr)
    return None


def without(sql: str, step: int, *kinds: int) -> tuple[str, bool]:
    """The ADD COLUMN at a place alone, without constraints of some of the parser's kinds.

    Whether the column then has nothing but a type, a default and NOT NULL is told beside it.
    """
    tree, _ = _command(*statement_of(sql, step))
    command = tree.stmts[0].stmt.alter_table_stmt.cmds[0]
    column = _definition(command).column_def
    removed = False
    for each in [*column.constraints]:
        kind = each.constraint.contype
        removed = kind in kinds or (removed and kind in _HOW)
        if removed:
            column.constraints.remove(each)
    others = any(each.constraint.contype not in _PLAIN for each in column.constraints)
    plain = not (others or column.HasField("coll_clause") or command.alter_table_cmd.missing_ok)
    return str(postgast.deparse(tree)), plain


def foreign_key(sql: str, step: int, name: str) -> str:
    """The reference written in the ADD COLUMN at a place, as a constraint added NOT VALID."""
    tree, _ = _command(*statement_of(sql, step))
    command = tree.stmts[0].stmt.alter_table_stmt.cmds[0].alter_table_cmd
    column = _definition_of(command).column_def
    place = next(
        number
        for number, each in enumerate(column.constraints)
        if each.constraint.contype == pb.CONSTR_FOREIGN
    )
    key = type(column.constraints[place])()
    key.CopyFrom(column.constraints[place])
    for each in column.constraints[place + 1 :]:
        if each.constraint.contype not in _HOW:
            break
        key.constraint.deferrable |= each.constraint.contype in _DEFERRABLE
        key.constraint.initdeferred |= each.constraint.contype == pb.CONSTR_ATTR_DEFERRED
    key.constraint.conname = name
    key.constraint.skip_validation = True
    key.constraint.fk_attrs.add().string.sval = column.colname
    command.subtype = pb.AT_AddConstraint
    _definition_of(command).CopyFrom(key)
    return str(postgast.deparse(tree))


@dataclass(frozen=True, slots=True)
class Keyed:
    """What is said of a key beside its columns; `behind` is when it is looked at."""

    behind: str = ""
    nulls_not_distinct: bool = False
    storage: Mapping[str, str] = field(default_factory=dict)
    tablespace: str = ""


def keyed(sql: str, step: int) -> Keyed:
    """What is said of the UNIQUE or PRIMARY KEY that a command at a place adds."""
    tree, _ = _command(*statement_of(sql, step))
    made = _definition(tree.stmts[0].stmt.alter_table_stmt.cmds[0])
    written = made.column_def.constraints if made.HasField("column_def") else (made,)
    late, deferred, equal, within = False, False, False, False
    storage: dict[str, str] = {}
    tablespace = ""
    for each in (node.constraint for node in written):
        within = each.contype in _KEYS or (within and each.contype in _HOW)
        if within:
            late |= each.deferrable or each.contype in _DEFERRABLE
            deferred |= each.initdeferred or each.contype == pb.CONSTR_ATTR_DEFERRED
            equal |= each.nulls_not_distinct
            storage |= {name: _option(each.options, name) for name in _names(each.options)}
            tablespace = each.indexspace or tablespace
    behind = " DEFERRABLE" if late or deferred else ""
    behind = f"{behind} INITIALLY DEFERRED" if deferred else behind
    return Keyed(behind, equal, storage, tablespace)


def _names(options: Node) -> list[str]:
    return [each.def_elem.defname for each in options]


def _option(options: Node, name: str) -> str:
    return option(options, name) or "true"


_KEYS = (pb.CONSTR_UNIQUE, pb.CONSTR_PRIMARY)
_PLAIN = (pb.CONSTR_DEFAULT, pb.CONSTR_NOTNULL, pb.CONSTR_NULL)
_DEFERRABLE = (pb.CONSTR_ATTR_DEFERRABLE, pb.CONSTR_ATTR_DEFERRED)
_HOW = (*_DEFERRABLE, pb.CONSTR_ATTR_NOT_DEFERRABLE, pb.CONSTR_ATTR_IMMEDIATE)
"""Words that stand behind the constraint they are about."""


def of_row(expression: str, columns: Collection[str]) -> str:
    """An expression over columns, said of the row that a trigger is about."""
    tree = postgast.parse(f"SELECT {expression}")
    value = tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val
    for each in _columns(value):
        if len(each.fields) == 1 and each.fields[0].string.sval in columns:
            each.fields.add().string.sval = each.fields[0].string.sval
            each.fields[0].string.sval = "new"
    return str(postgast.deparse(tree)).removeprefix("SELECT ")


def _definition(command: Node) -> Node:
    return _definition_of(command.alter_table_cmd)


def _definition_of(command: Node) -> Node:
    return getattr(command, "def")


def _keep(nodes: Node, kept: Node) -> None:
    copy = type(kept)()
    copy.CopyFrom(kept)
    del nodes[:]
    nodes.add().CopyFrom(copy)


def _text(expression: Node) -> str:
    tree = postgast.parse("SELECT 1")
    tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val.CopyFrom(expression)
    return str(postgast.deparse(tree)).removeprefix("SELECT ")


def _columns(node: Message) -> Iterator[Node]:
    """Every reference to a column below a node."""
    if node.DESCRIPTOR.name == "ColumnRef":
        yield node
        return
    for descriptor, value in node.ListFields():
        if descriptor.type == FieldDescriptor.TYPE_MESSAGE:
            below: Sequence[Message] = [value] if isinstance(value, Message) else value
            for each in below:
                yield from _columns(each)
