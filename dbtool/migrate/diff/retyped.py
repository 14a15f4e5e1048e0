"""Columns whose type becomes another one, and what cannot stand over them while it does."""

import re
from collections.abc import Collection, Iterator

from dbtool import catalog as cat
from dbtool.migrate.diff.casts import TEXTS, by_themselves
from dbtool.migrate.diff.code import commented, literal
from dbtool.migrate.diff.scope import Key
from dbtool.migrate.diff.sides import Comparison, Pair, Step
from dbtool.migrate.diff.spelled import printed_name
from dbtool.sql.names import identifier

_RETYPED = ", and a column of it gets another type:"
GOES_FIRST = f"{_RETYPED} it goes first"
COMES_BACK = f"{_RETYPED} it comes back behind that"
"""How the text of a part ends that cannot stand while the type of a column changes."""


def stands_on_another_type(pair: Pair, columns: Collection[str]) -> bool:
    """Whether a part of a table has to go before a column changes, and come back behind it.

    What reads a generated column that is made anew goes and comes with that.
    """
    live = {each.name: each for each in pair.database.columns}
    both = [(each, live[each.name]) for each in pair.models.columns if each.name in live]
    read = [each for each in both if each[0].name in columns]
    if any(_is_made_anew(one, other, both) for one, other in read):
        return False
    return any(_becomes_another(one, other) for one, other in read)


def _is_made_anew(
    models: cat.Column, live: cat.Column, both: Collection[tuple[cat.Column, cat.Column]]
) -> bool:
    """Whether a column is generated otherwise, or from one whose type changes."""
    if not (models.generated or live.generated):
        return False
    if (models.type, models.generated, models.default) != (live.type, live.generated, live.default):
        return True
    changed = (re.escape(one.name) for one, other in both if one.type != other.type)
    return any(re.search(rf"\b{name}\b", live.default or "") for name in changed)


def _becomes_another(models: cat.Column, live: cat.Column) -> bool:
    """Whether an expression over the column may be printed, or mean, something else."""
    if models.type == live.type:
        return is_replaced(models.base.labels, live.base.labels)
    return models.base.name != live.base.name and not {models.base.name, live.base.name} <= TEXTS


def cannot_be_referred_to(pair: Pair, columns: Collection[str]) -> bool:
    """Whether columns of a foreign key are, on their way, of another type than its target."""
    live = {each.name: each.base.name for each in pair.database.columns if each.name in columns}
    return any(
        each.name in live and not by_themselves(each.base.name, live[each.name])
        for each in pair.models.columns
    )


def in_two(
    said: Comparison,
    pair: Pair,
    what: tuple[str, str],
    about: str,
    operations: tuple[str, str],
    sides: tuple[str, str],
) -> None:
    """What goes before the type of a column changes, and comes back behind that."""
    kind, name = what
    said.released.add((pair.key, name))
    models, live = sides
    differs = (
        f"is {live} in the database, {models} in the models" if models != live else "is the same"
    )
    before, behind = f"{about} {differs}{GOES_FIRST}", f"{about} {differs}{COMES_BACK}"
    step = Step.REFER if kind == "foreignkey" else Step.ADD_PART
    said.tell(Step.RELEASE, (f"before-{kind}", name), before, (said.code(), operations[0]), sides)
    said.tell(step, (f"behind-{kind}", name), behind, (said.code(), operations[1]), sides)


def stands_on(table: cat.Table, columns: Collection[str]) -> tuple[object, bool]:
    """What a foreign key stands on: the types, and that the columns are unique."""
    types = [(each.name, each.type, each.collation) for each in table.columns]
    unique = any(
        each.unique
        and each.valid
        and each.predicate is None
        and sorted(key.expression for key in each.keys) == sorted(columns)
        for each in table.indexes
    )
    return [each for each in types if each[0] in columns], unique


def is_replaced(models: Collection[str], live: Collection[str]) -> bool:
    """Whether an enumeration has to be made anew: it only ever gets labels, in their places."""
    return [each for each in models if each in live] != [*live]


def printed(key: Key) -> frozenset[str]:
    """How the server may print a type's name: a word of SQL is quoted too."""
    schema, name = key
    names = {printed_name(name), identifier(name)}
    schemas = {printed_name(schema), identifier(schema)}
    return frozenset(names | {f"{one}.{two}" for one in schemas for two in names})


def in_the_way(
    said: Comparison, table: cat.Table, columns: Collection[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What drops each expression over columns of a replaced type, and what makes it again.

    What has gone already comes back by itself.
    """
    key, code = (table.schema, table.name), said.code()
    for part in table.constraints:
        reads = part.kind in ("check", "exclusion") and {*columns} & {*part.columns}
        if reads and not part.inherited and (key, part.name) not in said.released:
            where, name = f"ALTER TABLE {code.name(*key)}", identifier(part.name)
            made = f"{where} ADD CONSTRAINT {name} {code.bare(part.definition)}"
            yield f"{where} DROP CONSTRAINT {name}", (made, *commented(code, key, part))
    for index in table.indexes:
        says = index.predicate or not all(each.is_column for each in index.keys)
        if index.constraint or index.parent or not says or (key, index.name) in said.released:
            continue
        if {*columns} & {*index.reads}:
            before, _, behind = index.definition.partition(" USING ")
            behind, name = code.bare(behind), code.name(table.schema, index.name)
            made = f"{before.partition(' ON ')[0]} ON {code.name(*key)} USING {behind}"
            yield f"DROP INDEX {name}", (made, *_told(name, index))


def _told(name: str, index: cat.Index) -> Iterator[str]:
    if index.comment:
        yield f"COMMENT ON INDEX {name} IS {literal(index.comment)}"
