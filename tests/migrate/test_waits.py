"""Migrations behind open transactions: how long others queue, who is named, what is repeated."""

import itertools
import json
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import Interrupted
from dbtool.migrate.followers import Followers
from dbtool.migrate.glance import Glance, Looks, Own
from dbtool.migrate.interrupt import Interruption
from tests.health.waiting import waiting
from tests.migrate.conftest import Run, Start, plain, running, standing_at, url
from tests.migrate.projects import FROM_CONFIG, Small
from tests.migrate.test_interrupt import IN_A_THREAD
from tests.migrate.test_lock import ASYNC, PER_MIGRATION, UNTIL_TOLD
from tests.processes import eventually
from tests.projects.background import Background

HEAD = "aaaa00000002"
LIMIT = 0.4
LIMITS = ("-y", "--lock-timeout", "400ms")
MARGIN = 15.0
"""What a reader may wait beyond the limit, on a machine that stops for seconds."""
PARTS = 16
"""Partitions: to wait for each takes longer in all than whoever watches is likely to be stopped."""
BEYOND = 1.0
"""A time after which the limit would have ended a wait that it does not end."""
LEAST = 0.2
"""What a reader that queued behind the migration waited at least."""


@dataclass
class Reader:
    """Reads tables again and again, as an application does; `longest` is its longest wait."""

    target: Target
    sql: str
    longest: float = 0.0
    count: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        """Read until told to stop."""
        with SyncConnection(self.target, application_name="application") as connection:
            while not self._stop.is_set():
                begun = time.monotonic()
                connection.execute(self.sql)
                self.longest = max(self.longest, time.monotonic() - begun)
                self.count += 1
                time.sleep(0.01)

    def has_waited(self) -> bool:
        """Whether it stood behind the migration, in this attempt or in one that follows."""
        return eventually(lambda: self.longest > LEAST)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read in the background."""
        thread = threading.Thread(target=self.read)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(30)


@pytest.fixture
def reader(database: Target) -> Callable[[str], Reader]:
    """A reader of the database."""
    return lambda sql: Reader(database, sql)


@contextmanager
def blocking(target: Target, sql: str) -> Iterator[SyncConnection]:
    """An open transaction that has read a table."""
    with SyncConnection(target, application_name="report") as connection:
        connection.execute(f"BEGIN; {sql}")
        yield connection


def crossed(
    one: Mapping[str, object], other: Mapping[str, object], slow: tuple[str, ...]
) -> list[Any]:
    """Each value of one with each of the other; those that add least to the rest are slow."""
    return [
        pytest.param(
            one[left],
            other[right],
            id=(name := f"{left}-{right}"),
            marks=[pytest.mark.slow] if name in slow else [],
        )
        for left, right in itertools.product(one, other)
    ]


def prepared(target: Target, project: Small, sql: str, up: str) -> None:
    """A database with tables, one statement a line, and a revision that alters them."""
    lines = [f'op.execute("{each}")' for each in sql.split(";")]
    project.revision("aaaa00000001", None, "\n".join(lines))
    with SyncConnection(target) as connection:
        standing_at(connection, "aaaa00000001", sql)
    project.revision(HEAD, "aaaa00000001", up)


PLAIN = ("CREATE TABLE busy (id int)", 'op.execute("ALTER TABLE busy ADD c int")', "busy")
PARTITIONED = (
    "CREATE TABLE busy (id int) PARTITION BY LIST (id)"
    + "".join(
        f";CREATE TABLE busy_{n} PARTITION OF busy FOR VALUES IN ({n})" for n in range(PARTS)
    ),
    'op.execute("ALTER TABLE busy ADD c int")',
    "busy",
)
SEVERAL = (
    "CREATE TABLE quick (id int); CREATE TABLE busy (id int)",
    'op.execute("ALTER TABLE quick ADD c int")\nop.execute("ALTER TABLE busy ADD c int")',
    "quick",
)


def told(upgrade: Background, text: str) -> str:
    """Wait until a run has said something; the line in which it did."""
    while text not in (line := upgrade.stderr.readline()):
        assert line, upgrade.wait(10)
    return line


def given_up_once(upgrade: Background) -> None:
    """Wait until a run has rolled back and pauses."""
    told(upgrade, " event=retry ")


def given_up_for_a_reason(upgrade: Background) -> None:
    """The same, and it has seen for whom: a short wait may end before anybody looks."""
    while " blocker_pid=" not in told(upgrade, " event=retry "):
        pass


def let_go(
    upgrade: Background, blockers: list[SyncConnection], text: str = " event=retry "
) -> None:
    """End one transaction after another, each within the limit, until a run says something."""
    with ThreadPoolExecutor(1) as pool:
        said = pool.submit(told, upgrade, text)
        for blocker in blockers:
            time.sleep(LIMIT * 0.6)
            if said.done():
                break
            blocker.execute("COMMIT")
        said.result()


def gave_way(start: Start, database: Target, reading: Reader, table: str) -> str:
    """What a run prints that makes way for a reader, behind a transaction of others."""
    with reading.reading(), blocking(database, f"SELECT count(*) FROM {table}") as report:
        upgrade = start(*LIMITS, "--json")
        given_up_once(upgrade)
        assert reading.has_waited()
        report.execute("COMMIT")
        out, err = upgrade.communicate(timeout=60)
    assert upgrade.returncode == 0, err
    assert reading.longest < LIMIT + MARGIN
    return str(out)


@pytest.mark.parametrize(
    ("env", "case"),
    crossed(
        {"sync": FROM_CONFIG, "async": ASYNC, "each": PER_MIGRATION},
        {"plain": PLAIN, "parts": PARTITIONED, "several": SEVERAL},
        slow=("async-plain", "async-parts", "each-plain", "each-parts"),
    ),
)
def test_readers_are_not_held_up(
    start: Start,
    project: Small,
    database: Target,
    reader: Callable[[str], Reader],
    case: tuple[str, str, str],
    env: str,
) -> None:
    """Behind an open transaction a reader waits for the limit at most; then it is done."""
    tables, up, read = case
    project.env(env)
    prepared(database, project, tables, up)
    reading = reader(f"SELECT count(*) FROM {read}")
    with reading.reading(), blocking(database, "SELECT count(*) FROM busy") as report:
        upgrade = start(*LIMITS, "--json")
        given_up_for_a_reason(upgrade)
        assert reading.has_waited()
        report.execute("COMMIT")
        out, _ = upgrade.communicate(timeout=60)
    assert upgrade.returncode == 0
    assert reading.longest < LIMIT + MARGIN
    waited = json.loads(out)["data"]["waited"]
    assert waited["attempts"] > 1
    assert "busy, held up by pid " in waited["blockers"][0]
    assert "(report, idle in transaction" in waited["blockers"][0]


STUBBORN = """
op.execute("ALTER TABLE quick ADD c int")
for attempt in range(20):
    try:
        with op.get_bind().begin_nested():
            op.execute("ALTER TABLE busy ADD c int")
        break
    except Exception:
        pass
