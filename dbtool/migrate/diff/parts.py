"""The constraints and indexes of one table on both sides."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Constraint,
    ForeignKeyConstraint,
    Index,
    Table,
    UniqueConstraint,
)

from dbtool import catalog as cat
from dbtool.migrate.diff.code import commented, literal
from dbtool.migrate.diff.retyped import cannot_be_referred_to, stands_on_another_type
from dbtool.migrate.diff.sides import Comparison, Pair, Step
from dbtool.sql.names import identifier

_WORDS = {
    "primary key": ("primary", "primary key"),
    "unique": ("unique", "unique_constraint"),
    "foreign key": ("foreignkey", "foreign_key_constraint"),
    "check": ("check", "check_constraint"),
    "exclusion": ("", "exclude_constraint"),
}
"""What Alembic calls a kind of constraint: in drop_constraint, and to the filters."""

_BEYOND = (
    "NOT VALID",
    "NOT ENFORCED",
    "NO INHERIT",
    " MATCH ",
    " SET NULL (",
    " SET DEFAULT (",
    " INCLUDE (",
)
"""What the operations of Alembic cannot say of a constraint."""

_EXPRESSIONS = ("check", "exclusion")
_RETYPED = ", and a column of it gets another type:"
GOES_FIRST = f"{_RETYPED} it goes first"
COMES_BACK = f"{_RETYPED} it comes back behind that"
"""How the text of a part ends that cannot stand while the type of a column changes."""

MAKES_ROOM = ", and has the name of what comes: "
"""How the text of what goes ends where the models use the name of an index elsewhere."""


def constraints(said: Comparison, pair: Pair) -> None:
    """Pair the constraints by name, what nobody named by what it says, and tell the rest."""
    items = dict(named(said, pair.table))
    mine = {(each.kind, each.name): each for each in own(pair.models)}
    theirs = {(each.kind, each.name): each for each in own(pair.database)}
    for key in sorted(mine.keys() & theirs.keys()):
        _same_name(said, pair, items, mine.pop(key), theirs.pop(key))
    for key, constraint in sorted(mine.items()):
        other = next((k for k, e in theirs.items() if alike(constraint, e)), None)
        if other is None:
            continue
        live = theirs.pop(other)
        del mine[key]
        if constraint.name in items and _wanted(said, pair, items, constraint):
            _renamed(said, pair, constraint, live)
    for constraint in mine.values():
        if _wanted(said, pair, items, constraint):
            _missing(said, pair, items, constraint)
    for constraint in theirs.values():
        if _wanted(said, pair, {}, constraint):
            _extra(said, pair, constraint)


def own(table: cat.Table) -> Iterable[cat.Constraint]:
    """What the table itself has; NOT NULL is a column's, the rest comes from a parent."""
    return (e for e in table.constraints if e.kind in _WORDS and not (e.derived or e.inherited))


def alike(one: cat.Constraint, other: cat.Constraint) -> bool:
    """Whether two constraints say the same, whatever they are called."""
    return (one.kind, one.definition, one.comment) == (other.kind, other.definition, other.comment)


def named(said: Comparison, table: Table) -> Iterable[tuple[str, Constraint]]:
    """The constraints of the models that have a name, as the server shortens it."""
    preparer = said.scope.context.dialect.identifier_preparer
    for constraint in table.constraints:
        if constraint.name is not None:
            name = preparer.format_constraint(constraint)
            if name:
                yield name.replace('""', '"').strip('"'), constraint


def _wanted(
    said: Comparison, pair: Pair, items: dict[str, Constraint], constraint: cat.Constraint
) -> bool:
    kind = _WORDS[constraint.kind][1]
    if constraint.kind in ("primary key", "exclusion"):
        return True
    return said.scope.wants_part(kind, pair.table, constraint.name, items.get(constraint.name))


