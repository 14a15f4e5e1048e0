"""The sum of all pools against a real server, and what is judged of it."""

import dataclasses
import re
from pathlib import Path

import pytest

from dbtool.database.target import Target
from dbtool.engine.pooling import Pooling, Statements
from dbtool.finding import Severity, judge
from dbtool.health.budget import UNNAMED, Budget, Wanted, budget, read
from dbtool.health.pgbouncer import pooler_of
from dbtool.health.pool import Limit
from dbtool.health.rules import BUDGET
from dbtool.health.view_budget import budget_report
from dbtool.scratch.server import Server
from tests.conftest import MAJOR, Dbtool
from tests.health.crowd import alone, crowd
from tests.pgbouncer import pgbouncer

WANTED = Wanted(processes=2, size=2, overflow=1, surge=1.0, poolers=None, reserve=3, cores=None)
ENGINE = Pooling(
    spec="app:engine",
    address="db:5432",
    user="app",
    database="shop",
    driver="asyncpg",
    driver_version="0.32.0",
    pooler=None,
    pool="AsyncAdaptedQueuePool",
    size=2,
    overflow=1,
    pre_ping=False,
    statements=Statements(100, False, 5),
)


@pytest.fixture(scope="module")
def found(server: Server) -> Budget:
    """What a quiet server answers."""
    return read(server.target(), WANTED, None)


def with_slots(found: Budget, usable: int, **changes: object) -> Budget:
    """The same sum on a server with so many slots, and with other wishes."""
    slots = dataclasses.replace(found.pool.slots, usable=usable)
    pool = dataclasses.replace(found.pool, slots=slots)
    wanted = dataclasses.replace(WANTED, **changes)  # type: ignore[arg-type]
    return budget(wanted, found.engine, pool, found.limits)


def with_engine(found: Budget, **changes: object) -> Budget:
    """The same with an engine that has been read."""
    engine = dataclasses.replace(ENGINE, **changes)  # type: ignore[arg-type]
    return budget(found.wanted, engine, found.pool, found.limits)


def judged(found: Budget) -> list[tuple[str, Severity]]:
    """Which rules find something, and how bad it is."""
    return [(each.rule, each.severity) for each in judge(BUDGET, found)[0]]


@pytest.mark.parametrize(
    ("usable", "changes", "severity"),
    [
        (12, {}, None),
        (11, {}, Severity.WARNING),
        (9, {}, Severity.WARNING),
        (8, {}, Severity.ERROR),
        (15, {"surge": 2.0}, Severity.WARNING),
        (14, {"surge": 2.0}, Severity.ERROR),
        (18, {"reserve": 13}, Severity.ERROR),
        (900, {"overflow": None}, Severity.ERROR),
        (900, {"size": None}, Severity.ERROR),
    ],
)
def test_the_sum_against_the_slots(
    found: Budget, usable: int, changes: dict[str, object], severity: Severity | None
) -> None:
    """2 × (2 + 1) + 3 is 9: an error from 8 slots down, a warning until it is 80 % of them."""
    expected = [("pools-exceed-slots", severity)] if severity else []
    assert judged(with_slots(found, usable, **changes)) == expected


def test_what_is_proposed_fits(found: Budget) -> None:
    """The arguments of the fix, given back as wishes, are no finding."""
    small = with_slots(found, 40, processes=4, surge=2.0, size=20, overflow=20)
    assert small.per_process == 3
    (finding,), _ = judge(BUDGET, small)
    assert finding.fix is not None
    assert "pool_size=2, max_overflow=1," in finding.fix.code
    assert judged(with_slots(found, 40, processes=4, surge=2.0, size=2, overflow=1)) == []


@pytest.mark.parametrize(
    ("connections", "surge", "severity"),
    [(5, 1.0, Severity.ERROR), (6, 1.0, None), (11, 2.0, Severity.WARNING), (12, 2.0, None)],
)
def test_limits_of_role_and_database(
    found: Budget, connections: int, surge: float, severity: Severity | None
) -> None:
    """2 × 3 beyond the limit is an error at any time, and a warning during a deployment."""
    limited = dataclasses.replace(found, limits=(Limit("role", "app", "app", connections, 0),))
    expected = [("pools-exceed-limit", severity)] if severity else []
    assert judged(with_slots(limited, 900, surge=surge)) == expected


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ({"pooler": None}, False),
        ({}, True),
        ({"statements": Statements(0, False, 5)}, False),
        ({"statements": Statements(0, True, 5)}, True),
        ({"statements": Statements(0, False, 5), "driver_version": "0.30.0"}, True),
        ({"statements": Statements(100, False, None), "driver": "psycopg"}, False),
        ({"driver": "psycopg_async"}, True),
        ({"driver": "psycopg2"}, False),
    ],
)
def test_cached_statements_through_a_pooler(
    found: Budget, changes: dict[str, object], warned: bool
) -> None:
    """Only the arguments that were measured to be safe clear an engine before a pooler."""
    engine = with_engine(found, **{"pooler": "port 6432 is a pooler's", **changes})
    rules = [rule for rule, _ in judged(engine)]
    assert rules == (["statements-cached-through-pooler"] if warned else [])


