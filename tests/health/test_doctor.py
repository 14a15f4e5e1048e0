"""doctor on real servers: each rule finds what is there, and nothing where all is well."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import UsageError
from dbtool.finding import Finding, Fix, Severity, Unknown, rule_name
from dbtool.health import locks, now, pool
from dbtool.health.doctor import baseline
from dbtool.health.doctor.examined import Examined, read
from dbtool.health.doctor.grants import needs
from dbtool.health.doctor.instance import Counts, Pin, Roles
from dbtool.health.doctor.rules import DOCTOR
from dbtool.health.parts import Gap
from dbtool.health.view_doctor import choose, doctor_report, judged
from dbtool.render.screen import Screen
from dbtool.render.terminal import render
from dbtool.scratch.server import Server
from tests.conftest import MAJOR, Dbtool
from tests.health.waiting import running, waiting
from tests.proxy import proxy

DAY = 86_400
PARTS = {each.name for each in fields(Examined)} - {
    *("endpoint", "server", "rights", "sight", "gaps")
}
SICK = """
CREATE TABLE parent (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, b int, c text);
CREATE TABLE child (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id bigint REFERENCES parent, x int, y int);
CREATE INDEX child_x ON child (x);
CREATE INDEX child_x_again ON child (x);
CREATE INDEX child_x_y ON child (x, y);
CREATE INDEX child_few ON child (x) WHERE y > 5;
CREATE INDEX child_few_too ON child (x)  WHERE  y>5;
CREATE TABLE "no key" (a int);
ALTER TABLE child ADD CONSTRAINT positive CHECK (x > 0) NOT VALID;
CREATE MATERIALIZED VIEW empty_view AS SELECT 1 AS one WITH NO DATA;
CREATE TABLE numbered (id serial PRIMARY KEY, small smallint);
SELECT setval('numbered_id_seq', 2000000000);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION nothing();
ALTER TABLE child DISABLE TRIGGER t;
CREATE TABLE loaded (id int PRIMARY KEY, v text) WITH (autovacuum_enabled = off);
INSERT INTO loaded SELECT g, 'x' FROM generate_series(1, 30000) g;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA anyone;
GRANT CREATE ON SCHEMA anyone TO PUBLIC
"""
WELL = """
CREATE TABLE parent (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int);
CREATE TABLE child (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent_id bigint REFERENCES parent, x int CHECK (x > 0));
CREATE INDEX ON child (parent_id, x);
CREATE INDEX ON child (x) WHERE parent_id > 5;
CREATE INDEX ON child (x DESC NULLS FIRST);
CREATE INDEX ON child USING hash (x);
CREATE MATERIALIZED VIEW filled AS SELECT 1 AS one;
CREATE TABLE parts (id bigint PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
INSERT INTO parent (a) SELECT g FROM generate_series(1, 30000) g;
ANALYZE
"""
OF_THE_SERVER = {"setting-loses-data", "evidence-not-kept", "checkpoints-forced"}
"""What every throwaway server has: it does without fsync, and copies databases."""


def run(target: Target, script: str) -> None:
    """Run a script and have its changes counted before it goes on to analyse them."""
    statements = script.split(";\n")
    # Before 15 only the end of a session has all it counted sent.
    for part in [statements] if MAJOR >= 15 else [[each] for each in statements]:
        with SyncConnection(target, application_name="psql") as connection:
            for statement in part:
                connection.execute(statement)
                if MAJOR >= 15 and statement.startswith("INSERT"):
                    connection.execute("SELECT pg_stat_force_next_flush()")


def built(server: Server, name: str, script: str) -> Iterator[Target]:
    """A database that a script made, its counters written out."""
    target = server.create_database(name)
    run(target, script)
    yield target
    server.drop_database(name)


@pytest.fixture(scope="module")
def sick(server: Server) -> Iterator[Target]:
    """A database with one of each."""
    yield from built(server, "sick", SICK)


@pytest.fixture(scope="module")
def well(server: Server) -> Iterator[Target]:
    """A database with nothing to mend in it."""
    yield from built(server, "well", WELL)


@pytest.fixture(scope="module")
def seen(sick: Target) -> Examined:
    """What was read of the sick one."""
    return read(sick)


def found(examined: Examined, rule: str) -> list[Finding]:
    """What one rule says about single objects."""
    said = [each for one in choose([rule], []) for each in one.check(examined)]
    return [each for each in said if isinstance(each, Finding)]


@pytest.mark.parametrize(
    ("rule", "titles"),
    [
        ("index-twice", ["public.child_x_again is the same", "public.child_few_too is the same"]),
        (
            "index-begins-another",
            [
                "public.child_x is the beginning of public.child_x_y",
                "public.child_x_again is the beginning of public.child_x_y",
            ],
        ),
        ("reference-not-indexed", ["no index on public.child begins with parent_id, which refer"]),
        ("table-has-no-key", ['public."no key" has no primary key']),
        ("constraint-never-validated", ["constraint positive on public.child"]),
        ("view-never-filled", ["materialized view public.empty_view"]),
        ("key-runs-out", ["public.numbered.id (integer) has used 93 % of its numbers"]),
        ("trigger-left-disabled", ["public.child: t is switched off"]),
        ("autovacuum-switched-off", ["autovacuum does not look after public.loaded"]),
        ("statistics-stale", ["public.loaded: 30,000 changes"]),
        ("schema-open-to-all", ["every role may create objects in schema anyone"]),
    ],
)
def test_what_is_there_is_found(seen: Examined, rule: str, titles: list[str]) -> None:
    """Each object by itself, and nothing else."""
    said = sorted(each.title for each in found(seen, rule))
    assert len(said) == len(titles), said
    for title in titles:
        assert any(title in each for each in said), said
    assert all(each.location and each.location.name for each in found(seen, rule))


def test_nothing_is_found_where_all_is_well(well: Target) -> None:
    """Partial, descending and hash indexes, partitions and a covered key are no concern."""
    data, unknowns = judged(read(well), DOCTOR, baseline.Known())
    assert {each.rule for each in data.each} <= OF_THE_SERVER
    assert unknowns == ()


def test_every_fix_runs(server: Server) -> None:
    """After what is proposed, the rules that proposed it find nothing."""
    target = server.create_database("mended")
    mended = {"index-twice", "reference-not-indexed", "constraint-never-validated"}
    mended |= {"view-never-filled", "trigger-left-disabled", "statistics-stale"}
    mended |= {"autovacuum-switched-off", "schema-open-to-all", "index-begins-another"}
    run(target, SICK)
    said = [each for rule in sorted(mended) for each in found(read(target), rule)]
    assert {each.rule for each in said} == mended
    fixes = dict.fromkeys(each.fix.code for each in said if each.fix)
    with SyncConnection(target, application_name="psql") as connection:
        for fix in fixes:
            connection.execute(fix)
    again = read(target)
    assert [each for rule in sorted(mended) for each in found(again, rule)] == []
    server.drop_database("mended")


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("t", "a"),
        ('"Odd ""name"".x"', '"the Key"'),
        ("a" * 60, "b" * 5),
        ("a" * 5, "b" * 60),
        ("a" * 60, "b" * 61),
        (f'"{"ä" * 31}"', f'"{"ö" * 31}"'),
    ],
)
def test_the_name_of_an_index_to_create(database: Target, table: str, column: str) -> None:
    """It is the one that PostgreSQL chooses, and the next one where that is taken."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE p (id int PRIMARY KEY); CREATE SCHEMA other")
        for schema in ("other", "public"):
            connection.execute(f"CREATE TABLE {schema}.{table} ({column} int REFERENCES p, x int)")
        connection.execute(f"CREATE INDEX ON other.{table} ({column})")
        for _ in range(2):
            (finding,) = found(read(database), "reference-not-indexed")
            assert finding.fix
            connection.execute(f"CREATE INDEX ON public.{table} ({column})")
            (chosen,) = connection.fetch(
                "SELECT c.oid, quote_ident(relname) AS name FROM pg_class c"
                " JOIN pg_index i ON i.indexrelid = c.oid"
                f" WHERE i.indrelid = 'public.{table}'::regclass"
                " ORDER BY c.oid DESC LIMIT 1"
            )
            begun = f"CREATE INDEX CONCURRENTLY {chosen['name']} ON public."
            assert finding.fix.code.startswith(begun), finding.fix.code
            name = f"public.{chosen['name']}"
            connection.execute(
                f"DROP INDEX {name}; CREATE INDEX {chosen['name']} ON public.{table} (x)"
            )


