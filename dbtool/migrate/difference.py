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

    kind: str
    old: str
    new: str

    @property
    def operation(self) -> str:
        """The operation that keeps the data."""
        place, _, old = self.old.rpartition(".")
        new = self.new.rpartition(".")[2]
        if self.kind == "table":
            return f"op.rename_table({old!r}, {new!r}{_within(place)})"
        schema, _, table = place.rpartition(".")
        return f"op.alter_column({table!r}, {old!r}, new_column_name={new!r}{_within(schema)})"


def _within(schema: str) -> str:
    return f", schema={schema!r}" if schema else ""


def renames(differences: Iterable[Difference]) -> Iterator[Rename]:
    """Where exactly one column of a table, or one table, is missing and one too many.

    A column of another type is another column.
    """
    found = tuple(differences)
    for kind in ("column", "table"):
        missing = [each for each in found if each.kind == f"missing-{kind}"]
        extra = [each for each in found if each.kind == f"extra-{kind}"]
        for old in extra:
            fitting = [each for each in missing if _place(each) == _place(old)]
            rivals = [each for each in extra if _place(each) == _place(old)]
            if len(fitting) == len(rivals) == 1 and _fits(old, fitting[0]):
                yield Rename(kind, old.name, fitting[0].name)


def _place(difference: Difference) -> str:
    return difference.name.rpartition(".")[0]


def _fits(old: Difference, new: Difference) -> bool:
    """Whether the type may be the same: of the new one more is told than that."""
    if old.database is None or new.models is None:
        return True
    return new.models == old.database or new.models.startswith(f"{old.database} ")
