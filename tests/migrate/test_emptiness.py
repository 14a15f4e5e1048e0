"""Rows that nobody could see when the loss was told: of a transaction that was open then."""

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Thread
from typing import Any, Self

import psycopg
import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError
from dbtool.guard import Consent, Permission
from dbtool.migrate.downgrade import downgrade
from dbtool.migrate.emptiness import Emptiness, Look
from dbtool.migrate.location import find
from dbtool.migrate.losses import Empty
from dbtool.migrate.project import Project
from dbtool.migrate.upgrade import upgrade
from dbtool.migrate.waits import Limits
from dbtool.ports import Silent
from tests.conftest import MAJOR
from tests.migrate.conftest import at_rest, plain
from tests.migrate.projects import FROM_CONFIG, Small
from tests.migrate.test_lock import ASYNC, PER_MIGRATION
from tests.processes import eventually

FIRST, HEAD = "aaaa00000001", "aaaa00000002"
YES = Permission(Consent(yes=True))
UP = 'op.execute("CREATE SCHEMA s; CREATE TABLE s.t (a int, b int)")'
_WAITS = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_locks
                    WHERE NOT granted AND relation IN (
                          SELECT oid FROM pg_catalog.pg_class
                           WHERE relnamespace = 's'::pg_catalog.regnamespace))
"""


_WAITS_FOR_7 = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_locks
                    WHERE NOT granted AND locktype = 'advisory' AND objid = 7)
"""


