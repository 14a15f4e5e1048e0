"""The corpus: statements on a few schemas, with what is committed or set before each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dbtool.lint.run import lint
from dbtool.lint.schema import Schema
from dbtool.sql.script import Role, split
from dbtool.statement import Migration, Statement

CORPUS = Path(__file__).parent / "corpus"
FILES = {
    "base": ("statements.sql", "twisted.sql", "rare.sql", "clauses.sql"),
    "app": ("app_cases.sql",),
    "films": ("films_cases.sql",),
}
"""The files of cases that stand on each schema."""


@dataclass(frozen=True, slots=True)
class Case:
    """One statement to judge."""

    sql: str
    before: str = ""
    sets: str = ""
    versions: str = ""
    alone: bool = False
    base: str = "base"
    quiet: bool = False

    def fits(self, major: int) -> bool:
        """Whether it is for a major version."""
        operator, number = self.versions[:2].strip("0123456789"), self.versions.strip("<>=")
        return not number or (major < int(number) if operator == "<" else major >= int(number))

    def __str__(self) -> str:
        return " | ".join(part for part in (self.before, self.sets, self.sql) if part)


def pieces(text: str) -> tuple[str, ...]:
    """The statements of a script."""
    return tuple(piece.text for piece in split(text) if piece.role is Role.STATEMENT)


def base(name: str = "base") -> tuple[str, ...]:
    """The statements that make a schema."""
    return pieces((CORPUS / f"{name}.sql").read_text())


@contextmanager
def on_base(case: Case) -> Iterator[Schema]:
    """The replayed catalog of a case's schema, which afterwards is as it was."""
    schema = _replayed(case.base)
    schema.begin()
    try:
        yield schema
    finally:
        schema.undo()


@cache
def _replayed(name: str) -> Schema:
    schema = Schema(complete=True)
    history = Migration(name="0", up=tuple(map(Statement, base(name))), judged=False)
    lint([history], schema=schema)
    return schema


def history(case: Case) -> Migration:
    """What is committed before a case, behind a statement that begins the history."""
    texts = ("SELECT 1", *pieces(case.before))
    return Migration(name="1", up=tuple(map(Statement, texts)), judged=False)


def every_case() -> tuple[Case, ...]:
    """The cases of all files."""
    return tuple(
        case for name, files in FILES.items() for file in files for case in cases(file, name)
    )


def cases(file: str = "statements.sql", on: str = "base") -> tuple[Case, ...]:
    """The cases of a file."""
    found = []
    marks: dict[str, str] = {}
    for line in (CORPUS / file).read_text().splitlines():
        if line.startswith("--") and line[2:3] != " " and len(line) > 2:
            mark, _, value = line[2:].partition(" ")
            marks[mark] = value
        elif line and not line.startswith("--"):
            found.append(
                Case(
                    sql=line.rstrip(";"),
                    before=marks.get("+", ""),
                    sets=marks.get("set", ""),
                    versions=marks.get("pg", ""),
                    alone="alone" in marks,
                    base=on,
                    quiet="quiet" in marks,
                )
            )
            marks = {}
    return tuple(found)
