"""What is observed of statements is what PostgreSQL's manual says they do."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from dbtool.catalog import Name
from dbtool.database.target import Target
from dbtool.observe import Built, Failure, Lock, Observed, Observer
from dbtool.statement import Statement

STRENGTH = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
SHORT = dict(zip(STRENGTH, ("AS", "RS", "RX", "SUX", "S", "SRX", "X", "AX"), strict=True))
SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN plain AS int;
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE users (
    id int PRIMARY KEY, n int, proven int, small int, name varchar(10), label text,
    amount numeric(8, 2), at timestamp, feels mood, age positive, js json, parent_id int,
    CONSTRAINT proven_present CHECK (proven IS NOT NULL),
    CONSTRAINT small_enough CHECK (small < 9)
);
CREATE INDEX users_n ON users (n);
CREATE INDEX users_name ON users (name);
CREATE UNIQUE INDEX users_proven ON users (proven);
ALTER TABLE users ADD CONSTRAINT later CHECK (n > 0) NOT VALID;
CREATE TABLE orders (
    id int PRIMARY KEY, user_id int CONSTRAINT orders_user REFERENCES users, total int
);
CREATE VIEW names AS SELECT label FROM users;
CREATE MATERIALIZED VIEW totals AS SELECT id, total FROM orders;
CREATE UNIQUE INDEX totals_id ON totals (id);
CREATE TABLE events (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE logs (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE logs_rest PARTITION OF logs DEFAULT;
CREATE TABLE spare (id int, day date);
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """What one statement should do; tables are separated by spaces."""

    locks: str = ""
    scans: str = ""
    rewrites: str = ""
    builds: str = ""
    code: str = ""
    waits: bool = False


INSIDE = {
    # columns
    "ALTER TABLE users ADD c int": Expected("users:AX"),
    "ALTER TABLE users ADD c timestamptz DEFAULT now()": Expected("users:AX"),
    "ALTER TABLE users ADD c jsonb NOT NULL DEFAULT '{}'": Expected("users:AX"),
    "ALTER TABLE spare ADD c uuid DEFAULT gen_random_uuid()": Expected(
        "spare:AX", scans="spare", rewrites="spare"
    ),
    "ALTER TABLE parents ADD c bigserial": Expected(
        "parents:AX", scans="parents", rewrites="parents", builds="parents_pkey"
    ),
    "ALTER TABLE spare ADD c int GENERATED ALWAYS AS (id + 1) STORED": Expected(
        "spare:AX", scans="spare", rewrites="spare"
    ),
    "ALTER TABLE spare ADD c int CHECK (c > 0)": Expected("spare:AX", scans="spare"),
    "ALTER TABLE spare ADD c int UNIQUE": Expected("spare:AX", scans="spare", builds="spare_c_key"),
    "ALTER TABLE spare ADD c int REFERENCES parents": Expected("spare:AX parents:SRX"),
    "ALTER TABLE users DROP COLUMN n": Expected("users:AX"),
    "ALTER TABLE users RENAME n TO m": Expected("users:AX"),
    "ALTER TABLE users ALTER n SET DEFAULT 3": Expected("users:AX"),
    # types
    "ALTER TABLE users ALTER name TYPE varchar(20)": Expected("users:AX"),
    "ALTER TABLE users ALTER name TYPE text": Expected("users:AX"),
    "ALTER TABLE users ALTER amount TYPE numeric(10, 2)": Expected("users:AX"),
    "ALTER TABLE users ALTER parent_id TYPE plain": Expected("users:AX"),
    "ALTER TABLE users ALTER label TYPE varchar": Expected(code="0A000"),
    "ALTER TABLE orders ALTER user_id TYPE bigint": Expected(
        "orders:AX users:AX", scans="orders", rewrites="orders", builds="orders_pkey"
    ),
    "ALTER TABLE spare ALTER id TYPE bigint": Expected("spare:AX", scans="spare", rewrites="spare"),
    # not null
    "ALTER TABLE users ALTER n SET NOT NULL": Expected("users:AX", scans="users"),
    "ALTER TABLE users ALTER proven SET NOT NULL": Expected("users:AX"),
    "ALTER TABLE users ALTER n DROP NOT NULL": Expected("users:AX"),
    # constraints
    "ALTER TABLE users ADD CHECK (n > 1)": Expected("users:AX", scans="users"),
    "ALTER TABLE users ADD CHECK (n > 1) NOT VALID": Expected("users:AX"),
    "ALTER TABLE users VALIDATE CONSTRAINT later": Expected("users:SUX", scans="users"),
    "ALTER TABLE users ADD FOREIGN KEY (parent_id) REFERENCES parents": Expected(
        "users:SRX parents:SRX", scans="users"
    ),
    "ALTER TABLE users ADD FOREIGN KEY (parent_id) REFERENCES parents NOT VALID": Expected(
        "users:SRX parents:SRX"
    ),
    "ALTER TABLE spare ADD PRIMARY KEY (id)": Expected(
        "spare:AX", scans="spare", builds="spare_pkey"
    ),
    "ALTER TABLE users ADD CONSTRAINT u UNIQUE USING INDEX users_proven": Expected("users:AX"),
    "ALTER TABLE spare ADD EXCLUDE USING btree (id WITH =)": Expected(
        "spare:AX", scans="spare", builds="spare_id_excl"
    ),
    "ALTER TABLE orders DROP CONSTRAINT orders_user": Expected("orders:AX users:AX"),
    "ALTER DOMAIN positive ADD CHECK (VALUE < 200)": Expected("users:S", scans="users"),
    # indexes
    "CREATE INDEX ON users (label)": Expected("users:S", scans="users", builds="users_label_idx"),
    "DROP INDEX users_n": Expected("users:AX"),
    "REINDEX TABLE parents": Expected("parents:S", scans="parents", builds="parents_pkey"),
    "CREATE INDEX CONCURRENTLY ON users (label)": Expected(code="25001"),
    # tables
    "CREATE TABLE fresh (id int PRIMARY KEY)": Expected(),
    "CREATE TABLE fresh (id int REFERENCES users)": Expected("users:SRX"),
    "DROP TABLE orders CASCADE": Expected("orders:AX users:AX totals:AX"),
    "TRUNCATE spare": Expected("spare:AX"),
    "LOCK TABLE users IN SHARE MODE": Expected("users:S"),
    "COMMENT ON TABLE users IS 'who'": Expected("users:SUX"),
    "CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()": Expected("users:SRX"),
    "CLUSTER orders USING orders_pkey": Expected(
        "orders:AX", scans="orders", rewrites="orders", builds="orders_pkey"
    ),
    "ALTER TABLE spare SET UNLOGGED": Expected("spare:AX", scans="spare", rewrites="spare"),
    "REFRESH MATERIALIZED VIEW totals": Expected(
        "totals:AX orders:AS", scans="orders totals", rewrites="totals", builds="totals_id"
    ),
    # partitions
    "CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2022-01-01') TO (MAXVALUE)": (
        Expected("events:AX")
    ),
    "CREATE TABLE logs_new PARTITION OF logs FOR VALUES FROM ('2022-01-01') TO (MAXVALUE)": (
        Expected("logs:AX logs_rest:AX", scans="logs_rest")
    ),
    "ALTER TABLE events ATTACH PARTITION spare FOR VALUES FROM ('2022-01-01') TO (MAXVALUE)": (
        Expected("events:SUX spare:AX", scans="spare")
    ),
    "ALTER TABLE events DETACH PARTITION events_old": Expected("events:AX events_old:AX"),
    # rows
    "UPDATE spare SET id = 1": Expected("spare:RX", scans="spare"),
    "INSERT INTO spare SELECT id, day FROM events": Expected(
        "spare:RX events:AS events_old:AS", scans="events_old"
    ),
}
ALONE = {
    "ALTER TYPE mood ADD VALUE 'glad'": Expected(),
    "CREATE INDEX CONCURRENTLY i ON users (label)": Expected(
        "users:SUX", scans="users", builds="i", waits=True
    ),
    "DROP INDEX CONCURRENTLY users_n": Expected("users:SUX", waits=True),
    "REINDEX INDEX CONCURRENTLY users_n": Expected(
        "users:SUX", scans="users", builds="users_n", waits=True
    ),
    "ALTER TABLE events DETACH PARTITION events_old CONCURRENTLY": Expected(
        "events:SUX events_old:AX", waits=True
    ),
    "VACUUM spare": Expected("spare:SUX"),
    "VACUUM FULL spare": Expected("spare:AX", scans="spare", rewrites="spare"),
    "REFRESH MATERIALIZED VIEW CONCURRENTLY totals": Expected(
        "totals:X orders:AS", scans="orders totals"
    ),
}


@pytest.fixture
def observer(database: Target) -> Iterator[Observer]:
    """An observer of a database with the schema above."""
    with Observer(database) as opened:
        assert opened.replay([Statement(SCHEMA, transaction=1)]) is None
        yield opened


def summary(seen: Observed) -> Expected:
    """What was observed, as the tables above say it."""
    strongest: dict[str, int] = {}
    for lock in seen.acquired:
        if "index" not in lock.kind:
            rank = STRENGTH.index(lock.mode)
            strongest[lock.relation.name] = max(rank, strongest.get(lock.relation.name, 0))
    return Expected(
        locks=" ".join(sorted(f"{n}:{SHORT[STRENGTH[rank]]}" for n, rank in strongest.items())),
        scans=" ".join(scan.relation.name for scan in seen.scanned),
        rewrites=" ".join(name.name for name in seen.rewritten),
        builds=" ".join(built.index.name for built in seen.built),
        code=seen.failure.sqlstate if seen.failure else "",
        waits=seen.waited,
    )


def ordered(expected: Expected) -> Expected:
    """The same with its locks in order."""
    return replace(expected, locks=" ".join(sorted(expected.locks.split())))


@pytest.mark.parametrize(("sql", "expected"), INSIDE.items(), ids=list(INSIDE))
def test_a_statement_in_a_transaction(observer: Observer, sql: str, expected: Expected) -> None:
    """Locks, scans, rewrites, builds and errors are those of the statement and no others."""
    (seen,) = observer.observe([Statement(sql, transaction=1)])
    assert summary(seen) == ordered(expected), seen.failure


@pytest.mark.parametrize(("sql", "expected"), ALONE.items(), ids=list(ALONE))
def test_a_statement_by_itself(observer: Observer, sql: str, expected: Expected) -> None:
    """What refuses a transaction is seen from outside, with the transactions it waits for."""
    (seen,) = observer.observe([Statement(sql)])
    assert summary(seen) == ordered(expected), seen.failure


def public(name: str) -> Name:
    """A relation of the schema public."""
    return Name("public", name)


def together(*statements: str) -> list[Statement]:
    """Statements of one transaction."""
    return [Statement(sql, transaction=1) for sql in statements]


def test_locks_add_up_within_a_transaction(observer: Observer) -> None:
    """A lock is newly granted once and held from then on, by the name the table has then."""
    first, second = observer.observe(
        together("ALTER TABLE spare RENAME TO kept", "ALTER TABLE kept ALTER id SET NOT NULL")
    )
    lock = Lock(public("spare"), "AccessExclusiveLock")
    assert (first.acquired, first.held) == ((lock,), ())
    kept = Lock(public("kept"), "AccessExclusiveLock")
    assert (second.acquired, second.held) == ((), (kept,))
    assert [scan.relation for scan in second.scanned] == [public("kept")]


def test_what_a_transaction_creates_is_nobodys(observer: Observer) -> None:
    """Locks and builds on a table of the same transaction keep nobody out."""
    seen = observer.observe(
        together("CREATE TABLE fresh (id int)", "CREATE INDEX ON fresh (id)", "DROP TABLE fresh")
    )
    assert [summary(each) for each in seen] == [Expected()] * 3


def test_after_a_mark_later_tables_are_nobodys(observer: Observer) -> None:
    """A table committed after the mark is left out, an index on an older table is not."""
    observer.mark()
    created, built, dropped = observer.observe(
        [
            Statement("CREATE TABLE fresh (id int REFERENCES parents)", transaction=1),
            Statement("CREATE INDEX ON fresh (id); CREATE INDEX i ON spare (id)", transaction=2),
            Statement("DROP INDEX i", transaction=3),
        ]
    )
    assert summary(created) == Expected("parents:SRX")
    assert summary(built) == Expected("spare:S", scans="spare", builds="i")
    assert dropped.acquired == (
        Lock(public("spare"), "AccessExclusiveLock"),
        Lock(public("i"), "AccessExclusiveLock", "index", public("spare")),
    )


def test_a_failure_undoes_its_transaction_and_ends_the_run(observer: Observer) -> None:
    """What follows is not run, in the same transaction or a later one."""
    statements = [
        *together("DROP TABLE spare", "ALTER TABLE users ALTER nothing SET NOT NULL", "SELECT 1"),
        Statement("SELECT 2", transaction=2),
    ]
    seen = observer.observe(statements)
    failure = Failure("42703", 'column "nothing" of relation "users" does not exist')
    assert [(each.ran, each.failure) for each in seen] == [
        (True, None),
        (True, failure),
        (False, None),
        (False, None),
    ]
    assert seen[1].held == (Lock(public("spare"), "AccessExclusiveLock"),)
    assert observer.replay([Statement("DROP TABLE spare")]) is None


def test_a_commit_that_fails_is_its_last_statements_failure(observer: Observer) -> None:
    """A deferred constraint is checked at the end."""
    observer.replay([Statement("CREATE TABLE later (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")])
    first, second = observer.observe(
        together("INSERT INTO later VALUES (1), (1)", "SELECT 1 AS still_fine")
    )
    assert first.failure is None
    assert second.failure is not None
    assert second.failure.sqlstate == "23505"


def test_a_statement_that_ends_its_transaction_says_so(observer: Observer) -> None:
    """What follows is observed in a transaction of its own."""
    _, ended, after = observer.observe(
        together("LOCK TABLE users", "COMMIT", "LOCK TABLE spare IN SHARE MODE")
    )
    assert (ended.ended, ended.acquired) == (True, ())
    assert (after.held, summary(after)) == ((), Expected("spare:S"))


def test_a_concurrent_build_that_fails_leaves_an_invalid_index(observer: Observer) -> None:
    """The failure, and the index the next attempt finds."""
    observer.replay([Statement("INSERT INTO spare VALUES (1), (1)")])
    (seen,) = observer.observe([Statement("CREATE UNIQUE INDEX CONCURRENTLY i ON spare (id)")])
    assert seen.failure is not None
    assert (seen.failure.sqlstate, seen.waited) == ("23505", True)
    assert seen.built == (Built(public("i"), public("spare"), new=True, valid=False),)
    assert [(scan.passes, scan.rows) for scan in seen.scanned] == [(1, 2)]


def test_several_tables_at_once_from_outside(observer: Observer) -> None:
    """Each lock that keeps writers out is seen, one after the other."""
    (seen,) = observer.observe([Statement("REINDEX SCHEMA public")])
    tables = {lock.relation.name: lock.mode for lock in seen.acquired if lock.kind == "table"}
    assert tables["users"] == tables["orders"] == tables["parents"] == "ShareLock"
    assert {built.table.name for built in seen.built} == {"orders", "parents", "totals", "users"}


def test_names_that_need_quotes_and_other_schemas(observer: Observer) -> None:
    """Relations are told by schema and name, whatever the search path."""
    observer.replay(
        [Statement('CREATE SCHEMA "Odd one"'), Statement('CREATE TABLE "Odd one"."a.b" (id int)')]
    )
    name = Name("Odd one", "a.b")
    path = Statement('SET search_path = "Odd one"', transaction=1)
    _, inside = observer.observe([path, *together('ALTER TABLE "a.b" ALTER id SET NOT NULL')])
    (outside,) = observer.observe([Statement('CREATE INDEX CONCURRENTLY ON "a.b" (id)')])
    assert inside.acquired == (Lock(name, "AccessExclusiveLock"),)
    assert outside.acquired == (Lock(name, "ShareUpdateExclusiveLock"),)


def test_truncating_is_no_rewrite_with_indexes_either(observer: Observer) -> None:
    """The rows are not read, though empty indexes are built."""
    (seen,) = observer.observe(together("TRUNCATE parents, users, orders"))
    assert seen.rewritten == ()
    assert seen.scanned == ()
    assert [name.name for name in seen.emptied] == ["orders", "parents", "users"]


def test_data_that_only_a_client_has(observer: Observer) -> None:
    """COPY FROM STDIN is a failure instead of waiting forever; COPY TO STDOUT runs."""
    (seen,) = observer.observe(together("COPY spare FROM STDIN"))
    assert seen.failure == Failure("", "COPY FROM STDIN reads data that only the client has")
    (seen,) = observer.observe(together("COPY spare TO STDOUT"))
    assert summary(seen) == Expected("spare:AS", scans="spare")


def test_a_script_may_forget_everything(observer: Observer) -> None:
    """DISCARD and DEALLOCATE take away what the observer has prepared."""
    observer.observe([Statement("SELECT 1", transaction=1)])
    seen = observer.observe([Statement("DISCARD ALL"), *together("DEALLOCATE ALL", "SELECT 2")])
    assert [each.failure for each in seen] == [None, None, None]


def test_a_replay_names_the_statement_that_fails(observer: Observer) -> None:
    """The statement with its place comes back, with the server's reason."""
    wrong = Statement("DROP TABLE nowhere", file="a.sql", line=3, transaction=1)
    assert observer.replay([*together("DROP TABLE spare"), wrong]) == Observed(
        statement=wrong, failure=Failure("42P01", 'table "nowhere" does not exist')
    )
    assert observer.replay([Statement("DROP TABLE spare")]) is None


def test_a_session_that_is_ended_from_within(observer: Observer) -> None:
    """It is a failure like any other."""
    seen = observer.observe(together("SELECT pg_terminate_backend(pg_backend_pid())", "SELECT 1"))
    assert [(each.ran, each.failure is None) for each in seen] == [(True, False), (False, True)]
