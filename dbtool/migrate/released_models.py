"""What the models of a release say, written as JSON by a process that imports only that release.

Run as a module: the arguments are the directory of the release, Alembic's configuration file in it
or nothing, and what the `models` setting names.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Column, Table

from dbtool.errors import DbtoolError
from dbtool.metadata import Models, load
from dbtool.migrate.declared import Declared
from dbtool.migrate.model_types import ddl


@dataclass(frozen=True, slots=True)
class ReleasedColumn:
    """A column as the released code uses it; `filled` says that it always has a value for it."""

    name: str
    attribute: str
    place: str
    source: str
    type: str
    nullable: bool
    filled: bool
    left_to_server: bool


@dataclass(frozen=True, slots=True)
class ReleasedTable:
    """A table as the released code uses it."""

    schema: str
    name: str
    owner: str
    place: str
    columns: tuple[ReleasedColumn, ...]

    def column(self, name: str) -> ReleasedColumn | None:
        """The column of a name."""
        return next((each for each in self.columns if each.name == name), None)


def said(models: Models, directory: Path) -> tuple[ReleasedTable, ...]:
    """The tables of the models, with where the files of the release declare them."""
    declared = Declared(models, directory)
    return tuple(_table(declared, each) for each in models.tables)


def _table(declared: Declared, table: Table) -> ReleasedTable:
    place = declared.of_table(table)
    columns = tuple(_column(declared, each) for each in table.columns)
    schema = table.schema or ""
    return ReleasedTable(schema, table.name, place.name, str(place.location), columns)


def _column(declared: Declared, column: Column[object]) -> ReleasedColumn:
    place = declared.of_column(column)
    server = column.server_default is not None or column.identity is not None
    serial = column.table.autoincrement_column is column
    return ReleasedColumn(
        name=column.name,
        attribute=place.name,
        place=str(place.location),
        source=place.written.text if place.written is not None else "",
        type=ddl(column).lower(),
        nullable=bool(column.nullable),
        filled=column.default is not None,
        left_to_server=server or serial or column.computed is not None,
    )


def foreign(models: Models, directory: Path) -> str:
    """A file the models came from that is no part of the release; "" where there is none."""
    files = (each.file for each in models.sources if each.file is not None)
    return next((str(file) for file in files if not file.is_relative_to(directory)), "")


def _main(directory: str, config: str, *specs: str) -> dict[str, object]:
    root = Path(directory)
    try:
        models = load(specs, root, Path(config) if config else None)
    except DbtoolError as error:
        return {"error": error.message, "detail": error.detail, "hint": error.hint}
    if file := foreign(models, root):
        return {"error": "they were found elsewhere", "detail": f"{file} is not of the release."}
    return {"tables": [asdict(each) for each in said(models, root)]}


if __name__ == "__main__":
    stdout = os.dup(1)
    os.dup2(2, 1)  # what the team's code prints is no part of the answer
    answer = json.dumps(_main(*sys.argv[1:]))
    with os.fdopen(stdout, "w") as stream:
        stream.write(answer)
