"""What an interrupted run in parts left behind, and what has become of it since."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import resource_tracker, util
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import (
    DbtoolError,
    Interrupted,
    LockNotObtained,
    OperationError,
    UsageError,
)
from dbtool.guard import Consent, Permission
from dbtool.interrupts import SIGNALS
from dbtool.metadata import Models
from dbtool.ports import Silent
from dbtool.seed import jobs
from dbtool.seed.journal import Journal, Portion, journal
from dbtool.seed.plan import Request
from dbtool.seed.reset import reset
from dbtool.seed.run import Loading, seed
from dbtool.seed.settled import settled
from dbtool.seed.trouble import DONE, NONE_COMMITTED
from tests.processes import eventually

AGREED = Permission(Consent(yes=True))
FEW = Request(rows=10, tables=("roles",))
PARTS = Request(rows=4500, tables=("users", "posts"))
LOCK = f"SELECT pg_advisory_xact_lock({int.from_bytes(b'db seed')})"
POST = "INSERT INTO posts (id, author_id, title, slug, body) SELECT 1, 1, '123', '', ''"
DIGEST = """
SELECT (SELECT md5(string_agg(posts::text, ',' ORDER BY id)) FROM posts)
    || (SELECT md5(string_agg(users::text, ',' ORDER BY id)) FROM users)
