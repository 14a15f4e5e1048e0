"""What rules have in common: how sure they are, where it is, and what they look through."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from dbtool.finding import Certainty, Location, Unknown
from dbtool.lint.actions import CreateView, Write
from dbtool.lint.code import execute, in_batches
from dbtool.lint.effect import Effect, Lock, Missing
from dbtool.lint.schema import Name, Schema
from dbtool.lint.subject import Judged, Whole
from dbtool.statement import Statement

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Seen(Generic[A]):
    """One action of a whole migration, with its statement and what it does."""

    statement: Statement
    action: A
    effect: Effect


def actions_of(whole: Whole, kind: type[A], way: str = "up") -> Iterator[Seen[A]]:
    """The actions of one kind on one way of a migration, of those that do something."""
    return _seen(whole, kind, way) if kind in whole.kinds else iter(())


def _seen(whole: Whole, kind: type[A], way: str) -> Iterator[Seen[A]]:
    for judged in ways(whole, way):
        for step in judged.steps:
            if isinstance(step.action, kind) and not step.effect.idle:
                yield Seen(judged.statement, step.action, step.effect)


def ways(whole: Whole, way: str) -> Iterator[Judged]:
    """The statements of one way of a migration."""
    return (each for each in whole.statements if each.way == way)


def certainty(schema: Schema, name: Name) -> Certainty:
    """How sure a verdict is that rests on what is known of a table."""
    table = schema.table(name)
    known = table is not None and table.complete
    return Certainty.PROVEN if known else Certainty.HEURISTIC


def sure(known: bool) -> Certainty:
    """Proven where all that decides was known."""
    return Certainty.PROVEN if known else Certainty.HEURISTIC


def undecided(rule: str, what: str, missing: Missing) -> Unknown:
    """What a verdict on something hangs on."""
    return Unknown(rule=rule, reason=f"{what}: {missing.fact}", decide=missing.decide)


def place(statement: Statement) -> Location:
    """Where a statement is."""
    return Location(statement.file or None, statement.line or None, statement.revision or None)


def shown(schema: Schema, name: Name) -> str:
    """A name as the team writes it: without the schema that goes without saying."""
    return name.name if name.schema in ("", *schema.search_path[:1]) else str(name)


def in_use(effect: Effect, name: Name) -> bool:
    """Whether the statement locks the relation, which it does not where nobody else uses it."""
    return any(
        held.relation.name == name.name and name.schema in ("", held.relation.schema)
        for held in effect.locks
        if held.lock > Lock.NONE
    )


def own_code(statement: Statement) -> str:
    """The statement in a revision: the team's own call, or `op.execute` of its text."""
    if not statement.operation.startswith("op."):
        return execute(statement.sql)
    first, *rest = statement.source.split("\n")
    outer = min((len(each) - len(each.lstrip()) for each in rest if each.strip()), default=0)
    return "\n".join([first, *(each[outer:] for each in rest)])


def is_revision(statement: Statement) -> bool:
    """Whether it stands in a revision and not in a script of SQL."""
    return bool(statement.revision) or statement.file.endswith(".py")


def is_there(schema: Schema, name: Name) -> bool:
    """Whether a table or view of that name is known."""
    return schema.table(name) is not None or schema.view(name) is not None


def new_views(whole: Whole) -> frozenset[str]:
    """The names of the views that the migration itself creates."""
    return frozenset(seen.action.view.name for seen in actions_of(whole, CreateView))


def transactions(whole: Whole) -> Iterator[list[Judged]]:
    """The statements of the way up that commit together, of each transaction with several."""
    groups: dict[int, list[Judged]] = {}
    for judged in ways(whole, "up"):
        if judged.statement.transaction is not None:
            groups.setdefault(judged.statement.transaction, []).append(judged)
    return (each for each in groups.values() if len(each) > 1)


def backfill(schema: Schema, action: Write, sql: str) -> str | None:
    """Code that changes the rows in batches, along the table's key or else one called id."""
    table = schema.table(action.table)
    key = table.primary_key if table is not None else ()
    if len(key) > 1 or (not key and table is not None and table.complete):
        return None
    return in_batches(sql, action.table, key[0] if key else "id")


def along(schema: Schema, action: Write, label: str) -> str:
    """What `backfill` does, and that it had to guess the key where nobody knows it."""
    table = schema.table(action.table)
    guessed = table is None or not table.primary_key
    return f"{label}; id stands for the key, which is not known here" if guessed else label
