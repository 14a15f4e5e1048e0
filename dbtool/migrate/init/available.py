"""The templates Alembic brings for a new environment."""

from dataclasses import dataclass
from importlib.resources import files

from dbtool.report import Column, Report, Table


@dataclass(frozen=True, slots=True)
class Template:
    """One template and what it is for."""

    name: str
    synopsis: str


@dataclass(frozen=True, slots=True)
class Templates:
    """All of them, by name."""

    templates: tuple[Template, ...]


def available() -> Templates:
    """What the installed Alembic has."""
    directories = [each for each in (files("alembic") / "templates").iterdir() if each.is_dir()]
    found = (
        Template(each.name, (each / "README").read_text(encoding="utf-8").partition("\n")[0])
        for each in directories
        if (each / "README").is_file()
    )
    return Templates(tuple(sorted(found, key=lambda each: each.name)))


def report(found: Templates, command: str) -> Report:
    """The templates as a table."""
    columns = (Column("template"), Column("what it is for", shrink=True))
    rows = tuple((each.name, each.synopsis) for each in found.templates)
    return Report(
        command=command,
        data=found,
        headline="Alembic's templates; without one, dbtool init writes an async environment",
        sections=(Table(columns, rows),),
        next=("dbtool init --template NAME",),
    )