def test_names_of_several_indexes_to_create(database: Target) -> None:
    """No two are the same, none is that of a table or sequence, and no index is told twice."""
    long = "c" * 60
    script = f"""
        CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE q (id int PRIMARY KEY);
        CREATE TABLE a (b_c int REFERENCES p); CREATE TABLE a_b (c int REFERENCES p);
        CREATE TABLE {"t" * 60} ({long}1 int REFERENCES p, {long}2 int REFERENCES p);
        CREATE TABLE twice (k int REFERENCES p REFERENCES q);
        CREATE TABLE lines (k int REFERENCES p); CREATE TABLE lines_k_idx (x int);
        CREATE TABLE "Odd" (k int REFERENCES p); CREATE SEQUENCE "Odd_k_idx"
    """
    with SyncConnection(database, application_name="psql") as connection:
        connection.execute(script)
        said = found(read(database), "reference-not-indexed")
        assert len(said) == 7
        for each in said:
            assert each.fix
            connection.execute(each.fix.code)
    assert found(read(database), "reference-not-indexed") == []


def test_the_index_of_a_partitioned_table(database: Target) -> None:
    """PostgreSQL makes none CONCURRENTLY there: each partition's own is attached to it.

    What locks the whole gives up soon, and CONCURRENTLY does not; what is begun is gone on with.
    """
    with SyncConnection(database, application_name="psql") as connection:
        connection.execute(
            "CREATE TABLE p (id int PRIMARY KEY);"
            "CREATE TABLE parts (k int REFERENCES p) PARTITION BY LIST (k);"
            "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);"
            "CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2)"
        )
        (finding,) = found(read(database), "reference-not-indexed")
        assert finding.fix
        wait, create, *steps = finding.fix.code.splitlines()
        connection.execute(wait)
        assert connection.fetchval("SHOW lock_timeout") == "2s"
        connection.execute(create)
        _for_partition(connection, steps, "parts_1")
        (finding,) = found(read(database), "reference-not-indexed")
        assert finding.fix
        begun, *rest = finding.fix.code.splitlines()
        assert begun == "-- public.parts_k_idx is begun, and not valid yet"
        assert rest == steps
        _for_partition(connection, rest, "parts_2")
    assert found(read(database), "reference-not-indexed") == []