"""


@pytest.mark.parametrize("env", [FROM_CONFIG, ASYNC], ids=["sync", "async"])
def test_a_revision_that_tries_again_itself(
    start: Start,
    project: Small,
    database: Target,
    reader: Callable[[str], Reader],
    env: str,
) -> None:
    """A savepoint of its own keeps nobody waiting: what the transaction holds is given up."""
    project.env(env)
    prepared(database, project, SEVERAL[0], STUBBORN)
    reading = reader("SELECT count(*) FROM quick")
    out = gave_way(start, database, reading, "busy")
    assert json.loads(out)["data"]["waited"]["attempts"] > 1


def test_the_waits_of_one_transaction_add_up(
    start: Start,
    project: Small,
    database: Target,
    reader: Callable[[str], Reader],
    watch: SyncConnection,
) -> None:
    """Partitions, each held for less than the limit, once the migration waits for it."""
    tables, up, _ = PARTITIONED
    prepared(database, project, tables, up)
    reading = reader("SELECT count(*) FROM busy")
    with ExitStack() as held, reading.reading():
        blockers = [
            held.enter_context(blocking(database, f"SELECT count(*) FROM busy_{n}"))
            for n in range(PARTS)
        ]
        upgrade = start(*LIMITS, "--json")
        assert eventually(lambda: bool(running(watch, "ALTER TABLE busy")))
        let_go(upgrade, blockers)
        assert reading.has_waited()
        for blocker in blockers:
            blocker.execute("COMMIT")
        out, err = upgrade.communicate(timeout=60)
    assert upgrade.returncode == 0, err
    assert reading.longest < LIMIT + MARGIN
    waited = json.loads(out)["data"]["waited"]
    assert waited["attempts"] > 1
    assert waited["held_up_others"] < LIMIT + MARGIN


HOLDING = """
    op.execute("ALTER TABLE busy ADD c int")
    op.execute("SELECT pg_sleep(60)")
