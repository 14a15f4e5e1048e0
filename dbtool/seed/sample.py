"""Made rows as a query: the server reads a sample as the table's own types, no table is touched."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from dbtool.database.connection import Connection
from dbtool.seed.live import LiveColumn, LiveTable
from dbtool.seed.plan import Load
from dbtool.seed.rows import NULL
from dbtool.sql.text import quoted

_ROWS = 100
_ESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
_SUFFIXES = (" NOT VALID", " NO INHERIT")


@dataclass(frozen=True, slots=True)
class Rule:
    """A CHECK, or what comes to one: an expression that must not be false."""

    name: str
    columns: frozenset[str]
    expression: str
    shown: str


@dataclass(frozen=True)
class Sample:
    """Some rows of one table; `arguments` are its made columns, each a list of texts.

    `meant` are the columns that the models limit to some values, and those; none are told where
    only the column's own type can make one.
    """

    table: LiveTable
    names: tuple[str, ...]
    arguments: tuple[list[str | None], ...]
    partitions: str = ""
    more: tuple[Rule, ...] = field(default_factory=tuple)
    meant: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def ctes(self, first: int = 1) -> str:
        """The rows as a table expression of the table's own name; `first` is its parameter."""
        names = ", ".join(f"c{place}" for place in range(len(self.names)))
        given = ", ".join(f"${place + first}::text[]" for place in range(len(self.names)))
        raw = f"made AS MATERIALIZED (SELECT * FROM unnest({given}) AS m({names}))"
        columns = ", ".join(map(self._column, self.stored))
        read = f"read AS MATERIALIZED (SELECT {columns} FROM made)"
        return f"WITH {raw}, {read}, {quoted(self.table.bare_name)} AS MATERIALIZED ({self.full()})"

    def full(self, source: str = "read") -> str:
        """The stored columns and those computed from them."""
        computed = [
            f"({column.default})::{column.type} AS {quoted(column.name)}"
            for column in self.table.columns
            if column.generated and column.default
        ]
        return f"SELECT {', '.join(['*', *computed])} FROM {source} AS {self.alias}"

    @property
    def alias(self) -> str:
        """How expressions may name the row."""
        return quoted(self.table.bare_name)

    @property
    def stored(self) -> tuple[LiveColumn, ...]:
        """The columns that are not computed."""
        return tuple(column for column in self.table.columns if not column.generated)

    def _column(self, column: LiveColumn) -> str:
        name = quoted(column.name)
        if column.name in self.names:
            return f"c{self.names.index(column.name)}::{plain_type(column)} AS {name}"
        default = column.default or ""
        if not default or "nextval(" in default:
            return f"NULL::{plain_type(column)} AS {name}"
        return f"({default})::{plain_type(column)} AS {name}"

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Every CHECK of the table, the lengths of its text, and its partitions."""
        found = [
            Rule(each.name, frozenset(each.columns), expression, f"{each.name}: {each.definition}")
            for each in self.table.of_kind("check")
            if (expression := _expression(each.definition))
        ]
        for column in self.table.columns:
            if column.max_length is not None and column.name in self.names:
                name = quoted(column.name)
                short = f"char_length({name}::text) <= {column.max_length}"
                shown = f"{column.name} takes {column.max_length} characters"
                found.append(
                    Rule(f"length of {column.name}", frozenset([column.name]), short, shown)
                )
        return (*found, *self.more)


@asynccontextmanager
async def apart(connection: Connection) -> AsyncIterator[None]:
    """Keep a transaction that is open usable whatever the block's one statement does."""
    if not connection.is_in_transaction():
        yield
        return
    await connection.execute("SAVEPOINT tried")
    try:
        yield
    finally:
        await connection.execute("ROLLBACK TO SAVEPOINT tried")


def of(load: Load, more: Iterable[Rule] = (), most: int = _ROWS) -> Sample:
    """The first rows of a load."""
    population = load.population
    names = tuple(population.generators)
    rows = population.block(population.first_block)
    columns = tuple([plain(text) for text in islice(rows.texts(name), most)] for name in names)
    return Sample(load.table, names, columns, more=tuple(more))


def plain_type(column: LiveColumn) -> str:
    """The type to read a value as: below a domain, whose CHECKs are asked one by one."""
    if not column.in_domain:
        return column.base if column.base in ("varchar", "bpchar") else column.type
    return f"{column.element}[]" if column.element else column.base


def plain(text: str) -> str | None:
    """A field of COPY's text format as the value it stands for."""
    if text == NULL:
        return None
    made, place = "", 0
    while (at := text.find("\\", place)) >= 0:
        made += text[place:at] + _ESCAPED.get(text[at : at + 2], text[at + 1 : at + 2])
        place = at + 2
    return made + text[place:]


def literal(text: str | None) -> str:
    """A value as SQL."""
    if text is None:
        return "NULL"
    return ("E'" if "\\" in text else "'") + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _expression(definition: str) -> str:
    """What a CHECK demands; nothing where the server does not enforce it."""
    if not definition.startswith("CHECK ") or definition.endswith(" NOT ENFORCED"):
        return ""
    inside = definition.removeprefix("CHECK ")
    for suffix in _SUFFIXES:
        inside = inside.removesuffix(suffix)
    return inside


def group_of(failing: Sequence[Rule], names: Iterable[str]) -> tuple[str, ...]:
    """The columns that some rules are about, in the table's order."""
    wanted = frozenset[str]().union(*(rule.columns for rule in failing))
    return tuple(name for name in names if name in wanted)
