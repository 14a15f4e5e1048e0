"""Tables as lines, wide and narrow."""

import pytest

from dbtool.render.screen import PAPER, Screen
from dbtool.render.table import table_lines
from dbtool.render.terminal import section_lines
from dbtool.render.words import columns
from dbtool.report import Column, Styled, Table, facts

PLAN = Table(
    (
        Column("#", "right"),
        Column("node", shrink=True),
        Column("self", "right"),
        Column("loops", "right", optional=1),
        Column("buffers", "right", optional=2),
    ),
    (
        ("1", "Limit", "0.1 ms", "1", "1"),
        ("2", "  ->  Seq Scan on orders (status = 'open')", "1,100 ms", "1", "99,000"),
    ),
)
PROSE = Table(
    (Column("setting"), Column("what it says"), Column("from")),
    (
        ("url", "the database, in any form that libpq knows", "pyproject.toml"),
        ("models", "where the models are", ""),
    ),
)


def lines(table: Table, width: int | None) -> str:
    """The table without colour."""
    return "\n".join(table_lines(table, Screen(width, color=False, drawing=False))) + "\n"


def test_wide() -> None:
    """With room every column is as wide as its widest cell."""
    assert lines(PLAN, None) == lines(PLAN, 200)
    assert lines(PLAN, None) == (
        "#  node                                            self  loops  buffers\n"
        "1  Limit                                         0.1 ms      1        1\n"
        "2    ->  Seq Scan on orders (status = 'open')  1,100 ms      1   99,000\n"
    )


def test_cropped() -> None:
    """A shrinking column is cropped first, its indent kept."""
    assert lines(PLAN, 60) == (
        "#  node                                 self  loops  buffers\n"
        "1  Limit                              0.1 ms      1        1\n"
        "2    ->  Seq Scan on orders (stat…  1,100 ms      1   99,000\n"
    )


def test_optional_columns_left_out() -> None:
    """Before a shrinking column loses too much, optional ones go, the highest number first."""
    assert lines(PLAN, 48) == (
        "#  node                              self  loops\n"
        "1  Limit                           0.1 ms      1\n"
        "2    ->  Seq Scan on orders (s…  1,100 ms      1\n"
    )
    assert lines(PLAN, 40) == (
        "#  node                             self\n"
        "1  Limit                          0.1 ms\n"
        "2    ->  Seq Scan on orders (…  1,100 ms\n"
    )


def test_cropped_further() -> None:
    """Without optional columns left, the shrinking one gives what it can."""
    assert lines(PLAN, 30) == (
        "#  node                   self\n"
        "1  Limit                0.1 ms\n"
        "2    ->  Seq Scan o…  1,100 ms\n"
    )


def test_text_wraps() -> None:
    """Texts that may not be cropped run over several lines."""
    assert lines(PROSE, 50) == (
        "setting  what it says               from\n"
        "url      the database, in any form  pyproject.toml\n"
        "         that libpq knows\n"
        "models   where the models are\n"
    )


def test_records() -> None:
    """Where columns cannot fit at all, each row is a list of names and values."""
    assert lines(PROSE, 24) == (
        "setting       url\n"
        "what it says  the\n"
        "              database,\n"
        "              in any\n"
        "              form that\n"
        "              libpq\n"
        "              knows\n"
        "from          pyproject.\n"
        "              toml\n"
        "\n"
        "setting       models\n"
        "what it says  where the\n"
        "              models are\n"
        "from\n"
    )


@pytest.mark.parametrize("width", range(24, 90))
@pytest.mark.parametrize("table", [PLAN, PROSE])
def test_no_line_is_wider_than_the_screen(table: Table, width: int) -> None:
    """At every width the lines fit, and no row is lost."""
    shown = lines(table, width).rstrip("\n").split("\n")
    assert max(map(columns, shown)) <= width
    assert len(shown) > len(table.rows)


def test_characters_of_two_columns() -> None:
    """East Asian text takes two columns per character, combining marks none."""
    table = Table(
        (Column("name"), Column("city", shrink=True), Column("rows", "right")),
        (("表一", "東京都千代田区", "1"), ("e\u0301a", "Rome", "22")),
    )
    assert lines(table, None) == (
        "name  city            rows\n表一  東京都千代田区     1\ne\u0301a    Rome              22\n"
    )
    assert lines(table, 25) == (
        "name  city           rows\n表一  東京都千代田…     1\ne\u0301a    Rome             22\n"
    )


def test_cells_in_colour() -> None:
    """Colour stands around the words of a cell, so that columns stay aligned."""
    table = Table(
        (Column("state"), Column("backends", "right")),
        ((Styled("idle", "error"), Styled("1", "strong")), ("active", "12")),
    )
    assert table_lines(table, Screen(None, color=True, drawing=True)) == [
        "\x1b[1mstate   backends\x1b[0m",
        "\x1b[1;31midle\x1b[0m           \x1b[1m1\x1b[0m",
        "active        12",
    ]


def test_cell_of_many_lines() -> None:
    """A row stays one line, whatever a cell holds, and control characters are spelled out."""
    table = Table((Column("query"),), (("SELECT 1\n\tFROM a\r\n WHERE\x1b[2J b",),))
    assert lines(table, None) == "query\nSELECT 1 FROM a WHERE\\x1b[2J b\n"


def test_table_without_rows() -> None:
    """A table without rows still says what it would have shown."""
    assert lines(Table((Column("a"), Column("b")), ()), None) == "a  b\n"


def test_ten_thousand_rows_take_one_pass() -> None:
    """A large table is made of as many lines, in order."""
    table = Table((Column("n", "right"),), tuple((str(number),) for number in range(10_000)))
    shown = table_lines(table, PAPER)
    assert len(shown) == 10_001
    assert (shown[1], shown[-1]) == ("   0", "9999")


def test_facts() -> None:
    """Named values have no line of titles, and a long one continues below its beginning."""
    table = facts((("server", "PostgreSQL 18, a primary"), ("log", "here")), "where")
    assert section_lines(table, Screen(22, color=False, drawing=False)) == [
        "where",
        "server  PostgreSQL 18,",
        "        a primary",
        "log     here",
    ]
