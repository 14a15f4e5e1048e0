"""What was renamed, where the comparison sees one thing gone and another new."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import product

from dbtool import catalog as cat
from dbtool.catalog import Catalog
from dbtool.errors import UsageError
from dbtool.migrate.autogenerate.evidence import Renamed
from dbtool.migrate.autogenerate.proposed import Piece, Proposed
from dbtool.migrate.difference import Difference
from dbtool.sql.names import identifier

_LIKELY = 0.5
_LOOKS = {"type": 0.35, "name": 0.35, "place": 0.1, "null": 0.05, "default": 0.05, "parts": 0.1}
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A table or column that is gone and one that is new: perhaps the same.

    `likely` is between 0 and 1, and above where the team's files say it; `because` is what
    speaks for it.
    """

    kind: str
    old: str
    new: str
    likely: float
    because: str
    schema: str
    table: str
    old_name: str
    new_name: str

    @property
    def flag(self) -> str:
        """How the command line says it."""
        return f"{self.old}:{self.new_name}"

    @property
    def sql(self) -> str:
        """What renames it."""
        where = f"ALTER TABLE {identifier(self.schema)}.{identifier(self.table)}"
        if self.kind == "table":
            return f"{where} RENAME TO {identifier(self.new_name)}"
        return f"{where} RENAME COLUMN {identifier(self.old_name)} TO {identifier(self.new_name)}"


@dataclass(frozen=True, slots=True)
class Sides:
    """The tables of one comparison: as the models have them, and as the database does."""

    models: Catalog
    database: Catalog
    default: str

    def key(self, name: str) -> Key:
        """Schema and table of a name as it is shown."""
        schema, dot, table = name.rpartition(".")
        return (schema, table) if dot else (self.default, name)


def candidates(
    sides: Sides, differences: Iterable[Difference], evidence: Renamed | None = None
) -> tuple[Candidate, ...]:
    """Every pair that may be the same, the likeliest first; each side of it once.

    `evidence` are the names that the team's own files exchanged for others.
    """
    found = tuple(differences)
    known = (
        _attested(e, evidence or {}) for e in (*_tables(sides, found), *_columns(sides, found))
    )
    pairs = sorted(known, key=lambda each: -each.likely)
    taken: set[tuple[str, str]] = set()
    chosen = []
    for each in pairs:
        names = {("old", each.old), ("new", each.new)}
        if each.likely >= _LIKELY and not names & taken:
            taken |= names
            chosen.append(each)
    return tuple(chosen)


def _attested(each: Candidate, evidence: Renamed) -> Candidate:
    """A pair with what speaks for it in the team's own changes."""
    place = evidence.get((each.old_name, each.new_name))
    if place is None:
        return each
    return replace(each, likely=1 + each.likely, because=f"{each.because}; renamed at {place}")


def named(
    sides: Sides, differences: Iterable[Difference], flags: Sequence[str]
) -> dict[str, Candidate]:
    """The renames that flags ask for; raises UsageError where the comparison has none of them."""
    found = tuple(differences)
    pairs = (*_tables(sides, found), *_columns(sides, found))
    by_flag = {each.flag: each for each in pairs} | {f"{e.old}:{e.new}": e for e in pairs}
    meant = {each: by_flag[each] for each in flags if each in by_flag}
    if not meant:
        known = ", ".join(dict.fromkeys(each.flag for each in pairs)) or "none"
        raise UsageError(
            f"--rename {flags[0]} names nothing that is gone and new",
            detail=f"Possible are: {known}.",
            hint="It is --rename TABLE.OLD:NEW for a column, --rename OLD:NEW for a table.",
        )
    return meant


def _names(differences: Iterable[Difference], kind: str) -> list[str]:
    return [each.name for each in differences if each.kind == kind]


def _tables(sides: Sides, found: Sequence[Difference]) -> Iterator[Candidate]:
    for old, new in product(_names(found, "extra-table"), _names(found, "missing-table")):
        (schema, table), (other, name) = sides.key(old), sides.key(new)
        one, two = sides.database.table(table, schema), sides.models.table(name, other)
        if schema != other or one is None or two is None:
            continue
        theirs, mine = ({(e.name, e.type) for e in each.columns} for each in (one, two))
        shared = len(theirs & mine)
        alike = shared / max(1, len(theirs | mine))
        likely = 0.75 * alike + 0.25 * _similar(table, name) if shared > 1 else 0.3 * alike
        because = f"{shared} of {len(mine)} columns are the same"
        yield Candidate("table", old, new, likely, because, schema, table, table, name)


