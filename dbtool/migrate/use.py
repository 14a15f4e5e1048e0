"""One thing pending revisions take away, and how the released code uses it."""

from dataclasses import dataclass

from dbtool.finding import Certainty, Finding, Fix, Location, Severity
from dbtool.migrate.released_models import ReleasedColumn, ReleasedTable
from dbtool.statement import Taken


@dataclass(frozen=True, slots=True)
class Use:
    """What is taken, and the table and column of the release; no column where it has none."""

    taken: Taken
    release: str
    table: ReleasedTable
    column: ReleasedColumn | None = None

    @property
    def named(self) -> str:
        """The table, or its column, as the statement names it."""
        return ".".join(filter(None, (self.table.name, self.taken.column)))

    @property
    def location(self) -> Location:
        """Where the operation stands."""
        statement = self.taken.statement
        return Location(statement.file or None, statement.line or None, self.named)

    @property
    def user(self) -> str:
        """The class or attribute of the released code that uses it."""
        used = self.column.attribute if self.column is not None else self.table.owner
        place = self.column.place if self.column is not None else self.table.place
        return f"{self.release} uses it as {used} ({place.partition(',')[0]})"

    @property
    def operation(self) -> str:
        """The operation as the revision writes it, else its SQL."""
        statement = self.taken.statement
        return statement.source or f'op.execute("{statement.sql}")'

    def finding(
        self, rule: str, title: str, why: str, fix: Fix | None, severity: Severity
    ) -> Finding:
        """A finding about it, at the operation."""
        return Finding(
            rule=rule,
            severity=severity,
            title=title,
            certainty=Certainty.PROVEN,
            evidence=(self.user, why),
            location=self.location,
            fix=fix,
        )


def two_steps(first: str, second: str) -> Fix:
    """What goes into this release, and what into the one after it."""
    code = f"# this release\n{first}\n# the next one, when nothing older runs\n{second}"
    return Fix("python", code, "in two deploys")
