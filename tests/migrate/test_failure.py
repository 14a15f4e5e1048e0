"""What goes wrong is told by name, place and state, with the exit code that fits."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.migrate.advice import advice
from dbtool.migrate.servererror import ServerError
from dbtool.scratch.server import throwaway
from tests.conftest import MAJOR, Dbtool
from tests.disks import small_disk
from tests.migrate.conftest import Run, at_rest, plain
from tests.migrate.projects import FROM_CONFIG, Small
from tests.processes import eventually

Tables = Callable[[], list[str]]
THIRD = "aaaa00000003"


def test_statement_of_a_revision(
    run: Run, project: Small, database: Target, tables: Tables
) -> None:
    """A failing statement: revision, statement, place, SQLSTATE, and what was rolled back."""
    path = project.revision(THIRD, "aaaa00000002", 'op.execute("ALTER TABLE t9 ADD c int")')
    ran = run("upgrade")
    assert ran.code == 4
    assert ran.out == ""
    told = ran.err[ran.err.index("error: ") :]
    assert told.splitlines() == [
        f'error: revision {THIRD} ({THIRD} does something.) failed: relation "t9" does not exist',
        "detail: ALTER TABLE t9 ADD c int",
        "        SQLSTATE 42P01",
        f"        at {path.relative_to(project.root)}:9",
        f"        {database.shown} stands at no revision, as before. What aaaa00000001,"
        " aaaa00000002 did in this run was rolled back with it.",
    ]
    assert tables() == []


SWALLOWING = FROM_CONFIG.replace(
    "        with context.begin_transaction():\n            context.run_migrations()\n",
    "        try:\n            with context.begin_transaction():\n"
    "                context.run_migrations()\n"
    "        except {caught}:\n            print('never mind')\n",
)


@pytest.mark.parametrize("caught", ["Exception", "BaseException"])
def test_an_env_that_swallows_the_failure(
    run: Run, project: Small, database: Target, tables: Tables, caught: str
) -> None:
    """A deploy step must not take silence for success."""
    project.env(SWALLOWING.replace("{caught}", caught))
    path = project.revision(THIRD, "aaaa00000002", 'op.execute("SELECT 1/0")')
    ran = run("upgrade", "-y", "--json")
    assert ran.code == 4
    error = json.loads(ran.out)["error"]
    assert error["message"].endswith("failed: division by zero")
    assert f"at {path.relative_to(project.root)}:9" in error["detail"]
    assert tables() == []


def test_a_lock_that_env_swallows_is_tried_again(
    run: Run, project: Small, database: Target
) -> None:
    """What env.py catches is known all the same, and tried again."""
    assert run("upgrade", "-y").code == 0
    project.env(SWALLOWING.replace("{caught}", "Exception"))
    project.revision(THIRD, "aaaa00000002", 'op.execute("ALTER TABLE t1 ADD c int")')
    with SyncConnection(database) as other:
        other.execute("BEGIN; LOCK TABLE t1")
        ran = run("upgrade", "-y", "--lock-timeout", "200ms", "--wait-lock", "1s")
        assert ran.code == 5, ran.err
        other.execute("COMMIT")
    assert run("upgrade", "-y").code == 0


AGAIN = FROM_CONFIG.replace(
    "        with context.begin_transaction():\n            context.run_migrations()\n",
    "        for attempt in range(2):\n            try:\n"
    "                with context.begin_transaction():\n"
    "                    context.run_migrations()\n                break\n"
    "            except Exception:\n                connection.rollback()\n",
)


def test_an_env_that_tries_again_itself(run: Run, project: Small, tables: Tables) -> None:
    """What its second attempt achieves counts."""
    project.env(AGAIN)
    project.write("once.py", "tried = []\n")
    up = """
    import once
    once.tried.append(1)
    op.execute("CREATE TABLE t3 (id int)" if len(once.tried) > 1 else "broken")
    """
    project.revision(THIRD, "aaaa00000002", up)
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err
    assert "t3" in tables()


def test_lock_that_is_not_granted(run: Run, project: Small, database: Target) -> None:
    """A lock_timeout of the team's own is left as it is; the exit code is that for locks."""
    assert run("upgrade").code == 0
    waits = """op.execute("SET lock_timeout = '100ms'")\nop.execute("ALTER TABLE t1 ADD c int")"""
    project.revision(THIRD, "aaaa00000002", waits)
    with SyncConnection(database) as other:
        assert eventually(lambda: at_rest(other))
        other.execute("BEGIN")
        other.execute("LOCK TABLE t1")
        ran = run("upgrade", "--wait-lock", "0", "--lock-timeout", "30s")
    assert ran.code == 5
    assert "failed: canceling statement due to lock timeout" in ran.err
    assert f"{database.shown} stands at aaaa00000002, as before." in ran.err


