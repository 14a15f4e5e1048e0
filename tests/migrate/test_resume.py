"""Revisions that ended in the middle: recognised, gone on with, or explained."""

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest
from asyncpg.exceptions import UniqueViolationError

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.migrate import journal
from dbtool.migrate.journal import Journal, entry
from tests.conftest import Dbtool
from tests.migrate.conftest import Run, Start, at_rest, plain, running, standing_at
from tests.migrate.projects import FROM_CONFIG, Small
from tests.migrate.test_lock import ASYNC, PER_MIGRATION
from tests.processes import eventually

HEAD = "aaaa00000002"
AUTOCOMMIT = FROM_CONFIG.replace(
    ".connect() as connection:",
    '.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:',
)

BROKEN = """
op.execute("ALTER TABLE t1 ADD c int")
with op.get_context().autocommit_block():
    op.execute("CREATE INDEX CONCURRENTLY t1_c ON t1 (c)")
op.execute("ALTER TABLE t1 ADD d int{error}")
"""


def comment(watch: SyncConnection) -> str | None:
    """The comment on the version table."""
    found: str | None = watch.fetchval(
        "SELECT obj_description('alembic_version'::regclass, 'pg_class')"
    )
    return found


@pytest.mark.parametrize(
    "env", [FROM_CONFIG, ASYNC, PER_MIGRATION, AUTOCOMMIT], ids=["sync", "async", "each", "auto"]
)
def test_goes_on_behind_what_is_committed(
    run: Run, project: Small, watch: SyncConnection, env: str
) -> None:
    """A failure behind an autocommit block: once mended, the same command finishes it."""
    project.env(env)
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=" broken"))
    ran = run("upgrade", "-y")
    assert ran.code == 4
    assert "the next dbtool upgrade or downgrade goes on behind it" in ran.err
    assert "[dbtool: half applied]" in (comment(watch) or "")
    said = run("status").out
    assert f"{HEAD} is half applied" in said.splitlines()[0]
    assert f"{HEAD}: 2 statements committed; the next run goes on behind them" in said
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=""))
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err
    assert f'text="revision {HEAD} is half applied: 2 statements of it are committed' in ran.err
    assert watch.fetchval("SELECT version_num FROM alembic_version") == HEAD
    columns = "SELECT count(*) FROM pg_attribute WHERE attrelid = 't1'::regclass AND attnum > 0"
    assert watch.fetchval(columns) == 3
    assert comment(watch) is None


def test_own_comment_of_the_table_stays(run: Run, project: Small, watch: SyncConnection) -> None:
    """What a team has written about its version table is there before and after."""
    standing_at(watch, "aaaa00000001")
    watch.execute("COMMENT ON TABLE alembic_version IS 'ours, don''t touch'")
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=" broken"))
    assert run("upgrade", "-y").code == 4
    assert (comment(watch) or "").startswith("ours, don't touch\n[dbtool: half applied]")
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=""))
    assert run("upgrade", "-y").code == 0
    assert comment(watch) == "ours, don't touch"


def test_undone_by_hand(run: Run, project: Small, watch: SyncConnection) -> None:
    """Who took it back by hand gets the revision run from its first statement."""
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=" broken"))
    assert run("upgrade", "-y").code == 4
    watch.execute("ALTER TABLE t1 DROP c")
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=""))
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err
    assert "was undone since; it runs from its first statement" in ran.err


def test_undone_in_part(run: Run, project: Small, watch: SyncConnection) -> None:
    """What is neither there nor gone is for a person to sort out."""
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=" broken"))
    assert run("upgrade", "-y").code == 4
    watch.execute("DROP INDEX t1_c")
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=""))
    ran = run("upgrade", "-y")
    assert ran.code == 4
    assert f"error: revision {HEAD} is half applied, and only you can say how to go on" in ran.err
    assert "CREATE INDEX CONCURRENTLY t1_c" in ran.err


ROWS = """
with op.get_context().autocommit_block():
    op.execute("INSERT INTO t1 VALUES (1)")
op.execute("{last}")
"""


@pytest.mark.parametrize(("how", "rows"), [("skip", 1), ("rerun", 2)])
def test_rows_are_for_a_person(
    run: Run, project: Small, watch: SyncConnection, how: str, rows: int
) -> None:
    """Rows that were written are neither written again nor taken for granted."""
    project.revision(HEAD, "aaaa00000001", ROWS.format(last="broken"))
    assert run("upgrade", "-y").code == 4
    project.revision(HEAD, "aaaa00000001", ROWS.format(last="SELECT 1"))
    ran = run("upgrade", "-y")
    assert (ran.code, ran.out) == (4, "")
    assert "  INSERT INTO t1 VALUES (1)" in ran.err
    assert "--resume skip leaves these statements out" in ran.err
    assert watch.fetchval("SELECT count(*) FROM t1") == 1
    assert run("upgrade", "-y", "--resume", how).code == 0
    assert watch.fetchval("SELECT count(*) FROM t1") == rows
    assert comment(watch) is None


BUILD = """
with op.get_context().autocommit_block():
    op.execute("CREATE UNIQUE INDEX CONCURRENTLY {exists} t1_id ON t1 (id)")
"""


@pytest.mark.parametrize("exists", ["", "IF NOT EXISTS"])
def test_invalid_index_of_ours_is_built_again(
    run: Run, project: Small, watch: SyncConnection, exists: str
) -> None:
    """A build that failed leaves an invalid index; the next run drops it and builds it."""
    standing_at(watch, "aaaa00000001")
    watch.execute("INSERT INTO t1 VALUES (1), (1)")
    project.revision(HEAD, "aaaa00000001", BUILD.format(exists=exists))
    assert run("upgrade", "-y").code == 4
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 't1_id'::regclass"
    assert watch.fetchval(valid) is False
    watch.execute("DELETE FROM t1")
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err
    assert "index t1_id was left invalid by a build that ended early; it is dropped" in ran.err
    assert watch.fetchval(valid) is True