"""
FORGOTTEN, TO_COME = "3", str((1 << 40) + 10**9)
"""A number that every server has forgotten since it was made, and one that none has come to."""


def left(session: SyncConnection, directory: Path, *xids: str, end: str = "COMMIT") -> Journal:
    """The journal of a run that put two users there, and noted parts the server does not know."""
    kept = session.run(lambda connection: journal(connection, directory))
    kept.begin({"plan": "x", "first_blocks": {}})
    session.execute(
        "BEGIN; INSERT INTO users (email, name, country)"
        " SELECT n || '@example.com', n, 'DE' FROM generate_series(1, 2) AS n"
    )
    xid = session.fetchval("SELECT pg_current_xact_id()::text")
    kept.note(Portion("public.users", 0, 1, 2), xid)
    if end:
        session.execute(end)
    for number, noted in enumerate(xids, 1):
        kept.note(Portion("public.users", number, number + 1, 2), noted)
    return kept


def ways(directory: Path) -> tuple[Loading, ...]:
    """Every kind of run that adds rows."""
    plain = Loading(state=directory)
    return (
        replace(plain, top_up=True),
        plain,
        replace(plain, jobs=2),
        replace(plain, truncate=True),
    )


def refused(
    target: Target, models: Models, loading: Loading, request: Request = FEW
) -> DbtoolError:
    """The error a load ends with."""
    with pytest.raises(DbtoolError) as caught:
        seed(target, models, request, AGREED, loading=loading)
    return caught.value


@pytest.mark.parametrize("view", ["", "CREATE VIEW users AS SELECT * FROM people"])
def test_a_table_renamed_since_hinders_nobody(
    migrated: Target, example: Models, session: SyncConnection, tmp_path: Path, view: str
) -> None:
    """Rows are added also where a view has its name; a resume is told what is gone."""
    kept = left(session, tmp_path)
    text = kept.path.read_text()
    session.execute(f"ALTER TABLE users RENAME TO people; {view}")
    resume = Loading(resume=True, state=tmp_path)
    assert "public.users that the interrupted run had committed are gone" in str(
        refused(migrated, example, resume)
    )
    for way in ways(tmp_path):
        kept.path.write_text(text)
        session.execute("TRUNCATE roles CASCADE")
        assert seed(migrated, example, FEW, AGREED, loading=way).rows


@pytest.mark.parametrize(
    ("xid", "why"), [(FORGOTTEN, "It is too old."), (TO_COME, "is in the future")]
)
def test_a_run_that_is_gone_needs_no_answer_of_the_server(
    migrated: Target,
    example: Models,
    session: SyncConnection,
    tmp_path: Path,
    xid: str,
    why: str,
) -> None:
    """Its rows are emptied, and the server has forgotten it or was restored to before it."""
    kept = left(session, tmp_path, xid)
    for way in ways(tmp_path):
        error = refused(migrated, example, way)
        assert error.message == "the server does not know what the interrupted run committed"
        assert error.exit == 4
        assert why in error.detail
        assert f"delete {kept.path}." in error.hint
    error = refused(migrated, example, Loading(resume=True, state=tmp_path))
    assert error.message == "the server does not know what the interrupted run committed"
    reset(migrated, example, Request(), AGREED, Silent())
    assert seed(migrated, example, FEW, loading=Loading(state=tmp_path)).rows


def test_a_part_still_at_work_is_waited_for(
    migrated: Target, example: Models, session: SyncConnection, tmp_path: Path
) -> None:
    """Nobody sees its rows yet; rolled back they hinder nobody, even beside forgotten parts."""
    left(session, tmp_path, FORGOTTEN, TO_COME, end="")
    for way in ways(tmp_path):
        error = refused(migrated, example, way)
        assert isinstance(error, OperationError)
        assert error.message == "a part of the interrupted run is still at work on the server"
    session.execute("ROLLBACK")
    assert seed(migrated, example, FEW, loading=Loading(state=tmp_path)).rows


def test_what_a_refused_run_loaded_is_told(
    migrated: Target, example: Models, session: SyncConnection, tmp_path: Path
) -> None:
    """Reference rows are in place before: only generated ones are denied."""
    left(session, tmp_path)
    error = refused(migrated, example, Loading(state=tmp_path))
    assert error.detail.startswith("2 rows of it are there.")
    assert error.detail.endswith("No generated row was loaded.")


class Stop(Silent):
    """Interrupts a run once all users are committed: posts go out, and none is committed yet."""

    def advance(self, done: float, total: float | None = None, unit: str = "") -> None:  # noqa: ARG002
        """Count."""
        if done > 4500:
            raise KeyboardInterrupt


class Told(Silent):
    """Hears what a run waits for, and ends that."""

    def __init__(self, end: Callable[[], object]) -> None:
        self.end = end
        self.waits: list[str] = []

    def step(self, text: str) -> None:
        """Note what is said of a wait."""
        if text.startswith("waiting"):
            self.waits.append(text)
            self.end()


def interrupt(target: Target, models: Models, directory: Path, session: SyncConnection) -> None:
    """Leave a run in parts behind, with no session of its own."""
    with pytest.raises(Interrupted):
        seed(target, models, PARTS, AGREED, Stop(), Loading(jobs=2, state=directory))
    running = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'dbtool seed'"
    running += " AND datname = current_database())"
    assert eventually(lambda: session.fetchval(running) is False)


def test_what_is_there_is_counted_once_where_an_append_is_resumed(
    migrated: Target, example: Models, session: SyncConnection, tmp_path: Path
) -> None:
    """A few rows beside the plan's leave a verify that compares, as where nobody interrupted."""
    seed(migrated, example, replace(PARTS, rows=10))
    interrupt(migrated, example, tmp_path, session)
    assert session.fetchval("SELECT count(*) FROM users") == 4510
    resumed = seed(migrated, example, PARTS, loading=Loading(resume=True, state=tmp_path))
    assert resumed.comparable


class Impatient(Silent):
    """Presses Ctrl-C at a question, or while the processes of the load are started."""

    def confirm(self, question: str) -> bool:
        """At a question."""
        raise KeyboardInterrupt(question)

    def type_name(self, question: str, name: str) -> bool:
        """At another one."""
        raise KeyboardInterrupt(question, name)

    def step(self, text: str) -> None:
        """At the beginning of the load."""
        assert text.startswith("loading")
        raise KeyboardInterrupt


