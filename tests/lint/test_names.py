"""Which relations there are, and which rows belong where, as a server says it."""

import pytest
from asyncpg.exceptions import PostgresError

from dbtool.database.sync import SyncConnection
from dbtool.lint.effect import Work
from dbtool.lint.run import Linted, Rules, lint
from dbtool.lint.schema import Schema
from dbtool.statement import Migration, Statement
from tests.lint.oracle import measure

SCRIPTS = {
    "a dropped sequence": """
        CREATE SEQUENCE a; DROP SEQUENCE a; CREATE SEQUENCE a; CREATE SEQUENCE a""",
    "a renamed sequence": """
        CREATE SEQUENCE a; ALTER SEQUENCE a RENAME TO b; CREATE SEQUENCE a;
        ALTER TABLE b RENAME TO c; ALTER TABLE c RENAME TO a""",
    "a moved sequence": """
        CREATE SCHEMA aside; CREATE SEQUENCE a; ALTER SEQUENCE a SET SCHEMA aside;
        CREATE SEQUENCE a; CREATE SEQUENCE aside.a""",
    "a sequence in a dropped schema": """
        CREATE SCHEMA aside; CREATE SEQUENCE aside.a; DROP SCHEMA aside CASCADE;
        CREATE SCHEMA aside; CREATE SEQUENCE aside.a""",
    "the sequence of a dropped table": """
        CREATE TABLE t (id int); CREATE SEQUENCE t_id_seq; ALTER SEQUENCE t_id_seq OWNED BY t.id;
        DROP TABLE t; CREATE SEQUENCE t_id_seq""",
    "the sequence of a dropped column": """
        CREATE TABLE t (id int); CREATE SEQUENCE t_id_seq; ALTER SEQUENCE t_id_seq OWNED BY t.id;
        ALTER TABLE t DROP COLUMN id; CREATE SEQUENCE t_id_seq""",
    "the sequence of a serial column": """
        CREATE TABLE "Old" (id serial); ALTER TABLE "Old" RENAME TO young;
        ALTER TABLE "Old_id_seq" RENAME TO young_id_seq""",
    "an index, called a table": """
        CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t_pkey RENAME TO k;
        ALTER INDEX t_pkey RENAME TO l""",
    "the constraint of a renamed index": """
        CREATE TABLE t (id int PRIMARY KEY, n int CONSTRAINT u UNIQUE);
        ALTER INDEX t_pkey RENAME TO k; ALTER TABLE u RENAME TO v;
        ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t DROP CONSTRAINT k;
        ALTER TABLE t RENAME CONSTRAINT v TO u; ALTER TABLE t DROP CONSTRAINT u""",
    "an owned sequence of any name": """
        CREATE TABLE t (id int, n int); CREATE SEQUENCE a OWNED BY t.id;
        CREATE SEQUENCE b OWNED BY t.n; CREATE SEQUENCE t_id_seq; ALTER SEQUENCE b OWNED BY NONE;
        ALTER TABLE t RENAME id TO key; ALTER TABLE t DROP key; CREATE SEQUENCE a;
        ALTER SEQUENCE a OWNED BY t.n; DROP TABLE t; CREATE SEQUENCE a; CREATE SEQUENCE b;
        CREATE SEQUENCE t_id_seq""",
    "the sequence of a renamed table": """
        CREATE TABLE t (id int); CREATE SEQUENCE t_id_seq OWNED BY t.id;
        ALTER TABLE t RENAME TO u; DROP TABLE u; CREATE SEQUENCE t_id_seq""",
    "the sequence of a moved table": """
        CREATE SCHEMA aside; CREATE TABLE t (id int); CREATE SEQUENCE t_id_seq OWNED BY t.id;
        ALTER TABLE t SET SCHEMA aside; CREATE SEQUENCE t_id_seq; CREATE SEQUENCE aside.t_id_seq;
        ALTER SCHEMA aside RENAME TO off; DROP TABLE off.t; CREATE SEQUENCE off.t_id_seq""",
    "a moved sequence, called a table": """
        CREATE SCHEMA aside; CREATE SEQUENCE a; ALTER TABLE a SET SCHEMA aside;
        CREATE SEQUENCE a; CREATE SEQUENCE aside.a""",
    "the named sequence of an identity": """
        CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME nums), n int NOT NULL);
        ALTER TABLE t ALTER n ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME more);
        ALTER TABLE t ADD o int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME last);
        ALTER TABLE nums RENAME TO counts; CREATE SEQUENCE counts; CREATE SEQUENCE more;
        CREATE SEQUENCE last; ALTER TABLE t ALTER n DROP IDENTITY; CREATE SEQUENCE more;
        DROP TABLE t; CREATE SEQUENCE counts; CREATE SEQUENCE last; CREATE SEQUENCE more""",
    "a moved view": """
        CREATE SCHEMA aside; CREATE TABLE t (a int); CREATE VIEW v AS SELECT * FROM t;
        CREATE VIEW w AS SELECT * FROM v; ALTER VIEW v SET SCHEMA aside;
        CREATE VIEW v AS SELECT 1; ALTER TABLE v RENAME TO u; CREATE TABLE v (a int); DROP VIEW u;
        ALTER VIEW aside.v RENAME TO x; DROP VIEW w; DROP VIEW aside.x; DROP TABLE t""",
    "a moved materialized view": """
        CREATE SCHEMA aside; CREATE MATERIALIZED VIEW m AS SELECT 1 AS a;
        ALTER MATERIALIZED VIEW m RENAME TO n; CREATE VIEW m AS SELECT 1;
        ALTER TABLE n SET SCHEMA aside; CREATE VIEW n AS SELECT * FROM aside.n;
        CREATE MATERIALIZED VIEW aside.n AS SELECT 1""",
    "what goes with CASCADE": """
        CREATE SCHEMA aside; CREATE TYPE aside.e AS ENUM ('a');
        CREATE TABLE t (a int, b int, c aside.e);
        CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT * FROM v;
        CREATE VIEW x AS SELECT b FROM t; ALTER TABLE t DROP a CASCADE; CREATE VIEW v AS SELECT 1;
        CREATE VIEW w AS SELECT c FROM t; DROP SCHEMA aside CASCADE; CREATE TABLE w (a int);
        ALTER TABLE t ADD c int; DROP TABLE t CASCADE; CREATE VIEW x AS SELECT 1; DROP VIEW v""",
    "what a view does not read": """
        CREATE TABLE t (a int); CREATE VIEW v AS SELECT * FROM t; ALTER TABLE t ADD b int;
        ALTER TABLE t DROP b; ALTER TABLE t RENAME a TO c; ALTER TABLE t ADD a int;
        ALTER TABLE t DROP a; ALTER TABLE t DROP c""",
    "a renamed column": """
        CREATE TABLE t (a int UNIQUE, g int GENERATED ALWAYS AS (a + 1) STORED);
        CREATE TABLE u (t_a int REFERENCES t (a)); ALTER TABLE t RENAME a TO b;
        ALTER TABLE t ADD a int; ALTER TABLE t DROP a; ALTER TABLE t DROP b""",
    "tables dropped together": """
        CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int REFERENCES t);
        CREATE VIEW v AS SELECT * FROM t; CREATE VIEW w AS SELECT * FROM v; DROP VIEW v, w;
        DROP TABLE t, u; CREATE TABLE t (a int); DROP TABLE t, public.t""",
    "a table that inherits": """
        CREATE TABLE t (a int, b int); CREATE TABLE u (a int) INHERITS (t); ALTER TABLE t DROP a;
        ALTER TABLE u DROP a; ALTER TABLE u RENAME TO v; ALTER TABLE t ADD c int;
        ALTER TABLE v DROP c; DROP TABLE t""",
    "a table that is not there": """
        ALTER TABLE IF EXISTS t ADD a int; ALTER TABLE IF EXISTS t SET UNLOGGED;
        CREATE TABLE t (b int); ALTER TABLE t ADD a int;
        ALTER TABLE IF EXISTS u SET SCHEMA aside; CREATE TABLE u (b int); DROP TABLE u;
        ALTER TABLE u SET SCHEMA aside; DROP POLICY IF EXISTS p ON u;
        DROP POLICY p ON u""",
    "the search path set back": """
        CREATE SCHEMA aside; CREATE TABLE t (a int); SET search_path = aside;
        CREATE TABLE t (b int); RESET search_path; ALTER TABLE t DROP a;
        SET search_path = aside; ALTER TABLE t DROP b; SET search_path TO DEFAULT;
        ALTER TABLE t ADD a int; DROP SCHEMA aside CASCADE""",
    "a temporary table": """
        CREATE TABLE t (a int); CREATE TEMP TABLE t (b int); ALTER TABLE t ADD a int; DROP TABLE t;
        ALTER TABLE t ADD b int; CREATE TABLE t (b int)""",
    "a view over a temporary table": """
        CREATE TEMP TABLE t (a int); CREATE VIEW v AS SELECT a FROM t; CREATE TABLE v (b int);
        DROP VIEW v; ALTER TABLE v ADD b int; CREATE VIEW w AS SELECT 1 FROM (SELECT a FROM t) x;
        CREATE VIEW x AS SELECT * FROM w; CREATE VIEW public.w AS SELECT 1; DROP TABLE t CASCADE;
        CREATE VIEW x AS SELECT 1; DROP VIEW public.w; DROP VIEW w""",
    "what stands on a dropped column": """
        CREATE TABLE t (a int, b int); CREATE POLICY p ON t USING (a > 0);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE TRIGGER r BEFORE UPDATE OF a ON t EXECUTE FUNCTION f();
        ALTER TABLE t DROP a CASCADE; CREATE POLICY p ON t USING (b > 0) WITH CHECK (b > 1);
        CREATE TRIGGER r BEFORE UPDATE OF b ON t EXECUTE FUNCTION f();
        DROP TRIGGER r ON t; ALTER POLICY p ON t USING (true); ALTER TABLE t ALTER b TYPE bigint;
        ALTER POLICY p ON t WITH CHECK (true); ALTER TABLE t ALTER b TYPE bigint;
        ALTER TABLE t DROP b""",
    "a table made anew beside the old": """
        CREATE TABLE t (id int PRIMARY KEY, n int CHECK (n > 0)); CREATE INDEX ON t (n);
        ALTER TABLE t RENAME TO old; CREATE TABLE t (id int PRIMARY KEY, n int CHECK (n > 0));
        CREATE INDEX ON t (n); DROP INDEX t_n_idx1; ALTER TABLE t DROP CONSTRAINT t_pkey1;
        ALTER TABLE t DROP CONSTRAINT t_n_check1; DROP INDEX t_n_idx""",
    "indexes that nobody named": """
        CREATE TABLE t (a text, b text); CREATE INDEX ON t ((a::int));
        CREATE INDEX ON t (lower(a));
        CREATE INDEX ON t ((a || b), (b || a)); CREATE INDEX ON t (coalesce(a, b));
        CREATE INDEX ON t ((1::int)); CREATE INDEX ON t ((CASE WHEN a = b THEN 1 END));
        DROP INDEX t_lower_idx; DROP INDEX t_expr_expr1_idx; DROP INDEX t_coalesce_idx;
        DROP INDEX t_int4_idx; DROP INDEX t_case_idx; DROP INDEX t_a_idx""",
    "an index, called a view or table": """
        CREATE TABLE t (a int); CREATE INDEX i ON t (a); ALTER INDEX t RENAME TO u;
        CREATE TABLE t (b int);
        ALTER TABLE u DROP a""",
    "a default that goes along": """
        CREATE TABLE t (a varchar DEFAULT 1, b varchar DEFAULT '1', c text DEFAULT NULL);
        ALTER TABLE t ALTER c TYPE int USING 1; ALTER TABLE t ALTER c SET NOT NULL;
        ALTER TABLE t ALTER c ADD GENERATED ALWAYS AS IDENTITY;
        CREATE OR REPLACE VIEW v AS SELECT a FROM t; CREATE OR REPLACE VIEW v AS SELECT a FROM v;
        DROP VIEW v;
        ALTER TABLE t ALTER a TYPE int USING a::int; ALTER TABLE t ALTER b TYPE int USING b::int""",
    "a type under another path": """
        CREATE SCHEMA aside; CREATE TYPE e AS ENUM ('a'); CREATE TYPE aside.f AS ENUM ('a');
        SET search_path = aside, public; CREATE DOMAIN d AS e;
        CREATE TABLE t (a e, b f, c d) PARTITION BY LIST (a);
        SET search_path = public; CREATE TABLE u (a public.e, b aside.f, c aside.d);
        ALTER TABLE aside.t ATTACH PARTITION u DEFAULT; DROP TYPE aside.f;
        CREATE TABLE v (a aside.d); DROP TYPE e CASCADE; CREATE DOMAIN aside.d AS int;
        ALTER TABLE v DROP COLUMN a""",
    "a query that makes a table": """
        CREATE TABLE t (a int); CREATE TABLE u AS SELECT 1 AS a; CREATE TABLE t AS SELECT 1;
        SELECT 1 AS a INTO u; CREATE MATERIALIZED VIEW t AS SELECT 1""",
    "partitions by an expression": """
        CREATE TABLE t (code text) PARTITION BY RANGE (lower(code));
        CREATE TABLE t_9 PARTITION OF t FOR VALUES FROM ('9') TO ('99');
        CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM ('10') TO ('20')""",
    "partitions by text": """
        CREATE TABLE t (code text) PARTITION BY RANGE (code);
        CREATE TABLE t_9 PARTITION OF t FOR VALUES FROM ('9') TO ('99');
        CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM ('10') TO ('20')""",
    "partitions by number": """
        CREATE TABLE t (code bigint) PARTITION BY RANGE (code);
        CREATE TABLE t_9 PARTITION OF t FOR VALUES FROM ('9') TO ('99');
        CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM ('10') TO ('20')""",
}


