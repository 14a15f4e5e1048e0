"""Propose the index that a scan was missing, in the user's names."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import prod

from dbtool.explain.analysis import Analysis
from dbtool.explain.facts import IndexFacts, TableFacts
from dbtool.explain.plan import Node
from dbtool.explain.predicate import Term, complete, searched_as_stored, terms
from dbtool.explain.wording import FOREIGN_PART, IN_PARTS, on_lines
from dbtool.finding import Fix
from dbtool.sql.text import quoted

_LONGEST_NAME = 63
_SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})

_EXPRESSION = re.compile(
    r"\b(lower|upper|md5|length|abs|btrim)\(\(?(?:\w+\.)?(\w+)(?:\)::\w+)?\) ="
)
"""A function of one column, immutable and so fit for an index, that is compared."""

_ORDER = re.compile(r'(?:(?P<alias>\w+|"[^"]+")\.)?(?P<column>\w+|"[^"]+")(?P<down> DESC)?')
"""A key of an order that is a column."""

_LEADING_WILDCARD = "'[%_]"
_TRIGRAMS = frozenset({"gin", "gist"})
"""Methods of the indexes that hold the trigrams of a text."""

_DAY = re.compile(r"= '(\d{4}-\d\d-\d\d)'::date")

LEAST_NARROWED = 10
"""Into how many parts columns must divide a table before an index on them alone is worth it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An index that would serve a scan, or the reason why there is none to propose."""

    columns: tuple[str, ...] = ()
    sql: str = ""
    model_line: str = ""
    operation: str = ""
    reason: str = ""

    @property
    def fix(self) -> Fix | None:
        """The statement that creates the index."""
        return Fix("sql", self.sql, "an index that finds the rows") if self.sql else None

    @property
    def evidence(self) -> tuple[str, ...]:
        """The lines for the model and for the revision, or why there is no index to propose."""
        said = (
            f"in the model: {self.model_line}" if self.model_line else "",
            f"in the revision, inside op.get_context().autocommit_block(): {self.operation}"
            if self.operation
            else "",
            self.reason,
        )
        return tuple(each for each in said if each)


def propose(analysis: Analysis, node: Node, *conditions: str) -> Proposal:
    """The index for the conditions under which a node looks for its rows."""
    types = _types(analysis, node)
    said = [term for each in conditions for term in terms(each, node.alias, types)]
    found = [term for term in said if term.column not in _SYSTEM_COLUMNS]
    if not found:
        return _without_columns(analysis, node, conditions)
    if cast := next((term for term in found if term.cast), None):
        return Proposal(reason=_cast_reason(cast, analysis.table(node), conditions))
    columns, table = key_columns(found), analysis.table(node)
    if not columns:
        return Proposal(reason=_unserved(found, table, conditions))
    if table and (present := _present(table, columns)):
        return Proposal(columns, reason=_unused(present))
    whole = len(found) == len(said) and all(complete(each, node.alias) for each in conditions)
    whole = whole and {term.column for term in found} <= set(columns)
    if not whole and not _narrows(table, node, found):
        return Proposal(columns, reason=_too_wide(columns))
    if table and (table.partition or table.kind == "p"):
        return Proposal(columns, reason=_partitioned(columns, table))
    return _written(node, columns)


def propose_order(analysis: Analysis, node: Node, keys: Iterable[str]) -> Proposal:
    """The index that a scan could read in the order of `keys`, after what fixes its columns."""
    order = [_ORDER.fullmatch(key) for key in keys]
    named = [
        each for each in order if each and each["alias"] in (None, node.alias, f'"{node.alias}"')
    ]
    if not named or len(named) < len(order) or len({each["down"] for each in named}) > 1:
        return Proposal(reason="the order is not one of plain columns of one table, all one way")
    conditions = [node.text(key) for key in ("Index Cond", "Filter") if node.text(key)]
    types = _types(analysis, node)
    fixed = [
        term for each in conditions for term in terms(each, node.alias, types) if term.equality
    ]
    columns = tuple(
        dict.fromkeys(
            [*(term.column for term in fixed if not term.cast)]
            + [each["column"].strip('"') for each in named]
        )
    )
    table = analysis.table(node)
    if table and any(index.columns[: len(columns)] == columns for index in table.indexes):
        return Proposal(columns, reason="an index in that order exists; the planner left it")
    if table and (table.partition or table.kind == "p"):
        return Proposal(columns, reason=_partitioned(columns, table))
    return _written(node, columns)


def _types(analysis: Analysis, node: Node) -> Mapping[str, str]:
    table = analysis.table(node)
    return table.columns if table else {}


def _without_columns(analysis: Analysis, node: Node, conditions: Iterable[str]) -> Proposal:
    """No column stands alone: an expression may be indexed itself, and an OR has two sides."""
    for condition in conditions:
        if found := _EXPRESSION.search(condition):
            function, column = found[1], found[2]
            table = analysis.table(node)
            if table and (table.partition or table.kind == "p"):
                return Proposal((column,), reason=_partitioned((f"{function}({column})",), table))
            return _expression(node, function, column)
        if " OR " in condition:
            return Proposal(
                reason="its sides are joined by OR: an index helps only where each side has one"
            )
    return Proposal(reason="no part of the condition compares a plain column of the table")


def _expression(node: Node, function: str, column: str) -> Proposal:
    name = "_".join(("ix", node.relation, function, column))[:_LONGEST_NAME]
    table = ".".join(quoted(part) for part in (node.text("Schema"), node.relation) if part)
    expression = f"{function}({quoted(column)})"
    return Proposal(
        (column,),
        sql=on_lines(f"CREATE INDEX CONCURRENTLY {quoted(name)}", f"ON {table} ({expression});"),
        model_line=f'Index("{name}", func.{function}({column}))',
        operation=_operation(name, node, f'sa.text("{expression}")'),
    )


def key_columns(found: Iterable[Term]) -> tuple[str, ...]:
    """Columns fixed to values first, then one that is bounded; more would not narrow the scan."""
    found = tuple(found)
    fixed = dict.fromkeys(term.column for term in found if term.equality)
    bounded = [term.column for term in found if term.range and term.column not in fixed]
    return (*fixed, *bounded[:1])


def _present(table: TableFacts, columns: tuple[str, ...]) -> IndexFacts | None:
    """An index that starts with these columns in any order."""
    wanted = set(columns)
    for index in table.indexes:
        if index.method == "btree" and set(index.columns[: len(columns)]) == wanted:
            return index
    return None


def _narrows(table: TableFacts | None, node: Node, found: Iterable[Term]) -> bool:
    """Whether the columns are known to, where the rest of the condition may be what selects."""
    searched = node.text("Index Cond") or node.text("Recheck Cond")
    known = {term.column for term in terms(searched, node.alias)}
    fixed = {term.column for term in found if term.equality} - known
    distinct = table.distinct if table else {}
    return prod(distinct.get(column, 1.0) for column in fixed) >= LEAST_NARROWED


def _too_wide(columns: tuple[str, ...]) -> str:
    return (
        f"an index on ({', '.join(columns)}) is not known to leave few rows: what else the"
        " condition says may need one, on its expression"
    )


def _unserved(found: list[Term], table: TableFacts | None, conditions: Iterable[str]) -> str:
    term = found[0]
    kind = table.columns.get(term.column, "") if table else ""
    held = {name for each in _by_trigrams(table) for name in each.columns}
    said = f"a plain index does not serve the operator {term.operator}"
    if (
        len(found) > 1
        or held & {term.column, ""}
        or not any(
            searched_as_stored(each, quoted(term.column), kind, _LEADING_WILDCARD)
            for each in conditions
        )
    ):
        return said
    return (
        f"{said}; a trigram index may, which --advise tries where the extension pg_trgm is"
        f" installed: CREATE INDEX … USING gin ({quoted(term.column)} gin_trgm_ops)"
    )


def _by_trigrams(table: TableFacts | None) -> Iterator[IndexFacts]:
    """Indexes that may hold trigrams; of an expression, whose column is "", nobody knows which."""
    yield from (each for each in table.indexes if each.method in _TRIGRAMS) if table else ()


def _unused(index: IndexFacts) -> str:
    if not index.valid:
        return f"the index {index.name} would serve, but is invalid: REINDEX it"
    if index.predicate:
        return f"the index {index.name} holds only rows with {index.predicate}"
    return f"the index {index.name} would serve; the planner expected it to be slower"


def _cast_reason(term: Term, table: TableFacts | None, conditions: Iterable[str]) -> str:
    stored = table.columns.get(term.column, "") if table else ""
    column = f"{term.column} ({stored})" if stored else term.column
    said = f"{column} is compared as {term.cast}, which no index on it serves"
    if term.cast != "date":
        return f"{said}: pass its own type"
    day = next((found[1] for each in conditions if (found := _DAY.search(each))), None)
    name = quoted(term.column)
    if day is None:
        return f"{said}: compare {name} with the day's beginning and the next day's instead"
    after = date.fromisoformat(day) + timedelta(days=1)
    return f"{said}: write {name} >= '{day}' AND {name} < '{after}'"


def _partitioned(columns: tuple[str, ...], table: TableFacts) -> str:
    how = FOREIGN_PART if table.foreign else IN_PARTS
    return f"an index on ({', '.join(columns)}) would serve; {how}"


def _written(node: Node, columns: tuple[str, ...]) -> Proposal:
    name = "_".join(("ix", node.relation, *columns))[:_LONGEST_NAME]
    table = ".".join(quoted(part) for part in (node.text("Schema"), node.relation) if part)
    listed = ", ".join(quoted(column) for column in columns)
    arguments = ", ".join(f'"{column}"' for column in (name, *columns))
    return Proposal(
        columns,
        sql=on_lines(f"CREATE INDEX CONCURRENTLY {quoted(name)}", f"ON {table} ({listed});"),
        model_line=f"Index({arguments})",
        operation=_operation(name, node, arguments.partition(", ")[2]),
    )


def _operation(name: str, node: Node, keys: str) -> str:
    """The line of a revision; a table outside of public is not found without its schema."""
    schema = node.text("Schema")
    place = f', schema="{schema}"' if schema not in ("", "public") else ""
    return (
        f'op.create_index("{name}", "{node.relation}", [{keys}]{place},'
        " postgresql_concurrently=True)"
    )
