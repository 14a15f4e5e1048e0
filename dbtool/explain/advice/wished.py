"""An index that the user wrote down as CREATE INDEX, to see what it would change."""

from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from dbtool.errors import UsageError
from dbtool.explain.advice.candidate import Candidate, IndexKey
from dbtool.explain.advice.expressions import bare, columns_of, sql_of
from dbtool.explain.advice.tables import Known
from dbtool.report import listed
from dbtool.sql.text import quoted

_DESCENDING = 3
_NULLS = {2: "NULLS FIRST", 3: "NULLS LAST"}
_FORM = 'Give it whole: --index "CREATE INDEX ON orders (customer_id)".'


def parse(text: str) -> tuple[Candidate, str]:
    """The index of a CREATE INDEX statement, and its name; empty where it has none."""
    import postgast

    try:
        statements = postgast.parse(text).stmts
    except postgast.PgQueryError as error:
        raise UsageError(
            f"--index is not readable: {error}", detail=f"It says: {text}", hint=_FORM
        ) from error
    if len(statements) != 1 or statements[0].stmt.WhichOneof("node") != "index_stmt":
        raise UsageError("--index takes one CREATE INDEX", detail=f"It says: {text}", hint=_FORM)
    said: Any = statements[0].stmt.index_stmt
    where = said.where_clause
    candidate = Candidate(
        schema=said.relation.schemaname,
        table=said.relation.relname,
        keys=tuple(_key(each.index_elem) for each in said.index_params),
        method=said.access_method or "btree",
        include=tuple(each.index_elem.name for each in said.index_including_params),
        predicate=bare(sql_of(where)) if where.WhichOneof("node") else "",
        unique=bool(said.unique),
    )
    return candidate, str(said.idxname)


def _key(element: Any) -> IndexKey:
    opclass = ".".join(each.string.sval for each in element.opclass)
    down, nulls = element.ordering == _DESCENDING, _NULLS.get(element.nulls_ordering, "")
    if element.name:
        sql = quoted(element.name)
        return IndexKey(sql, (element.name,), element.name, down, nulls, opclass)
    return IndexKey(sql_of(element.expr), columns_of(element.expr), "", down, nulls, opclass)


def placed(candidate: Candidate, known: Known) -> Candidate:
    """The index on the table that is meant; UsageError where there is none, or no such column."""
    fitting = (
        each
        for each in known.tables
        if each.name == candidate.table and candidate.schema in ("", each.schema)
    )
    table = next(fitting, None)
    if table is None:
        tables = sorted({each.name for each in known.tables})
        raise UsageError(
            f"the statement reads no table {candidate.table}",
            detail=f"It reads {listed(tables)}. An index elsewhere changes nothing for it."
            if tables
            else "It reads no table that can have an index.",
            hint=_near(candidate.table, tables),
        )
    for column in candidate.columns:
        if column not in table.columns:
            raise UsageError(
                f"the table {table.name} has no column {column}",
                detail=f"--index says: {candidate.shown}",
                hint=_near(column, sorted(table.columns)),
            )
    return replace(candidate, schema=table.root[0], table=table.root[1])


def _near(name: str, names: list[str]) -> str:
    close = get_close_matches(name, names, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(close)}?" if close else ""
