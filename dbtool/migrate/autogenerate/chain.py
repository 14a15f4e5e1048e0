"""Which changes have to wait for a deploy, and what that deploy has to bring."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dbtool.migrate.autogenerate.proposed import Proposed, Step, proposed
from dbtool.migrate.autogenerate.undo import table_of
from dbtool.migrate.diff.parts import COMES_BACK, GOES_FIRST, MAKES_ROOM
from dbtool.migrate.difference import Difference

_GOES = frozenset({"table", "column", "enum", "domain", "sequence"})
_REJECTS = frozenset({"check", "exclusion", "foreignkey"})
_TAKES_A_NAME = ("missing-table", "missing-index", "missing-unique", "missing-primary")
_LENGTH = re.compile(r"character varying(?:\((\d+)\))?")
_KEY = re.compile(r"FOREIGN KEY \(.*?\) REFERENCES .*?\(.*?\)")
_REQUIRED = "nullable=False"
_FILLS_ITSELF = re.compile(r" DEFAULT |GENERATED |server_default=|Identity\(|Computed\(")
REQUIRED = "a value in each row"
TYPE = "its type is "
_DEFAULT = "its default is "
_ENUM = re.compile(r"enum (.*?) (?:has|sorts) ")
_BEHIND_TYPE = re.compile(r"(?:\[\])?(?: (?:NOT NULL|GENERATED|DEFAULT)\b.*)?$", re.DOTALL)
_NOT_NULL = "it may be NULL in the database, is NOT NULL in the models"


@dataclass(frozen=True, slots=True)
class New:
    """The tables and columns that a change brings: no running code writes them yet."""

    tables: frozenset[str]
    columns: frozenset[str]


def new_of(differences: Iterable[Difference]) -> New:
    """What comes into being by some differences."""
    found = [*differences]
    return New(*(
        frozenset(each.name for each in found if each.kind == f"missing-{kind}")
        for kind in ("table", "column")
    ))  # fmt: skip


def waits(wanted: Iterable[Difference]) -> dict[Difference, str]:
    """What the code has to do before each may come; empty where running code goes on with it.

    What goes before a type changes goes in the same revision, and comes back in no earlier one.
    Another default comes with the enumeration of its column, which is made anew without the old.
    """
    all_ = [*wanted]
    new = new_of(all_)
    found = {each: waits_for(each, new) for each in all_}
    defaults = [e for e in all_ if e.kind == "different-column" and _DEFAULT in e.text]
    enums = [each for each in all_ if _of_enum(each)]
    both = [(e, enum) for enum in enums for e in defaults if _type(e) == _of_enum(enum)]
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
        name: why
        for each, why in found.items()
        if why and each.kind == "extra-table"
        for name in each.text.partition(MAKES_ROOM)[2].split(", ")
    }
    return {
        each: why
        for each in wanted
        for name, why in late.items()
        if name and each.kind in _TAKES_A_NAME and repr(name) in each.operation
    }


def _of_enum(difference: Difference) -> str:
    """The enumeration that is made anew, without its schema; empty for anything else."""
    known = difference.kind in ("extra-label", "different-enum")
    found = _ENUM.match(difference.text) if known else None
    return found[1].rpartition(".")[2] if found else ""


def _type(column: Difference) -> str:
    """The type of a column in the database, without its schema; an array's is that of its items."""
    name = _BEHIND_TYPE.sub("", column.database or "", count=1)
    return name.replace('"', "").rpartition(".")[2]


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
    """Whether a constraint is about what no running code writes."""
    table = table_of(difference)
    words = {*re.findall(r"\w+", (difference.models or "").partition(" REFERENCES ")[0])}
    return table in new.tables or any(f"{table}.{each}" in new.columns for each in words)


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
