"""Fill only what is missing: tables without rows, and those with fewer than are wanted."""

from collections.abc import Mapping
from dataclasses import replace

from dbtool.database.sync import SyncConnection
from dbtool.seed.build import build
from dbtool.seed.found import Found
from dbtool.seed.live import LiveTable
from dbtool.seed.plan import Request


def shortfall(session: SyncConnection, found: Found, request: Request) -> Request | None:
    """A request for what is missing; None where nothing is.

    A table of its own gets as many rows as it is short of; one whose rows follow from others
    is filled where it is empty, and for the rows its parents get.
    """
    wanted = build(replace(found, first_blocks={}), request)
    held = _held(session, [each.table for each in wanted.loads])
    filled: dict[str, int] = {}
    for each in wanted.loads:
        table, there = each.table, held[each.table.name]
        parents = {key.target for key in table.of_kind("foreign key")} - {table.name}
        if not there:
            filled[table.name] = 0
        elif each.population.walk is None and each.population.count > there:
            filled[table.name] = each.population.count - there
        elif each.population.walk is not None and parents & filled.keys():
            filled[table.name] = 0
    if not filled:
        return None
    short = {each.table.sql_name: filled.get(each.table.name, 0) for each in wanted.loads}
    rules = {name: request.rule(name) for name in {*short, *dict(request.rules)}}
    rules |= {name: replace(rules[name], rows=rows) for name, rows in short.items() if rows}
    scaled = replace(request, rows=request.base_rows, scale=1.0)
    return replace(scaled, tables=tuple(filled), rules=tuple(sorted(rules.items(), key=_name)))


def _name(rule: tuple[str, object]) -> str:
    return rule[0]


def _held(session: SyncConnection, tables: list[LiveTable]) -> Mapping[str, int]:
    if not tables:
        return {}
    counts = ", ".join(f"(SELECT count(*) FROM {table.name})" for table in tables)
    row = session.fetchrow(f"SELECT {counts}")
    return {table.name: row[place] for place, table in enumerate(tables)} if row else {}