def _for_partition(connection: SyncConnection, steps: list[str], name: str) -> None:
    """Run what is to be done for each partition, which stands last."""
    for line, timeout in zip(steps[-4:], ("0", "0", "2s", "2s"), strict=True):
        connection.execute(_said(line, name))
        assert connection.fetchval("SHOW lock_timeout") == timeout


def _said(line: str, name: str) -> str:
    """A line of the advice, for one partition."""
    said = line.removeprefix("-- ").replace("its_name", name)
    return said.replace("its_index", f"{name}_k_idx")


def test_the_index_of_a_partition_that_is_partitioned(database: Target) -> None:
    """It is made like that of the whole, and is valid when its own partitions' are attached."""
    with SyncConnection(database, application_name="psql") as connection:
        connection.execute(
            "CREATE TABLE p (id int PRIMARY KEY);"
            "CREATE TABLE parts (k int REFERENCES p) PARTITION BY LIST (k);"
            "CREATE TABLE part PARTITION OF parts FOR VALUES IN (1) PARTITION BY LIST (k);"
            "CREATE TABLE leaf PARTITION OF part DEFAULT"
        )
        (finding,) = found(read(database), "reference-not-indexed")
        assert finding.fix
        wait, create, *steps = finding.fix.code.splitlines()
        connection.execute(wait)
        connection.execute(create)
        connection.execute(create.replace("parts", "part"))
        connection.execute(_said(steps[-1], "part"))
        _for_partition(connection, [line.replace("parts_k", "part_k") for line in steps], "leaf")
    assert found(read(database), "reference-not-indexed") == []


