"""Read reference rows: what a table holds in every database, by a key that people know."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Table

from dbtool.metadata import Models
from dbtool.seed.bound import stored
from dbtool.seed.document import Fields, Items, Node, Place, Scalar, near, read, read_csv, refuse
from dbtool.seed.files import Seeds
from dbtool.seed.meaning import sql_name
from dbtool.seed.vocabulary import Tie, Vocabulary, unique_keys

FILE_KEYS = ("table", "key", "rows")
_NUMBER = re.compile(r"^[0-9]+[-_.]")


@dataclass(frozen=True, slots=True)
class Reference:
    """A row of another table, by its key: the columns there and their values."""

    tie: Tie
    key: tuple[tuple[str, str], ...]
    place: Place

    @property
    def shown(self) -> str:
        """The row, as errors name it."""
        listed = ", ".join(f'{name} "{text}"' for name, text in self.key)
        return f"{self.tie.parent.fullname} with {listed}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its own values, and the rows it refers to."""

    place: Place
    values: dict[str, str | None]
    references: tuple[Reference, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column the row has a value for, those of foreign keys last."""
        tied = [name for each in self.references for name in each.tie.columns]
        return (*self.values, *tied)


@dataclass(frozen=True, slots=True)
class ReferenceTable:
    """The rows of one table, and the columns that tell them apart."""

    table: Table
    key: tuple[str, ...]
    rows: tuple[Row, ...]
    place: Place
    file: str


def load(seeds: Seeds, models: Models) -> tuple[ReferenceTable, ...]:
    """Every table with reference rows; raises UsageError for whatever is wrong."""
    reader = _Reader(Vocabulary(models), {})
    drafts = [each for path in seeds.reference() for each in reader.drafts(seeds, path)]
    for draft in drafts:
        if draft.table in reader.keys:
            refuse(draft.place, f"{draft.table.fullname} has reference rows in another file too")
        reader.keys[draft.table] = reader.key(draft)
    return tuple(reader.finished(draft) for draft in drafts)


def natural(tables: Sequence[ReferenceTable]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The columns that tell the rows of a table apart, where files give them; by quoted name."""
    return tuple(
        (sql_name(each.table), each.key)
        for each in tables
        if all(set(each.key) <= row.values.keys() for row in each.rows)
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    """The rows of one table as they stand in a file."""

    table: Table
    rows: tuple[Fields, ...]
    place: Place
    file: str
    key: Node | None = None
    raw: bool = False


@dataclass(frozen=True, slots=True)
class _Reader:
    vocabulary: Vocabulary
    keys: dict[Table, tuple[str, ...]]

    def drafts(self, seeds: Seeds, path: Path) -> Iterator[_Draft]:
        """The tables of one file."""
        shown = seeds.shown(path)
        if path.suffix == ".csv":
            header, records = read_csv(path, shown)
            table = self._of_file(path, Place(shown, 1))
            rows = tuple(_of_record(table, header, record) for record in records)
            yield _Draft(table, rows, Place(shown, 1), shown, raw=True)
            return
        root = read(path, shown)
        if isinstance(root, Items):
            yield _Draft(self._of_file(path, root.place), _rows(root), root.place, shown)
        elif isinstance(root, Scalar):
            refuse(root.place, "reference rows are a list, or tables by name")
        elif root.fields.keys() & {"rows", "key"}:
            yield self._declared(root, path, shown)
        else:
            for name, node in root.fields.items():
                table = self.vocabulary.table(name, root.names[name])
                if isinstance(node, Fields):
                    yield self._under(table, node, shown)
                else:
                    yield _Draft(table, _rows(node), node.place, shown)

    def _declared(self, root: Fields, path: Path, shown: str) -> _Draft:
        if "table" not in root.fields:
            return self._under(self._of_file(path, root.place), root, shown)
        named = root.fields["table"]
        if not isinstance(named, Scalar):
            refuse(named.place, "this must be the name of a table")
        return self._under(self.vocabulary.table(named.text, named.place), root, shown)

    def _under(self, table: Table, said: Fields, shown: str) -> _Draft:
        for name in said.fields:
            if name not in FILE_KEYS:
                refuse(said.names[name], f'unknown key "{name}"', near(name, FILE_KEYS))
        if "rows" not in said.fields:
            refuse(said.place, f"there are no rows of {table.fullname}")
        rows = said.fields["rows"]
        return _Draft(table, _rows(rows), rows.place, shown, said.fields.get("key"))

    def _of_file(self, path: Path, place: Place) -> Table:
        """The table a file is named after; a number in front only sorts it."""
        bare = _NUMBER.sub("", path.stem)
        names = self.vocabulary.names()
        if path.stem not in names and bare not in names:
            hint = near(bare, names)
            refuse(place, f'the file is named after no table: "{bare}"', hint)
        return self.vocabulary.table(path.stem if path.stem in names else bare, place)

    def key(self, draft: _Draft) -> tuple[str, ...]:
        """The columns that tell rows apart: declared, else of the unique constraint named first."""
        table = draft.table
        if draft.key is not None:
            nodes = draft.key.items if isinstance(draft.key, Items) else (draft.key,)
            named = [each for each in nodes if isinstance(each, Scalar)]
            found = [
                name for each in named for name in self._columns_of(table, each.text, each.place)
            ]
            if not found or len(named) < len(nodes):
                refuse(draft.key.place, "a key is a column or a list of columns")
            return tuple(found)
        given = self._given(draft)
        fitting = [key for key in unique_keys(table) if set(key) <= set(given)]
        if not draft.rows:
            return unique_keys(table)[0] if unique_keys(table) else ()
        if not fitting:
            keys = " or ".join(", ".join(key) for key in unique_keys(table))
            refuse(
                draft.place,
                f"nothing tells the rows of {table.fullname} apart",
                detail=f"Every row needs the columns of a unique constraint: {keys or 'none'}.",
                hint="Or declare one: key: [column, …], with the rows under rows.",
            )
        return min(fitting, key=lambda key: (min(map(given.index, key)), len(key)))

    def _given(self, draft: _Draft) -> list[str]:
        """The columns every row has, in the order of the first."""
        names = [list(self._named(draft.table, row)) for row in draft.rows]
        return [name for name in names[0] if all(name in each for each in names)] if names else []

    def _named(self, table: Table, row: Fields) -> Iterator[str]:
        for name in row.fields:
            yield from self._columns_of(table, name.partition(".")[0], row.names[name])

    def _columns_of(self, table: Table, name: str, place: Place) -> tuple[str, ...]:
        tie = self.vocabulary.tie(table, name)
        if tie is not None:
            return tie.columns
        return (str(self.vocabulary.column(table, name, place).name),)

    def finished(self, draft: _Draft) -> ReferenceTable:
        """The rows with their values as the server reads them."""
        rows = tuple(self._row(draft, each) for each in draft.rows)
        key = self.keys[draft.table]
        for row in rows:
            for name in key:
                if name not in row.columns or row.values.get(name, "") is None:
                    refuse(row.place, f"the row has no {name}, which tells rows apart")
        return ReferenceTable(draft.table, key, rows, draft.place, draft.file)

    def _row(self, draft: _Draft, row: Fields) -> Row:
        values: dict[str, str | None] = {}
        references: list[Reference] = []
        for name, node in dotted(row).fields.items():
            place = row.names.get(name, node.place)
            tie = self.vocabulary.tie(draft.table, name)
            own = name in {str(column.name) for column in draft.table.columns}
            if tie is not None and (isinstance(node, Fields) or not own):
                if _is_null(node):
                    values.update(dict.fromkeys(tie.columns))
                else:
                    references.append(self._reference(tie, node))
                continue
            column = self.vocabulary.column(draft.table, name, place)
            if column.computed is not None:
                refuse(place, f"{name} is computed by the server")
            values[name] = stored(column, node, raw=draft.raw)
        return Row(row.place, values, tuple(references))

    def _reference(self, tie: Tie, node: Node) -> Reference:
        """The row meant: by the columns given, or by the one column that is its table's key."""
        parent = tie.parent
        if isinstance(node, Fields):
            columns = [
                (self.vocabulary.column(parent, name, node.names[name]), each)
                for name, each in node.fields.items()
            ]
        elif isinstance(node, Scalar):
            key = self.keys.get(parent) or next(iter(unique_keys(parent)), ())
            if len(key) != 1:
                what = " and ".join(key) or "a column"
                refuse(node.place, f"a row of {parent.fullname} is named by {what}: {{column: …}}")
            columns = [(self.vocabulary.column(parent, key[0], node.place), node)]
        else:
            refuse(node.place, f"one row of {parent.fullname}, not a list")
        found = [(str(column.name), stored(column, each)) for column, each in columns]
        if not found or any(text is None for _, text in found):
            refuse(node.place, f"a row of {parent.fullname} cannot be found by NULL")
        return Reference(tie, tuple((name, str(text)) for name, text in found), node.place)


def _rows(node: Node) -> tuple[Fields, ...]:
    if _is_null(node):
        return ()
    if not isinstance(node, Items):
        refuse(node.place, "rows are a list")
    return tuple(_mapping(each) for each in node.items)


def _mapping(node: Node) -> Fields:
    if not isinstance(node, Fields) or not node.fields:
        refuse(node.place, "a row is a mapping of columns to values")
    return node


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _of_record(table: Table, header: Sequence[str], record: Iterable[Scalar]) -> Fields:
    """A record of a CSV file.

    An empty field is NULL; where the column takes none it is left to the default, and is
    empty text where there is no default.
    """
    fields: dict[str, Node] = {}
    names: dict[str, Place] = {}
    place = Place("")
    for name, field in zip(header, record, strict=True):
        place = field.place
        column = next((each for each in table.columns if each.name == name), None)
        names[name], fields[name] = place, Scalar(place, field.text, plain=False)
        if field.text:
            continue
        if column is None or column.nullable:
            fields[name] = Scalar(place, "null", plain=True)
        elif column.server_default is not None or column.default is not None:
            del fields[name]
    return Fields(place, fields, names)


def dotted(row: Fields) -> Fields:
    """The fields of a row, those named `category.slug` gathered under what they refer to."""
    found: dict[str, Node] = {}
    for name, node in row.fields.items():
        head, dot, column = name.partition(".")
        if not dot:
            found[name] = node
            continue
        if _is_null(node):
            found.setdefault(head, node)
            continue
        before = found.get(head)
        fields = dict(before.fields) if isinstance(before, Fields) else {}
        names = dict(before.names) if isinstance(before, Fields) else {}
        place = row.names[name]
        found[head] = Fields(place, {**fields, column: node}, {**names, column: place})
    names = {name: row.names.get(name, node.place) for name, node in found.items()}
    return Fields(row.place, found, names)
