"""Columns that are NOT NULL for new rows only: the rows from before were never looked at."""

from dbtool import catalog as cat
from dbtool.migrate.diff.sides import Comparison, Pair, Step
from dbtool.sql.names import identifier


def unproven(table: cat.Table) -> dict[str, str]:
    """The constraints behind such columns, by column."""
    return {
        each.columns[0]: each.name
        for each in table.constraints
        if each.kind == "not null" and not each.validated
    }


def compare(said: Comparison, pair: Pair) -> None:
    """Tell of each column that is NOT NULL in the models, and in the database not for all rows."""
    items = {each.name: each for each in pair.table.columns}
    required = {each.name for each in pair.models.columns if each.not_null}
    for name, constraint in sorted(unproven(pair.database).items()):
        item = items.get(name)
        if name not in required or not said.scope.wants_part("column", pair.table, name, item):
            continue
        code, shown = said.code(), f"{pair.shown}.{name}"
        where = f"ALTER TABLE {code.name(*pair.key)}"
        done = code.execute(f"{where} VALIDATE CONSTRAINT {identifier(constraint)}")
        text = f"column {shown}: its NOT NULL is not validated in the database"
        sides = ("NOT NULL", "NOT NULL NOT VALID")
        said.tell(Step.ALTER, ("different-column", shown), text, (code, done), sides)
