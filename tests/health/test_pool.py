"""What `pool` reads from a real server, compared with the server's own word."""

import dataclasses
from collections import Counter
from contextlib import ExitStack
from time import monotonic, sleep

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import ConnectError
from dbtool.health.pool import Pool, read
from dbtool.scratch.server import Server
from tests.conftest import MAJOR
from tests.health.crowd import LIMIT, Crowd, alone, gone
from tests.health.waiting import waiting
from tests.proxy import proxy


def of(pool: Pool, database: Target) -> Counter[tuple[str, str | None]]:
    """Connections of one database by application and state."""
    counts: Counter[tuple[str, str | None]] = Counter()
    for group in pool.groups:
        if group.database == database.database:
            counts[group.application, group.state] += group.count
    return counts


def test_counts_client_backends_by_application_and_state(database: Target, people: Crowd) -> None:
    """Every client backend is in one group; dbtool itself is one of them."""
    people.idle(3, "api")
    people.session("api", "BEGIN", "SELECT 1")
    people.session("worker", "BEGIN")
    people.session("@odd name@h:1")
    pool = read(database)
    assert of(pool, database) == {
        ("api", "idle"): 3,
        ("api", "idle in transaction"): 1,
        ("worker", "idle in transaction"): 1,
        ("@odd name@h:1", "idle"): 1,
    }
    assert sum(group.count for group in pool.groups) == pool.slots.used
    mine = [group for group in pool.groups if group.database == database.database]
    assert {group.client for group in mine} == {"local"}


def test_usable_slots_leave_out_every_reserved_tier(small: Server) -> None:
    """What an ordinary role can get is max_connections less both reserves."""
    with alone(small.target()):
        pool = read(small.target())
    reserved = 2 if MAJOR >= 16 else 0
    assert dataclasses.asdict(pool.slots) == {
        "max_connections": 20,
        "superuser_reserved": 3,
        "role_reserved": reserved,
        "usable": 17 - reserved,
        "used": 1,
        "free": 16 - reserved,
        "hidden": 0,
    }


def test_usable_slots_are_those_the_server_grants(small: Server) -> None:
    """A plain role gets exactly the slots that were reported free, and not one more."""
    plain = dataclasses.replace(small.target(), user="plain")
    with alone(small.target()) as admin, ExitStack() as stack:
        admin.execute("CREATE ROLE plain LOGIN")
        for _ in range(read(small.target()).slots.free):
            stack.enter_context(_logged_in(plain))
        with pytest.raises(ConnectError, match="slot"):
            SyncConnection(plain)
        gone(admin, "usename IS NULL OR application_name = 'dbtool' AND usename <> 'plain'")
        full = read(small.target()).slots
    assert (full.free, full.used) == (0, full.usable)


def _logged_in(target: Target) -> SyncConnection:
    """A login, again until a process that is just ending has let go of its slot."""
    until = monotonic() + LIMIT
    while True:
        try:
            return SyncConnection(target)
        except ConnectError:
            assert monotonic() < until, "no slot is granted"
            sleep(0.05)


def test_walsenders_and_background_workers_take_no_slot(server: Server, database: Target) -> None:
    """Only client backends count, whatever else pg_stat_activity shows."""
    with SyncConnection(database, application_name="onlooker") as onlooker:
        others = onlooker.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type <> 'client backend'"
        )
        mine = onlooker.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        )
    assert others > 0
    assert read(server.target()).slots.used <= mine + 1


def test_idle_transactions_with_age_horizon_and_redacted_statement(
    database: Target, people: Crowd
) -> None:
    """The last statement shows without its literals, and a snapshot that is kept is noticed."""
    holder = people.session("api", "BEGIN ISOLATION LEVEL REPEATABLE READ")
    holder.fetchval("SELECT 'secret' || $1::text", "other secret")
    failed = people.session("worker", "BEGIN")
    with pytest.raises(Exception, match="division by zero"):
        failed.execute("SELECT 1/0")
    pool = read(database)
    mine = [each for each in pool.idle_transactions if each.database == database.database]
    assert [(each.application, each.aborted, each.holds_horizon, each.query) for each in mine] == [
        ("api", False, True, "SELECT ? || $1::text"),
        ("worker", True, False, "SELECT ?/?"),
    ]
    api, worker = mine
    assert api.transaction_seconds is not None
    assert 0 <= api.idle_seconds <= api.transaction_seconds < 30
    assert worker.transaction_seconds is None
    assert pool.oldest_transaction is not None


BLOCKED = {
    "row": ("UPDATE t SET b = 1 WHERE a = 1", "UPDATE t SET b = 2 WHERE a = 1"),
    "table": ("SELECT * FROM t", "ALTER TABLE t ADD c int"),
    "writer": ("INSERT INTO t VALUES (2, 2)", "CREATE INDEX ON t (b)"),
    "advisory": ("SELECT pg_advisory_xact_lock(7)", "SELECT pg_advisory_xact_lock(7)"),
    "unique key": ("INSERT INTO t VALUES (3, 3)", "INSERT INTO t VALUES (3, 4)"),
    "concurrently": ("INSERT INTO t VALUES (4, 4)", "CREATE INDEX CONCURRENTLY ON t (b)"),
}


