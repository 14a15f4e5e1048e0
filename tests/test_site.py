"""The site has a page for everything, and each of its pages is found."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbtool.cli.rules import all_pages
from tests.readme import help_pages
from tests.site import HEAD, write

_LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#]+)")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that the site is made of."""
    directory = tmp_path_factory.mktemp("site")
    write(directory)
    return directory


def test_each_command_and_rule_has_a_page(sources: Path) -> None:
    """It is called after it and says what the program prints."""
    docs = sources / "docs"
    for name, text in help_pages().items():
        if name:
            page = docs / "commands" / f"{name.replace(' ', '-')}.md"
            assert page.read_text(encoding="utf-8") == f"# dbtool {name}\n\n{text}"
    for rule in all_pages():
        text = (docs / "rules" / f"{rule.name}.md").read_text(encoding="utf-8")
        assert text.startswith(f"# {rule.name}\n\n")
        assert text.count("```") == rule.text.count("```")


def test_the_navigation_leads_to_each_page(sources: Path) -> None:
    """Once; a page that is not there would be a dead end."""
    configuration = tomllib.loads((sources / HEAD.name).read_text(encoding="utf-8"))
    docs = sources / "docs"
    written = sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))
    assert sorted(_places(configuration["project"]["nav"])) == written


def _places(entries: list[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        for below in entry.values():
            if isinstance(below, str):
                yield below
            else:
                yield from _places(below)


def test_links_stay_on_the_site(sources: Path) -> None:
    """Each relative link of a page names another page of the site."""
    for page in (sources / "docs").rglob("*.md"):
        prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for link in _LINK.finditer(prose):
            assert (page.parent / link["path"]).exists(), f"{page}: {link[0]}"


def test_prose_means_what_it_says(sources: Path) -> None:
    """A rule's text between its blocks of code is not taken for HTML or emphasis."""
    for page in (sources / "docs" / "rules").glob("*.md"):
        prose = page.read_text(encoding="utf-8").split("```")[::2]
        assert not [part for part in prose if re.search(r"<|(?<!\\)\*", part)], page.stem
