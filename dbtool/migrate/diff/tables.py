"""Tables: which there are, and what of them is neither column, constraint nor index."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Table
from sqlalchemy.schema import sort_tables_and_constraints

from dbtool import catalog as cat
from dbtool.migrate.diff import columns, constraints, indexes, nulls
from dbtool.migrate.diff.code import commented
from dbtool.migrate.diff.retyped import stands_on
from dbtool.migrate.diff.scope import Key, reflected
from dbtool.migrate.diff.sides import Comparison, Pair, Step
from dbtool.sql.names import identifier


def compare(said: Comparison, suspect: frozenset[str]) -> None:
    """Compare all tables but the suspect."""
    missing = []
    for key, table in said.scope.tables.items():
        live, built = said.database.tables.get(key), said.models.tables.get(key)
        if ".".join(key) in suspect or built is None:
            continue
        if live is not None and _equal(built, live, said, key):
            continue
        if not said.scope.compares(table, live):
            continue
        if live is None:
            missing.append(table)
        else:
            _one(said, Pair(table, built, live, said.scope.shown(key)))
    _missing(said, missing)
    _extra(said)


def _equal(built: cat.Table, live: cat.Table, said: Comparison, key: Key) -> bool:
    """The quick answer for what is equal to the letter, sequences included."""
    if built != live:
        return False
    names = [each.name for each in built.columns]
    mine = [said.models.owned.get((*key, name)) for name in names]
    return mine == [said.database.owned.get((*key, name)) for name in names]


def _one(said: Comparison, pair: Pair) -> None:
    _itself(said, pair)
    columns.compare(said, pair)
    nulls.compare(said, pair)
    constraints.compare(said, pair)
    indexes.compare(said, pair)


def _missing(said: Comparison, tables: list[Table]) -> None:
    """In the order in which they can be created; what makes a circle is added behind them."""
    in_order: Any = sort_tables_and_constraints
    for table, keys in in_order(tables):
        if table is None:
            for key in keys:
                _missing_key(said, key)
            continue
        late = [key for key in keys if _leads_to_what_comes(said, key)]
        _missing_table(said, table, [key for key in keys if key not in late])
        for key in late:
            _missing_key(said, key)


def _missing_table(said: Comparison, table: Table, keys: list[ForeignKeyConstraint]) -> None:
    key = said.scope.key(table)
    code, name, built = said.code(), said.scope.shown(key), said.models.tables[key]
    told = [line for each in built.constraints for line in commented(code, key, each)]
    done = "\n".join((code.create_table(table, keys), *map(code.execute, told)))
    text = f"table {name} is in the models, not in the database"
    said.tell(Step.CREATE, ("missing-table", name), text, (code, done))


def _leads_to_what_comes(said: Comparison, key: ForeignKeyConstraint) -> bool:
    """Whether the columns it leads to get what it stands on after the table is created."""
    target = said.scope.key(key.referred_table)
    return _changes(said, target, tuple(each.column.name for each in key.elements))


def _missing_key(said: Comparison, key: ForeignKeyConstraint) -> None:
    built = said.models.tables[said.scope.key(key.table)]
    columns = tuple(each.name for each in key.columns)
    named = (e for e in built.constraints if e.kind == "foreign key" and e.columns == columns)
    found = next(named, None)
    name = found.name if found else str(key.name or "without a name")
    code, on = said.code(), said.scope.shown(said.scope.key(key.table))
    text = f"foreign key constraint {name} on {on} is in the models, not in the database"
    sides = (found.definition if found else None, None)
    done = code.add_constraint(key, found.name if found else None)
    said.tell(Step.REFER, ("missing-foreignkey", name), text, (code, done), sides)


def _extra(said: Comparison) -> None:
    """Tables only the database has, those that refer to others first."""
    there = said.database.tables
    found = [
        live
        for key, live in there.items()
        if key not in said.scope.tables and live.parent is None and said.scope.wants_table(live)
    ]
    ordered = [*_unreferenced_first(said, found)]
    taken = {(t.schema, each.name) for t in said.models.tables.values() for each in t.indexes}
    room = [[e.name for e in live.indexes if (live.schema, e.name) in taken] for live in ordered]
    early = [number for number, names in enumerate(room) if names]
    for number, live in enumerate(ordered):
        # What refers to a table goes before that.
        step = Step.FREE if early and number <= early[-1] else Step.DROP_TABLE
        _extra_table(said, live, step, room[number])


def _extra_table(said: Comparison, live: cat.Table, step: Step, room: list[str]) -> None:
    code = said.code()
    name = said.scope.shown((live.schema, live.name))
    schema = said.scope.schema(live.schema)
    where = f", schema={schema!r}" if schema else ""
    done = f"{code.op}drop_table({live.name!r}{where})"
    text = f"table {name} is in the database, not in the models"
    if room:
        text += f"{indexes.MAKES_ROOM}{', '.join(said.scope.shown((live.schema, e)) for e in room)}"
    said.tell(step, ("extra-table", name), text, (code, done), drops=True)


def _changes(said: Comparison, target: Key, columns: tuple[str, ...]) -> bool:
    """Whether what a foreign key leads to is there on both sides, and another."""
    models, live = (side.tables.get(target) for side in (said.models, said.database))
    if models is None or live is None:
        return False
    return stands_on(models, columns) != stands_on(live, columns)


def _unreferenced_first(said: Comparison, tables: list[cat.Table]) -> Iterator[cat.Table]:
    """A circle is opened by dropping the foreign keys that lead to one of its tables.

    Those that lead to what changes go before that, wherever their table goes.
    """
    left = {(each.schema, each.name): each for each in tables}
    keys = {name: [*_left_after_freeing(said, each)] for name, each in left.items()}
    referring = Counter(_target(key) for each in keys.values() for key in each)
    ready = [name for name in left if not referring[name]]
    while left:
        if not ready:
            ready.append(next(iter(left)))
            for name, table in left.items():
                for key in keys[name]:
                    if _target(key) == ready[0]:
                        _extra_key(said, table, key)
        name = ready.pop(0)
        for key in keys[name]:
            target = _target(key)
            referring[target] -= 1
            if target in left and not referring[target]:
                ready.append(target)
        yield left.pop(name)


def _left_after_freeing(said: Comparison, table: cat.Table) -> Iterator[cat.Constraint]:
    for key in table.constraints:
        target = _target(key)
        if target is not None and _changes(said, target, key.referenced_columns):
            _extra_key(said, table, key)
        elif _leads_away(table, key):
            yield key


def _leads_away(table: cat.Table, constraint: cat.Constraint) -> bool:
    target = _target(constraint)
    return target is not None and target != (table.schema, table.name)


def _target(constraint: cat.Constraint) -> Key | None:
    found = constraint.references
    return (found.schema, found.name) if found is not None else None


def _extra_key(said: Comparison, table: cat.Table, key: cat.Constraint) -> None:
    code, on = said.code(), said.scope.shown((table.schema, table.name))
    done = code.drop_constraint(reflected(table, said.scope), key.name, "foreignkey")
    text = f"foreign key constraint {key.name} on {on} is in the database, not in the models"
    sides = (None, key.definition)
    said.tell(Step.FREE, ("extra-foreignkey", key.name), text, (code, done), sides)


def _itself(said: Comparison, pair: Pair) -> None:
    """Comment, persistence, storage options, partitioning and inheritance."""
    models, live = pair.models, pair.database
    code, name = said.code(), pair.shown
    where = f"ALTER TABLE {code.name(*pair.key)}"
    if (models.comment or None) != (live.comment or None):
        comment = "NULL" if models.comment is None else repr(models.comment)
        schema = f", schema={pair.table.schema!r}" if pair.table.schema else ""
        verb = "drop_table_comment" if models.comment is None else "create_table_comment"
        given = "" if models.comment is None else f", {comment}"
        old = f", existing_comment={live.comment!r}" if live.comment else ""
        done = f"{code.op}{verb}({pair.table.name!r}{given}{old}{schema})"
        text = f"table {name} has another comment in the database"
        sides = (models.comment, live.comment)
        said.tell(Step.ALTER, ("different-comment", name), text, (code, done), sides)
    if models.persistence != live.persistence:
        kind = "UNLOGGED" if models.persistence == "unlogged" else "LOGGED"
        text = f"table {name} is {live.persistence} in the database, {models.persistence} in the"
        done = code.execute(f"{where} SET {kind}")
        sides = (models.persistence, live.persistence)
        what = ("different-table", name)
        said.tell(Step.ALTER, what, f"{text} models", (code, done), sides)
    if set(models.options) != set(live.options):
        _options(said, pair, where)
    if models.partition_key != live.partition_key:
        old, new = (
            live.partition_key or "not partitioned",
            models.partition_key or "not partitioned",
        )
        text = f"table {name} is {_by(old)} in the database, {_by(new)} in the models"
        sides = (models.partition_key, live.partition_key)
        said.tell(Step.ALTER, ("different-table", name), text, (code, ""), sides)
    if models.inherits != live.inherits:
        gone = [each for each in live.inherits if each not in models.inherits]
        new_ = [each for each in models.inherits if each not in live.inherits]
        sql = [f"{where} NO INHERIT {code.name(each.schema, each.name)}" for each in gone]
        sql += [f"{where} INHERIT {code.name(each.schema, each.name)}" for each in new_]
        text = f"table {name} inherits from others in the database"
        said.tell(Step.ALTER, ("different-table", name), text, (code, code.execute(*sql)))


def _options(said: Comparison, pair: Pair, where: str) -> None:
    mine, theirs = pair.models.options, pair.database.options
    code = said.code()
    gone = [each.partition("=")[0] for each in theirs if each not in mine]
    gone = [each for each in gone if not any(o.partition("=")[0] == each for o in mine)]
    new = [each for each in mine if each not in theirs]
    sql = [f"{where} SET ({', '.join(new)})"] if new else []
    sql += [f"{where} RESET ({', '.join(map(identifier, gone))})"] if gone else []
    text = (
        f"table {pair.shown} has {', '.join(theirs) or 'no storage options'} in the database,"
        f" {', '.join(mine) or 'no storage options'} in the models"
    )
    sides = (", ".join(mine), ", ".join(theirs))
    what = ("different-table", pair.shown)
    said.tell(Step.ALTER, what, text, (code, code.execute(*sql)), sides)


def _by(key: str | None) -> str:
    return f"partitioned by {key}" if key else "not partitioned"
