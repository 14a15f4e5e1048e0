"""Advice on a real server: an index only where it finds the rows, and quiet where none would."""

from collections.abc import Iterator

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.explain.run import explain
from dbtool.finding import Finding, rule_name
from dbtool.scratch.server import Server
from tests.explain.test_rules import TIMED

_SETUP = """
CREATE TABLE t AS
SELECT g AS id, (ARRAY['new', 'old', 'odd'])[1 + g % 3] AS status, 'User' || g AS email,
  g % 5000 AS k, g % 100 AS h
FROM generate_series(1, 60000) g;
CREATE TABLE author AS SELECT g AS id FROM generate_series(1, 5000) g;
CREATE TABLE post AS SELECT g AS id, g % 4500 AS author_id FROM generate_series(1, 13000) g;
CREATE INDEX ix_t_h ON t (h);
CREATE UNIQUE INDEX pk_author ON author (id);
VACUUM ANALYZE
"""


@pytest.fixture(scope="module")
def target(server: Server) -> Iterator[Target]:
    """A table of which three columns are worth very different indexes."""
    created = server.create_database("advised")
    with SyncConnection(created) as connection:
        connection.execute("SET max_parallel_workers_per_gather = 0")
        for statement in _SETUP.split(";\n"):
            connection.execute(statement)
    yield created
    server.drop_database("advised")


def found(target: Target, sql: str) -> tuple[Finding, ...]:
    """What is said of one statement."""
    (examined,) = explain(target, sql).statements
    return examined.findings


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("k = 7", "ix_t_k"),
        ("k = 7 AND upper(email) = 'USER7'", "ix_t_k"),
        ("status = 'none'", "ix_t_status"),
        ("status = 'new' AND upper(email) = 'USER7'", None),
        ("status = 'new' AND email ILIKE 'user7'", None),
        ("h = 7 AND status = 'new' AND upper(email) = 'USER7'", None),
        pytest.param("xmin::text = '7'", None, id="a column of the system"),
        ("tableoid = 7 AND k = 7", "ix_t_k"),
        ("tableoid = 7", None),
    ],
)
def test_an_index_is_proposed_where_it_leaves_few_rows(
    target: Target, condition: str, index: str | None
) -> None:
    """Not on a column of three values beside an expression, nor on one of the system's."""
    fixes = [
        each.fix.code for each in found(target, f"SELECT * FROM t WHERE {condition}") if each.fix
    ]
    named = [code.split()[3] for code in fixes if code.startswith("CREATE INDEX")]
    assert named == ([index] if index else [])


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 20000)"
        " SELECT sum(n) FROM r",
        "SELECT id FROM post EXCEPT SELECT id FROM post",
        "SELECT * FROM generate_series(1, 50000) g WHERE g % 2 = 0",
        "SELECT count(*) FROM author WHERE id NOT IN (SELECT author_id FROM post)",
        "WITH c AS MATERIALIZED (SELECT author_id, count(*) AS n FROM post GROUP BY 1)"
        " SELECT * FROM c x JOIN c y USING (author_id) WHERE x.n > 2",
        "SELECT status, h, count(*) FROM t GROUP BY ROLLUP (status, h)",
        "SELECT (SELECT count(*) FROM post), (SELECT count(*) FROM author)",
        "SELECT * FROM author a CROSS JOIN LATERAL (SELECT * FROM t WHERE t.h = a.id LIMIT 1) l"
        " WHERE a.id < 20",
        "SELECT id, row_number() OVER (PARTITION BY author_id ORDER BY id) FROM post",
        "SELECT id FROM post INTERSECT ALL SELECT id FROM author",
    ],
)
def test_what_nobody_can_mend_is_not_told(target: Target, sql: str) -> None:
    """Guesses on which nothing hangs, and rows that another table decides on."""
    for _ in range(10):  # a machine that stalls while it plans is told as slow planning
        findings = found(target, sql)
        assert {finding.rule for finding in findings} <= {
            rule_name(each.__name__) for each in TIMED
        }
        if not findings:
            break
    assert findings == ()


def test_a_partition_beside_a_foreign_table_is_indexed_by_itself(server: Server) -> None:
    """What is said of the parent's index is true, and that of the local one is taken."""
    created = server.create_database("beside")
    with SyncConnection(created) as connection:
        connection.execute(
            "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
            "CREATE TABLE p (id int, k int) PARTITION BY RANGE (id);"
            "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (90000);"
            "CREATE TABLE p2 PARTITION OF p DEFAULT PARTITION BY LIST (id);"
            "CREATE FOREIGN TABLE p3 PARTITION OF p2 DEFAULT SERVER s;"
            "CREATE TABLE q (LIKE p) PARTITION BY RANGE (id);"
            "CREATE TABLE q1 PARTITION OF q DEFAULT;"
            "INSERT INTO p SELECT g, g % 5000 FROM generate_series(1, 60000) g;"
            "INSERT INTO q TABLE p1; ANALYZE p1; ANALYZE q1;"
            "SET max_parallel_workers_per_gather = 0"
        )
        said = [
            each.evidence[-1]
            for name in ("p", "q")
            for each in found(
                created, f"SELECT * FROM {name} WHERE id BETWEEN 1 AND 80000 AND k = 7"
            )
            if each.evidence and "would serve; " in each.evidence[-1]
        ]
        connection.execute("CREATE INDEX of_p ON ONLY p (k)")
        connection.execute("CREATE INDEX CONCURRENTLY of_p1 ON p1 (k)")
        connection.execute("ALTER INDEX of_p ATTACH PARTITION of_p1")
        valid = "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid"
        shown = {row[0]: row[1] for row in connection.fetch(f"{valid} WHERE relname ~ '^of_p'")}
    server.drop_database("beside")
    assert shown == {"of_p": False, "of_p1": True}
    assert len(said) == 2
    assert "foreign table as a partition" in said[0]
    assert "the table is partitioned: " in said[1]