SINCE_18 = """
    CREATE TABLE t (a int NOT NULL, b int NOT NULL); ALTER TABLE t VALIDATE CONSTRAINT t_a_not_null;
    ALTER TABLE t RENAME CONSTRAINT t_a_not_null TO k; ALTER TABLE t VALIDATE CONSTRAINT k;
    ALTER TABLE t DROP CONSTRAINT k; ALTER TABLE t RENAME TO u;
    ALTER TABLE u DROP CONSTRAINT t_b_not_null; ALTER TABLE u DROP CONSTRAINT k"""


def said(script: str) -> list[str]:
    """The errors of the statements of a script, one each, empty where there is none."""
    up = tuple(Statement(sql.strip()) for sql in script.split(";"))
    nothing = Rules(statement=(), whole=(), comment=())
    linted = lint([Migration(name="1", up=up)], schema=Schema(complete=True), rules=nothing)
    found = []
    for verdict in linted.outcomes[0].verdicts:
        tasks = [task for step in verdict.steps for task in step.effect.tasks]
        found.append(next((task.code for task in tasks if task.work is Work.FAIL), ""))
    return found


def seen(connection: SyncConnection, script: str) -> list[str]:
    """What a server says of the same, with nothing left behind."""
    connection.execute("BEGIN")
    found = []
    for sql in script.split(";"):
        connection.execute("SAVEPOINT before")
        try:
            connection.execute(sql)
            found.append("")
        except PostgresError as error:
            found.append(str(getattr(error, "sqlstate", "")))
            connection.execute("ROLLBACK TO before")
    connection.execute("ROLLBACK")
    return found