def test_rows_of_a_table_without_an_index(database: Target) -> None:
    """Those of a partitioned table are in its partitions, and who was never counted has some."""
    with SyncConnection(database, application_name="psql") as connection:
        connection.execute(
            "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1);"
            "CREATE TABLE plain (k int REFERENCES p); INSERT INTO plain VALUES (1);"
            "CREATE TABLE whole (k int REFERENCES p) PARTITION BY LIST (k);"
            "CREATE TABLE half PARTITION OF whole FOR VALUES IN (1) PARTITION BY LIST (k);"
            "CREATE TABLE leaf PARTITION OF half DEFAULT;"
            "CREATE TABLE rest PARTITION OF whole DEFAULT;"
            "INSERT INTO whole SELECT 1 FROM generate_series(1, 20000)"
        )
        assert _told(database) == {
            "public.plain.plain_k_fkey": "nobody has counted all its rows: ANALYZE public.plain",
            "public.whole.whole_k_fkey": "nobody has counted all its rows: ANALYZE public.whole",
        }
        connection.execute("ANALYZE leaf")
        (evidence,) = [told for told in _told(database).values() if "to read" in told]
        assert evidence.startswith("at least 20,000 rows, ")
        connection.execute("ANALYZE")
        told = _told(database)
        assert told["public.plain.plain_k_fkey"] == "about 1 row, 8.0 kB to read"
        assert told["public.whole.whole_k_fkey"].startswith("about 20,000 rows, ")
    (finding,) = (
        each
        for each in found(read(database), "reference-not-indexed")
        if each.location and each.location.name == "public.whole.whole_k_fkey"
    )
    assert finding.severity is Severity.WARNING


def _told(database: Target) -> dict[str, str]:
    return {
        str(each.location and each.location.name): each.evidence[0]
        for each in found(read(database), "reference-not-indexed")
    }


def test_an_index_that_failed_to_build(database: Target) -> None:
    """It is invalid; the one being built by somebody else is not meant."""
    with SyncConnection(database) as connection:
        connection.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)")
        with pytest.raises(Exception, match="could not create unique index"):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY once ON t (a)")
        with SyncConnection(database) as commenting:
            # It holds the same lock, on what is no relation.
            commenting.execute("BEGIN; COMMENT ON SCHEMA public IS 'ours'")
            (finding,) = found(read(database), "index-invalid")
    assert finding.fix
    assert finding.fix.code == "REINDEX INDEX CONCURRENTLY public.once;"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY anew ON t (a)",
        "REINDEX TABLE CONCURRENTLY t",
        "REINDEX INDEX CONCURRENTLY one",
        "DROP INDEX CONCURRENTLY one",
    ],
)
def test_an_index_that_somebody_works_on(database: Target, statement: str) -> None:
    """It is invalid for as long; left behind, it is told, with what ends that."""
    with SyncConnection(database) as admin, SyncConnection(database) as writer:
        admin.execute(
            "CREATE TABLE t (a int); CREATE INDEX one ON t (a); CREATE INDEX two ON t (a)"
        )
        writer.execute("BEGIN; INSERT INTO t VALUES (1)")
        with waiting(database, statement):
            assert [each.valid for each in read(database).indexes or ()].count(False) > 0
            assert found(read(database), "index-invalid") == []
        left = found(read(database), "index-invalid")
        writer.execute("ROLLBACK")
        for each in left:
            assert each.fix
            admin.execute(each.fix.code)
    assert left
    assert found(read(database), "index-invalid") == []


@pytest.mark.parametrize(
    "beside", ["", "COMMENT ON INDEX anew IS 'x'", "ALTER INDEX anew SET (fillfactor = 90)"]
)
def test_a_key_whose_index_is_being_built(database: Target, beside: str) -> None:
    """Nobody is told to build it a second time; what is left of a failed build does not count."""
    with (
        SyncConnection(database) as admin,
        SyncConnection(database) as writer,
        SyncConnection(database) as other,
    ):
        admin.execute("CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (a int REFERENCES p)")
        writer.execute("BEGIN; INSERT INTO t VALUES (NULL)")
        with waiting(database, "CREATE INDEX CONCURRENTLY anew ON t (a)"):
            other.execute(f"BEGIN; {beside}")
            assert found(read(database), "reference-not-indexed") == []
            other.execute("ROLLBACK")
        assert len(found(read(database), "reference-not-indexed")) == 1


@pytest.mark.parametrize(
    ("statement", "many"),
    [
        ("DROP INDEX CONCURRENTLY one", 1),
        ("REINDEX INDEX CONCURRENTLY one", 0),
    ],
)
@pytest.mark.parametrize("valid", [True, False])
def test_a_key_whose_index_is_being_dropped(
    database: Target, statement: str, many: int, *, valid: bool
) -> None:
    """It does not count from when it is invalid; one that is built again does, valid or not yet."""
    with SyncConnection(database) as admin, SyncConnection(database) as writer:
        admin.execute("CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (a int REFERENCES p)")
        admin.execute("CREATE INDEX one ON t (a); SET allow_system_table_mods = on")
        admin.execute(
            f"UPDATE pg_index SET indisvalid = {valid} WHERE indexrelid = 'one'::regclass"
        )
        writer.execute("BEGIN; INSERT INTO t VALUES (NULL)")
        with waiting(database, statement):
            assert len(found(read(database), "reference-not-indexed")) == many