class Agreeing:
    """Says yes, after something has happened."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.meanwhile = meanwhile

    def confirm(self, question: str) -> bool:
        """Answer a question."""
        self.meanwhile()
        return "?" in question

    def type_name(self, question: str, name: str) -> bool:
        """Type the name."""
        return self.confirm(f"{question} {name}?")


class Telling(Silent):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        """Keep it."""
        self.told.append(text)


@pytest.fixture
def opened(project: Small, database: Target) -> Iterator[Project]:
    """The project, upgraded, which waits for a lock as long as it takes."""
    project.revision(HEAD, FIRST, UP)
    with contextlib.chdir(project.root):
        place = find(None, None, project.root)
        limits = Limits(lock_timeout=300.0, wait_lock=60.0, max_blocking=300.0)
        opened = Project(place, root=project.root, target=database, limits=limits)
        upgrade(opened, permission=YES)
        with SyncConnection(database) as looking:
            assert eventually(lambda: at_rest(looking))
        yield opened


@pytest.fixture
def writer(database: Target) -> Iterator[Callable[[], None]]:
    """Begins a transaction with a row, which commits when somebody waits for the table."""
    written, threads = Event(), list[Thread]()

    def write() -> None:
        with SyncConnection(database) as session, SyncConnection(database) as looking:
            session.execute("BEGIN; INSERT INTO s.t VALUES (1, 1)")
            written.set()
            while not looking.fetchval(_WAITS):
                time.sleep(0.01)
            session.execute("COMMIT")

    def begin() -> None:
        threads.append(Thread(target=write, daemon=True))
        threads[0].start()
        assert written.wait(60)

    yield begin
    for each in threads:
        each.join(60)


@pytest.mark.parametrize("env", [FROM_CONFIG, ASYNC], ids=["", "async"])
@pytest.mark.parametrize(
    ("back", "lost"),
    [
        ("DROP TABLE s.t", "s.t"),
        ("TRUNCATE s.t", "s.t"),
        ("DROP SCHEMA s CASCADE", "s.t"),
        ("ALTER TABLE s.t DROP COLUMN b", "s.t.b"),
        ("ALTER TABLE s.t ADD COLUMN c serial; ALTER TABLE s.t DROP COLUMN b", "s.t.b"),
        (
            "ALTER TABLE s.t ALTER COLUMN a TYPE bigint; ALTER TABLE s.t DROP COLUMN b",
            f"s.t.a, by {HEAD}, rows in s.t.b",
        ),
        ("ALTER TABLE s.t SET UNLOGGED; DROP TABLE s.t", "s.t"),
    ],
)
def test_rows_that_come_while_the_lock_is_waited_for_stay(
    project: Small,
    opened: Project,
    database: Target,
    writer: Callable[[], None],
    env: str,
    back: str,
    lost: str,
) -> None:
    """Who agreed to lose an empty table has not agreed to lose what commits just before."""
    project.env(env)
    statements = "\n".join(f"op.execute({each!r})" for each in back.split("; "))
    project.revision(HEAD, FIRST, UP, statements)
    with pytest.raises(OperationError, match="would lose more than was agreed to") as raised:
        downgrade(opened, FIRST, permission=Permission(ask=Agreeing(writer)))
    assert f"New since then: rows in {lost}, by {HEAD}. None of that was run." in (
        raised.value.detail
    )
    with SyncConnection(database) as looking:
        assert looking.fetchval("SELECT count(*) FROM s.t") == 1
        assert looking.fetchval("SELECT version_num FROM alembic_version") == HEAD
        looking.execute("TRUNCATE s.t")
    assert downgrade(opened, FIRST, permission=Permission(ask=Agreeing(lambda: None))).after == (
        FIRST,
    )


def test_a_statement_with_bound_parameters_is_looked_at(
    project: Small, opened: Project, writer: Callable[[], None]
) -> None:
    """Rows that come before a DELETE whose values are bound are not what was agreed to."""
    delete = "DELETE FROM s.t WHERE a = :a"
    project.revision(
        HEAD,
        FIRST,
        UP,
        "import sqlalchemy as sa\nop.execute('LOCK TABLE s.t')\n"
        f"op.execute(sa.text({delete!r}).bindparams(a=1))",
    )
    with pytest.raises(OperationError, match="would lose more than was agreed to") as raised:
        downgrade(opened, FIRST, permission=Permission(ask=Agreeing(writer)))
    assert f"New since then: rows in s.t, by {HEAD}." in raised.value.detail


def test_where_nobody_was_asked_they_are_told(
    project: Small, opened: Project, writer: Callable[[], None]
) -> None:
    """With --yes the rows go, and what was told before is put right."""
    project.revision(HEAD, FIRST, UP, 'op.execute("DROP TABLE s.t")')
    writer()
    telling = Telling()
    downgrade(opened, FIRST, permission=YES, progress=telling)
    # Of a wait that lasts it tells too.
    assert [each for each in telling.told if each.startswith(HEAD)] == [
        f"{HEAD} loses table s.t (0 rows)",
        f"{HEAD} loses rows in s.t too, which came after it was told",
    ]


def test_a_table_that_this_role_may_not_lock_keeps_nobody_from_going_back(
    project: Small, opened: Project, database: Target
) -> None:
    """An owner without rights on the rows may drop the table all the same."""
    owner = f"owner_of_{database.database}"
    back = (f'SET LOCAL ROLE "{owner}"', "DROP TABLE s.t", "RESET ROLE")
    project.revision(HEAD, FIRST, UP, "\n".join(f"op.execute({each!r})" for each in back))
    with SyncConnection(database) as admin:
        admin.execute(f'CREATE ROLE "{owner}"; ALTER SCHEMA s OWNER TO "{owner}"')
        admin.execute(f'ALTER TABLE s.t OWNER TO "{owner}"; REVOKE ALL ON s.t FROM "{owner}"')
    again, telling = replace(opened, limits=Limits(lock_timeout=5.0, wait_lock=60.0)), Telling()
    agreeing = Permission(ask=Agreeing(lambda: None))
    try:
        done = downgrade(again, FIRST, permission=agreeing, progress=telling)
    finally:
        with SyncConnection(database) as admin:
            admin.execute(f'DROP OWNED BY "{owner}" CASCADE; DROP ROLE "{owner}"')
    assert done.after == (FIRST,)
    assert telling.told == [
        f"{HEAD} takes s.t, told to hold nothing: whether it still does is not known, as this role"
        " may not lock it and read all its rows"
    ]


NOBODY = Permission(ask=Agreeing(lambda: None))
_NOT_LOCKED = """
    SELECT 1 / (1 - count(*)::int) FROM pg_catalog.pg_locks
     WHERE relation = 's.t'::pg_catalog.regclass AND mode = 'AccessExclusiveLock'