def _same_name(
    said: Comparison,
    pair: Pair,
    items: dict[str, Constraint],
    models: cat.Constraint,
    live: cat.Constraint,
) -> None:
    apart = _goes_first(pair, models, live)
    equal = alike(models, live) and not (apart and models.kind == "foreign key")
    if equal or not _wanted(said, pair, items, models):
        return
    code, (what, text) = said.code(), _about(pair, models)
    if apart:
        drop = code.drop_constraint(pair.table, live.name, _WORDS[live.kind][0])
        made = created(code, pair, items, models)
        return _in_two(said, pair, (what, models.name), text, (drop, made), _sides(models, live))
    if models.definition == live.definition:
        on = f"CONSTRAINT {identifier(models.name)} ON {code.name(*pair.key)}"
        done = code.execute(f"COMMENT ON {on} IS {literal(models.comment)}")
        text += " has another comment in the database"
        return said.tell(Step.ADD_PART, ("different-comment", models.name), text, (code, done))
    kind, sides = f"different-{what}", _sides(models, live)
    if live.definition == f"{models.definition} NOT VALID":
        where = f"ALTER TABLE {code.name(*pair.key)}"
        done = code.execute(f"{where} VALIDATE CONSTRAINT {identifier(models.name)}")
        text += " is not validated in the database"
        return said.tell(Step.REFER, (kind, models.name), text, (code, done), sides)
    drop = code.drop_constraint(pair.table, live.name, _WORDS[live.kind][0])
    done = f"{drop}\n{created(code, pair, items, models)}"
    text += f" is {live.definition} in the database, {models.definition} in the models"
    step = Step.REFER if models.kind == "foreign key" else Step.DROP_PART
    said.tell(step, (kind, models.name), text, (code, done), sides)


def _goes_first(pair: Pair, models: cat.Constraint, live: cat.Constraint) -> bool:
    """Whether a constraint has to be gone while a column of it gets another type."""
    if models.kind == "foreign key":
        return cannot_be_referred_to(pair, {*models.columns, *live.columns})
    columns = {*models.columns, *live.columns}
    return models.kind in _EXPRESSIONS and stands_on_another_type(pair, columns)


def _sides(models: cat.Constraint | cat.Index, live: cat.Constraint | cat.Index) -> tuple[str, str]:
    return models.definition, live.definition


def _in_two(
    said: Comparison,
    pair: Pair,
    what: tuple[str, str],
    about: str,
    operations: tuple[str, str],
    sides: tuple[str, str],
) -> None:
    """What goes before the type of a column changes, and comes back behind that."""
    kind, name = what
    said.released.add((pair.key, name))
    models, live = sides
    differs = (
        f"is {live} in the database, {models} in the models" if models != live else "is the same"
    )
    before, behind = f"{about} {differs}{GOES_FIRST}", f"{about} {differs}{COMES_BACK}"
    step = Step.REFER if kind == "foreignkey" else Step.ADD_PART
    said.tell(Step.RELEASE, (f"before-{kind}", name), before, (said.code(), operations[0]), sides)
    said.tell(step, (f"behind-{kind}", name), behind, (said.code(), operations[1]), sides)


def _renamed(said: Comparison, pair: Pair, models: cat.Constraint, live: cat.Constraint) -> None:
    code, (what, _) = said.code(), _about(pair, models)
    old, new = identifier(live.name), identifier(models.name)
    done = code.execute(f"ALTER TABLE {code.name(*pair.key)} RENAME CONSTRAINT {old} TO {new}")
    _, text = _about(pair, models)
    text += f" is called {live.name} in the database"
    kind = (f"renamed-{what}", models.name)
    said.tell(Step.DROP_PART, kind, text, (code, done), (models.name, live.name))


def _missing(
    said: Comparison, pair: Pair, items: dict[str, Constraint], constraint: cat.Constraint
) -> None:
    code, (what, text) = said.code(), _about(pair, constraint)
    done = created(code, pair, items, constraint)
    text += " is in the models, not in the database"
    step = Step.REFER if constraint.kind == "foreign key" else Step.ADD_PART
    sides = (constraint.definition, None)
    said.tell(step, (f"missing-{what}", constraint.name), text, (code, done), sides)