def test_errors_over_names_and_bounds_are_those_of_the_server(connection: SyncConnection) -> None:
    """No name is taken for gone or for taken that is not, and no bound for another's."""
    differ = {}
    for name, script in SCRIPTS.items():
        if (ours := said(script)) != (theirs := seen(connection, script)):
            differ[name] = (ours, theirs)
    assert differ == {}


@pytest.mark.pg(">=18")
def test_not_null_has_a_name_from_18_on(connection: SyncConnection) -> None:
    """What the server named can be renamed, validated and dropped."""
    assert said(SINCE_18) == seen(connection, SINCE_18)


@pytest.mark.parametrize(("of", "reads"), [("text", True), ("integer", False)])
def test_what_rules_out_numbers_rules_out_no_text(of: str, reads: bool) -> None:
    """'10' lies behind '9' among numbers alone: the default partition is read."""
    script = f"""
        CREATE TABLE t (code {of}) PARTITION BY RANGE (code);
        CREATE TABLE rest PARTITION OF t DEFAULT;
        ALTER TABLE rest ADD CHECK (code < '9')
    """
    history = tuple(Statement(sql.strip()) for sql in script.split(";"))
    new = Statement("CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM ('10') TO ('20')")
    before = Migration(name="1", up=history, judged=False)
    linted = lint([before, Migration(name="2", up=(new,))], schema=Schema(complete=True))
    (verdict,) = linted.outcomes[0].verdicts
    tasks = [task for step in verdict.steps for task in step.effect.tasks]
    assert any(task.work is Work.SCAN for task in tasks) is reads


