"""A column that follows others by a trigger, where a generated one would rewrite the table."""

from collections.abc import Collection

from dbtool.lint.code.adding import Addition, bare, filled
from dbtool.lint.code.calls import chain, execute, sql_name
from dbtool.lint.code.statements import of_row
from dbtool.lint.schema import Name


def in_step(addition: Addition, columns: Collection[str]) -> str:
    """The revisions: a plain column and its trigger, then the rows that exist."""
    name = sql_name(Name(addition.table.schema, f"{addition.table.name}_{addition.column}"))
    trigger = sql_name(f"{addition.table.name}_{addition.column}")
    value = of_row(addition.value, columns)
    function = (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
        f"BEGIN\n"
        f"    NEW.{sql_name(addition.column)} := {value};\n"
        f"    RETURN NEW;\n"
        f"END $$"
    )
    created = (
        f"CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {sql_name(addition.table)}\n"
        f"FOR EACH ROW EXECUTE FUNCTION {name}()"
    )
    return chain("\n".join((bare(addition), execute(function), execute(created))), filled(addition))
