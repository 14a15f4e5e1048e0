"""The guides say what works: their commands exist, their files parse, the first day runs."""

import ast
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbtool.cli.program import program
from tests.conftest import ROOT, Dbtool

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCED = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"^(?:    |\$ | *- run: | +- )(?P<line>dbtool .*)$", re.MULTILINE)
_LIST = re.compile(r"\[(?P<words>dbtool, .*)\]")
_LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#]*)(?:#(?P<place>[^)]+))?\)")
_STEP = re.compile(
    r"^(?:`(?P<file>[^`]+)`\n\n)?```(?P<kind>yaml|python|diff|console)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_REVISION_FILE = re.compile(r"versions/\d{4}_\d\d_\d\d_")


def _text(page: Path) -> str:
    """A page without its generated parts, which are help pages with placeholders."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"<!-- generated: .*?<!-- end -->", "", text, flags=re.DOTALL)


def _commands(page: Path) -> Iterator[list[str]]:
    """The words of every dbtool command line on a page, up to a pipe or a redirection."""
    text = _text(page)
    for found in _LINE.finditer(text):
        line = re.split(r" (?:[|<>]|>>|&&) ", found["line"].rstrip("|"))[0]
        yield shlex.split(line, comments=True)[1:]
    for found in _LIST.finditer(text):
        yield found["words"].split(", ")[1:]


def parse(words: list[str]) -> None:
    """Parse a command line as the program would, without running it; raises where it would."""
    group: Any = program()
    with group.make_context("dbtool", list(words)) as context:
        while hasattr(group, "resolve_command"):
            rest = [*context._protected_args, *context.args]
            if not rest:
                return
            name, group, rest = group.resolve_command(context, rest)
            context = group.make_context(name, rest, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_exist(page: Path) -> None:
    """Each command line on a page has a command, options and values that the program takes."""
    for words in _commands(page):
        try:
            parse(words)
        except Exception as error:
            pytest.fail(f"dbtool {shlex.join(words)}: {error!r}")


def test_commands_are_found() -> None:
    """The pages have many of them: a pattern that stops matching is noticed."""
    assert sum(1 for page in PAGES for _ in _commands(page)) > 50


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_parse(page: Path) -> None:
    """Each block of Python, YAML or TOML is one."""
    parsers: dict[str, Callable[[str], object]] = {
        "python": ast.parse,
        "yaml": yaml.safe_load,
        "toml": tomllib.loads,
    }
    for block in _FENCED.finditer(_text(page)):
        if block["kind"] in parsers:
            parsers[block["kind"]](block["text"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link names a file, and a heading of it."""
    for link in _LINK.finditer(_text(page)):
        target = (page.parent / link["path"]).resolve() if link["path"] else page
        assert target.exists(), link[0]
        if link["place"]:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            places = [re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings]
            assert link["place"] in places, link[0]


def test_the_first_day(dbtool: Dbtool, tmp_path: Path) -> None:
    """Its files are written and its commands run in order; what it shows is what is printed."""
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    project, env = tmp_path / "shop", {"COLUMNS": "80"}
    project.mkdir()
    ran = 0
    for step in _STEP.finditer(text):
        if step["file"]:
            _write(project / step["file"], step["kind"], step["text"])
            continue
        for command in re.split(r"^\$ ", step["text"], flags=re.MULTILINE)[1:]:
            line, _, shown = command.partition("\n")
            exported = re.fullmatch(r'export (\w+)="\$\(dbtool (.*)\)"', line)
            words = shlex.split(exported[2] if exported else line.removeprefix("dbtool "))
            done = dbtool(*words, cwd=project, env=env)
            assert done.code == 0, (line, done.err)
            if exported:
                env[exported[1]] = done.out.strip()
            assert not shown.strip() or _undated(done.out) == _undated(shown), line
            ran += 1
    assert ran == 14


def _write(path: Path, kind: str, text: str) -> None:
    """A file as a page shows it, or the lines of it that a page changes."""
    if kind == "diff":
        lines = text.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if not line.startswith("+"))
        new = "".join(line[1:] for line in lines if not line.startswith("-"))
        before = path.read_text(encoding="utf-8")
        assert before.count(old) == 1
        text = before.replace(old, new)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _undated(text: str) -> str:
    return _REVISION_FILE.sub("versions/", text)
