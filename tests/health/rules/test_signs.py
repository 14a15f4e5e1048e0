"""The rules over the vital signs: each on a real server that has it, and on one that has not."""

import dataclasses
import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError
from dbtool.finding import Finding, Severity, Unknown
from dbtool.health.now import Now, read
from dbtool.health.rules import (
    SIGNS,
    archiving_fails,
    prepared_transaction_undecided,
    replica_lags,
    slot_retains_wal,
    statement_runs_long,
    transaction_ids_run_out,
)
from dbtool.health.view_now import now_report
from dbtool.health.vitals import Archiving, Ids, Replica, Replication, Slot
from dbtool.scratch.account import server_account
from dbtool.scratch.server import Server, throwaway
from tests.conftest import MAJOR
from tests.health.waiting import running

GIGABYTE = 1 << 30


def with_signs(now: Now, **changed: Any) -> Now:
    """The same server with other vital signs."""
    return dataclasses.replace(now, vitals=dataclasses.replace(now.vitals, **changed))


def severities(found: list[Finding | Unknown]) -> list[Severity]:
    """How bad each finding is."""
    return [each.severity for each in found if isinstance(each, Finding)]


def test_a_quiet_server_has_no_finding(database: Target) -> None:
    """Every rule looks, and none finds anything."""
    now = read(database)
    assert [list(rule.check(now)) for rule in SIGNS] == [[] for _ in SIGNS]


@pytest.fixture
def archiving() -> Iterator[Server]:
    """A server that archives its WAL, or tries to."""
    settings = {"archive_mode": "on", "archive_command": "false", "wal_level": "replica"}
    settings["restart_after_crash"] = "on"
    with throwaway(MAJOR, settings=settings) as running_server:
        yield running_server


def test_archiving_that_fails_and_archiving_that_works(archiving: Server) -> None:
    """A command that fails is noticed, and forgotten once one succeeds."""
    with SyncConnection(archiving.target(), application_name="onlooker") as admin:
        admin.execute("SELECT pg_switch_wal()")
        failing = _until(archiving, lambda now: _failing(now) is not None)
        archiving_now = failing.vitals.archiving
        assert archiving_now is not None
        assert list(archiving_fails.check(failing)) == []
        for seconds, expected in (
            (59.0, []),
            (60.0, [Severity.WARNING]),
            (600.0, [Severity.ERROR]),
        ):
            aged = dataclasses.replace(archiving_now, failing_seconds=seconds)
            found = list(archiving_fails.check(with_signs(failing, archiving=aged)))
            assert severities(list(found)) == expected
        admin.execute("ALTER SYSTEM SET archive_command = 'true'")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("SELECT pg_switch_wal()")
        works = _until(archiving, lambda now: _failing(now) is None)
    assert works.vitals.archiving is not None
    assert works.vitals.archiving.archived_seconds is not None


def test_archiving_after_a_failover(archiving: Server) -> None:
    """How long it fails is not known there: a standby archives nothing, and runs for a year."""
    _become_standby(archiving, "false")
    standby = _until(archiving, lambda now: _archiving(now).timeline is None)
    _promote(archiving)
    promoted = _until(archiving, lambda now: _archiving(now).fails)
    assert not _archiving(standby).fails
    found = _archiving(promoted)
    assert (found.timeline, found.failing_seconds) == ("00000002", None)
    (finding,) = archiving_fails.check(promoted)
    assert isinstance(finding, Finding)
    assert (finding.severity, finding.title) == (
        Severity.WARNING,
        "no WAL is known to be archived on timeline 2, and the last attempt failed",
    )


def test_archiving_that_ended_with_the_failover(archiving: Server) -> None:
    """What was archived since the promotion tells since when, on the timeline before it too."""
    target, place = archiving.target(), archiving.directory / "run"
    works, last = place / "works", place / "last"
    _become_standby(archiving, f"case %f in *.partial) test -e {last};; *) test -e {works};; esac")
    works.touch()
    _promote(archiving)
    earlier = _until(archiving, lambda now: _archiving(now).fails)
    assert re.fullmatch(r"00000001\w{16}", _last_archived(target))
    assert _archiving(earlier).timeline == "00000002"
    assert _failing(earlier) is not None
    works.unlink()
    last.touch()
    with SyncConnection(target) as admin:
        admin.execute("SELECT pg_switch_wal()")
    _until(archiving, lambda _: _last_archived(target).endswith(".partial"))
    ended = _until(archiving, lambda now: _archiving(now).fails)
    assert _failing(ended) is not None