def _columns(sides: Sides, found: Sequence[Difference]) -> Iterator[Candidate]:
    for old, new in product(_names(found, "extra-column"), _names(found, "missing-column")):
        (place, _, gone), (other, _, name) = old.rpartition("."), new.rpartition(".")
        if place != other:
            continue
        schema, table = sides.key(place)
        pair = sides.database.table(table, schema), sides.models.table(table, schema)
        if pair[0] is None or pair[1] is None:
            continue
        one, two = _column(pair[0], gone), _column(pair[1], name)
        if one is None or two is None or not _convertible(one, two):
            continue
        likely, because = _score((pair[0], one), (pair[1], two))
        yield Candidate("column", old, new, likely, because, schema, table, gone, name)


def _column(table: cat.Table, name: str) -> cat.Column | None:
    return next((each for each in table.columns if each.name == name), None)


def _convertible(one: cat.Column, two: cat.Column) -> bool:
    """Whether one can be the other at all: of one kind, and both generated or neither."""
    texts, numbers = {"varchar", "text", "bpchar"}, {"int2", "int4", "int8", "numeric"}
    kinds = {one.base.name, two.base.name}
    same = one.type == two.type or kinds <= texts or kinds <= numbers
    return same and bool(one.generated) == bool(two.generated)


def _score(
    one: tuple[cat.Table, cat.Column], two: tuple[cat.Table, cat.Column]
) -> tuple[float, str]:
    """How likely one column is the other, and the words for it."""
    (live, old), (models, new) = one, two
    alike = {
        "type": float(old.type == new.type),
        "name": _similar(old.name, new.name),
        "place": float(_index(live, old) == _index(models, new)),
        "null": float(old.not_null == new.not_null),
        "default": float(old.default == new.default),
        "parts": float(_parts(live, old.name) == _parts(models, new.name)),
    }
    words = [old.type if alike["type"] else f"{old.type} and {new.type}"]
    words += ["in the same place"] if alike["place"] else []
    words += ["with the same indexes and constraints"] if alike["parts"] else []
    return sum(_LOOKS[key] * value for key, value in alike.items()), ", ".join(words)


def _index(table: cat.Table, column: cat.Column) -> int:
    """Where among the table's columns; numbers of dropped ones do not count."""
    return [each.name for each in table.columns].index(column.name)


def _parts(table: cat.Table, column: str) -> list[str]:
    """The indexes and constraints a column is in, without names."""
    word = f"({column})"
    said = [e.definition.partition(" USING ")[2] for e in table.indexes]
    said += [each.definition for each in table.constraints if each.kind != "not null"]
    return sorted(each.replace(column, "?") for each in said if word in each)


def _similar(one: str, two: str) -> float:
    """How alike two names are; a word they share counts as much as their letters."""
    letters = SequenceMatcher(None, one, two).ratio()
    words = {*one.split("_")} & {*two.split("_")}
    return max(letters, 0.8 if words else 0.0)


def pieces(renamed: Sequence[Candidate], default: str) -> list[tuple[Proposed, Piece]]:
    """The code of each rename, and that of its way back."""
    found = []
    for each in renamed:
        schema = f", schema={each.schema!r}" if each.schema != default else ""
        title = f"rename {each.kind} {each.old} to {each.new_name}"
        code, back = _code(each, schema)
        change = Proposed(title, "it is the same one, and keeps its rows", code, back)
        found.append((change, Piece(title, back)))
    return found


def _code(each: Candidate, schema: str) -> tuple[str, str]:
    if each.kind == "table":
        return (
            f"op.rename_table({each.old_name!r}, {each.new_name!r}{schema})",
            f"op.rename_table({each.new_name!r}, {each.old_name!r}{schema})",
        )

    def renamed(one: str, two: str) -> str:
        return f"op.alter_column({each.table!r}, {one!r}, new_column_name={two!r}{schema})"

    return renamed(each.old_name, each.new_name), renamed(each.new_name, each.old_name)
