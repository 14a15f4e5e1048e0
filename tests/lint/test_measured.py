"""Migrations are measured on the schema their parents leave, or on the one that is given."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError, UsageError
from dbtool.finding import Certainty
from dbtool.lint.actions import SetNotNull
from dbtool.lint.effect import Cause, Effect, Held, Lock, Missing, Task, Work
from dbtool.lint.measured import Measured, as_measured, measure, measure_on
from dbtool.lint.reconcile import reconcile
from dbtool.lint.rules import fails_when_run, hidden_blocking_work, index_not_concurrent
from dbtool.lint.run import Rules, lint
from dbtool.lint.schema import Name, Schema, Table
from dbtool.lint.subject import Step
from dbtool.observe import SETTINGS, Observed, Observer
from dbtool.observe.baseline import Baseline, dump
from dbtool.observe.observed import Failure
from dbtool.scratch.server import Server
from dbtool.statement import Gap, Migration, Statement
from tests.conftest import MAJOR

USERS = Name("public", "users")
ORDERS = Name("public", "orders")
AX = Lock.ACCESS_EXCLUSIVE


def migration(name: str, *sql: str, judged: bool = False) -> Migration:
    """A migration of one transaction, one statement to a line."""
    number = int(name.strip("r") or 0)
    up = tuple(
        Statement(text, f"{name}.py", line, name, transaction=number)
        for line, text in enumerate(sql, 1)
    )
    return Migration(name=name, file=f"{name}.py", up=up, judged=judged)


HISTORY = (
    migration("r1", "CREATE TABLE users (id int PRIMARY KEY, n int, proven int)"),
    migration("r2", "ALTER TABLE users ADD CHECK (proven IS NOT NULL)"),
)


def reads(measured: Measured, migration: Migration) -> list[list[str]]:
    """Which tables each statement has read."""
    return [[scan.relation.name for scan in each.scanned] for each in measured.of(migration)]


def test_each_migration_is_measured_after_its_parent(server: Server) -> None:
    """The history's proof counts; a table that is judged as well is nobody's yet."""
    judged = (
        migration(
            "r3",
            "ALTER TABLE users ALTER proven SET NOT NULL",
            "ALTER TABLE users ALTER n SET NOT NULL",
            "CREATE TABLE fresh (id int)",
            judged=True,
        ),
        migration("r4", "ALTER TABLE fresh ALTER id SET NOT NULL", judged=True),
    )
    measured = measure_on(server, HISTORY + judged)
    assert (measured.major, measured.statements, measured.notes) == (MAJOR, 4, ())
    assert reads(measured, judged[0]) == [[], ["users"], []]
    assert reads(measured, judged[1]) == [[]]
    assert measured.of(judged[1])[0].acquired == ()


def test_a_server_of_its_own(server: Server) -> None:
    """Without a server one is started, with nothing else going on in it."""
    assert "autovacuum" in SETTINGS
    judged = migration("r3", "DROP TABLE users", judged=True)
    measured = measure([*HISTORY, judged], major=MAJOR)
    assert [lock.relation.name for lock in measured.of(judged)[0].acquired] == [
        "users",
        "users_pkey",
    ]


def test_a_history_that_does_not_replay(server: Server) -> None:
    """The error names the revision, the file, the line and the server's reason."""
    broken = migration("r2", "SELECT 1", "ALTER TABLE user ADD n int")
    with pytest.raises(OperationError) as told:
        measure_on(server, [HISTORY[0], broken])
    assert told.value.message == "cannot measure: r2 does not run on what comes before it"
    assert told.value.detail == 'r2.py:2: syntax error at or near "user" (SQLSTATE 42601)'
    assert "--baseline schema.sql" in told.value.hint


def test_a_history_with_a_gap(server: Server) -> None:
    """What is known is run, the rest is told; where it turns out to matter it is told as well."""
    why = "the SQL of r2 from line 7 on is not known: it reads rows"
    gap = Migration(name="r2", file="r2.py", gaps=(Gap(7, "it reads rows"),), judged=False)
    judged = migration("r3", "DROP TABLE users", judged=True)
    assert measure_on(server, [HISTORY[0], gap, judged]).notes == (why,)
    with pytest.raises(OperationError) as told:
        measure_on(server, [gap, migration("r4", "DROP TABLE made_in_the_gap"), judged])
    assert told.value.detail == (
        f'r4.py:1: table "made_in_the_gap" does not exist (SQLSTATE 42P01); {why}'
    )