"""


@pytest.mark.parametrize(
    ("up", "back"),
    [
        pytest.param(
            "ALTER TABLE s.t ADD COLUMN c s.e",
            ("ALTER TABLE s.t DROP COLUMN c", "DROP TYPE s.e CASCADE"),
            id="a column that went before its type",
        ),
        pytest.param(
            "CREATE TABLE s.other (c s.e)",
            ("DROP TYPE s.e CASCADE", _NOT_LOCKED, "ALTER TABLE s.t DROP COLUMN b"),
            id="a table that no statement touches yet is not locked",
        ),
        pytest.param(
            "INSERT INTO s.t VALUES (1)",
            (
                "UPDATE s.t SET b = 1",
                "SAVEPOINT p",
                "INSERT INTO s.t VALUES (2, 2)",
                "RELEASE SAVEPOINT p",
                "ALTER TABLE s.t ALTER COLUMN b TYPE text",
            ),
            id="what the migration itself has written",
        ),
    ],
)
def test_who_agreed_goes_back(
    project: Small, opened: Project, database: Target, up: str, back: tuple[str, ...]
) -> None:
    """Nothing of others has come, so neither a refusal nor a lock is due."""
    with SyncConnection(database) as admin:
        admin.execute(f"CREATE TYPE s.e AS ENUM ('a'); {up}")
    project.revision(HEAD, FIRST, UP, "\n".join(f"op.execute({each!r})" for each in back))
    assert downgrade(opened, FIRST, permission=NOBODY).after == (FIRST,)


LATER = "aaaa00000003"
PLAIN = "CREATE SCHEMA s; CREATE TABLE s.t (a int, b int)"
TREE = (
    "CREATE SCHEMA s; CREATE TABLE s.p (a int, b int, g int GENERATED ALWAYS AS (a) STORED)"
    " PARTITION BY LIST (a); CREATE TABLE s.t PARTITION OF s.p FOR VALUES IN (1, 2)"
)


@pytest.mark.parametrize(
    ("up", "anew", "back", "lost"),
    [
        (PLAIN, "ALTER TABLE s.t ALTER COLUMN a TYPE bigint", "DROP TABLE s.t", "s.t"),
        (TREE, "ALTER TABLE s.p ALTER COLUMN b TYPE bigint", "DROP TABLE s.t", "s.t"),
        (TREE, "ALTER TABLE s.t SET UNLOGGED", "DROP TABLE s.p", "s.p"),
        (TREE, "ALTER TABLE s.t SET UNLOGGED", "ALTER TABLE s.p DROP COLUMN b", "s.p.b"),
        (TREE, "ALTER TABLE s.p ADD COLUMN c serial", "TRUNCATE s.p", "s.p"),
        pytest.param(
            TREE,
            "ALTER TABLE s.p ALTER COLUMN g SET EXPRESSION AS (a + 1)",
            "DROP TABLE s.t",
            "s.t",
            marks=pytest.mark.skipif(MAJOR < 17, reason="PostgreSQL knows it since 17"),
        ),
    ],
)
def test_a_table_that_another_revision_writes_anew_is_looked_at_before(
    project: Small,
    opened: Project,
    database: Target,
    writer: Callable[[], None],
    up: str,
    anew: str,
    back: str,
    lost: str,
) -> None:
    """Once a table, or one above or below it, is rewritten nobody knows whose rows came."""
    with SyncConnection(database) as admin:
        admin.execute(f"DROP SCHEMA s CASCADE; {up}")
    project.revision(HEAD, FIRST, UP, f"op.execute({back!r})")
    project.revision(LATER, HEAD, "pass", f"op.execute({anew!r})")
    upgrade(opened, permission=YES)
    with pytest.raises(OperationError, match="would lose more than was agreed to") as raised:
        downgrade(opened, FIRST, permission=Permission(ask=Agreeing(writer)))
    assert f"rows in {lost}, by {HEAD}" in raised.value.detail
    with SyncConnection(database) as looking:
        assert looking.fetchval("SELECT count(*) FROM s.t") == 1


@pytest.mark.parametrize("env", [FROM_CONFIG, PER_MIGRATION], ids=["", "each"])
def test_what_another_revision_has_put_there_is_no_loss_of_others(
    project: Small, opened: Project, env: str
) -> None:
    """Rows that the migration itself moves into a table go with it, committed or not."""
    project.env(env)
    project.revision(HEAD, FIRST, UP, 'op.execute("DROP TABLE s.t")')
    project.revision(LATER, HEAD, "pass", 'op.execute("INSERT INTO s.t VALUES (1, 2)")')
    upgrade(opened, permission=YES)
    assert downgrade(opened, FIRST, permission=NOBODY).after == (FIRST,)


def test_rows_that_come_between_two_deletions_stay(
    project: Small, opened: Project, database: Target
) -> None:
    """The table is rewritten between the two: it is looked at before, for what the last takes."""
    steps = (
        "DELETE FROM s.t WHERE a = 1; DELETE FROM s.t WHERE a = 2",
        "SELECT pg_advisory_xact_lock(7)",
        "ALTER TABLE s.t ADD COLUMN c serial",
        "DELETE FROM s.t",
    )
    _ends_for_a_row_that_comes_between(project, opened, database, steps)


def _ends_for_a_row_that_comes_between(
    project: Small, opened: Project, database: Target, steps: tuple[str, ...]
) -> None:
    """One of the steps waits for lock 7; the row that comes meanwhile stays."""
    project.revision(HEAD, FIRST, UP, "; ".join(f"op.execute({each!r})" for each in steps))
    with ThreadPoolExecutor(1) as pool, SyncConnection(database) as other:
        other.execute("SELECT pg_advisory_lock(7)")
        going_back = pool.submit(downgrade, opened, FIRST, permission=Permission(ask=Agreeing(int)))
        assert eventually(lambda: other.fetchval(_WAITS_FOR_7))
        other.execute("INSERT INTO s.t VALUES (1, 1); SELECT pg_advisory_unlock(7)")
        with pytest.raises(OperationError, match="would lose more than was agreed to"):
            going_back.result()
        assert other.fetchval("SELECT count(*) FROM s.t") == 1


@pytest.fixture
def held(database: Target) -> Iterator[Any]:
    """A connection to a database with an empty table of many columns."""
    columns = ", ".join(f"c{n} int" for n in range(20))
    with psycopg.connect(plain(database)) as connection:
        connection.execute(f"CREATE TABLE t ({columns}, b int)")
        connection.commit()
        yield connection


def _empty(held: Any, kind: str, how: str = "", column: int = 0) -> Empty:
    row = held.execute("SELECT 't'::regclass::oid::int8").fetchone()
    assert row is not None
    return Empty(HEAD, row[0], column, f"t.{column}", kind, how)


def test_many_changes_of_a_table_read_it_once_and_once_for_each_loss(held: Any) -> None:
    """As many columns are added as are dropped; twenty times twenty scans would hold up others."""

    class Kept(psycopg.Cursor[Any]):
        def execute(self, query: Any, *rest: Any, **named: Any) -> Self:
            ran.append(query)
            return super().execute(query, *rest, **named)

    ran: list[str] = []
    held.cursor_factory = Kept
    empty = [_empty(held, "column", column=n + 1) for n in range(20)]
    looking = Emptiness([HEAD], empty, set())
    for n in range(20):
        assert looking.look(HEAD, f"ALTER TABLE t ADD COLUMN d{n} serial", held) == Look()
    assert sum("FROM public.t" in each for each in ran) == 1
    for n in range(20):
        assert looking.look(HEAD, f"ALTER TABLE t DROP COLUMN c{n}", held) == Look()
    assert sum("FROM public.t" in each for each in ran) == 21


def test_a_lock_that_was_given_back_settles_nothing(held: Any, database: Target) -> None:
    """Behind ROLLBACK TO and behind the end of the transaction others may have come."""
    empty = _empty(held, "column", column=21)
    looking, adds = Emptiness([HEAD], [empty], set()), "ALTER TABLE t ADD COLUMN d serial"
    with SyncConnection(database) as other:
        for begins, ends in (("SAVEPOINT p", "ROLLBACK TO p"), ("SELECT 1", "COMMIT")):
            held.execute(begins)
            assert looking.look(HEAD, adds, held) == Look()
            assert looking.look(HEAD, ends, held) == Look()
            held.execute(ends)
            other.execute("SET lock_timeout = '60s'; INSERT INTO t (b) VALUES (1)")
            assert looking.look(HEAD, adds, held).filled == (empty,)
            held.rollback()
            other.execute("TRUNCATE t")


@pytest.mark.parametrize("delete", ["DELETE FROM t", "UPDATE t SET b = 1", "TRUNCATE t"])
def test_what_comes_behind_the_statement_that_takes_it_is_not_lost_by_it(
    held: Any, database: Target, delete: str
) -> None:
    """A later rewrite of the table keeps it."""
    verb, adds = delete.split()[0], "ALTER TABLE t ADD COLUMN d serial"
    empty = _empty(held, "values" if verb == "UPDATE" else "rows", verb)
    looking = Emptiness([HEAD], [empty], set())
    assert looking.look(HEAD, delete, held) == Look()
    held.execute(delete)
    held.commit()
    with SyncConnection(database) as other:
        other.execute("INSERT INTO t (b) VALUES (1)")
    assert looking.look(HEAD, adds, held) == Look()
    unread = replace(looking, unforeseen=frozenset({HEAD}))
    for anew in (Emptiness([HEAD], [empty], set()), unread):
        assert anew.look(HEAD, adds, held).filled == (empty,)
        held.rollback()


def test_what_comes_between_two_statements_that_take_it_is_looked_at(
    held: Any, database: Target
) -> None:
    """A rewrite between the two would pass the rows of others for our own."""
    adds, empty = "ALTER TABLE t ADD COLUMN d serial", _empty(held, "rows", "DELETE")
    looking = Emptiness([HEAD], [empty, empty], set())
    with SyncConnection(database) as other:
        for delete, filled in (("DELETE FROM t WHERE b = 1", (empty,)), ("DELETE FROM t", ())):
            assert looking.look(HEAD, delete, held) == Look()
            held.execute(delete)
            held.commit()
            other.execute("INSERT INTO t (b) VALUES (1)")
            assert looking.look(HEAD, adds, held).filled == filled
            held.rollback()
            other.execute("TRUNCATE t")


def test_a_column_that_goes_leaves_another_to_be_looked_at(held: Any, database: Target) -> None:
    """What is in the second is seen before a change between the two writes the table anew."""
    drops, adds = "ALTER TABLE t DROP COLUMN c0", "ALTER TABLE t ADD COLUMN d serial"
    first, second = (_empty(held, "column", column=n) for n in (1, 21))
    with SyncConnection(database) as other:
        other.execute("INSERT INTO t (b) VALUES (1)")
    looking = Emptiness([HEAD], [first, second], set())
    assert looking.look(HEAD, drops, held) == Look()
    held.execute(drops)
    assert looking.look(HEAD, adds, held).filled == (second,)


_WAITS_FOR_P = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_locks
                    WHERE NOT granted AND relation = 'p'::pg_catalog.regclass)
"""