def test_invalid_index_of_others_is_reported(
    run: Run, project: Small, watch: SyncConnection
) -> None:
    """One that nobody of ours began is not dropped, and IF NOT EXISTS does not hide it."""
    standing_at(watch, "aaaa00000001")
    watch.execute("INSERT INTO t1 VALUES (1), (1)")
    with pytest.raises(Exception, match="could not create unique index"):
        watch.execute("CREATE UNIQUE INDEX CONCURRENTLY t1_id ON t1 (id)")
    watch.execute("DELETE FROM t1")
    project.revision(HEAD, "aaaa00000001", BUILD.format(exists="IF NOT EXISTS"))
    ran = run("upgrade", "-y")
    assert ran.code == 4
    assert "error: index t1_id exists and is invalid" in ran.err
    assert ran.err.rstrip().endswith("DROP INDEX CONCURRENTLY public.t1_id;")


IN_TWO_SCHEMAS = """
with op.get_context().autocommit_block():
    for each in ("one", "two"):
        op.execute(f"SET search_path TO {each}")
        op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS t_x ON t (x)")
    op.execute("SET search_path TO public")
"""


def test_the_same_statement_in_another_schema_is_not_ours(
    run: Run, project: Small, watch: SyncConnection
) -> None:
    """What it began in one schema makes nothing that others left in the next its own."""
    standing_at(watch, "aaaa00000001")
    for schema in ("one", "two"):
        watch.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.t (x int)")
    watch.execute("INSERT INTO two.t VALUES (1), (1)")
    with pytest.raises(Exception, match="could not create unique index"):
        watch.execute("CREATE UNIQUE INDEX CONCURRENTLY t_x ON two.t (x)")
    project.revision(HEAD, "aaaa00000001", IN_TWO_SCHEMAS)
    ran = run("upgrade", "-y")
    assert ran.code == 4
    assert "error: index t_x exists and is invalid" in ran.err
    assert ran.err.rstrip().endswith("DROP INDEX CONCURRENTLY two.t_x;")


def with_path(project: Small, path: str, version_table_schema: str) -> None:
    """Let env.py's session seek names in several schemas."""
    begun = ".connect() as connection:\n"
    path = f'connection.exec_driver_sql("SET search_path TO {path}"); connection.commit()'
    env = FROM_CONFIG.replace(begun, f"{begun}        {path}\n")
    options = f"connection=connection, version_table_schema={version_table_schema!r}"
    project.env(env.replace("connection=connection", options, 1))


def test_another_index_of_the_same_name_is_not_the_one_that_is_built(
    run: Run, project: Small, watch: SyncConnection
) -> None:
    """An index stands in its table's schema, whatever schema of the path comes first."""
    with_path(project, "app, public", "public")
    standing_at(watch, "aaaa00000001")
    watch.execute(
        "CREATE SCHEMA app; CREATE TABLE app.z (id int); CREATE INDEX t1_id ON app.z (id);"
        "INSERT INTO public.t1 VALUES (1), (1)"
    )
    project.revision(HEAD, "aaaa00000001", BUILD.format(exists="IF NOT EXISTS"))
    assert run("upgrade", "-y").code == 4
    watch.execute("DELETE FROM public.t1")
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'public.t1_id'::regclass"
    assert watch.fetchval(valid) is True


def test_what_is_made_goes_into_the_first_schema_of_the_path(
    run: Run, project: Small, watch: SyncConnection
) -> None:
    """What stands in a later one is not what a run that failed was making."""
    with_path(project, "app, public", "app")
    watch.execute(
        "CREATE SCHEMA app; CREATE TABLE public.users (id int);"
        "CREATE TABLE app.alembic_version (version_num varchar(32) PRIMARY KEY);"
        "INSERT INTO app.alembic_version VALUES ('aaaa00000001')"
    )
    block = "\nwith op.get_context().autocommit_block():\n    op.execute({!r})\n"
    project.revision(HEAD, "aaaa00000001", block.format("CREATE TABLE users (id email)"))
    assert run("upgrade", "-y").code == 4
    watch.execute("CREATE DOMAIN public.email AS text")
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err
    assert watch.fetchval("SELECT to_regclass('app.users') IS NOT NULL")


PARTED = """
with op.get_context().autocommit_block():
    op.execute("CREATE INDEX parted_id ON ONLY parted (id)")
    for n in (1, 2):
        op.execute(f"CREATE INDEX CONCURRENTLY parted_{{n}}_id ON parted_{{n}} (id)")
        op.execute(f"ALTER INDEX parted_id ATTACH PARTITION parted_{{n}}_id")
        op.execute("{between}")
"""


def test_an_index_of_a_partitioned_table(run: Run, project: Small, watch: SyncConnection) -> None:
    """It is invalid until every partition has its own, and is not taken for a broken one."""
    standing_at(watch, "aaaa00000001")
    watch.execute("CREATE TABLE parted (id int) PARTITION BY LIST (id)")
    for number in (1, 2):
        watch.execute(f"CREATE TABLE parted_{number} PARTITION OF parted FOR VALUES IN ({number})")
    project.revision(HEAD, "aaaa00000001", PARTED.format(between="broken"))
    assert run("upgrade", "-y").code == 4
    assert "parted_id  parted  not on every partition" in run("status").out
    project.revision(HEAD, "aaaa00000001", PARTED.format(between="SELECT 1"))
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err
    assert "3 statements of it are committed already" in ran.err
    valid = "SELECT count(*) FROM pg_index WHERE indrelid::regclass::text ~ 'parted' AND indisvalid"
    assert watch.fetchval(valid) == 3


