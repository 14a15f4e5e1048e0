"""Migrations need a session of their own: transaction poolers are refused, others are not."""

from collections.abc import Callable

import pytest

from dbtool.database.target import Target
from dbtool.migrate.holder import behind_pooler
from tests.conftest import Dbtool
from tests.migrate.conftest import plain
from tests.migrate.projects import Small
from tests.pgbouncer import pgbouncer

Tables = Callable[[], list[str]]


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_transaction_pooler_is_recognised_by_what_it_does(
    dbtool: Dbtool, project: Small, database: Target, tables: Tables, mode: str
) -> None:
    """On a port that says nothing, two sessions of ours share a server process: refused."""
    with pgbouncer(database, {"pool_mode": mode}) as pooler:
        ran = dbtool("--url", plain(pooler.target), "upgrade", "--yes", cwd=project.root)
    assert ran.code == 2, ran
    assert ran.err == (
        f"error: {pooler.target.shown} is reached through a transaction pooler\n"
        "detail: Two sessions share one server process. Migrations need a session of their own;"
        " the locks and settings of a session do not survive such a pooler.\n"
        "hint: Name the server itself, not its pooler.\n"
    )
    assert tables() == []


def test_pooler_leaves_no_lock_behind(dbtool: Dbtool, project: Small, database: Target) -> None:
    """The lock is taken only where a session keeps it."""
    from dbtool.database.sync import SyncConnection

    with pgbouncer(database) as pooler:
        dbtool("--url", plain(pooler.target), "upgrade", "--yes", cwd=project.root)
        with SyncConnection(database) as connection:
            locks = connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    assert locks == 0


def test_session_pooler_works(
    dbtool: Dbtool, project: Small, database: Target, tables: Tables
) -> None:
    """A pooler that gives every session its own server process is no obstacle."""
    settings = {"pool_mode": "session", "default_pool_size": "5"}
    with pgbouncer(database, settings) as pooler:
        ran = dbtool("--url", plain(pooler.target), "upgrade", "--yes", cwd=project.root)
    assert (ran.code, tables()) == (0, ["alembic_version", "t1", "t2"]), ran


def test_direct_host_of_a_pooled_one_is_named(dbtool: Dbtool, project: Small) -> None:
    """A pooled host name leads to the direct one, before anything is connected to."""
    url = "postgresql://app@ep-cool-rain-1.eu-central-1-pooler.aws.example.invalid/app"
    url = url.replace("-1.eu-central-1-pooler", "-1-pooler.eu-central-1")
    ran = dbtool("--url", url, "upgrade", cwd=project.root)
    assert ran.code == 2
    assert (
        "hint: Name the direct endpoint:"
        " app@ep-cool-rain-1.eu-central-1.aws.example.invalid:5432/app.\n"
    ) in ran.err


def test_evidence_is_stated() -> None:
    """The refusal says what it rests on."""
    told = behind_pooler(Target("db", 6432, "app", "app"), "port 6432 is a pooler's")
    assert told.detail.startswith("Port 6432 is a pooler's.")
