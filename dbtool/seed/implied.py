"""Foreign keys whose columns others fill, without their parents being theirs."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from dbtool.seed.live import LiveConstraint, LiveTable


def unproven(
    table: LiveTable, tables: Mapping[str, LiveTable], late: Collection[str]
) -> frozenset[str]:
    """The foreign keys whose columns lie in others, none of which holds them too.

    Nothing is said of those checked against rows that are made later.
    """
    keys = table.of_kind("foreign key")
    return frozenset(
        key.name
        for key in keys
        if key.target != table.name
        and f"{table.name}.{key.name}" not in late
        and set(key.columns) <= {name for each in _wider(key, keys) for name in each.columns}
        and not any(_holds(each, key, tables, set()) for each in _wider(key, keys))
    )


def _wider(key: LiveConstraint, keys: Collection[LiveConstraint]) -> list[LiveConstraint]:
    """The foreign keys with one of its columns and others beside."""
    own = set(key.columns)
    return [each for each in keys if own & set(each.columns) and set(each.columns) - own]


def _holds(
    by: LiveConstraint, key: LiveConstraint, tables: Mapping[str, LiveTable], seen: set[str]
) -> bool:
    """Whether each parent of one foreign key refers by the same values to a parent of the other."""
    along = dict(zip(by.columns, by.target_columns, strict=True))
    if not set(key.columns) <= along.keys():
        return False
    there = tuple(along[name] for name in key.columns)
    if (by.target, there) == (key.target, key.target_columns):
        return True
    parent = tables.get(by.target or "")
    if parent is None:
        # Of tables outside the models nothing is known: their rows are taken as they come.
        return True
    if parent.name in seen:
        return False
    asked = replace(key, columns=there)
    return any(
        _holds(each, asked, tables, {*seen, parent.name})
        for each in parent.of_kind("foreign key")
        if not any(parent.column(n).nullable for n in set(each.columns) - set(there))
    )
