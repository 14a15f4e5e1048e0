"""What is allowed with a reason is set aside; everything wrong with such a comment is found."""

from dataclasses import replace

import pytest

from dbtool.lint.allow import allowances
from dbtool.lint.run import ALL, Linted, Rules, lint
from dbtool.lint.schema import Schema
from dbtool.sql.migration import migration
from dbtool.statement import Gap, Migration, Statement

ALLOW = "dbtool: allow index-not-concurrent -- a dozen rows"
BUILD = "CREATE INDEX orders_note_idx ON orders (note);"
TABLE = replace(migration("CREATE TABLE orders (id int, note text);", "base.sql"), judged=False)
INDEX = Rules(
    statement=tuple(each for each in ALL.statement if "index_not" in each.__name__), whole=()
)


def judged(text: str, rules: Rules = INDEX) -> Linted:
    """A script judged on a schema with one table."""
    return lint([TABLE, migration(text, "it.sql")], schema=Schema(complete=True), rules=rules)


def told(linted: Linted) -> list[tuple[str, int | None]]:
    """The rules that found something, and where."""
    places = ((each.rule, each.location) for each in linted.findings)
    return [(rule, place.line if place else None) for rule, place in places]


def revision(body: str, *lines: int) -> Migration:
    """A revision that builds an index on each of the lines."""
    up = tuple(
        Statement(f"CREATE INDEX i{line} ON orders (note)", "it.py", line, "aaa1", transaction=1)
        for line in lines
    )
    return Migration(name="aaa1", file="it.py", text=body, up=up)


def left(body: str, *lines: int) -> tuple[list[int | None], int]:
    """The lines of a revision with a finding left, and how many are allowed."""
    linted = lint([TABLE, revision(body, *lines)], schema=Schema(complete=True), rules=INDEX)
    kept = [line for rule, line in told(linted) if rule == "index-not-concurrent"]
    return kept, len(linted.allowed)


@pytest.mark.parametrize(
    "text",
    [
        f"-- {ALLOW}\n{BUILD}",
        f"{BUILD} -- {ALLOW}",
        f"-- a heading\n-- {ALLOW}\n-- more to say\n{BUILD}",
        f"CREATE INDEX orders_note_idx -- {ALLOW}\n  ON orders (note);",
        f"CREATE INDEX orders_note_idx\n  -- {ALLOW}\n  ON orders (note);",
        f"-- {ALLOW.upper().replace('A DOZEN ROWS', 'a dozen rows')}\n{BUILD}",
        f"--{ALLOW.replace('-concurrent', '_concurrent, syntax-error')}\n{BUILD}".replace(
            "syntax-error", "index-not-concurrent"
        ),
    ],
)
def test_places_in_sql(text: str) -> None:
    """Beside the statement, inside of it, and in the comment right above it."""
    linted = judged(text)
    assert told(linted) == []
    (allowed,) = linted.allowed
    assert (allowed.rule, allowed.file, allowed.reason) == (
        "index-not-concurrent",
        "it.sql",
        "a dozen rows",
    )


@pytest.mark.parametrize(
    "text", [f"-- {ALLOW}\n\n{BUILD}", f"{BUILD}\n-- {ALLOW}", f"-- {ALLOW}\nSELECT 1;\n{BUILD}"]
)
def test_not_elsewhere_in_sql(text: str) -> None:
    """A comment about another line allows nothing here, and is told to be of no use."""
    line = 1 + text[: text.index(BUILD)].count("\n")
    comment = 1 + text[: text.index("--")].count("\n")
    assert told(judged(text)) == [("index-not-concurrent", line), ("allow-unused", comment)]


@pytest.mark.parametrize(
    ("body", "lines", "expected"),
    [
        (f"def upgrade():\n    # {ALLOW}\n    op.create_index()\n", (3,), []),
        (f"def upgrade():\n    op.create_index()  # {ALLOW}\n", (2,), []),
        (f"def upgrade():\n    op.create_index(\n        'a',  # {ALLOW}\n    )\n", (2,), []),
        (f"def upgrade():\n    op.execute('''\n    -- {ALLOW}\n    {BUILD}''')\n", (2,), []),
        (f"def upgrade():\n    # {ALLOW}\n    with x:\n        y()\n        z()\n", (4, 5), []),
        (f"def upgrade():\n    with x:  # {ALLOW}\n        y()\n    z()\n", (3, 4), [4]),
        (f"# {ALLOW}\ndef upgrade():\n    y()\n    z()\n", (3, 4), []),
        (f"def upgrade():\n    # {ALLOW}\n    y()\n    z()\n", (3, 4), [4]),
        (f"def upgrade():\n    '''Say -- {ALLOW}.'''\n    y()\n", (3,), [3]),
        (f"def upgrade():\n    y('# {ALLOW}')\n", (2,), [2]),
        (f"def upgrade(:\n    y()  # {ALLOW}\n", (2,), [2]),
    ],
)
def test_places_in_python(body: str, lines: tuple[int, ...], expected: list[int]) -> None:
    """On the lines of an operation, right above it, and for a whole block above or beside it."""
    kept, allowed = left(body, *lines)
    assert kept == expected
    assert allowed == len(lines) - len(expected)


def test_without_a_reason() -> None:
    """It allows nothing, and says so."""
    linted = judged(f"-- dbtool: allow index-not-concurrent\n{BUILD}")
    assert told(linted) == [("index-not-concurrent", 2), ("allow-without-reason", 1)]
    assert linted.findings[1].title == (
        "the comment gives no reason to allow index-not-concurrent, so it allows nothing"
    )


def test_an_unknown_rule() -> None:
    """The nearest names are told."""
    linted = judged(f"-- dbtool: allow index-not-concurent -- few rows\n{BUILD}")
    assert told(linted) == [("index-not-concurrent", 2), ("allow-unknown", 1)]
    assert linted.findings[1].evidence == (
        "did you mean index-not-concurrent or reindex-not-concurrent?",
    )


def test_no_rule_at_all() -> None:
    """Nobody can allow everything by naming nothing."""
    linted = judged(f"-- dbtool: allow -- few rows\n{BUILD}")
    assert told(linted) == [("index-not-concurrent", 2), ("allow-unknown", 1)]


def test_an_unused_one() -> None:
    """What nobody finds needs no comment; a rule that was not asked may still need it."""
    harmless = f"-- {ALLOW}\nCREATE INDEX CONCURRENTLY i ON orders (note);"
    assert told(judged(harmless)) == [("allow-unused", 1)]
    assert told(judged(harmless, Rules(statement=(), whole=()))) == []


def test_an_unused_one_beside_a_gap() -> None:
    """Where a part could not be read, the comment may be about that part."""
    unread = replace(migration(f"-- {ALLOW}\nSELECT 1;", "it.sql"), gaps=(Gap(2, "it reads"),))
    linted = lint([unread], rules=INDEX)
    assert linted.findings == ()


def test_what_is_about_the_whole_file() -> None:
    """A finding about the migration is allowed from anywhere in its file."""
    text = "\\i more.sql\n\nSELECT 1;\n\n-- dbtool: allow not-read -- generated\n"
    linted = judged(text, Rules(statement=()))
    assert (linted.findings, linted.unknowns) == ((), ())
    assert [(each.rule, each.line) for each in linted.allowed] == [("not-read", 1)]


def test_files_without_the_words_cost_nothing() -> None:
    """No parser runs where there is nothing to find."""
    assert allowances(Migration(name="x", file="x.py", text="def broken(:")) == ()