@pytest.mark.parametrize(
    ("statement", "taken"),
    [("ALTER TABLE p ALTER COLUMN b TYPE bigint", "a"), ("DROP TABLE p, a", "pa")],
)
def test_the_table_above_is_locked_first(
    held: Any, database: Target, statement: str, taken: str
) -> None:
    """Who writes by way of it would end in a deadlock with a lock on the one below."""
    held.execute("CREATE TABLE p (LIKE t); ALTER TABLE t RENAME TO a; ALTER TABLE a INHERIT p")
    held.commit()
    oids = [held.execute(f"SELECT '{e}'::regclass::oid::int8").fetchone()[0] for e in taken]
    empty = [Empty(HEAD, oid, 0, "", "table", "") for oid in oids]
    held.commit()
    found: list[Look] = []
    looking = Emptiness([HEAD], empty, set())
    thread = Thread(target=lambda: found.append(looking.look(HEAD, statement, held)))
    with SyncConnection(database) as writer:
        writer.execute("BEGIN; LOCK TABLE ONLY p IN ROW EXCLUSIVE MODE")
        thread.start()
        while thread.is_alive() and not writer.fetchval(_WAITS_FOR_P):
            time.sleep(0.01)
        assert not found
        writer.execute("UPDATE p SET b = 1; COMMIT")
        thread.join(60)
    assert found == [Look()]


