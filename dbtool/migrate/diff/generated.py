"""Columns generated from others, and what goes with a column that has to be made anew."""

import re
from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Column

from dbtool import catalog as cat
from dbtool.migrate.diff.code import Code
from dbtool.migrate.diff.constraints import alike, created, named, own
from dbtool.migrate.diff.indexes import created_index, index_name, shape, stands_alone
from dbtool.migrate.diff.sides import Comparison, Pair


def generated_from(said: Comparison, pair: Pair, live: cat.Column) -> "Iterator[Column[Any]]":
    """What is generated from a column, and has to go while its type changes.

    Where foreign keys of other tables lead to it, it is left to people.
    """
    name = re.compile(rf"\b{re.escape(live.name)}\b")
    items = {each.name: each for each in pair.table.columns}
    for each in pair.database.columns:
        if not each.generated or not name.search(each.default or ""):
            continue
        if each.name in items and not _is_referred_to(said, pair, each.name):
            yield items[each.name]


def made_again(said: Comparison, pair: Pair, code: Code, columns: Collection[str]) -> Iterator[str]:
    """The indexes and constraints that go with columns, as the models want them.

    What only the models have is told by itself, as is what only the database has.
    """
    gone = {*columns}
    constraints = [*own(pair.database)]
    for each in own(pair.models):
        if gone & {*each.columns} and any(_is_the_same(each, one) for one in constraints):
            yield created(code, pair, dict(named(said, pair.table)), each)
    indexes = [each for each in pair.database.indexes if stands_alone(each)]
    items = {index_name(said, each): each for each in pair.table.indexes if each.name}
    for index in pair.models.indexes:
        if not stands_alone(index) or not gone & {*index.reads}:
            continue
        if any(e.name == index.name or shape(e) == shape(index) for e in indexes):
            yield created_index(code, items.get(index.name), index)


def _is_the_same(one: cat.Constraint, other: cat.Constraint) -> bool:
    return (one.kind, one.name) == (other.kind, other.name) or alike(one, other)


def _is_referred_to(said: Comparison, pair: Pair, column: str) -> bool:
    return any(
        constraint.references is not None
        and (constraint.references.schema, constraint.references.name) == pair.key
        and column in constraint.referenced_columns
        for table in said.database.catalog.tables
        for constraint in table.constraints
    )