def test_async_driver_says_the_same(run: Run, project: Small, database: Target) -> None:
    """The server's own words reach the user through asyncpg too."""
    project.env(
        """
        import asyncio
        from alembic import context
        from sqlalchemy.ext.asyncio import async_engine_from_config

        def migrate(connection):
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()

        async def main():
            engine = async_engine_from_config(context.config.get_section("alembic"))
            async with engine.connect() as connection:
                await connection.run_sync(migrate)

        asyncio.run(main())
        """
    )
    path = project.revision(
        THIRD,
        "aaaa00000002",
        """
        op.execute("INSERT INTO t1 VALUES (1), (1)")
        op.execute("CREATE UNIQUE INDEX one ON t1 (id)")
        """,
    )
    ran = run("upgrade")
    assert ran.code == 4
    assert ran.err.splitlines()[-5:] == [
        f"error: revision {THIRD} ({THIRD} does something.) failed:"
        ' could not create unique index "one"',
        "detail: CREATE UNIQUE INDEX one ON t1 (id)",
        "        Key (id)=(1) is duplicated. SQLSTATE 23505",
        f"        at {path.relative_to(project.root)}:10",
        f"        {database.shown} stands at no revision, as before. What aaaa00000001,"
        " aaaa00000002 did in this run was rolled back with it.",
    ]


def test_python_of_a_revision(run: Run, project: Small) -> None:
    """A revision that raises says why, and where."""
    path = project.revision(THIRD, "aaaa00000002", 'raise RuntimeError("not on this data")')
    ran = run("upgrade")
    assert ran.code == 4
    assert "failed: RuntimeError: not on this data" in ran.err
    assert f"at {path.relative_to(project.root)}:9" in ran.err


def test_transaction_per_migration(
    run: Run, project: Small, database: Target, tables: Tables
) -> None:
    """With a transaction per revision the earlier ones stay, and that is said."""
    env = (project.root / "migrations/env.py").read_text()
    project.env(
        env.replace(
            "connection=connection", "connection=connection, transaction_per_migration=True"
        )
    )
    project.revision(THIRD, "aaaa00000002", 'op.execute("broken")')
    ran = run("upgrade")
    assert ran.code == 4
    assert (
        f"{database.shown} stands at aaaa00000002; before this run it stood at no revision."
        in ran.err
    )
    assert tables() == ["alembic_version", "t1", "t2"]


def test_autocommit_block(run: Run, project: Small, database: Target) -> None:
    """What a revision did outside of its transaction stays, and that is said."""
    project.revision(
        THIRD,
        "aaaa00000002",
        """
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY one ON t1 (id)")
        op.execute("broken")
        """,
    )
    ran = run("upgrade")
    assert ran.code == 4
    assert (
        f"{THIRD} had left its transaction (autocommit_block): what it did up to there stays"
        in ran.err
    )
    assert f"{database.shown} stands at aaaa00000002;" in ran.err


@pytest.mark.parametrize("ahead", ["ffff00000042", "aaaa00000003"])
def test_database_ahead_of_the_files(run: Run, database: Target, ahead: str) -> None:
    """A recorded revision that no file has, however near it is to one that is there."""
    with SyncConnection(database) as connection:
        connection.execute(
            "CREATE TABLE alembic_version (version_num varchar(32));"
            f"INSERT INTO alembic_version VALUES ('{ahead}')"
        )
    for words in (("upgrade",), ("check",), ("downgrade", "base", "--yes")):
        ran = run(*words)
        assert (ran.code, ran.out) == (4, ""), ran
        assert ran.err.startswith(
            f"error: {database.shown} is at revision {ahead}, which is not among these files"
        ), words
        assert "dbtool stamp --purge REVISION" in ran.err
        assert "aaaa00000002" not in ran.err


