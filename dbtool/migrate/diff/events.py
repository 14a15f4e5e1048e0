"""What events of the models create beside tables: no model describes it, so it is only named."""

from collections.abc import Iterator

from dbtool.catalog import Catalog
from dbtool.migrate.difference import Uncompared
from dbtool.report import listed


def lacking(models: Catalog, live: Catalog) -> Iterator[Uncompared]:
    """Views, functions, triggers and the like that were built, and the database has none of."""
    there = {*_names(live)}
    if names := [each for each in _names(models) if each not in there]:
        yield Uncompared(
            f"{listed(names, 10)}: created by events of the models, and not in the database",
            "a revision with op.execute: events run with create_all only",
        )


def _names(said: Catalog) -> Iterator[str]:
    yield from (f"extension {each.name}" for each in said.extensions)
    yield from (f"{each.kind} {each.schema}.{each.name}" for each in said.views)
    for each in said.functions:
        yield f"{each.kind} {each.schema}.{each.name}({each.arguments})"
    for table in said.tables:
        name = f"{table.schema}.{table.name}"
        yield from (f"trigger {each.name} on {name}" for each in table.triggers)
        if table.row_security:
            yield f"row security of {name}"
