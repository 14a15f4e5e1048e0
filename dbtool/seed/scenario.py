"""Read scenarios: how many rows, dealt how, of what values, and which rows in any case."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Table

from dbtool.metadata import Models
from dbtool.seed import reference
from dbtool.seed.bound import stored
from dbtool.seed.document import Fields, Items, Node, Place, Scalar, near, read, refuse
from dbtool.seed.files import Seeds
from dbtool.seed.meaning import sql_name
from dbtool.seed.overrides import ColumnRule, Pin, TableRule, slots
from dbtool.seed.vocabulary import Tie, Vocabulary

TOP_KEYS = (
    "extends", "description", "seed", "as_of", "default_rows", "tables", "rows",
)  # fmt: skip
TABLE_KEYS = ("rows", "per", "count", "columns")
COLUMN_KEYS = ("constant", "choice", "weights", "range", "pattern", "null")
COUNT_KEYS = ("exact", "uniform", "zipf", "weights")
_DRAWN = 256


@dataclass(frozen=True, slots=True)
class Scenario:
    """What one file, and those it extends, say; None where they do not."""

    name: str
    files: tuple[str, ...]
    rules: tuple[tuple[str, TableRule], ...] = ()
    default_rows: int | None = None
    seed: int | None = None
    as_of: date | None = None


def load(seeds: Seeds, name: str, models: Models) -> Scenario:
    """A scenario by its name, with what it extends; raises UsageError for whatever is wrong."""
    return _Loader(seeds, models).load(name, ())


class _Loader:
    def __init__(self, seeds: Seeds, models: Models) -> None:
        self.seeds = seeds
        self.models = models
        self.vocabulary = Vocabulary(models)

    @cached_property
    def _natural(self) -> dict[str, set[str]]:
        """The keys of the reference rows of each table, where a key is one column."""
        tables = reference.load(self.seeds, self.models)
        rows = {sql_name(each.table): each.rows for each in tables}
        return {
            name: {str(row.values.get(key)) for row in rows[name]}
            for name, key in reference.natural(tables)
        }

    def load(self, name: str, below: tuple[str, ...]) -> Scenario:
        """One scenario on top of those it extends."""
        path = self.seeds.scenario(name)
        root = read(path, self.seeds.shown(path))
        if not isinstance(root, Fields):
            refuse(root.place, "a scenario is a mapping", f"Its keys: {', '.join(TOP_KEYS)}.")
        _known(root, TOP_KEYS)
        said = self._base(root, name, (*below, name))
        return self._own(said, root, path)

    def _base(self, root: Fields, name: str, below: tuple[str, ...]) -> Scenario:
        found = Scenario(name, ())
        extended = root.fields.get("extends")
        for each in _each(extended) if extended is not None else ():
            other = _text(each, "the name of a scenario")
            if other in below:
                refuse(each.place, f"scenarios extend each other: {' -> '.join((*below, other))}")
            if other not in self.seeds.scenarios():
                refuse(each.place, f'no scenario "{other}"', near(other, self.seeds.scenarios()))
            found = _merged(found, self.load(other, below))
        return replace(found, name=name)

    def _own(self, said: Scenario, root: Fields, path: Path) -> Scenario:
        fields = root.fields
        own = Scenario(
            name=said.name,
            files=(self.seeds.shown(path),),
            rules=self._rules(said, fields),
            default_rows=_number(fields["default_rows"], 1) if "default_rows" in fields else None,
            seed=_number(fields["seed"], None) if "seed" in fields else None,
            as_of=_day(fields["as_of"]) if "as_of" in fields else None,
        )
        return _merged(said, own)

    def _rules(self, said: Scenario, fields: dict[str, Node]) -> tuple[tuple[str, TableRule], ...]:
        rules: dict[str, TableRule] = {}
        tables = _fields(fields["tables"], "the tables by name") if "tables" in fields else None
        for name, node in tables.fields.items() if tables else ():
            table = self.vocabulary.table(name, tables.names[name] if tables else node.place)
            rules[sql_name(table)] = self._table(table, node)
        rows = _fields(fields["rows"], "tables with rows by name") if "rows" in fields else None
        if rows is None:
            return tuple(rules.items())
        named = self._named(said, rows)
        for name, node in rows.fields.items():
            table = self.vocabulary.table(name, rows.names[name])
            rule = rules.get(sql_name(table), TableRule(str(node.place)))
            pins = tuple(self._pin(table, *each, named) for each in _named_rows(node))
            rules[sql_name(table)] = replace(rule, pins=pins)
        return tuple(rules.items())

    def _named(self, said: Scenario, rows: Fields) -> dict[str, set[str]]:
        """The names of the rows of each table, here and in what is extended."""
        named = {name: {pin.name for pin in rule.pins} for name, rule in said.rules}
        for name, node in rows.fields.items():
            table = self.vocabulary.table(name, rows.names[name])
            named.setdefault(sql_name(table), set()).update(key for key, _ in _named_rows(node))
        return named

    def _table(self, table: Table, node: Node) -> TableRule:
        if isinstance(node, Scalar):
            return TableRule(str(node.place), rows=_number(node, 0))
        said = _fields(node, f"what is said of {table.fullname}").fields
        _known(_fields(node, ""), TABLE_KEYS)
        if "rows" in said and "count" in said:
            refuse(said["count"].place, "rows says how many in all, count how many to each: one")
        columns = self._columns(table, said["columns"]) if "columns" in said else ()
        place = next((said[key].place for key in ("count", "rows") if key in said), node.place)
        return TableRule(
            place=str(place),
            rows=_number(said["rows"], 0) if "rows" in said else None,
            per=self._per(table, said["per"]) if "per" in said else (),
            counts=_counts(said["count"]) if "count" in said else (),
            columns=columns,
        )

    def _per(self, table: Table, node: Node) -> tuple[str, ...]:
        """The foreign key that rows are dealt along, by its parent or by its own name."""
        name = _text(node, "a table that rows belong to")
        if tie := self.vocabulary.tie(table, name):
            return tie.columns
        ties = self.vocabulary.ties(table)
        found = [tie for tie in ties if tie.parent.fullname == name]
        if len(found) == 1:
            return found[0].columns
        if found:
            columns = " or ".join(",".join(tie.columns) for tie in found)
            refuse(
                node.place,
                f"{table.fullname} refers to {name} more than once",
                f"Name the foreign key: per: {columns}.",
            )
        known = [str(tie.parent.fullname) for tie in ties] + [n for tie in ties for n in tie.names]
        refuse(node.place, f"{table.fullname} does not refer to {name}", near(name, known))

    def _columns(self, table: Table, node: Node) -> tuple[tuple[str, ColumnRule], ...]:
        said = _fields(node, "columns by name")
        return tuple(
            (name, column_rule(self.vocabulary.column(table, name, said.names[name]), each))
            for name, each in said.fields.items()
        )

    def _pin(self, table: Table, name: str, node: Node, named: dict[str, set[str]]) -> Pin:
        said = _fields(node, "the columns of a row")
        values: list[tuple[str, str | None]] = []
        references: list[tuple[tuple[str, ...], str]] = []
        for key, each in said.fields.items():
            tie = self.vocabulary.tie(table, key)
            if tie is not None and self._refers(tie, key, each, named, table):
                references.append((tie.columns, _text(each, "the name of a row")))
            else:
                column = self.vocabulary.column(table, key, said.names[key])
                values.append((key, stored(column, each)))
        return Pin(str(node.place), name, tuple(values), tuple(references))

    def _refers(
        self, tie: Tie, key: str, node: Node, named: dict[str, set[str]], table: Table
    ) -> bool:
        """Whether a value names a row; a relationship can only do that.

        It is one of this scenario, or by a relationship a reference row by its key.
        """
        known = named.get(sql_name(tie.parent), set())
        text = node.text if isinstance(node, Scalar) else ""
        if text in known:
            return True
        if key in {str(column.name) for column in table.columns}:
            return False
        there = self._natural.get(sql_name(tie.parent), set())
        if text in there:
            return True
        refuse(
            node.place,
            f"no row of {tie.parent.fullname} has this name in this scenario or its reference file"
            if there
            else f"no row of {tie.parent.fullname} has this name in this scenario",
            near(text, known | there)
            or f"A row that is there already is given by its key: {', '.join(tie.columns)}.",
        )


def column_rule(column: "Column[Any]", node: Node) -> ColumnRule:
    """What is said of one column: a value, a list of them, or a mapping."""
    place = str(node.place)
    if isinstance(node, Scalar):
        return ColumnRule(place, f"always {node.text}", ((stored(column, node), 1.0),))
    if isinstance(node, Items):
        return _weighted(column, place, [(each, 1.0) for each in node.items])
    _known(node, COLUMN_KEYS)
    said = node.fields
    makers = [key for key in COLUMN_KEYS if key in said and key != "null"]
    if len(makers) > 1:
        refuse(said[makers[1]].place, f"{makers[0]} and {makers[1]} exclude each other")
    nulls = _share(said["null"]) if "null" in said else 0.0 if makers else None
    rule = _rule_of(column, place, makers[0], said[makers[0]]) if makers else ColumnRule(place, "")
    shown = ", ".join(filter(None, (rule.shown, f"{nulls:.0%} NULL" if nulls else "")))
    return replace(rule, nulls=nulls, shown=shown)


def _rule_of(column: "Column[Any]", place: str, how: str, node: Node) -> ColumnRule:
    if how == "constant":
        text = stored(column, node)
        return ColumnRule(place, f"always {text}", ((text, 1.0),))
    if how == "choice":
        if not isinstance(node, Items) or not node.items:
            refuse(node.place, "choice is a list of values")
        return _weighted(column, place, [(each, 1.0) for each in node.items])
    if how == "weights":
        said = _fields(node, "values with their weights")
        pairs = [(Scalar(said.names[name], name, plain=True), _weight(each))
                 for name, each in said.fields.items()]  # fmt: skip
        return _weighted(column, place, pairs)
    if how == "range":
        if not isinstance(node, Items) or len(node.items) != 2:
            refuse(node.place, "range is a list of its two ends, as in [1, 10]")
        low, high = (_text(each, "an end of the range") for each in node.items)
        return ColumnRule(place, f"{low} to {high}", low=low, high=high)
    pattern = _text(node, "a pattern")
    return ColumnRule(place, pattern, pattern=pattern)


def _weighted(column: "Column[Any]", place: str, pairs: Sequence[tuple[Node, float]]) -> ColumnRule:
    if not pairs or not sum(weight for _, weight in pairs):
        refuse(pairs[0][0].place if pairs else Place(place), "there is nothing to choose from")
    weights = tuple((stored(column, node), weight) for node, weight in pairs)
    total = sum(weight for _, weight in weights)
    parts = [f"{text or 'NULL'} {weight / total:.0%}" for text, weight in weights[:6]]
    more = [f"{len(weights) - 6} more"] if len(weights) > 6 else []
    return ColumnRule(place, ", ".join([*parts, *more]), weights)


def _counts(node: Node) -> tuple[int, ...]:
    """How many rows go to each parent: a table the counts are drawn from."""
    if isinstance(node, Scalar):
        return (_number(node, 0),)
    if isinstance(node, Items):
        return _uniform(*_ends(node))
    _known(node, COUNT_KEYS)
    if len(node.fields) != 1:
        refuse(node.place, f"one of {', '.join(COUNT_KEYS)}")
    ((how, said),) = node.fields.items()
    if how == "exact":
        return (_number(said, 0),)
    if how == "weights":
        given = _fields(said, "counts with their weights")
        pairs = [(name, _weight(each)) for name, each in given.fields.items()]
        for name, _ in pairs:
            _number(Scalar(given.names[name], name, plain=True), 0)
        return tuple(int(text) for text in slots(pairs, _DRAWN))
    low, high = _ends(said)
    if how == "uniform":
        return _uniform(low, high)
    ranked = [(str(low + rank), 1 / (rank + 1)) for rank in range(high - low + 1)]
    drawn = [int(text) for text in slots(ranked, _DRAWN)]
    return (*drawn[:-1], high)


def _uniform(low: int, high: int) -> tuple[int, ...]:
    span = high - low + 1
    if span <= _DRAWN:
        return tuple(range(low, high + 1))
    return tuple(low + at * (span - 1) // (_DRAWN - 1) for at in range(_DRAWN))


def _ends(node: Node) -> tuple[int, int]:
    if not isinstance(node, Items) or len(node.items) != 2:
        refuse(node.place, "the least and the most, as in [3, 10]")
    low, high = (_number(each, 0) for each in node.items)
    if high < low:
        refuse(node.place, f"{low} is more than {high}")
    return low, high


def _merged(below: Scenario, above: Scenario) -> Scenario:
    """Two scenarios, the second saying what differs."""
    return Scenario(
        name=above.name,
        files=(*below.files, *above.files),
        rules=merged_rules(below.rules, above.rules),
        default_rows=below.default_rows if above.default_rows is None else above.default_rows,
        seed=below.seed if above.seed is None else above.seed,
        as_of=above.as_of or below.as_of,
    )


Rules = tuple[tuple[str, TableRule], ...]


def merged_rules(below: Rules, above: Rules) -> Rules:
    """What is said of each table, the second over the first."""
    rules = dict(below)
    for name, rule in above:
        rules[name] = _merged_rule(rules[name], rule) if name in rules else rule
    return tuple(rules.items())


def _merged_rule(below: TableRule, above: TableRule) -> TableRule:
    counted = above.rows is not None or bool(above.counts)
    return TableRule(
        place=above.place if counted else below.place,
        rows=above.rows if counted else below.rows,
        per=above.per or below.per,
        counts=above.counts if counted else below.counts,
        columns=tuple({**dict(below.columns), **dict(above.columns)}.items()),
        pins=tuple(({p.name: p for p in below.pins} | {p.name: p for p in above.pins}).values()),
    )


def _named_rows(node: Node) -> Iterable[tuple[str, Node]]:
    """Rows with their names; those of a list have numbers."""
    if isinstance(node, Items):
        return [(f"#{number}", each) for number, each in enumerate(node.items, 1)]
    return _fields(node, "rows by name, or a list of rows").fields.items()


def _known(node: Fields, keys: Sequence[str]) -> None:
    for name in node.fields:
        if name not in keys:
            refuse(node.names[name], f'unknown key "{name}"', near(name, keys))


def _each(node: Node) -> Sequence[Node]:
    return node.items if isinstance(node, Items) else (node,)


def _fields(node: Node, what: str) -> Fields:
    if isinstance(node, Fields):
        return node
    if isinstance(node, Scalar) and node.value is None:
        return Fields(node.place, {}, {})
    refuse(node.place, f"this must be a mapping: {what}")


def _text(node: Node, what: str) -> str:
    if not isinstance(node, Scalar) or not node.text:
        refuse(node.place, f"this must be {what}")
    return node.text


def _number(node: Node, least: int | None) -> int:
    value = node.value if isinstance(node, Scalar) else None
    if not isinstance(value, int) or isinstance(value, bool):
        refuse(node.place, "this must be a whole number")
    if least is not None and value < least:
        refuse(node.place, f"this must be at least {least}")
    return value


def _weight(node: Node) -> float:
    value = node.value if isinstance(node, Scalar) else None
    if value is None or isinstance(value, bool | str) or value < 0:
        refuse(node.place, "a weight is a number, 0 or more")
    return float(value)


def _share(node: Node) -> float:
    value = node.value if isinstance(node, Scalar) else None
    if value is None or isinstance(value, bool | str) or not 0 <= value <= 1:
        refuse(node.place, "a share of NULL is a number from 0 to 1")
    return float(value)


def _day(node: Node) -> date:
    try:
        return date.fromisoformat(_text(node, "a date"))
    except ValueError:
        refuse(node.place, "this must be a date such as 2026-11-01")
