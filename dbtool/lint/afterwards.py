"""What later migrations of the same run settle of what was found in a migration."""

from collections.abc import Iterator, Sequence, Set

from dbtool.finding import Finding, Location
from dbtool.lint.actions import Action, AddColumn, AddConstraint, CreateTable, Write
from dbtool.lint.actions.commands import Writes
from dbtool.lint.linted import Outcome
from dbtool.lint.rules import foreign_key_without_index
from dbtool.lint.saying import place
from dbtool.lint.schema import Constraint, Name, Schema
from dbtool.lint.subject import Judged, Whole
from dbtool.lint.values import replace
from dbtool.statement import Migration

_NAME = foreign_key_without_index.NAME


def settled(outcomes: Sequence[Outcome], schemas: Sequence[Schema]) -> tuple[Outcome, ...]:
    """The outcomes without foreign keys that a later migration gives an index.

    Each of the schemas is the one after the last migration of the outcome's database.
    """
    noted = [any(each.rule == _NAME for each in outcome.findings) for outcome in outcomes]
    emptied = _emptied(outcomes) if any(noted[:-1]) else {}
    return tuple(
        _settled(outcome, schema, {name for name, last in emptied.items() if last >= number})
        if noted[number] and number < len(outcomes) - 1
        else outcome
        for number, (outcome, schema) in enumerate(zip(outcomes, schemas, strict=True))
    )


def _emptied(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """The tables that rows are deleted from, each with the last migration that does so."""
    return {
        action.table.name: number
        for number, outcome in enumerate(outcomes)
        for _, action in _actions(outcome)
        if isinstance(action, Write) and action.kind in (Writes.DELETE, Writes.MERGE)
    }


def _settled(outcome: Outcome, schema: Schema, emptied: Set[str]) -> Outcome:
    """Rows that go before the index is there are looked for in the whole table."""
    notes = {(each.location, each.title) for each in outcome.findings if each.rule == _NAME}
    again = [*_again(outcome, schema)]
    same = {(each.location, each.title) for each in again}
    fewer = {each.location: each for each in again if (each.location, each.title) not in notes}
    kept: list[Finding] = []
    for each in outcome.findings:
        stays = each.rule != _NAME or (each.location, each.title) in same
        if stays or _stays_open(outcome, each, schema, emptied):
            kept.append(each)
        elif (left := fewer.pop(each.location, None)) is not None:
            kept.append(left)
    return replace(outcome, findings=tuple(kept))


def _again(outcome: Outcome, schema: Schema) -> Iterator[Finding]:
    """What the rule says now."""
    whole = Whole(
        migration=Migration(name=outcome.name),
        statements=tuple(Judged(statement=v.statement, steps=v.steps) for v in outcome.verdicts),
        schema=schema,
        kinds=frozenset(type(action) for _, action in _actions(outcome)),
    )
    said = foreign_key_without_index.check(whole)
    return (each for each in said if isinstance(each, Finding))


def _stays_open(outcome: Outcome, note: Finding, schema: Schema, emptied: Set[str]) -> bool:
    """Whether a table of it is called otherwise since, or what it refers to loses rows."""
    for where, action in _actions(outcome):
        if where != note.location:
            continue
        name = getattr(action, "table", None)
        if isinstance(name, Name) and schema.table(name) is None:
            return True
        if any(key.references and key.references.name in emptied for key in _keys(action)):
            return True
    return False


def _keys(action: Action) -> Sequence[Constraint]:
    match action:
        case AddConstraint(constraint=constraint):
            return (constraint,)
        case AddColumn(constraints=constraints) | CreateTable(constraints=constraints):
            return constraints
    return ()


def _actions(outcome: Outcome) -> Iterator[tuple[Location, Action]]:
    for verdict in outcome.verdicts:
        for step in verdict.steps:
            yield place(verdict.statement), step.action
