"""Alembic code about columns."""

from dbtool.lint.code.calls import call, chain, execute, final, sql_name, string
from dbtool.lint.schema import Name

_PROOF = "_not_null_proof"
"""Not the name the server itself gives to a constraint NOT NULL, which would then get another."""
_ROOM = 63 - len(_PROOF)


def within(name: Name) -> tuple[str, ...]:
    """The argument that names the schema, if it was named."""
    return (f"schema={string(name.schema)}",) if name.schema else ()


def validate(table: Name, constraint: str) -> str:
    """VALIDATE CONSTRAINT, which lets reads and writes go on."""
    return execute(f"ALTER TABLE {sql_name(table)} VALIDATE CONSTRAINT {sql_name(constraint)}")


def drop_constraint(table: Name, constraint: str, kind: str) -> str:
    """Drop a constraint; `kind` is Alembic's word for it."""
    where = string(table.name)
    return call(
        "drop_constraint", final(constraint), where, f"type_={string(kind)}", *within(table)
    )


def not_null_steps(table: Name, column: str, proof: str = "") -> tuple[str, ...]:
    """The revisions that make a column NOT NULL and never hold up the table.

    `proof` names a check of the team's that says so already and only has to be validated.
    """
    name = proof or f"{table.name}_{column}"[:_ROOM] + _PROOF
    where, place = string(table.name), within(table)
    condition = string(f"{sql_name(column)} IS NOT NULL")
    lasting = "postgresql_not_valid=True"
    added = call("create_check_constraint", final(name), where, condition, lasting, *place)
    return (
        *(() if proof else (added,)),
        validate(table, name),
        "\n".join(
            (
                call("alter_column", where, string(column), "nullable=False", *place),
                *(() if proof else (drop_constraint(table, name, "check"),)),
            )
        ),
    )


def not_null_chain(table: Name, column: str, proof: str = "") -> str:
    """The same as one text."""
    return chain(*not_null_steps(table, column, proof))
