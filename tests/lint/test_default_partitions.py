"""Which checks spare a partition from being read, as a server says it while it makes partitions."""

from collections.abc import Iterator

import pytest
from asyncpg.exceptions import PostgresError

from dbtool.database.sync import SyncConnection
from dbtool.lint.effect import Cause, Task, Work
from dbtool.lint.run import lint
from dbtool.lint.schema import Schema
from dbtool.statement import Migration, Statement
from tests.lint.oracle import measure

_TYPES = "CREATE TYPE mood AS ENUM ('a', 'b', 'x', 'y'); CREATE DOMAIN code AS integer"
_TEXT, _NUMBER = "LIST IN ('a', 'b')", "RANGE FROM (10) TO (20)"
_DAY = "RANGE FROM ('2024-01-01') TO ('2025-01-01')"

PROVEN = {
    f"text {_TEXT}": """
        k IN ('x', 'y')
        k = ANY (ARRAY['x', 'y'])
        k = ANY (ARRAY['x', 'y']::text[])
        k = ANY ('{x,y}'::text[])
        k IN ('x'::text, 'y'::text)
        k NOT IN ('a', 'b')
        k <> ALL (ARRAY['a', 'b'])
        NOT (k = ANY (ARRAY['a', 'b']))
        NOT (k <> ALL (ARRAY['x', 'y']))
        k = 'x' OR k = 'y'
        'x' = k OR k = 'y'
        k <> 'a' AND k <> 'b'
        k = 'x'
        k IS NULL OR k IN ('x', 'y')
        k IS NULL OR k NOT IN ('a', 'b')
        k IS NOT NULL AND k IN ('x', 'y')
        n > 0 AND k IN ('x', 'y')
        (k = 'x' AND n > 0) OR (k = 'y' AND n < 0)
        (k IN ('x', 'y')) = true
        k IS NULL""",
    f"varchar(9) {_TEXT}": """
        k::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[])
        k::text <> 'a'::text AND k::text <> 'b'::text""",
    f"char(3) {_TEXT}": """
        k IN ('x', 'y')
        k = ANY (ARRAY['x'::bpchar, 'y'::bpchar])""",
    f"mood {_TEXT}": """
        k IN ('x', 'y')
        k = ANY (ARRAY['x'::mood, 'y'::mood])""",
    "integer LIST IN (10, 11)": """
        k BETWEEN 1 AND 9
        k NOT BETWEEN 10 AND 11
        k > 11
        k IN (1, 2::bigint)""",
    "integer LIST IN (10, NULL)": """
        k IS NOT NULL AND k IN (1, 2)""",
    f"integer {_NUMBER}": """
        k IN (1, 99)
        k = ANY (ARRAY[1, 20])
        k BETWEEN 1 AND 9
        k NOT BETWEEN 10 AND 20
        k < 10 OR k >= 20
        k < 10 OR k = 99
        k >= 5 AND k < 10
        k IS NULL OR k IN (1, 2)""",
    f"code {_NUMBER}": """
        k < 10 OR k >= 20""",
    "numeric(10,2) RANGE FROM (10.5) TO (20)": """
        k < 10.5 OR k > 20""",
    f"date {_DAY}": """
        k IN ('2023-12-31', '2025-01-01')
        k < '2024-01-01'::timestamp""",
    f"timestamptz {_DAY}": """
        k >= '2025-01-01'""",
    "uuid LIST IN ('00000000-0000-0000-0000-00000000000a')": """
        k = '00000000-0000-0000-0000-00000000000B'""",
    "text COLLATE \"C\" RANGE FROM ('b') TO ('c')": """
        k IN ('Z', 'a', 'd')
        k > 'c'""",
}
READ = {
    f"text {_TEXT}": """
        k IN ('x', 'a')
        k IN ('x', NULL)
        k NOT IN ('a')
        k <> ANY (ARRAY['a', 'b'])
        k IN ('x', 'y') OR n > 0
        k IS DISTINCT FROM 'a'
        k IN ('x'::name, 'y'::name)
        lower(k) IN ('x', 'y')
        k COLLATE "C" IN ('x', 'y')
        NOT (k IN ('x', 'y'))
        k IS NOT NULL""",
    f"char(3) {_TEXT}": """
        NOT (k = ANY (ARRAY['a', 'b']))
        k = ALL (ARRAY['x', 'y'])""",
    "integer LIST IN (10, 11)": """
        k NOT IN (10::numeric, 11::numeric)
        k IN (1, 2.5)
        k IN (1, 10)""",
    "integer LIST IN (10, NULL)": """
        k NOT IN (10, NULL)
        k <> 10""",
    f"integer {_NUMBER}": """
        k IS NULL OR k IN (1, 99)
        k < 10::float8
        k <= 10""",
    "bigint RANGE FROM (9007199254740993) TO (9007199254740999)": """
        k < 9007199254740994""",
    "numeric RANGE FROM (10) TO (20)": """
        k < 10::float8
        k = ANY (ARRAY[1::float8])""",
    "real LIST IN (12.1)": """
        k <> 12.1""",
    f"date {_DAY}": """
        k < '2024-01-01'::timestamptz
        k < '20240102'
        k IN ('2023-12-31', '2024-12-31')""",
    f"timestamp {_DAY}": """
        k < '2024-01-01'::timestamptz""",
    f"timestamptz {_DAY}": """
        k < '2024-01-01'::timestamp
        k >= '2025-01-01'::date""",
    "text RANGE FROM ('10') TO ('20')": """
        k < '9'""",
}