def test_an_index_whose_drop_was_interrupted(database: Target) -> None:
    """Nobody wants it built again; writes have let go of it already."""
    with SyncConnection(database) as admin:
        admin.execute("CREATE TABLE t (a int); CREATE INDEX one ON t (a)")
        admin.execute("SET allow_system_table_mods = on")
        admin.execute(
            "UPDATE pg_index SET indisvalid = false, indisready = false, indislive = false"
            " WHERE indexrelid = 'one'::regclass"
        )
        (finding,) = found(read(database), "index-invalid")
        assert finding.fix
        admin.execute(finding.fix.code)
    assert finding.title.endswith("is invalid: neither written to nor read")
    assert found(read(database), "index-invalid") == []


def test_an_index_that_another_role_may_be_building(database: Target) -> None:
    """A plain role does not see which index somebody builds: those of the table are unknown."""
    (rule,) = choose(["index-invalid"], [])
    plain = replace(database, user="index_plain")
    with SyncConnection(database) as admin, SyncConnection(database) as writer:
        admin.execute("CREATE ROLE index_plain LOGIN; CREATE TABLE t (a int)")
        writer.execute("BEGIN; INSERT INTO t VALUES (1)")
        with waiting(database, "CREATE INDEX CONCURRENTLY anew ON t (a)"):
            (told,) = rule.check(read(plain))
        (left,) = rule.check(read(plain))
        admin.execute("DROP ROLE index_plain")
    assert isinstance(told, Unknown)
    assert told.reason == (
        "another role builds an index on public.t, and role index_plain may not see whether it is"
        " public.anew"
    )
    assert told.decide == "GRANT pg_monitor TO index_plain"
    assert isinstance(left, Finding)


def test_thresholds(seen: Examined) -> None:
    """What takes weeks or gigabytes to come about, told of rows that were really read."""
    assert seen.counts is not None
    assert seen.tables is not None
    assert seen.indexes is not None
    quiet = replace(
        seen,
        counts=Counts(0, 0, 0, 0, 0, 100, 40 * DAY, 100, 10),
        roles=Roles((), (), (), 0, ()),
        horizon=(Pin("session", "pid 7, api", 5_000_000, 20.0), Pin("standby", "b", 9_000, None)),
    )
    rules = ("checkpoints-forced", "deadlocks-happen", "temporary-files-heavy", "checksum-failed")
    roles = ("role-is-superuser", "role-owns-tables", "connections-unencrypted")
    for rule in (*rules, *roles, "horizon-pinned", "index-never-scanned", "dead-rows-pile-up"):
        assert found(quiet, rule) == [], rule
    big = tuple(replace(each, bytes=20 << 20) for each in seen.indexes)
    dead = tuple(replace(each, dead=50_000, dead_limit=100.0) for each in seen.tables)
    bad = replace(
        quiet,
        counts=Counts(300, 0, 50 * DAY << 20, 9, 2, 100, 40 * DAY, 10, 90),
        roles=Roles(("root",), ("api",), (), 3, ("old",)),
        horizon=(Pin("prepared transaction", "o'clock", 20_000_000, 4000.0),),
        indexes=big,
        tables=dead,
    )
    for rule in (*rules, *roles, "horizon-pinned", "password-hashed-weakly"):
        assert len(found(bad, rule)) == 1, rule
    (pinned,) = found(bad, "horizon-pinned")
    assert pinned.severity is Severity.ERROR
    assert pinned.fix
    assert pinned.fix.code == "ROLLBACK PREPARED 'o''clock';"
    slots = [Pin("replication slot", "s", 20_000_000, None, used) for used in (False, True)]
    held = replace(bad, horizon=(Pin("session", "pid 4711, backup", 20_000_000, 4000.0), *slots))
    assert [each.fix and each.fix.code for each in found(held, "horizon-pinned")] == [
        "dbtool kill 4711 --dry-run",
        "SELECT pg_drop_replication_slot('s');",
        None,
    ]
    free, used = found(held, "horizon-pinned")[1:]
    assert (free.location, used.title) == (used.location, f"used {free.title}")
    unused = {each.location.name for each in found(bad, "index-never-scanned") if each.location}
    assert {"public.child_x_y", "public.child_few"} <= unused
    assert "public.child_pkey" not in unused
    young = replace(bad, counts=Counts(0, 0, 0, 0, 0, 1, 3 * DAY, 0, 0))
    assert found(young, "index-never-scanned") == []
    assert len(found(bad, "dead-rows-pile-up")) == len(dead)