def test_several_databases(server: Server) -> None:
    """What one history makes is not in the other's database, and a baseline is for one."""
    judged = migration("r2", "ALTER TABLE users ALTER n SET NOT NULL", judged=True)
    there = [replace(each, database="b") for each in (HISTORY[0], judged)]
    measured = measure_on(server, [*HISTORY, judged, *there])
    assert reads(measured, judged) == reads(measured, there[1]) == [["users"]]
    assert list(measured.migrations) == [("", "r2"), ("b", "r2")]
    with pytest.raises(UsageError, match=r"schema.sql is the schema of one database"):
        measure_on(server, [judged, *there], baseline=Baseline("schema.sql", ""))


def test_a_judged_migration_that_fails(server: Server) -> None:
    """The failure is its verdict, and what is behind it is said not to be measured."""
    judged = (
        migration("r3", "ALTER TABLE users ADD n int", "SELECT 1", judged=True),
        migration("r4", "SELECT 2", judged=True),
    )
    measured = measure_on(server, HISTORY + judged)
    first, second = measured.of(judged[0])
    assert first.failure is not None
    assert (first.failure.sqlstate, second.ran, measured.of(judged[1])) == ("42701", False, ())
    assert measured.notes == (
        "nothing behind r3.py:1 was measured, since the statement there fails:"
        ' column "n" of relation "users" already exists',
    )


def test_roles_of_the_real_server_are_supplied(server: Server) -> None:
    """A grant to a role that no migration creates is measured as the grant it is."""
    history = migration("r1", "CREATE TABLE users (id int)", 'GRANT SELECT ON users TO "Re porter"')
    judged = migration("r2", "ALTER TABLE users OWNER TO the_application", judged=True)
    measured = measure_on(server, [history, judged])
    assert measured.of(judged)[0].failure is None
    with SyncConnection(server.target()) as connection:
        connection.execute('DROP ROLE "Re porter"; DROP ROLE the_application')


SCHEMA_SQL = """\\restrict abc
SET transaction_timeout = 0;
SET no_such_setting_of_another_version = 0;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA public;
CREATE TABLE public.alembic_version (version_num varchar(32) NOT NULL);
CREATE TABLE public.users (id int, n int);
COPY public.users (id, n) FROM stdin;
1\t\\N
\\.
COPY public.alembic_version (version_num) FROM stdin;
r2
\\.
\\unrestrict abc
"""


def test_a_baseline_stands_for_the_history(server: Server) -> None:
    """What is behind the revision it stands at is run on top, and nothing before."""
    migrations = [
        migration("r1", "this is never run"),
        migration("r2", "nor is this"),
        migration("r3", "ALTER TABLE users ALTER id SET NOT NULL"),
        migration("r4", "ALTER TABLE users ADD PRIMARY KEY (id)", judged=True),
    ]
    measured = measure_on(server, migrations, baseline=Baseline("schema.sql", SCHEMA_SQL))
    (seen,) = measured.of(migrations[3])
    assert [built.index.name for built in seen.built] == ["users_pkey"]


@pytest.mark.parametrize(
    ("sql", "detail"),
    [
        ("CREATE TABLE a (id int);\n\nCREATE TABLE a (id int);", 'line 3: relation "a" already'),
        ("CREATE TABLE a (id int);\n\\! touch /tmp/no\n", "line 2 is for psql: \\! touch"),
    ],
)
def test_a_baseline_that_does_not_load(server: Server, sql: str, detail: str) -> None:
    """The line is named, and no line for psql is obeyed."""
    with pytest.raises(OperationError) as told:
        measure_on(server, HISTORY, baseline=Baseline("schema.sql", sql))
    assert told.value.message == "schema.sql cannot be loaded in a throwaway database"
    assert told.value.detail.startswith(detail)


