"""The shares that partitions have in the indexes and keys of the whole table."""

import re

from dbtool.lint.replay.tables import add_constraint, add_index, forget_index, known, store
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
        _attach(schema, partition, share, whole.name)
    else:
        _make_index(schema, table, whole)


def _attach(schema: Schema, partition: Name, share: Index, whole: str) -> None:
    table = known(schema, partition)
    joined = replace(share, part_of=whole)
    store(schema, replace(table, indexes={**table.indexes, share.name: joined}))


def _make_index(schema: Schema, partition: Table, whole: Index) -> None:
    part = replace(whole, table=partition.name, name="", constraint="", part_of=whole.name)
    name = add_index(schema, part)
    for child in partition.children if partition.partition_by else ():
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
        _make_key(schema, table, whole)
    else:
        _attach(schema, partition, share, whole.name)


def _make_key(schema: Schema, partition: Table, whole: Constraint) -> None:
    name = add_constraint(schema, partition.name, replace(whole, name="", index=""))
    share = known(schema, partition.name).indexes[name]
    for child in partition.children if partition.partition_by else ():
        give_constraint(schema, child, replace(whole, name=name))
    _attach(schema, partition.name, share, whole.name)


def join(schema: Schema, partition: Name, whole: Table) -> None:
    """What a table gets of indexes and keys when it becomes a partition."""
    for constraint in whole.constraints.values():
        if constraint.kind in (*_INDEXED, Holds.FOREIGN_KEY):
            give_constraint(schema, partition, constraint)
    for index in whole.indexes.values():
        if not index.constraint:
            give_index(schema, partition, index)


def make_anew(schema: Schema, whole: Name, column: str) -> None:
    """All shares of the indexes of a column are dropped, and made where there was none as well."""
    table = known(schema, whole)
    indexes = [each for each in table.indexes.values() if each.uses(column) and not each.part_of]
    for child in table.children:
        for index in indexes:
            _drop_share(schema, child, index.name)
    for index in indexes:
        for child in table.children:
            part, key = known(schema, child), table.constraints.get(index.constraint)
            _make_key(schema, part, key) if key else _make_index(schema, part, index)
        settle(schema, known(schema, whole), index.name)


def _drop_share(schema: Schema, partition: Name, whole: str) -> None:
    table = known(schema, partition)
    for share in [each for each in table.indexes.values() if each.part_of == whole]:
        for child in table.children:
            _drop_share(schema, child, share.name)
        forget_index(schema, partition, share.name)
        table = known(schema, partition)
        left = {key: each for key, each in table.constraints.items() if key != share.constraint}
        store(schema, replace(table, constraints=left))


def rename_shares(schema: Schema, whole: Table, old: str, new: str) -> None:
    """The shares of an index of the whole are those of its new name."""
    for child in whole.children:
        for share in [*known(schema, child).indexes.values()]:
            if share.part_of == old:
                _attach(schema, child, share, new)


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
    index = whole.indexes.get(name)
    if index is not None and all(shares) and not index.valid:
        valid = replace(index, valid=True)
        store(schema, replace(whole, indexes={**whole.indexes, name: valid}))