def test_a_copy_that_reindex_has_left(
    run: Run, project: Small, watch: SyncConnection, database: Target
) -> None:
    """REINDEX CONCURRENTLY that fails leaves its copy: status names it, the next run drops it."""
    standing_at(watch, "aaaa00000001")
    watch.execute(
        "CREATE FUNCTION f(id int) RETURNS int IMMUTABLE LANGUAGE sql"
        " AS 'SELECT id / coalesce(current_setting(''test.divisor'', true), ''1'')::int'"
    )
    watch.execute("INSERT INTO t1 VALUES (1)")
    watch.execute("CREATE INDEX t1_f ON t1 (f(id))")
    up = BUILD.replace("CREATE UNIQUE INDEX CONCURRENTLY {exists} t1_id ON t1 (id)", "{sql}")
    project.revision(HEAD, "aaaa00000001", up.format(sql="REINDEX INDEX CONCURRENTLY t1_f"))
    watch.execute(f"ALTER DATABASE {database.database} SET test.divisor = 0")
    assert "division by zero" in run("upgrade", "-y").err
    status = run("status").out
    assert "t1_f_ccnew  t1     left behind by REINDEX CONCURRENTLY" in status
    assert "  DROP INDEX CONCURRENTLY t1_f_ccnew;" in status
    assert f"{HEAD}: nothing committed; the next run begins it again" in status
    watch.execute(f"ALTER DATABASE {database.database} SET test.divisor = 1")
    assert eventually(lambda: at_rest(watch))
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err
    dropped = "index t1_f_ccnew was left invalid by a build that ended early; it is dropped"
    told = [re.sub(r"^\S+Z|(?<=seconds=)[\d.]+", "…", each) for each in ran.err.splitlines()]
    assert told == [
        f'… upgrade event=note text="revision {HEAD} was begun before, and nothing of it is'
        ' committed"',
        f'… upgrade event=started revision={HEAD} message="{HEAD} does something."',
        f'… upgrade event=note revision={HEAD} text="{dropped}"',
        f"… upgrade event=done revision={HEAD} seconds=…",
        "… upgrade event=finished revisions=1 seconds=…",
    ]
    left = (
        "SELECT array_agg(indexrelid::regclass::text) FROM pg_index WHERE indrelid = $1::regclass"
    )
    assert watch.fetchval(left, "t1") == ["t1_f"]


@pytest.mark.parametrize("env", [FROM_CONFIG, ASYNC])
def test_killed_in_a_concurrent_build(
    run: Run, project: Small, start: Start, watch: SyncConnection, database: Target, env: str
) -> None:
    """After kill -9 the next run waits for the orphan, then goes on with what it left."""
    project.env(env)
    up = 'op.execute("ALTER TABLE t1 ADD c int")\n' + BUILD.format(exists="").replace("(id)", "(c)")
    project.revision(HEAD, "aaaa00000001", up)
    standing_at(watch, "aaaa00000001")
    with SyncConnection(database) as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t1")
        reader.execute("COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM pg_class")
        first = start()
        assert eventually(lambda: bool(running(watch, "CREATE UNIQUE INDEX CONCURRENTLY")))
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        # The server ends the orphan by itself once it has noticed, which it may have by now.
        for orphan in running(watch, "CREATE UNIQUE INDEX CONCURRENTLY"):
            watch.execute("SELECT pg_terminate_backend($1::int)", orphan)
        reader.execute("COMMIT")
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err
    assert f"revision {HEAD} is half applied: 1 statement of it" in ran.err
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 't1_id'::regclass"
    assert watch.fetchval(valid) is True


def test_plain_alembic_in_between(
    run: Run, project: Small, watch: SyncConnection, dbtool: Dbtool, database: Target
) -> None:
    """A note that no longer fits what is recorded is left aside."""
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=" broken"))
    assert run("upgrade", "-y").code == 4
    watch.execute(
        "ALTER TABLE t1 ADD d int; UPDATE alembic_version SET version_num = 'aaaa00000002'"
    )
    project.revision("aaaa00000003", HEAD, 'op.execute("CREATE TABLE t3 (id int)")')
    ran = dbtool("--url", plain(database), "upgrade", "-y", cwd=project.root)
    assert ran.code == 0, ran.err
    assert "half applied" not in ran.err
    assert comment(watch) is None


def test_a_note_older_than_what_is_recorded_is_a_hint(
    run: Run, project: Small, watch: SyncConnection
) -> None:
    """Once somebody else has recorded anything, nothing is left out that cannot be seen done."""
    up = """
    with op.get_context().autocommit_block():
        op.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    op.execute("SELECT {last}")
    """
    project.revision(HEAD, "aaaa00000001", up.format(last="broken"))
    assert run("upgrade", "-y").code == 4
    watch.execute("DROP FUNCTION f; UPDATE alembic_version SET version_num = version_num")
    project.revision(HEAD, "aaaa00000001", up.format(last="f()"))
    ran = run("upgrade", "-y")
    assert ran.code == 4
    assert "The catalogue does not tell whether this is done: CREATE FUNCTION f()" in ran.err
    assert run("upgrade", "-y", "--resume", "rerun").code == 0


def test_lock_timeout_behind_a_block_is_tried_again(
    run: Run, project: Small, database: Target, watch: SyncConnection
) -> None:
    """What the block committed is left out in the next attempt of the same run."""
    up = """
    with op.get_context().autocommit_block():
        op.execute("CREATE TABLE beside (id int)")
    op.execute("ALTER TABLE t1 ADD c int")
    """
    standing_at(watch, "aaaa00000001")
    project.revision(HEAD, "aaaa00000001", up)
    with SyncConnection(database) as blocker:
        blocker.execute("BEGIN; SELECT count(*) FROM t1")
        ran = run("upgrade", "-y", "--lock-timeout", "200ms", "--wait-lock", "1500ms")
        assert ran.code == 5
        assert "CREATE TABLE beside" not in ran.err
        blocker.execute("COMMIT")
    assert run("upgrade", "-y").code == 0
    assert watch.fetchval("SELECT to_regclass('beside') IS NOT NULL")