def test_a_creator_before_a_pooler_is_unknown(found: Budget) -> None:
    """Arguments that cannot be read are neither safe nor unsafe."""
    _, unknowns = judge(BUDGET, with_engine(found, pooler="port", statements=None))
    assert [each.rule for each in unknowns] == [
        "statements-cached-through-pooler",
        "pools-exceed-slots",
    ]


def test_pre_ping_is_a_note(found: Budget) -> None:
    """It costs round trips and breaks nothing."""
    pinging = with_engine(found, pre_ping=True)
    assert judged(pinging) == [("pre-ping-costs-round-trips", Severity.NOTE)]
    assert judged(with_engine(found, pre_ping=True, driver="psycopg")) == []


def test_the_engines_own_pooler_is_recognised(database: Target) -> None:
    """A PgBouncer on any port gives itself away; asked itself, its pools count, and it is sure."""
    with pgbouncer(database) as pooler:
        there = dataclasses.replace(
            ENGINE, address=pooler.target.address, database=database.database
        )
        through = read(pooler.target, WANTED, there)
        direct = read(database, WANTED, there)
        with crowd(pooler.target) as clients:
            clients.idle(1)
            asked = read(database, WANTED, there, pooler.target)
    assert (through.needed, direct.needed) == (3, 9)
    assert through.through_pooler is not None
    assert ("statements-cached-through-pooler", Severity.WARNING) in judged(through)
    assert (direct.through_pooler, direct.apart) == (None, database.address)
    (unknown,) = judge(BUDGET, direct)[1]
    assert unknown.reason == (
        f"the engine connects to {pooler.target.address}, the slots are those of"
        f" {database.address}: that no pooler stands between is not known"
    )
    assert unknown.decide == (
        f"--url of {pooler.target.address}; if a pooler answers there, --pgbouncer URL"
        " or --poolers N as well"
    )
    assert (through.apart, asked.apart) == (None, None)
    error = [("statements-cached-through-pooler", Severity.ERROR)]
    assert (asked.poolers, asked.needed, judged(asked)) == (2, 5, error)
    assert asked.pooler is not None
    for change in (
        {"max_prepared_statements": 200},
        {"pools": tuple(dataclasses.replace(each, mode="session") for each in asked.pooler.pools)},
    ):
        safe = dataclasses.replace(asked.pooler, **change)
        assert judged(dataclasses.replace(asked, pooler=safe)) == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_the_same_server_by_another_name_is_no_other_address(database: Target, host: str) -> None:
    """A socket and the loopback addresses are one host."""
    near = dataclasses.replace(ENGINE, address=f"{host}:{database.port}")
    assert read(database, WANTED, near).apart is None
    assert read(database, WANTED, ENGINE).apart == database.address


@pytest.mark.parametrize(
    ("usable", "overflow", "severity", "unknown"),
    [
        (20, 1, None, 0),
        (19, 1, None, 2),
        (10, 1, None, 2),
        (10, None, None, 1),
        (9, 1, None, 2),
        (8, 1, Severity.WARNING, 2),
        (7, 1, Severity.WARNING, 2),
        (6, 1, Severity.ERROR, 1),
    ],
)
def test_an_engine_elsewhere_beside_poolers(
    found: Budget, usable: int, overflow: int | None, severity: Severity | None, unknown: int
) -> None:
    """4 + 3 are certain; its own 2 × 3 are no finding, and unknown where they would make one."""
    summed = with_slots(found, usable, poolers=4, overflow=overflow, surge=1.5)
    limits = (Limit("role", "app", "app", 8 if usable < 20 else 9, 0),)
    apart = dataclasses.replace(summed, engine=ENGINE, apart="server:5432", limits=limits)
    assert judged(apart) == ([("pools-exceed-slots", severity)] if severity else [])
    _, unknowns = judge(BUDGET, apart)
    assert [each.decide for each in unknowns] == ["--url of db:5432"] * unknown


def test_poolers_beside_an_engine_of_the_server(found: Budget) -> None:
    """What goes past the poolers for sure adds to them: 2 × 3 and 10 + 3 are 19."""
    direct = dataclasses.replace(found, engine=ENGINE)
    assert judged(with_slots(direct, 18, poolers=10)) == [("pools-exceed-slots", Severity.ERROR)]
    fits = with_slots(direct, 24, poolers=10)
    assert judged(fits) == []
    assert budget_report(fits).headline == "up to 19 connections for 24 usable slots (79 %)"


