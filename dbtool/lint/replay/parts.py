"""The shares that partitions have in the indexes and keys of the whole table."""

import re

from dbtool.lint.replay.tables import add_constraint, add_index, known, store
from dbtool.lint.schema import Constraint, Holds, Index, Name, Schema, Table
from dbtool.lint.values import replace

_ORDER = re.compile(r"\b(?:ASC|DESC|NULLS (?:FIRST|LAST))\b", re.I)
_INDEXED = (Holds.PRIMARY_KEY, Holds.UNIQUE, Holds.EXCLUDE)


def share_of(partition: Table, whole: Index) -> Index | None:
    """The index of a partition that is its share of the whole one, or can become it."""
    return next((each for each in partition.indexes.values() if _is_share(each, whole)), None)


def _is_share(index: Index, whole: Index) -> bool:
    if index.part_of:
        return index.part_of == whole.name
    key = not whole.constraint or bool(index.constraint)
    return key and index.valid and _form(index) == _form(whole)


def _form(index: Index) -> tuple[object, ...]:
    """What the server compares; the order of an element is not part of it."""
    return (
        index.columns,
        tuple(filter(None, (_ORDER.sub("", option).strip() for option in index.options))),
        index.expressions,
        index.predicate,
        len(index.include),
        index.unique,
        index.method,
    )


def key_of(partition: Table, key: Constraint) -> Constraint | None:
    """The foreign key of a partition that becomes its share of the whole one's."""
    return next(
        (
            each
            for each in partition.foreign_keys
            if each.valid and each.columns == key.columns and each.references == key.references
        ),
        None,
    )


def give_index(schema: Schema, partition: Name, whole: Index) -> None:
    """Make a partition's index its share of the whole one; one that is not there is created."""
    table = known(schema, partition)
    share = share_of(table, whole)
    if share is not None:
        joined = replace(share, part_of=whole.name)
        store(schema, replace(table, indexes={**table.indexes, share.name: joined}))
        return
    part = replace(whole, table=partition, name="", constraint="", part_of=whole.name)
    name = add_index(schema, part)
    for child in table.children if table.partition_by else ():
        give_index(schema, child, replace(part, name=name))


def give_constraint(schema: Schema, partition: Name, whole: Constraint) -> None:
    """Make a partition's constraint its share of the whole one; one not there is created."""
    table = known(schema, partition)
    if whole.kind is Holds.FOREIGN_KEY and key_of(table, whole) is not None:
        return
    if whole.kind not in _INDEXED:
        add_constraint(schema, partition, whole)
        return
    above = known(schema, table.parent) if table.parent else None
    index = above.indexes.get(whole.name) if above else None
    if index is None or (share := share_of(table, index)) is None:
        name = add_constraint(schema, partition, replace(whole, name="", index=""))
        share = known(schema, partition).indexes[name]
        for child in table.children if table.partition_by else ():
            give_constraint(schema, child, replace(whole, name=name))
    table = known(schema, partition)
    joined = replace(share, part_of=whole.name)
    store(schema, replace(table, indexes={**table.indexes, share.name: joined}))


def join(schema: Schema, partition: Name, whole: Table) -> None:
    """What a table gets of indexes and keys when it becomes a partition."""
    for constraint in whole.constraints.values():
        if constraint.kind in (*_INDEXED, Holds.FOREIGN_KEY):
            give_constraint(schema, partition, constraint)
    for index in whole.indexes.values():
        if not index.constraint:
            give_index(schema, partition, index)


def leave(schema: Schema, partition: Table) -> None:
    """What a partition has becomes its own when it is detached."""
    own = {key: replace(each, part_of="") for key, each in partition.indexes.items()}
    store(schema, replace(partition, parent=None, bound=None, indexes=own))


def settle(schema: Schema, whole: Table, name: str) -> None:
    """The index of the whole is valid as soon as every partition has its share."""
    shares = [
        any(each.part_of == name and each.valid for each in known(schema, child).indexes.values())
        for child in whole.children
    ]
    index = whole.indexes[name]
    if all(shares) and not index.valid:
        valid = replace(index, valid=True)
        store(schema, replace(whole, indexes={**whole.indexes, name: valid}))