@pytest.mark.parametrize("kind", BLOCKED)
def test_counts_whom_an_idle_transaction_blocks(kind: str, database: Target, people: Crowd) -> None:
    """Blocked sessions are counted at the holder, and the innocent bystander blocks nobody."""
    holds, waits = BLOCKED[kind]
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 1)")
    people.session("holder", "BEGIN", holds)
    people.session("bystander", "BEGIN", "SELECT 1")
    with waiting(database, waits):
        pool = read(database)
    blocks = {each.application: each.blocks for each in pool.idle_transactions}
    assert (blocks["holder"], blocks["bystander"]) == (1, 0)


def test_blocked_sessions_agree_with_the_servers_own_graph(database: Target, people: Crowd) -> None:
    """A queue on one table and one on a row: the counts are those of pg_blocking_pids."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
        connection.execute("CREATE TABLE u (a int PRIMARY KEY); INSERT INTO u VALUES (1)")
    people.session("reader", "BEGIN", "SELECT * FROM t")
    people.session("reader too", "BEGIN", "SELECT * FROM t")
    people.session("writer", "BEGIN", "UPDATE u SET a = 1")
    with ExitStack() as stack:
        for statement in ("ALTER TABLE t ADD b int", "SELECT * FROM t", "SELECT * FROM t"):
            stack.enter_context(waiting(database, statement))
        for _ in range(3):
            stack.enter_context(waiting(database, "UPDATE u SET a = 1"))
        pool = read(database)
        truth = _blocking(database)
    assert {each.pid: each.blocks for each in pool.idle_transactions if each.blocks} == truth
    assert sorted(truth.values()) == [1, 1, 1]


def _blocking(database: Target) -> dict[int, int]:
    with SyncConnection(database) as connection:
        rows = connection.fetch(
            "SELECT blocker, count(DISTINCT waiter) FROM ("
            "  SELECT pid AS waiter, unnest(pg_blocking_pids(pid)) AS blocker"
            "  FROM pg_locks WHERE NOT granted) AS edges"
            " JOIN pg_stat_activity AS a ON a.pid = blocker"
            " WHERE a.state LIKE 'idle in transaction%' GROUP BY blocker"
        )
    return {row["blocker"]: row["count"] for row in rows}


def test_limits_of_roles_and_databases(database: Target, people: Crowd) -> None:
    """A limit shows with what it allows and what is used, its name quoted for SQL."""
    odd = dataclasses.replace(database, user="Odd role")
    with alone(database) as admin:
        admin.execute('CREATE ROLE "Odd role" LOGIN CONNECTION LIMIT 5')
        admin.execute(f"ALTER DATABASE {database.database} CONNECTION LIMIT 50")
        with SyncConnection(odd), SyncConnection(odd):
            limits = read(database).limits
        admin.execute('DROP ROLE "Odd role"')
    assert [dataclasses.astuple(limit) for limit in limits] == [
        ("role", "Odd role", '"Odd role"', 5, 2),
        ("database", database.database, database.database, 50, 3),
    ]


def test_a_plain_role_sees_an_upper_bound_and_says_what_it_lacks(
    database: Target, people: Crowd
) -> None:
    """Without pg_monitor the number of connections is right and the states are hidden."""
    admin = people.session("admin", 'CREATE ROLE "on call" LOGIN')
    people.idle(3)
    plain = dataclasses.replace(database, user="on call")
    pool = read(plain)
    assert of(pool, database) == {("admin", None): 1, ("api", None): 3}
    assert pool.slots.hidden >= 4
    assert dataclasses.asdict(pool.rights) == {
        "role": "on call",
        "sees_all": False,
        "grant": 'GRANT pg_monitor TO "on call"',
    }
    admin.execute(pool.rights.grant)
    assert read(plain).slots.hidden == 0
    admin.execute('DROP ROLE "on call"')


def test_takes_two_round_trips_after_the_login(database: Target) -> None:
    """One connection, one prepared statement: parse and execute, and nothing on the way out."""
    with proxy(database) as through:
        read(through.target)
        (traffic,) = through.connections
    assert traffic.after_login == 2
    assert traffic.round_trips == traffic.login_round_trips + 2


def test_an_access_exclusive_lock_on_every_user_table_does_not_hold_it_up(
    migrated: Target,
) -> None:
    """The statement locks nothing of the user's, so that it answers during a lock storm."""
    with SyncConnection(migrated) as holder:
        tables = [
            row["t"]
            for row in holder.fetch(
                "SELECT oid::regclass AS t FROM pg_class"
                " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
        ]
        assert len(tables) > 5
        holder.execute("BEGIN")
        for table in tables:
            holder.execute(f"LOCK {table} IN ACCESS EXCLUSIVE MODE")
        pool = read(migrated)
    assert pool.slots.used >= 1


def test_the_session_is_read_only_and_limited(
    database: Target, people: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start-up options are in force on the server, as the connection asked."""
    monkeypatch.undo()
    with proxy(database) as through:
        read(through.target)
        (traffic,) = through.connections
    said = bytes(traffic.sent)
    for name, value in (
        ("default_transaction_read_only", "on"),
        ("lock_timeout", "100ms"),
        ("statement_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "5s"),
        ("application_name", "dbtool"),
    ):
        assert f"{name}\0{value}\0".encode() in said
