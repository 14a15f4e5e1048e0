"""A few rows for tables that only the catalogue describes, as statements for any connection."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from dbtool.catalog import Catalog, Name, Named, Table
from dbtool.seed import order
from dbtool.seed.build import build
from dbtool.seed.found import Found
from dbtool.seed.live import Adapter, identifier
from dbtool.seed.plan import Load, Request
from dbtool.seed.rows import NULL, blocks
from dbtool.sql.text import quoted

_ROWS = 3
_ESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


@dataclass(frozen=True, slots=True)
class Filling:
    """One table and the statement that puts rows into it, or why there is none."""

    table: str
    sql: str = ""
    skipped: str = ""


def fill(found: Catalog, tables: Collection[str]) -> tuple[Filling, ...]:
    """Rows for tables named with their schema, and for those they refer to, parents first.

    Rows that are there already stay, and serve: keys are counted from one.
    """
    known = {f"{each.schema}.{each.name}": each for each in found.tables if each.parent is None}
    wanted = _with_parents(known, tables)
    adapter = Adapter(found)
    live = tuple(adapter.table(each, _named(each)) for each in wanted.values())
    planned = build(Found(live, {}), Request(rows=_ROWS))
    order.refuse_absent(planned.absent)
    filled = [_filling(each) for each in planned.loads]
    skipped = [Filling(each.name, skipped=each.reason) for each in planned.plan.skipped]
    return (*filled, *skipped)


def _with_parents(known: dict[str, Table], names: Collection[str]) -> dict[str, Table]:
    found: dict[str, Table] = {}
    todo = [each for each in names if each in known]
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = table = known[name]
            referred = (each.references for each in table.constraints if each.references)
            todo += [str(each) for each in referred if str(each) in known]
    return found


def _named(table: Table) -> Named:
    asked = identifier(table.schema, table.name)
    return Named(asked, Name(table.schema, table.name), f"{table.schema}.{table.name}")


def _filling(load: Load) -> Filling:
    """One statement with every value as text, which the server reads as the column's type."""
    columns = ", ".join(map(quoted, load.population.generators))
    rows = ",\n".join(f"({', '.join(map(literal, each))})" for each in _rows(load))
    if not rows or not columns:
        return Filling(load.table.shown, skipped="it has no column to put a value into")
    into = f"INSERT INTO {load.table.name} ({columns}) OVERRIDING SYSTEM VALUE"
    return Filling(load.table.shown, f"{into} VALUES\n{rows}\nON CONFLICT DO NOTHING")


def _rows(load: Load) -> Iterator[list[str]]:
    for rows in blocks(load.population):
        yield from (line.split("\t") for line in rows.lines().split("\n") if line)


def literal(text: str) -> str:
    """A field of COPY's text format as a literal of SQL."""
    if text == NULL:
        return "NULL"
    plain, place = "", 0
    while (at := text.find("\\", place)) >= 0:
        plain += text[place:at] + _ESCAPED.get(text[at : at + 2], text[at + 1 : at + 2])
        place = at + 2
    return "'" + (plain + text[place:]).replace("'", "''") + "'"