def test_a_baseline_read_from_a_database(server: Server, database: Target) -> None:
    """Its schema and the revision it stands at come along, its rows and owners do not."""
    with SyncConnection(database) as connection:
        connection.execute(
            "CREATE TABLE alembic_version (version_num varchar(32));"
            "INSERT INTO alembic_version VALUES ('r1');"
            "CREATE TABLE users (id int, n int); INSERT INTO users VALUES (1, 1)"
        )
    judged = migration("r2", "ALTER TABLE users ALTER n SET NOT NULL", judged=True)
    baseline = dump(database)
    measured = measure_on(server, [migration("r1", "never run"), judged], baseline=baseline)
    (seen,) = measured.of(judged)
    assert [(scan.relation.name, scan.rows) for scan in seen.scanned] == [("users", 0)]
    assert baseline.name == database.shown


# what is made of a measurement


@pytest.fixture
def observer(database: Target) -> Iterator[Observer]:
    """An observer of a database with two tables."""
    tables = "CREATE TABLE users (id int PRIMARY KEY, n int); CREATE TABLE orders (id int)"
    with Observer(database) as opened:
        assert opened.replay([Statement(tables)]) is None
        yield opened


def observed(observer: Observer, *sql: str) -> tuple[Observed, ...]:
    """Statements of one transaction, observed."""
    return observer.observe([Statement(each, transaction=1) for each in sql])


def test_expected_work_that_does_not_happen_is_dropped(observer: Observer) -> None:
    """Locks are those that were granted, and the doubt is over."""
    expected = Effect(
        (Held(USERS, AX), Held(ORDERS, AX)),
        (Task(Work.REWRITE, USERS, Cause.TYPE_CHANGE),),
        (Missing(Cause.SET_NOT_NULL, USERS, "whether it is proven"),),
    )
    (seen,) = observed(observer, "ALTER TABLE users ADD c int DEFAULT 1")
    assert reconcile([expected], seen, Schema()) == (Effect((Held(USERS, AX),)),)


def test_a_doubt_is_decided_by_what_was_seen(observer: Observer) -> None:
    """What only rows could show stays in doubt."""
    doubt = Missing(Cause.SET_NOT_NULL, USERS, "whether it is proven")
    rows = Missing(Cause.ADD_NOT_NULL, USERS, "whether there are rows")
    (seen,) = observed(observer, "ALTER TABLE users ALTER n SET NOT NULL")
    (effect,) = reconcile([Effect(missing=(doubt, rows))], seen, Schema())
    assert effect == Effect(
        (Held(USERS, AX),), (Task(Work.SCAN, USERS, Cause.SET_NOT_NULL),), (rows,)
    )


def test_work_that_nobody_expected_is_reported(observer: Observer) -> None:
    """A rewrite under a lock that an earlier statement holds, too."""
    _, seen = observed(observer, "LOCK TABLE orders", "ALTER TABLE orders ALTER id TYPE bigint")
    (effect,) = reconcile([Effect((Held(ORDERS, AX),))], seen, Schema())
    assert effect == Effect((Held(ORDERS, AX),), (Task(Work.REWRITE, ORDERS, Cause.UNEXPECTED),))


def test_a_table_nobody_uses_yet_is_left_out(observer: Observer) -> None:
    """The replay knows more about it than the server."""
    schema = Schema()
    schema.tables[ORDERS] = Table(name=ORDERS, new=True)
    (seen,) = observed(observer, "ALTER TABLE orders ALTER id TYPE bigint")
    assert reconcile([Effect()], seen, schema) == (Effect(),)


def test_a_failure_is_work_of_its_own(observer: Observer) -> None:
    """The error joins what was expected, unless it was, and another that was is left out."""
    (seen,) = observed(observer, "ALTER TABLE users ADD n int")
    expected = Effect((Held(USERS, AX),))
    task = Task(
        Work.FAIL, USERS, Cause.UNEXPECTED, 'column "n" of relation "users" already exists', "42701"
    )
    (effect,) = reconcile([expected], seen, Schema())
    assert effect == Effect((Held(USERS, AX),), (replace(task, seen=True),))
    assert reconcile([Effect((Held(USERS, AX),), (task,))], seen, Schema()) == (effect,)
    wrong = Effect((Held(USERS, AX),), (replace(task, code="2BP01"),))
    assert reconcile([wrong], seen, Schema()) == (effect,)