def test_a_block_that_was_run_again_has_ended_for_the_attempts_behind_it(
    run: Run, project: Small, database: Target, watch: SyncConnection
) -> None:
    """`--resume rerun` is about what an earlier run left, not about each attempt of this one."""
    up = """
    with op.get_context().autocommit_block():
        op.execute("CREATE TABLE beside (id int)")
        op.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    op.execute("ALTER TABLE t1 ADD c int{last}")
    """
    standing_at(watch, "aaaa00000001")
    project.revision(HEAD, "aaaa00000001", up.format(last=" broken"))
    assert run("upgrade", "-y").code == 4
    watch.execute("DROP TABLE beside; DROP FUNCTION f")
    project.revision(HEAD, "aaaa00000001", up.format(last=""))
    rerun = "upgrade", "-y", "--resume", "rerun", "--lock-timeout", "200ms", "--wait-lock", "3s"
    with SyncConnection(database) as blocker:
        blocker.execute("BEGIN; SELECT count(*) FROM t1")
        ran = run(*rerun)
        assert ran.code == 5, ran.err
        assert watch.fetchval("SELECT to_regclass('beside') IS NOT NULL")
        blocker.execute("COMMIT")
    assert run("upgrade", "-y").code == 0
    assert comment(watch) is None


def test_rows_are_run_again_once(
    run: Run, project: Small, database: Target, watch: SyncConnection
) -> None:
    """`--resume rerun` is leave for one run of them, not for each attempt behind a lock."""
    up = """
    with op.get_context().autocommit_block():
        op.execute("INSERT INTO t1 VALUES (7)")
    op.execute("ALTER TABLE t1 ADD c int{last}")
    """
    standing_at(watch, "aaaa00000001")
    project.revision(HEAD, "aaaa00000001", up.format(last=" broken"))
    assert run("upgrade", "-y").code == 4
    project.revision(HEAD, "aaaa00000001", up.format(last=""))
    rerun = "upgrade", "-y", "--resume", "rerun", "--lock-timeout", "200ms", "--wait-lock", "60s"
    with SyncConnection(database) as blocker:
        blocker.execute("BEGIN; SELECT count(*) FROM t1")
        ran = run(*rerun)
        blocker.execute("COMMIT")
    assert (ran.code, "only you can say how to go on" in ran.err) == (4, True), ran.err
    assert watch.fetchval("SELECT count(*) FROM t1 WHERE id = 7") == 2


def test_rows_are_run_again_once_also_where_the_commit_waits(
    run: Run, project: Small, database: Target, watch: SyncConnection
) -> None:
    """The note of a transaction that was rolled back is gone, and the one before it is ours too."""
    up = """
    with op.get_context().autocommit_block():
        op.execute("INSERT INTO t1 VALUES (7)")
    op.execute("INSERT INTO child VALUES (1)")
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY t1_i ON t1 (id)")
    {last}
    """
    standing_at(watch, "aaaa00000001")
    watch.execute("CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1)")
    key = "int REFERENCES parent DEFERRABLE INITIALLY DEFERRED"
    watch.execute(f"CREATE TABLE child (id {key})")
    project.revision(HEAD, "aaaa00000001", up.format(last="op.execute('broken')"))
    assert run("upgrade", "-y").code == 4
    watch.execute("DROP INDEX t1_i")
    project.revision(HEAD, "aaaa00000001", up.format(last=""))
    rerun = "upgrade", "-y", "--resume", "rerun", "--lock-timeout", "200ms", "--wait-lock", "60s"
    with SyncConnection(database) as blocker:
        blocker.execute("BEGIN; SELECT 1 FROM parent FOR UPDATE")
        ran = run(*rerun)
        blocker.execute("COMMIT")
    assert ran.code == 4, ran
    assert watch.fetchval("SELECT count(*) FROM t1 WHERE id = 7") == 2


def test_a_downgrade_is_gone_on_with_too(run: Run, project: Small, watch: SyncConnection) -> None:
    """The note knows the direction."""
    back = """
    with op.get_context().autocommit_block():
        op.execute("DROP TABLE t2")
    op.execute("{last}")
    """
    up = 'op.execute("CREATE TABLE t2 (id int)")'
    project.revision(HEAD, "aaaa00000001", up, back.format(last="broken"))
    assert run("upgrade", "-y").code == 0
    assert run("downgrade", "-1", "-y").code == 4
    assert watch.fetchval("SELECT to_regclass('t2')") is None
    project.revision(HEAD, "aaaa00000001", up, back.format(last="SELECT 1"))
    ran = run("downgrade", "-1", "-y")
    assert ran.code == 0, ran.err
    assert watch.fetchval("SELECT version_num FROM alembic_version") == "aaaa00000001"


SWAP = """
op.execute("ALTER TABLE t1 ADD COLUMN c_new bigint")
op.execute("ALTER TABLE t1 DROP COLUMN IF EXISTS c")
op.execute("ALTER TABLE t1 RENAME COLUMN c_new TO c")
with op.get_context().autocommit_block():
    op.execute("CREATE UNIQUE INDEX CONCURRENTLY t1_id ON t1 (id)")
"""


def test_what_replaced_something_is_not_run_again(
    run: Run, project: Small, watch: SyncConnection
) -> None:
    """A column that was renamed since is not taken for undone: its successor holds live data."""
    standing_at(watch, "aaaa00000001")
    watch.execute("INSERT INTO t1 VALUES (1), (1)")
    project.revision(HEAD, "aaaa00000001", SWAP)
    assert run("upgrade", "-y").code == 4
    watch.execute("DELETE FROM t1; INSERT INTO t1 (id, c) VALUES (1, 42)")
    ran = run("upgrade", "-y")
    assert ran.code == 4
    assert "only you can say how to go on" in ran.err
    assert watch.fetchval("SELECT c FROM t1") == 42
    assert run("upgrade", "-y", "--resume", "skip").code == 0
    assert watch.fetchval("SELECT c FROM t1") == 42
    assert comment(watch) is None


