"""One difference between models and database, and what several of them may mean together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: what it concerns, who has what, and the operation that would end it.

    `drops` says that the operation takes away something that may hold data. `models` and
    `database` are what each side has, as the server prints it, where it can be told in a line;
    `imports` are the lines the operation needs; `minor` is what the models merely do not name.
    Where env.py compares several schemas, one after the other, `schemas` are those it is in.
    """

    kind: str
    name: str
    text: str
    operation: str
    drops: bool = False
    models: str | None = None
    database: str | None = None
    imports: tuple[str, ...] = ()
    minor: bool = False
    schemas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Uncompared:
    """Something that nobody compared, and what would."""

    what: str
    decide: str


@dataclass(frozen=True, slots=True)
class Rename:
    """A column or table that one side lacks and one only the other has: perhaps the same."""

    old: str
    new: str

    @property
    def operation(self) -> str:
        """The operation that keeps the data."""
        table, _, column = self.old.rpartition(".")
        if not table or "." not in self.new:
            return f"op.rename_table({self.old!r}, {self.new!r})"
        name = table.rpartition(".")[2]
        new = self.new.rpartition(".")[2]
        return f"op.alter_column({name!r}, {column!r}, new_column_name={new!r})"


def renames(differences: Iterable[Difference]) -> Iterator[Rename]:
    """Where exactly one column of a table, or one table, is missing and one too many."""
    found = tuple(differences)
    for kind in ("column", "table"):
        missing = [each.name for each in found if each.kind == f"missing-{kind}"]
        extra = [each.name for each in found if each.kind == f"extra-{kind}"]
        for old in extra:
            place = old.rpartition(".")[0]
            fitting = [each for each in missing if each.rpartition(".")[0] == place]
            rivals = [each for each in extra if each.rpartition(".")[0] == place]
            if len(fitting) == len(rivals) == 1:
                yield Rename(old, fitting[0])