def test_what_was_not_run_keeps_what_is_expected(observer: Observer) -> None:
    """Of statements behind a failure nothing was measured, so nothing is replaced."""
    statement = Statement("ALTER TABLE orders ALTER id SET NOT NULL")
    table = Name("", "orders")
    steps = (Step(SetNotNull(table=table, column="id"), Effect((Held(ORDERS, AX),))),)
    assert as_measured(steps, Observed(statement=statement, ran=False), Schema()) == steps
    (seen,) = observer.observe([statement])
    (step,) = as_measured(steps, seen, Schema())
    assert step.action == steps[0].action
    assert step.effect.tasks == (Task(Work.SCAN, ORDERS, Cause.UNEXPECTED),)


def test_rows_are_looked_for_as_the_text_says(observer: Observer) -> None:
    """Without rows the server chooses another plan than with many."""
    expected = Effect(
        (Held(USERS, Lock.ROW_EXCLUSIVE),), (Task(Work.SCAN, USERS, Cause.ROWS_CHANGED),)
    )
    (seen,) = observed(observer, "UPDATE users SET n = 1 WHERE id = 3")
    assert reconcile([expected], seen, Schema()) == (expected,)


def test_rows_read_under_an_earlier_lock_are_not_the_locks_work(observer: Observer) -> None:
    """The statement that took the lock is the one to look at."""
    _, seen = observed(observer, "LOCK TABLE users", "SELECT count(*) FROM users")
    assert reconcile([Effect()], seen, Schema())[0].tasks == ()


# what is said of it


def test_findings_about_what_was_seen_say_measured(server: Server) -> None:
    """Work in a block is found, a proof the replay cannot follow is believed, an error is told."""
    hidden = "DO $$ BEGIN EXECUTE 'ALTER TABLE users ADD c ' || 'serial'; END $$"
    proven = "DO $$ BEGIN EXECUTE 'ALTER TABLE users ADD ' || 'CHECK (n IS NOT NULL)'; END $$"
    history = (*HISTORY, migration("r3", proven))
    judged = migration(
        "r4",
        hidden,
        "ALTER TABLE users ALTER n SET NOT NULL",
        "CREATE INDEX ON users (n)",
        "ALTER TABLE users ADD CHECK (odd(n))",
        judged=True,
    )
    measured = measure_on(server, (*history, judged))
    rules = Rules(statement=(fails_when_run, hidden_blocking_work, index_not_concurrent), whole=())
    linted = lint((*history, judged), schema=Schema(complete=True), rules=rules, measured=measured)
    found = linted.findings
    assert [each.rule for each in found] == [
        "hidden-blocking-work",
        "index-not-concurrent",
        "fails-when-run",
    ]
    assert {each.certainty for each in found} == {Certainty.MEASURED}
    assert (found[0].title, found[2].title) == (
        "users is written anew with all its indexes while nobody can use it",
        "the server refuses it: function odd(integer) does not exist",
    )


@pytest.mark.parametrize(
    ("before", "gaps", "code", "rule", "sure"),
    [
        ("SELECT 1", (Gap(1, "it reads rows"),), "42703", "fails-when-run", False),
        ("SELECT 1", (Gap(1, "it reads rows"),), "22012", "fails-when-run", True),
        ("SELECT 1", (Gap(1, "it reads rows"),), "42701", "fails-on-known-schema", False),
        ("CALL make()", (), "42701", "fails-on-known-schema", True),
    ],
)
def test_a_failure_that_was_seen(
    before: str, gaps: tuple[Gap, ...], code: str, rule: str, sure: bool
) -> None:
    """It is a measured one, unless it rests on names and a part that may matter was not run."""
    judged = replace(migration("r3", before, "ALTER TABLE users ADD n int", judged=True), gaps=gaps)
    seen = [Observed(statement=each) for each in judged.up]
    seen[1] = replace(seen[1], failure=Failure(code, "no"))
    measured = Measured(18, {("", "r3"): tuple(seen)})
    linted = lint((*HISTORY, judged), schema=Schema(complete=True), measured=measured)
    found = {each.rule: each.certainty for each in linted.findings}
    assert found.get(rule) == (Certainty.MEASURED if sure else None)
    assert (rule in {each.rule for each in linted.unknowns}) is not sure