BATCHES = """
with op.get_context().autocommit_block():
    for turn in range({turns}):
        op.get_bind().exec_driver_sql("UPDATE t1 SET id = id + 1")
    {last}
"""


def test_batches_cannot_be_skipped(run: Run, project: Small, watch: SyncConnection) -> None:
    """A loop looks at what each statement did; left out, it would end too early."""
    standing_at(watch, "aaaa00000001")
    watch.execute("INSERT INTO t1 VALUES (0)")
    raises = "raise RuntimeError('half way')"
    project.revision(HEAD, "aaaa00000001", BATCHES.format(turns=100, last=raises))
    assert run("upgrade", "-y").code == 4
    assert watch.fetchval("SELECT id FROM t1") == 100
    assert len(comment(watch) or "") < 500
    project.revision(HEAD, "aaaa00000001", BATCHES.format(turns=100, last="pass"))
    ran = run("upgrade", "-y")
    assert ran.code == 4
    assert "UPDATE t1 SET id = id + 1 (64 times or more)" in ran.err
    assert "--resume skip" not in ran.err
    ran = run("upgrade", "-y", "--resume", "skip")
    assert ran.code == 4
    assert "left out it does nothing" in ran.err
    assert watch.fetchval("SELECT id FROM t1") == 100
    assert run("upgrade", "-y", "--resume", "rerun").code == 0
    assert (watch.fetchval("SELECT id FROM t1"), comment(watch)) == (200, None)


def test_rows_a_function_writes(run: Run, project: Small, watch: SyncConnection) -> None:
    """A SELECT of a function of the team's own may write; it is not run a second time unasked."""
    standing_at(watch, "aaaa00000001")
    watch.execute("CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS 'INSERT INTO t1 VALUES (1)'")
    project.revision(
        HEAD,
        "aaaa00000001",
        ROWS.format(last="broken").replace("INSERT INTO t1 VALUES (1)", "SELECT fill()"),
    )
    assert run("upgrade", "-y").code == 4
    assert run("upgrade", "-y").code == 4
    assert watch.fetchval("SELECT count(*) FROM t1") == 1


def test_another_branch_waits(run: Run, project: Small, watch: SyncConnection) -> None:
    """Nothing else runs while a revision is half applied, and its note stays."""
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=" broken"))
    project.revision("bbbb00000002", "aaaa00000001", 'op.execute("CREATE TABLE b (id int)")')
    assert run("upgrade", HEAD, "-y").code == 4
    before = comment(watch)
    ran = run("upgrade", "bbbb00000002", "-y")
    assert ran.code == 4
    assert f"error: revision {HEAD} is half applied; nothing else runs" in ran.err
    assert f"First dbtool upgrade to {HEAD} again" in ran.err
    assert comment(watch) == before
    assert watch.fetchval("SELECT to_regclass('b') IS NULL")


def test_a_downgrade_that_ended_in_the_middle(
    run: Run, project: Small, watch: SyncConnection
) -> None:
    """An upgrade does not build on a schema that is half undone, also where nothing is due."""
    back = """
    op.execute("ALTER TABLE t1 DROP COLUMN x")
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY nosuch")
    """
    project.revision(HEAD, "aaaa00000001", 'op.execute("ALTER TABLE t1 ADD x int")', back)
    assert run("upgrade", "-y").code == 0
    assert run("downgrade", "-1", "-y").code == 4
    for _ in range(2):
        ran = run("upgrade", "-y")
        assert ran.code == 4
        assert f"error: revision {HEAD} is half undone; nothing else runs" in ran.err
        project.revision("aaaa00000003", HEAD, 'op.execute("CREATE TABLE z (id int)")')
    assert watch.fetchval("SELECT to_regclass('z') IS NULL")
    project.revision(HEAD, "aaaa00000001", "", back.replace("nosuch", "IF EXISTS nosuch"))
    assert run("downgrade", "aaaa00000001", "-y").code == 0
    assert comment(watch) is None


def test_a_note_that_was_altered(run: Run, project: Small, watch: SyncConnection) -> None:
    """What cannot be read is not taken for nothing."""
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=" broken"))
    assert run("upgrade", "-y").code == 4
    text = (comment(watch) or "")[:-9].replace("'", "''")
    watch.execute(f"COMMENT ON TABLE alembic_version IS '{text}'")
    ran = run("upgrade", "-y")
    assert ran.code == 4
    assert "its note was altered" in ran.err
    watch.execute("DROP INDEX t1_c; ALTER TABLE t1 DROP c")
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=""))
    assert run("upgrade", "-y", "--resume", "rerun").code == 0
    assert comment(watch) is None


def test_values_are_not_noted(run: Run, project: Small, watch: SyncConnection) -> None:
    """Anybody can read a comment; a password in a statement does not get there."""
    up = """
    with op.get_context().autocommit_block():
        op.execute("INSERT INTO t1 VALUES (length('hunter2'))")
        op.execute("broken")
    """
    project.revision(HEAD, "aaaa00000001", up)
    assert run("upgrade", "-y").code == 4
    assert "length('…')" in (comment(watch) or "")
    assert "hunter2" not in (comment(watch) or "")


@pytest.fixture
def deployer(database: Target, watch: SyncConnection) -> Iterator[str]:
    """The URL of a role that may record revisions, and note nothing on the version table."""
    standing_at(watch, "aaaa00000001")
    role = f"deployer_{database.database}"
    watch.execute(
        f"CREATE ROLE {role} LOGIN; GRANT ALL ON alembic_version TO {role};"
        f"GRANT ALL ON SCHEMA public TO {role}; ALTER TABLE t1 OWNER TO {role}"
    )
    yield plain(replace(database, user=role))
    watch.execute(f"REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}")
    watch.execute(f"DROP ROLE {role}")