EVENTS = "CREATE TABLE events (id int, day date NOT NULL) PARTITION BY RANGE (day)"


def judged(*history: str, sql: str) -> Linted:
    """What is said of a statement behind a history that began with an empty database."""
    before = Migration(name="1", up=tuple(map(Statement, (EVENTS, *history))), judged=False)
    return lint([before, Migration(name="2", up=(Statement(sql),))], schema=Schema(complete=True))


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE events DETACH PARTITION old",
        "ALTER TABLE events_2024 ADD COLUMN note text",
        "DROP TABLE events_2024",
    ],
)
def test_a_partition_may_have_been_made_by_a_job(sql: str) -> None:
    """That the history does not have it proves nothing; of another table it does."""
    found = judged(sql=sql)
    assert "fails-on-known-schema" in {each.rule for each in found.unknowns}
    assert "fails-on-known-schema" not in {each.rule for each in found.findings}
    other = judged(sql="DROP TABLE news_2024")
    assert "fails-on-known-schema" in {each.rule for each in other.findings}


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE events_audit DROP COLUMN nope",
        "ALTER TYPE events_kind RENAME VALUE 'z' TO 'y'",
        "ALTER TABLE evnts DETACH PARTITION old",
    ],
)
def test_what_the_history_made_is_no_partition_of_a_job(sql: str) -> None:
    """A name like a partition's leaves no doubt of what is known, nor a DETACH of its table."""
    kind = "CREATE TYPE events_kind AS ENUM ('a')"
    found = judged("CREATE TABLE events_audit (id int)", kind, sql=sql)
    assert "fails-on-known-schema" in {each.rule for each in found.findings}


