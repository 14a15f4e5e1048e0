"""Alembic code about indexes."""

import re
from collections.abc import Sequence

from dbtool.lint.code.calls import autocommit, call, execute, schema_of, sql_name, string
from dbtool.lint.code.statements import with_argument
from dbtool.lint.schema import Index, Name, Table
from dbtool.statement import Statement

_CONCURRENTLY = "postgresql_concurrently=True"
_INDEX = re.compile(r"\s*(?:CREATE\s+(?:UNIQUE\s+)?|DROP\s+)INDEX\b", re.I)


def create_index(index: Index, statement: Statement | None = None) -> str:
    """Build an index outside of the transaction, while writes go on; by the call there is."""
    own = _own(statement, "op.create_index")
    return autocommit(own or index_call(index, _CONCURRENTLY))


def _own(statement: Statement | None, operation: str) -> str | None:
    """The team's own call or text, with CONCURRENTLY."""
    if statement is None:
        return None
    if statement.operation in ("", "op.execute"):
        found = _INDEX.match(statement.sql)
        return execute(f"{found[0]} CONCURRENTLY{statement.sql[found.end() :]}") if found else None
    return with_argument(statement.source, statement.operation, _CONCURRENTLY, operation)


def index_call(index: Index, *options: str) -> str:
    """The call that creates an index."""
    extra = ["unique=True"] if index.unique else []
    if index.method != "btree":
        extra.append(f"postgresql_using={string(index.method)}")
    if index.include:
        extra.append(f"postgresql_include=[{', '.join(map(string, index.include))}]")
    if index.predicate is not None:
        extra.append(f"postgresql_where=sa.text({string(str(index.predicate))})")
    if index.table.schema:
        extra.append(f"schema={string(index.table.schema)}")
    name = string(index.name) if index.name else "None"
    elements = f"[{', '.join(_elements(index))}]"
    return call("create_index", name, string(index.table.name), elements, *extra, *options)


def _elements(index: Index) -> list[str]:
    """The elements as Alembic takes them: a plain column by its name, anything else as text."""
    plain = index.options or ("",) * len(index.columns)
    return [
        string(column) if column and not options else f"sa.text({string(said)})"
        for column, options, said in zip(index.columns, plain, _sql_elements(index), strict=True)
    ]


def _sql_elements(index: Index) -> list[str]:
    expressions = iter(index.expressions)
    options = index.options or ("",) * len(index.columns)
    said = (sql_name(each) if each else f"({next(expressions)})" for each in index.columns)
    return [f"{each} {option}".rstrip() for each, option in zip(said, options, strict=True)]


def drop_index(
    name: str, table: Name, *, if_exists: bool = False, statement: Statement | None = None
) -> str:
    """Drop an index outside of the transaction, while the table is used."""
    if own := _own(statement, "op.drop_index"):
        return autocommit(own)
    options = ["postgresql_concurrently=True", *(["if_exists=True"] if if_exists else [])]
    within = schema_of(table)[2:]
    return autocommit(
        call(
            "drop_index",
            string(name),
            *([f"table_name={string(table.name)}"] if table.name else []),
            *([within] if within else []),
            *options,
        )
    )


def rebuild_index(index: Index) -> str:
    """Build an index anew, whatever a failed attempt has left behind."""
    schema = [schema_of(index.table)[2:]] if index.table.schema else []
    where = f"table_name={string(index.table.name)}"
    lasting = "postgresql_concurrently=True"
    return autocommit(
        call("drop_index", string(index.name), where, *schema, lasting, "if_exists=True"),
        index_call(index, lasting),
    )


def partitioned_index(index: Index, family: Sequence[Table]) -> str:
    """Build an index of a partitioned table, the first of its family, on each partition.

    Those of partitions are attached before that of what they are part of.
    """
    method = "" if index.method == "btree" else f" USING {index.method}"
    unique = "UNIQUE " if index.unique else ""
    on = f"{method} ({', '.join(_sql_elements(index))})"
    on += f" INCLUDE ({', '.join(map(sql_name, index.include))})" if index.include else ""
    on += f" WHERE {index.predicate}" if index.predicate is not None else ""
    whole, *below = family
    names = {whole.name: Name(index.table.schema, index.name)}
    only = f"CREATE {unique}INDEX {sql_name(index.name)} ON ONLY {sql_name(index.table)}{on}"
    made = [execute(only)]
    built, attached = [], []
    for table in below:
        schema = index.table.schema and table.name.schema
        name = names[table.name] = Name(schema, f"{table.name.name}_{index.name}"[:63])
        of = sql_name(Name(schema, table.name.name))
        if table.partition_by:
            made.append(execute(f"CREATE {unique}INDEX {sql_name(name.name)} ON ONLY {of}{on}"))
        else:
            concurrently = f"CREATE {unique}INDEX CONCURRENTLY {sql_name(name.name)} ON {of}{on}"
            built.append(execute(concurrently))
        above = sql_name(names[table.parent or whole.name])
        attached.append(execute(f"ALTER INDEX {above} ATTACH PARTITION {sql_name(name)}"))
    return "\n".join((*made, *([autocommit(*built, *reversed(attached))] if below else [])))
