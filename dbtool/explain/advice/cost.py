"""What an index costs: room, and more work for every write."""

from dataclasses import dataclass
from math import prod

from dbtool.explain.advice.candidate import Candidate
from dbtool.explain.advice.selectivity import held
from dbtool.explain.advice.tables import Known, Table

_HEADER = 8
_LINE_POINTER = 4
_ROW_HEADER = 27
_FILL = 0.9
_ROW_POINTER = 6
_LEAST_SHARED = 2.0
_HOT_MATTERS = 0.3
_LEAST_UPDATES = 1000
_GIN_FACTOR = 1.2


@dataclass(frozen=True, slots=True)
class Size:
    """How large an index would be: rows in it and bytes on disk."""

    rows: float
    bytes: float


@dataclass(frozen=True, slots=True)
class Writes:
    """What an index adds to writes.

    `overhead` is the share by which what a write writes grows. `hot` is the share of updates
    that touch no index today; those that change `columns` no longer can.
    """

    overhead: float
    inserted: int
    updated: int
    deleted: int
    hot: float
    columns: tuple[str, ...]

    @property
    def endangers_hot(self) -> bool:
        """Whether many updates are cheap today that might not be afterwards."""
        return self.updated >= _LEAST_UPDATES and self.hot >= _HOT_MATTERS


def rows_of(table: Table | None, known: Known) -> float:
    """The rows of a table, with those of its partitions."""
    if table is None:
        return 0.0
    if table.rows > 0 or table.kind != "p":
        return max(table.rows, 0.0)
    return sum(max(each.rows, 0.0) for each in known.tables if each.root == table.key)


def size(candidate: Candidate, known: Known) -> Size:
    """Rows and bytes; equal keys of a B-tree share one entry."""
    table = known.table(candidate.schema, candidate.table)
    rows = rows_of(table, known) * held(candidate, known)
    width = _width(candidate, table)
    entry = _HEADER + -(-width // 8) * 8 + _LINE_POINTER
    if candidate.method == "gin":
        return Size(rows, rows * _ROW_POINTER * _GIN_FACTOR / _FILL + rows * width / 8)
    different = min(rows, _different(candidate, table))
    if candidate.method == "btree" and not candidate.include and different:
        together = rows / different
        if together >= _LEAST_SHARED:
            return Size(rows, rows * (_ROW_POINTER + entry / together) / _FILL)
    return Size(rows, rows * entry / _FILL)


def _width(candidate: Candidate, table: Table | None) -> float:
    columns = [table.columns.get(name) if table else None for name in candidate.columns]
    return sum(each.width if each else 16.0 for each in columns)


def _different(candidate: Candidate, table: Table | None) -> float:
    columns = [table.columns.get(name) if table else None for name in candidate.columns]
    return prod(each.distinct or 1e9 if each else 1e9 for each in columns)


def writes(candidate: Candidate, known: Known) -> Writes:
    """What the index adds to each write, and what is written today."""
    table = known.table(candidate.schema, candidate.table)
    parts = [each for each in known.tables if table and each.root == table.root]
    updated = sum(each.updated for each in parts)
    row = sum(each.width for each in table.columns.values()) if table else 0.0
    return Writes(
        overhead=(_HEADER + _width(candidate, table))
        / (_ROW_HEADER + row)
        * held(candidate, known),
        inserted=sum(each.inserted for each in parts),
        updated=updated,
        deleted=sum(each.deleted for each in parts),
        hot=sum(each.hot for each in parts) / updated if updated else 0.0,
        columns=candidate.columns,
    )