def test_stamp_purge_leaves_an_unknown_revision(run: Run, database: Target) -> None:
    """The way out that the message names is one."""
    with SyncConnection(database) as connection:
        connection.execute(
            "CREATE TABLE alembic_version (version_num varchar(32));"
            "INSERT INTO alembic_version VALUES ('ffff00000042')"
        )
    ran = run("stamp", "--purge", "aaaa00000001")
    assert ran.code == 0, ran
    assert ran.out == (
        f"{database.shown} records aaaa00000001 in public.alembic_version; before: ffff00000042\n"
    )


def test_history_that_does_not_begin_empty(run: Run, project: Small) -> None:
    """A first revision that expects tables leads to `stamp`."""
    project.revision("aaaa00000001", None, 'op.execute("ALTER TABLE users ADD c int")')
    ran = run("upgrade")
    assert ran.code == 4
    assert "hint: This history does not build from an empty database." in ran.err
    assert "dbtool stamp REVISION" in ran.err


def test_tables_that_are_there_already(run: Run, database: Target) -> None:
    """A database made otherwise leads to `stamp` too."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE t1 (id int)")
    ran = run("upgrade")
    assert ran.code == 4
    assert "hint: The objects are there and no revision is recorded." in ran.err


@pytest.fixture
def reader(database: Target) -> Iterator[Target]:
    """A role that may only read."""
    role = f"reader_{database.database}"
    with SyncConnection(database) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        yield Target(database.host, database.port, role, database.database)
        connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_role_that_may_only_read(dbtool: Dbtool, project: Small, reader: Target) -> None:
    """Missing rights are named with the grant that is missing."""
    ran = dbtool("--url", plain(reader), "upgrade", "--yes", cwd=project.root)
    assert ran.code == 4
    said = "error: the version table could not be created: permission denied for schema public\n"
    assert ran.err.startswith(said)
    assert "GRANT USAGE, CREATE ON SCHEMA public" in ran.err
    assert "SQLSTATE 42501" in ran.err


@pytest.mark.parametrize("command", ["status", "check", "upgrade"])
def test_role_that_may_not_read_the_version_table(
    dbtool: Dbtool, project: Small, database: Target, reader: Target, command: str
) -> None:
    """What it needs is to read that table, which is named, and nothing in its schema."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    ran = dbtool(command, "--url", plain(reader), cwd=project.root)
    assert ran.code == 4
    assert "permission denied for table alembic_version" in ran.err
    grant = f"GRANT SELECT ON public.alembic_version TO {reader.user};"
    assert ran.err.rstrip().endswith(f"or let its owner run: {grant}"), ran.err
    with SyncConnection(database) as connection:
        connection.execute(grant)
    ran = dbtool("current", "--url", plain(reader), cwd=project.root)
    assert "records no revision" in ran.out, ran


@pytest.mark.parametrize("versions", ["alembic_version", '"Odd one"."Versions"'])
def test_version_table_that_is_not_even_seen(
    dbtool: Dbtool, project: Small, database: Target, reader: Target, versions: str
) -> None:
    """Without USAGE on its schema it looks as if there were none; the grants said are enough."""
    schema = versions.rpartition(".")[0] or "public"
    if schema != "public":
        env = (project.root / "migrations/env.py").read_text()
        options = "version_table='Versions', version_table_schema='Odd one'"
        project.env(env.replace("connection=connection", f"connection=connection, {options}"))
    with SyncConnection(database) as connection:
        connection.execute(
            f"CREATE SCHEMA IF NOT EXISTS {schema};"
            f"CREATE TABLE {versions} (version_num varchar(32) PRIMARY KEY);"
            f"REVOKE USAGE ON SCHEMA {schema} FROM PUBLIC"
        )
    ran = dbtool("check", "--url", plain(reader), cwd=project.root)
    assert (ran.code, "permission denied for schema" in ran.err) == (4, True), ran
    grants = ran.err.rstrip().partition("or let its owner run: ")[2]
    assert f"GRANT USAGE ON SCHEMA {schema} TO {reader.user};" in grants
    with SyncConnection(database) as connection:
        connection.execute(grants)
    ran = dbtool("current", "--url", plain(reader), cwd=project.root)
    assert (ran.code, "records no revision" in ran.out) == (0, True), ran