def _become_standby(server: Server, command: str) -> None:
    """One whose last file is begun, and the one before it not yet archived."""
    with SyncConnection(server.target()) as admin:
        admin.execute(f"ALTER SYSTEM SET archive_command = '{command}'")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("SELECT pg_switch_wal()")
        admin.execute("CHECKPOINT")
        pid = int(str(admin.fetchval("SELECT pg_backend_pid()")))
        signal_file = server.directory / "run" / "data" / "standby.signal"
        signal_file.touch()
        server_account().own(signal_file)
        # The server starts over within itself, as a standby then.
        os.kill(pid, signal.SIGKILL)


def _promote(server: Server) -> None:
    _until(server, lambda now: _archiving(now).timeline is None)
    with SyncConnection(server.target()) as admin:
        admin.execute("SELECT pg_promote()")


def _last_archived(target: Target) -> str:
    with SyncConnection(target) as admin:
        return str(admin.fetchval("SELECT last_archived_wal FROM pg_stat_archiver"))


def _archiving(now: Now) -> Archiving:
    assert now.vitals.archiving is not None
    return now.vitals.archiving


def _failing(now: Now) -> float | None:
    assert now.vitals.archiving is not None
    return now.vitals.archiving.failing_seconds


def _until(server: Server, reached: Any) -> Now:
    until = monotonic() + 90
    while True:
        now = None
        with suppress(DbtoolError):  # While the server starts over.
            now = read(server.target())
        if now is not None and now.vitals.archiving is not None and reached(now):
            return now
        assert monotonic() < until, now and now.vitals
        sleep(0.05)