def test_not_the_owner_of_the_version_table(
    project: Small, watch: SyncConnection, deployer: str, dbtool: Dbtool
) -> None:
    """Where no note may be written that is said, and the revision runs."""
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=""))
    ran = dbtool("--url", deployer, "upgrade", "-y", cwd=project.root)
    assert ran.code == 0, ran.err
    assert "cannot be noted on public.alembic_version (must be owner of table" in ran.err
    assert watch.fetchval("SELECT to_regclass('t1_c') IS NOT NULL")


@pytest.fixture
def noinherit(database: Target, watch: SyncConnection) -> Iterator[tuple[str, str]]:
    """A role with a schema of its own, and the URL of one that may only SET ROLE to it."""
    owner = f"owner_{database.database}"
    watch.execute(
        f"CREATE ROLE {owner}; CREATE SCHEMA {owner} AUTHORIZATION {owner};"
        f" CREATE ROLE {owner}_login LOGIN NOINHERIT IN ROLE {owner}"
    )
    yield owner, plain(replace(database, user=f"{owner}_login"))
    watch.execute(f"DROP OWNED BY {owner}; DROP ROLE {owner}_login; DROP ROLE {owner}")


def test_a_schema_that_only_the_role_of_env_py_may_use(
    project: Small, watch: SyncConnection, noinherit: tuple[str, str], dbtool: Dbtool
) -> None:
    """What dbtool itself cannot look up there is not known, and stops no revision."""
    owner, url = noinherit
    connected = ".connect() as connection:\n"
    role = f'        connection.exec_driver_sql("SET ROLE {owner}"); connection.commit()\n'
    project.env(FROM_CONFIG.replace(connected, connected + role))
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=" broken"))
    ran = dbtool("--url", url, "upgrade", "-y", cwd=project.root)
    assert "syntax error" in ran.err
    assert watch.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{owner}.t1_c")
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=""))
    ran = dbtool("--url", url, "upgrade", "-y", cwd=project.root)
    assert (ran.code, "The catalogue does not tell whether this is done" in ran.err) == (4, True)
    ran = dbtool("--url", url, "upgrade", "-y", "--resume", "skip", cwd=project.root)
    assert ran.code == 0, ran.err
    assert watch.fetchval(f"SELECT version_num FROM {owner}.alembic_version") == HEAD


def test_an_invalid_index_where_only_the_role_of_env_py_may_look(
    project: Small, watch: SyncConnection, noinherit: tuple[str, str], dbtool: Dbtool
) -> None:
    """IF NOT EXISTS takes no invalid index for the one to build, in a schema out of reach too."""
    owner, url = noinherit
    connected = ".connect() as connection:\n"
    role = f'        connection.exec_driver_sql("SET ROLE {owner}"); connection.commit()\n'
    project.env(FROM_CONFIG.replace(connected, connected + role))
    watch.execute(f"CREATE TABLE {owner}.t9 (id int); ALTER TABLE {owner}.t9 OWNER TO {owner}")
    watch.execute(f"INSERT INTO {owner}.t9 VALUES (1), (1)")
    with pytest.raises(Exception, match="could not create unique index"):
        watch.execute(f"CREATE UNIQUE INDEX CONCURRENTLY t9_id ON {owner}.t9 (id)")
    up = """
    with op.get_context().autocommit_block():
        op.execute("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t9_id ON {table} (id)")
    """
    for table in "t9", f"{owner}.t9":
        project.revision(HEAD, "aaaa00000001", up.format(table=table))
        ran = dbtool("--url", url, "upgrade", "-y", cwd=project.root)
        assert (ran.code, "index t9_id exists and is invalid" in ran.err) == (4, True), ran.err
    assert watch.fetchval(f"SELECT version_num FROM {owner}.alembic_version") != HEAD


def as_role(owner: str, **options: str) -> str:
    """An env.py that works as another role, whose own schema comes first, as it does for each."""
    connected, configure = ".connect() as connection:\n", "configure(connection=connection"
    role = f'        connection.exec_driver_sql("SET ROLE {owner}"); connection.commit()\n'
    more = "".join(f", {key}={value!r}" for key, value in options.items())
    return FROM_CONFIG.replace(connected, connected + role).replace(configure, configure + more)


def test_an_invalid_index_that_only_the_role_of_env_py_may_drop(
    project: Small, watch: SyncConnection, noinherit: tuple[str, str], dbtool: Dbtool
) -> None:
    """What dbtool's own role may not drop is not said to be dropped, but who may do it."""
    owner, url = noinherit
    project.env(as_role(owner))
    project.revision(HEAD, "aaaa00000001", BUILD.format(exists=""))
    assert dbtool("--url", url, "upgrade", "aaaa00000001", "-y", cwd=project.root).code == 0
    watch.execute(f"INSERT INTO {owner}.t1 VALUES (1), (1)")
    watch.execute(f"GRANT USAGE ON SCHEMA {owner} TO {owner}_login")
    watch.execute(f"GRANT SELECT ON {owner}.alembic_version TO {owner}_login")
    assert dbtool("--url", url, "upgrade", "-y", cwd=project.root).code == 4
    watch.execute(f"DELETE FROM {owner}.t1")
    ran = dbtool("--url", url, "upgrade", "-y", cwd=project.root)
    assert (ran.code, "it is dropped" in ran.err) == (4, False), ran.err
    assert "error: index t1_id was left invalid by a build that ended early\n" in ran.err
    assert f"{owner}_login may not drop it: {owner} owns it." in ran.err
    drop = f"DROP INDEX CONCURRENTLY {owner}.t1_id;"
    assert f"hint: Let {owner} run: {drop} Then run the same command again." in ran.err
    watch.execute(drop)
    ran = dbtool("--url", url, "upgrade", "-y", cwd=project.root)
    assert ran.code == 0, ran.err
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = $1::text::regclass"
    assert watch.fetchval(valid, f"{owner}.t1_id") is True


