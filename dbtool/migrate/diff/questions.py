"""Conditions that only a server can print, put to it as CHECKs of tables that have little else."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from dbtool import catalog as cat
from dbtool.migrate.diff.build import Built
from dbtool.migrate.diff.ddl import Kind, Planned, Script
from dbtool.migrate.diff.scope import Key
from dbtool.migrate.diff.spelled import printed_name
from dbtool.migrate.diff.understood import Known, Question

_ANY_COLUMN = re.compile(r"\bU&|\.\s*(?:\*|/\*|--)", re.IGNORECASE)
"""A name may be spelled by numbers, or a star stand for all columns: `ROW(t.*)`."""
_PRINTED = re.compile(r"CHECK \((.*)\)", re.DOTALL)


def answer(tables: Iterable[Known], script: Script, build: Callable[[Script], Built]) -> None:
    """Have all open conditions printed at once; what cannot be told stays open."""
    asked = {(each.schema, each.name): each for each in tables if _can_be_asked(each)}
    if not asked:
        return
    types = (each for each in script.statements if not each.table and each.kind is not Kind.ANY)
    statements = (*types, *(_asked(key, each) for key, each in asked.items()))
    found = {(e.schema, e.name): e for e in build(Script(statements, ())).catalog.tables}
    for key, known in asked.items():
        for question, printed in _printed(known, found.get(key)).items():
            known.close(question, printed)


def _can_be_asked(known: Known) -> bool:
    return bool(known.open) and not any(_ANY_COLUMN.search(each.said) for each in known.open)


def _asked(key: Key, known: Known) -> Planned:
    """A table of the same name with the columns that its open conditions may speak of."""
    said = " ".join(each.said for each in known.open).lower()
    columns = [f"{name} {kind}" for name, kind in _spoken_of(known.kinds, said)]
    checks = [f"CONSTRAINT {name} CHECK ({e.said})" for name, e in _numbered(known.open)]
    parts = ",\n".join((*columns, *checks))
    return Planned(f"CREATE TABLE {'.'.join(map(printed_name, key))} (\n{parts}\n)", ".".join(key))


def _spoken_of(kinds: Mapping[str, str], said: str) -> Iterator[tuple[str, str]]:
    """Whatever has its letters in a condition: one too many does no harm."""
    return ((name, kind) for name, kind in kinds.items() if name.strip('"').lower() in said)


def _numbered(questions: Sequence[Question]) -> Iterator[tuple[str, Question]]:
    return ((f"q{number}", each) for number, each in enumerate(questions))


def _printed(known: Known, table: cat.Table | None) -> dict[Question, str]:
    """Each condition as the server prints it; none where one of them made more than itself."""
    made = {each.name: each.definition for each in table.constraints} if table else {}
    named = dict(_numbered(known.open))
    if made.keys() != named.keys():
        return {}
    found = {each: _PRINTED.fullmatch(made[name]) for name, each in named.items()}
    return {each: printed[1] for each, printed in found.items() if printed is not None}
