"""The constraints of one table on both sides."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Constraint,
    ForeignKeyConstraint,
    Table,
    UniqueConstraint,
)

from dbtool import catalog as cat
from dbtool.migrate.diff.code import commented, literal
from dbtool.migrate.diff.retyped import (
    GOES_FIRST,
    cannot_be_referred_to,
    in_two,
    stands_on_another_type,
)
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


def compare(said: Comparison, pair: Pair) -> None:
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
        return in_two(said, pair, (what, models.name), text, (drop, made), _sides(models, live))
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


def _sides(models: cat.Constraint, live: cat.Constraint) -> tuple[str, str]:
    return models.definition, live.definition


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
