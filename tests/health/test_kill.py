"""kill on real sessions: exactly the one that was shown, and never another."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError, UsageError
from dbtool.guard import Consent, Permission
from dbtool.health.kill import Killed, Signal, Wish, kill
from dbtool.health.locks import read
from dbtool.health.tree import named
from dbtool.health.view_kill import kill_report, victim_lines
from dbtool.health.view_locks import BESIDE, IN_TURN
from dbtool.ports import Silent
from dbtool.scratch.server import Server
from tests.health.crowd import Crowd, crowd
from tests.health.waiting import running, waiting
from tests.processes import eventually

YES = Permission(Consent(yes=True))


@dataclass(frozen=True)
class Asked:
    """Somebody who answers a question with yes or no."""

    answer: Callable[[], bool]

    def confirm(self, question: str) -> bool:
        """The answer."""
        assert question
        return self.answer()

    def type_name(self, question: str, name: str) -> bool:
        """Nothing has to be typed to end a session."""
        raise AssertionError(f"{question} {name}")


@pytest.fixture
def shop(server: Server, database: Target) -> Iterator[Target]:
    """A database as a role sees it that is no superuser and may signal its own sessions."""
    with SyncConnection(database, application_name="onlooker") as admin:
        admin.execute("CREATE ROLE clerk LOGIN; GRANT ALL ON SCHEMA public TO clerk")
        clerk = replace(database, user="clerk")
        with SyncConnection(clerk) as connection:
            connection.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        yield clerk
        admin.execute("DROP OWNED BY clerk; DROP ROLE clerk")


@pytest.fixture
def clerks(shop: Target) -> Iterator[Crowd]:
    """Sessions of that role."""
    with crowd(shop) as opened:
        yield opened


def ended(target: Target, pid: int, signal: Signal | None = None, *, force: bool = False) -> Killed:
    """Kill with a yes given in advance."""
    return kill(target, Wish(pid, signal, force), YES, Silent(), victim_lines)


def pid_of(people: Crowd, *statements: str) -> int:
    """A session that has run these statements."""
    pid: int = people.session("api", *statements).fetchval("SELECT pg_backend_pid()")
    return pid


def test_terminates_an_idle_transaction_and_says_who_goes_on(shop: Target, clerks: Crowd) -> None:
    """A cancel would do nothing to it; those behind it are looked at again afterwards."""
    pid = pid_of(clerks, "BEGIN", "SELECT a FROM t WHERE a = 4711")
    with waiting(shop, "BEGIN; ALTER TABLE t ADD b int"), waiting(shop, "SELECT * FROM t"):
        killed = ended(shop, pid)
    assert (killed.signal, killed.done) == ("terminate", True)
    assert (killed.waited_behind, killed.freed) == (2, 1)
    assert [(each.mode, each.thing) for each in killed.victim.held] == [("AccessShareLock", "t")]
    assert killed.audit.split()[1:3] == ["terminate", f"pid={pid}"]
    report = kill_report(killed)
    assert report.headline.startswith(f"terminated pid {pid} (api, role clerk) in ")
    assert report.headline.endswith("; of 2 that waited behind it 1 go on")
    assert "4711" not in str(report)


def test_cancels_a_statement_and_keeps_the_session(shop: Target) -> None:
    """A waiting ALTER gives way to the traffic behind it."""
    with (
        running(shop, "SELECT a, pg_sleep(60) FROM t", "report") as reader,
        waiting(shop, "ALTER TABLE t ADD b int", "migration") as alter,
        waiting(shop, "BEGIN; SELECT * FROM t"),
    ):
        killed = ended(shop, alter)
        with SyncConnection(shop, application_name="onlooker") as connection:
            alive = connection.fetch(
                f"SELECT pid, state FROM pg_stat_activity WHERE pid IN ({reader}, {alter})"
            )
    assert (killed.signal, killed.waited_behind, killed.freed) == ("cancel", 1, 1)
    assert {tuple(row) for row in alive} == {(reader, "active"), (alter, "idle")}


def test_what_changed_since_it_was_shown_is_left_alone(shop: Target, clerks: Crowd) -> None:
    """While the question stands there the session goes on: another statement, another victim."""
    holder = clerks.session("api", "BEGIN", "SELECT * FROM t")
    pid = holder.fetchval("SELECT pg_backend_pid()")

    def slow() -> bool:
        holder.execute("SELECT 1")
        return True

    with pytest.raises(OperationError, match="no longer what was shown; nothing was done"):
        kill(shop, Wish(pid), Permission(Consent(), Asked(slow)), Silent(), victim_lines)
    assert holder.fetchval("SELECT 2") == 2


def test_a_no_does_nothing_and_the_victim_stood_above_the_question(
    shop: Target, clerks: Crowd
) -> None:
    """Whoever is asked has read whom it is about."""
    pid = pid_of(clerks, "BEGIN", "SELECT * FROM t")
    told: list[str] = []

    class Told(Silent):
        def step(self, text: str) -> None:
            told.append(text)

    def no() -> bool:
        assert told[0] == f"about to terminate pid {pid} (api, role clerk)"
        return False

    with pytest.raises(UsageError, match="not confirmed"):
        kill(shop, Wish(pid), Permission(Consent(), Asked(no)), Told(), victim_lines)
    assert ended(shop, pid).done


def test_a_wait_for_one_transaction_after_the_other_is_said(shop: Target, clerks: Crowd) -> None:
    """The end of the one that shows first frees nobody while the other holds the row too."""
    holders = {pid_of(clerks, "BEGIN", "SELECT FROM t FOR SHARE") for _ in range(2)}
    with waiting(shop, "UPDATE t SET a = 2"):
        (pid,) = (node.id for node in read(shop).forest.nodes if node.waits is None)
        killed = kill(shop, Wish(pid, dry_run=True), Permission(), Silent(), victim_lines)
        ended(shop, pid)

        def others() -> set[int]:
            return {node.id for node in read(shop).forest.nodes if node.waits is None}

        assert eventually(lambda: others() == holders - {pid})
    assert IN_TURN in str(kill_report(killed).sections[0])


def test_a_wait_of_concurrently_is_told_by_its_own_words(shop: Target, clerks: Crowd) -> None:
    """No row is shared there, and to whom one row matters CONCURRENTLY does not."""
    pid = pid_of(clerks, "BEGIN", "UPDATE t SET a = 2")
    for statement, said in (
        ("UPDATE t SET a = 3", {IN_TURN}),
        ("CREATE INDEX CONCURRENTLY ON t (a)", {BESIDE}),
    ):
        with waiting(shop, statement):
            killed = kill(shop, Wish(pid, dry_run=True), Permission(), Silent(), victim_lines)
        section = str(kill_report(killed).sections[0])
        assert {each for each in (IN_TURN, BESIDE) if each in section} == said


def test_a_dry_run_only_looks(shop: Target, clerks: Crowd) -> None:
    """It needs no yes, since it does nothing."""
    pid = pid_of(clerks, "BEGIN", "SELECT * FROM t")
    wish = Wish(pid, dry_run=True)
    killed = kill(shop, wish, Permission(), Silent(), victim_lines)
    assert not killed.done
    assert kill_report(killed).headline == f"would terminate pid {pid} (api, role clerk)"
    assert ended(shop, pid).done
    with pytest.raises(OperationError, match=f"no session has pid {pid}"):
        kill(shop, wish, Permission(), Silent(), victim_lines)


def test_refuses_what_must_not_be_ended(shop: Target, database: Target, people: Crowd) -> None:
    """A superuser's session and the server's own processes, unless forced; itself never."""
    superuser = pid_of(people, "BEGIN", "SELECT 1")
    with SyncConnection(database, application_name="onlooker") as admin:
        found = "SELECT max(pid) FROM pg_stat_activity WHERE backend_type = 'autovacuum launcher'"
        # A process of the server itself may enter the list later than we do.
        assert eventually(lambda: admin.fetchval(found) is not None)
        launcher = admin.fetchval(found)
    for pid, why in ((superuser, "postgres is a superuser"), (launcher, "autovacuum launcher")):
        with pytest.raises(UsageError, match=why) as refused:
            ended(database, pid)
        assert refused.value.hint == "If you mean it: --force"
        report = kill_report(
            kill(database, Wish(pid, dry_run=True), Permission(), Silent(), victim_lines)
        )
        assert report.headline.startswith(f"would not terminate pid {pid} (")
        assert [note for note in report.notes if "--force" in note and why in note]
        assert report.next == ()
    assert ended(database, superuser, force=True).done


@pytest.mark.parametrize("force", [False, True])
def test_a_dry_run_names_what_no_force_helps(
    shop: Target, database: Target, people: Crowd, *, force: bool
) -> None:
    """The server lets only superusers end the sessions of superusers."""
    pid = pid_of(people, "BEGIN", "SELECT 1")
    with SyncConnection(database, application_name="onlooker") as admin:
        admin.execute("GRANT pg_monitor, pg_signal_backend TO clerk")
        wish = Wish(pid, force=force, dry_run=True)
        report = kill_report(kill(shop, wish, Permission(), Silent(), victim_lines))
        with pytest.raises(UsageError, match="postgres is a superuser") as refused:
            ended(shop, pid)
        with pytest.raises(OperationError, match="role clerk may not do that"):
            ended(shop, pid, force=True)
        admin.execute("REVOKE pg_monitor, pg_signal_backend FROM clerk")
    takes = "A session of a superuser takes a superuser."
    assert report.headline.startswith(f"would not terminate pid {pid} (")
    assert report.notes == (
        f"refused, with --force too: its role postgres is a superuser. {takes}",
    )
    assert (report.next, refused.value.hint) == ((), takes)


def test_a_walsender_is_refused(database: Target) -> None:
    """Ending one would cut a replica or a backup off."""
    with (
        SyncConnection(database, application_name="onlooker") as admin,
        SyncConnection(database, read_only=True, settings={"replication": "database"}),
    ):
        pid = admin.fetchval("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walsender'")
        with pytest.raises(UsageError, match="it feeds a replica or a backup"):
            ended(database, pid)
        assert admin.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}") == 1


def test_a_vacuum_that_prevents_wraparound_is_refused(preparing: Server) -> None:
    """It must not be ended, and while somebody waits for it that is said too."""
    target = preparing.create_database("wraparound")
    with SyncConnection(target, application_name="onlooker") as admin:
        admin.execute("CREATE TABLE t (a int) WITH (autovacuum_freeze_max_age = 100000)")
        admin.execute("INSERT INTO t VALUES (1)")
        admin.execute(
            "CREATE PROCEDURE burn() LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..100100 LOOP"
            " PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
        )
        admin.execute("CALL burn()")
        with crowd(target) as people:
            people.session("blocker", "BEGIN", "LOCK t IN SHARE UPDATE EXCLUSIVE MODE")
            admin.execute("ALTER SYSTEM SET autovacuum_naptime = 1")
            admin.execute("SELECT pg_reload_conf()")
            pid = _wraparound(admin)
            forest = read(target).forest
            (root,) = forest.roots
            worker = forest.node(pid)
            assert worker is not None
            assert named(worker) == f"pid {pid} (autovacuum worker)"
            with pytest.raises(UsageError, match="prevents transaction ids from running out"):
                ended(target, pid)
        assert {node.id for node in read(target).forest.nodes} <= {pid, root.id}
        admin.execute("ALTER SYSTEM RESET autovacuum_naptime")
        admin.execute("SELECT pg_reload_conf()")
    preparing.drop_database(target.database)


def _wraparound(admin: SyncConnection) -> int:
    for _ in range(3000):
        pid: int | None = admin.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
            " AND query LIKE '%to prevent wraparound%' AND wait_event_type = 'Lock'"
        )
        if pid:
            return pid
        admin.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("no autovacuum came")


def test_a_cancel_of_nothing_is_refused(shop: Target, clerks: Crowd) -> None:
    """pg_cancel_backend would return true and do nothing."""
    pid = pid_of(clerks, "BEGIN", "SELECT * FROM t")
    with pytest.raises(UsageError, match="a cancel does nothing"):
        ended(shop, pid, "cancel")


def test_without_the_right_to_see_or_to_signal(
    shop: Target, database: Target, people: Crowd
) -> None:
    """What cannot be seen is not touched, and what cannot be signalled is said."""
    with SyncConnection(database, application_name="onlooker") as admin:
        admin.execute("CREATE ROLE owner LOGIN")
        with crowd(replace(database, user="owner")) as owners:
            pid = pid_of(owners, "BEGIN", "SELECT 1")
            with pytest.raises(UsageError, match="may not see what") as hidden:
                ended(shop, pid)
            admin.execute("GRANT pg_monitor TO clerk")
            with pytest.raises(OperationError, match="role clerk may not do that") as refused:
                ended(shop, pid)
            admin.execute("GRANT pg_signal_backend TO clerk")
            assert ended(shop, pid).done
        admin.execute("REVOKE pg_monitor, pg_signal_backend FROM clerk; DROP ROLE owner")
    assert hidden.value.hint == "GRANT pg_monitor TO clerk"
    assert refused.value.hint == 'GRANT pg_signal_backend TO "clerk"'
    lines = refused.value.detail.splitlines()
    assert len(set(lines)) == len(lines)
    assert not any(line.startswith("DETAIL") for line in lines)


def test_a_statement_that_does_not_end_is_told(
    shop: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal was sent, and that is all that is claimed."""
    from dbtool.health import kill as module

    monkeypatch.setattr(module, "WAIT_SECONDS", 0.3)
    stubborn = (
        "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(60);"
        " EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$"
    )
    with running(shop, stubborn) as pid:
        with pytest.raises(OperationError, match=r"the statement of pid \d+ is still there"):
            ended(shop, pid, "cancel")
        monkeypatch.setattr(module, "WAIT_SECONDS", 60.0)
        assert ended(shop, pid, "terminate").done


def test_an_advisory_lock_takes_a_terminate(shop: Target, clerks: Crowd) -> None:
    """An idle session that keeps one runs nothing that could be cancelled."""
    pid = pid_of(clerks, "SELECT pg_advisory_lock(7)")
    with waiting(shop, "SELECT pg_advisory_lock(7)"):
        killed = ended(shop, pid)
    assert (killed.signal, killed.freed) == ("terminate", 1)
    assert "lock" in killed.why
    resting = clerks.session("api").fetchval("SELECT pg_backend_pid()")
    assert ended(shop, resting).why == "it is idle: nothing to cancel"