def test_a_history_that_detaches_what_a_job_made_is_known_all_the_same() -> None:
    """One that renames a table which it never made did not begin with an empty database."""
    missing = "ALTER TABLE nowhere ADD COLUMN note text"
    known = judged("ALTER TABLE events DETACH PARTITION events_2024", sql=missing)
    assert "fails-on-known-schema" in {each.rule for each in known.findings}
    open_ = judged("ALTER TABLE legacy RENAME TO old", sql=missing)
    assert "fails-on-known-schema" not in {each.rule for each in open_.findings}


@pytest.mark.parametrize(
    "unseen",
    [
        ("BEGIN", "DROP TABLE news", "ROLLBACK"),
        (
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ begin execute 'x'; end $$",
            "SELECT f()",
        ),
        ("SELECT AddGeometryColumn('news', 'place', 4326, 'POINT', 2)",),
        ("SELECT * FROM partman.create_parent('news')",),
        ("WITH a AS (SELECT drop_all()) TABLE a",),
        ("CALL make()",),
        ("DROP FUNCTION make CASCADE",),
    ],
)
def test_what_nobody_can_read_leaves_doubt(unseen: tuple[str, ...]) -> None:
    """A failure is not proven where what came before may have changed what it rests on."""
    found = judged("CREATE TABLE news (id int)", *unseen, sql="ALTER TABLE news ADD COLUMN id int")
    assert "fails-on-known-schema" in {each.rule for each in found.unknowns}
    assert "fails-on-known-schema" not in {each.rule for each in found.findings}