def test_version_table_that_env_py_sees_as_another_role(
    dbtool: Dbtool, project: Small, database: Target, reader: Target
) -> None:
    """A login that becomes the owner by SET ROLE needs no right of its own."""
    owner = f"owner_{database.database}"
    env = (project.root / "migrations/env.py").read_text()
    begin = "        context.configure("
    become = (
        f"        connection.exec_driver_sql('SET ROLE {owner}')\n        connection.commit()\n"
    )
    project.env(env.replace(begin, f"{become}{begin}"))
    with SyncConnection(database) as connection:
        connection.execute(
            f"CREATE ROLE {owner}; ALTER ROLE {reader.user} NOINHERIT;"
            f"GRANT {owner} TO {reader.user}; CREATE SCHEMA own AUTHORIZATION {owner};"
            "CREATE TABLE own.alembic_version (version_num varchar(32) PRIMARY KEY);"
            f"ALTER TABLE own.alembic_version OWNER TO {owner};"
            f"ALTER ROLE {reader.user} SET search_path = own"
        )
    try:
        ran = dbtool("check", "--url", plain(reader), cwd=project.root)
        assert (ran.code, ran.err) == (1, ""), ran
        assert "has 2 revisions pending" in ran.out
    finally:
        with SyncConnection(database) as connection:
            connection.execute(f"DROP OWNED BY {owner}; DROP ROLE {owner}")


@pytest.mark.pg(">=16")
def test_version_table_of_a_role_that_may_not_be_set(
    dbtool: Dbtool, project: Small, database: Target, reader: Target
) -> None:
    """Who is a member without its privileges and without SET cannot have seen what it sees."""
    owner = f"owner_{database.database}"
    with SyncConnection(database) as connection:
        connection.execute(
            f"CREATE ROLE {owner}; GRANT {owner} TO {reader.user} WITH INHERIT FALSE, SET FALSE;"
            f"CREATE SCHEMA own AUTHORIZATION {owner};"
            "CREATE TABLE own.alembic_version (version_num varchar(32) PRIMARY KEY);"
            f"ALTER TABLE own.alembic_version OWNER TO {owner};"
            f"ALTER ROLE {reader.user} SET search_path = own"
        )
    try:
        ran = dbtool("check", "--url", plain(reader), cwd=project.root)
        assert (ran.code, "permission denied for schema own" in ran.err) == (4, True), ran
        with SyncConnection(database) as connection:
            connection.execute(f"GRANT {owner} TO {reader.user} WITH INHERIT TRUE")
        ran = dbtool("check", "--url", plain(reader), cwd=project.root)
        assert (ran.code, ran.err) == (1, ""), ran
        assert "has 2 revisions pending" in ran.out
    finally:
        with SyncConnection(database) as connection:
            connection.execute(f"DROP OWNED BY {owner}; DROP ROLE {owner}")


def test_role_that_cannot_record_runs_no_revision(
    dbtool: Dbtool, project: Small, database: Target, reader: Target
) -> None:
    """What a revision commits by itself would stay, and nobody could say that it ran."""
    project.revision(
        "aaaa00000001",
        None,
        """
        with op.get_context().autocommit_block():
            op.execute("CREATE TABLE made (id int)")
        """,
    )
    with SyncConnection(database) as connection:
        connection.execute(
            "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);"
            "GRANT SELECT ON alembic_version TO PUBLIC; GRANT ALL ON SCHEMA public TO PUBLIC"
        )
    ran = dbtool("upgrade", "--url", plain(reader), "--yes", cwd=project.root)
    assert ran.code == 4
    assert f'the role "{reader.user}" may not record revisions: it has no INSERT' in ran.err
    assert f"INSERT, UPDATE, DELETE ON public.alembic_version TO {reader.user}." in ran.err
    planned = dbtool("upgrade", "--plan", "--url", plain(reader), cwd=project.root)
    assert planned.code == 0
    assert f'it would be refused here: the role "{reader.user}" may not record' in planned.err
    with SyncConnection(database) as connection:
        assert connection.fetchval("SELECT to_regclass('made')") is None
        connection.execute(f"GRANT INSERT ON alembic_version TO {reader.user}")
    ran = dbtool("upgrade", "aaaa00000001", "--url", plain(reader), "--yes", cwd=project.root)
    assert ran.code == 0, ran


