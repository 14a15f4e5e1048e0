"""The corpus: statements on one schema, with what is committed or set before each."""

from dataclasses import dataclass
from pathlib import Path

from dbtool.sql.script import Role, split

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Case:
    """One statement to judge."""

    sql: str
    before: str = ""
    sets: str = ""
    versions: str = ""
    alone: bool = False

    def fits(self, major: int) -> bool:
        """Whether it is for a major version."""
        operator, number = self.versions[:2].strip("0123456789"), self.versions.strip("<>=")
        return not number or (major < int(number) if operator == "<" else major >= int(number))

    def __str__(self) -> str:
        return " | ".join(part for part in (self.before, self.sets, self.sql) if part)


def pieces(text: str) -> tuple[str, ...]:
    """The statements of a script."""
    return tuple(piece.text for piece in split(text) if piece.role is Role.STATEMENT)


def base() -> tuple[str, ...]:
    """The statements that make the schema."""
    return pieces((CORPUS / "base.sql").read_text())


def every_case() -> tuple[Case, ...]:
    """The cases of all files."""
    files = ("statements.sql", "twisted.sql", "rare.sql")
    return tuple(case for file in files for case in cases(file))


def cases(file: str = "statements.sql") -> tuple[Case, ...]:
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
                )
            )
            marks = {}
    return tuple(found)
