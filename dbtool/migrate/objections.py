"""What keeps a session from going on that has seen what would run."""

from alembic.script import ScriptDirectory

from dbtool.errors import OperationError
from dbtool.migrate.journal import Journal
from dbtool.migrate.record import Asked, Table
from dbtool.report import listed


def is_settled(found: Journal, table: Table, script: ScriptDirectory) -> bool:
    """Whether what was left half done is recorded as done by now, by hand or by plain Alembic."""
    below = script.iterate_revisions(table.before, "base") if table.before else ()
    return any(each.revision == found.revision for each in below) is not found.down


def elsewhere(version_table: str, schema: str) -> OperationError:
    """What was given for a tenant's schema leads to the version table of another."""
    return OperationError(
        f"the version table is {version_table}, not one of schema {schema}",
        detail="What was given for the schema does not lead env.py to its version table."
        f" Nothing was run that {version_table} would record.",
        hint="Let env.py pass version_table_schema, or give --search-path without a"
        " schema that holds another version table.",
    )


def changed_meanwhile(database: str, more: Asked) -> OperationError:
    """More would run than somebody has agreed to."""
    said = [f"{revision} in {version_table}" for version_table, revision in sorted(more)]
    return OperationError(
        f"the plan for {database} changed while it was being agreed to",
        detail=f"New since then: {listed(said)}. None of that was run.",
        hint="Run it again to see the new plan.",
    )
