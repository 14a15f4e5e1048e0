"""What differs between two states of one database: object by object, in the server's own words."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from dbtool import catalog as cat
from dbtool.catalog import Catalog


class How(StrEnum):
    """What became of an object between the two states."""

    ADDED = "added"
    GONE = "gone"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One object that differs; what of it differs is told of both states."""

    kind: str
    name: str
    how: How
    before: str = ""
    after: str = ""


_PARTS = (
    ("column", "columns"),
    ("constraint", "constraints"),
    ("index", "indexes"),
    ("trigger", "triggers"),
)
_TOLD_OF_COLUMN = "not null"
_IDENTITY = frozenset({"schema", "name", "columns", "constraints", "indexes", "triggers"})


def changes(before: Catalog, after: Catalog) -> tuple[Change, ...]:
    """Everything that differs; the order of columns, which nobody can restore, does not count."""
    return tuple(_changes(before, after))


def _changes(before: Catalog, after: Catalog) -> Iterator[Change]:
    for name in sorted({*before.schemas} ^ {*after.schemas}):
        yield Change("schema", name, How.GONE if name in before.schemas else How.ADDED)
    yield from _several("extension", before.extensions, after.extensions)
    yield from _enums(before, after)
    yield from _several("domain", before.domains, after.domains)
    yield from _functions(before, after)
    yield from _relations("table", before.tables, after.tables)
    yield from _relations("view", before.views, after.views)
    yield from _sequences(before, after)


def _several(kind: str, before: Iterable[Any], after: Iterable[Any]) -> Iterator[Change]:
    yield from _paired(kind, _by_name(before), _by_name(after))


def _enums(before: Catalog, after: Catalog) -> Iterator[Change]:
    """A label that only came to the others is named: nothing takes it away again."""
    ours, theirs = _by_name(before.enums), _by_name(after.enums)
    for each in _paired("enum", ours, theirs):
        old = ours.get(each.name, cat.Enum("", "", (), None)).labels
        new = theirs.get(each.name, cat.Enum("", "", (), None)).labels
        if each.how is How.CHANGED and old == tuple(label for label in new if label in old):
            for label in (label for label in new if label not in old):
                yield Change("enum label", f"{each.name}.{label}", How.ADDED)
        else:
            yield each


def _functions(before: Catalog, after: Catalog) -> Iterator[Change]:
    """Several functions may have one name."""
    yield from _paired("function", _by_call(before), _by_call(after))


def _sequences(before: Catalog, after: Catalog) -> Iterator[Change]:
    """What belongs to a column comes and goes with it."""
    columns = [
        {(t.schema, t.name, c.name) for t in state.tables for c in t.columns}
        for state in (before, after)
    ]
    both = columns[0] & columns[1]
    kept = [
        [each for each in state.sequences if _owner(each) is None or _owner(each) in both]
        for state in (before, after)
    ]
    yield from _several("sequence", *kept)


def _owner(sequence: cat.Sequence) -> tuple[str, str, str] | None:
    owner = sequence.owned_by
    return (owner.schema, owner.table, owner.column) if owner else None


def _relations(kind: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[Change]:
    ours, theirs = _by_name(before), _by_name(after)
    yield from _paired(kind, ours, theirs, _IDENTITY)
    for name in ours:
        if name not in theirs or ours[name] is theirs[name] or ours[name] == theirs[name]:
            continue
        columns = [{part.name for part in state[name].columns} for state in (ours, theirs)]
        moved = columns[0] ^ columns[1]
        for part, attribute in _PARTS:
            old, new = (
                {f"{name}.{part.name}": part for part in _standing(state[name], attribute, moved)}
                for state in (ours, theirs)
            )
            yield from _paired(part, old, new)


def _standing(relation: Any, attribute: str, moved: set[str]) -> Iterator[Any]:
    """The parts of a relation; what comes and goes with a column, or a constraint, is not told."""
    for part in getattr(relation, attribute, ()):
        if isinstance(part, cat.Index) and (part.constraint or moved & {*part.reads}):
            continue
        if isinstance(part, cat.Constraint) and (
            part.kind == _TOLD_OF_COLUMN or moved & {*part.columns}
        ):
            continue
        yield part


def _paired(
    kind: str, before: Mapping[str, Any], after: Mapping[str, Any], apart: Iterable[str] = ()
) -> Iterator[Change]:
    """Objects by name; `apart` are fields that are compared by themselves."""
    for name, old in before.items():
        if name not in after:
            yield Change(kind, name, How.GONE, before=_definition(old))
        elif (
            old is not after[name]
            and old != after[name]
            and (said := _differing(old, after[name], apart))
        ):
            yield Change(kind, name, How.CHANGED, *said)
    for name, new in after.items():
        if name not in before:
            yield Change(kind, name, How.ADDED, after=_definition(new))


def _differing(old: Any, new: Any, apart: Iterable[str]) -> tuple[str, str] | None:
    """What of two objects differs, told of both."""
    names = [
        each.name
        for each in fields(old)
        if each.compare
        and each.name not in apart
        and getattr(old, each.name) != getattr(new, each.name)
    ]
    if not names:
        return None
    if "definition" in names:
        return str(old.definition), str(new.definition)
    return _values(old, names), _values(new, names)


def _values(thing: Any, names: Iterable[str]) -> str:
    return ", ".join(f"{each.replace('_', ' ')} {_value(getattr(thing, each))}" for each in names)


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else str(value)


def _definition(thing: Any) -> str:
    """What an object is, where one line tells it."""
    if isinstance(thing, cat.Column):
        parts = [thing.type, "NOT NULL" if thing.not_null else ""]
        parts += [f"DEFAULT {thing.default}" if thing.default and not thing.generated else ""]
        return " ".join(filter(None, parts))
    if isinstance(thing, cat.Enum):
        return ", ".join(thing.labels)
    if isinstance(thing, cat.Constraint | cat.Index):
        return str(thing.definition)
    return ""


def _by_name(things: Iterable[Any]) -> dict[str, Any]:
    return {_shown(each): each for each in things}


def _by_call(state: Catalog) -> dict[str, Any]:
    return {f"{_shown(each)}({each.arguments})": each for each in state.functions}


def _shown(thing: Any) -> str:
    """A name as people write it."""
    schema: Hashable = getattr(thing, "schema", "public")
    bare = schema == "public" or isinstance(thing, cat.Extension)
    return str(thing.name) if bare else f"{schema}.{thing.name}"
