"""The documentation as a site: `python -m tests.site DIRECTORY` writes it to DIRECTORY/site.

What stands in `docs` is taken as it is. The settings, each command and each rule get pages of
their own, from what the program prints. zensical turns the pages into the site.
"""

import json
import shutil
import subprocess
import sys
from itertools import groupby
from pathlib import Path

from dbtool.cli.rules import all_pages
from tests.readme import ROOT, command_table, help_pages, rule_table, setting_table

HEAD = ROOT / "docs" / "zensical.toml"
"""How the site looks, and its pages up to those that are generated."""

Entry = dict[str, "str | list[Entry]"]
"""A place in the navigation: a title with its page, or with the places below it."""


def build(directory: Path) -> Path:
    """Write the pages and let zensical make the site of them; returns where it stands."""
    write(directory)
    subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"], cwd=directory, check=True
    )
    return directory / "site"


def write(directory: Path) -> None:
    """Write all pages below DIRECTORY/docs, and the configuration beside it."""
    docs = directory / "docs"
    shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns(HEAD.name))
    for name, text in pages().items():
        path = docs / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    head = HEAD.read_text(encoding="utf-8")
    places = "".join(f"  {_inline(each)},\n" for each in _generated())
    configuration = head.replace("  # The generated pages.\n", places)
    (directory / HEAD.name).write_text(configuration, encoding="utf-8")


def pages() -> dict[str, str]:
    """Every generated page by its place below `docs`."""
    return {
        "settings.md": f"# Settings\n\n{setting_table()}",
        "commands.md": f"# Commands\n\n{command_table(_command_link)}",
        "rules.md": f"# Rules\n\n{rule_table(_rule_link)}",
        **{_of_command(name): f"# dbtool {name}\n\n{help_pages()[name]}" for name in _names()},
        **{_of_rule(rule.name): f"# {rule.name}\n\n{_prose(rule.text)}\n" for rule in all_pages()},
    }


def _generated() -> list[Entry]:
    by_name: list[Entry] = [{name: _of_command(name)} for name in _names()]
    families = groupby(all_pages(), key=lambda rule: rule.family)
    by_family: list[Entry] = [
        {family: [{rule.name: _of_rule(rule.name)} for rule in rules]} for family, rules in families
    ]
    return [
        {"Settings": "settings.md"},
        {"Commands": [{"All commands": "commands.md"}, *by_name]},
        {"Rules": [{"All rules": "rules.md"}, *by_family]},
    ]


def _inline(entry: Entry) -> str:
    """An entry in TOML, whose strings are those of JSON."""
    ((title, below),) = entry.items()
    value = json.dumps(below) if isinstance(below, str) else f"[{', '.join(map(_inline, below))}]"
    return f"{{{json.dumps(title)} = {value}}}"


def _names() -> list[str]:
    return [name for name in help_pages() if name]


def _of_command(name: str) -> str:
    return f"commands/{name.replace(' ', '-')}.md"


def _of_rule(rule: str) -> str:
    return f"rules/{rule}.md"


def _command_link(name: str) -> str:
    return f"[dbtool {name}]({_of_command(name)})"


def _rule_link(rule: str) -> str:
    return f"[{rule}]({_of_rule(rule)})"


def _prose(text: str) -> str:
    """A rule's text as Markdown: outside of its code it means each character as it stands."""
    parts = text.split("```")
    parts[::2] = [each.replace("<", "&lt;").replace("*", r"\*") for each in parts[::2]]
    return "```".join(parts)


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