def test_who_pins_the_horizon(server: Server, database: Target) -> None:
    """Who has written and is not done, also in another database; who reads, in its own alone."""
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1"
    with ExitStack() as stack:

        def session(target: Target, name: str, sql: str) -> None:
            stack.enter_context(SyncConnection(target, application_name=name)).execute(sql)

        session(database, "writer", "BEGIN; SELECT pg_current_xact_id()")
        session(database, "reader", begin)
        session(server.target(), "stranger", begin)
        session(server.target(), "writer elsewhere", "BEGIN; SELECT pg_current_xact_id()")
        session(database, "done", "SELECT pg_current_xact_id()")
        seen = [read(each) for each in (database, server.target())]
        idle = pool.read(database).idle_transactions
    ours, theirs = ({pin.name.partition(", ")[2] for pin in each.horizon or ()} for each in seen)
    known = {"writer", "reader", "stranger", "writer elsewhere", "done"}
    assert ours & known == {"writer", "reader", "writer elsewhere"}
    assert theirs & known == {"writer", "stranger", "writer elsewhere"}
    assert [each.holds_horizon for each in idle if each.application == "writer"] == [True]


def test_a_vacuum_keeps_no_rows_from_another(database: Target) -> None:
    """The server passes over its snapshot where it looks for the horizon, however long it runs."""
    slow = f"ALTER DATABASE {database.database} SET vacuum_cost_"
    with SyncConnection(database) as connection:
        connection.execute(f"{slow}delay = 100; {slow}limit = 1")
        connection.execute(
            "CREATE TABLE t WITH (autovacuum_enabled = off, fillfactor = 10) AS"
            " SELECT repeat('x', 900) FROM generate_series(1, 1500)"
        )
    with running(database, "VACUUM t", "sweeper", "VacuumDelay") as pid:
        with SyncConnection(database) as connection:
            snapshot = f"SELECT backend_xmin FROM pg_stat_activity WHERE pid = {pid}"
            assert connection.fetchval(snapshot)
        examined = read(database)
    assert [pin.name for pin in examined.horizon or () if "sweeper" in pin.name] == []


def test_bloat_is_estimated_from_the_statistics(server: Server) -> None:
    """A table whose rows went is mostly unused space, and one that is full is not."""
    target = server.create_database("bloated")
    with SyncConnection(target) as connection:
        for name in ("full", "emptied"):
            rows = "SELECT g, repeat('x', 200) FROM generate_series(1, 8000) g"
            connection.execute(f'CREATE TABLE "{name}" AS {rows}')
        connection.execute("DELETE FROM emptied WHERE g % 4 > 0")
        connection.execute("VACUUM ANALYZE")
    examined = read(target)
    server.drop_database("bloated")
    assert examined.bloat is not None
    wasted = {each.table: each.wasted / each.bytes for each in examined.bloat.tables}
    assert 0.6 < wasted["public.emptied"] < 0.85
    assert wasted.get('public."full"', 0) < 0.1
    assert found(examined, "table-bloated") == []
    large = tuple(
        replace(each, bytes=each.bytes << 14, needed=each.needed << 14)
        for each in examined.bloat.tables
    )
    (finding,) = found(
        replace(examined, bloat=replace(examined.bloat, tables=large)), "table-bloated"
    )
    assert "public.emptied" in finding.title


def test_one_question_after_who_is_asking(well: Target) -> None:
    """Two statements, read-only, and a plain role is told what it cannot see."""
    with proxy(well) as through:
        read(through.target)
        (traffic,) = through.connections
    assert traffic.after_login == 4
    with SyncConnection(well, application_name="api") as admin:
        admin.execute("CREATE ROLE doctor_plain LOGIN")
        try:
            examined = read(replace(well, user="doctor_plain"))
        finally:
            admin.execute("DROP ROLE doctor_plain")
    assert examined.gaps == ()
    told, unknowns = judged(examined, DOCTOR, baseline.Known())
    assert "role-is-superuser" in {each.rule for each in told.each}
    assert {each.rule for each in unknowns} == {
        "connections-unencrypted",
        "horizon-pinned",
        "key-runs-out",
        "password-hashed-weakly",
        "table-bloated",
    }
    assert all(isinstance(each, Unknown) and each.decide for each in unknowns)


