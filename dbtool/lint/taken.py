"""What migrations take from code that was written before them, in neutral words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dbtool.lint import actions as act
from dbtool.lint.read import read_all
from dbtool.lint.schema import Name
from dbtool.statement import Migration, Statement, Taken, Takes

_Column = tuple[Name, str]


def taken(migrations: Sequence[Migration]) -> tuple[Taken, ...]:
    """What the statements of the migrations to judge take away, in their order."""
    statements = [each for one in migrations if one.judged for each in one.up]
    reading = _Reading()
    for statement, read in zip(statements, read_all([s.sql for s in statements]), strict=True):
        for place in read.turns:
            reading.take(read[place], statement)
    return tuple(reading.lasting())


@dataclass(slots=True)
class _Reading:
    """What was taken so far, and what came back.

    `supplied` are columns that got a default, `made` the tables and views that were created.
    """

    found: list[Taken] = field(default_factory=list)
    supplied: set[_Column] = field(default_factory=set)
    made: dict[Name, int] = field(default_factory=dict)

    def take(self, action: act.Action, statement: Statement) -> None:
        """Note what one action takes away, or gives back."""
        match action:
            case act.CreateTable(table=name) | act.CreateView(view=name):
                self.made[name] = len(self.found)
            case act.SetDefault(table=table, column=column, default=default) if default:
                self.supplied.add((table, column))
            case act.AddColumn(table=table, column=column):
                if column.default or column.identity or column.serial or column.generated:
                    self.supplied.add((table, column.name))
        if table_taken := _of_table(action):
            self._note(statement, *table_taken)
        elif column_taken := _of_column(action):
            self._note(statement, *column_taken)

    def _note(
        self, statement: Statement, what: Takes, table: Name, column: str = "", to: str = ""
    ) -> None:
        if table in self.made:
            return
        self.found.append(
            Taken(
                what=what,
                schema=table.schema,
                table=table.name,
                column=column,
                to=to,
                statement=statement,
            )
        )

    def lasting(self) -> Iterator[Taken]:
        """What is still missing at the end: not what a new table or view of that name gives."""
        for place, each in enumerate(self.found):
            table = Name(each.schema, each.table)
            if each.what in (Takes.TABLE, Takes.TABLE_NAME) and self.made.get(table, -1) > place:
                continue
            yield replace(each, supplied=(table, each.column) in self.supplied)


def _of_table(action: act.Action) -> tuple[Takes, Name, str, str] | None:
    match action:
        case act.Drop(kind="table", name=name):
            return Takes.TABLE, name, "", ""
        case act.Rename(kind="table", name=name, to=to):
            return Takes.TABLE_NAME, name, "", to
        case act.SetSchema(kind="table", name=name, schema=schema):
            return Takes.TABLE_NAME, name, "", f"{schema}.{name.name}"
    return None


def _of_column(action: act.Action) -> tuple[Takes, Name, str, str] | None:
    match action:
        case act.DropColumn(table=table, column=column):
            return Takes.COLUMN, table, column, ""
        case act.Rename(kind="column", name=table, part=part, to=to):
            return Takes.COLUMN_NAME, table, part, to
        case act.SetNotNull(table=table, column=column):
            return Takes.NULL, table, column, ""
        case act.SetDefault(table=table, column=column, default=None):
            return Takes.DEFAULT, table, column, ""
        case act.AlterColumnType(table=table, column=column, type=kind):
            return Takes.TYPE, table, column, str(kind)
        case act.AddColumn(table=table, column=column) if column.not_null:
            return Takes.SILENCE, table, column.name, ""
    return None