MAKER = "CREATE FUNCTION make() RETURNS int LANGUAGE plpgsql AS $$ begin execute 'x'; end $$"
BEHIND = "CREATE FUNCTION call_it() RETURNS int LANGUAGE sql AS 'SELECT make()'"
RUNS = "FOR EACH ROW EXECUTE FUNCTION make()"


@pytest.mark.parametrize(
    "ran",
    [
        ("INSERT INTO own VALUES (make())",),
        ("INSERT INTO own SELECT public.Make()",),
        ("UPDATE own SET id = 1 WHERE id = make()",),
        ("DELETE FROM own USING make() AS m",),
        ("MERGE INTO own USING make() AS m ON true WHEN MATCHED THEN DELETE",),
        ("CREATE TABLE other AS SELECT make()",),
        ("CREATE MATERIALIZED VIEW other AS SELECT make()",),
        ("ALTER TABLE own ADD COLUMN other int DEFAULT make()",),
        ("ALTER TABLE own ALTER id TYPE bigint USING make()",),
        ("DO $$ DECLARE i int; BEGIN i := make(); END $$",),
        ("DO $$ DECLARE i int = make(); BEGIN END $$",),
        ("DO $$ BEGIN IF make() > 0 THEN NULL; END IF; END $$",),
        ("DO $$ BEGIN INSERT INTO own VALUES (make()); END $$",),
        (BEHIND, "INSERT INTO own VALUES (call_it())"),
        (BEHIND, "SELECT call_it()"),
        ("ALTER TABLE own ALTER id SET DEFAULT make()", "INSERT INTO own DEFAULT VALUES"),
        ("CREATE TABLE other (id int DEFAULT make())", "INSERT INTO other DEFAULT VALUES"),
        (f"CREATE TRIGGER t AFTER INSERT ON own {RUNS}", "INSERT INTO own VALUES (1)"),
        (f"CREATE TRIGGER t AFTER INSERT ON own {RUNS}", "COPY own FROM stdin"),
        (
            f"CREATE TRIGGER t AFTER INSERT ON own {RUNS}",
            "ALTER TABLE own RENAME TO ours",
            "INSERT INTO ours VALUES (1)",
        ),
        ("CREATE VIEW v AS SELECT make() AS m", "SELECT m FROM v"),
        ("CREATE VIEW v AS SELECT make() AS m", "INSERT INTO own SELECT m FROM v"),
        ("CREATE VIEW v AS SELECT make() AS m", "CREATE VIEW w AS TABLE v", "SELECT m FROM w"),
        ("INSERT INTO own SELECT create_parent('news')",),
        (
            "CREATE FUNCTION add_up(i int) RETURNS int LANGUAGE sql AS 'SELECT i'",
            "INSERT INTO own SELECT add_up(1) + add_up(create_parent('news'))",
        ),
        ("DO $$ DECLARE i int; BEGIN i := partman.create_parent('news'); END $$",),
    ],
)
def test_what_a_function_changed_by_whatever_way(ran: tuple[str, ...]) -> None:
    """It may have been run by any statement, or by what stands in a table, trigger or view."""
    history = ("CREATE TABLE own (id int)", "CREATE TABLE news (id int)", MAKER, *ran)
    found = judged(*history, sql="ALTER TABLE news ADD COLUMN id int")
    assert "fails-on-known-schema" in {each.rule for each in found.unknowns}
    assert "fails-on-known-schema" not in {each.rule for each in found.findings}


