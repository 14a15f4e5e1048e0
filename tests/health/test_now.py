"""now on real servers: one question, and piece by piece where that fails."""

import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic, sleep

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError
from dbtool.health import locks
from dbtool.health.forest import Forest
from dbtool.health.now import PARTS, Now, Watch, progress, read
from dbtool.health.parts import Part, answers
from dbtool.health.progress import Work
from dbtool.health.view import pool_report
from dbtool.health.view_now import now_report, progress_report
from dbtool.health.vitals import Slot
from dbtool.render.screen import Screen
from dbtool.render.terminal import render
from tests.conftest import MAJOR
from tests.health.crowd import Crowd
from tests.health.waiting import LIMIT, running, waiting
from tests.proxy import proxy


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that are asked one by one get their turn, also while the machine stands still."""
    monkeypatch.setattr("dbtool.health.now.answers", partial(answers, patience=60.0))


def shown(now: Now, width: int = 80) -> str:
    """The report as plain text of that width."""
    return render(now_report(now), Screen(width, color=False, drawing=False))


def test_a_quiet_server(database: Target) -> None:
    """Everything is answered, nothing is found, and the report fits a screen."""
    now = read(database)
    vitals = dataclasses.asdict(now.vitals)
    assert now.gaps == ()
    assert now.pool is not None
    assert None not in vitals.values()
    text = shown(now)
    assert text.startswith("nothing wrong: ")
    assert "\nlocks        nobody waits\n" in text
    assert text.endswith("\n\nno findings\n")
    assert len(text.splitlines()) < 20


def test_costs_the_login_and_two_round_trips(database: Target) -> None:
    """Everything is one statement."""
    with proxy(database) as through:
        read(through.target)
        (traffic,) = through.connections
    assert traffic.after_login == 2


def test_causes_come_before_the_vital_signs(database: Target, people: Crowd) -> None:
    """The verdict names the worst, at most three are told, and the next command."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE t (a int)")
    people.session("api", "BEGIN", "SELECT * FROM t")
    with waiting(database, "ALTER TABLE t ADD b int"), waiting(database, "SELECT * FROM t"):
        people.session("other").execute("SELECT pg_sleep(1.1)")
        text = shown(read(database))
    head, _, signs = text.partition("\nslots ")
    assert re.match(r"act now: api: 1 transaction held idle for up to [\d.]+ s", head), head
    assert head.index("transaction-held-idle") < head.index("queue-behind-waiting-statement")
    assert re.search(r"\nlocks        2 sessions wait, up to [\d.]+ s", signs), signs
    assert "\nnext: dbtool locks\n" in signs
    assert max(map(len, text.splitlines())) <= 80


def test_the_next_command_shows_the_cause(database: Target, people: Crowd) -> None:
    """An idle transaction nobody waits for stands in pool; what no command shows is told here."""
    people.session("forgetful", "BEGIN", "SELECT 1")
    now = read(database)
    assert now.pool is not None
    idle = [each for each in now.pool.idle_transactions if each.application == "forgetful"]
    (old,) = (dataclasses.replace(each, idle_seconds=40.0) for each in idle)
    pool = dataclasses.replace(now.pool, idle_transactions=(old,), forest=Forest())
    slot = Slot("gone", active=False, status="lost", retained=None, safe=None)
    vitals = dataclasses.replace(now.vitals, slots=(slot,))
    found = dataclasses.replace(now, pool=pool, vitals=vitals)
    assert {"dbtool rules slot-retains-wal", "dbtool pool"} <= set(now_report(found).next)
    assert "dbtool locks" not in now_report(found).next
    assert "transaction-held-idle" in [each.rule for each in pool_report(pool).findings]
    assert "    SELECT pg_drop_replication_slot('gone');\n" in shown(found)
    many = dataclasses.replace(found, vitals=dataclasses.replace(vitals, slots=(slot,) * 3))
    assert "transaction-held-idle" in now_report(many).notes[-1]