def cases(listed: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Each kind of partition with each check."""
    for kind, checks in listed.items():
        yield from ((kind, each.strip()) for each in checks.strip().splitlines())


def beside(kind: str, check: str) -> tuple[list[str], str]:
    """A default partition with a check, and a partition beside it."""
    head, method, bound = kind.partition("LIST" if "LIST" in kind else "RANGE")
    made = f"CREATE TABLE p (k {head}, n integer) PARTITION BY {method} (k)"
    history = [*_TYPES.split("; "), made, "CREATE TABLE d PARTITION OF p DEFAULT"]
    history.append(f"ALTER TABLE d ADD CHECK ({check})")
    return history, f"CREATE TABLE new PARTITION OF p FOR VALUES {bound}"


def attached(kind: str, check: str) -> tuple[list[str], str]:
    """A table with a check that becomes a partition."""
    head, method, bound = kind.partition("LIST" if "LIST" in kind else "RANGE")
    made = f"CREATE TABLE p (k {head}, n integer) PARTITION BY {method} (k)"
    history = [*_TYPES.split("; "), made, f"CREATE TABLE d (k {head} NOT NULL, n integer)"]
    history.append(f"ALTER TABLE d ADD CHECK ({check})")
    return history, f"ALTER TABLE p ATTACH PARTITION d FOR VALUES {bound}"


def tasks(history: list[str], sql: str) -> list[Task]:
    """What is said that a statement behind a history does."""
    before = Migration(name="1", up=tuple(map(Statement, history)), judged=False)
    linted = lint([before, Migration(name="2", up=(Statement(sql),))], schema=Schema(complete=True))
    (verdict,) = linted.outcomes[0].verdicts
    return [task for step in verdict.steps for task in step.effect.tasks]


def reads(history: list[str], sql: str) -> bool:
    """Whether a table is read, as said of a statement behind a history."""
    causes = (Cause.DEFAULT_PARTITION, Cause.ATTACH)
    return any(task.cause in causes and task.work is Work.SCAN for task in tasks(history, sql))


def read(connection: SyncConnection, history: list[str], sql: str) -> bool:
    """Whether a server reads one, which it tells in its log otherwise."""
    told: list[str] = []

    async def note(opened: object) -> None:
        connection.connection.add_log_listener(lambda _, message: told.append(message.message))

    connection.run(note)
    connection.execute("BEGIN; SET LOCAL client_min_messages = debug1")
    try:
        for each in (*history, sql):
            connection.execute(each)
    finally:
        connection.execute("ROLLBACK")
    return not any("is implied by existing constraints" in each for each in told)


def differing(connection: SyncConnection, made: list[tuple[list[str], str]]) -> list[str]:
    """The checks of which a server says something else, none of them refused."""
    found = []
    for history, sql in made:
        try:
            if read(connection, history, sql) is not reads(history, sql):
                found.append(f"{history[-1]}: {sql}")
        except PostgresError as error:
            found.append(f"{history[-1]}: {error}")
    return found


def test_checks_that_spare_the_default_partition(connection: SyncConnection) -> None:
    """However lists, ranges and their opposites are written: what the server finds, so do we."""
    made = [beside(*each) for each in cases(PROVEN)]
    assert differing(connection, made) == []
    assert [sql for history, sql in made if reads(history, sql)] == []


def test_checks_that_do_not(connection: SyncConnection) -> None:
    """Nulls, other types and other values prove nothing: the default partition is read."""
    made = [beside(*each) for each in cases(READ)]
    assert differing(connection, made) == []
    assert [sql for history, sql in made if not reads(history, sql)] == []


def test_checks_that_prove_what_is_attached(connection: SyncConnection) -> None:
    """The same of a table that becomes a partition."""
    proven = {
        f"text {_TEXT}": "k IN ('a', 'b')\n k = 'a'\n k = ANY ('{a}')",
        f"integer {_NUMBER}": "k BETWEEN 12 AND 15\n k IN (10, 19)\n k >= 10 AND k < 20",
    }
    other = {
        f"text {_TEXT}": "k IN ('a', 'c')\n k NOT IN ('x')\n k IN ('a', NULL)",
        f"integer {_NUMBER}": "k BETWEEN 12 AND 20\n k >= 10::numeric AND k < 20",
        "text RANGE FROM ('9') TO ('99')": "k >= '10' AND k < '11'",
        f"date {_DAY}": "k >= '2024-01-01'::timestamptz AND k < '2025-01-01'::timestamptz",
    }
    made = [attached(*each) for listed in (proven, other) for each in cases(listed)]
    assert differing(connection, made) == []
    assert sum(reads(*each) for each in made) == len([*cases(other)])


def test_a_partition_is_within_all_that_is_above_it(connection: SyncConnection) -> None:
    """What is attached to a partition has to be within the bound of that one as well."""
    history, sql = attached(f"integer {_NUMBER}", "k >= 10 AND k < 20")
    above = [
        "CREATE TABLE whole (k integer, n integer) PARTITION BY RANGE (n)",
        "ALTER TABLE whole ATTACH PARTITION p FOR VALUES FROM (1) TO (100)",
    ]
    proof = ["ALTER TABLE d ADD CHECK (n IS NOT NULL AND n BETWEEN 5 AND 7)"]
    made = [([*history, *above], sql), ([*history, *above, *proof], sql)]
    assert differing(connection, made) == []
    assert [reads(*each) for each in made] == [True, False]


@pytest.mark.parametrize(
    ("type_", "until", "begins", "refused"),
    [
        ("bigint", 9007199254740993, 9007199254740992, True),
        ("bigint", 9007199254740993, 9007199254740993, False),
        ("real", 16777217, 16777216, False),
    ],
)
def test_bounds_that_overlap(
    connection: SyncConnection, type_: str, until: int, begins: int, refused: bool
) -> None:
    """Limits are compared to the last digit, and of what is rounded nothing is said."""
    history = [
        f"CREATE TABLE p (k {type_}) PARTITION BY RANGE (k)",
        f"CREATE TABLE a PARTITION OF p FOR VALUES FROM (0) TO ({until})",
    ]
    sql = f"CREATE TABLE b PARTITION OF p FOR VALUES FROM ({begins}) TO (9007199254740999)"
    assert any(task.work is Work.FAIL for task in tasks(history, sql)) is refused
    for each in history:
        connection.execute(each)
    assert (measure(connection, sql).error == "42P17") is refused


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE p SET n = 1",
        "DELETE FROM p",
        "DELETE FROM p WHERE k = 1",
        "UPDATE ONLY p SET n = 1",
        "DELETE FROM ONLY p",
    ],
)
def test_what_changes_all_rows_locks_the_partitions(connection: SyncConnection, sql: str) -> None:
    """A condition may leave some of them out and ONLY does, so that only the whole is named."""
    history = [
        "CREATE TABLE p (k integer, n integer) PARTITION BY LIST (k)",
        "CREATE TABLE d PARTITION OF p DEFAULT PARTITION BY LIST (n)",
        "CREATE TABLE d_1 PARTITION OF d FOR VALUES IN (1)",
    ]
    before = Migration(name="1", up=tuple(map(Statement, history)), judged=False)
    linted = lint([before, Migration(name="2", up=(Statement(sql),))], schema=Schema(complete=True))
    (step,) = linted.outcomes[0].verdicts[0].steps
    said = {held.relation.name for held in step.effect.locks}
    for each in history:
        connection.execute(each)
    taken = measure(connection, sql).locks.keys()
    assert said == ({"p"} if "WHERE" in sql else taken)
    assert said <= taken
