"""Sizes are read without a lock, kept in a file, and turned into the time a table is blocked."""

import datetime
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import UsageError
from dbtool.lint.effect import Work
from dbtool.lint.estimate import Estimate, changing, estimate, graded, in_words
from dbtool.lint.sizes import Sizes, TableSize, parse, read, read_file, written
from dbtool.severity import Severity
from tests.conftest import MAJOR

DAY = datetime.date(2026, 11, 21)
SCHEMA = """
CREATE SCHEMA other;
CREATE TABLE users (id int PRIMARY KEY, name text, big text);
ALTER TABLE users ALTER big SET STORAGE EXTERNAL;
CREATE INDEX ON users (name);
INSERT INTO users SELECT g, 'name ' || g, CASE WHEN g < 9 THEN repeat('x', 9000) END
FROM generate_series(1, 1000) AS g;
CREATE TABLE other.never_counted (id int);
CREATE TABLE events (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE events_a PARTITION OF events FOR VALUES FROM (0) TO (100);
CREATE TABLE events_b PARTITION OF events FOR VALUES FROM (100) TO (MAXVALUE)
    PARTITION BY RANGE (id);
CREATE TABLE events_b1 PARTITION OF events_b DEFAULT;
INSERT INTO events SELECT generate_series(1, 500);
"""
PAGE = 8192


def filled(database: Target) -> None:
    """Put the tables above into a database, and count all but one."""
    with SyncConnection(database) as connection:
        connection.execute(SCHEMA)
        for table in ("users", "events_a", "events_b1"):
            connection.execute(f"VACUUM ANALYZE {table}")


def test_sizes_are_read_while_every_table_is_locked(database: Target) -> None:
    """Nobody is made to wait, and nobody is waited for; what was not counted is not known."""
    filled(database)
    with SyncConnection(database) as other:
        other.execute("BEGIN; LOCK TABLE users, events, other.never_counted")
        sizes = read(database, DAY)
    users = sizes.of("public", "users")
    assert (sizes.database, sizes.server, sizes.taken) == (database.database, MAJOR, "2026-11-21")
    assert users is not None
    assert (users.rows, users.indexes) == (1000, 2)
    assert users.bytes is not None
    assert users.bytes > 8 * 9000
    assert users.index_bytes >= 4 * PAGE
    assert sizes.of("other", "never_counted") == TableSize(schema="other", name="never_counted")
    assert sizes.of("other", "users") is None


def test_a_partitioned_table_is_as_large_as_its_partitions(database: Target) -> None:
    """Also where a partition is partitioned itself."""
    filled(database)
    sizes = read(database, DAY)
    events, below = sizes.of("public", "events"), sizes.of("public", "events_b")
    assert events is not None
    assert below is not None
    assert (events.rows, events.indexes, below.rows) == (500, 1, 401)
    assert events.bytes == sum(
        each.bytes for each in sizes.tables if each.name.startswith("events") and each.bytes
    )


SIZES = Sizes(
    "shop",
    18,
    "2026-11-21",
    (
        TableSize(schema="public", name="part", rows=5, bytes=PAGE, parent=("public", "whole")),
        TableSize(schema="public", name="whole", indexes=1),
    ),
)
FILE = """\
{"format": 1, "database": "shop", "server": 18, "taken": "2026-11-21", "tables": [
  {"schema": "public", "name": "part", "rows": 5, "bytes": 8192, "indexes": 0, "index_bytes": 0,\
 "parent": ["public", "whole"]},
  {"schema": "public", "name": "whole", "indexes": 1, "index_bytes": 0}
]}
"""