"""
HOLDING_ALONE = """
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE busy ADD c int DEFAULT length(pg_sleep(60)::text)")
"""
HOLDING_IDLE = """
    import contextlib, os, time
    op.execute("ALTER TABLE busy ADD c int")
    backend = op.get_bind().exec_driver_sql("SELECT pg_backend_pid()").scalar()
    with contextlib.suppress(ProcessLookupError):
        for _ in range(600):
            os.kill(backend, 0)
            time.sleep(0.1)
    op.execute("SELECT 1")
"""


@pytest.mark.parametrize(
    ("env", "up"),
    crossed(
        {"sync": FROM_CONFIG, "async": ASYNC},
        {"transaction": HOLDING, "alone": HOLDING_ALONE, "idle": HOLDING_IDLE},
        slow=("async-alone",),
    ),
)
def test_others_wait_behind_what_it_does(
    run: Run, project: Small, database: Target, reader: Callable[[str], Reader], up: str, env: str
) -> None:
    """A migration that works under a strong lock is ended when others have waited too long."""
    project.env(env)
    prepared(database, project, PLAIN[0] + ";INSERT INTO busy VALUES (1)", up)
    reading = reader("SELECT count(*) FROM busy")
    with reading.reading():
        ran = run("upgrade", "-y", "--max-blocking", "1s")
    assert (ran.code, ran.out) == (4, "")
    assert (
        f"error: revision {HEAD} ({HEAD} does something.) was ended: others waited behind it"
        " for 1.0 s\ndetail: It held up 1 session behind its lock (AccessExclusive on busy),"
        " first pid "
    ) in ran.err
    assert "(application: SELECT count(*) FROM busy)." in ran.err
    assert f"{database.shown} stands at aaaa00000001, as before." in ran.err
    assert "allow more: --max-blocking 10min" in ran.err
    assert 1 < reading.longest < 30


def test_nobody_has_waited_while_we_were_stopped(
    project: Small, database: Target, watch: SyncConnection
) -> None:
    """Who is first seen behind a lock may have come just now, however long ago we looked."""
    prepared(database, project, *PLAIN[:2])
    ended: list[Own] = []

    async def end(_: object, own: Own) -> None:
        ended.append(own)

    with blocking(database, "LOCK busy") as holder, waiting(database, "SELECT FROM busy"):
        own = Own(holder.fetchval("SELECT pg_backend_pid()"), "now", None, None)
        followers = Followers(3600.0, lambda *_, **__: None, end)
        for passed in (-7200.0, 0.0):
            seen = Glance(time.monotonic() + passed, 0.0, (own,))
            watch.run(partial(followers.see, seen=seen))
    assert followers.last is not None
    assert followers.longest < 3600
    assert ended == []


HOLDING_UNTIL_TOLD = HOLDING.replace("SELECT pg_sleep(60)", UNTIL_TOLD)


def test_others_may_wait_where_that_is_allowed(
    start: Start,
    project: Small,
    database: Target,
    reader: Callable[[str], Reader],
    watch: SyncConnection,
) -> None:
    """Without a limit they wait, and are counted and told of."""
    prepared(database, project, PLAIN[0], HOLDING_UNTIL_TOLD)
    reading = reader("SELECT count(*) FROM busy")
    with reading.reading():
        upgrade = start("--max-blocking", "0", "--json")
        line = told(upgrade, " event=blocking ")
        watch.execute("CREATE TABLE told ()")
        out, err = upgrade.communicate(timeout=60)
    assert upgrade.returncode == 0, err
    assert f" upgrade event=blocking revision={HEAD} sessions=1 pid=" in line
    assert 2 <= json.loads(out)["data"]["waited"]["held_up_others"] < 60


def test_nobody_minds_a_long_statement(
    start: Start, project: Small, database: Target, watch: SyncConnection
) -> None:
    """Where nobody waits a statement may take its time; what runs is told now and then."""
    prepared(database, project, PLAIN[0], HOLDING_UNTIL_TOLD)
    upgrade = start("--max-blocking", "1s")
    line = told(upgrade, " event=running ")
    watch.execute("CREATE TABLE told ()")
    _, err = upgrade.communicate(timeout=60)
    assert upgrade.returncode == 0, err
    running = rf" upgrade event=running revision={HEAD} seconds=\d+.\d+ statement=\"DO 'BEGIN WHILE"
    assert re.search(running, line), line


def test_several_revisions_in_one_transaction(
    start: Start, project: Small, database: Target, reader: Callable[[str], Reader]
) -> None:
    """What the first holds is given up while the second has to wait."""
    prepared(database, project, SEVERAL[0], 'op.execute("ALTER TABLE quick ADD c int")')
    project.revision("aaaa00000003", HEAD, 'op.execute("ALTER TABLE busy ADD c int")')
    reading = reader("SELECT count(*) FROM quick")
    out = gave_way(start, database, reading, "busy")
    assert len(json.loads(out)["data"]["revisions"]) == 2


ONCE = ("-y", "--lock-timeout", "3s", "--wait-lock", "0")
"""One attempt, in which there is time to see who stands in the way."""


def test_given_up(run: Run, project: Small, database: Target) -> None:
    """Exit 5 says who holds what, since when, and that nothing stayed."""
    prepared(database, project, *PLAIN[:2])
    with blocking(database, "SELECT count(*) FROM busy") as blocker:
        pid = blocker.fetchval("SELECT pg_backend_pid()")
        ran = run("upgrade", *ONCE)
    assert (ran.code, ran.out) == (5, "")
    assert f"error: revision {HEAD} ({HEAD} does something.) failed: " in ran.err
    assert (
        f"detail: It waits for AccessExclusive on busy, held up by pid {pid}"
        " (report, idle in transaction for "
    ) in ran.err
    assert f"{database.shown} stands at aaaa00000001, as before." in ran.err
    assert f"dbtool kill {pid} " in ran.err


def test_a_command_that_only_reads_is_no_migration(
    run: Run, project: Small, database: Target
) -> None:
    """What it waits for is told, but not that a migration would."""
    prepared(database, project, *PLAIN[:2])
    with blocking(database, "LOCK alembic_version"):
        ran = run("current")
    assert ran.code == 5
    assert "aits for AccessShare on alembic_version" in ran.err
    assert "migration waits" not in ran.err


def test_the_culprit_is_at_the_end_of_the_queue(
    run: Run, project: Small, database: Target, watch: SyncConnection
) -> None:
    """Somebody who waits too, in front of us, is not blamed."""
    prepared(database, project, *PLAIN[:2])
    with blocking(database, "SELECT count(*) FROM busy") as blocker:
        pid = blocker.fetchval("SELECT pg_backend_pid()")
        with SyncConnection(database, application_name="vacuum") as waiting:
            queued = threading.Thread(
                target=lambda: waiting.execute("SET lock_timeout = '60s'; LOCK TABLE busy"),
                daemon=True,
            )
            queued.start()
            assert eventually(lambda: bool(running(watch, "LOCK TABLE busy")))
            ran = run("upgrade", *ONCE)
            blocker.execute("COMMIT")
            queued.join(10)
    assert ran.code == 5
    assert f"held up by pid {pid} (report" in ran.err


CROSSING = """
op.execute("LOCK TABLE quick")
op.execute('''
DO $$ BEGIN /* Until somebody waits for what we have, or nobody has what we want. */
    WHILE NOT EXISTS (
        SELECT FROM pg_locks WHERE relation = 'quick'::regclass AND NOT granted
    ) AND EXISTS (
        SELECT FROM pg_locks WHERE relation = 'busy'::regclass AND pid <> pg_backend_pid()
    ) LOOP PERFORM pg_sleep(0.02); END LOOP;
END $$''')
op.execute("LOCK TABLE busy")
"""


def test_deadlock(run: Run, project: Small, database: Target, watch: SyncConnection) -> None:
    """The server ends one of two; if that is the migration, it runs again."""
    prepared(database, project, SEVERAL[0], CROSSING)
    with SyncConnection(database) as other:
        other.execute("SET deadlock_timeout = '30s'")
        other.execute("BEGIN; LOCK TABLE busy IN ACCESS SHARE MODE")

        def cross() -> None:
            if eventually(lambda: bool(running(watch, "Until somebody waits"))):
                other.execute("LOCK TABLE quick IN ACCESS SHARE MODE; COMMIT")

        crossing = threading.Thread(target=cross)
        crossing.start()
        ran = run("upgrade", "-y", "--lock-timeout", "30s", "--json")
        crossing.join()
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["data"]["waited"]["attempts"] == 2


def test_a_statement_in_an_autocommit_block_is_repeated_alone(
    start: Start, project: Small, database: Target
) -> None:
    """What came before it in the block is committed and not run again."""
    block = """
    with op.get_context().autocommit_block():
        op.execute("INSERT INTO busy VALUES (1)")
        op.execute("ALTER TABLE busy ADD c int")
    """
    prepared(database, project, PLAIN[0], block)
    with blocking(database, "SELECT count(*) FROM busy") as report:
        upgrade = start(*LIMITS, "--json")
        given_up_for_a_reason(upgrade)
        report.execute("COMMIT")
        out, err = upgrade.communicate(timeout=60)
    assert upgrade.returncode == 0, err
    waited = json.loads(out)["data"]["waited"]
    assert waited["attempts"] > 1
    assert "AccessExclusive on busy" in waited["blockers"][0]
    with SyncConnection(database) as connection:
        assert connection.fetchval("SELECT count(*) FROM busy") == 1


INDEX = """
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY busy_id ON busy (id)")
"""
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM busy"


def test_concurrently_may_wait(start: Start, project: Small, database: Target) -> None:
    """CREATE INDEX CONCURRENTLY waits for old transactions, holds up nobody, and says for whom."""
    prepared(database, project, PLAIN[0], INDEX)
    with blocking(database, SNAPSHOT) as report:
        upgrade = start(*LIMITS)
        line = told(upgrade, " event=blocked ")
        assert ' lock="transactions that began before it" blocker_pid=' in line
        time.sleep(BEYOND)
        report.execute("COMMIT")
        assert upgrade.wait(30) == 0


DETACH = """
with op.get_context().autocommit_block():
    op.execute("ALTER TABLE busy DETACH PARTITION busy_1 CONCURRENTLY")