def test_the_grant_names_what_was_denied() -> None:
    """Schema and quotes are those of the statement, the right is the one it lacked."""
    for message, statement, grant in (
        ("table versions", "SELECT n FROM tenant.versions", "SELECT ON tenant.versions"),
        ('table "Odd one"', 'DELETE FROM "Odd one"', 'DELETE ON "Odd one"'),
        ("schema closed", "SELECT 1 FROM closed.t", "USAGE ON SCHEMA closed"),
        ("schema public", "CREATE TABLE t ()", "USAGE, CREATE ON SCHEMA public"),
        ("sequence t_id_seq", "INSERT INTO t VALUES (1)", "USAGE ON SEQUENCE t_id_seq"),
    ):
        error = ServerError(f"permission denied for {message}", "42501", statement=statement)
        assert f"GRANT {grant} TO the role you use." in advice(error, from_empty=False)
    owner = ServerError("must be owner of table t", "42501", statement="ALTER TABLE t ADD a int")
    assert advice(owner, from_empty=False) == (
        "Run it as the role that owns these objects (--url)."
    )


def test_an_extension_is_asked_for_though_programs_are_named_wrongly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What failed is told, not what is wrong with a variable that has nothing to do with it."""
    monkeypatch.setenv("DBTOOL_PG_BIN", "/nowhere")
    error = ServerError('extension "postgis" is not available', "0A000")
    assert advice(error, from_empty=False).endswith("DBTOOL_PG_BIN can name other programs.")


def test_session_that_is_read_only(run: Run, database: Target) -> None:
    """A server or role that only reads says so."""
    with SyncConnection(database) as connection:
        connection.execute(
            f"ALTER DATABASE {database.database} SET default_transaction_read_only = on"
        )
    ran = run("upgrade")
    assert ran.code == 4
    assert f"{database.shown} cannot be changed in this session: it is read-only" in ran.err
    assert "No revision has run." in ran.err


def test_driver_that_is_missing(run: Run, project: Small, tables: Tables) -> None:
    """psycopg2 in the URL, and not in the environment."""
    project.env(
        """
        from sqlalchemy import create_engine
        create_engine("postgresql+psycopg2://localhost/app")
        """
    )
    ran = run("upgrade")
    assert ran.code == 2
    assert "error: env.py needs the driver psycopg2, which is not installed" in ran.err
    assert "postgresql+psycopg://" in ran.err
    assert tables() == []


def test_synchronous_engine_with_an_asynchronous_driver(
    run: Run, project: Small, database: Target
) -> None:
    """The usual mistake after a change of driver."""
    project.env(
        f"""
        from alembic import context
        from sqlalchemy import create_engine
        with create_engine("{database.sqlalchemy_url("asyncpg")}").connect() as connection:
            context.configure(connection=connection)
            context.run_migrations()
        """
    )
    ran = run("upgrade")
    assert (ran.code, ran.err) == (
        4,
        "error: env.py builds a synchronous engine with an asynchronous driver\n"
        "detail: asyncpg works with create_async_engine only.\n"
        "hint: Name a synchronous driver in the same URL: postgresql+psycopg:// instead of"
        " postgresql+asyncpg://. For the local server that is dbtool local url --driver psycopg.\n",
    )


def test_env_that_raises(run: Run, project: Small) -> None:
    """An exception of env.py: its place and words, without the password it quotes."""
    project.env('raise RuntimeError("cannot use postgresql://app:hunter2@db/app")')
    ran = run("upgrade")
    assert (ran.code, ran.err) == (
        2,
        "error: env.py failed\n"
        "detail: migrations/env.py, line 1: RuntimeError: cannot use postgresql://app:***@db/app\n",
    )


def test_env_that_exits(run: Run, project: Small) -> None:
    """An env.py that gives up is a failure, not a silent success."""
    project.env('raise SystemExit("no tenant given")')
    ran = run("upgrade")
    assert ran.code == 2
    assert "no tenant given" in ran.err


def test_models_that_cannot_be_imported(run: Run, project: Small) -> None:
    """An import error in the models is placed in the models."""
    project.env("import app.models")
    project.write("app/models.py", "import nothing_like_it\n")
    said = "app/models.py, line 1: ModuleNotFoundError: No module named 'nothing_like_it'"
    for words in ("check",), ("upgrade",), ("revision", "--autogenerate"), ("upgrade", "--sql"):
        ran = run(*words)
        assert ran.code == 2, ran
        assert said in ran.err


@pytest.mark.parametrize("line", ['__import__("os").environ["DATABASE_URL"]', "1 / 0"])
def test_env_that_nobody_told_the_database(dbtool: Dbtool, project: Small, line: str) -> None:
    """What env.py stumbles over before it connects is that no database is named."""
    project.env(line)
    ran = dbtool("upgrade", cwd=project.root)
    assert ran.code == 2
    assert ran.err.startswith(
        "error: env.py failed, and no database is named\ndetail: migrations/env.py, line 1: "
    )


def test_env_that_fails_once_it_is_connected(run: Run, project: Small) -> None:
    """From the first connection on it is the operation that failed."""
    env = (project.root / "migrations/env.py").read_text()
    project.env(env.replace("        context.configure(connection=connection)", "        1 / 0"))
    ran = run("upgrade")
    assert (ran.code, ran.err.startswith("error: env.py failed\n")) == (4, True), ran


def test_no_configuration(dbtool: Dbtool, tmp_path: Path) -> None:
    """Outside of any project."""
    for words in (("upgrade",), ("history",), ("check",)):
        ran = dbtool(*words, cwd=tmp_path)
        assert ran.code == 2
        assert ran.err.startswith("error: no Alembic configuration was found\n")
        assert "dbtool init" in ran.err


def test_configuration_in_a_subdirectory_is_proposed(dbtool: Dbtool, tmp_path: Path) -> None:
    """A configuration further down is named."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend/alembic.ini").write_text("[alembic]\n")
    ran = dbtool("heads", cwd=tmp_path)
    assert ran.code == 2
    assert "hint: Did you mean -c backend/alembic.ini?" in ran.err


