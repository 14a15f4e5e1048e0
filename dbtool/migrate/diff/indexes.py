"""The indexes of one table on both sides."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Index

from dbtool import catalog as cat
from dbtool.migrate.diff.code import literal
from dbtool.migrate.diff.retyped import GOES_FIRST, in_two, stands_on_another_type
from dbtool.migrate.diff.sides import Comparison, Pair, Step
from dbtool.sql.names import identifier

MAKES_ROOM = ", and has the name of what comes: "
"""How the text of what goes ends where the models use the name of an index elsewhere."""


def compare(said: Comparison, pair: Pair) -> None:
    """Indexes that carry no constraint and come from no parent."""
    items = {index_name(said, each): each for each in pair.table.indexes if each.name}
    mine = {each.name: each for each in pair.models.indexes if stands_alone(each)}
    bare = {name for name, item in items.items() if not item.expressions}
    theirs = {
        each.name: each
        for each in pair.database.indexes
        if stands_alone(each) and each.name not in bare
    }
    for name in sorted(mine.keys() & theirs.keys()):
        _same_index(said, pair, items.get(name), mine.pop(name), theirs.pop(name))
    for name, index in sorted(mine.items()):
        if not said.scope.wants_part("index", pair.table, name, items.get(name)):
            continue
        other = next((e for e in theirs.values() if e.valid and shape(e) == shape(index)), None)
        code = said.code()
        if other is not None:
            del theirs[other.name]
            old, new = code.name(pair.key[0], other.name), identifier(name)
            done = code.execute(f"ALTER INDEX {old} RENAME TO {new}")
            text = f"index {name} on {pair.shown} is called {other.name} in the database"
            what, sides = ("renamed-index", name), (name, other.name)
            said.tell(Step.DROP_PART, what, text, (code, done), sides)
            continue
        text = f"index {name} on {pair.shown} is in the models, not in the database"
        done = created_index(code, items.get(name), index)
        sides_ = (index.definition, None)
        said.tell(Step.ADD_PART, ("missing-index", name), text, (code, done), sides_)
    for name, index in sorted(theirs.items()):
        if said.scope.wants_part("index", pair.table, name, None):
            code = said.code()
            text = f"index {name} on {pair.shown} is in the database, not in the models"
            done = code.drop_index(pair.table, name)
            sides_x, step = (None, index.definition), Step.DROP_PART
            if _is_used_elsewhere(said, pair, name):
                room = said.scope.shown((pair.key[0], name))
                step, text = Step.FREE, f"{text}{MAKES_ROOM}{room}"
            if stands_on_another_type(pair, index.reads):
                step, text = Step.RELEASE, text + GOES_FIRST
                said.released.add((pair.key, name))
            said.tell(step, ("extra-index", name), text, (code, done), sides_x)


def _is_used_elsewhere(said: Comparison, pair: Pair, name: str) -> bool:
    tables = (each for key, each in said.models.tables.items() if key != pair.key)
    return any(t.schema == pair.key[0] and any(e.name == name for e in t.indexes) for t in tables)


def _same_index(
    said: Comparison, pair: Pair, item: Index | None, models: cat.Index, live: cat.Index
) -> None:
    equal = models.definition == live.definition
    spoiled = models.valid and not live.valid
    # Only DDL events give an index of the models a comment: without one it may have any.
    if equal and not spoiled and models.comment in (None, live.comment):
        return
    if not said.scope.wants_part("index", pair.table, models.name, item):
        return
    code, text = said.code(), f"index {models.name} on {pair.shown}"
    if equal and not spoiled:
        name = code.name(pair.key[0], models.name)
        done = code.execute(f"COMMENT ON INDEX {name} IS {literal(models.comment)}")
        text += " has another comment in the database"
        return said.tell(Step.ADD_PART, ("different-comment", models.name), text, (code, done))
    kept = replace(models, comment=models.comment or live.comment)
    drop, made = code.drop_index(pair.table, live.name), created_index(code, item, kept)
    sides = models.definition, live.definition
    if stands_on_another_type(pair, {*models.reads, *live.reads}):
        return in_two(said, pair, ("index", models.name), text, (drop, made), sides)
    done = f"{drop}\n{made}"
    old, new = live.definition.partition(" ON ")[2], models.definition.partition(" ON ")[2]
    text += " is invalid in the database" if spoiled else _index_words(models, live, old, new)
    said.tell(Step.DROP_PART, ("different-index", models.name), text, (code, done), sides)


def _index_words(models: cat.Index, live: cat.Index, old: str, new: str) -> str:
    if models.unique != live.unique:
        states = ("is not unique", "is unique")
        return f" {states[live.unique]} in the database, {states[models.unique]} in the models"
    old, new = (each.partition(" USING ")[2] or each for each in (old, new))
    return f" is {old} in the database, {new} in the models"


def created_index(code: Any, item: Index | None, index: cat.Index) -> str:
    """In the terms of Alembic where the models have it, else as the server prints it."""
    done = code.create_index(item) if item is not None else ""
    done = done or code.execute(index.definition)
    if index.comment:
        schema = index.definition.partition(" ON ")[2].partition(".")[0].removeprefix("ONLY ")
        name = f"{schema}.{identifier(index.name)}"
        done += "\n" + code.execute(f"COMMENT ON INDEX {name} IS {literal(index.comment)}")
    return str(done)


def stands_alone(index: cat.Index) -> bool:
    """Whether it carries no constraint and comes from no parent."""
    return index.constraint is None and index.parent is None


def shape(index: cat.Index) -> tuple[object, ...]:
    """An index without its name."""
    return index.unique, index.definition.partition(" ON ")[2], index.comment


def index_name(said: Comparison, index: Index) -> str:
    """What the server calls an index of the models."""
    preparer = said.scope.context.dialect.identifier_preparer
    return (preparer.format_index(index) or "").replace('""', '"').strip('"')
