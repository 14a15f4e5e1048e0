"""The documentation says what the program says, about everything it has."""

import re
from pathlib import Path

import pytest

from dbtool.cli.rules import all_pages
from dbtool.settings.keys import KEYS, variables_of
from tests.readme import PART, ROOT, commands, documents, refreshed


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_generated_parts_are_up_to_date(path: Path) -> None:
    """Each part is what would be generated now; `python -m tests.readme --write` makes it so."""
    text = path.read_text(encoding="utf-8")
    assert refreshed(text) == text


def test_everything_is_in() -> None:
    """The README lists commands, settings and rules; the reference has every help page."""
    readme, reference = (
        {part["name"] for part in PART.finditer(path.read_text(encoding="utf-8"))}
        for path in (ROOT / "README.md", ROOT / "docs" / "commands.md")
    )
    assert readme >= {"commands", "settings", "rules"}
    assert reference == {"reference"}


def test_every_mark_belongs_to_a_part() -> None:
    """A begin without an end, or the other way round, is no part and would never be refreshed."""
    for path in documents():
        text = path.read_text(encoding="utf-8")
        assert len(re.findall("<!-- generated: |<!-- end -->", text)) == 2 * len(
            list(PART.finditer(text))
        ), path


def test_commands_and_options_are_documented() -> None:
    """Every command says what it does, and every argument and option what it is for."""
    silent = [name for name, command, _ in commands() if not command.help]
    silent += [
        f"{name} {parameter.opts[0]}"
        for name, command, context in commands()
        for parameter in command.get_params(context)
        if not parameter.help and not parameter.hidden
    ]
    assert silent == []


def test_first_sentences_end() -> None:
    """Lists show the first sentence of a command; it is a whole one."""
    odd = [
        name
        for name, command, _ in commands()
        if not re.match(r"[A-Z].*[.]$", command.get_short_help_str())
    ]
    assert odd == []


def test_settings_are_documented() -> None:
    """Every setting says what it is for and which variables set it."""
    unsaid = [key for key, field in KEYS.items() if not field.metadata["meaning"]]
    assert (unsaid, [key for key in KEYS if not variables_of(key)]) == ([], ["env"])


def test_rules_are_documented() -> None:
    """Every rule has a page: what in one sentence, then why, then bad and good."""
    for page in all_pages():
        assert page.summary.endswith("."), page.name
        assert "\nBad:\n" in page.text, page.name
        assert "\nGood:\n" in page.text, page.name


def test_a_rule_is_called_by_one_name() -> None:
    """No two families have a rule of the same name: `dbtool rules NAME` explains one."""
    names = [page.name for page in all_pages()]
    assert len({*names}) == len(names)
