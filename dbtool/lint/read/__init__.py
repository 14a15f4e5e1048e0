"""Read SQL text into actions with PostgreSQL's own parser; whatever is in it, nothing is raised."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import postgast
from google.protobuf.message import DecodeError

from dbtool.lint import actions as act
from dbtool.lint.read import blocks, commands, functions, rows, tables, types
from dbtool.lint.read.columns import option
from dbtool.lint.read.names import Node
from dbtool.lint.read.prepared import KINDS, Prepared, runs
from dbtool.lint.read.turns import Read as Read

_JOINT = "\n;\n"
_PLACEHOLDER = re.compile(r"%s|%\(\w+\)s|(?<!:):(?:'\w+'|[A-Za-z_]\w*)")


def read(sql: str, known: Prepared | None = None) -> Read:
    """What one text of SQL does; it may hold several statements, and run what is `known`."""
    known = {} if known is None else known
    try:
        parsed = postgast.parse(sql).stmts
        return Read(each for raw in parsed for each in _sequences(raw.stmt, known))
    except DecodeError:
        return Read(_too_deep(sql, known))
    except postgast.PgQueryError as error:
        return _filled(sql, known) or Read([_unparsable(error)])


def _unparsable(error: postgast.PgQueryError) -> list[act.Action]:
    return [act.Unparsable(message=error.message, offset=max(error.cursorpos - 1, 0))]


def _filled(sql: str, known: Prepared) -> Read | None:
    """What a query or a change of rows does with some value in each place a driver fills in."""
    filled = _PLACEHOLDER.sub(" NULL ", sql)
    if filled == sql:
        return None
    found = read(filled, known)
    return found if all(isinstance(each, act.Select | act.Write) for each in found) else None


def read_all(texts: Sequence[str]) -> list[Read]:
    """What each text does. They are parsed together, which costs a fraction of one by one."""
    known: Prepared = {}
    try:
        return _together(texts)
    except (DecodeError, postgast.PgQueryError, _NotSeparate):
        return [read(text, known) for text in texts]
    except UnicodeEncodeError:
        # Half of a surrogate pair, which a string of Python can hold and the server cannot.
        return [read(text.encode(errors="replace").decode(), known) for text in texts]


class _NotSeparate(Exception):
    """A statement reaches from one text into the next."""


def _together(texts: Sequence[str]) -> list[Read]:
    starts, at = [], 0
    for text in texts:
        starts.append(at)
        at += (len(text) if text.isascii() else len(text.encode())) + len(_JOINT)
    found: list[list[list[act.Action]]] = [[] for _ in texts]
    known: Prepared = {}
    for raw in postgast.parse(_JOINT.join(texts)).stmts:
        owner = bisect_right(starts, raw.stmt_location + len(_JOINT)) - 1
        # Without a length a statement reaches to the end of all texts.
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else at
        if bisect_right(starts, end) - 1 > owner:
            raise _NotSeparate
        found[owner].extend(_sequences(raw.stmt, known))
    return [Read(each) for each in found]


def _too_deep(sql: str, known: Prepared) -> Iterator[list[act.Action]]:
    for piece in postgast.split(sql):
        try:
            for raw in postgast.parse(piece).stmts:
                yield from _sequences(raw.stmt, known)
        except DecodeError:
            words = piece.split(maxsplit=1)
            yield [act.TooDeep(command=words[0].upper() if words else "")]


def _sequences(node: Node, known: Prepared) -> list[list[act.Action]]:
    """The actions of a statement; those of each one within a block keep an order of their own."""
    kind = node.WhichOneof("node")
    if kind in KINDS and (run := runs(node, known)) is not None:
        node, kind = run, run.WhichOneof("node")
    return [*_block(node.do_stmt)] if kind == "do_stmt" else [[*_statement(node, kind)]]


def _block(node: Node) -> Iterator[list[act.Action]]:
    made = blocks.block(node)
    sequences: list[list[act.Action]] = []
    maybe: set[int] = set()
    for within in made.statements:
        first = sum(map(len, sequences))
        inner = [_in_block(each, made.commits) for each in read(within.sql)]
        sequences.append(inner)
        maybe.update(range(first, first + len(inner)) if within.maybe else ())
    text = option(node.args, "as") or ""
    yield [act.DoBlock(text=text, maybe=frozenset(maybe), hidden=made.hidden)]
    yield from sequences


def _in_block(action: act.Action, commits: bool) -> act.Action:
    """What a block does; rows that are changed a few at a time are not where it never commits."""
    if isinstance(action, act.Write) and action.batch and not commits:
        return replace(action, batch=False)
    return action


def _statement(node: Node, kind: str | None) -> Iterator[act.Action]:
    if kind is None:
        return
    reader = _READERS.get(kind)
    if kind in rows.CARRYING:
        yield from rows.within(getattr(node, kind))
    if reader is None:
        yield act.Other(kind=kind.removesuffix("_stmt"))
    else:
        yield from reader(getattr(node, kind))


def _in_new_schema(node: Node) -> Iterator[act.Action]:
    """CREATE SCHEMA, with whatever is created in it by the same statement."""
    yield act.Other(kind="create_schema")
    for each in node.schema_elts:
        made = getattr(each, each.WhichOneof("node"))
        for field in ("relation", "view", "sequence"):
            named = getattr(made, field, None)
            if named is not None and not named.schemaname:
                named.schemaname = node.schemaname
        yield from _statement(each, each.WhichOneof("node"))


_READERS: dict[str, Callable[[Node], Iterator[act.Action]]] = {
    "create_stmt": tables.create_table,
    "create_foreign_table_stmt": tables.create_foreign_table,
    "create_table_as_stmt": tables.create_table_as,
    "alter_table_stmt": tables.alter_table,
    "create_schema_stmt": _in_new_schema,
    "index_stmt": tables.create_index,
    "drop_stmt": commands.drop,
    "rename_stmt": commands.rename,
    "alter_object_schema_stmt": commands.set_schema,
    "view_stmt": commands.create_view,
    "refresh_mat_view_stmt": commands.refresh,
    "create_trig_stmt": commands.create_trigger,
    "create_function_stmt": functions.create_function,
    "alter_function_stmt": functions.alter_function,
    "create_seq_stmt": commands.create_sequence,
    "alter_seq_stmt": commands.alter_sequence,
    "create_policy_stmt": partial(commands.policy, change="create"),
    "alter_policy_stmt": partial(commands.policy, change="alter"),
    "rule_stmt": commands.create_rule,
    "reindex_stmt": commands.reindex,
    "vacuum_stmt": commands.vacuum,
    "cluster_stmt": commands.cluster,
    "truncate_stmt": commands.truncate,
    "lock_stmt": commands.lock,
    "insert_stmt": rows.insert,
    "update_stmt": rows.update,
    "delete_stmt": rows.delete,
    "merge_stmt": rows.merge,
    "copy_stmt": rows.copy,
    "select_stmt": commands.select,
    "variable_set_stmt": commands.set_variable,
    "transaction_stmt": commands.transaction,
    "grant_stmt": commands.grant,
    "create_stats_stmt": commands.statistics,
    "create_publication_stmt": commands.publication,
    "alter_publication_stmt": commands.publication,
    "comment_stmt": commands.comment,
    "create_enum_stmt": types.create_enum,
    "create_domain_stmt": types.create_domain,
    "composite_type_stmt": types.create_composite,
    "create_range_stmt": types.create_range,
    "alter_enum_stmt": types.alter_enum,
    "alter_domain_stmt": types.alter_domain,
}
