"""The report of a pool, printed whole."""

from dataclasses import replace

from dbtool.health.forest import Forest
from dbtool.health.identity import Rights, Server
from dbtool.health.pool import (
    Ages,
    Group,
    IdleTransaction,
    Limit,
    Pool,
    Slots,
    Transaction,
)
from dbtool.health.session import Driver, Endpoint
from dbtool.health.view import pool_report
from dbtool.render.screen import Screen
from dbtool.render.terminal import render

CALM = Pool(
    endpoint=Endpoint("app@db.example.com:5432/shop"),
    server=Server("18.6", 180006, False, "2026-11-21T03:00:00+00:00"),
    rights=Rights("app", True, "GRANT pg_monitor TO app"),
    slots=Slots(100, 3, 0, 97, 14, 83, 0),
    groups=(
        Group("api@web1:41", "app", "shop", "10.0.0.4", "idle", 6, 7200.0),
        Group("api@web2:17", "app", "shop", "10.0.0.5", "active", 2, 7000.0),
        Group("api@web2:17", "app", "shop", "10.0.0.5", "idle", 4, 300.0),
        Group("", "jobs", "shop", "local", "fastpath function call", 1, 90000.0),
        Group("dbtool", "app", "shop", "10.0.0.9", "active", 1, 0.01),
    ),
    idle_transactions=(),
    idle_transaction_count=0,
    forest=Forest(),
    oldest_transaction=Transaction(4711, "api@web2:17", "app", "active", 0.25),
    ages=Ages(12.0, 300.0, 90000.0),
    limits=(),
)
HELD = IdleTransaction(
    pid=4242,
    backend_start="2026-11-21T02:00:00+00:00",
    application="api@web2:17",
    role="app",
    database="shop",
    client="10.0.0.5",
    transaction_seconds=41.0,
    idle_seconds=40.0,
    aborted=False,
    holds_horizon=True,
    blocks=0,
    blocked=(),
    fingerprint="1",
    query="SELECT * FROM orders WHERE id = $1",
)


def shown(pool: Pool, width: int = 80) -> str:
    """The report as plain text of that width."""
    return render(pool_report(pool), Screen(width, color=False, drawing=False))


def test_a_calm_pool() -> None:
    """The first line answers; the rest says who holds what."""
    assert (
        shown(CALM)
        == """\
14 of 97 usable slots in use (14 %), 83 free

active  #.............................  3
idle    ###...........................  10
other   #.............................  1

application            all  active  idle  other  oldest
api                     12       2    10            2 h
(no application name)    1                    1    25 h
dbtool                   1       1               0.01 s

roles        app 13, jobs 1
databases    shop 14
clients      10.0.0.4 6, 10.0.0.5 6, local 1, 10.0.0.9 1
connected    for 12 s to 25 h, median 5 min
transaction  oldest 0.25 s: pid 4711, api, active
server       PostgreSQL 18.6, primary: 100 slots - 3 for superusers

no findings
"""
    )


def test_a_long_tail_is_folded_into_one_row() -> None:
    """However many applications, roles and addresses there are, it fits the screen."""
    states = ("active", "idle", "idle in transaction", "idle in transaction (aborted)")
    many = tuple(
        Group(f"tool{n:02}", f"role{n}", f"base{n}", f"10.0.0.{n}", states[n % 4], 1, 60.0)
        for n in range(40)
    )
    text = shown(replace(CALM, groups=many))
    assert "\n+36 more      36       9     9                   18    60 s\n" in text
    assert "\nroles        role0 1, role1 1, role2 1, role3 1, +36 more\n" in text
    assert "\nnext: dbtool pool --json\n" in text
    assert len(text.splitlines()) == 23


def test_findings_and_what_is_unknown() -> None:
    """A warning with its fix, then what the role could not see, then the count of both."""
    seen_by_plain_role = replace(
        CALM,
        slots=replace(CALM.slots, hidden=2),
        idle_transactions=(HELD,),
        idle_transaction_count=1,
    )
    head, _, rest = shown(seen_by_plain_role, 100).partition("[1] ")
    assert head.startswith("at most 14 of 97 usable slots in use (14 %), 83 free\n")
    assert (
        rest
        == """\
warning (measured): api: 1 transaction held idle for up to 40 s
    transaction-held-idle
    pid 4242: idle 40 s, transaction open 41 s, last ran: SELECT * FROM orders WHERE id = $1
    vacuum cannot remove rows that died since they first read or wrote
    fix: ends exactly these sessions, if they have done nothing since (same role, pg_signal_backend
    or superuser)
        SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pid IN (4242)
          AND state LIKE 'idle in transaction%'
          AND state_change < '2026-11-21T03:00:00+00:00';

unknown: role app may not see the state of 2 of 14 connections
    transaction-held-idle
    to decide: GRANT pg_monitor TO app

1 warning, 1 unknown
"""
    )


def test_wrong_rows_are_told_before_everything_else() -> None:
    """The trap that shows no error comes first, though a full server is the worse severity."""
    trapped = replace(
        CALM,
        endpoint=replace(CALM.endpoint, pooler=("evidence",), driver=Driver("0.32.0", "2.1.9")),
        slots=Slots(100, 3, 0, 97, 97, 0, 0),
        limits=(Limit("role", "app", "app", 10, 10),),
    )
    report = pool_report(trapped)
    assert [finding.rule for finding in report.findings] == [
        "asyncpg-through-pooler",
        "few-free-slots",
        "connection-limit-near",
    ]
    assert report.headline == "97 of 97 usable slots in use (100 %), none free"


def test_a_standby_and_its_reserved_tier() -> None:
    """Which server answered and what it keeps back is on the last line of the facts."""
    standby = replace(
        CALM,
        server=replace(CALM.server, in_recovery=True),
        slots=Slots(100, 3, 5, 92, 14, 78, 0),
    )
    assert (
        "server       PostgreSQL 18.6, standby: 100 slots - 3 for superusers - 5 reserved\n"
        in shown(standby)
    )


def test_a_server_that_nobody_else_uses() -> None:
    """Nothing is shown of connections where there is none but our own."""
    empty = replace(
        CALM,
        slots=replace(CALM.slots, used=0, free=97),
        groups=(),
        ages=None,
        oldest_transaction=None,
    )
    assert (
        shown(empty)
        == """\
0 of 97 usable slots in use (0 %), 97 free

server  PostgreSQL 18.6, primary: 100 slots - 3 for superusers

no findings
"""
    )


def test_more_than_the_usable_slots_are_told_as_reserved_ones() -> None:
    """A superuser's session takes a reserved slot: the share never exceeds the whole."""
    full = replace(CALM, slots=replace(CALM.slots, used=98, free=0))
    assert shown(full).startswith(
        "97 of 97 usable slots in use (100 %), none free; 1 of 3 reserved ones too\n"
    )