def _extra(said: Comparison, pair: Pair, constraint: cat.Constraint) -> None:
    code, (what, text) = said.code(), _about(pair, constraint)
    done = code.drop_constraint(pair.table, constraint.name, _WORDS[constraint.kind][0])
    text += " is in the database, not in the models"
    step = Step.FREE if constraint.kind == "foreign key" else Step.DROP_PART
    if constraint.kind in _EXPRESSIONS and stands_on_another_type(pair, constraint.columns):
        step, text = Step.RELEASE, text + GOES_FIRST
        said.released.add((pair.key, constraint.name))
    sides = (None, constraint.definition)
    said.tell(step, (f"extra-{what}", constraint.name), text, (code, done), sides)


def created(
    code: Any,
    pair: Pair,
    items: dict[str, Constraint],
    constraint: cat.Constraint,
) -> str:
    """In Alembic's terms where these say all of it, else as the server prints it."""
    item = items.get(constraint.name) or _unnamed(pair.table, constraint)
    definition = code.bare(_unqualified(constraint, code.default))
    done = ""
    if not any(each in definition for each in _BEYOND):
        if isinstance(item, UniqueConstraint | ForeignKeyConstraint):
            # What was reflected does not always say that it can be deferred.
            if bool(item.deferrable) == (" DEFERRABLE" in definition):
                done = code.add_constraint(item, constraint.name)
        elif isinstance(item, CheckConstraint) or constraint.kind == "check":
            condition = definition.removeprefix("CHECK (").removesuffix(")")
            done = code.create_check(pair.table, constraint.name, condition)
    where = f"ALTER TABLE {code.name(*pair.key)} ADD CONSTRAINT"
    done = done or code.execute(f"{where} {identifier(constraint.name)} {definition}")
    return "\n".join((done, *map(code.execute, commented(code, pair.key, constraint))))


def _unnamed(table: Table, constraint: cat.Constraint) -> Constraint | None:
    """The constraint of the models that the server gave a name."""
    kind = {"foreign key": ForeignKeyConstraint, "unique": UniqueConstraint}.get(constraint.kind)
    found = [
        each
        for each in table.constraints
        if isinstance(each, ForeignKeyConstraint | UniqueConstraint)
        and type(each) is kind
        and each.name is None
        and tuple(column.name for column in each.columns) == constraint.columns
    ]
    return found[0] if len(found) == 1 else None


def _unqualified(constraint: cat.Constraint, default: str) -> str:
    """The definition, with a table of the default schema by its bare name, as in each tenant."""
    other = constraint.references
    if other is None or other.schema != default:
        return constraint.definition
    before = f" REFERENCES {identifier(default)}."
    plain = f" REFERENCES {default}."
    return constraint.definition.replace(before, " REFERENCES ", 1).replace(
        plain, " REFERENCES ", 1
    )


def _about(pair: Pair, constraint: cat.Constraint) -> tuple[str, str]:
    """The kind in a word, and the constraint in a sentence."""
    word = "constraint" if constraint.kind != "check" else "check"
    noun = "primary key" if constraint.kind == "primary key" else f"{constraint.kind} constraint"
    return word if word == "check" else _WORDS[constraint.kind][0] or "exclusion", (
        f"{noun} {constraint.name} on {pair.shown}"
    )


def indexes(said: Comparison, pair: Pair) -> None:
    """Indexes that carry no constraint and come from no parent."""
    items = {index_name(said, each): each for each in pair.table.indexes if each.name}
    mine = {each.name: each for each in pair.models.indexes if stands_alone(each)}
    theirs = {each.name: each for each in pair.database.indexes if stands_alone(each)}
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
    sides = _sides(models, live)
    if stands_on_another_type(pair, {*models.reads, *live.reads}):
        return _in_two(said, pair, ("index", models.name), text, (drop, made), sides)
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