def test_a_slot_that_nobody_reads(server: Server) -> None:
    """A real slot shows what it keeps; from 5 GB on it is a finding, read by somebody it is not."""
    with SyncConnection(server.target(), application_name="onlooker") as admin:
        admin.execute("SELECT pg_create_physical_replication_slot('its', true)")
        now = read(server.target())
        admin.execute("SELECT pg_drop_replication_slot('its')")
    (slot,) = now.vitals.slots or ()
    assert (slot.name, slot.active, slot.status) == ("its", False, "reserved")
    assert list(slot_retains_wal.check(now)) == []

    def judged(changed: Slot) -> list[Finding]:
        return list(slot_retains_wal.check(with_signs(now, slots=(changed,))))

    large = dataclasses.replace(slot, retained=5 * GIGABYTE)
    (found,) = judged(large)
    assert found.title == 'replication slot "its" keeps 5.0 GB of WAL, nobody reads it'
    assert found.fix is not None
    assert found.fix.code == "SELECT pg_drop_replication_slot('its');"
    assert judged(dataclasses.replace(large, active=True)) == []
    (lost,) = judged(dataclasses.replace(large, status="lost"))
    assert (found.severity, lost.severity) == (Severity.WARNING, Severity.ERROR)
    assert lost.title == 'replication slot "its" is lost: it serves its consumer no more'
    assert lost.evidence == ("wal_status lost",)
    assert found.fix.label == "only if its consumer will never come back"
    assert lost.fix
    assert "with a new slot" in lost.fix.label
    assert slot.written is not None
    assert slot.counted is not None
    assert slot.counted > 0

    def told(safe: int | None, counted: float) -> str:
        grown = dataclasses.replace(large, safe=safe, written=float(GIGABYTE), counted=counted)
        return judged(grown)[0].evidence[1]

    full = "no max_slot_wal_keep_size: it grows until the disk of pg_wal is full"
    lost_after = "2.0 GB may be written before it is lost"
    assert told(None, 3600) == f"{full}; the server has written 1.0 GB an hour on average"
    assert told(2 << 30, 3600) == f"{lost_after}, in about 2 h at the average of 1.0 GB an hour"
    assert told(-1, 3600) == told(0, 3600) == "the next checkpoint may remove what it needs"
    # Just started, as after a crash, or next to nothing written: no forecast.
    for counted in (0.0, 599.0, 360_000.0):
        assert (told(None, counted), told(2 << 30, counted)) == (full, lost_after)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.49, []), (0.5, [Severity.WARNING]), (0.76, [Severity.ERROR])]
)
def test_transaction_ids(database: Target, share: float, expected: list[Severity]) -> None:
    """Half of them used is a warning, three quarters an error, for both kinds."""
    now = read(database)
    age = int(share * (1 << 31))
    for ids in (Ids("shop", age, 0), Ids("shop", 0, age)):
        found = list(transaction_ids_run_out.check(with_signs(now, ids=ids)))
        assert severities(list(found)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, []), (9.0, []), (10.0, [Severity.WARNING]), (60.0, [Severity.ERROR])],
)
def test_replicas(database: Target, seconds: float | None, expected: list[Severity]) -> None:
    """How late one may be; a standby's own delay counts the same."""
    now = read(database)
    late = Replica("standby1", "streaming", "async", seconds, 1000)
    for replication in (Replication((late,), None), Replication((), seconds)):
        found = list(replica_lags.check(with_signs(now, replication=replication)))
        assert severities(found) == expected
    paused = Replication((), seconds, 1_234_567, True)
    (found_paused,) = replica_lags.check(with_signs(now, replication=paused))
    assert isinstance(found_paused, Finding)
    assert found_paused.severity is max([Severity.WARNING, *expected])
    assert found_paused.evidence[0].startswith("1,234,567 bytes")
    fed, lost = Replication((), None, 0, False, True), Replication((), None, 0, False, False)
    assert list(replica_lags.check(with_signs(now, replication=fed))) == []
    (gone,) = replica_lags.check(with_signs(now, replication=lost))
    (archive,) = replica_lags.check(
        with_signs(now, replication=dataclasses.replace(lost, unreplayed=None))
    )
    assert (isinstance(gone, Finding), isinstance(archive, Unknown)) == (True, True)
    twins = Replication((late, dataclasses.replace(late, lag_seconds=seconds and 2.0)), None)
    named = [each.labels for each in now_report(with_signs(now, replication=twins)).metrics]
    assert named.count((("replica", "standby1"),)) == (seconds is not None)
    hidden = Replica("standby1", None, None, None, None)
    (unknown,) = replica_lags.check(with_signs(now, replication=Replication((hidden,), None)))
    assert isinstance(unknown, Unknown)


def test_a_prepared_transaction(preparing: Server) -> None:
    """It is counted with its age, and judged by it."""
    target = preparing.create_database("undecided")
    with SyncConnection(target) as session:
        session.execute("CREATE TABLE t (); BEGIN; LOCK t; PREPARE TRANSACTION 'left'")
        now = read(target)
        session.execute("ROLLBACK PREPARED 'left'")
    undecided = now.vitals.undecided
    assert undecided is not None
    assert undecided.count == 1
    assert list(prepared_transaction_undecided.check(now)) == []
    for seconds, expected in ((60.0, Severity.WARNING), (600.0, Severity.ERROR)):
        aged = dataclasses.replace(undecided, oldest_seconds=seconds)
        (found,) = prepared_transaction_undecided.check(with_signs(now, undecided=aged))
        assert found.severity is expected
    preparing.drop_database(target.database)


def test_a_statement_that_runs_long(database: Target) -> None:
    """A minute is a note, ten a warning, never more: only its purpose tells."""
    with running(database, "SELECT pg_sleep(60), 4711", "report@h:1") as pid:
        now = read(database)
    activity = now.vitals.activity
    assert activity is not None
    assert activity.longest is not None
    assert list(statement_runs_long.check(now)) == []
    for seconds, expected in ((60.0, Severity.NOTE), (6000.0, Severity.WARNING)):
        longest = dataclasses.replace(activity.longest, seconds=seconds)
        aged = dataclasses.replace(activity, longest=longest)
        (found,) = statement_runs_long.check(with_signs(now, activity=aged))
        assert found.severity is expected
        assert found.title.startswith(f"pid {pid} (report) has run one statement for ")
        assert found.evidence == ("role postgres: SELECT pg_sleep(?), ?",)
        assert found.fix is not None
        assert found.fix.code == f"dbtool kill {pid} --dry-run --force"
