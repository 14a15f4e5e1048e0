"""prepared-transaction-blocks on real prepared transactions, the guilty and the innocent."""

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.finding import Finding
from dbtool.health.pool import Pool, read
from dbtool.health.rules import lock_queue, prepared_transaction_blocks
from dbtool.scratch.server import Server
from tests.health.aged import waited
from tests.health.waiting import waiting


def judged(pool: Pool) -> list[Finding]:
    """What the rule finds, had everybody waited for two seconds."""
    return list(prepared_transaction_blocks.check(waited(pool)))


@pytest.mark.parametrize("waits", ["UPDATE t SET b = 3", "ALTER TABLE t ADD c int"])
def test_a_prepared_transaction(preparing: Server, waits: str) -> None:
    """It has no process; the name is that of the one that holds the lock, not of its neighbour."""
    target = preparing.create_database(f"prepared_{len(waits)}")
    with SyncConnection(target) as session:
        session.execute("CREATE TABLE t (b int); INSERT INTO t VALUES (1); CREATE TABLE u ()")
        for statement, name in (
            ("LOCK u", "innocent"),
            ("UPDATE t SET b = 2", "it''s left"),
        ):
            session.execute(f"BEGIN; {statement}; PREPARE TRANSACTION '{name}'")
        assert judged(read(target)) == []
    with SyncConnection(target) as session, waiting(target, waits):
        pool = read(target)
        (found,) = judged(pool)
        assert list(lock_queue.check(waited(pool))) == []
        assert found.fix is not None
        assert [row["gid"] for row in session.fetch(found.fix.code)] == ["it's left"]
    assert found.title == (
        '1 session waits for a lock, up to 2.0 s: the prepared transaction "it\'s left" holds it'
    )
    assert f"in database {target.database}" in found.evidence[0]
    with SyncConnection(target) as session:
        session.execute("ROLLBACK PREPARED 'it''s left'")
        session.execute("ROLLBACK PREPARED 'innocent'")
    preparing.drop_database(target.database)