def test_section_without_a_location(dbtool: Dbtool, project: Small) -> None:
    """The sections that would do are named."""
    project.write("alembic.ini", "[shop]\nscript_location = migrations\n")
    ran = dbtool("heads", cwd=project.root)
    assert (ran.code, ran.err) == (
        2,
        'error: alembic.ini has no script_location in its section "alembic"\n'
        "hint: Choose a section: -n shop.\n",
    )
    assert dbtool("heads", "-n", "shop", cwd=project.root).code == 0


def test_location_that_is_not_there(dbtool: Dbtool, project: Small) -> None:
    """A script_location that leads nowhere."""
    project.write("alembic.ini", "[alembic]\nscript_location = elsewhere\n")
    ran = dbtool("upgrade", cwd=project.root)
    assert (ran.code, ran.err) == (
        2,
        "error: alembic.ini: script_location leads to no env.py\n"
        f"detail: There is no {project.root / 'elsewhere'}.\n"
        "hint: Correct script_location, or run dbtool init to set up migrations.\n",
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "import nothing_like_it",
            "line 12: ModuleNotFoundError: No module named 'nothing_like_it'",
        ),
        ("def (", "line 12: SyntaxError: invalid syntax"),
    ],
)
def test_revision_that_cannot_be_imported(
    run: Run, project: Small, tables: Tables, line: str, said: str
) -> None:
    """A broken file stops an upgrade before it begins; its header is still read."""
    path = project.root / "migrations/versions/aaaa00000002.py"
    path.write_text(f"{path.read_text()}{line}\n")
    ran = run("upgrade")
    assert ran.code == 4
    assert ran.err.startswith(
        "error: migrations/versions/aaaa00000002.py cannot be imported\n"
        f"detail: migrations/versions/aaaa00000002.py, {said}\n"
    )
    assert tables() == []
    assert run("heads").code == 0


def test_parent_that_no_file_has(run: Run, project: Small) -> None:
    """A missing down_revision is named with the file that names it."""
    (project.root / "migrations/versions/aaaa00000001.py").unlink()
    for words in (("upgrade",), ("heads",), ("history",)):
        ran = run(*words)
        assert (ran.code, ran.err) == (
            4,
            "error: revision aaaa00000001 is named as a parent and no file has it\n"
            "detail: migrations/versions/aaaa00000002.py names it.\n"
            "hint: Restore the missing file, or correct down_revision.\n",
        )


def test_two_files_of_one_revision(run: Run, project: Small) -> None:
    """Of two files with one id Alembic would run one; that is an error here."""
    versions = project.root / "migrations/versions"
    (versions / "copy.py").write_text((versions / "aaaa00000002.py").read_text())
    for words in (("upgrade",), ("heads",)):
        ran = run(*words)
        assert ran.code == 4
        assert ran.err.startswith("error: two files are revision aaaa00000002\n")
        assert "migrations/versions/copy.py" in ran.err


@pytest.mark.parametrize("name", ["base", "head", "heads"])
def test_a_revision_called_like_an_end(run: Run, project: Small, name: str) -> None:
    """Alembic ends in an assertion on base, and walks past head and heads; that is an error."""
    project.revision(name, "aaaa00000002")
    ran = run("history")
    assert ran.code == 4
    assert ran.err.startswith(f"error: a revision is called {name}, which Alembic has for an end")
    assert "detail: migrations/versions/" in ran.err


