"""A foreign key whose own columns no index begins with.

What it means: each row deleted or renumbered in the table referred to looks for rows that refer
to it, and reads the whole referring table for that, with the lock held. Joins along the
relationship do the same.

Reads: pg_constraint, pg_index and pg_class; any role may.

Thresholds: a note; a warning from 10,000 rows on, as ANALYZE or VACUUM counted them, with those
of all partitions. An index counts when its first columns are
those of the key in any order, and it has no predicate; one that is being built counts, and one
that perhaps is; one that is being dropped does not. Keys of the same columns
lack the same index, and are told once.

Now: nothing is urgent, unless deletes are slow.

For good: create the index with the statement given; in the models `index=True` on the column,
or an Index over the columns of a composite key.

Bad:
```sql
CREATE TABLE lines (order_id bigint REFERENCES orders);
```

Good:
```sql
CREATE TABLE lines (order_id bigint REFERENCES orders);
CREATE INDEX lines_order_id_idx ON lines (order_id);
```
"""

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import count

from dbtool.finding import Certainty, Finding, Fix, Location, Severity, rule_name
from dbtool.health.doctor.examined import Examined
from dbtool.health.doctor.relations import ForeignKey, Index
from dbtool.health.wording import size
from dbtool.report import counted
from dbtool.sql.names import identifier

NAME = rule_name(__name__)
READS = ("indexes", "foreign_keys", "names")
WARNING_ROWS = 10_000
MANY = "{} foreign keys have no index"
_LONGEST_NAME = 63
_NEEDS_NO_QUOTES = re.compile(r"[a-z_][a-z0-9_]*")
_LAST_PART = re.compile(r'(?:"(?:[^"]|"")*"|[^".]+)$')


def check(examined: Examined) -> Iterator[Finding]:
    """Judge each foreign key by the indexes of its table."""
    if examined.indexes is None:
        return
    keys, whole = _searchable(examined.indexes), _of_partitioned(examined.indexes)
    taken = {each.name for each in examined.indexes} | {*(examined.names or ())}
    told: set[tuple[int, frozenset[str]]] = set()
    for key in examined.foreign_keys or ():
        wanted = frozenset(str(number) for number in key.attributes)
        if any(set(each[: len(wanted)]) == wanted for each in keys.get(key.relation, ())):
            continue
        if (key.relation, wanted) in told:
            continue
        told.add((key.relation, wanted))
        name, columns = _name(key, taken), ", ".join(key.columns)
        taken.add(_schema(key.table) + name)
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING if key.rows >= WARNING_ROWS else Severity.NOTE,
            title=f"no index on {key.table} begins with {columns}, which refers to {key.refers_to}",
            certainty=Certainty.MEASURED,
            evidence=(_evidence(key),),
            location=Location(name=f"{key.table}.{key.name}"),
            fix=Fix("sql", _created(key, name, columns, _begun(key, whole.get(key.relation, ())))),
        )


def _evidence(key: ForeignKey) -> str:
    if not (key.counted or key.bytes):
        return f"nobody has counted all its rows: ANALYZE {key.table}"
    about = "about" if key.counted else "at least"
    return f"{about} {counted(round(key.rows), 'row')}, {size(key.bytes) or 'nothing'} to read"


def _created(key: ForeignKey, name: str, columns: str, begun: str | None) -> str:
    """How the index is made beside traffic: a partitioned table takes its partitions' indexes.

    Both that table's own statement and ATTACH lock what others use, for a moment.
    """
    if not key.partitioned:
        return f"CREATE INDEX CONCURRENTLY {name} ON {key.table} ({columns});"
    whole = begun or _schema(key.table) + name
    lines = (
        "-- then for each partition, which makes it valid with the last one; a valid index that it",
        "-- has is only attached; where it is partitioned itself: ON ONLY, as for the whole and",
        "-- under the same time-out unless that is begun, and then its own partitions",
        "-- SET lock_timeout = 0;",
        f"-- CREATE INDEX CONCURRENTLY its_index ON its_name ({columns});",
        "-- SET lock_timeout = '2s';",
        f"-- ALTER INDEX {whole} ATTACH PARTITION its_index;",
    )
    first = (
        "SET lock_timeout = '2s';  -- others queue behind it: try again if it times out",
        f"CREATE INDEX {name} ON ONLY {key.table} ({columns});",
    )
    found = (f"-- {begun} is begun, and not valid yet",)
    return "\n".join((*(found if begun else first), *lines))


def _begun(key: ForeignKey, indexes: Iterable[Index]) -> str | None:
    """The index of a partitioned table that waits for those of some partitions."""
    columns = [str(number) for number in key.attributes]
    for each in indexes:
        alike = each.columns.split() == columns and each.method == "btree"
        if alike and not (each.valid or each.unique or each.predicate):
            return each.name
    return None


def _name(key: ForeignKey, taken: Collection[str]) -> str:
    """The name that PostgreSQL would choose: of the table and the columns, shortened to fit."""
    table, columns = _plain(key.table).encode(), "_".join(map(_plain, key.columns)).encode()
    for number in count():
        ending = f"_idx{number or ''}"
        room = _LONGEST_NAME - len(f"_{ending}")
        first = table[: max(room - len(columns), (room + 1) // 2)]
        parts = (first, columns[: room - len(first)])
        name = _quoted("_".join(part.decode(errors="ignore") for part in parts) + ending)
        if _schema(key.table) + name not in taken:
            return name
    raise AssertionError("there is always another number")


def _schema(name: str) -> str:
    """What stands before the last part of a name, with its dot."""
    return _LAST_PART.sub("", name)


def _quoted(name: str) -> str:
    """In quotes where it needs them; what ends like this is no keyword."""
    return name if _NEEDS_NO_QUOTES.fullmatch(name) else identifier(name)


def _plain(name: str) -> str:
    """A name as it is in the catalog: without its schema, and without the quotes it needs."""
    part = "".join(_LAST_PART.findall(name))
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def _of_partitioned(indexes: tuple[Index, ...]) -> dict[int, list[Index]]:
    found: dict[int, list[Index]] = {}
    for index in indexes:
        if index.partitioned:
            found.setdefault(index.relation, []).append(index)
    return found


def _searchable(indexes: tuple[Index, ...]) -> dict[int, list[tuple[str, ...]]]:
    keys: dict[int, list[tuple[str, ...]]] = {}
    for index in indexes:
        made = index.building is not False and index.live and not index.dropping
        counts = index.valid or made
        if counts and not index.predicate and index.method in ("btree", "hash"):
            keys.setdefault(index.relation, []).append(index.attributes)
    return keys
