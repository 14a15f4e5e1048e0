"""Read scenarios: how many rows, dealt how, of what values, and which rows in any case."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from sqlalchemy import Table

from dbtool.metadata import Models
from dbtool.seed.document import Fields, Node, Scalar, near, read, refuse
from dbtool.seed.drawn import column_rule, counts
from dbtool.seed.expect import day, known, mapping, number, several, text_of
from dbtool.seed.files import Seeds
from dbtool.seed.meaning import sql_name
from dbtool.seed.named import NamedRows
from dbtool.seed.overrides import ColumnRule, TableRule
from dbtool.seed.vocabulary import Vocabulary

TOP_KEYS = (
    "extends", "description", "seed", "as_of", "default_rows", "tables", "rows",
)  # fmt: skip
TABLE_KEYS = ("rows", "per", "count", "columns")


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
        self.named = NamedRows(seeds, models, self.vocabulary)

    def load(self, name: str, below: tuple[str, ...]) -> Scenario:
        """One scenario on top of those it extends."""
        path = self.seeds.scenario(name)
        root = read(path, self.seeds.shown(path))
        if not isinstance(root, Fields):
            refuse(root.place, "a scenario is a mapping", f"Its keys: {', '.join(TOP_KEYS)}.")
        known(root, TOP_KEYS)
        said = self._base(root, name, (*below, name))
        return self._own(said, root, path)

    def _base(self, root: Fields, name: str, below: tuple[str, ...]) -> Scenario:
        found = Scenario(name, ())
        extended = root.fields.get("extends")
        for each in several(extended) if extended is not None else ():
            other = text_of(each, "the name of a scenario")
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
            default_rows=number(fields["default_rows"], 1) if "default_rows" in fields else None,
            seed=number(fields["seed"], None) if "seed" in fields else None,
            as_of=day(fields["as_of"]) if "as_of" in fields else None,
        )
        return _merged(said, own)

    def _rules(self, said: Scenario, fields: dict[str, Node]) -> tuple[tuple[str, TableRule], ...]:
        rules: dict[str, TableRule] = {}
        tables = mapping(fields["tables"], "the tables by name") if "tables" in fields else None
        for name, node in tables.fields.items() if tables else ():
            table = self.vocabulary.table(name, tables.names[name] if tables else node.place)
            rules[sql_name(table)] = self._table(table, node)
        rows = mapping(fields["rows"], "tables with rows by name") if "rows" in fields else None
        below = {name: {pin.name for pin in rule.pins} for name, rule in said.rules}
        for name, (place, pins) in self.named.pins(rows, below).items() if rows else ():
            rules[name] = replace(rules.get(name, TableRule(place)), pins=pins)
        return tuple(rules.items())

    def _table(self, table: Table, node: Node) -> TableRule:
        if isinstance(node, Scalar):
            return TableRule(str(node.place), rows=number(node, 0))
        said = mapping(node, f"what is said of {table.fullname}").fields
        known(mapping(node, ""), TABLE_KEYS)
        if "rows" in said and "count" in said:
            refuse(said["count"].place, "rows says how many in all, count how many to each: one")
        columns = self._columns(table, said["columns"]) if "columns" in said else ()
        place = next((said[key].place for key in ("count", "rows") if key in said), node.place)
        return TableRule(
            place=str(place),
            rows=number(said["rows"], 0) if "rows" in said else None,
            per=self._per(table, said["per"]) if "per" in said else (),
            counts=counts(said["count"]) if "count" in said else (),
            columns=columns,
        )

    def _per(self, table: Table, node: Node) -> tuple[str, ...]:
        """The foreign key that rows are dealt along, by its parent or by its own name."""
        name = text_of(node, "a table that rows belong to")
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
        said = mapping(node, "columns by name")
        return tuple(
            (name, column_rule(self.vocabulary.column(table, name, said.names[name]), each))
            for name, each in said.fields.items()
        )


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
