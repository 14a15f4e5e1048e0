"""An index that does not exist yet, and how it is written."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from dbtool.explain.advice.tables import Known
from dbtool.sql.text import quoted

_LONGEST_NAME = 63
_PATTERNS = (
    "ix_{table}_{keys}",
    "idx_{table}_{keys}",
    "{table}_{keys}_idx",
    "{table}_{keys}_ix",
    "ix_{schema}_{table}_{keys}",
    "index_{table}_on_{anded}",
    "ix_{keys}",
    "idx_{keys}",
)
"""How teams name indexes; the first is SQLAlchemy's usual convention."""


@dataclass(frozen=True, slots=True)
class IndexKey:
    """One key: SQL of a column or an expression, and how it is sorted or searched."""

    sql: str
    columns: tuple[str, ...]
    column: str = ""
    descending: bool = False
    nulls: str = ""
    opclass: str = ""

    def __str__(self) -> str:
        down = "DESC" if self.descending else ""
        return " ".join(part for part in (self.sql, self.opclass, down, self.nulls) if part)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An index worth trying; of a partitioned table, on its root."""

    schema: str
    table: str
    keys: tuple[IndexKey, ...]
    method: str = "btree"
    include: tuple[str, ...] = ()
    predicate: str = ""
    unique: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column it depends on by key or as a payload."""
        found = (column for key in self.keys for column in key.columns)
        return tuple(dict.fromkeys((*found, *self.include)))

    @property
    def on(self) -> str:
        """The table as SQL."""
        return ".".join(quoted(part) for part in (self.schema, self.table) if part)

    @property
    def shown(self) -> str:
        """What it is, in one line: `orders (customer_id, created_at DESC)`."""
        return f"{self.table} {self.body}"

    @property
    def body(self) -> str:
        """What follows the table's name in CREATE INDEX."""
        using = f"USING {self.method} " if self.method != "btree" else ""
        keys = ", ".join(map(str, self.keys))
        include = f" INCLUDE ({', '.join(map(quoted, self.include))})" if self.include else ""
        where = f" WHERE {self.predicate}" if self.predicate else ""
        return f"{using}({keys}){include}{where}"

    def sql(self, name: str, *, concurrently: bool = True, on: str = "") -> str:
        """The statement that creates it, without a semicolon."""
        how = "CREATE UNIQUE INDEX" if self.unique else "CREATE INDEX"
        how += " CONCURRENTLY" if concurrently else ""
        return f"{how} {quoted(name)} ON {on or self.on} {self.body}"


def name_of(candidate: Candidate, known: Known, also: Iterable[str] = ()) -> str:
    """A free name, in the way this database names its indexes."""
    words = [key.column or "_".join((*_functions(key.sql), *key.columns)) for key in candidate.keys]
    name = _filled(_pattern(known.names), candidate.schema, candidate.table, words)
    if candidate.predicate:
        name = f"{name[: _LONGEST_NAME - 8]}_partial"
    taken = set(also) | {index for schema, _, index in known.names if schema == candidate.schema}
    taken |= {index.name for table in known.tables for index in table.indexes}
    if table := known.table(candidate.schema, candidate.table):
        taken |= {each for schema, each in table.taken if schema == candidate.schema}
    name = name[:_LONGEST_NAME]
    number = 2
    free = name
    while free in taken:
        free = f"{name[: _LONGEST_NAME - 3]}_{number}"
        number += 1
    return free


def _functions(sql: str) -> tuple[str, ...]:
    before, bracket, _ = sql.partition("(")
    return (before,) if bracket and before.isidentifier() else ()


def _filled(pattern: str, schema: str, table: str, words: Iterable[str]) -> str:
    words = list(words)
    return pattern.format(
        schema=schema, table=table, keys="_".join(words), anded="_and_".join(words)
    )


def _pattern(names: Iterable[tuple[str, str, str]]) -> str:
    """What most of the names follow; where it cannot be told, SQLAlchemy's convention."""
    votes: Counter[str] = Counter()
    for schema, table, index in names:
        for pattern in _PATTERNS:
            before, _, after = pattern.partition("{keys}" if "{keys}" in pattern else "{anded}")
            start = before.format(schema=schema, table=table)
            if index.startswith(start) and index.endswith(after.format(table=table)):
                votes[pattern] += 1
                break
    return votes.most_common(1)[0][0] if votes else _PATTERNS[0]
