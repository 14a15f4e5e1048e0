"""Alembic code about indexes."""

from dbtool.lint.code.calls import autocommit, call, schema_of, sql_name, string
from dbtool.lint.schema import Index, Name


def create_index(index: Index) -> str:
    """Build an index outside of the transaction, while writes go on."""
    return autocommit(index_call(index, "postgresql_concurrently=True"))


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
    expressions = iter(index.expressions)
    found = []
    for place, column in enumerate(index.columns):
        said = column or f"({next(expressions)})"
        options = index.options[place] if place < len(index.options) else ""
        if column and not options:
            found.append(string(column))
        else:
            text = sql_name(column) if column else said
            found.append(f"sa.text({string(f'{text} {options}'.rstrip())})")
    return found


def drop_index(name: str, table: Name, *, if_exists: bool = False) -> str:
    """Drop an index outside of the transaction, while the table is used."""
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