def test_a_locked_table_does_not_hold_it_up(sick: Target) -> None:
    """Everything but the sequences is read without a lock."""
    with SyncConnection(sick) as holder:
        holder.execute("BEGIN; LOCK parent, child, numbered, loaded")
        examined = read(sick)
    assert examined.gaps == ()
    assert examined.indexes


@pytest.mark.parametrize(
    ("mode", "named"),
    [("SHARE UPDATE EXCLUSIVE", True), ("ACCESS EXCLUSIVE", True), ("ROW EXCLUSIVE", False)],
)
def test_what_locks_autovacuum_out(sick: Target, mode: str, named: bool) -> None:
    """Its holder is the cause; a writer, a young lock or one on another table is not.

    It is to be ended only where it does nothing.
    """
    with (
        SyncConnection(sick, application_name="nightly@h:1") as holder,
        SyncConnection(sick, application_name="innocent") as innocent,
    ):
        holder.execute(f"BEGIN; LOCK loaded IN {mode} MODE")
        innocent.execute("BEGIN; LOCK child IN SHARE MODE")
        pid = holder.fetchval("SELECT pg_backend_pid()")
        examined = read(sick)
    assert examined.tables is not None
    full = tuple(
        replace(each, dead=50_000, dead_limit=100.0)
        for each in examined.tables
        if each.name == "public.loaded"
    )
    held = tuple(replace(each, seconds=61.0) for each in examined.lockers or ())
    busy = tuple(replace(each, idle=False) for each in held)
    kill = f"dbtool kill {pid}" if named else "VACUUM (ANALYZE) public.loaded;"
    for lockers, fix in (
        (held, kill),
        (busy, "VACUUM (ANALYZE) public.loaded;"),
        (examined.lockers, "VACUUM (ANALYZE) public.loaded;"),
    ):
        seen = replace(examined, tables=full, lockers=lockers)
        (finding,) = found(seen, "dead-rows-pile-up")
        told = [line for line in finding.evidence if "gives way" in line]
        assert finding.fix is not None
        assert finding.fix.code == fix
        assert [line.partition(", which")[0] for line in told] == (
            [f"autovacuum gives way to pid {pid} (nightly)"]
            if named and lockers is not examined.lockers
            else []
        )


def test_a_part_that_is_missing_is_unknown_to_whoever_needs_it(seen: Examined) -> None:
    """Each rule names what it reads: a gap there is told, chosen or not, and none elsewhere."""
    parts = {gap: replace(seen, gaps=(Gap(gap, False, "locked", "again"),)) for gap in PARTS}
    for rule in DOCTOR:
        read: set[str] = set()

        class Noting:
            def __getattr__(self, name: str, noted: set[str] = read) -> object:
                noted.add(name)
                return getattr(seen, name)

        list(rule.check(Noting()))  # type: ignore[arg-type]
        assert read & PARTS <= set(rule.READS), rule.__name__
        told = {
            gap
            for gap, examined in parts.items()
            for each in doctor_report(examined, (rule,), baseline.Known()).unknowns
            if each.rule == f"doctor.{gap}"
        }
        assert told == set(rule.READS) & PARTS


def test_a_sequence_that_somebody_alters_is_not_waited_for(sick: Target) -> None:
    """Its column is unknown, and the others are judged all the same."""
    with SyncConnection(sick, application_name="psql") as holder:
        holder.execute("BEGIN; ALTER SEQUENCE parent_id_seq CACHE 5")
        examined = read(sick)
    (unknown,) = doctor_report(examined, choose(["key-runs-out"], []), baseline.Known()).unknowns
    assert unknown.reason == "public.parent_id_seq is locked by others just now"
    assert [each.location.name for each in found(examined, "key-runs-out") if each.location] == [
        "public.numbered.id"
    ]