@pytest.mark.parametrize("consent", [Consent(), Consent(yes=True)], ids=["asked", "begun"])
def test_an_interrupt_before_the_first_part_leaves_nothing_to_resume(
    migrated: Target, example: Models, session: SyncConnection, tmp_path: Path, consent: Consent
) -> None:
    """It is told so, instead of leading to --resume, which finds no run."""
    there = seed(migrated, example, FEW).rows
    impatient = Impatient()
    allowed, in_parts = Permission(consent, impatient), Loading(jobs=2, state=tmp_path)
    with pytest.raises(Interrupted) as caught:
        seed(migrated, example, FEW, allowed, impatient, in_parts)
    assert caught.value.detail == NONE_COMMITTED
    assert session.fetchval("SELECT count(*) FROM roles") == there
    error = refused(migrated, example, replace(in_parts, resume=True))
    assert error.message == "no interrupted run to resume"


def test_an_interrupt_while_a_process_starts_leaves_none(
    migrated: Target, example: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes between its start and the moment from which it is known, and ended."""
    known = jobs._Worker

    def interrupted(process: SpawnProcess, pipe: Pipe) -> jobs._Worker:
        os.kill(os.getpid(), signal.SIGINT)
        return known(process, pipe)

    monkeypatch.setattr(jobs, "_Worker", interrupted)
    with pytest.raises(Interrupted) as caught:
        seed(migrated, example, PARTS, loading=Loading(jobs=2, state=tmp_path))
    assert caught.value.detail == NONE_COMMITTED
    assert multiprocessing.active_children() == []


def test_a_process_is_not_ended_before_it_has_read_what_to_do(
    migrated: Target, example: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal to the whole group waits there: the leader would write to nobody for ever."""

    def started(*words: Any) -> int:
        pid: int = spawn(*words)
        said = Path(f"/proc/{pid}/status").read_text()
        blocked = int(said.partition("SigBlk:")[2].split()[0], 16)
        assert all(blocked >> each - 1 & 1 for each in SIGNALS)
        os.kill(pid, signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        return pid

    spawn = util.spawnv_passfds
    resource_tracker.ensure_running()
    monkeypatch.setattr(util, "spawnv_passfds", started)
    with pytest.raises(Interrupted) as caught:
        seed(migrated, example, PARTS, loading=Loading(jobs=2, state=tmp_path))
    assert caught.value.detail == NONE_COMMITTED
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_while_it_starts_ends_the_run(
    migrated: Target, example: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads what it was to do, and the leader does not write it for ever."""

    def killed(*words: Any) -> int:
        pid: int = spawn(*words)
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return pid

    spawn = util.spawnv_passfds
    resource_tracker.ensure_running()
    monkeypatch.setattr(util, "spawnv_passfds", killed)
    error = refused(migrated, example, Loading(jobs=2, state=tmp_path), PARTS)
    assert error.message == "a process of the load ended before its time"
    assert error.detail == NONE_COMMITTED
    assert multiprocessing.active_children() == []


def test_an_interrupt_behind_the_last_part_leaves_nothing_to_resume(
    migrated: Target, example: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes right behind the end of the journal: nobody is told to load the rest."""
    end = Journal.end

    def interrupted(journal: Journal) -> None:
        end(journal)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Journal, "end", interrupted)
    in_parts = Loading(jobs=2, state=tmp_path)
    with pytest.raises(Interrupted) as caught:
        seed(migrated, example, PARTS, loading=in_parts)
    assert caught.value.detail == DONE
    error = refused(migrated, example, replace(in_parts, resume=True))
    assert error.message == "no interrupted run to resume"


def test_an_interrupt_while_the_processes_end_leaves_nothing_to_resume(
    migrated: Target, example: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row is committed by then, and the next run is refused by no journal."""

    def interrupted(process: SpawnProcess, timeout: float | None = None) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(SpawnProcess, "join", interrupted, raising=False)
    in_parts = Loading(jobs=2, state=tmp_path)
    with pytest.raises(Interrupted) as caught:
        seed(migrated, example, PARTS, loading=in_parts)
    assert caught.value.detail == DONE
    error = refused(migrated, example, replace(in_parts, resume=True))
    assert error.message == "no interrupted run to resume"


def test_an_interrupt_before_the_journal_begins_leaves_nothing_to_resume(
    migrated: Target, example: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes while the run takes its lock."""

    async def waits(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)

    monkeypatch.setattr(jobs.Jobs, "hold", waits)
    with pytest.raises(Interrupted) as caught:
        seed(migrated, example, PARTS, loading=Loading(jobs=2, state=tmp_path))
    assert caught.value.detail == NONE_COMMITTED


def pressed(*_: object) -> None:
    """Ctrl-C."""
    raise KeyboardInterrupt


def test_no_part_is_committed_that_was_not_noted(
    migrated: Target,
    example: Models,
    session: SyncConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A second Ctrl-C comes before the processes are ended, which wait for leave to commit."""
    monkeypatch.setattr(Journal, "note", pressed)
    monkeypatch.setattr(jobs, "_stop", pressed)
    with pytest.raises(Interrupted) as caught:
        seed(migrated, example, PARTS, loading=Loading(jobs=2, state=tmp_path))
    assert caught.value.detail == NONE_COMMITTED
    assert session.fetchval("SELECT count(*) FROM users") == 0


@pytest.mark.parametrize("holds", [LOCK, POST], ids=["the lock", "rows"])
def test_a_run_that_is_just_ending_is_waited_for(
    migrated: Target, example: Models, session: SyncConnection, tmp_path: Path, holds: str
) -> None:
    """The server has not yet ended a session that led the run, or that wrote rows of it."""
    interrupt(migrated, example, tmp_path, session)
    with SyncConnection(migrated, application_name="dbtool seed") as old:
        old.execute(f"BEGIN; {holds}")
        told = Told(lambda: old.execute("ROLLBACK"))
        pid = old.fetchval("SELECT pg_backend_pid()")
        again = Loading(jobs=2, resume=True, state=tmp_path, wait_lock=60.0)
        seed(migrated, example, PARTS, progress=told, loading=again)
    assert told.waits == [f"waiting up to 60 s for a dbtool seed that is still at work: pid {pid}"]
    whole = session.fetchval(DIGEST)
    session.execute("TRUNCATE users CASCADE")
    seed(migrated, example, PARTS, AGREED)
    assert session.fetchval(DIGEST) == whole


def test_no_run_is_resumed_beside_one_that_lives(
    migrated: Target, example: Models, session: SyncConnection, tmp_path: Path
) -> None:
    """Once the time is over it is refused, and at once where there is none; nothing is loaded."""
    interrupt(migrated, example, tmp_path, session)
    session.execute(f"BEGIN; {LOCK}")
    told = Told(lambda: None)
    for seconds in (0.0, 0.5):
        assert told.waits == []
        again = Loading(jobs=2, resume=True, state=tmp_path, wait_lock=seconds)
        with pytest.raises(LockNotObtained):
            seed(migrated, example, PARTS, progress=told, loading=again)
    assert session.fetchval("SELECT count(*) FROM posts") == 0


def test_the_run_of_another_database_is_not_waited_for(
    migrated: Target, example: Models, session: SyncConnection, tmp_path: Path
) -> None:
    """Its journal stands in the same place; here nothing was interrupted, and that is said."""
    (tmp_path / "seed-1-1.jsonl").touch()
    session.execute(f"BEGIN; {LOCK}")
    told = Told(lambda: None)
    again = Loading(jobs=2, resume=True, state=tmp_path, wait_lock=60.0)
    with pytest.raises(UsageError, match="no interrupted run"):
        seed(migrated, example, PARTS, progress=told, loading=again)
    assert told.waits == []


def test_a_wait_is_told_once() -> None:
    """However often it is looked at, a person reads one line."""
    looks, told = [True, True, True, False], list[str]()

    async def is_at_work() -> bool:
        return looks.pop(0)

    assert asyncio.run(settled(is_at_work, 60.0, lambda: told.append("waiting")))
    assert (looks, told) == ([], ["waiting"])
