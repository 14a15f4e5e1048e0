"""Which changes have to wait for a deploy, and what that deploy has to bring."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dbtool.migrate.autogenerate.proposed import Proposed, Step, proposed
from dbtool.migrate.autogenerate.undo import table_of
from dbtool.migrate.diff.indexes import MAKES_ROOM
from dbtool.migrate.diff.retyped import COMES_BACK, GOES_FIRST
from dbtool.migrate.difference import Difference

_GOES = frozenset({"table", "column", "enum", "domain", "sequence"})
_REJECTS = frozenset({"check", "exclusion", "foreignkey"})
_TAKES_A_NAME = ("missing-index", "missing-unique", "missing-primary")
_LENGTH = re.compile(r"character varying(?:\((\d+)\))?")
_KEY = re.compile(r"FOREIGN KEY \(.*?\) REFERENCES .*?\(.*?\)")
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_WORD = re.compile(r'"((?:[^"]|"")+)"|(\w+)')
_GIVEN = re.compile(r"(?:name=|op\.f\(|create_index\()(?:op\.f\()?('[^']*'|\"[^\"]*\")")
_REQUIRED = "nullable=False"
_FILLS_ITSELF = re.compile(r" DEFAULT |GENERATED |server_default=|Identity\(|Computed\(")
REQUIRED = "a value in each row"
TYPE = "its type is "
_DEFAULT = "its default is "
_ENUM = re.compile(r"enum (.*?) (?:has|sorts) ")
_BEHIND_TYPE = re.compile(r"(?:\[\])?(?: (?:NOT NULL|GENERATED|DEFAULT)\b.*)?$", re.DOTALL)
_NOT_NULL = "it may be NULL in the database, is NOT NULL in the models"
MAY_BE_NULL = "it is NOT NULL in the database, may be NULL in the models"


@dataclass(frozen=True, slots=True)
class New:
    """The tables and columns that a change brings: no running code writes them yet.

    `old` are the columns that are there, which it does write.
    """

    tables: frozenset[str]
    columns: frozenset[str]
    old: frozenset[str] = frozenset()


def new_of(differences: Iterable[Difference], old: frozenset[str] = frozenset()) -> New:
    """What comes into being by some differences, beside the columns that are there."""
    found = [*differences]
    tables, columns = (
        frozenset(each.name for each in found if each.kind == f"missing-{kind}")
        for kind in ("table", "column")
    )
    return New(tables, columns, old)


def waits(wanted: Iterable[Difference], old: frozenset[str] = frozenset()) -> dict[Difference, str]:
    """What the code has to do before each may come; empty where running code goes on with it.

    What goes before a type changes goes in the same revision, and comes back in no earlier one.
    Another default comes with the enumeration of its column, which is made anew without the old.
    """
    all_ = [*wanted]
    new = new_of(all_, old)
    found = {each: waits_for(each, new) for each in all_}
    defaults = [e for e in all_ if e.kind == "different-column" and _DEFAULT in e.text]
    enums = [each for each in all_ if _of_enum(each)]
    both = [(e, enum) for enum in enums for e in defaults if _is_its_type(e, _of_enum(enum))]
    for default, enum in both:
        found[enum] = found[enum] or found[default]
    for default, enum in both:
        found[default] = found[default] or found[enum]
    found |= _in_their_place(all_, found)
    for each in all_:
        if each.text.endswith((GOES_FIRST, COMES_BACK)):
            why = next((found[o] for o in _around(each, all_) if found[o]), "")
            found[each] = why or (found[each] if each.text.endswith(COMES_BACK) else "")
    return found


def _in_their_place(
    wanted: Iterable[Difference], found: Mapping[Difference, str]
) -> dict[Difference, str]:
    """What comes has to wait where its name is that of something that waits to go."""
    late = {
        each.text.partition(MAKES_ROOM)[2]: why
        for each, why in found.items()
        if why and each.kind == "extra-table" and MAKES_ROOM in each.text
    }
    return {each: why for each in wanted for names, why in late.items() if _takes(each, names)}


def _takes(difference: Difference, names: str) -> bool:
    """Whether what comes has one of some names, which are told with their schemas."""
    if difference.kind in _TAKES_A_NAME:
        name = f"{_schema(table_of(difference))}{difference.name}"
        return f", {name}, " in f", {names}, "
    if difference.kind != "missing-table":
        return False
    schema, code = _schema(difference.name), difference.operation
    given = {*_GIVEN.findall(code)}
    bare = (each.removeprefix(schema) for each in names.split(", ") if _schema(each) == schema)
    return any(repr(each) in given or f'"{each}"' in code for each in bare)


def _schema(name: str) -> str:
    """What stands before the name of a table or index, with its point; empty for the default."""
    schema, point, _ = name.rpartition(".")
    return f"{schema}{point}"


def _of_enum(difference: Difference) -> str:
    """The enumeration that is made anew; empty for anything else."""
    known = difference.kind in ("extra-label", "different-enum")
    found = _ENUM.match(difference.text) if known else None
    return found[1] if found else ""


def _is_its_type(column: Difference, enum: str) -> bool:
    """Whether a column in the database, or what its array holds, is of an enumeration.

    A type is told without its schema where the search_path has that.
    """
    told = _BEHIND_TYPE.sub("", column.database or "", count=1).replace('"', "")
    schema, _, name = told.rpartition(".")
    whose, _, wanted = enum.rpartition(".")
    return bool(enum) and name == wanted and schema in ("", whose or "public")


def _around(part: Difference, wanted: Iterable[Difference]) -> list[Difference]:
    """The changes of type that a part makes room for: columns of its table, else enumerations."""
    table = table_of(part)
    columns = [
        each
        for each in wanted
        if each.kind == "different-column"
        and TYPE in each.text
        and each.name.rpartition(".")[0] == table
    ]
    return columns or [each for each in wanted if each.kind in ("extra-label", "different-enum")]


def waits_for(difference: Difference, new: New) -> str:
    """What the code has to do before one change.

    What new code may need comes first: a UNIQUE constraint is what its upserts name.
    """
    side, _, what = difference.kind.partition("-")
    name = difference.name
    if side == "extra" and what in _GOES:
        return f"no longer use {what} {name}"
    if side == "extra" and what == "label":
        return f"no longer use value {name}"
    if side == "extra" and what == "index" and " UNIQUE " not in (difference.database or ""):
        return "" if MAKES_ROOM in difference.text else f"no longer need index {name}"
    if side not in ("extra", "before") and what in _REJECTS and not _is_of(difference, new):
        return "" if _refers_alike(difference) else f"keep to {name}"
    return _of_column(difference) if difference.kind == "different-column" else ""


def _is_of(difference: Difference, new: New) -> bool:
    """Whether a constraint is about what no running code writes.

    A foreign key with one such column is: that is NULL in its rows. Of other constraints each has
    to be.
    """
    table = table_of(difference)
    said = _LITERAL.sub("", (difference.models or "").partition(" REFERENCES ")[0])
    words = {quoted.replace('""', '"') or word for quoted, word in _WORD.findall(said)}
    columns = {f"{table}.{each}" for each in words}
    if difference.kind.endswith("-foreignkey"):
        return table in new.tables or bool(columns & new.columns)
    return table in new.tables or (bool(columns & new.columns) and not columns & new.old)


def _refers_alike(difference: Difference) -> bool:
    """Whether a foreign key refers to what it did: only what it does then is another."""
    sides = difference.models, difference.database
    keys = [found and found[0] for each in sides for found in [_KEY.match(each or "")]]
    return keys[0] is not None and keys[0] == keys[1]


def _of_column(difference: Difference) -> str:
    """What a column demands that it did not before."""
    models, database = difference.models or "", difference.database or ""
    if _NOT_NULL in difference.text:
        return f"give {difference.name} {REQUIRED}"
    if " DEFAULT " in database and " DEFAULT " not in models and "GENERATED" not in models:
        return f"give {difference.name} a value of its own"
    if _is_narrower(database, models):
        return f"write nothing longer into {difference.name}"
    return ""


def _is_narrower(before: str, after: str) -> bool:
    """Whether a text takes fewer characters than before."""
    old, new = _LENGTH.match(before), _LENGTH.match(after)
    if new is None or new[1] is None or not (old or before.startswith("text")):
        return False
    return old is None or old[1] is None or int(new[1]) < int(old[1])


def in_steps(difference: Difference, undo: str, table: tuple[str, str | None]) -> list[Proposed]:
    """A new column that is required: free to be NULL first, and required after the deploy."""
    whole = proposed(difference, undo)
    name, schema = table
    column = difference.name.rpartition(".")[2]
    where = f", schema={schema!r}" if schema else ""
    code = f"op.alter_column({name!r}, {column!r}, nullable={{}}{where})"
    free = difference.operation.replace(_REQUIRED, "nullable=True")
    return [
        replace(whole, title=f"{whole.title}: NULL allowed for now", code=free),
        Proposed(
            f"change column {difference.name}: NOT NULL",
            "it is NOT NULL in the models",
            code.format(False),
            code.format(True),
            waits=f"give {difference.name} {REQUIRED}",
            step=Step.LAST,
        ),
    ]


def is_required(difference: Difference) -> bool:
    """Whether it is a new column that running code would have to give a value."""
    code = difference.operation
    known = difference.kind == "missing-column" and code.count(_REQUIRED) == 1
    return known and not _FILLS_ITSELF.search(f"{difference.models} {code}")


def deploy(changes: Iterable[Proposed]) -> dict[Step, list[str]]:
    """What the code has to do that is deployed before each step, each thing once."""
    found: dict[Step, list[str]] = {}
    for each in changes:
        if each.waits and each.waits not in found.setdefault(each.step, []):
            found[each.step].append(each.waits)
    return found