def test_many_of_a_kind_are_one_finding(seen: Examined) -> None:
    """With each object in a line, and all of their fixes; JSON has every one."""
    report = doctor_report(seen, choose(["index-twice"], []), baseline.Known())
    (finding,) = report.findings
    assert finding.title == "2 indexes are there twice"
    assert len(finding.evidence) == 2
    assert finding.fix
    assert finding.fix.code.count("DROP INDEX CONCURRENTLY") == 2
    assert len(report.data.each) == 2  # type: ignore[attr-defined]
    text = render(report, Screen(80, color=False, drawing=False))
    assert text.startswith("2 things to mend in 5 tables and ")
    assert max(map(len, text.splitlines())) <= 80


def test_fixes_that_are_put_together_keep_their_warnings(seen: Examined) -> None:
    """What is pasted is of one language, and says of each line when it must not run."""
    session, slot, prepared = (
        Pin(kind, name, 20_000_000, 4000.0)
        for kind, name in (
            ("session", "pid 7, api"),
            ("replication slot", "s"),
            ("prepared transaction", "g"),
        )
    )

    def fix(*pins: Pin) -> Fix | None:
        examined = replace(seen, horizon=pins)
        (finding,) = doctor_report(
            examined, choose(["horizon-pinned"], []), baseline.Known()
        ).findings
        return finding.fix

    label = "only if its consumer will never come back"
    drop = "SELECT pg_drop_replication_slot('s');"
    decide = "ROLLBACK PREPARED 'g'; -- only if its transaction manager is gone; or COMMIT PREPARED"
    kill = "dbtool kill 7 --dry-run"
    assert fix(slot, slot) == Fix("sql", f"{drop}\n{drop}", label)
    assert fix(slot, session, prepared) == Fix("sql", f"{drop} -- {label}\n{decide}")
    shell = "shows what it is, perhaps a backup; without --dry-run it is ended"
    assert fix(session, slot, session) == Fix("shell", f"{kill}\n{kill}", shell)


def test_what_is_accepted_is_left_out(seen: Examined, tmp_path: Path) -> None:
    """Comments are kept out, and what is gone from the server is named."""
    data, _ = judged(seen, DOCTOR, baseline.Known())
    file = tmp_path / "known"
    file.write_text(baseline.written(data.each) + "\nindex-twice public.gone  # was here\n")
    report = doctor_report(seen, DOCTOR, baseline.read(file))
    assert report.findings == ()
    assert f"not found any more, so it can go from {file}: index-twice public.gone" in report.notes


def test_names_of_rules() -> None:
    """One that is nearly right is shown the right one; one left out is not asked."""
    with pytest.raises(UsageError) as raised:
        choose(["index_twise"], [])
    assert raised.value.hint == "Did you mean index-twice?"
    left = {rule_name(each.__name__) for each in choose([], ["index-twice", "key_runs_out"])}
    assert len(left) == len(DOCTOR) - 2


def test_the_grants_are_enough(server: Server, well: Target) -> None:
    """Of each command that only reads, with nothing left unknown for want of a right."""
    role = "least"
    asked = {need.command: need for need in needs(role, well.database).commands}
    as_role = replace(well, user=role)
    for command in ("now, locks, pool, top", "doctor"):
        with SyncConnection(server.target(), application_name="psql") as admin:
            admin.execute(f"CREATE ROLE {role} LOGIN")
            for statement in asked[command].statements:
                admin.execute(statement)
        try:
            if command == "doctor":
                examined = read(as_role)
                _, unknowns = judged(examined, DOCTOR, baseline.Known())
                assert [each.rule for each in unknowns] == ["password-hashed-weakly"]
            else:
                assert now.read(as_role).rights.sees_all
                assert locks.read(as_role).rights.sees_all
                assert pool.read(as_role).sight.hidden == 0
        finally:
            with SyncConnection(well, application_name="psql") as admin:
                admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_the_command(well: Target, dbtool: Dbtool, tmp_path: Path) -> None:
    """Writes a baseline, takes it, and never overwrites a file that it was not given."""
    url, file = well.sqlalchemy_url(), tmp_path / "known"
    first = dbtool("doctor", "--url", url, "--write-baseline", file)
    assert (first.code, first.err) == (0, "")
    assert dbtool("doctor", "--url", url).code == 1
    again = dbtool("doctor", "--url", url, "--baseline", file)
    assert (again.code, again.out.splitlines()[0].startswith("nothing to mend in ")) == (0, True)
    assert dbtool("doctor", "--url", url, "--write-baseline", file).code == 2
    granted = dbtool("doctor", "--url", url, "--grants", "api", "--json")
    assert '"GRANT pg_monitor TO \\"api\\";"' in granted.out
