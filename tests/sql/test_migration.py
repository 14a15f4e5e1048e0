"""A script becomes statements with their lines, and with what they commit."""

import pytest

from dbtool.sql.migration import migration
from dbtool.statement import Gap

SCRIPT = """\\restrict abc
-- what it is for
CREATE TABLE a (id int);

BEGIN;
ALTER TABLE a ADD b int;
SAVEPOINT s;
ROLLBACK TO s;
ALTER TABLE a ADD c int;
COMMIT;
COPY a FROM stdin;
1\t2\t3
\\.
CREATE INDEX CONCURRENTLY i ON a (b);
\\i other.sql
begin  transaction; SELECT 1; END
"""


def test_lines_and_transactions() -> None:
    """Each statement commits alone, those between BEGIN and COMMIT together."""
    found = migration(SCRIPT, "a.sql")
    assert [(each.line, each.transaction, each.sql.split()[0]) for each in found.up] == [
        (3, None, "CREATE"),
        (5, 1, "BEGIN"),
        (6, 1, "ALTER"),
        (7, 1, "SAVEPOINT"),
        (8, 1, "ROLLBACK"),
        (9, 1, "ALTER"),
        (10, 1, "COMMIT"),
        (11, None, "COPY"),
        (14, None, "CREATE"),
        (16, 2, "begin"),
        (16, 2, "SELECT"),
        (16, 2, "END"),
    ]
    assert found.gaps == (Gap(15, "what psql's \\i does here is not known"),)
    assert {each.file for each in found.up} == {"a.sql"}


def test_one_transaction() -> None:
    """Where a tool wraps the file, everything commits together."""
    found = migration("SELECT 1; SELECT 2;", "a.sql", one_transaction=True)
    assert [each.transaction for each in found.up] == [1, 1]


@pytest.mark.parametrize("text", ["", "-- nothing", ";;"])
def test_nothing(text: str) -> None:
    """A script without statements is a migration without statements."""
    assert migration(text, "a.sql").up == ()


@pytest.mark.parametrize(
    "note",
    [
        "UPDATE alembic_version SET version_num='b' WHERE alembic_version.version_num = 'a'",
        "INSERT INTO tenant.alembic_version (version_num) VALUES ('a') RETURNING version_num",
        'delete from "alembic_version" where version_num = 1',
    ],
)
def test_what_alembic_notes(note: str) -> None:
    """A script of `upgrade --sql` is what it does to the team's own tables."""
    found = migration(f"BEGIN; ALTER TABLE t ADD x int; {note}; COMMIT;", "a.sql")
    assert [each.sql.split()[0] for each in found.up] == ["BEGIN", "ALTER", "COMMIT"]
    kept = migration("UPDATE alembic_versions SET x = 1", "a.sql")
    assert len(kept.up) == 1