def test_within_one_block_too() -> None:
    """A block that runs it and goes on is not proven to fail."""
    block = "DO $$ BEGIN PERFORM make(); ALTER TABLE made ADD COLUMN a int; END $$"
    found = judged(MAKER, sql=block)
    assert "fails-on-known-schema" not in {each.rule for each in found.findings}
    assert "whether it fails" in " ".join(each.reason for each in found.unknowns)


def test_what_was_not_run_leaves_none() -> None:
    """That it stands somewhere changes nothing, as long as no row and no query comes by."""
    history = [
        "CREATE TABLE own (id int)",
        "CREATE TABLE news (id int)",
        MAKER,
        f"CREATE TRIGGER t AFTER INSERT ON own {RUNS}",
        "CREATE VIEW v AS SELECT make() AS m",
        "COMMENT ON FUNCTION make() IS 'make()'",
        "ALTER TABLE own ADD COLUMN note text",
        "INSERT INTO news VALUES (1)",
        "SELECT id FROM own",
    ]
    found = judged(*history, sql="ALTER TABLE news ADD COLUMN id int")
    assert "fails-on-known-schema" in {each.rule for each in found.findings}


CIRCLES = {
    "of itself": ("CREATE TABLE whole PARTITION OF whole FOR VALUES IN (1)",),
    "attached to itself": ("ALTER TABLE whole ATTACH PARTITION whole FOR VALUES IN (1)",),
    "attached to its own": (
        "ALTER TABLE whole ATTACH PARTITION part FOR VALUES IN (1)",
        "ALTER TABLE part ATTACH PARTITION whole FOR VALUES IN (1)",
    ),
    "its own heir": ("ALTER TABLE heir INHERIT heir",),
    "heir of its heir": ("CREATE TABLE below () INHERITS (heir)", "ALTER TABLE heir INHERIT below"),
    "called as what is below": (
        "CREATE TABLE below PARTITION OF whole FOR VALUES IN (1) PARTITION BY LIST (id)",
        "CREATE TABLE lowest PARTITION OF below FOR VALUES IN (1)",
        "ALTER TABLE whole RENAME TO lowest",
    ),
    "in a schema where it is below": (
        "CREATE SCHEMA one",
        "CREATE SCHEMA two",
        "CREATE TABLE one.heir () INHERITS (heir)",
        "CREATE TABLE two.heir () INHERITS (one.heir)",
        "ALTER SCHEMA one RENAME TO two",
    ),
}


@pytest.mark.parametrize("change", CIRCLES.values(), ids=CIRCLES)
@pytest.mark.parametrize("complete", [True, False])
def test_nothing_is_below_itself(change: tuple[str, ...], complete: bool) -> None:
    """The server refuses a circle, and what is said afterwards comes to an end."""
    made = [
        "CREATE TABLE whole (id int PRIMARY KEY) PARTITION BY LIST (id)",
        "CREATE TABLE part (id int PRIMARY KEY) PARTITION BY LIST (id)",
        "CREATE TABLE heir (id int)",
        *change,
    ]
    for table in ("whole", "part", "heir", "below", "lowest", "one.heir", "two.heir"):
        made += [f"ALTER TABLE {table} ADD n int", f"CREATE INDEX ON {table} (n)"]
        made += [f"INSERT INTO {table} (n) VALUES (1)", f"DROP TABLE {table} CASCADE"]
    history = Migration(name="1", up=tuple(map(Statement, made)))
    lint([history], schema=Schema(complete=complete))


def test_a_circle_is_proven_to_fail() -> None:
    """Of what is asked for in so many words."""
    heirs = ("CREATE TABLE a (id int)", "CREATE TABLE b () INHERITS (a)")
    found = judged(*heirs, sql="ALTER TABLE a INHERIT b")
    assert [each.title for each in found.findings if each.rule == "fails-on-known-schema"] == [
        "it fails: b is a or below it"
    ]


