"""The Alembic code that does safely what a statement does at once."""

from dbtool.lint.schema import Index, Name


def _schema(name: Name) -> str:
    return f", schema={name.schema!r}" if name.schema else ""


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def create_index(index: Index) -> str:
    """Build an index outside of the transaction, while writes go on."""
    expressions = iter(index.expressions)
    elements = ", ".join(
        _string(column) if column else f"sa.text({_string(str(next(expressions)))})"
        for column in index.columns
    )
    extra = ", unique=True" if index.unique else ""
    if index.method != "btree":
        extra += f", postgresql_using={_string(index.method)}"
    if index.include:
        extra += f", postgresql_include=[{', '.join(map(_string, index.include))}]"
    if index.predicate is not None:
        extra += f", postgresql_where=sa.text({_string(str(index.predicate))})"
    name = _string(index.name) if index.name else "None"
    return (
        "with op.get_context().autocommit_block():\n"
        f"    op.create_index({name}, {_string(index.table.name)}, [{elements}]"
        f"{extra}{_schema(index.table)}, postgresql_concurrently=True)"
    )


def not_null_chain(table: Name, column: str) -> str:
    """Make a column NOT NULL in three revisions that never hold up the table."""
    name = _string(f"{table.name}_{column}_not_null")
    where = _string(table.name)
    return "\n".join(
        (
            f'op.create_check_constraint({name}, {where}, "{column} IS NOT NULL",'
            f" postgresql_not_valid=True{_schema(table)})",
            "# next revision",
            f'op.execute("ALTER TABLE {table} VALIDATE CONSTRAINT {name[1:-1]}")',
            "# next revision",
            f"op.alter_column({where}, {_string(column)}, nullable=False{_schema(table)})",
            f'op.drop_constraint({name}, {where}, type_="check"{_schema(table)})',
        )
    )
