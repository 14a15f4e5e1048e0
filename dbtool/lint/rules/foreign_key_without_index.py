"""A foreign key has no index on its columns.

Why: whenever a row of the other table is deleted, or its key changes, the server looks for the
rows that refer to it. Without an index it reads the whole referring table for each of them. Joins
along the key do the same.

When: no index begins with the columns after the migration, nor after those that are judged with
it, unless one of these deletes rows of the other table. Only a note: a table that nobody
deletes from needs none, and one whose key is a word is taken for a list of kinds, which is such a
table. All versions.

Bad:
```sql
CREATE TABLE payments (id bigint PRIMARY KEY, order_id integer REFERENCES orders (id));
```

Good:
```sql
CREATE TABLE payments (id bigint PRIMARY KEY, order_id integer REFERENCES orders (id));
CREATE INDEX payments_order_id_idx ON payments (order_id);
```
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dbtool.finding import Certainty, Finding, Fix, Severity, Unknown, rule_name
from dbtool.lint.actions import AddColumn, AddConstraint, CreateTable
from dbtool.lint.code import create_index, index_call, partitioned_index
from dbtool.lint.saying import Seen, actions_of, place, shown
from dbtool.lint.schema import Constraint, Holds, Index, Name, Table
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)

_WORDS = ("text", "varchar", "bpchar", "citext")
_MOST = 3


def check(whole: Whole) -> Iterator[Finding | Unknown]:
    """Report foreign keys that no index serves when the migration is done."""
    doubted: dict[Name, str] = {}
    for seen, table_name, keys in _added(whole):
        table = whole.schema.table(table_name)
        if table is None or table.parent is not None:
            continue
        bare = [
            key
            for key in keys
            if not any(_serves(i, key) for i in table.indexes.values()) and not _kind(whole, key)
        ]
        if not bare:
            continue
        if table.complete:
            yield _finding(whole, seen, table, table_name, bare)
        else:
            doubted[table_name] = ", ".join(bare[0].columns)
    if doubted:
        yield _undecided(doubted)


def _undecided(doubted: Mapping[Name, str]) -> Unknown:
    names, (first, *others) = [*doubted], doubted.values()
    columns = first if not others else "the columns of their foreign keys"
    some = ", ".join(map(str, names[:_MOST]))
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return Unknown(
        rule=NAME,
        reason=f"{some}{more}: whether an index begins with {columns}",
        decide="lint it with the history, or give the schema with --schema",
    )


_Seen = Seen[AddConstraint] | Seen[AddColumn] | Seen[CreateTable]


def _added(whole: Whole) -> Iterator[tuple[_Seen, Name, list[Constraint]]]:
    for one in actions_of(whole, AddConstraint):
        yield one, one.action.table, _keys([one.action.constraint])
    for other in actions_of(whole, AddColumn):
        yield other, other.action.table, _keys(other.action.constraints)
    for made in actions_of(whole, CreateTable):
        yield made, made.action.table, _keys(made.action.constraints)


def _keys(constraints: Iterable[Constraint]) -> list[Constraint]:
    return [each for each in constraints if each.kind is Holds.FOREIGN_KEY and each.enforced]


def _serves(index: Index, key: Constraint) -> bool:
    """Whether the rows that refer to one can be found by the index."""
    first = index.columns[: len(key.columns)]
    partial = index.predicate is not None and index.predicate.columns - {*key.columns}
    return {*first} == {*key.columns} and not partial


def _kind(whole: Whole, key: Constraint) -> bool:
    """Whether it refers to a list of kinds by their names."""
    other = whole.schema.table(key.references) if key.references is not None else None
    if other is None or len(key.columns) != 1:
        return False
    column = other.columns.get((key.referenced or other.primary_key or ("",))[0])
    return column is not None and column.type is not None and column.type.name in _WORDS


def _finding(
    whole: Whole, seen: _Seen, table: Table, written: Name, keys: list[Constraint]
) -> Finding:
    columns = ", ".join(f"({', '.join(key.columns)})" for key in keys)
    others = ", ".join(dict.fromkeys(str(key.references) for key in keys))
    family = whole.schema.family(table)
    indexes = [
        Index(name=f"ix_{table.name.name}_{'_'.join(k.columns)}", table=written, columns=k.columns)
        for k in keys
    ]
    code = "\n".join(_made(each, family) for each in indexes)
    return Finding(
        rule=NAME,
        severity=Severity.NOTE,
        title=f"{shown(whole.schema, table.name)}: no index on foreign key {columns}",
        certainty=Certainty.PROVEN,
        evidence=(f"each row deleted from {others} reads the whole table",),
        location=place(seen.statement),
        fix=Fix("python", code, "find the referring rows by an index"),
    )


def _made(index: Index, family: Sequence[Table]) -> str:
    table = family[0]
    if table.new:
        return index_call(index)
    return partitioned_index(index, family) if table.partition_by else create_index(index)