def test_the_file_has_one_table_to_a_line_and_reads_back(tmp_path: Path) -> None:
    """A change of one table shows as one line."""
    assert written(SIZES) == FILE
    (tmp_path / "sizes.json").write_text(FILE)
    assert read_file(tmp_path / "sizes.json") == SIZES
    assert parse(written(Sizes("empty", 15, "2026-11-21")), "") == Sizes("empty", 15, "2026-11-21")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"format": 9}', "It is in format 9, and this dbtool reads 1."),
        (FILE.replace('"rows"', '"lines"'), "TypeError"),
        (FILE.replace('"taken"', '"when"'), "KeyError: 'taken'"),
        (FILE.replace('"rows": 5', '"rows": "five"'), "TypeError: rows of part is no number"),
    ],
)
def test_another_file_is_refused(text: str, detail: str) -> None:
    """The file is named, with what is wrong with it and how to make a right one."""
    with pytest.raises(UsageError) as told:
        parse(text, "sizes.json")
    assert told.value.message == "sizes.json does not hold the sizes of tables"
    assert told.value.detail.startswith(detail)
    assert told.value.hint == "Write it again: dbtool lint --export-stats"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The path and the system's reason."""
    with pytest.raises(UsageError, match=r"cannot read .*nowhere"):
        read_file(tmp_path / "nowhere")


def size(rows: int | None, stored: int | None, indexes: int = 0) -> TableSize:
    """A table of that size."""
    return TableSize(schema="s", name="t", rows=rows, bytes=stored, indexes=indexes)


def test_estimates_follow_the_stated_formulas() -> None:
    """Of 100 million rows in 15 GB, and of less that is known."""
    table = size(100_000_000, 15_000_000_000, indexes=2)
    assert estimate(Work.SCAN, table) == Estimate(5.0, 120.0)
    assert estimate(Work.BUILD, table) == Estimate(50.0, 184.0)
    assert estimate(Work.REWRITE, table) == Estimate(200.0, 728.0)
    assert estimate(Work.SCAN, size(1_000_000, None)) == estimate(
        Work.SCAN, size(1_000_000, 100_000_000)
    )
    assert estimate(Work.SCAN, size(None, None)) is None
    assert estimate(Work.WAIT, table) is None


def test_how_long_decides_how_bad() -> None:
    """Tiny tables are notes and huge ones errors; between them, and unknown, stays what it is."""
    tiny, middle, huge = Estimate(0.01, 0.1), Estimate(0.5, 3), Estimate(4, 12)
    grades = [graded(Severity.WARNING, each) for each in (tiny, middle, huge, None)]
    assert grades == [Severity.NOTE, Severity.WARNING, Severity.ERROR, Severity.WARNING]
    assert graded(Severity.ERROR, tiny) == Severity.NOTE


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.01, 0.5, "less than 1 s"),
        (0.2, 4.2, "about 1 s to 4 s"),
        (40, 190, "about 40 s to 3 min"),
        (3600, 10_000, "about 60 min to 3 h"),
        (7000, 7100, "about 117 min to 118 min"),
        (8000, 8100, "about 2 h"),
    ],
)
def test_estimates_in_words(low: float, high: float, words: str) -> None:
    """One number where both round to the same."""
    assert in_words(Estimate(low, high)) == words


@pytest.mark.parametrize(
    ("rows", "stored", "indexes", "fastest", "slowest"),
    [
        (1_000_000, 109_000_000, 0, 2.4, 3.3),
        (1_000_000, 109_000_000, 1, 2.4, 5.3),
        (1_000_000, 109_000_000, 3, 6.0, 14.7),
        (400_000, 468_000_000, 0, 1.4, 5.5),
        (400_000, 468_000_000, 3, 7.3, 7.4),
    ],
)
def test_an_update_takes_what_was_measured(
    rows: int, stored: int, indexes: int, fastest: float, slowest: float
) -> None:
    """Both the fastest and the slowest run of a real server lie within what is said."""
    size = TableSize(schema="s", name="t", rows=rows, bytes=stored, indexes=indexes)
    said = changing(size)
    assert said is not None
    assert said.low <= fastest
    assert slowest <= said.high
