"""Choose a generator for a column: what is certain first, then its name, then its type."""

import re
from dataclasses import replace

from dbtool.seed import naming, numbers, patterns, pools
from dbtool.seed.checks import Bounds, OneOf, Pattern
from dbtool.seed.joint import Each
from dbtool.seed.keys import Serial, UniqueUuid
from dbtool.seed.kinds import counted
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
    if made := subject.slots.get(column.name):
        return Choice(made, "exclusion", "certain")
    if choice := _certain(column, subject) or _by_pattern(column, subject):
        # A row whose kind is not told cannot be loaded.
        always = column.name in subject.unique or column.name in subject.meaning.discriminators
        return choice if always else _with_nulls(choice, column)
    if choice := _as_stored(column, subject):
        return choice if column.name in subject.unique else _with_nulls(choice, column)
    if said := subject.meaning.opaque.get(column.name):
        return left_out(column, f"only {said} knows what it stores")
    choice = (
        naming.by_name(column, subject)
        or numbers.by_name(column, subject)
        or _by_default(column, subject)
        or numbers.by_type(column, subject)
    )
    without = choice is None or choice.generator is None
    if column.base in TEXTS and column.name in subject.unique and without:
        choice = Choice(naming.different(column, subject), "unique", "certain")
    elif choice is None and column.base in TEXTS:
        choice = naming.text_by_type(column, subject)
    if choice is None:
        return left_out(column, f"no generator for {column.type}")
    choice = _checked(choice, column, subject)
    if column.name not in subject.unique:
        return _with_nulls(choice, column)
    return _unique(choice, column)


def _unique(choice: Choice, column: LiveColumn) -> Choice:
    made = choice.generator
    if not isinstance(made, Numbered | Listed | Formatted | patterns.Matching):
        made = counted(column)
        if made is None or column.base in TEXTS:
            raise Unfit(f"{column.name}: no unique values of {column.type} can be made")
    return choice._replace(generator=made, source="unique", confidence="certain")


def _as_stored(column: LiveColumn, subject: Subject) -> Choice | None:
    """What the column's own type makes of objects it takes."""
    texts = subject.meaning.stored.get(column.name, ())
    if column.base in INTEGERS and not all(re.fullmatch(r"-?[0-9]+", text) for text in texts):
        return None
    high = subject.lengths(column)[1]
    if high is not None and any(len(text) > high for text in texts):
        return None
    if not texts:
        return None
    made: Generator = Pool(column.name, texts, "made by the model's type")
    if column.name in subject.unique:
        made = Each(texts, "made by the model's type")
    return Choice(made, "model", "certain")


def _by_default(column: LiveColumn, subject: Subject) -> Choice | None:
    """The constant the models give a text column: some state or kind, of which it is one."""
    text = subject.meaning.defaults.get(column.name)
    if not text or column.name in subject.unique or column.base not in TEXTS:
        return None
    return Choice(Constant(text), "model", "likely", "the models' default")


def _by_pattern(column: LiveColumn, subject: Subject) -> Choice | None:
    """Text a CHECK or the models describe by a regular expression."""
    found = [f for f in subject.facts if isinstance(f, Pattern) and f.column == column.name]
    if len(found) != 1 or column.base not in TEXTS:
        return None
    regex = found[0].regex
    plain = naming.by_name(column, subject)
    if plain is not None and plain.generator is not None:
        sample = _sample(plain.generator)
        if sample and all(_matches(regex, text) for text in sample):
            return None
        joined = _joined(plain.generator)
        if joined is not None and all(_matches(regex, text) for text in _sample(joined)):
            return Choice(joined, "check", "certain", regex)
    low, high = subject.lengths(column)
    made = patterns.matching(column.name, regex, low, high)
    if made is None or (column.name in subject.unique and made.different < 2):
        return None
    if column.name in subject.unique:
        return Choice(made.unique(), "check", "certain", regex)
    return Choice(made, "check", "certain", regex)


def _joined(made: Generator) -> Generator | None:
    """The same words as they stand in an address: many patterns take no blanks."""
    match made:
        case Numbered() if not any(made.endings):
            return replace(made, values=pools.slugs(made.values), separator="-")
        case Listed():
            return replace(made, values=pools.slugs(made.values), separator="-")
        case Pool():
            return replace(made, values=pools.slugs(made.values))
    return None


def _certain(column: LiveColumn, subject: Subject) -> Choice | None:
    if column.generated:
        return Choice(None, "generated", "certain", "computed by the server")
    if column.base in INTEGERS and (column.identity or column.sequence):
        return Choice(Serial(), "identity", "certain")
    if column.name == subject.meaning.version and column.base in INTEGERS:
        return Choice(Constant("1"), "model", "certain", "optimistic lock")
    if column.name in subject.unique and (few := subject.few.get(column.name)):
        return Choice(Each(few), "unique", "certain", "no more rows than values")
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


def allowed(made: Generator, column: LiveColumn, subject: Subject) -> bool:
    """Whether the patterns and lengths that CHECKs demand of a column take what is made."""
    sample = _sample(made.inner if isinstance(made, Sometimes) else made)
    found = [f.regex for f in subject.facts if isinstance(f, Pattern) and f.column == column.name]
    low, high = subject.lengths(column)
    return all(
        low <= len(text)
        and (high is None or len(text) <= high)
        and all(_matches(regex, text) for regex in found)
        for text in sample
    )


def _matches(regex: str, text: str) -> bool:
    try:
        return re.search(regex, text) is not None
    except re.error:
        return False


def _sample(generator: Generator | None) -> tuple[str, ...]:
    match generator:
        case Pool() | Weighted():
            return generator.values
        case Listed():
            again = (f"{each}{generator.separator}2" for each in generator.values)
            return (*generator.values, *again)
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