def test_circle(run: Run, project: Small) -> None:
    """Revisions that follow each other in a circle."""
    project.revision("aaaa00000001", "aaaa00000002")
    ran = run("heads")
    assert ran.code == 4
    assert "error: the revisions form a circle" in ran.err


def test_unknown_revision(run: Run, tables: Tables) -> None:
    """Near names are proposed."""
    ran = run("upgrade", "aaab00000002")
    assert ran.code == 2
    assert ran.err.startswith(
        'error: there is no revision "aaab00000002"\nhint: Did you mean aaaa00000002'
    )
    assert tables() == []


def test_ambiguous_revision(run: Run) -> None:
    """The beginning of several ids lists them."""
    ran = run("upgrade", "aaaa0")
    assert (ran.code, ran.err) == (
        2,
        'error: "aaaa0" fits 2 revisions\n'
        "detail: aaaa00000001 aaaa00000001 does something.\n"
        "        aaaa00000002 aaaa00000002 does something.\n"
        "hint: Give more characters of the one you mean.\n",
    )


def test_several_heads(run: Run, project: Small, tables: Tables) -> None:
    """`head` of a branched history lists the heads with their labels; `heads` works."""
    project.revision("bbbb00000001", "aaaa00000001", branch_labels=("contract",))
    ran = run("upgrade")
    assert (ran.code, ran.err) == (
        2,
        'error: "head" is not one revision: there are 2 heads\n'
        "detail: aaaa00000002 aaaa00000002 does something.\n"
        "        bbbb00000001 (contract) bbbb00000001 does something.\n"
        "hint: Use dbtool upgrade heads for all of them, contract@head for one branch,"
        " or join them with dbtool merge heads.\n",
    )
    assert tables() == []
    assert run("upgrade", "contract@head").code == 0
    assert run("upgrade", "heads").code == 0


@pytest.mark.parametrize("words", [("upgrade", "+5"), ("downgrade", "-5", "--yes")])
def test_relative_revision_beyond_the_end(run: Run, words: tuple[str, ...]) -> None:
    """A step too far is the user's mistake."""
    ran = run(*words)
    assert ran.code == 2
    assert f'"{words[1]}" goes beyond the end of the history' in ran.err


def test_range_without_sql(run: Run) -> None:
    """A range is for --sql."""
    ran = run("upgrade", "aaaa00000001:head")
    assert ran.code == 2
    assert "Give its end alone: head." in ran.err


def test_downgrade_sql_without_a_range(run: Run) -> None:
    """Offline there is no database to say where to begin."""
    ran = run("downgrade", "base", "--sql")
    assert ran.code == 2
    assert "dbtool downgrade head:base --sql" in ran.err


def test_option_that_does_not_exist(run: Run) -> None:
    """A word like -1 is a revision, a mistyped option beside it is not."""
    ran = run("downgrade", "-1", "--yse")
    assert ran.code == 2


def test_error_as_json(run: Run) -> None:
    """A failure prints the envelope too."""
    ran = run("upgrade", "nope", "--json")
    assert ran.code == 2
    assert '"error": {"message": "there is no revision \\"nope\\""' in ran.out


@pytest.fixture
def full_disk() -> Iterator[Path]:
    """A small file system for a tablespace."""
    with small_disk("4m") as directory:
        yield directory


def test_disk_that_is_full(
    run: Run, project: Small, database: Target, full_disk: Path, tables: Tables
) -> None:
    """A full disk is the server's, and everything is rolled back."""
    space = f"full_{database.database}"
    with SyncConnection(database) as connection:
        connection.execute(f"CREATE TABLESPACE {space} LOCATION '{full_disk}'")
    project.revision(
        THIRD,
        "aaaa00000002",
        f"""
        op.execute('''
            CREATE TABLE big TABLESPACE {space}
            AS SELECT repeat('x', 1000) FROM generate_series(1, 10000)
        ''')
        """,
    )
    ran = run("upgrade")
    with SyncConnection(database) as connection:
        connection.execute(f"DROP TABLESPACE {space}")
    assert ran.code == 4
    assert "No space left on device" in ran.err
    assert "hint: The server's disk is full. Free space there, then run it again." in ran.err
    assert tables() == []


