"""A load in parts by several processes: the same rows, and the rest of them after an interrupt."""

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, Interrupted, LockNotObtained, OperationError, UsageError
from dbtool.guard import Consent, Permission
from dbtool.metadata import Models
from dbtool.ports import Silent
from dbtool.seed import jobs
from dbtool.seed.journal import Journal, Portion, journal
from dbtool.seed.load import Mode
from dbtool.seed.plan import Request
from dbtool.seed.reset import reset
from dbtool.seed.run import Loading, seed
from dbtool.seed.trouble import DONE
from tests.processes import eventually

WANTED = Request(rows=4500, tables=("users", "posts", "categories", "comments"))
AGREED = Permission(Consent(yes=True))
DIGEST = """
SELECT (SELECT md5(string_agg(posts::text, ',' ORDER BY id)) FROM posts)
    || (SELECT md5(string_agg(comments::text, ',' ORDER BY id)) FROM comments)
    || (SELECT md5(string_agg(users::text, ',' ORDER BY id)) FROM users)
"""

FILLED = """
SELECT (SELECT md5(string_agg(posts::text, ',' ORDER BY id)) FROM posts)
    || (SELECT md5(string_agg(users::text, ',' ORDER BY id)) FROM users)
"""
OURS = "application_name = 'dbtool seed' AND datname = current_database()"
WORKERS = f"""
SELECT pid FROM pg_stat_activity WHERE {OURS} AND xact_start IS NOT NULL AND state LIKE '{{}}'
    AND pid <> ALL (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)
"""
"""Those that load a part; the session that leads the run holds its lock."""
COMMITS_LATE = """
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared(77); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION late();
SELECT pg_advisory_lock(77)
"""


class After(Silent):
    """Once so many rows have gone out, ends sessions that a query names, or raises an error."""

    def __init__(self, rows: int, error: BaseException | None, sql: str = "") -> None:
        self._rows = rows
        self._error = error
        self._sql = sql
        self.session: SyncConnection | None = None

    def advance(self, done: float, total: float | None = None, unit: str = "") -> None:  # noqa: ARG002
        """Count."""
        if done >= self._rows:
            self._rows = 10**12
            if self.session is not None:
                assert eventually(self._ended)
            if self._error is not None:
                raise self._error

    def _ended(self) -> bool:
        assert self.session is not None
        ended = f"SELECT bool_and(pg_terminate_backend(pid, 60000)) FROM ({self._sql}) AS them"
        return self.session.fetchval(ended) is True


def left(session: SyncConnection) -> None:
    """Return once the server has ended all sessions of a run: one that is ended may lag behind."""
    running = f"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE {OURS})"
    assert eventually(lambda: session.fetchval(running) is False)


def refused(target: Target, models: Models, request: Request, loading: Loading) -> DbtoolError:
    """The error a load ends with."""
    with pytest.raises(DbtoolError) as caught:
        seed(target, models, request, AGREED, loading=loading)
    return caught.value


