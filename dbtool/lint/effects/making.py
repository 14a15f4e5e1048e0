"""Put together what an action does, leaving out whatever nobody else can be waiting for."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from dbtool.lint.effect import Cause, Effect, Held, Lock, Missing, Task, Work
from dbtool.lint.schema import Name, Schema, Table
from dbtool.lint.subject import Session
from dbtool.lint.values import value


@value()
class State:
    """All an effect may depend on; `sql` is the text of the statement."""

    schema: Schema
    session: Session
    server: int = 18
    sql: str = ""

    def table(self, name: Name) -> Table:
        """A table; of one that nobody has seen created, nothing is known."""
        found = self.schema.table(name)
        return found if found is not None else Table(name=self.schema.full(name), complete=False)


_OF_EVERY_TABLE = ("ctid", "xmin", "xmax", "cmin", "cmax", "tableoid")


def private(table: Table) -> bool:
    """Whether nobody else can be using the table."""
    return table.new or table.persistence == "temporary"


@dataclass(slots=True)
class Making:
    """An effect while it is put together."""

    locks: dict[Name, Lock] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)

    def lock(self, mode: Lock, *tables: Table) -> "Making":
        """Take a lock on tables."""
        for table in tables:
            if not private(table):
                self.locks[table.name] = max(mode, self.locks.get(table.name, Lock.NONE))
        return self

    def task(self, work: Work, table: Table, cause: Cause, why: str = "") -> "Making":
        """Do work on a table."""
        if not private(table):
            self.tasks.append(Task(work, table.name, cause, why))
        return self

    def fail(self, code: str, table: Name, cause: Cause, why: str, if_rows: bool = False) -> None:
        """End with an error; it does so on any table."""
        self.tasks.append(Task(Work.FAIL, table, cause, why, code, if_rows))

    def missing_relation(self, name: Name, state: State) -> None:
        """End with an error where nothing has the name of a relation."""
        why = f"relation {name} does not exist"
        self.fail("42P01", state.schema.full(name), Cause.MISSING, why)

    def lacks_columns(self, table: Table, columns: Iterable[str]) -> None:
        """End with an error where a column does not exist."""
        known = (*table.columns, *_OF_EVERY_TABLE, table.name.name, "", "*")
        absent = [column for column in columns if table.complete and column not in known]
        if absent:
            why = f"column {absent[0]} of {table.name.name} does not exist"
            self.fail("42703", table.name, Cause.MISSING, why)

    def lacks(self, cause: Cause, table: Table, fact: str, decide: str = "") -> "Making":
        """A fact that the verdict hangs on is not known."""
        if not private(table):
            said = Missing(cause, table.name, fact)
            if decide:
                said = Missing(cause, table.name, fact, decide)
            self.missing.append(said)
        return self

    def done(self) -> Effect:
        """The whole effect."""
        held = tuple([Held(name, mode) for name, mode in self.locks.items()])
        return Effect(held, tuple(self.tasks), tuple(self.missing))