def test_a_part_that_fails_leaves_the_rest(database: Target) -> None:
    """A locked catalogue view is one unknown; everything else is told, and soon."""
    with SyncConnection(database, application_name="onlooker") as admin:
        admin.execute("BEGIN; LOCK pg_catalog.pg_stat_archiver")
        begin = monotonic()
        now = read(database)
        taken = monotonic() - begin
    assert taken < 20
    assert [(gap.part, gap.skipped) for gap in now.gaps] == [("archiving", False)]
    assert now.vitals.archiving is None
    assert now.pool is not None
    assert now.vitals.ids is not None
    (unknown,) = now_report(now).unknowns
    assert unknown.rule == "now.archiving"
    assert unknown.reason == "archiving: a system catalogue is locked"


def test_locks_that_cannot_be_read_are_not_called_none(
    database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view says that they are unknown, and who asks for nothing else gets the error."""
    broken = Part("locks", "(SELECT to_json(1 / 0))", needed=True)
    monkeypatch.setattr(locks, "PARTS", (PARTS[0], broken))
    with pytest.raises(OperationError, match="refused the question"):
        locks.read(database)
    left = [each for each in PARTS if each.name != "locks"]
    monkeypatch.setattr(
        "dbtool.health.now.PARTS", (*left, dataclasses.replace(broken, needed=False))
    )
    now = read(database)
    assert [gap.part for gap in now.gaps] == ["locks"]
    report = now_report(now)
    assert report.headline.endswith("who waits is not known")
    assert not [each for each in report.metrics if each.name.startswith("lock_")]


def test_an_access_exclusive_lock_on_every_user_table_does_not_hold_it_up(
    migrated: Target,
) -> None:
    """Nothing of it locks a table of the user's, also where long operations are named."""
    with SyncConnection(migrated, application_name="onlooker") as holder:
        tables = [
            row["t"]
            for row in holder.fetch(
                "SELECT oid::regclass::text AS t FROM pg_class"
                " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
        ]
        holder.execute("BEGIN; " + "; ".join(f"LOCK {table}" for table in tables))
        with waiting(migrated, f"CREATE INDEX ON {tables[0]} ((1))") as builder:
            now = read(migrated)
            working = progress(migrated, 0.05)
    assert now.gaps == ()
    assert now.pool is not None
    node = now.pool.forest.node(builder)
    assert node is not None
    assert node.waits is not None
    assert builder not in [each.pid for each in working.work]


def test_progress_names_the_operation_and_who_holds_it_up(database: Target, people: Crowd) -> None:
    """CREATE INDEX CONCURRENTLY waits for a writer: phase, relation and the writer's pid."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE t (a int)")
    writer = people.session("writer", "BEGIN", "INSERT INTO t VALUES (1)")
    pid = writer.fetchval("SELECT pg_backend_pid()")
    with waiting(database, "CREATE INDEX CONCURRENTLY ON t (a)") as builder:
        (work,) = (each for each in progress(database, 0.05).work if each.pid == builder)
        line = shown(read(database))
    assert (work.command, work.relation) == ("CREATE INDEX CONCURRENTLY", "t")
    assert work.locker == pid
    assert work.phase.startswith("waiting for writers")
    assert f"CREATE INDEX CONCURRENTLY on t: {work.phase}" in " ".join(line.split())


def test_progress_has_a_rate_from_two_looks(database: Target) -> None:
    """Rows of a COPY that goes on are counted, and a second look says how fast."""
    with copying(database), Watch(database) as watch:
        for _ in range(500):
            seen = watch.look().vitals.work or ()
            work = [each for each in seen if each.command == "COPY TO"]
            if work and work[0].rate:
                break
            sleep(0.01)
        else:
            raise AssertionError("no rate was seen")
        assert (work[0].unit, work[0].remaining) == ("rows", None)


def test_progress_is_that_of_the_phase(database: Target, people: Crowd) -> None:
    """A vacuum that has read the whole table is not done: a reader holds it up in an index."""
    with SyncConnection(database) as connection:
        connection.execute(
            "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 1000);"
            "DELETE FROM t WHERE a > 500"
        )
    people.session(
        "reader",
        "SET enable_seqscan = off; SET enable_bitmapscan = off",
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT a FROM t ORDER BY a",
        "FETCH c",
    )
    vacuum = "VACUUM (INDEX_CLEANUP ON) t"
    with running(database, vacuum, "vacuum", "BufferPin") as pid:
        (work,) = (each for each in progress(database, 0.05).work if each.pid == pid)
    assert work.phase == "vacuuming indexes"
    counted = (0, 1) if MAJOR >= 17 else (None, None)
    assert (work.done, work.total, work.unit) == (*counted, "indexes")


def test_progress_of_a_wait_is_that_of_the_wait(database: Target, people: Crowd) -> None:
    """An index that waits for an old snapshot has read the whole table before, and is not done."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 1000)")
    people.session("reader", "BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1")
    with waiting(database, "CREATE INDEX CONCURRENTLY ON t (a)") as builder:
        until = monotonic() + LIMIT
        while (work := _work(database, builder)).phase != "waiting for old snapshots":
            assert monotonic() < until, work
            sleep(0.01)
    assert work.unit == "transactions"
    assert work.share is not None
    assert work.share < 1


def _work(target: Target, pid: int) -> Work:
    (work,) = (each for each in progress(target, 0.05).work if each.pid == pid)
    return work


@contextmanager
def copying(target: Target) -> Iterator[None]:
    """A COPY that goes on, row by row."""
    slow = "COPY (SELECT pg_sleep(0.01) FROM generate_series(1, 100000)) TO '/dev/null'"
    with running(target, slow, "copier"):
        yield


def test_a_plain_role(database: Target, people: Crowd) -> None:
    """It is never told that all is well: what it cannot see is unknown, with the grant."""
    people.session("api", "BEGIN", "SELECT 'secret'")
    with SyncConnection(database, application_name="onlooker") as admin:
        admin.execute("CREATE ROLE plain_now LOGIN")
        with copying(database):
            now = read(dataclasses.replace(database, user="plain_now"))
            working = progress(dataclasses.replace(database, user="plain_now"), 0.05)
        admin.execute("GRANT pg_monitor TO plain_now")
        monitor = read(dataclasses.replace(database, user="plain_now"))
        admin.execute("DROP ROLE plain_now")
    assert shown(now).startswith("nothing wrong, as far as this role can see: ")
    plain, seeing = now_report(now), now_report(monitor)
    assert {unknown.decide for unknown in plain.unknowns} == {"GRANT pg_monitor TO plain_now"}
    assert re.search(r"active +none is seen; the state of \d+ of \d+ conn", shown(now, 100))
    assert working.work == ()
    assert [each.rule for each in progress_report(working).unknowns] == ["now.progress"]
    assert "now.progress" in {each.rule for each in plain.unknowns}
    assert seeing.unknowns == ()
    assert " is hidden" not in shown(monitor)
    unseen = {each.name for each in seeing.metrics} - {each.name for each in plain.metrics}
    assert unseen >= {"idle_transactions", "transaction_oldest_seconds"}
    assert "secret" not in str(monitor)


def test_the_longest_statement_leaves_out_who_waits_for_a_lock(database: Target) -> None:
    """Somebody stuck in a queue is no slow statement."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE t (a int)")
    with (
        running(database, "SELECT 1; LOCK t; SELECT pg_sleep(60)", "runner") as pid,
        waiting(database, "SELECT * FROM t"),
    ):
        activity = read(database).vitals.activity
    assert activity is not None
    assert activity.longest is not None
    assert activity.longest.pid == pid
    assert activity.waits == {"Lock": 1, "Timeout": 1}


@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_screen(database: Target, width: int) -> None:
    """No line is longer than the screen is wide."""
    assert max(map(len, shown(read(database), width).splitlines())) <= width
