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
        and set(key.columns) <= {name for each in _wider(key, table) for name in each.columns}
        and not any(_holds(each, key, tables, set()) for each in _binding(key, table))
    )


def _wider(key: LiveConstraint, table: LiveTable) -> list[LiveConstraint]:
    """The foreign keys to other tables with one of its columns and others beside."""
    own = set(key.columns)
    return [
        each
        for each in table.of_kind("foreign key")
        if each.target != table.name and own & set(each.columns) and set(each.columns) - own
    ]


def _binding(key: LiveConstraint, table: LiveTable) -> list[LiveConstraint]:
    """Those of them that say where its values are from, though others fill its columns too."""
    wider = _wider(key, table)
    own = set(key.columns)
    return [
        each
        for each in wider
        if len(wider) == 1
        or not any(table.column(name).nullable for name in set(each.columns) - own)
    ]


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