OUR_SESSION = (
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
    " WHERE application_name = 'dbtool migrations' AND datname = current_database()"
)


def test_our_own_connection_is_lost(run: Run, project: Small, database: Target) -> None:
    """Without the lock that keeps other runs away no revision is recorded."""
    project.revision(THIRD, "aaaa00000002", f'op.execute("{OUR_SESSION}")')
    ran = run("upgrade")
    assert ran.code == 4
    assert "error: the lock that keeps other runs away was lost" in ran.err
    assert f"{database.shown} stands at no revision, as before." in ran.err
    assert f"{database.shown} records no revision" in run("current").out


AFTERWARDS = f"""{FROM_CONFIG.rstrip()}
        connection.exec_driver_sql("{OUR_SESSION}")
        connection.commit()
"""


def test_our_own_connection_is_lost_behind_the_run(
    run: Run, project: Small, database: Target
) -> None:
    """What was committed is seen by another connection."""
    project.env(AFTERWARDS)
    ran = run("upgrade", "-y")
    assert ran.code == 0, ran.err


def test_connection_of_env_is_lost(run: Run, project: Small, database: Target) -> None:
    """The server ends the session in the middle of a revision."""
    project.revision(
        THIRD, "aaaa00000002", 'op.execute("SELECT pg_terminate_backend(pg_backend_pid())")'
    )
    ran = run("upgrade")
    assert ran.code == 4
    assert f"revision {THIRD} ({THIRD} does something.) failed: " in ran.err
    assert f"{database.shown} stands at no revision, as before." in ran.err


def test_server_of_env_is_down(dbtool: Dbtool, project: Small) -> None:
    """Where env.py names the database, a failed connection is a failed connection."""
    project.env(
        """
        from sqlalchemy import create_engine
        create_engine("postgresql+psycopg://app@127.0.0.1:1/app").connect()
        """
    )
    ran = dbtool("upgrade", cwd=project.root)
    assert ran.code == 3, ran
    assert "no server listens at 127.0.0.1:1" in ran.err


def test_sql_to_a_file_and_as_json(run: Run, tmp_path: Path) -> None:
    """`--sql` goes where the report would go."""
    ran = run("upgrade", "--sql", "-o", str(tmp_path / "up.sql"))
    assert (ran.code, ran.out) == (0, "")
    text = (tmp_path / "up.sql").read_text()
    assert text.startswith("BEGIN;\n")
    data = json.loads(run("upgrade", "--sql", "--json").out)["data"]
    assert data == {"sql": text, "with_parameters": []}


def test_type_left_by_a_downgrade(run: Run, project: Small) -> None:
    """The hint names the type, and proposes no false record."""
    up = """op.execute("CREATE TYPE status AS ENUM ('new')")"""
    project.revision("aaaa00000001", None, up, "pass")
    assert run("upgrade", "aaaa00000001").code == 0
    assert run("downgrade", "base", "-y").code == 0
    ran = run("upgrade")
    assert ran.code == 4
    assert "an earlier downgrade left it behind: DROP TYPE status." in ran.err
    assert "stamp" not in ran.err


def test_not_null_over_rows(run: Run, project: Small, database: Target) -> None:
    """The hint names the two ways."""
    assert run("upgrade").code == 0
    with SyncConnection(database) as connection:
        connection.execute("INSERT INTO t1 VALUES (1)")
    project.revision(
        THIRD, "aaaa00000002", 'op.add_column("t1", sa.Column("c", sa.Text, nullable=False))'
    )
    assert "give the column a server_default, or add it nullable" in run("upgrade").err


def test_name_nobody_imported(run: Run, project: Small) -> None:
    """A type autogenerate wrote, of a library the template does not import."""
    project.revision(THIRD, "aaaa00000002", "sqlmodel.sql.sqltypes.AutoString()")
    assert "Add import sqlmodel to the revision, and to script.py.mako" in run("upgrade").err


def test_no_slot_left_for_env_py(project: Small, dbtool: Dbtool) -> None:
    """Our own connection took the last one: that is a full server, not a broken env.py."""
    limits = {"max_connections": "5", "superuser_reserved_connections": "0"}
    with throwaway(MAJOR, settings=limits) as server:
        target = server.target()
        others = [SyncConnection(target) for _ in range(4)]
        ran = dbtool("--url", plain(target), "upgrade", "-y", cwd=project.root)
        for other in others:
            other.close()
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: all connection slots are used at ")
