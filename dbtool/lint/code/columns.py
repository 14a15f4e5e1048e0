"""Alembic code about columns."""

from dbtool.lint.code.calls import call, chain, execute, sql_name, string
from dbtool.lint.schema import Name


def _within(name: Name) -> tuple[str, ...]:
    return (f"schema={string(name.schema)}",) if name.schema else ()


def not_null_chain(table: Name, column: str) -> str:
    """Make a column NOT NULL in three revisions that never hold up the table."""
    name = f"{table.name}_{column}_not_null"
    where, within = string(table.name), _within(table)
    proof = string(f"{sql_name(column)} IS NOT NULL")
    lasting = "postgresql_not_valid=True"
    return chain(
        call("create_check_constraint", string(name), where, proof, lasting, *within),
        execute(f"ALTER TABLE {sql_name(table)} VALIDATE CONSTRAINT {sql_name(name)}"),
        "\n".join(
            (
                call("alter_column", where, string(column), "nullable=False", *within),
                call("drop_constraint", string(name), where, 'type_="check"', *within),
            )
        ),
    )
