"""Text on a screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbtool.render.words import clean, columns, cropped, one_line, padded, wrapped


@given(st.text(), st.integers(3, 60))
def test_cropped_fits(text: str, width: int) -> None:
    """Cropped text is never wider than asked, and untouched where it fits."""
    assert columns(cropped(text, width)) <= width
    assert (cropped(text, width) == text) is (columns(text) <= width)


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"])), st.integers(12, 60))
def test_wrapped_fits_and_loses_nothing(text: str, width: int) -> None:
    """Wrapped text is never wider than asked and keeps every word."""
    line = one_line(text).strip()
    lines = wrapped(line, width, "  ")
    assert all(columns(each) <= width for each in lines)
    assert "".join("".join(lines).split()) == "".join(line.split())


def test_wrapped_keeps_its_indent() -> None:
    """Later lines stand under the first, and hang where that is asked for."""
    assert wrapped("  one two three", 9) == ["  one two", "  three"]
    assert wrapped("  one two three", 9, "..") == ["  one two", "  ..three"]


def test_wrapped_cuts_a_word_wider_than_the_screen() -> None:
    """A word that fits on no line is cut."""
    assert wrapped("ab abcdefghij", 6) == ["ab", "abcdef", "ghij"]


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("表", 2), ("e\u0301", 1), ("\u200b", 0), ("ｆ", 2), ("👍", 2)],
)
def test_columns(text: str, width: int) -> None:
    """Wide characters take two columns, marks and invisible ones none."""
    assert columns(text) == width


def test_padded() -> None:
    """Padding counts columns, not characters."""
    assert (padded("表", 4), padded("表", 4, right=True)) == ("表  ", "  表")


def test_clean() -> None:
    """Line ends and tabs stay, what could steer a terminal is spelled out."""
    assert clean("a\tb\r\nc\rd\x07\u202e") == "a\tb\nc\\x0dd\\x07\\x202e"


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    """Whatever comes in, one line goes out."""
    assert len(one_line(text).splitlines()) <= 1
