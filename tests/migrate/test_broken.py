"""Runs that end early: what is said of them, what stays, and who stood in the way."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import Interrupted, LockNotObtained, OperationError
from dbtool.guard import Consent, Permission
from dbtool.migrate import measure, record, shortcut
from dbtool.migrate.broken import Broken, asked_now
from dbtool.migrate.downgrade import downgrade, plan
from dbtool.migrate.fleet import view, view_status
from dbtool.migrate.fleet.outcome import Fleet, Seen, Verb
from dbtool.migrate.fleet.targets import Item
from dbtool.migrate.fleet.worker import Job, _one
from dbtool.migrate.foresight import losing
from dbtool.migrate.holder import Holder
from dbtool.migrate.location import find
from dbtool.migrate.losses import Undone
from dbtool.migrate.project import Project
from dbtool.migrate.session import Session
from dbtool.migrate.status import Status, status
from dbtool.migrate.upgrade import upgrade
from dbtool.migrate.view_status import obstacles
from dbtool.migrate.view_status import status as view_of
from dbtool.migrate.waits import Limits, Patience
from dbtool.ports import Silent
from dbtool.report import Table, error_envelope
from dbtool.scratch.server import Server
from tests.migrate.conftest import at_rest
from tests.migrate.projects import FROM_CONFIG, Small
from tests.processes import eventually

FIRST, HEAD, THIRD = "aaaa00000001", "aaaa00000002", "aaaa00000003"
MOVED = f"{{}} stands at {HEAD}; before this run it stood at {FIRST}."
EACH = FROM_CONFIG.replace(
    "context.configure(connection=connection)",
    "context.configure(connection=connection, transaction_per_migration=True)",
)
LIMITS = Limits(lock_timeout=0.3, wait_lock=0.0)
PATIENT = replace(LIMITS, wait_lock=60.0)
YES = Permission(Consent(yes=True))


@pytest.fixture
def opened(project: Small, database: Target) -> Iterator[Project]:
    """The project, with itself as the current directory; it outwaits what runs before it left."""
    with contextlib.chdir(project.root):
        place = find(None, None, project.root)
        yield Project(place, root=project.root, target=database, limits=PATIENT)


def rest(target: Target) -> None:
    """Wait until the run before has left nothing: to wait for that would be an attempt more."""
    with SyncConnection(target) as looking:
        assert eventually(lambda: at_rest(looking))


def refusal(attempt: Callable[[], object]) -> LockNotObtained:
    """Why it gets no lock, with who holds it: a short wait may end before anybody has looked."""
    for _ in range(20):
        with pytest.raises(LockNotObtained) as raised:
            attempt()
        if "held up by" in raised.value.detail:
            break
    return raised.value


def test_what_is_committed_is_in_the_record(
    project: Small, opened: Project, database: Target
) -> None:
    """A failed run tells programs where it stands, what ran, and which revision failed."""
    project.env(EACH)
    project.revision(THIRD, HEAD, 'op.execute("CREATE TABLE t3 ()")\nop.execute("SELECT 1/0")')
    with pytest.raises(OperationError) as raised:
        upgrade(opened, permission=YES)
    done = raised.value.done
    assert isinstance(done, Broken)
    assert (done.before, done.after) == ((), (HEAD,))
    assert [each.revision for each in done.revisions] == [FIRST, HEAD]
    assert done.failed is not None
    assert (done.failed.revision, done.failed.statements) == (THIRD, 2)
    said = error_envelope("upgrade", raised.value)
    assert (list(said), json.loads(json.dumps(said["data"]))["after"]) == (
        ["schema", "command", "data", "error"],
        [HEAD],
    )
    project.env(FROM_CONFIG)
    outcome = _one(Item(database), Job(opened, "heads", None, None, plan_only=False), print)
    assert (outcome.before, outcome.after, outcome.revisions) == ((HEAD,), (HEAD,), ())
    assert outcome.error is not None
    away = Item(replace(database, port=1, host="127.0.0.1"))
    outcome = _one(away, Job(opened, "heads", None, None, plan_only=False), print)
    assert (outcome.before, outcome.after) == (None, None)


@pytest.mark.parametrize("down", [False, True])
def test_a_fleet_is_held_to_what_was_agreed_to(
    project: Small, opened: Project, database: Target, down: bool
) -> None:
    """A target that would do or lose more than what was seen of it is left alone."""
    upgrade(opened, FIRST if not down else HEAD, permission=YES)
    verb: Verb = "downgrade" if down else "upgrade"
    to = "base" if down else "head"
    seen = _one(Item(database), Job(opened, to, None, None, True, verb), print)
    assert (seen.error, len(seen.asked)) == (None, 2 if down else 1)
    job = Job(opened, to, None, None, False, verb)
    agreed = Item(database, None, seen.asked, seen.losing)
    if down:
        with SyncConnection(database) as connection:
            connection.execute("INSERT INTO t1 VALUES (1)")
        said = "the downgrade would lose more than was agreed to"
    else:
        project.revision(THIRD, HEAD, "pass")
        said = f"the plan for {database.shown} changed while it was being agreed to"
    refused = _one(agreed, job, print)
    assert refused.error is not None
    assert (refused.error.message, refused.revisions) == (said, ())
    new = f"rows in t1, by {FIRST}" if down else f"{THIRD} in public.alembic_version"
    assert refused.error.detail == f"New since then: {new}. None of that was run."
    looked = _one(Item(database), Job(opened, to, None, None, True, verb), print)
    done = _one(replace(agreed, agreed=looked.asked, losing=looked.losing), job, print)
    assert (done.error, len(done.revisions)) == (None, 2)


def test_a_person_may_think_for_long(database: Target) -> None:
    """No limit of the server ends the session that holds the proof."""
    with SyncConnection(database) as connection:
        connection.execute(f"ALTER DATABASE {database.database} SET idle_session_timeout = '1min'")
    holder = Holder(database)
    try:
        assert holder.connection.fetchval("SHOW idle_session_timeout") == "0"
    finally:
        holder.close()


def test_a_session_lost_while_somebody_thinks(opened: Project, database: Target) -> None:
    """It is our own that ended; env.py leads nowhere else."""
    upgrade(opened, permission=YES)

    class Slow:
        def confirm(self, question: str) -> bool:
            with SyncConnection(database) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE"
                    " application_name = 'dbtool migrations' AND datname = current_database()"
                )
            return "?" in question

        def type_name(self, question: str, name: str) -> bool:
            return self.confirm(f"{question} {name}?")

    with pytest.raises(OperationError, match="lock that keeps other runs away was lost"):
        downgrade(opened, "base", permission=Permission(ask=Slow()))


def test_no_more_is_lost_than_was_agreed_to(
    project: Small, opened: Project, database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that come while somebody thinks, or while the run waits for a lock, stay."""
    project.env(EACH)
    upgrade(opened, permission=YES)

    class Agreeing:
        """Says yes, after something has happened."""

        def __init__(self, meanwhile: str) -> None:
            self.meanwhile = meanwhile

        def confirm(self, question: str) -> bool:
            other.execute(self.meanwhile)
            return "?" in question

        def type_name(self, question: str, name: str) -> bool:
            return self.confirm(f"{question} {name}?")

    def lost_besides(meanwhile: str) -> str:
        with pytest.raises(OperationError, match="would lose more than was agreed to") as raised:
            downgrade(opened, "base", permission=Permission(ask=Agreeing(meanwhile)))
        return raised.value.detail

    with SyncConnection(database) as other:
        monkeypatch.setattr(
            Patience, "pause", lambda *_: other.execute("COMMIT; INSERT INTO t1 VALUES (1)")
        )
        said = lost_besides("INSERT INTO t2 VALUES (1)")
        assert said == f"New since then: rows in t2, by {HEAD}. None of that was run."
        other.execute("TRUNCATE t2")
        said = lost_besides("BEGIN; LOCK TABLE t2")
        assert said == (
            f"New since then: rows in t2, by {HEAD} (perhaps: nobody could count them now)."
            " None of that was run."
        )
        other.execute("ROLLBACK")
        said = lost_besides("BEGIN; LOCK TABLE t1 IN ACCESS SHARE MODE")
        assert said == (
            f"New since then: rows in t1, by {FIRST}. None of that was run.\n"
            f"{database.shown} stands at {FIRST}; before this run it stood at {HEAD}."
        )
        done = downgrade(opened, "base", permission=Permission(ask=Agreeing("SELECT 1")))
    assert [each.losses[0].rows for each in done.losses] == [1]


