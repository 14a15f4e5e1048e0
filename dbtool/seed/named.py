"""Read the rows that a scenario wants in any case, and which rows each of them refers to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Table

from dbtool.metadata import Models
from dbtool.seed import reference
from dbtool.seed.bound import stored
from dbtool.seed.document import Fields, Items, Node, Scalar, near, refuse
from dbtool.seed.expect import mapping, text_of
from dbtool.seed.files import Seeds
from dbtool.seed.meaning import sql_name
from dbtool.seed.overrides import Meant, Pin
from dbtool.seed.vocabulary import Tie, Vocabulary

Names = dict[str, set[str]]
"""The names of rows, by the quoted name of their table."""


@dataclass(frozen=True)
class NamedRows:
    """Reads them for the models, beside the reference rows of the project."""

    seeds: Seeds
    models: Models
    vocabulary: Vocabulary

    def pins(
        self, rows: Fields, below: Mapping[str, set[str]]
    ) -> dict[str, tuple[str, tuple[Pin, ...]]]:
        """The rows of each table, and where they stand; `below` has the names of those extended."""
        named: Names = {name: set(names) for name, names in below.items()}
        tables = {name: self.vocabulary.table(name, place) for name, place in rows.names.items()}
        for name, node in rows.fields.items():
            names = named.setdefault(sql_name(tables[name]), set())
            names.update(key for key, _ in _named(node))
        return {
            sql_name(table): (
                str(rows.fields[name].place),
                tuple(self._pin(table, *each, named) for each in _named(rows.fields[name])),
            )
            for name, table in tables.items()
        }

    def _pin(self, table: Table, name: str, node: Node, named: Names) -> Pin:
        said = reference.dotted(mapping(node, "the columns of a row"))
        values: list[tuple[str, str | None]] = []
        references: list[Meant] = []
        for key, each in said.fields.items():
            tie = self.vocabulary.tie(table, key)
            if tie and isinstance(each, Scalar) and each.value is None:
                values += [(column, None) for column in tie.columns]
            elif tie and (meant := self._meant(tie, key, each, named)):
                references.append(meant)
            else:
                column = self.vocabulary.column(table, key, said.names[key])
                values.append((key, stored(column, each)))
        return Pin(str(node.place), name, tuple(values), tuple(references))

    def _meant(self, tie: Tie, key: str, node: Node, named: Names) -> Meant | None:
        """The row a value names; none where it is a value of the column itself.

        It is one of this scenario, or by a relationship a reference row by its key.
        """
        known = named.get(sql_name(tie.parent), set())
        if isinstance(node, Scalar) and node.text in known:
            return Meant(tie.columns, (text_of(node, "the name of a row"),))
        if key in tie.columns and not isinstance(node, Fields):
            return None
        columns, there = self._natural.get(sql_name(tie.parent), ((), frozenset()))
        if (by := self._key(tie, columns, node)) in there:
            return Meant(tie.columns, by, by_key=True)
        place = "this scenario or its reference file" if there else "this scenario"
        alone = {each[0] for each in there if len(each) == 1}
        hint = f"A row that is there already is given by its key: {', '.join(tie.columns)}."
        if len(columns) > 1:
            hint = f"Its file tells rows apart by {{{': …, '.join(columns)}: …}}."
        refuse(
            node.place,
            f"no row of {tie.parent.fullname} has this name in {place}",
            near(node.text if isinstance(node, Scalar) else "", known | alone) or hint,
        )

    def _key(self, tie: Tie, columns: tuple[str, ...], node: Node) -> tuple[str, ...]:
        """The key a value gives, as the rows of its file have it."""
        if isinstance(node, Scalar):
            return (node.text,)
        if not isinstance(node, Fields):
            refuse(node.place, f"one row of {tie.parent.fullname}, not a list")
        given = {
            name: stored(self.vocabulary.column(tie.parent, name, node.names[name]), each)
            for name, each in node.fields.items()
        }
        if set(given) != set(columns):
            return ()
        return tuple(str(given[name]) for name in columns)

    @cached_property
    def _natural(self) -> dict[str, tuple[tuple[str, ...], frozenset[tuple[str, ...]]]]:
        """For each table with reference rows the columns of its key, and the keys in its file."""
        tables = reference.load(self.seeds, self.models)
        rows = {sql_name(each.table): each.rows for each in tables}
        return {
            name: (key, frozenset(tuple(str(row.values[k]) for k in key) for row in rows[name]))
            for name, key in reference.natural(tables)
        }


def _named(node: Node) -> Iterable[tuple[str, Node]]:
    """Rows with their names; those of a list have numbers."""
    if isinstance(node, Items):
        return [(f"#{number}", each) for number, each in enumerate(node.items, 1)]
    return mapping(node, "rows by name, or a list of rows").fields.items()
