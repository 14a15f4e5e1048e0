"""Choose a generator for a column: what is certain first, then its name, then its type."""

import re

from dbtool.seed import naming, numbers
from dbtool.seed.checks import Bounds, OneOf, Pattern
from dbtool.seed.keys import Serial, UniqueUuid
from dbtool.seed.live import LiveColumn
from dbtool.seed.rows import Generator
from dbtool.seed.subject import INTEGERS, TEXTS, Choice, Subject, Unfit, left_out
from dbtool.seed.values import (
    Constant,
    Formatted,
    Listed,
    Numbered,
    Pool,
    Sometimes,
    Weighted,
    escaped,
)

_COMMON = re.compile(
    r"^(active|published|delivered|completed|complete|done|public|enabled|approved|paid|success"
    r"|succeeded|open|verified|accepted)$"
)
_NULL_SHARE = 40


def choose(column: LiveColumn, subject: Subject) -> Choice:
    """The generator of one column that is neither a foreign key nor a time."""
    if choice := _certain(column, subject):
        return choice if column.name in subject.unique else _with_nulls(choice, column)
    if said := subject.meaning.opaque.get(column.name):
        return left_out(column, f"only {said} knows what it stores")
    choice = (
        naming.by_name(column, subject)
        or numbers.by_name(column, subject)
        or numbers.by_type(column, subject)
    )
    if choice is None and column.base in TEXTS:
        choice = naming.text_by_type(column, subject)
    if choice is None:
        return left_out(column, f"no generator for {column.type}")
    choice = _checked(choice, column, subject)
    if column.name not in subject.unique:
        return _with_nulls(choice, column)
    if not isinstance(choice.generator, Numbered | Listed | Formatted):
        raise Unfit(f"{column.name}: no unique values of {column.type} can be made")
    return choice._replace(source="unique", confidence="certain")


def _certain(column: LiveColumn, subject: Subject) -> Choice | None:
    if column.generated:
        return Choice(None, "generated", "certain", "computed by the server")
    if column.base in INTEGERS and (column.identity or column.sequence):
        return Choice(Serial(), "identity", "certain")
    if column.name == subject.meaning.version and column.base in INTEGERS:
        return Choice(Constant("1"), "model", "certain", "optimistic lock")
    if column.base in INTEGERS and column.name in subject.unique:
        return Choice(Serial(), "unique", "certain")
    if column.base == "uuid":
        return Choice(UniqueUuid(column.name), "type", "certain")
    if labels := subject.labels(column):
        source = _limited_by(column, subject)
        return Choice(_weighted(column.name, labels), source, "certain")
    return None


def _limited_by(column: LiveColumn, subject: Subject) -> str:
    if any(isinstance(fact, OneOf) and fact.column == column.name for fact in subject.facts):
        return "check"
    return "enum" if column.labels else "model"


def _weighted(name: str, labels: tuple[str, ...]) -> Weighted:
    slots = [label for label in labels for _ in range(5 if _COMMON.search(label) else 1)]
    return Weighted(name, tuple(escaped(slot) for slot in slots))


def _with_nulls(choice: Choice, column: LiveColumn) -> Choice:
    if choice.generator is None or not column.nullable:
        return choice
    return choice._replace(generator=Sometimes(column.name, choice.generator, _NULL_SHARE))


def _checked(choice: Choice, column: LiveColumn, subject: Subject) -> Choice:
    """Refuse a choice that a CHECK with a pattern would refuse, as far as can be told."""
    for fact in subject.facts:
        if isinstance(fact, Pattern) and fact.column == column.name:
            sample = _sample(choice.generator)
            if not sample or not all(_matches(fact.regex, text) for text in sample):
                return left_out(column, f"no generator for text that matches {fact.regex}")
            return choice._replace(source="check", confidence="certain")
        if isinstance(fact, Bounds) and fact.column == column.name:
            return choice._replace(source="check", confidence="certain")
    return choice


def _matches(regex: str, text: str) -> bool:
    try:
        return re.search(regex, text) is not None
    except re.error:
        return False


def _sample(generator: Generator | None) -> tuple[str, ...]:
    match generator:
        case Pool() | Listed() | Weighted():
            return generator.values
        case Formatted():
            return generator.template.format(1), generator.template.format(1_234_567)
        case Constant():
            return (generator.text,)
        case Numbered():
            return tuple(
                f"{value}{generator.separator}17{ending}"
                for value in generator.values
                for ending in generator.endings
            )
    return ()
