"""An index as SQL, as a line of a model, and as operations of a revision."""

import json
import re
from dataclasses import dataclass
from itertools import count

from dbtool.explain.advice.candidate import Candidate, IndexKey
from dbtool.explain.advice.tables import Table
from dbtool.sql.text import quoted

_LONGEST_NAME = 63
_BLOCK = "with op.get_context().autocommit_block():"
_BIND = re.compile(r"(?<![:\w\\]):(\w+)(?![:\w])")


@dataclass(frozen=True, slots=True)
class Written:
    """The statements, the model's line, and the lines of a revision both ways."""

    sql: tuple[str, ...]
    model: str
    upgrade: tuple[str, ...]
    downgrade: tuple[str, ...]


def write(candidate: Candidate, name: str, table: Table | None) -> Written:
    """Write an index so that creating it lets others go on writing."""
    model = f"Index({', '.join((_text(name), *map(_element, candidate.keys), *_named(candidate)))})"
    if table is not None and table.kind == "p":
        sql = _of_partitions(candidate, name, table)
        upgrade = tuple(f"    op.execute({_text(_unbound(each))})" for each in sql)
    else:
        sql = (candidate.sql(name),)
        upgrade = (f"    {_operation(candidate, name)}",)
    return Written(sql, model, (_BLOCK, *upgrade), _downgrade(candidate, name, table))


def _of_partitions(candidate: Candidate, name: str, table: Table) -> tuple[str, ...]:
    """CONCURRENTLY knows no partitioned table: its index is valid once each part's is attached.

    A part that has parts itself is attached to while its own index waits for theirs.
    """
    indexes = {table.key: f"{quoted(candidate.schema)}.{quoted(name)}"}
    found = [candidate.sql(name, concurrently=False, on=f"ONLY {candidate.on}")]
    taken = {*table.taken, (candidate.schema, name)}
    for part in table.parts:
        own = _free(_joined(part.name, name), part.schema, taken)
        taken.add((part.schema, own))
        only = "" if part.leaf else "ONLY "
        place = f"{only}{quoted(part.schema)}.{quoted(part.name)}"
        indexes[part.key] = f"{quoted(part.schema)}.{quoted(own)}"
        found.append(candidate.sql(own, concurrently=part.leaf, on=place))
        found.append(f"ALTER INDEX {indexes[part.parent]} ATTACH PARTITION {indexes[part.key]}")
    return tuple(found)


def _free(name: str, schema: str, taken: set[tuple[str, str]]) -> str:
    """The name, or the first with a number behind it that is not taken."""
    if (schema, name) not in taken:
        return name
    return next(
        own for number in count(2) if (schema, own := _joined(name, str(number))) not in taken
    )


def _joined(first: str, last: str) -> str:
    """Both with as much of the first as PostgreSQL leaves of a name, which it counts in bytes."""
    return _cut(f"{_cut(first, _LONGEST_NAME - 1 - len(last.encode()))}_{last}", _LONGEST_NAME)


def _cut(name: str, most: int) -> str:
    """Its first bytes, without a part of a letter."""
    return name.encode()[: max(most, 0)].decode(errors="ignore")


def _operation(candidate: Candidate, name: str) -> str:
    keys = ", ".join(map(_operand, candidate.keys))
    rest = [*_schema(candidate), *_named(candidate, "sa.text"), "postgresql_concurrently=True"]
    parts = [_text(name), _text(candidate.table), f"[{keys}]", *rest]
    return f"op.create_index({', '.join(parts)})"


def _downgrade(candidate: Candidate, name: str, table: Table | None) -> tuple[str, ...]:
    parts = [_text(name), f"table_name={_text(candidate.table)}", *_schema(candidate)]
    if table is not None and table.kind == "p":
        return (f"op.drop_index({', '.join(parts)})",)
    return (_BLOCK, f"    op.drop_index({', '.join((*parts, 'postgresql_concurrently=True'))})")


def _schema(candidate: Candidate) -> tuple[str, ...]:
    outside = candidate.schema not in ("", "public")
    return (f"schema={_text(candidate.schema)}",) if outside else ()


def _element(key: IndexKey) -> str:
    return _operand(key, "text")


def _operand(key: IndexKey, text: str = "sa.text") -> str:
    """A column by name, anything else as SQL."""
    plain = key.column and not (key.descending or key.nulls)
    if plain:
        return _text(key.column)
    return f"{text}({_text(str(key))})"


def _named(candidate: Candidate, text: str = "text") -> tuple[str, ...]:
    """The keyword arguments, which Index and op.create_index share."""
    operators = {
        key.column: key.opclass
        for key in candidate.keys
        if key.opclass and key.column and not (key.descending or key.nulls)
    }
    said = ", ".join(f"{_text(column)}: {_text(name)}" for column, name in operators.items())
    include = ", ".join(map(_text, candidate.include))
    found = (
        "unique=True" if candidate.unique else "",
        f"postgresql_using={_text(candidate.method)}" if candidate.method != "btree" else "",
        f"postgresql_ops={{{said}}}" if said else "",
        f"postgresql_include=[{include}]" if include else "",
        f"postgresql_where={text}({_text(candidate.predicate)})" if candidate.predicate else "",
    )
    return tuple(each for each in found if each)


def _unbound(sql: str) -> str:
    """SQL of which op.execute takes nothing for a bind parameter."""
    return _BIND.sub(r"\\:\1", sql)


def _text(value: str) -> str:
    """A string literal of Python, in double quotes as formatters write it."""
    return json.dumps(value, ensure_ascii=False)
