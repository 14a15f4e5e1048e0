"""Code in colour."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtool.render.highlight import highlighted
from dbtool.render.words import clean

LANGUAGES = ("sql", "python", "shell", "toml", "ini", "text", "")


def without_colour(lines: "list[str]") -> str:
    """What remains when a terminal has read its escape codes."""
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))


CODE = st.text(alphabet="\n\t aé表'\"$#-/*;[]{}\\01=x").map(lambda text: clean(text).strip("\n"))


@given(st.sampled_from(LANGUAGES), CODE)
def test_not_a_character_changes(language: str, code: str) -> None:
    """What is pasted is what was written, in every language and in none."""
    assert without_colour(list(highlighted(code, language))) == code


def test_a_long_line_stays_one() -> None:
    """No line is broken, and no tab becomes blanks."""
    code = f"SELECT\t'{'long ' * 100}'\n\n  -- end"
    assert without_colour(list(highlighted(code, "sql"))) == code


@pytest.mark.parametrize(
    ("language", "code", "shown"),
    [
        ("sql", "SELECT 1 -- one", "<1>SELECT<0> 1 <2>-- one<0>"),
        ("sql", "SELECT 'a\nb'", "<1>SELECT<0> <32>'<0><32>a<0>\n<32>b<0><32>'<0>"),
        ("sql", "ANALYZE public.comments;", "<1>ANALYZE<0> public.comments;"),
        ("python", "return 1  # one", "<1>return<0> 1  <2># one<0>"),
        ("toml", "production = true", "production = <1>true<0>"),
        ("shell", "dbtool init  # once", "dbtool init  <2># once<0>"),
        ("cobol-77", "MOVE 1", "MOVE 1"),
    ],
)
def test_colours(language: str, code: str, shown: str) -> None:
    """Keywords stand out, comments step back; each line ends as plain as it began."""
    expected = shown.replace("<", "\x1b[").replace(">", "m").split("\n")
    assert list(highlighted(code, language)) == expected