_HELD_BY_OTHERS = """
    SELECT count(*) FROM pg_catalog.pg_locks
     WHERE granted AND relation = 'a'::pg_catalog.regclass AND pid <> pg_catalog.pg_backend_pid()
"""


def test_the_table_above_a_partition_that_is_dropped_is_locked_first(
    held: Any, database: Target
) -> None:
    """Who writes into another partition, and then reads the table above, ends in no deadlock."""
    held.execute("CREATE TABLE p (b int) PARTITION BY LIST (b)")
    held.execute("CREATE TABLE a PARTITION OF p FOR VALUES IN (1)")
    held.execute("CREATE TABLE o PARTITION OF p FOR VALUES IN (2)")
    oid = held.execute("SELECT 'a'::regclass::oid::int8").fetchone()[0]
    held.commit()
    found: list[Look] = []
    looking = Emptiness([HEAD], [Empty(HEAD, oid, 0, "", "table", "")], set())
    thread = Thread(target=lambda: found.append(looking.look(HEAD, "DROP TABLE a", held)))
    with SyncConnection(database) as writer:
        writer.execute("BEGIN; INSERT INTO p VALUES (2)")
        thread.start()
        while thread.is_alive() and not writer.fetchval(_WAITS_FOR_P):
            time.sleep(0.01)
        assert not found
        assert writer.fetchval(_HELD_BY_OTHERS) == 0
        writer.execute("SELECT FROM p; COMMIT")
        thread.join(60)
    assert found == [Look()]