def test_what_ran_before_a_refusal_is_not_denied(
    project: Small, opened: Project, database: Target
) -> None:
    """A second version table may be refused behind what was committed for the first."""
    configure = "context.configure(connection=connection"
    project.env(EACH.replace(configure, f"{configure}, version_table='va'"))
    upgrade(opened, FIRST, permission=YES)
    project.revision(HEAD, FIRST, "pass", 'raise NotImplementedError("for ever")')
    before, behind = EACH.split(f"        {configure}")
    each = f"        for name in ('va', 'vb'):\n            {configure}, version_table=name"
    project.env(before + each + behind.replace("\n        ", "\n            "))
    with SyncConnection(database) as other:
        other.execute(f"CREATE TABLE vb AS SELECT '{HEAD}' version_num")
    with pytest.raises(OperationError, match="its author says so") as raised:
        downgrade(opened, "base", permission=YES)
    assert raised.value.detail.splitlines()[1:] == [
        "It was not run.",
        f"{database.shown} stands at no revision; before this run it stood at {FIRST}.",
    ]


def test_nothing_is_counted_for_long_behind_the_locks_of_env(
    project: Small, opened: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for what the migration holds already waits for the counting too."""
    upgrade(opened, permission=YES)
    monkeypatch.setattr(measure, "_HOLDING", -1.0)

    def counted() -> list[bool]:
        return [loss.exact for each in plan(opened, "base").losses for loss in each.losses]

    assert counted() == [True, True]
    configure = "context.configure(connection=connection)"
    locks = "LOCK TABLE t2 IN SHARE MODE", "SELECT pg_current_xact_id()"
    for held in locks:
        begun = f"connection.exec_driver_sql({held!r}); {configure}"
        project.env(FROM_CONFIG.replace(f"        {configure}", f"        {begun}"))
        assert counted() == [False, False]


def test_a_locked_version_table_holds_nobody_up_for_long(
    opened: Project, database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has locked it is named, whether it is to be read, changed, or asked afterwards."""
    upgrade(opened, permission=YES)
    opened = replace(opened, limits=LIMITS)
    monkeypatch.setattr(shortcut, "_PATIENCE", {"lock_timeout": "50ms"})
    with SyncConnection(database) as other:
        pid = other.fetchval("SELECT pg_backend_pid()")
        other.execute("BEGIN; LOCK TABLE alembic_version")
        for look in (lambda: status(opened), lambda: upgrade(opened, permission=YES)):
            error = refusal(look)
            assert error.message.startswith("the version table could not be read: ")
            assert f"alembic_version, held up by pid {pid} (" in error.detail
            assert f"dbtool kill {pid}" in error.hint
        with Session(opened, Silent()) as session:
            table = record.Table("alembic_version", "public", (), ())
            assert session._recorded_now(table, may_wait=False) is None
            assert session.connection.fetchval("SHOW lock_timeout") == "20ms"
            other.execute("ROLLBACK")
            assert session._recorded_now(table, may_wait=False) == (HEAD,)


def test_where_it_stood_is_known_though_the_first_attempt_saw_nothing(
    project: Small, opened: Project, database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that could not read the version table does not say that it was empty."""
    upgrade(opened, permission=YES)
    rest(database)
    project.revision(THIRD, HEAD, 'op.execute("SELECT 1/0")')
    monkeypatch.setattr(shortcut, "_PATIENCE", {"lock_timeout": "50ms"})
    with SyncConnection(database) as other:
        monkeypatch.setattr(Patience, "pause", lambda *_: other.execute("ROLLBACK"))
        other.execute("BEGIN; LOCK TABLE alembic_version")
        with pytest.raises(OperationError, match="division by zero") as raised:
            upgrade(opened, permission=YES)
    done = raised.value.done
    assert isinstance(done, Broken)
    assert (done.before, done.after, done.waited.attempts) == ((HEAD,), (HEAD,), 2)


def steps_after(found: Status, seconds: float) -> tuple[str, ...]:
    """What `status` proposes once its transactions are that old."""
    (only,) = found.surroundings.transactions
    aged = replace(found.surroundings, transactions=(replace(only, seconds=seconds),))
    return view_of(replace(found, surroundings=aged), "status").next


def test_a_prepared_transaction_in_the_way(
    project: Small, opened: Project, decoy_server: Server
) -> None:
    """It is named, with what ends it: nobody's session does. `status` tells what it locks.

    It comes before the upgrade only where any upgrade would meet it. So it is
    where a run was killed between the two phases of its commit, before anybody else can see the
    version table it made.
    """
    target = decoy_server.create_database("prepares")
    opened = replace(opened, target=target)
    project.revision(THIRD, HEAD, 'op.execute("ALTER TABLE t1 ADD c int")')
    made = "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"
    try:
        with SyncConnection(target) as connection:
            for left, tables, at in ((made, (), 0), ("LOCK TABLE t1", ("t1",), -1)):
                connection.execute(f"BEGIN; {left}; PREPARE TRANSACTION 'it''s left'")
                rest(target)
                hasty = replace(opened, limits=LIMITS)
                error = refusal(partial(upgrade, hasty, permission=YES))
                found = status(opened)
                (only,) = found.surroundings.transactions
                assert (only.prepared, only.tables) == ("it's left", tables)
                assert tuple(obstacles(found)) == ("1 open transaction may hold it up",)
                soon, late = steps_after(found, 1.0), steps_after(found, 60.0)
                begin = (
                    "COMMIT PREPARED 'it''s left';   -- only if its transaction manager is gone:"
                )
                assert late[at].startswith(begin)
                assert soon == tuple(each for each in late if each != late[at])
                assert soon[0].startswith("dbtool upgrade")
                assert 'by the prepared transaction "it\'s left".' in error.detail
                assert "ROLLBACK PREPARED 'it''s left' takes it back" in error.hint
                connection.execute("ROLLBACK PREPARED 'it''s left'")
                upgrade(opened, HEAD, permission=YES)
    finally:
        decoy_server.drop_database("prepares")


def test_interrupted_in_a_pause(
    project: Small, opened: Project, database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it stands is told there too."""
    project.revision(THIRD, HEAD, 'op.execute("ALTER TABLE t1 ADD c int")')
    upgrade(opened, HEAD, permission=YES)

    def pause(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Patience, "pause", pause)
    with SyncConnection(database) as other:
        other.execute("BEGIN; LOCK TABLE t1 IN ACCESS SHARE MODE")
        with pytest.raises(Interrupted) as raised:
            upgrade(opened, permission=YES)
    assert f"{database.shown} stands at {HEAD}, as before." in raised.value.detail
    assert isinstance(raised.value.done, Broken)


def test_interrupted_in_a_later_pause(
    project: Small, opened: Project, database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an attempt before the last one has committed was run."""
    project.env(EACH)
    project.revision(THIRD, HEAD, 'op.execute("ALTER TABLE t1 ADD c int")')
    upgrade(opened, FIRST, permission=YES)
    monkeypatch.setattr(shortcut, "_PATIENCE", {"lock_timeout": "50ms"})
    pauses: list[str] = []

    def pause(*_: object) -> None:
        pauses.append("begun")
        if len(pauses) > 1:
            other.execute("ROLLBACK")
            raise KeyboardInterrupt
        other.execute("LOCK TABLE alembic_version")

    monkeypatch.setattr(Patience, "pause", pause)
    with SyncConnection(database) as other:
        other.execute("BEGIN; LOCK TABLE t1 IN ACCESS SHARE MODE")
        with pytest.raises(Interrupted) as raised:
            upgrade(opened, permission=YES)
    done = raised.value.done
    assert isinstance(done, Broken)
    assert (done.before, done.after) == ((FIRST,), (HEAD,))
    assert MOVED.format(database.shown) in raised.value.detail


def test_given_up_behind_what_an_earlier_attempt_committed(
    project: Small, opened: Project, database: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the run began is told, not where its last attempt did."""
    project.env(EACH)
    project.revision(THIRD, HEAD, 'op.execute("ALTER TABLE t1 ADD c int")')
    upgrade(opened, FIRST, permission=YES)
    rest(database)
    pauses: list[str] = []
    monkeypatch.setattr(Patience, "is_over", lambda _: bool(pauses))
    monkeypatch.setattr(Patience, "pause", lambda *_: pauses.append("one"))
    with SyncConnection(database) as other:
        other.execute("BEGIN; LOCK TABLE t1 IN ACCESS SHARE MODE")
        with pytest.raises(LockNotObtained) as raised:
            upgrade(opened, permission=YES)
    assert MOVED.format(database.shown) in raised.value.detail
    assert "Given up after 2 attempts." in raised.value.detail


def test_status_of_a_fleet(project: Small, opened: Project, database: Target) -> None:
    """Each target is seen, what needs an eye stands first, and one finding holds for all."""
    upgrade(opened, FIRST, permission=YES)
    job = Job(opened, "heads", None, None, True, "status")
    with SyncConnection(database) as other:
        other.execute("BEGIN; LOCK TABLE t1")
        seen = _one(Item(database), job, print)
    away = _one(Item(replace(database, port=1, host="127.0.0.1")), job, print)
    fleet = Fleet((seen, away), (), planned=True, verb="status")
    report = view_status.status(fleet, "status", check_heads=True)
    assert report.headline == (
        "2 targets: revisions pending in 1, none in 0, 1 failed, something in the way in 1"
    )
    (table,) = report.sections
    assert isinstance(table, Table)
    assert [row[1:] for row in table.rows] == [
        ("not known", "", "no server listens at 127.0.0.1:1"),
        (FIRST, "1", "1 open transaction may hold it up"),
    ]
    (finding,) = report.findings
    assert finding.evidence[-1] == f"in 1 target: {database.shown}"
    assert isinstance(seen, Seen)
    assert seen.status is not None
    assert "t1" in seen.status.surroundings.transactions[0].tables
    here, elsewhere = (tuple(obstacles(seen.status, each)) for each in ("public", "tenant"))
    assert (here, elsewhere) == (("1 open transaction may hold it up",), ())


def test_a_fleet_with_a_revision_that_no_file_has(
    project: Small, opened: Project, database: Target
) -> None:
    """Nobody says of such a target that nothing is pending in it."""
    with SyncConnection(database) as connection:
        connection.execute(
            "CREATE TABLE alembic_version (version_num text PRIMARY KEY);"
            "INSERT INTO alembic_version VALUES ('beef')"
        )
    seen = _one(Item(database), Job(opened, "heads", None, None, True, "status"), print)
    report = view_status.status(Fleet((seen,), (), planned=True, verb="status"), "status")
    assert report.headline == "1 target: revisions pending in 0, none in 0, not known in 1"
    (table,) = report.sections
    assert isinstance(table, Table)
    assert table.rows[0][1:] == ("beef", "not known", "")
    assert view.line(seen, "status").endswith(
        "at beef; no file has it, so what is pending is not known"
    )
    assert len(report.findings) == 1


def test_hundreds_of_schemas_are_not_waited_for() -> None:
    """Each login and each locked table may take its whole limit; whoever answers is asked."""
    tables = [record.Table("v", f"tenant_{number}", (), ()) for number in range(4)]
    asked: list[bool] = []

    def told(locked: int) -> list[tuple[str, ...] | None]:
        asked.clear()

        def ask(_: record.Table, may_wait: bool) -> tuple[str, ...] | None:
            asked.append(may_wait)
            return None if len(asked) <= locked else (HEAD,)

        return list(asked_now(tables, ask, lambda: 4.0 * sum(asked)).values())

    assert (told(0), asked) == ([(HEAD,)] * 4, [True] * 4)
    assert (told(2), asked) == ([None, None, (HEAD,), (HEAD,)], [True, True, False, False])
    assert (told(4), asked) == ([None] * 4, [True, True, False, False])


def test_losses_that_nobody_knows_are_agreed_to_as_such() -> None:
    """What could be read when somebody agreed, and cannot be now, is not taken for nothing."""
    known, unknown = Undone(HEAD, "v"), Undone(HEAD, "v", unknown="nobody answers")
    assert losing([unknown]) - losing([known]) == {f"what is not known, by {HEAD}"}
    assert not losing([known]) - losing([unknown])
