"""`dbtool rules`: what each rule looks for, why, and what to do about it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbtool.cli.command import Call, command
from dbtool.cli.usage import near
from dbtool.errors import UsageError

if TYPE_CHECKING:
    from dbtool.report import Report, Section

FAMILIES = ("explain", "health", "lint", "migrate", "seed")
"""The families that judge; each keeps one file per rule in its `rules` package."""


@dataclass(frozen=True, slots=True)
class Page:
    """The documentation of one rule."""

    name: str
    family: str
    summary: str
    text: str


@dataclass(frozen=True, slots=True)
class Pages:
    """The rules that were asked for."""

    rules: tuple[Page, ...]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "Set-up")(rules)


def _complete_rule(incomplete: str) -> list[tuple[str, str]]:
    known = ((page.name, page.summary) for page in all_pages())
    return [(name, summary) for name, summary in known if name.startswith(incomplete)]


def rules(
    call: Call,
    rule: Annotated[
        str | None,
        typer.Argument(metavar="RULE", help="One rule.", autocompletion=_complete_rule),
    ] = None,
) -> "Report":
    """List the rules behind the findings, or explain one: what, why, bad and good.

    Connects nowhere.
    """
    from dbtool.report import Column, Report, Table, counted

    pages = tuple(all_pages())
    if rule is not None:
        page = _named(rule, pages)
        sections = tuple(_sections(page.text))
        return Report(command=call.command, data=Pages((page,)), sections=sections)
    columns = Column("rule"), Column("family"), Column("what it finds")
    rows = tuple((page.name, page.family, page.summary) for page in pages)
    return Report(
        command=call.command,
        data=Pages(pages),
        headline=counted(len(pages), "rule"),
        sections=(Table(columns, rows),),
        next=("dbtool rules RULE",),
    )


def all_pages() -> Iterator[Page]:
    """Every rule, read from its file: showing documentation imports no family."""
    for family in FAMILIES:
        spec = find_spec(f"dbtool.{family}.rules")
        for folder in spec.submodule_search_locations or () if spec else ():
            for file in sorted(Path(folder).glob("*.py")):
                text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
                if file.stem != "__init__":
                    summary = " ".join(text.partition("\n\n")[0].split())
                    yield Page(file.stem.replace("_", "-"), family, summary, text)


def _named(name: str, pages: tuple[Page, ...]) -> Page:
    wanted = name.lower().replace("_", "-")
    for page in pages:
        if page.name == wanted:
            return page
    close = near(wanted, (page.name for page in pages))
    raise UsageError(
        f'no rule is called "{name}"',
        hint=f"Did you mean {' or '.join(close)}?" if close else "See dbtool rules for all.",
    )


def _sections(text: str) -> "Iterator[Section]":
    """The page as prose and code."""
    from dbtool.report import Code, Text

    parts = re.split(r"^```(\w*)\n(.*?)\n```$", text, flags=re.MULTILINE | re.DOTALL)
    for place in range(0, len(parts), 3):
        if prose := parts[place].strip("\n"):
            yield Text("\n\n".join(map(_unbroken, re.split(r"\n{2,}", prose))))
        if place + 2 < len(parts):
            yield Code(parts[place + 1], parts[place + 2])


def _unbroken(paragraph: str) -> str:
    """A paragraph on one line, as wide as the reader's screen; a list stays a list."""
    return re.sub(r"\n(?![-*\s])", " ", paragraph)