def test_a_partition_is_not_locked_where_the_table_above_may_not_be(
    held: Any, database: Target
) -> None:
    """Its owner may drop it all the same, so that it is empty is unknown, and no reason to wait."""
    owner = f"owner_of_{database.database}"
    held.execute("CREATE TABLE p (b int) PARTITION BY LIST (b)")
    held.execute("CREATE TABLE a PARTITION OF p FOR VALUES IN (1)")
    held.execute(f'CREATE ROLE "{owner}"; ALTER TABLE a OWNER TO "{owner}"')
    oid = held.execute("SELECT 'a'::regclass::oid::int8").fetchone()[0]
    held.execute(f'SET LOCAL ROLE "{owner}"')
    empty = Empty(HEAD, oid, 0, "", "table", "")
    looking = Emptiness([HEAD], [empty], set())
    assert looking.look(HEAD, "DROP TABLE a", held) == Look(unseen=(empty,))
    held.rollback()


@pytest.mark.parametrize("value", ["%s", "%(a)s", "%(a b)s", "%(a)s::int"])
def test_bound_values_are_read_as_such(held: Any, database: Target, value: str) -> None:
    """Whatever a parameter is called, the statement around it is read."""
    looking = Emptiness([HEAD], [empty := _empty(held, "rows", "DELETE")], set())
    with SyncConnection(database) as other:
        other.execute("INSERT INTO t (b) VALUES (1)")
    assert looking.look(HEAD, f"DELETE FROM t WHERE b = {value}", held).filled == (empty,)


_MOVES = [
    "SET search_path TO s",
    "SET LOCAL search_path TO s",
    "SET SCHEMA 's'",
    "SELECT pg_catalog.set_config('Search_Path', 's', true)",
]


@pytest.mark.parametrize("moves", _MOVES)
def test_rows_stay_that_a_search_path_between_two_deletions_leads_to(
    project: Small, opened: Project, database: Target, moves: str
) -> None:
    """The second takes what its name did not lead to before, and so the first is not the last."""
    steps = (
        "DELETE FROM s.t",
        "SELECT pg_advisory_xact_lock(7)",
        "ALTER TABLE s.t ADD COLUMN c serial",
        moves,
        "DELETE FROM t",
    )
    _ends_for_a_row_that_comes_between(project, opened, database, steps)