def test_interrupted_and_resumed_it_is_the_run_that_was_not(
    migrated: Target,
    example: Models,
    session: SyncConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is committed is named; the rest is loaded, and all of it equals one transaction's."""
    monkeypatch.setattr(jobs, "BLOCKS", 1)
    in_parts = Loading(jobs=2, state=tmp_path)
    stop = After(9000, KeyboardInterrupt())
    with pytest.raises(Interrupted) as caught:
        seed(migrated, example, WANTED, progress=stop, loading=in_parts)
    left(session)
    committed = session.fetchval(
        "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM categories)"
        " + (SELECT count(*) FROM posts) + (SELECT count(*) FROM comments)"
    )
    assert committed >= 4500
    assert caught.value.detail.startswith(f"{committed:,} of ")
    again = Loading(jobs=2, resume=True, state=tmp_path)
    other = refused(migrated, example, Request(rows=10, tables=WANTED.tables), again)
    assert other.message == "the run to resume was another one"
    done = seed(migrated, example, WANTED, loading=again)
    in_two = session.fetchval(DIGEST)
    assert done.rows > committed
    assert refused(migrated, example, WANTED, again).message == "no interrupted run to resume"
    whole = Loading(Mode.BULK, truncate=True)
    seed(migrated, example, WANTED, AGREED, loading=whole)
    assert session.fetchval(DIGEST) == in_two
    assert [each.name for each in tmp_path.iterdir()] == [".gitignore"]


class Steps(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def step(self, text: str) -> None:
        """Keep it."""
        self.said.append(text)


@pytest.mark.parametrize(("rows", "connections"), [(50, "1 connection"), (4500, "2 connections")])
def test_few_rows_are_no_work_for_many_processes(
    migrated: Target,
    example: Models,
    session: SyncConnection,
    tmp_path: Path,
    rows: int,
    connections: str,
) -> None:
    """Each has enough to do to be worth its start; the rows are those of one transaction."""
    request, told = Request(rows=rows, tables=("users", "posts")), Steps()
    in_parts = Loading(jobs=2, state=tmp_path)
    done = seed(migrated, example, request, progress=told, loading=in_parts)
    assert told.said[0] == f"loading {done.rows:,} rows with {connections}"
    held = session.fetchval(FILLED)
    seed(migrated, example, request, AGREED, loading=Loading(Mode.ONLINE, truncate=True))
    assert session.fetchval(FILLED) == held


def test_a_commit_under_way_is_waited_for(
    migrated: Target,
    example: Models,
    session: SyncConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An interrupt meets a part that its process commits, and the server has not yet: it counts."""
    monkeypatch.setattr(jobs, "_SETTLES", 60.0)
    session.execute(COMMITS_LATE)

    def interrupt() -> None:
        with SyncConnection(migrated) as other:
            waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE objid = 77 AND NOT granted)"
            asks = f"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE {OURS} AND query ~ 'xid8')"
            assert eventually(lambda: other.fetchval(waits))
            os.kill(os.getpid(), signal.SIGINT)
            assert eventually(lambda: other.fetchval(asks))
            session.execute("SELECT pg_advisory_unlock(77)")

    ctrl_c = threading.Thread(target=interrupt)
    ctrl_c.start()
    users, in_parts = replace(WANTED, tables=("users",)), Loading(jobs=2, state=tmp_path)
    with pytest.raises(Interrupted) as caught:
        seed(migrated, example, users, loading=in_parts)
    ctrl_c.join()
    assert caught.value.detail == DONE


def test_no_rows_are_added_behind_an_interrupted_run(
    migrated: Target,
    example: Models,
    session: SyncConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever would add some is refused and told how to go on; emptied tables are filled anew."""
    monkeypatch.setattr(jobs, "BLOCKS", 1)
    stop = After(9000, KeyboardInterrupt())
    in_parts = Loading(jobs=2, state=tmp_path)
    with pytest.raises(Interrupted):
        seed(migrated, example, WANTED, progress=stop, loading=in_parts)
    left(session)
    few, plain = Request(rows=10, tables=("roles",)), Loading(state=tmp_path)
    for way in (plain, in_parts, replace(plain, top_up=True), replace(plain, truncate=True)):
        error = refused(migrated, example, few, way)
        assert error.message == "an interrupted run has loaded only part of its rows"
        assert "rows of it are there" in error.detail
        assert "--resume loads the rest" in error.hint
    session.execute(f"BEGIN; SELECT pg_advisory_xact_lock({int.from_bytes(b'db seed')})")
    assert isinstance(refused(migrated, example, few, plain), LockNotObtained)
    session.execute("ROLLBACK")
    seed(migrated, example, few, AGREED, loading=replace(plain, dry_run=True))
    assert session.fetchval("SELECT count(*) FROM roles") == 0
    seed(migrated, example, WANTED, loading=replace(in_parts, resume=True))
    assert session.fetchval("SELECT count(*) FROM users") == 4500
    seed(migrated, example, few, AGREED, loading=plain)


def test_what_an_interrupted_run_loaded_may_be_emptied(
    migrated: Target,
    example: Models,
    session: SyncConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a reset, and with --truncate, its journal stands in nobody's way."""
    monkeypatch.setattr(jobs, "BLOCKS", 1)
    stop = After(9000, KeyboardInterrupt())
    with pytest.raises(Interrupted):
        seed(migrated, example, WANTED, progress=stop, loading=Loading(jobs=2, state=tmp_path))
    left(session)
    small = replace(WANTED, rows=20)
    seed(migrated, example, small, AGREED, loading=Loading(truncate=True, state=tmp_path))
    assert session.fetchval("SELECT count(*) FROM users") == 20
    assert next(tmp_path.glob("*.jsonl")).exists(), "nobody resumed it"
    reset(migrated, example, Request(), AGREED, Silent())
    seed(migrated, example, small, loading=Loading(state=tmp_path))
    assert session.fetchval("SELECT count(*) FROM users") == 20


def test_a_journal_that_says_nothing_hinders_nobody(
    migrated: Target, example: Models, session: SyncConnection, tmp_path: Path
) -> None:
    """Its beginning was cut short, so that no part of that run was committed."""
    path = session.run(lambda connection: journal(connection, tmp_path)).path
    path.write_text('{"plan": ')
    done = seed(migrated, example, Request(rows=10), loading=Loading(state=tmp_path))
    assert done.rows


@pytest.mark.parametrize("state", ["%", "idle in transaction"])
def test_a_connection_that_is_lost_names_the_state(
    migrated: Target,
    example: Models,
    session: SyncConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
) -> None:
    """A worker's session ends, in a COPY or after it; rows that are taken away are not missed."""
    monkeypatch.setattr(jobs, "BLOCKS", 1)
    lose = After(6000, None, WORKERS.format(state))
    lose.session = session
    with pytest.raises(OperationError) as caught:
        seed(migrated, example, WANTED, progress=lose, loading=Loading(jobs=2, state=tmp_path))
    assert "the connection was lost while" in caught.value.message
    assert "are committed and stay. The same command with --resume" in caught.value.detail
    left(session)
    reset(migrated, example, Request(), AGREED, Silent())
    error = refused(migrated, example, WANTED, Loading(resume=True, state=tmp_path))
    assert "that the interrupted run had committed are gone" in error.message
    session.execute(
        "INSERT INTO categories (name, slug) SELECT n, n FROM generate_series(1, 5000) AS n;"
        "INSERT INTO users (email, name, country)"
        " SELECT n || '@example.com', n, 'DE' FROM generate_series(1, 5000) AS n"
    )
    error = refused(migrated, example, WANTED, Loading(resume=True, state=tmp_path))
    assert "that the interrupted run had committed are gone" in error.message


def test_an_idle_connection_that_is_lost_is_told(
    migrated: Target,
    example: Models,
    session: SyncConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker had nothing to do when its session was ended; it finds out with its next part."""
    monkeypatch.setattr(jobs, "BLOCKS", 2)
    lose = After(4500, None, f"SELECT pid FROM pg_stat_activity WHERE {OURS} AND state = 'idle'")
    lose.session = session
    posts = replace(WANTED, tables=("users", "posts"))
    with pytest.raises(OperationError) as caught:
        seed(migrated, example, posts, progress=lose, loading=Loading(jobs=2, state=tmp_path))
    assert caught.value.message == 'the connection was lost while "posts" was filled'


def test_a_server_that_falls_over_leaves_its_state_named(
    migrated: Target,
    example: Models,
    session: SyncConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The leader's session ends too, so that nobody can be asked what is committed."""
    monkeypatch.setattr(jobs, "BLOCKS", 1)
    lose = After(6000, None, f"SELECT pid FROM pg_stat_activity WHERE {OURS}")
    lose.session = session
    with pytest.raises(DbtoolError) as caught:
        seed(migrated, example, WANTED, progress=lose, loading=Loading(jobs=2, state=tmp_path))
    assert "What had been committed stays. The same command with --resume" in caught.value.detail


def test_a_leader_lost_once_all_is_handed_out_names_the_state(
    migrated: Target, example: Models, session: SyncConnection, tmp_path: Path
) -> None:
    """The workers commit what they have; nobody can be asked, and a resume finds it all there."""
    lose = After(
        4500,
        None,
        "SELECT pid FROM pg_locks JOIN pg_database AS d"
        " ON d.oid = database WHERE locktype = 'advisory' AND granted"
        " AND datname = current_database()",
    )
    lose.session = session
    users = replace(WANTED, tables=("users",))
    with pytest.raises(OperationError) as caught:
        seed(migrated, example, users, progress=lose, loading=Loading(jobs=2, state=tmp_path))
    assert caught.value.message == "the connection that leads the run was lost"
    assert "What had been committed stays. The same command with --resume" in caught.value.detail
    assert session.fetchval("SELECT count(*) FROM users") == 4500
    seed(migrated, example, users, loading=Loading(jobs=2, resume=True, state=tmp_path))
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_journal_is_kept_through_trouble(tmp_path: Path) -> None:
    """A line cut short costs no other one, nor does a run that commits nothing; others are told."""
    first, second = Portion("public.users", 0, 1, 10), Portion("public.users", 1, 2, 10)
    kept, again = Journal(tmp_path / "run"), Journal(tmp_path / "run")
    kept.begin({"plan": "x"})
    kept.note(first, "7")
    with kept.path.open("a", encoding="utf-8") as file:
        file.write('["public.users", 1, 2')
    again.read()
    again.refuse_others()
    kept.note(second, "8")
    with pytest.raises(OperationError, match="another run loaded rows"):
        again.refuse_others()
    again = Journal(tmp_path / "run")
    again.read()
    assert again.noted == {first: "7", second: "8"}
    after = Journal(tmp_path / "run")
    after.begin({"plan": "y"})
    after.end()
    again.refuse_others()
    after.note(first, "9")
    after.note(second, "10")
    again.read()
    assert (again.header, again.noted) == ({"plan": "y"}, {first: "9", second: "10"})
    with pytest.raises(OperationError, match="what a run in parts commits") as caught:
        Journal(tmp_path / "run/below/kept").begin({})
    assert caught.value.detail == "Not a directory."


def test_a_run_in_parts_is_alone(
    migrated: Target, example: Models, session: SyncConnection, tmp_path: Path
) -> None:
    """Another run is told of it, and what needs one transaction is refused before anything."""
    small, in_parts = Request(rows=10), Loading(jobs=2, state=tmp_path)
    session.execute(f"BEGIN; SELECT pg_advisory_xact_lock({int.from_bytes(b'db seed')})")
    with pytest.raises(LockNotObtained):
        seed(migrated, example, small, loading=in_parts)
    session.execute("ROLLBACK")
    assert list(tmp_path.iterdir()) == [], "the journal is the other run's"
    for wrong in (Loading(jobs=2, truncate=True), Loading(Mode.BULK, jobs=2)):
        with pytest.raises(UsageError, match="needs one transaction"):
            seed(migrated, example, small, loading=wrong)
    error = refused(migrated, example, small, Loading(resume=True, dry_run=True))
    assert error.message.startswith("--dry-run tries a run out")
    assert session.fetchval("SELECT count(*) FROM users") == 0