TWICE = """
with op.get_context().autocommit_block():
    for turn in range(2):
        try:
            op.execute("CREATE UNIQUE INDEX CONCURRENTLY t1_id ON t1 (id)")
        except sa.exc.IntegrityError:
            op.execute("DELETE FROM t1")
"""


def test_an_invalid_index_that_is_out_of_reach(
    project: Small, watch: SyncConnection, noinherit: tuple[str, str], dbtool: Dbtool
) -> None:
    """A revision builds again what failed, in a schema that dbtool's own role may not use."""
    owner, url = noinherit
    project.env(as_role(owner))
    project.revision(HEAD, "aaaa00000001", TWICE)
    assert dbtool("--url", url, "upgrade", "aaaa00000001", "-y", cwd=project.root).code == 0
    watch.execute(f"INSERT INTO {owner}.t1 VALUES (1), (1)")
    ran = dbtool("--url", url, "upgrade", "-y", cwd=project.root)
    assert (ran.code, "it is dropped" in ran.err) == (4, False), ran.err
    assert f"{owner}_login may not drop it: it has no USAGE on schema {owner}." in ran.err
    assert f"hint: Let {owner} run: DROP INDEX CONCURRENTLY {owner}.t1_id;" in ran.err


def beside(project: Small, watch: SyncConnection, owner: str) -> None:
    """The version table is in public, and what a role makes is in its own schema."""
    project.env(as_role(owner, version_table_schema="public"))
    watch.execute(f"GRANT ALL ON SCHEMA public TO {owner}")
    watch.execute(f"GRANT USAGE ON SCHEMA {owner} TO {owner}_login")
    watch.execute(
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {owner}_login"
    )


def test_what_the_role_of_env_py_finds_is_looked_up(
    project: Small, watch: SyncConnection, noinherit: tuple[str, str], dbtool: Dbtool
) -> None:
    """Its search path is what names without a schema are read by, not that of dbtool's role."""
    owner, url = noinherit
    beside(project, watch, owner)
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=" broken"))
    assert dbtool("--url", url, "upgrade", "-y", cwd=project.root).code == 4
    assert watch.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{owner}.t1_c")
    project.revision(HEAD, "aaaa00000001", BROKEN.format(error=""))
    ran = dbtool("--url", url, "upgrade", "-y", cwd=project.root)
    assert ran.code == 0, ran.err
    assert f'text="revision {HEAD} is half applied: 2 statements of it are committed' in ran.err
    assert "was undone since" not in ran.err


def test_what_the_role_of_env_py_still_has_was_not_dropped(
    project: Small, watch: SyncConnection, noinherit: tuple[str, str], dbtool: Dbtool
) -> None:
    """A DROP that failed is not taken for done where only its role sees the table."""
    owner, url = noinherit
    beside(project, watch, owner)
    up = """
    with op.get_context().autocommit_block():
        op.execute("DROP TABLE t1")
    """
    project.revision(HEAD, "aaaa00000001", up)
    assert dbtool("--url", url, "upgrade", "aaaa00000001", "-y", cwd=project.root).code == 0
    watch.execute(f"CREATE VIEW {owner}.v AS TABLE {owner}.t1")
    assert "cannot drop table t1" in dbtool("--url", url, "upgrade", "-y", cwd=project.root).err
    watch.execute(f"DROP VIEW {owner}.v")
    ran = dbtool("--url", url, "upgrade", "-y", cwd=project.root)
    assert ran.code == 0, ran.err
    assert watch.fetchval("SELECT to_regclass($1) IS NULL", f"{owner}.t1")


def test_an_invalid_index_in_the_schema_of_the_role_of_env_py(
    project: Small, watch: SyncConnection, noinherit: tuple[str, str], dbtool: Dbtool
) -> None:
    """IF NOT EXISTS takes none for built that only its role finds without a schema."""
    owner, url = noinherit
    beside(project, watch, owner)
    project.revision(HEAD, "aaaa00000001", BUILD.format(exists="IF NOT EXISTS"))
    assert dbtool("--url", url, "upgrade", "aaaa00000001", "-y", cwd=project.root).code == 0
    watch.execute(f"INSERT INTO {owner}.t1 VALUES (1), (1)")
    with pytest.raises(Exception, match="could not create unique index"):
        watch.execute(f"CREATE UNIQUE INDEX CONCURRENTLY t1_id ON {owner}.t1 (id)")
    ran = dbtool("--url", url, "upgrade", "-y", cwd=project.root)
    assert (ran.code, "index t1_id exists and is invalid" in ran.err) == (4, True), ran.err


def test_what_is_not_noted_is_not_tried_again(
    project: Small, database: Target, watch: SyncConnection, deployer: str, dbtool: Dbtool
) -> None:
    """A later revision waits for a lock in vain: the rows of the block before are not doubled."""
    up = """
    with op.get_context().autocommit_block():
        op.execute("INSERT INTO t1 VALUES (7)")
    """
    project.revision(HEAD, "aaaa00000001", up)
    project.revision("aaaa00000003", HEAD, 'op.execute("ALTER TABLE t1 ADD c int")')
    limits = "--lock-timeout", "3s", "--wait-lock", "30s"
    with SyncConnection(database) as blocker:
        blocker.execute("BEGIN; SELECT count(*) FROM t1")
        pid = blocker.fetchval("SELECT pg_backend_pid()")
        ran = dbtool("--url", deployer, "upgrade", "-y", *limits, cwd=project.root)
        blocker.execute("COMMIT")
    assert ran.code == 5, ran.err
    assert f"{HEAD} had left its transaction" in ran.err
    assert "running it again would do that again" in ran.err
    assert f"pid {pid} " in ran.err
    assert "hint: It is not known to be noted what has been committed: finish by hand" in ran.err
    assert watch.fetchval("SELECT count(*) FROM t1") == 1


