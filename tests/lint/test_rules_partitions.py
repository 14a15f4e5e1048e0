"""Rules about partitions, and about what is done to a table as a whole."""

import pytest

from dbtool.statement import Migration
from tests.lint.judging import findings, judge, script, unknowns

_ATTACH = "ALTER TABLE visits ATTACH PARTITION visits_2027 FOR VALUES FROM ({}) TO ({})"
_BOUNDS = _ATTACH.format("'2027-01-01'", "'2028-01-01'")
_LISTED = (
    "CREATE TABLE l (k text) PARTITION BY LIST (k); CREATE TABLE l_rest PARTITION OF l DEFAULT"
)


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("partition-attached-without-check", "CREATE TABLE n (day date NOT NULL, path text);"
         " ALTER TABLE visits ATTACH PARTITION n FOR VALUES FROM ('2028-01-01') TO ('2029-01-01')"),
        ("partition-detached-under-lock",
         "ALTER TABLE visits DETACH PARTITION visits_2026 FINALIZE"),
        ("partition-created-beside-default", _BOUNDS),
        ("partition-created-on-parent", "CREATE TABLE a (d date) PARTITION BY RANGE (d);"
         " CREATE TABLE b PARTITION OF a DEFAULT"),
        ("table-rewritten-by-command", "ALTER TABLE orders SET LOGGED"),
        ("table-rewritten-by-command",
         "CREATE TABLE n (id int PRIMARY KEY); CLUSTER n USING n_pkey"),
        ("materialized-view-refreshed", "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a;"
         " REFRESH MATERIALIZED VIEW v"),
        ("trigger-disabled", "CREATE TABLE n (id int); ALTER TABLE n DISABLE TRIGGER USER"),
        ("row-security-without-policy", "ALTER TABLE orders DISABLE ROW LEVEL SECURITY"),
    ],
)  # fmt: skip
def test_silent(rule: str, sql: str) -> None:
    """What nobody waits for is not reported."""
    assert findings(rule, sql) == []


@pytest.mark.parametrize(
    ("rule", "sql", "expected"),
    [
        ("partition-attached-without-check", _BOUNDS,
         "error: visits_2027: the whole table is read while nobody can use it"),
        ("partition-detached-under-lock", "ALTER TABLE events DETACH PARTITION events_2026",
         "warning: events: reads and writes wait while events_2026 is detached"),
        ("table-rewritten-by-command", "ALTER TABLE orders SET UNLOGGED",
         "error: orders: every row is written anew while nobody can use it"),
        ("table-rewritten-by-command", "CLUSTER orders USING orders_user_id_idx",
         "error: orders: every row is written anew while nobody can use it"),
        ("materialized-view-refreshed", "REFRESH MATERIALIZED VIEW CONCURRENTLY tag_uses",
         "note: tag_uses: other refreshes, and the deploy, wait until its query has run"),
        ("trigger-changed", "DROP TRIGGER t ON orders",
         "note: orders: reads and writes wait for a moment while trigger t is dropped"),
        ("trigger-disabled", "ALTER TABLE orders DISABLE TRIGGER t",
         "warning: orders: trigger t is off, rows written meanwhile stay unchecked"),
        ("policy-changed", "DROP POLICY p ON orders",
         "note: orders: reads and writes wait for a moment while policy p is dropped"),
    ],
)  # fmt: skip
def test_found(rule: str, sql: str, expected: str) -> None:
    """Each is one finding, in plain words."""
    assert findings(rule, sql) == [expected]


def test_beside_a_default_partition_there_is_no_concurrent_way() -> None:
    """The finding says so and proposes nothing that fails."""
    sql = "ALTER TABLE events DETACH PARTITION events_2026"
    [found] = judge("partition-detached-under-lock", script(sql)).findings
    assert found.fix is None
    assert found.evidence[1] == "its default partition rules out a concurrent way"


@pytest.mark.parametrize(
    ("check", "made", "expected"),
    [
        ("k <> 'a'", "IN ('a')", 0),
        ("k NOT IN ('a', 'b')", "IN ('a')", 0),
        ("k NOT IN ('a')", "IN ('a', 'b')", 1),
        ("k IS NULL OR k <> 'a'", "IN ('a')", 0),
    ],
)
def test_what_keeps_a_default_partition_from_being_read(
    check: str, made: str, expected: int
) -> None:
    """A validated check that has no row of the new list."""
    before = script(f"{_LISTED}; ALTER TABLE l_rest ADD CHECK ({check})")
    known = Migration(name="r0", up=before.up, judged=False)
    new = script(f"CREATE TABLE l_new PARTITION OF l FOR VALUES {made}")
    found = judge("partition-created-beside-default", known, new).findings
    assert len(found) == expected


def test_where_nothing_is_known() -> None:
    """Whether the bounds are proven, and whether there is a default, is for the history to say."""
    reasons = [each.reason for each in unknowns("partition-attached-without-check", _BOUNDS)]
    assert reasons == ["visits_2027: whether a validated check proves the bounds of the partition"]
    reasons = [each.reason for each in unknowns("partition-created-beside-default", _BOUNDS)]
    assert reasons == ["visits: whether there is a DEFAULT partition: it would be read"]


_REFERRED = script(
    "CREATE TABLE stays (id int PRIMARY KEY) PARTITION BY RANGE (id);"
    "CREATE TABLE stays_1 PARTITION OF stays FOR VALUES FROM (0) TO (10);"
    "CREATE TABLE guests (stay int REFERENCES stays)"
)
_PARTITIONED = Migration(name="0", up=_REFERRED.up, judged=False)


@pytest.mark.parametrize("how", ["", " CONCURRENTLY"])
def test_a_partition_that_others_may_refer_to(how: str) -> None:
    """The tables with foreign keys to the whole are read while nobody can use them."""
    sql = f"ALTER TABLE stays DETACH PARTITION stays_1{how}"
    found, *rest = judge("partition-detached-under-lock", _PARTITIONED, script(sql)).findings
    said = "stays: guests cannot be used while rows that refer to stays_1 are looked for"
    assert (found.severity.word, found.title) == ("error", said)
    assert found.evidence[-1] == "every row of guests is read"
    assert bool(rest) is not bool(how)
