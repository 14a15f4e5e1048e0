"""The generated parts of the documentation: `python -m tests.readme --write` refreshes them.

In README.md and docs/*.md a part stands between `<!-- generated: NAME -->` and `<!-- end -->`.
The names are `help` and `help COMMAND` (a help page as it is printed), `commands` (a table of all
commands), `reference` (every help page), `settings` and `rules`.
"""

import functools
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dbtool.cli.program import program
from dbtool.cli.rules import all_pages
from dbtool.settings.keys import KEYS, shown, variables_of

ROOT = Path(__file__).resolve().parent.parent
PART = re.compile(
    r"(?P<begin><!-- generated: (?P<name>[\w -]+?) -->\n)(?P<body>.*?)(?P<end><!-- end -->)",
    re.DOTALL,
)
WIDTH = 80


def commands() -> Iterator[tuple[str, Any, Any]]:
    """Every visible command by its full name, the groups before what is in them."""
    group = program()
    with group.make_context("dbtool", [], resilient_parsing=True, terminal_width=WIDTH) as context:
        yield "", group, context
        yield from _below("", group, context)


def _below(prefix: str, group: Any, context: Any) -> Iterator[tuple[str, Any, Any]]:
    for name in group.list_commands(context):
        _, command, _ = group.resolve_command(context, [name])
        with command.make_context(
            name, [], parent=context, resilient_parsing=True, terminal_width=WIDTH
        ) as inner:
            if not command.hidden:
                yield f"{prefix}{name}", command, inner
                if hasattr(command, "list_commands"):
                    yield from _below(f"{prefix}{name} ", command, inner)


def page(wanted: str) -> str:
    """The help page of a command, as code."""
    if wanted not in help_pages():
        raise KeyError(f"the documentation asks for the help of {wanted!r}, which is no command")
    return help_pages()[wanted]


@functools.cache
def help_pages() -> dict[str, str]:
    """Every help page, as code, by the command's full name."""
    return {
        name: f"```\n$ {f'dbtool {name}'.strip()} --help\n{command.get_help(context)}\n```\n"
        for name, command, context in commands()
    }


def command_table(named: Callable[[str], str] = "`dbtool {}`".format) -> str:
    """All commands under their panels, in the order of the help page."""
    lines = ["| command | what it does |", "| --- | --- |"]
    lines += [
        f"| {named(name)} | {cell(command.get_short_help_str())} |"
        for name, command, _ in commands()
        if name
    ]
    return "\n".join(lines) + "\n"


def reference() -> str:
    """Every help page under its own heading."""
    return "\n".join(f"## dbtool {name}\n\n{text}" for name, text in help_pages().items() if name)


def setting_table() -> str:
    """Every setting with its variables and default."""
    lines = ["| setting | variables | default | what it says |", "| --- | --- | --- | --- |"]
    for key, field in KEYS.items():
        variables = ", ".join(f"`{name}`" for name in variables_of(key))
        default = f"`{field.default}`" if field.default else ""
        meaning = cell(field.metadata["meaning"])
        lines.append(f"| `{shown(key)}` | {variables} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def rule_table(named: Callable[[str], str] = "`{}`".format) -> str:
    """Every rule with what it finds."""
    lines = ["| rule | family | what it finds |", "| --- | --- | --- |"]
    lines += [
        f"| {named(each.name)} | {each.family} | {cell(each.summary)} |" for each in all_pages()
    ]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """A text inside a table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


PARTS: dict[str, Callable[[], str]] = {
    "help": lambda: page(""),
    "commands": command_table,
    "reference": reference,
    "settings": setting_table,
    "rules": rule_table,
}


def generated(name: str) -> str:
    """The body of a part."""
    if name.startswith("help "):
        return page(name.removeprefix("help "))
    return PARTS[name]()


def refreshed(text: str) -> str:
    """The text with every generated part as it should be."""
    return PART.sub(lambda part: f"{part['begin']}{generated(part['name'])}{part['end']}", text)


def documents() -> list[Path]:
    """The files that may have generated parts."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def main(*, write: bool) -> None:
    """Refresh every document, or fail at the first that needs it."""
    for path in documents():
        current = path.read_text(encoding="utf-8")
        wanted = refreshed(current)
        if write:
            path.write_text(wanted, encoding="utf-8")
        elif wanted != current:
            sys.exit(f"{path.name} is out of date: python -m tests.readme --write")


if __name__ == "__main__":
    main(write="--write" in sys.argv)