"""


@pytest.mark.parametrize("env", [FROM_CONFIG, ASYNC], ids=["sync", "async"])
def test_a_detachment_does_not_keep_readers_waiting(
    start: Start,
    project: Small,
    database: Target,
    reader: Callable[[str], Reader],
    watch: SyncConnection,
    env: str,
) -> None:
    """DETACH CONCURRENTLY ends with a lock on the partition: it is ended, and finalized later."""
    project.env(env)
    prepared(database, project, PARTITIONED[0], DETACH)
    reading = reader("SELECT count(*) FROM busy_1")
    gave_way(start, database, reading, "busy_1")
    left = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'busy'::regclass"
    assert watch.fetchval(left) == PARTS - 1


def test_the_limit_holds_again_behind_concurrently(
    start: Start,
    project: Small,
    database: Target,
    reader: Callable[[str], Reader],
    watch: SyncConnection,
) -> None:
    """What CONCURRENTLY may do, the revision behind it may not; and it is tried again too."""
    prepared(database, project, PARTITIONED[0] + ";CREATE TABLE other (id int)", INDEX_OTHER)
    project.revision("aaaa00000003", HEAD, PARTITIONED[1])
    reading = reader("SELECT count(*) FROM busy")
    with ExitStack() as held, reading.reading():
        blockers = [
            held.enter_context(blocking(database, f"SELECT count(*) FROM busy_{n}"))
            for n in range(PARTS)
        ]
        upgrade = start(*LIMITS, "--json")
        assert eventually(lambda: bool(running(watch, "ALTER TABLE busy")))
        let_go(upgrade, blockers)
        assert reading.has_waited()
        for blocker in blockers:
            blocker.execute("COMMIT")
        out, err = upgrade.communicate(timeout=60)
    assert upgrade.returncode == 0, err
    assert reading.longest < LIMIT + MARGIN
    assert json.loads(out)["data"]["waited"]["attempts"] > 1


INDEX_OTHER = INDEX.replace("busy", "other")


@pytest.mark.parametrize("env", [FROM_CONFIG, ASYNC], ids=["psycopg", "asyncpg"])
def test_an_env_with_a_role_of_its_own(
    start: Start,
    project: Small,
    database: Target,
    reader: Callable[[str], Reader],
    watch: SyncConnection,
    env: str,
) -> None:
    """Sessions that ours may not look into are still kept from holding up others, or it is said."""
    project.env(env)
    prepared(database, project, PARTITIONED[0], PARTITIONED[1])
    roles = f"looker_{database.database}", f"mover_{database.database}"
    watch.execute(
        f"CREATE ROLE {roles[0]} LOGIN; CREATE ROLE {roles[1]} LOGIN SUPERUSER;"
        f"GRANT SELECT ON alembic_version TO {roles[0]}"
    )
    own = url(replace(database, user=roles[1]), "asyncpg" if env is ASYNC else "psycopg")
    section = r"context\.config\.get_section\([^)]*\)"
    project.env(re.sub(section, repr({"sqlalchemy.url": own}), env))
    reading = reader("SELECT count(*) FROM busy")
    try:
        with ExitStack() as held, reading.reading():
            blockers = [
                held.enter_context(blocking(database, f"SELECT count(*) FROM busy_{n}"))
                for n in range(PARTS)
            ]
            ours = plain(replace(database, user=roles[0]))
            upgrade = start(*LIMITS, DATABASE_URL=ours)
            assert eventually(lambda: bool(running(watch, "ALTER TABLE busy")))
            if env is ASYNC:
                let_go(upgrade, blockers, "env.py's session belongs to another role")
            else:
                let_go(upgrade, blockers)
                assert reading.has_waited()
            for blocker in blockers:
                blocker.execute("COMMIT")
            _, err = upgrade.communicate(timeout=60)
        assert upgrade.returncode == 0, err
        if env is not ASYNC:
            assert reading.longest < LIMIT + MARGIN
    finally:
        watch.execute("REVOKE ALL ON alembic_version FROM " + roles[0])
        watch.execute(f"DROP ROLE {roles[0]}; REASSIGN OWNED BY {roles[1]} TO postgres")
        watch.execute(f"DROP OWNED BY {roles[1]}; DROP ROLE {roles[1]}")


LOCKING = FROM_CONFIG.replace(
    "            context.run_migrations()\n\n",
    "            context.run_migrations()\n",
).replace(
    "        context.configure(connection=connection)\n        with context.begin_transaction():\n",
    "        context.configure(connection=connection)\n        with context.begin_transaction():\n"
    "            for sql in ('CREATE TABLE IF NOT EXISTS alembic_version (version_num text)',\n"
    "                        'LOCK TABLE alembic_version'):\n"
    "                connection.exec_driver_sql(sql)\n",
)


def test_what_env_holds_keeps_nobody_waiting_forever(run: Run, project: Small) -> None:
    """An env.py that locks the version table itself, as some do against other runs."""
    assert project.env(LOCKING).read_text().count("LOCK TABLE") == 1
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err


def test_own_lock_timeout_stays(run: Run, project: Small) -> None:
    """What the team sets for itself is not overruled."""
    note = "op.execute(\"CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS t\")"
    project.revision("aaaa00000001", None, f"op.execute(\"SET lock_timeout = '7s'\")\n{note}")
    up = note.replace("CREATE TABLE seen AS", "INSERT INTO seen")
    project.revision(HEAD, "aaaa00000001", up)
    check = """
    rows = [row[0] for row in op.get_bind().exec_driver_sql("SELECT t FROM seen")]
    assert rows == ["7s", "7s"], rows
    """
    project.revision("aaaa00000003", HEAD, check)
    assert run("upgrade", *LIMITS).code == 0


BLOCK = """
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE busy ADD c int")
"""


@pytest.mark.parametrize(
    ("env", "up"),
    crossed(
        {"sync": FROM_CONFIG, "async": ASYNC, "worker": IN_A_THREAD},
        {"transaction": PLAIN[1], "alone": BLOCK},
        slow=("async-alone", "worker-alone"),
    ),
)
def test_interrupted_between_attempts(
    project: Small,
    database: Target,
    start: Start,
    watch: SyncConnection,
    up: str,
    env: str,
) -> None:
    """Ctrl-C during a pause ends it at once; no lock and no session is left."""
    project.env(env)
    prepared(database, project, PLAIN[0], up)
    with blocking(database, "SELECT count(*) FROM busy"):
        waiting = start("--lock-timeout", "100ms")
        given_up_once(waiting)
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(20) == 130
        left = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dbtool %'"
        assert eventually(lambda: watch.fetchval(left) == 0)
    assert "error: interrupted" in waiting.stderr.read()


def test_a_pause_ends_when_the_user_asks() -> None:
    """Whichever thread sleeps, and whatever env.py makes of signals."""
    asked = Interruption()
    asked.ask()
    with pytest.raises(Interrupted):
        asked.wait(3600)


@pytest.mark.parametrize("words", [("--lock-timeout", "soon"), ("--wait-lock", "-1")])
def test_no_length_of_time(run: Run, words: tuple[str, str]) -> None:
    """A wrong length is exit 2 and says how one is written."""
    ran = run("upgrade", *words)
    assert ran.code == 2
    assert f'"{words[1]}" is no length of time; write 500ms, 30s, 2min or 1h' in ran.err


def test_settings(run: Run, project: Small, database: Target) -> None:
    """Both limits may stand in the settings."""
    prepared(database, project, *PLAIN[:2])
    project.write("pyproject.toml", "[tool.dbtool]\nlock_timeout = 0.1\nwait_lock = 0\n")
    with blocking(database, "SELECT count(*) FROM busy"):
        begun = time.monotonic()
        ran = run("upgrade", "-y")
    assert ran.code == 5
    assert time.monotonic() - begun < 20


def test_what_an_earlier_attempt_committed_is_reported(
    start: Start, project: Small, database: Target
) -> None:
    """Revisions that commit one by one: those before the one that waits ran in the same run."""
    project.env(PER_MIGRATION)
    prepared(database, project, PLAIN[0], 'op.execute("CREATE TABLE first (id int)")')
    project.revision("aaaa00000003", HEAD, PLAIN[1])
    with blocking(database, "SELECT count(*) FROM busy") as report:
        upgrade = start(*LIMITS, "--json")
        given_up_once(upgrade)
        report.execute("COMMIT")
        out, err = upgrade.communicate(timeout=60)
    assert upgrade.returncode == 0, err
    data = json.loads(out)["data"]
    assert data["before"] == ["aaaa00000001"]
    assert [each["revision"] for each in data["revisions"]] == [HEAD, "aaaa00000003"]


def test_what_is_asked_often_is_prepared(database: Target) -> None:
    """Where somebody takes that away, or may be lent our session, it is asked plainly."""
    left = "SELECT array_agg(name) FROM pg_prepared_statements WHERE name LIKE 'dbtool%'"

    def pids(looks: Looks) -> list[int]:
        seen = ours.run(lambda connection: looks.glance(connection, [pid]))
        return [each.pid for each in seen.sessions]

    with SyncConnection(database) as ours, SyncConnection(database) as other:
        pid = other.fetchval("SELECT pg_backend_pid()")
        looks = Looks()
        assert [pids(looks), pids(looks)] == [[pid], [pid]]
        assert len(ours.fetchval(left)) == 1
        ours.execute("DEALLOCATE ALL")
        assert [pids(looks), pids(looks)] == [[pid], [pid]]
        ours.execute("BEGIN")
        assert pids(Looks()) == [pid]
        assert ours.fetchval(left) is None