@pytest.mark.parametrize(
    ("usable", "poolers", "severity", "unknown"),
    [
        (17, 4, None, 0),
        (16, 4, None, 1),
        (9, 4, None, 1),
        (8, 4, Severity.WARNING, 2),
        (6, 4, Severity.ERROR, 0),
        (12, 0, None, 0),
        (8, 0, Severity.ERROR, 0),
    ],
)
def test_flags_beside_poolers(
    found: Budget, usable: int, poolers: int, severity: Severity | None, unknown: int
) -> None:
    """No engine tells whether the 2 × 3 are the poolers' clients: only 4 + 3 are certain."""
    allowed = 5 if usable == 8 and poolers else 6
    limited = dataclasses.replace(found, limits=(Limit("role", "app", "app", allowed, 0),))
    summed = with_slots(limited, usable, poolers=poolers)
    assert judged(summed) == ([("pools-exceed-slots", severity)] if severity else [])
    _, unknowns = judge(BUDGET, summed)
    assert [each.decide for each in unknowns] == [UNNAMED] * unknown


def test_flags_at_a_pooler(found: Budget) -> None:
    """Where a pooler answers, flags alone do not say that the processes pass it by."""
    endpoint = dataclasses.replace(found.pool.endpoint, pooler=("port 6432 is a pooler's",))
    pool = dataclasses.replace(found.pool, endpoint=endpoint)
    summed = with_slots(dataclasses.replace(found, pool=pool), 8)
    (unknown,) = judge(BUDGET, summed)[1]
    assert (judged(summed), unknown.decide) == ([], UNNAMED)


@pytest.mark.parametrize(
    ("accepts", "surge", "severity"),
    [(5, 1.0, Severity.ERROR), (6, 1.0, None), (11, 2.0, Severity.WARNING), (12, 2.0, None)],
)
def test_clients_that_the_pooler_accepts(
    found: Budget, accepts: int, surge: float, severity: Severity | None
) -> None:
    """2 × 3 against max_client_conn of the pooler the engine connects to, and no other."""
    shown = {"CONFIG": [{"key": "max_client_conn", "value": str(accepts)}]}
    pooler = dataclasses.replace(pooler_of("db:5432", shown), max_prepared_statements=1)
    engine = dataclasses.replace(ENGINE, pooler="PgBouncer")
    wanted = dataclasses.replace(WANTED, surge=surge, poolers=2)
    asked = budget(wanted, engine, found.pool, (), pooler)
    assert judged(asked) == ([("pools-exceed-pooler-clients", severity)] if severity else [])
    elsewhere = dataclasses.replace(pooler, address="other:6432")
    assert "pools-exceed-pooler-clients" not in str(
        judged(budget(wanted, engine, found.pool, (), elsewhere))
    )


def test_limits_are_those_of_the_engines_role(database: Target) -> None:
    """A role that is not connected counts; another role's limit does not."""
    with alone(database) as admin:
        admin.execute("CREATE ROLE budgeted LOGIN CONNECTION LIMIT 4")
        admin.execute("CREATE ROLE other LOGIN CONNECTION LIMIT 1")
        engine = dataclasses.replace(ENGINE, user="budgeted", database=database.database)
        found = read(database, WANTED, engine)
        admin.execute("DROP ROLE budgeted, other")
    assert [(each.name, each.connections) for each in found.limits] == [("budgeted", 4)]


def test_the_arithmetic_is_shown(small: Server, dbtool: Dbtool, tmp_path: Path) -> None:
    """Line by line, with what fits; the group's options may stand before the command."""
    (tmp_path / "appdb.py").write_text(
        "from sqlalchemy.ext.asyncio import create_async_engine\n"
        "engine = create_async_engine('postgresql+asyncpg://app@db/shop', pool_size=2)\n"
    )
    url = small.target().sqlalchemy_url()
    words = ("--processes", "2", "--engine", "appdb:engine", "--max-overflow", "1", "--cores", "2")
    ran = dbtool("pool", "--url", url, "budget", *words, cwd=tmp_path)
    reserved = " - 2 reserved" if MAJOR >= 16 else ""
    usable = 15 if MAJOR >= 16 else 17
    lines = [
        ("", "connections"),
        ("2 processes × (pool_size 2 + max_overflow 1)", "6"),
        ("× 2 while a deployment runs", "12"),
        ("+ poolers", "0"),
        ("+ reserve", "3"),
        ("= needed", "15"),
        (f"usable: 20 max_connections - 3 for superusers{reserved}", f"{usable}"),
    ]
    headline, _, *rest = ran.out.splitlines()
    assert headline == (
        "up to 3 connections of poolers and reserve, up to 15 if the processes come to"
        f" the server itself; {usable} usable slots"
    )
    assert [re.split(" {2,}", line)[:2] for line in rest[:7]] == [list(each) for each in lines]
    assert rest[9:12] == [
        "engine  appdb:engine: AsyncAdaptedQueuePool, asyncpg",
        f"fits    up to 2 for each process: (80 % of {usable} - 3) / (2 × 2)",
        "works   4 to 8 at once on 2 cores (2 to 4 for each): pool_size 2 to 4 for each process",
    ]
    assert (ran.code, ran.err) == (0, "")