def test_the_sequence_of_a_temporary_table_is_found_first() -> None:
    """A table that is called as it is keeps its name."""
    history = (
        "CREATE TEMP TABLE t (id serial)",
        "CREATE TABLE t_id_seq (a int)",
        "ALTER TABLE t_id_seq RENAME TO other",
    )
    found = judged(*history, sql="ALTER TABLE public.t_id_seq ADD COLUMN b int")
    assert "fails-on-known-schema" not in {each.rule for each in found.findings}


def test_what_a_body_only_says_changes_nothing() -> None:
    """A comment of a function and a word that it writes down are no commands."""
    says = "BEGIN /* drop it */ INSERT INTO own VALUES ('create'); RETURN NEW; -- alter\nEND"
    made = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS"
    trigger = "CREATE TRIGGER t AFTER INSERT ON news FOR EACH ROW EXECUTE FUNCTION f()"
    tables = ("CREATE TABLE own (id text)", "CREATE TABLE news (id int)")
    for body, rule_holds in ((says, True), (says.replace("-- alter", "drop table own;"), False)):
        ran = (f"{made} $${body}$$", trigger, "INSERT INTO news VALUES (1)")
        found = judged(*tables, *ran, sql="ALTER TABLE news ADD COLUMN id int")
        assert ("fails-on-known-schema" in {each.rule for each in found.findings}) is rule_holds


def test_a_function_that_makes_nothing_leaves_none() -> None:
    """Nor does a query of functions that PostgreSQL brings."""
    made = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ begin return 1; end $$"
    history = ["CREATE TABLE news (id int)", made, "SELECT f() FROM news WHERE id > abs(1)"]
    history += [
        "SELECT setval('s', max(id)) FROM news",
        "UPDATE news SET id = f()",
        "SELECT * FROM f()",
    ]
    found = judged(*history, sql="ALTER TABLE news ADD COLUMN id int")
    assert "fails-on-known-schema" in {each.rule for each in found.findings}


def test_a_type_that_moved_is_still_that_of_its_columns() -> None:
    """A check of a domain reads its tables wherever the domain went, as a renamed partition's."""
    history = (
        "CREATE DOMAIN d AS int",
        "CREATE TABLE t (a d)",
        "CREATE SCHEMA aside",
        "ALTER DOMAIN d SET SCHEMA aside",
        "ALTER DOMAIN aside.d RENAME TO e",
    )
    linted = judged(*history, sql="ALTER DOMAIN aside.e ADD CHECK (VALUE > 0)")
    (verdict,) = linted.outcomes[0].verdicts
    assert [t.relation.name for s in verdict.steps for t in s.effect.tasks] == ["t"]


def test_a_renamed_partition_stays_one() -> None:
    """What the whole table gets is built in it too."""
    part = "CREATE TABLE events_a PARTITION OF events FOR VALUES FROM ('2024-01-01') TO (MAXVALUE)"
    linted = judged(part, "ALTER TABLE events_a RENAME TO b", sql="CREATE INDEX ON events (id)")
    (verdict,) = linted.outcomes[0].verdicts
    assert [t.relation.name for s in verdict.steps for t in s.effect.tasks] == ["b"]


@pytest.mark.parametrize(("of", "reads"), [("int NOT NULL", False), ("int", True)])
def test_a_domain_that_is_required_is_not_read_again(
    connection: SyncConnection, of: str, reads: bool
) -> None:
    """SET NOT NULL of what is NOT NULL looks at no table, here as on a server."""
    history = (f"CREATE DOMAIN d AS {of}", "CREATE TABLE t (a d)")
    sql = "ALTER DOMAIN d SET NOT NULL"
    found = judged(*history, sql=sql).findings
    assert ("domain-checked-everywhere" in {each.rule for each in found}) is reads
    for each in history:
        connection.execute(each)
    assert bool(measure(connection, sql).scanned) is reads
