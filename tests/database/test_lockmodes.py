"""The table of lock modes is the server's own."""

import asyncpg
import pytest

from dbtool.database.lockmodes import CONFLICTS
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target


def test_conflicts_are_those_of_a_real_server(database: Target) -> None:
    """Each pair of modes is tried: a lock is refused exactly where the table says so."""
    with SyncConnection(database) as one, SyncConnection(database) as other:
        one.execute("CREATE TABLE t ()")
        refused = {
            (wanted, held)
            for held in CONFLICTS
            for wanted in CONFLICTS
            if _is_refused(one, other, held, wanted)
        }
    assert refused == {(wanted, held) for wanted, others in CONFLICTS.items() for held in others}


def _is_refused(one: SyncConnection, other: SyncConnection, held: str, wanted: str) -> bool:
    one.execute(f"BEGIN; LOCK t IN {_mode(held)} MODE")
    try:
        other.execute(f"BEGIN; LOCK t IN {_mode(wanted)} MODE NOWAIT")
    except asyncpg.LockNotAvailableError:
        return True
    finally:
        other.execute("ROLLBACK")
        one.execute("ROLLBACK")
    return False


def _mode(name: str) -> str:
    words = name.removesuffix("Lock")
    return "".join(f" {letter}" if letter.isupper() else letter for letter in words).strip()


@pytest.mark.parametrize("name", list(CONFLICTS))
def test_conflicts_go_both_ways(name: str) -> None:
    """What excludes another mode is excluded by it."""
    assert all(name in CONFLICTS[other] for other in CONFLICTS[name])