COMMITS = """
op.execute("ALTER TABLE t1 ADD COLUMN c int")
{commit}
op.execute("CREATE INDEX CONCURRENTLY t1_c ON t1 (c)")
op.execute("{last}")
"""


def test_a_commit_in_words(run: Run, project: Small, watch: SyncConnection) -> None:
    """A COMMIT of the revision's own leaves the transaction as an autocommit block does."""
    project.env(ASYNC)
    words = 'op.execute("COMMIT")'
    project.revision(HEAD, "aaaa00000001", COMMITS.format(commit=words, last="broken"))
    ran = run("upgrade", "-y")
    assert ran.code == 4
    assert f"{HEAD} had left its transaction" in ran.err
    assert "CREATE INDEX CONCURRENTLY t1_c" in (comment(watch) or "")
    project.revision(HEAD, "aaaa00000001", COMMITS.format(commit=words, last="SELECT 1"))
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err
    assert comment(watch) is None


def test_a_block_whose_recording_is_rolled_back(
    run: Run, project: Small, watch: SyncConnection
) -> None:
    """A failure of a later revision in its transaction: what the block did is said to stay."""
    up = """
    with op.get_context().autocommit_block():
        op.execute("CREATE TABLE beside (id int)")
    """
    project.revision(HEAD, "aaaa00000001", up)
    project.revision("aaaa00000003", HEAD, "op.execute('SELECT 1')")
    project.revision("aaaa00000004", "aaaa00000003", "op.execute('broken')")
    for before in ("; before this run it stood at no revision.", ", as before."):
        ran = run("upgrade", "-y")
        assert ran.code == 4
        assert (
            f"stands at aaaa00000001{before} What aaaa00000003 did in this run was rolled back with"
            f" it. {HEAD} had left its transaction (autocommit_block): what it did up to there"
            " stays, and the next dbtool upgrade or downgrade goes on behind it; plain Alembic"
            " would run it again."
        ) in ran.err
    assert f"{HEAD}: 1 statement committed" in run("status").out
    project.revision("aaaa00000004", "aaaa00000003", "op.execute('SELECT 1')")
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err
    assert comment(watch) is None


def test_the_revision_behind_a_block_is_tried_again(
    run: Run, project: Small, database: Target, watch: SyncConnection
) -> None:
    """What a block has committed does not keep a later revision from being tried again."""
    standing_at(watch, "aaaa00000001")
    up = """
    with op.get_context().autocommit_block():
        op.execute("CREATE TABLE beside (id int)")
    """
    project.revision(HEAD, "aaaa00000001", up)
    project.revision("aaaa00000003", HEAD, 'op.execute("ALTER TABLE t1 ADD c int")')
    with SyncConnection(database) as blocker:
        blocker.execute("BEGIN; SELECT count(*) FROM t1")
        ran = run("upgrade", "-y", "--lock-timeout", "200ms", "--wait-lock", "2s")
        assert ran.code == 5, ran.err
        assert " event=retry " in ran.err
        assert f"{HEAD} had left its transaction" in ran.err
        blocker.execute("COMMIT")
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err
    assert (watch.fetchval("SELECT version_num FROM alembic_version"), comment(watch)) == (
        "aaaa00000003",
        None,
    )


@pytest.mark.parametrize(
    "note",
    [
        Journal("a1", down=False),
        Journal("a1", True, (entry("SELECT 'it''s \\ \"x\"'", repeatable=False),)),
        Journal("a1", False, (), entry("CREATE   TABLE\n t ()", repeatable=True), "771,802"),
    ],
)
def test_a_note_is_read_as_it_was_written(watch: SyncConnection, note: Journal) -> None:
    """Quotes and backslashes of statements and comments survive."""
    watch.execute("CREATE TABLE v (x int)")
    for own in (None, 'it\'s \\ a "comment"', "two\nlines"):
        watch.execute(journal.statement("public", "v", own, note))
        assert journal.read(watch, "public", "v") == note
        watch.execute(
            journal.statement("public", "v", journal.comment_of(watch, "public", "v"), None)
        )
        assert journal.comment_of(watch, "public", "v") == own


UNIQUE_IN_TWO = """
with op.get_context().autocommit_block():
    for each in ("one", "two"):
        op.execute(f"SET search_path TO {each}")
        op.execute("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_x ON t (x)")
    op.execute("SET search_path TO public")
"""


@pytest.mark.parametrize(("alike", "outcome"), [("one", (4, True)), ("two", (0, False))])
def test_a_resumed_build_is_ours_in_one_schema(
    run: Run, project: Small, watch: SyncConnection, alike: str, outcome: tuple[int, bool]
) -> None:
    """What was left invalid by ours is built again, and not what others left in the next schema."""
    standing_at(watch, "aaaa00000001")
    for schema in ("one", "two"):
        watch.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.t (x int)")
    watch.execute(f"INSERT INTO {alike}.t VALUES (1), (1)")
    project.revision(HEAD, "aaaa00000001", UNIQUE_IN_TWO)
    assert run("upgrade", "-y").code == 4
    watch.execute(f"TRUNCATE {alike}.t")
    if alike == "one":
        watch.execute("INSERT INTO two.t VALUES (1), (1)")
        with pytest.raises(UniqueViolationError):
            watch.execute("CREATE UNIQUE INDEX CONCURRENTLY t_x ON two.t (x)")
        watch.execute("TRUNCATE two.t")
    theirs = watch.fetchval("SELECT 'two.t_x'::regclass::oid::int8")
    second = run("upgrade", "-y")
    same = watch.fetchval("SELECT to_regclass('two.t_x')::oid::int8") == theirs
    assert (second.code, same) == outcome, second
    assert ("error: index t_x exists and is invalid\n" in second.err) is (alike == "one")
