"""What must not be refused, what must be asked, and what nobody may find afterwards."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError, UsageError
from dbtool.explain.run import How, explain
from dbtool.guard import Consent, Permission
from dbtool.scratch.server import Server
from dbtool.settings.environments import Environment
from tests.pgbouncer import pgbouncer
from tests.processes import eventually

_SETUP = """
CREATE TABLE t (id int PRIMARY KEY, v text);
CREATE FUNCTION bt_charge() RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION in_c() RETURNS float8 LANGUAGE internal VOLATILE AS 'drandom';
CREATE FUNCTION resets(int) RETURNS bool LANGUAGE plpgsql VOLATILE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN true; END';
CREATE FUNCTION wraps(a int, b int DEFAULT 0) RETURNS bool STABLE
BEGIN ATOMIC SELECT resets(a); END;
CREATE FUNCTION adds(s int, v int) RETURNS int LANGUAGE plpgsql
AS 'BEGIN PERFORM resets(v); RETURN s + v; END';
CREATE FUNCTION copies() RETURNS int LANGUAGE plpgsql
AS $$ BEGIN EXECUTE 'COPY (SELECT 1) TO PROGRAM ''cat >/dev/null'''; RETURN 1; END $$;
CREATE FUNCTION counts() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  -- once called pg_stat_reset()
  PERFORM set_config('a.b', 'c', true); RETURN random(); END $$;
CREATE OPERATOR === (leftarg = int, rightarg = int, function = wraps);
CREATE AGGREGATE odd_sum(int) (sfunc = adds, stype = int, initcond = '0');
CREATE DOMAIN sly AS int CHECK (resets(value));
CREATE TYPE pair AS (a int);
CREATE FUNCTION paired(v int) RETURNS pair LANGUAGE plpgsql
AS 'DECLARE p pair; BEGIN PERFORM resets(v); p.a := v; RETURN p; END';
CREATE CAST (int AS pair) WITH FUNCTION paired(int);
CREATE FUNCTION exports() RETURNS void LANGUAGE plpgsql
AS $$ BEGIN EXECUTE format('COPY t TO %L', '/dev/null'); END $$;
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE told (v text) SERVER files OPTIONS (program 'echo told');
CREATE FUNCTION crosstab_of(text) RETURNS SETOF record LANGUAGE plpgsql STABLE
AS 'BEGIN RETURN QUERY EXECUTE $1; END';
CREATE VIEW resetting AS SELECT resets(1)::int AS a;
CREATE VIEW locking AS SELECT pg_try_advisory_lock(1)::int AS a;
CREATE VIEW over_locking AS SELECT a FROM locking;
CREATE FUNCTION dashes() RETURNS text LANGUAGE plpgsql
AS $$ BEGIN RETURN '-- /*' || pg_try_advisory_lock(2) || '*/'; END $$;
CREATE FUNCTION told_of() RETURNS bigint LANGUAGE plpgsql
AS 'BEGIN RETURN (SELECT count(*) FROM "public" . told); END';
CREATE VIEW over_told AS SELECT v FROM told;
CREATE TABLE parts_told (v text) PARTITION BY LIST (v);
CREATE FOREIGN TABLE part_told PARTITION OF parts_told DEFAULT SERVER files
OPTIONS (program 'echo told');
CREATE FUNCTION escapes() RETURNS text LANGUAGE plpgsql
AS $$ BEGIN RETURN E'\\'' || ' -- ' || pg_try_advisory_lock(2); END $$;
CREATE FUNCTION dollars() RETURNS text LANGUAGE plpgsql
AS $$ BEGIN RETURN $q$don't$q$ || ' -- ' || pg_try_advisory_lock(2); END $$;
CREATE FUNCTION clock() RETURNS text LANGUAGE plpgsql
AS $$ BEGIN RETURN (SELECT 1 AS "o'clock") || ' -- ' || pg_try_advisory_lock(2); END $$;
CREATE FUNCTION nests() RETURNS text LANGUAGE plpgsql
AS $$ BEGIN /* /* */ it's */ RETURN ' -- ' || pg_try_advisory_lock(2); END $$;
CREATE FUNCTION returns() RETURNS text LANGUAGE plpgsql
AS E'BEGIN --\r RETURN pg_try_advisory_lock(2); END';
CREATE FUNCTION reads_locking() RETURNS int LANGUAGE plpgsql
AS 'BEGIN RETURN (SELECT count(*) FROM t a, public.over_locking b); END';
CREATE FOREIGN TABLE kept (v text) SERVER files OPTIONS (filename '/dev/null');
CREATE FUNCTION commented() RETURNS bigint LANGUAGE plpgsql
AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(a) FROM/**/locking' INTO n; RETURN n; END $$;
CREATE FUNCTION "has a space"() RETURNS bool LANGUAGE plpgsql
AS 'BEGIN RETURN pg_try_advisory_lock(3); END';
CREATE FUNCTION spaced() RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN "has a space"(); END';
CREATE VIEW "größe" AS SELECT a FROM locking;
CREATE FUNCTION reads_spaced() RETURNS bigint LANGUAGE plpgsql
AS 'BEGIN RETURN (SELECT count(a) FROM größe); END';
CREATE TABLE parent_told (v text);
CREATE FOREIGN TABLE child_told () INHERITS (parent_told) SERVER files
OPTIONS (program 'echo told');
CREATE FUNCTION told_by_parent() RETURNS bigint LANGUAGE plpgsql
AS 'BEGIN RETURN (SELECT count(*) FROM parent_told); END';
CREATE TYPE hot AS (v int);
CREATE FUNCTION heated(v int) RETURNS hot LANGUAGE plpgsql
AS 'DECLARE h hot; BEGIN PERFORM resets(v); h.v := v; RETURN h; END';
CREATE CAST (int AS hot) WITH FUNCTION heated(int) AS IMPLICIT;
CREATE FUNCTION takes_hot(hot) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION "do.t""ted"(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN resets($1); END';
CREATE VIEW "se""en" AS SELECT a FROM locking;
CREATE FUNCTION sees() RETURNS bigint LANGUAGE plpgsql
AS 'BEGIN RETURN (SELECT count(a) FROM public."se""en"); END';
CREATE FUNCTION names_dotted() RETURNS bool LANGUAGE plpgsql
AS 'BEGIN RETURN "do.t""ted"(1); END';
CREATE LANGUAGE outward HANDLER plpgsql_call_handler;
CREATE FUNCTION embeds(text) RETURNS text LANGUAGE outward IMMUTABLE
AS $$ BEGIN EXECUTE 'SELECT pg_stat_' || 'reset()'; RETURN $1; END $$;
CREATE FUNCTION embeds_later() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN embeds(1::text); END'
"""

_EXTENSIONS = ["citext", "intagg", "pg_trgm", "pgcrypto", "tablefunc", "uuid-ossp"]

_ORDINARY = """
CREATE TABLE program (id int PRIMARY KEY, name text);
INSERT INTO program VALUES (404, 'x');
CREATE FUNCTION program_name(wanted int) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN
  -- not a copy: what is said of it goes to 'name', and it isn't nextval(1)
  /* neither dblink(1) * nor pg_try_advisory_lock(2) **/
  RETURN (SELECT name FROM program WHERE id = wanted); END $$;
CREATE FUNCTION http_status(code int) RETURNS text LANGUAGE plpgsql
AS $$ BEGIN RAISE DEBUG 'copy % to %', code, code; RETURN program_name(code); END $$;
CREATE VIEW named AS SELECT name, random() AS r, upper(name) FROM program;
CREATE FUNCTION named_now() RETURNS text LANGUAGE plpgsql
AS $$ BEGIN RETURN (SELECT max(n.name) FROM named n, pg_stat_activity); END $$;
CREATE FUNCTION password_reset(who text) RETURNS text LANGUAGE sql AS $$ SELECT upper(who) $$;
CREATE FUNCTION is_advisory(name text) RETURNS bool LANGUAGE sql AS $$ SELECT name LIKE 'a%' $$;
CREATE FUNCTION current_tenant() RETURNS int LANGUAGE sql STABLE
AS $$ SELECT coalesce(nullif(current_setting('app.tenant', true), '')::int, 404) $$;
CREATE FUNCTION new_key(n int) RETURNS text LANGUAGE plpgsql
AS $$ BEGIN RETURN n || gen_random_uuid()::text || clock_timestamp(); END $$;
CREATE SCHEMA near;
CREATE SCHEMA far;
CREATE FUNCTION near.tidied() RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
CREATE FUNCTION far.tidied() RETURNS bool LANGUAGE plpgsql
AS 'BEGIN RETURN pg_try_advisory_lock(4); END';
CREATE FUNCTION tidied_near() RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN near.tidied(); END';
CREATE DOMAIN positive AS int CHECK (value > 0 AND program_name(value) IS NULL);
CREATE DOMAIN more AS positive CHECK (value > 1);
CREATE FUNCTION is_code(text) RETURNS bool LANGUAGE plpgsql
AS 'BEGIN RETURN length($1) > 0; END';
CREATE DOMAIN code AS text CHECK (is_code(value));
CREATE TYPE embedding AS (v float4[]);
CREATE FUNCTION embedding_support(internal) RETURNS internal LANGUAGE internal AS 'drandom';
CREATE OPERATOR CLASS embedding_ops FOR TYPE embedding USING gin AS
FUNCTION 2 embedding_support(internal);
CREATE TABLE coded (id int, c code, e embedding)
"""


_AVAILABLE = "SELECT name FROM pg_available_extensions WHERE name = ANY ($1)"


@pytest.fixture(scope="module")
def target(server: Server) -> Iterator[Target]:
    """A database with a table and functions nobody knows."""
    created = server.create_database("guarded")
    with SyncConnection(created) as connection:
        connection.execute(f"{_SETUP}; {_ORDINARY}")
        for each in connection.fetch(_AVAILABLE, _EXTENSIONS):
            connection.execute(f'CREATE EXTENSION "{each[0]}"')
    yield created
    server.drop_database("guarded")


@pytest.fixture
def watcher(target: Target) -> Iterator[SyncConnection]:
    """Another session in that database."""
    with SyncConnection(target) as connection:
        yield connection


@dataclass
class Looking:
    """Agrees or not, and notes which sessions of dbtool sit in a transaction meanwhile."""

    watcher: SyncConnection
    agrees: bool = True
    questions: list[str] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)

    def confirm(self, question: str) -> bool:
        """Look around before answering."""
        self.questions.append(question)
        # One that only looked for locks, as a machine that stalls has it do, may be ending yet.
        eventually(lambda: self._waiting() == 0, limit=10.0)
        self.waiting.append(self._waiting())
        return self.agrees

    def _waiting(self) -> int:
        found = self.watcher.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(found)

    def type_name(self, question: str, name: str) -> bool:
        """Never asked here."""
        raise AssertionError(f"{question} {name}")


def asking(looking: Looking, *, production: bool = False) -> Permission:
    """Nothing agreed to beforehand."""
    live = Environment("live", production=True, source="[tool.dbtool] env.live")
    return Permission(Consent(), looking, lambda _: live if production else None)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM t WHERE v = 'how to use nextval(s)'",
        "SELECT * FROM t WHERE v = 'it''s pg_advisory_lock(1)'",
        "SELECT * FROM t WHERE v = E'a\\\\'' dblink(1)'",
        "SELECT v AS \"it's\", 'setval(1)' FROM t",
    ],
)
def test_a_literal_is_no_call(target: Target, sql: str) -> None:
    """A statement that only speaks of a dangerous function is run."""
    assert explain(target, sql).statements[0].times is not None


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT v AS "it\'s", pg_try_advisory_lock(1) FROM t',
        "SELECT 'a' || pg_try_advisory_lock(1) || 'b'",
        "SELECT \"it's\".v, pg_try_advisory_lock(1) FROM t \"it's\" WHERE v <> ''''",
    ],
)
def test_quotes_do_not_hide_a_call(target: Target, watcher: SyncConnection, sql: str) -> None:
    """Also where a view keeps the call out of the text."""
    watcher.execute(f"CREATE VIEW hiding AS {sql}")
    try:
        for text in (sql, "SELECT * FROM hiding"):
            with pytest.raises(UsageError, match=r"it calls pg_try_advisory_lock\(\)"):
                explain(target, text)
    finally:
        watcher.execute("DROP VIEW hiding")


@pytest.mark.parametrize(
    ("sql", "production", "asked"),
    [
        ("SELECT bt_charge()", False, 0),
        ("SELECT bt_charge()", True, 1),
        ("SELECT in_c()", False, 1),
    ],
)
def test_what_nothing_holds_back_is_asked(
    target: Target, watcher: SyncConnection, sql: str, production: bool, asked: int
) -> None:
    """A name like an extension's proves nothing, and C is no language a transaction guards."""
    looking = Looking(watcher)
    assert explain(target, sql, permission=asking(looking, production=production)).statements
    assert len(looking.questions) == asked


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT resets(1)", "pg_stat_reset() in public.resets()"),
        ("SELECT odd_sum(id) FROM t", "pg_stat_reset() in public.odd_sum()"),
        ("SELECT id::pair FROM t", "pg_stat_reset() in public.paired()"),
        ("SELECT copies()", "COPY with a file or program in public.copies()"),
        ("SELECT reads_locking()", "pg_try_advisory_lock() in public.reads_locking()"),
        ("SELECT dashes()", "pg_try_advisory_lock() in public.dashes()"),
        ("SELECT escapes()", "pg_try_advisory_lock() in public.escapes()"),
        ("SELECT dollars()", "pg_try_advisory_lock() in public.dollars()"),
        ("SELECT clock()", "pg_try_advisory_lock() in public.clock()"),
        ("SELECT nests()", "pg_try_advisory_lock() in public.nests()"),
        ("SELECT returns()", "pg_try_advisory_lock() in public.returns()"),
        ("SELECT told_of()", "the program echo told by reading public.told"),
        (
            "SELECT * FROM crosstab_of('SELECT v FROM told') x(a text)",
            "the program echo told by reading public.told",
        ),
        (
            "SELECT * FROM crosstab_of('SELECT v FROM over_told') x(a text)",
            "the program echo told by reading public.told",
        ),
        (
            "SELECT * FROM crosstab_of('SELECT v FROM parts_told') x(a text)",
            "the program echo told by reading public.part_told",
        ),
        ("SELECT commented()", "pg_try_advisory_lock() in public.commented()"),
        ("SELECT spaced()", "pg_try_advisory_lock() in public.spaced()"),
        ("SELECT reads_spaced()", "pg_try_advisory_lock() in public.reads_spaced()"),
        ("SELECT told_by_parent()", "the program echo told by reading public.child_told"),
        ("SELECT takes_hot(id) FROM t", "pg_stat_reset() in public.heated()"),
        ("SELECT exports()", "COPY with a file or program in public.exports()"),
        ('SELECT "do.t""ted"(id) FROM t', 'pg_stat_reset() in public.do.t"ted()'),
        ("SELECT names_dotted()", "pg_stat_reset() in public.names_dotted()"),
        ("SELECT sees()", "pg_try_advisory_lock() in public.sees()"),
    ],
)
def test_what_reaches_out_of_a_transaction_is_asked(
    target: Target, watcher: SyncConnection, sql: str, named: str
) -> None:
    """Also in a body, in an aggregate, a domain or a cast; --yes runs it."""
    looking = Looking(watcher, agrees=False)
    (refused,) = explain(target, sql, permission=asking(looking)).statements
    assert refused.refused == f"It calls {named}, which may do more than read."
    assert refused.times is None
    agreed = Permission(Consent(yes=True), looking)
    assert explain(target, sql, permission=agreed).statements[0].times is not None


_COMPOSED = [
    "EXECUTE 'SELECT pg_stat_' || 'reset()'",
    "-- first\n EXECUTE 'SELECT ' || $1",
    "IF true THEN EXECUTE $1; END IF",
    "EXECUTE format('SELECT %s', $1)",
    "EXECUTE format('SELECT %I()', $1)",
    "EXECUTE format('SELECT %L', $1) || $1",
    "EXECUTE format('SELECT %L', lower(upper($1))) || lower($1)",
]
_CONSTANT = [
    "EXECUTE 'SELECT ''it''' USING $1",
    "EXECUTE format('SELECT %L, count(*) FROM %I', lower($1), $1)",
    "EXECUTE format('SELECT %L', lower(coalesce(nullif($1, ''), 'a')))",
    "RAISE DEBUG 'nobody may execute %', $1",
    "PERFORM has_function_privilege('lower(text)', 'EXECUTE')",
    "EXECUTE $q$ SELECT 1 $q$",
]


@pytest.mark.parametrize(
    ("body", "asked"),
    [*((each, True) for each in _COMPOSED), *((each, False) for each in _CONSTANT)],
)
def test_sql_that_a_body_puts_together_is_asked(
    target: Target, watcher: SyncConnection, body: str, asked: bool
) -> None:
    """Nobody can tell what it calls; where only values and names are put into it one can."""
    watcher.execute(
        "CREATE OR REPLACE FUNCTION runs_text(text) RETURNS int LANGUAGE plpgsql"
        f" AS $body$ BEGIN {body}; RETURN 1; END $body$"
    )
    looking = Looking(watcher, agrees=False)
    sql = "SELECT runs_text('t')"
    (examined,) = explain(target, sql, permission=asking(looking)).statements
    said = "It calls SQL put together in public.runs_text(), which may do more than read."
    assert examined.refused == (said if asked else "")


def test_another_server_is_read_only_where_somebody_agrees(
    target: Target, watcher: SyncConnection
) -> None:
    """What postgres_fdw opens there is no read-only transaction: a view may take numbers."""
    watcher.execute(f"""
        CREATE EXTENSION IF NOT EXISTS postgres_fdw;
        CREATE SEQUENCE far_numbers;
        CREATE VIEW far_view AS SELECT nextval('far_numbers') AS n;
        CREATE SERVER beyond FOREIGN DATA WRAPPER postgres_fdw
        OPTIONS (host '{target.host}', port '{target.port}', dbname '{target.database}');
        CREATE USER MAPPING FOR PUBLIC SERVER beyond OPTIONS (user '{target.user}');
        CREATE FOREIGN TABLE beyond_view (n bigint) SERVER beyond OPTIONS (table_name 'far_view')
    """)
    looking = Looking(watcher, agrees=False)
    sql = "SELECT n FROM beyond_view"
    (refused,) = explain(target, sql, permission=asking(looking)).statements
    assert refused.times is None
    assert refused.refused == (
        "It reads beyond_view on another server, whose transaction is not read-only."
    )
    watcher.execute("""
        CREATE VIEW over_beyond AS SELECT n FROM beyond_view;
        CREATE FUNCTION asks() RETURNS bigint LANGUAGE plpgsql
        AS 'BEGIN RETURN (SELECT max(n) FROM beyond_view); END';
        CREATE FUNCTION asks_by_view() RETURNS bigint LANGUAGE plpgsql
        AS 'BEGIN RETURN (SELECT max(n) FROM over_beyond); END';
        CREATE FUNCTION asks_early() RETURNS bigint LANGUAGE plpgsql STABLE
        AS 'BEGIN RETURN (SELECT max(n) FROM over_beyond); END'
    """)
    told = "calls another server by reading public.beyond_view"
    for called in ("asks()", "asks_by_view()"):
        (refused,) = explain(target, f"SELECT {called}", permission=asking(looking)).statements
        assert refused.refused == f"It {told}, which may do more than read."
        assert refused.times is None
    with pytest.raises(UsageError, match=f"refused to plan the statement: it {told}"):
        explain(target, "SELECT id FROM t WHERE id = asks_early()", how=How(analyze=False))
    assert watcher.fetchval("SELECT is_called FROM far_numbers") is False


def test_what_planning_asks_of_another_server_is_told(
    target: Target, watcher: SyncConnection
) -> None:
    """With use_remote_estimate the other one is asked though nothing is run."""
    watcher.execute(f"""
        CREATE EXTENSION IF NOT EXISTS postgres_fdw;
        CREATE SERVER estimating FOREIGN DATA WRAPPER postgres_fdw OPTIONS
        (host '{target.host}', port '{target.port}', dbname '{target.database}',
         use_remote_estimate 'on');
        CREATE USER MAPPING FOR PUBLIC SERVER estimating OPTIONS (user '{target.user}');
        CREATE FOREIGN TABLE estimated (id int) SERVER estimating OPTIONS (table_name 't');
        CREATE VIEW over_estimated AS SELECT id FROM estimated;
        CREATE FOREIGN TABLE guessed (id int) SERVER estimating
        OPTIONS (table_name 't', use_remote_estimate 'FALSE')
    """)
    said = (
        "to plan it the server may have asked another one about estimated: use_remote_estimate is"
        " on",
    )
    for permission in (Permission(), Permission(Consent(True))):
        notes = {
            name: explain(
                target, f"SELECT id FROM {name}", how=How(analyze=False), permission=permission
            ).notes
            for name in ("estimated", "over_estimated", "guessed", "t")
        }
        assert notes == {"estimated": said, "over_estimated": said, "guessed": (), "t": ()}


def test_another_server_that_cannot_be_reached_is_the_one_that_is_told(
    target: Target, watcher: SyncConnection
) -> None:
    """The connection of ours goes on, and nobody else ended it."""
    watcher.execute(f"""
        CREATE EXTENSION IF NOT EXISTS postgres_fdw;
        CREATE SERVER gone FOREIGN DATA WRAPPER postgres_fdw OPTIONS
        (host '{target.host}', port '1', dbname 'nowhere', use_remote_estimate 'true');
        CREATE USER MAPPING FOR PUBLIC SERVER gone OPTIONS (user '{target.user}');
        CREATE FOREIGN TABLE unreachable (id int) SERVER gone
    """)
    with pytest.raises(OperationError, match='could not connect to server "gone"'):
        explain(target, "SELECT id FROM unreachable", how=How(analyze=False))


_BY_NAME = """
CREATE FUNCTION crosstab_mine(text) RETURNS int LANGUAGE plpgsql
AS $$ BEGIN EXECUTE 'SELECT ' || $1; RETURN 1; END $$;
CREATE FUNCTION connectby_mine(text) RETURNS int LANGUAGE plpgsql
AS $$ BEGIN EXECUTE $1; RETURN 1; END $$;
CREATE FUNCTION hands_on() RETURNS bigint LANGUAGE plpgsql
AS $$ BEGIN RETURN (SELECT count(*) FROM crosstab_of('SELECT ' || 1) x(a int)); END $$;
"""


def test_a_name_like_crosstab_is_no_reason_not_to_ask(
    target: Target, watcher: SyncConnection
) -> None:
    """Only what the plan itself hands over, and the function runs as it is, was looked at."""
    watcher.execute(_BY_NAME)
    looking = Looking(watcher, agrees=False)
    for call in ("crosstab_mine('1')", "connectby_mine('SELECT 1')", "hands_on()"):
        (refused,) = explain(target, f"SELECT {call}", permission=asking(looking)).statements
        assert refused.refused.startswith("It calls SQL put together in public.")
        assert refused.times is None


_TWO_PLACES = """
CREATE SCHEMA imported;
CREATE SCHEMA "odd one";
CREATE TABLE prices (v text);
CREATE FOREIGN TABLE imported.prices (v text) SERVER files OPTIONS (program 'echo told');
CREATE FOREIGN TABLE "odd one".prices (v text) SERVER files OPTIONS (program 'echo told');
CREATE SCHEMA "a,b";
CREATE FOREIGN TABLE "a,b".costs (v text) SERVER files OPTIONS (program 'echo told');
CREATE FUNCTION fixed_oddly() RETURNS bigint LANGUAGE plpgsql
SET search_path = "a,b" AS 'BEGIN RETURN (SELECT count(*) FROM costs); END';
CREATE FUNCTION fixed_nowhere() RETURNS bigint LANGUAGE plpgsql
SET search_path = '' AS 'BEGIN RETURN (WITH costs AS (SELECT 1) SELECT count(*) FROM costs); END';
CREATE FUNCTION unnamed() RETURNS bigint LANGUAGE plpgsql
AS 'BEGIN RETURN (SELECT count(*) FROM prices); END';
CREATE FUNCTION named_here() RETURNS bigint LANGUAGE plpgsql SET search_path = imported
AS 'BEGIN RETURN (SELECT count(*) FROM "public".prices); END';
CREATE FUNCTION fixed_here() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS 'BEGIN RETURN (SELECT count(*) FROM prices); END';
CREATE FUNCTION named_there() RETURNS bigint LANGUAGE plpgsql
AS 'BEGIN RETURN (SELECT count(*) FROM Imported.prices); END';
CREATE FUNCTION oddly_named() RETURNS bigint LANGUAGE plpgsql
AS 'BEGIN RETURN (SELECT count(*) FROM "odd one" . prices); END';
CREATE FUNCTION fixed_there() RETURNS bigint LANGUAGE plpgsql
SET search_path = imported, public AS 'BEGIN RETURN (SELECT count(*) FROM prices); END';
CREATE FUNCTION handed_on() RETURNS bigint LANGUAGE plpgsql
SET search_path = imported, public AS 'BEGIN RETURN unnamed(); END';
CREATE FUNCTION sets_it() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
PERFORM set_config('search_path', 'imported', true); RETURN (SELECT count(*) FROM prices); END $$;
CREATE FUNCTION sets_schema() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
SET LOCAL SCHEMA 'imported'; RETURN (SELECT count(*) FROM prices); END $$;
CREATE FUNCTION only_one() RETURNS bigint LANGUAGE plpgsql
AS 'BEGIN RETURN (SELECT count(*) FROM ONLY (imported.prices)); END';
CREATE FOREIGN TABLE fees (v text) SERVER files OPTIONS (program 'echo told');
CREATE FUNCTION written_in() RETURNS bigint LANGUAGE sql SET search_path = ''
BEGIN ATOMIC SELECT count(*) FROM public.fees; END;
CREATE FUNCTION moves() RETURNS void LANGUAGE plpgsql
AS $$ BEGIN EXECUTE format('SET LOCAL search_path TO %I', 'imported'); END $$;
CREATE FUNCTION moves_in() RETURNS text LANGUAGE sql
BEGIN ATOMIC SELECT set_config('search_path', 'imported', true); END;
CREATE FUNCTION moved() RETURNS bigint LANGUAGE plpgsql
AS 'BEGIN PERFORM moves(); RETURN (SELECT count(*) FROM prices); END';
CREATE FUNCTION moved_anew() RETURNS bigint LANGUAGE plpgsql SET search_path = public
AS 'BEGIN PERFORM moves_in(); RETURN (SELECT count(*) FROM prices); END';
"""


def test_a_table_is_known_by_its_schema_or_the_search_path(
    target: Target, watcher: SyncConnection
) -> None:
    """Beside IMPORT FOREIGN SCHEMA two tables have one name, and only one of them is foreign."""
    watcher.execute(_TWO_PLACES)
    looking = Looking(watcher, agrees=False)
    try:
        for local in ("unnamed", "named_here", "fixed_here", "fixed_nowhere"):
            (done,) = explain(target, f"SELECT {local}()", permission=asking(looking)).statements
            assert (local, done.refused) == (local, "")
        names = ("named_there", "oddly_named", "fixed_there", "fixed_oddly", "handed_on")
        moving = ("sets_it", "sets_schema", "moved", "moved_anew")
        far = [f"{name}()" for name in (*names, *moving, "only_one", "written_in")]
        moved = "set_config('search_path', 'imported', true), unnamed()"
        for each in (*far, moved, "moves(), unnamed()"):
            (done,) = explain(target, f"SELECT {each}", permission=asking(looking)).statements
            assert "the program echo told by reading" in done.refused, each
    finally:
        watcher.execute("""
            DROP SCHEMA imported, "odd one", "a,b" CASCADE;
            DROP TABLE prices; DROP FOREIGN TABLE fees CASCADE
        """)


_OVER_CROSSTAB = """
CREATE VIEW takes AS SELECT * FROM crosstab_of('SELECT pg_try_advisory_lock(5)::int') x(a int);
CREATE VIEW reads_in AS SELECT * FROM crosstab_of('SELECT v FROM told') x(a text);
CREATE VIEW composes_in AS
SELECT x.a FROM t, LATERAL crosstab_of('SELECT ' || t.v) x(a int);
CREATE VIEW quiet AS SELECT * FROM crosstab_of('SELECT v FROM t') x(a text);
"""


@pytest.mark.parametrize(
    ("view", "named"),
    [
        ("reads_in", "the program echo told by reading public.told"),
        ("composes_in", "It hands a function SQL that is put together only while it runs."),
        ("quiet", ""),
    ],
)
def test_sql_that_a_view_hands_over_is_looked_at(
    target: Target, watcher: SyncConnection, view: str, named: str
) -> None:
    """The statement names only the view; its plan shows the call."""
    watcher.execute(_OVER_CROSSTAB)
    looking = Looking(watcher, agrees=False)
    try:
        sql = f"SELECT * FROM {view}"
        (done,) = explain(target, sql, permission=asking(looking)).statements
        assert named in done.refused
        assert bool(done.refused) == bool(named)
        with pytest.raises(UsageError, match="it calls pg_try_advisory_lock"):
            explain(target, "SELECT * FROM takes", permission=asking(looking))
    finally:
        watcher.execute("DROP VIEW takes, reads_in, composes_in, quiet")


def test_a_view_over_tablefunc_is_looked_into_from_a_body(
    target: Target, watcher: SyncConnection
) -> None:
    """Its rule keeps as bytes what it hands over."""
    if not watcher.fetch(_AVAILABLE, ["tablefunc"]):
        pytest.skip("tablefunc is not on this machine")
    watcher.execute("""
        CREATE VIEW pivot AS SELECT * FROM crosstab(
          'SELECT 1, 1, pg_try_advisory_lock(6)::int') x(a int, b int);
        CREATE FUNCTION counts_pivot() RETURNS bigint LANGUAGE plpgsql
        AS 'BEGIN RETURN (SELECT count(*) FROM pivot); END'
    """)
    looking = Looking(watcher, agrees=False)
    try:
        sql = "SELECT counts_pivot()"
        (done,) = explain(target, sql, permission=asking(looking)).statements
        assert "pg_try_advisory_lock() in public.counts_pivot()" in done.refused
    finally:
        watcher.execute("DROP FUNCTION counts_pivot; DROP VIEW pivot")


@pytest.mark.parametrize("volatility", ["STABLE", "IMMUTABLE"])
@pytest.mark.parametrize("sql", ["SELECT * FROM rows_of('t')", "SELECT rows_of('t')"])
def test_a_set_is_asked_about_and_planned(
    target: Target, watcher: SyncConnection, volatility: str, sql: str
) -> None:
    """Planning calls no set, whatever its author says of it: running it is what is asked."""
    watcher.execute(
        f"CREATE OR REPLACE FUNCTION rows_of(text) RETURNS SETOF int LANGUAGE plpgsql {volatility}"
        " AS 'BEGIN PERFORM pg_try_advisory_lock(7); RETURN; END'"
    )
    looking = Looking(watcher, agrees=False)
    (done,) = explain(target, sql, permission=asking(looking)).statements
    assert "pg_try_advisory_lock() in public.rows_of()" in done.refused
    assert explain(target, sql, how=How(analyze=False)).statements
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7"
    assert watcher.fetchval(held) == 0


@pytest.mark.parametrize("analyze", [True, False])
def test_what_a_set_in_sql_calls_is_run_by_planning(
    target: Target, watcher: SyncConnection, analyze: bool
) -> None:
    """Its body is put in its place, and what that calls with constants is folded."""
    watcher.execute("""
        CREATE OR REPLACE FUNCTION folds() RETURNS int LANGUAGE plpgsql IMMUTABLE
        AS 'BEGIN PERFORM pg_try_advisory_lock(8); RETURN 1; END';
        CREATE OR REPLACE FUNCTION rows_folded() RETURNS SETOF int LANGUAGE sql STABLE
        AS 'SELECT id FROM t WHERE id = folds()'
    """)
    with pytest.raises(UsageError, match=r"refused to plan .* pg_try_advisory_lock\(\)"):
        explain(target, "SELECT * FROM rows_folded()", how=How(analyze=analyze))


_SETS_OVER_VIEWS = """
CREATE FUNCTION bends() RETURNS int LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN PERFORM pg_try_advisory_lock(8); RETURN 1; END';
CREATE VIEW bent AS SELECT id FROM t WHERE id = bends();
CREATE VIEW over_bent AS SELECT id FROM bent;
CREATE FUNCTION bent_rows() RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT id FROM over_bent';
CREATE FUNCTION bent_table() RETURNS TABLE (a int) STABLE
BEGIN ATOMIC SELECT id FROM over_bent; END;
CREATE FUNCTION bent_twice() RETURNS SETOF int LANGUAGE sql STABLE
AS 'SELECT * FROM bent_rows()';
CREATE VIEW bent_anew AS SELECT * FROM bent_rows();
CREATE FUNCTION bent_by_view() RETURNS SETOF int LANGUAGE sql STABLE
AS 'SELECT * FROM bent_anew';
CREATE TABLE guarded (id int);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON guarded USING (id = bends());
CREATE FUNCTION guarded_rows() RETURNS SETOF int LANGUAGE sql STABLE
AS 'SELECT id FROM guarded';
"""


@pytest.mark.parametrize(
    "called", ["bent_rows", "bent_table", "bent_twice", "bent_by_view", "guarded_rows"]
)
def test_what_views_and_policies_below_a_set_in_sql_call_is_run_by_planning(
    target: Target, watcher: SyncConnection, called: str
) -> None:
    """Put in the place of its call, a body brings in the views it reads, whose calls are folded."""
    watcher.execute(_SETS_OVER_VIEWS)
    try:
        for how in (How(), How(analyze=False)):
            with pytest.raises(UsageError, match=r"refused to plan .* pg_try_advisory_lock\(\)"):
                explain(target, f"SELECT * FROM {called}()", how=how)
    finally:
        watcher.execute("""
            DROP FUNCTION guarded_rows, bent_by_view, bent_twice, bent_table;
            DROP VIEW bent_anew; DROP FUNCTION bent_rows;
            DROP VIEW over_bent, bent; DROP TABLE guarded; DROP FUNCTION bends
        """)


@pytest.mark.parametrize("analyze", [True, False])
def test_a_set_that_planning_reads_in_a_body_is_not_run(
    target: Target, watcher: SyncConnection, analyze: bool
) -> None:
    """Planning calls no set itself, but a function that says IMMUTABLE reads it."""
    watcher.execute("""
        CREATE OR REPLACE FUNCTION set_of() RETURNS SETOF int LANGUAGE plpgsql
        AS $$ BEGIN RETURN QUERY EXECUTE 'SELECT pg_stat_' || 'reset()'; END $$;
        CREATE OR REPLACE FUNCTION counts_set() RETURNS bigint LANGUAGE plpgsql IMMUTABLE
        AS 'BEGIN RETURN (SELECT count(*) FROM set_of()); END'
    """)
    with pytest.raises(UsageError, match=r"refused to plan .* SQL put together in public\.set_of"):
        explain(target, "SELECT counts_set()", how=How(analyze=analyze))
    assert explain(target, "SELECT set_of()", how=How(analyze=False)).statements


@pytest.mark.parametrize("sql", ["SELECT embeds('x')", "SELECT * FROM t WHERE v = embeds('x')"])
@pytest.mark.parametrize("analyze", [True, False])
def test_an_untrusted_language_is_not_taken_at_its_word(
    target: Target, watcher: SyncConnection, sql: str, analyze: bool
) -> None:
    """IMMUTABLE is what an author says of a function that asks another server, and is planned."""
    since = "SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()"
    before = watcher.fetchval(since)
    with pytest.raises(UsageError, match=r"refused to plan the statement: it calls public\.embeds"):
        explain(target, sql, how=How(analyze=analyze))
    assert watcher.fetchval(since) == before


def test_a_body_that_calls_an_untrusted_language_is_asked(
    target: Target, watcher: SyncConnection
) -> None:
    """Whatever the function it calls says of itself."""
    looking = Looking(watcher, agrees=False)
    sql = "SELECT embeds_later()"
    (refused,) = explain(target, sql, permission=asking(looking)).statements
    assert refused.times is None
    assert refused.refused == (
        "It calls public.embeds() in public.embeds_later(), which may do more than read."
    )


@pytest.mark.parametrize(
    "sql", ["SELECT v FROM told", "SELECT id FROM t, told JOIN kept USING (v)"]
)
def test_a_program_behind_a_table_is_asked(
    target: Target, watcher: SyncConnection, sql: str
) -> None:
    """Reading it starts a process on the server; --yes does."""
    looking = Looking(watcher, agrees=False)
    (refused,) = explain(target, sql, permission=asking(looking)).statements
    assert refused.refused == "Reading its foreign tables runs echo told on the server."
    assert refused.times is None
    agreed = Permission(Consent(yes=True), looking)
    assert explain(target, sql, permission=agreed).statements[0].times is not None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT v FROM kept",
        "SELECT program_name(id), http_status(id) FROM program WHERE id = current_tenant()",
        "SELECT named_now() FROM named",
        "SELECT password_reset(name) FROM program WHERE is_advisory(name)",
        "SELECT gen_random_uuid(), new_key(id), set_limit(0.3) FROM program",
        "SELECT int_array_aggregate(id) FROM program WHERE name::citext = 'X' OR name % 'xyz'",
        "SELECT * FROM normal_rand(3, 1, 2), similarity('a', 'b')",
        "SELECT tidied_near(), (id + 1)::more, '{7}'::more[] FROM program",
    ],
)
def test_ordinary_functions_are_run(target: Target, watcher: SyncConnection, sql: str) -> None:
    """Neither a team's own nor those of known extensions are asked of where they only read."""
    looking = Looking(watcher, agrees=False)
    assert explain(target, sql, permission=asking(looking)).statements[0].times is not None
    assert not looking.questions


@pytest.mark.pg("<18")
def test_what_is_random_by_design_is_run(target: Target, watcher: SyncConnection) -> None:
    """Functions in C that are volatile because they make keys and salts."""
    looking = Looking(watcher, agrees=False)
    sql = "SELECT pgp_sym_encrypt('a', 'b'), gen_salt('bf'), uuid_generate_v4()"
    assert explain(target, sql, permission=asking(looking)).statements[0].times is not None
    assert not looking.questions


@pytest.mark.parametrize("how", [How(generic=True), How(sample=True)])
def test_a_plan_for_any_values_runs_nothing_either(target: Target, how: How) -> None:
    """It is planned like any other."""
    with pytest.raises(UsageError, match="refused to plan the statement: it calls pg_stat_reset"):
        explain(target, "SELECT * FROM t WHERE wraps(7) AND id = $1", how=how)


@pytest.mark.parametrize("analyze", [True, False])
def test_what_planning_would_run_is_not_planned(
    target: Target, watcher: SyncConnection, analyze: bool
) -> None:
    """Plain EXPLAIN calls functions that say they are STABLE; --yes has it done all the same."""
    sql = "SELECT * FROM t WHERE wraps(7)"
    since = "SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()"
    before = watcher.fetchval(since)
    with pytest.raises(UsageError, match="refused to plan the statement: it calls pg_stat_reset"):
        explain(target, sql, how=How(analyze=analyze))
    assert watcher.fetchval(since) == before
    agreed = Permission(Consent(yes=True))
    assert explain(target, sql, how=How(analyze=analyze), permission=agreed).statements


_BEHIND = """
CREATE FUNCTION folds(int) RETURNS int LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN 1; END';
CREATE FUNCTION inlined() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT folds(1)';
CREATE FUNCTION tells(a int, b int) RETURNS bool LANGUAGE plpgsql VOLATILE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN a = b; END';
CREATE OPERATOR =%= (leftarg = int, rightarg = int, function = tells, restrict = eqsel);
CREATE VIEW folding AS SELECT id FROM t WHERE id = folds(2);
CREATE VIEW over_it AS SELECT * FROM folding;
CREATE TABLE ruled (id int);
ALTER TABLE ruled ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON ruled USING (id = folds(3));
CREATE TABLE defaulted (id int DEFAULT folds(4), v int);
CREATE TABLE checked (id int CHECK (id > folds(5)));
CREATE TABLE measured (a int, b int);
CREATE STATISTICS st_measured ON (a + folds(6)), b FROM measured;
CREATE TABLE indexed (a int);
CREATE INDEX indexed_a ON indexed (a) WHERE a > folds(7);
CREATE TABLE parted (a int) PARTITION BY LIST (a);
CREATE TABLE part_1 PARTITION OF parted (CHECK (a > folds(8))) FOR VALUES IN (1);
CREATE TYPE celsius AS (v int);
CREATE FUNCTION warmed(v int) RETURNS celsius LANGUAGE plpgsql IMMUTABLE
AS 'DECLARE c celsius; BEGIN PERFORM pg_stat_reset(); c.v := v; RETURN c; END';
CREATE CAST (int AS celsius) WITH FUNCTION warmed(int);
CREATE TYPE kelvin AS (v int);
CREATE FUNCTION chilled(v int) RETURNS kelvin LANGUAGE plpgsql IMMUTABLE
AS 'DECLARE k kelvin; BEGIN PERFORM pg_stat_reset(); k.v := v; RETURN k; END';
CREATE CAST (int AS kelvin) WITH FUNCTION chilled(int) AS ASSIGNMENT;
CREATE TABLE cold (k kelvin);
CREATE DOMAIN kelvin_too AS kelvin;
CREATE TABLE colder (k kelvin_too);
CREATE TABLE coldest (k kelvin[]);
CREATE FUNCTION told_early() RETURNS bigint LANGUAGE plpgsql STABLE
AS 'BEGIN RETURN (SELECT count(*) FROM told); END';
CREATE FUNCTION folds_locking() RETURNS int LANGUAGE sql STABLE AS 'SELECT a FROM over_locking';
CREATE DOMAIN slyer AS sly;
CREATE DOMAIN locked AS int CHECK (pg_try_advisory_lock(value));
CREATE TYPE has_sly AS (a sly);
CREATE TABLE holds_sly (a sly[]);
CREATE FUNCTION takes_sly(sly) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE TABLE crates (c coldest);
CREATE FUNCTION ceil(pair) RETURNS int LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN 1; END';
CREATE FUNCTION side(t) RETURNS int LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN 1; END';
CREATE FUNCTION defaults_to(a int, b int DEFAULT folds(1)) RETURNS int LANGUAGE plpgsql
AS 'BEGIN RETURN 1; END';
CREATE FUNCTION before(pair, pair) RETURNS bool LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN true; END';
CREATE FUNCTION compared(pair, pair) RETURNS int LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN 0; END';
CREATE OPERATOR <# (leftarg = pair, rightarg = pair, function = before);
CREATE OPERATOR CLASS pair_order DEFAULT FOR TYPE pair USING btree
AS OPERATOR 1 <#, FUNCTION 1 compared(pair, pair);
CREATE TABLE pairs (p pair);
CREATE VIEW xml AS SELECT id FROM t WHERE length(table_to_xml('t', true, true, '')::text) > id;
CREATE FUNCTION shifts(text) RETURNS int LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN 1; END';
CREATE SCHEMA "a.b";
CREATE VIEW "a.b"."c.d" AS SELECT folds(1) AS a;
CREATE FUNCTION "fo.l""ds"() RETURNS int LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN 1; END';
CREATE TABLE innocent (id int PRIMARY KEY, v int DEFAULT bt_charge() CHECK (v > 0));
"""


def test_planning_runs_nothing_behind_what_a_statement_names(
    target: Target, watcher: SyncConnection
) -> None:
    """Views, policies, defaults, checks, indexes, statistics, operators, casts, inlined bodies."""
    watcher.execute(_BEHIND)
    since = "SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()"
    before = watcher.fetchval(since)
    for sql in (
        "SELECT inlined()",
        "SELECT * FROM t WHERE id =%= 3",
        "SELECT * FROM t WHERE id === 3",
        "SELECT * FROM over_it",
        'SELECT * FROM public."folding" f',
        "SELECT * FROM ruled",
        "INSERT INTO defaulted (v) VALUES (1)",
        "SELECT * FROM checked WHERE id = 1",
        "SELECT * FROM measured WHERE a = 1",
        "SELECT * FROM indexed WHERE a = 1",
        "SELECT * FROM parted WHERE a = 1",
        "SELECT 1::celsius",
        "INSERT INTO cold VALUES (1)",
        "INSERT INTO colder VALUES (1)",
        "INSERT INTO coldest VALUES (ARRAY[1])",
        "SELECT * FROM t WHERE id = told_early()",
        "SELECT * FROM t WHERE id = folds_locking()",
        "SELECT CAST(1 AS celsius)",
        "SELECT 1 :: celsius",
        "SELECT 1::/**/celsius",
        "SELECT id===-3 FROM t",
        "SELECT $q$'$q$, id === 3, $q$'$q$ FROM t",
        "SELECT id /* it's */ === /* ' */ 3 FROM t",
        "SELECT id::sly FROM t",
        "SELECT '1'::U&\"sl!0079\" UESCAPE '!'",
        "SELECT '{1}'::slyer[]",
        "SELECT '(1)'::has_sly",
        "SELECT * FROM holds_sly WHERE a = '{1}'",
        "SELECT * FROM json_to_record('{}') x(a sly)",
        "SELECT takes_sly(id) FROM t",
        "SELECT 1::locked",
        "INSERT INTO crates (c.k) VALUES (ARRAY[1])",
        "SELECT ceil(NULL::pair)",
        "SELECT (NULL::t).side",
        "SELECT defaults_to(1)",
        "SELECT * FROM pairs ORDER BY p",
        "SELECT * FROM xml",
        'SELECT * FROM "a.b"."c.d"',
        "SELECT ('x'::text)./**/shifts",
        'SELECT public."fo.l""ds"()',
        "SELECT * FROM t WHERE length(table_to_xml('over_it', true, true, '')::text) > id",
    ):
        with pytest.raises(UsageError, match="refused to plan the statement: it calls"):
            explain(target, sql, how=How(analyze=False))
    assert watcher.fetchval(since) == before
    assert explain(target, "SELECT * FROM innocent").statements[0].times is not None


def test_reading_columns_of_checked_and_indexed_types_is_not_asked(
    target: Target, watcher: SyncConnection
) -> None:
    """Not even in production: it makes no values of them, and only their index calls what is in C.

    What makes such a value is asked there, as nobody said that its check only reads.
    """
    permission = asking(Looking(watcher, agrees=False), production=True)
    (read,) = explain(
        target, "SELECT c, e FROM coded WHERE c = 'x'", permission=permission
    ).statements
    assert read.times is not None
    (made,) = explain(target, "SELECT name::code FROM program", permission=permission).statements
    assert made.refused == "It calls public.is_code(), which may do more than read."


@pytest.mark.pg(">=16")
def test_a_type_named_in_a_literal_is_looked_at(target: Target) -> None:
    """As what tells whether a text is a value of a type takes it: it makes the value."""
    with pytest.raises(UsageError, match=r"calls pg_stat_reset\(\) in public.resets\(\)"):
        explain(target, "SELECT pg_input_is_valid('1', 'public.sly')")


@pytest.mark.parametrize("call", ["table_to_xml('t', true, true, '')", "ts_stat('SELECT 1')"])
def test_a_query_in_a_literal_is_not_run(target: Target, call: str) -> None:
    """Nobody looked at what it calls."""
    with pytest.raises(UsageError, match=rf"it calls {call.partition('(')[0]}\(\)"):
        explain(target, f"SELECT {call}")


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("'SELECT resets(1)::int'", "It calls pg_stat_reset() in public.resets()"),
        ("$$SELECT a FROM resetting$$", "It calls pg_stat_reset() in public.resets()"),
        ("lower('SELECT ') || v", "It hands a function SQL that is put together only"),
        ("'SELECT id FROM t'", ""),
    ],
)
def test_sql_inside_a_function_is_looked_at(
    target: Target, watcher: SyncConnection, query: str, refused: str
) -> None:
    """As tablefunc's crosstab takes it; what it calls, and what the views it reads call."""
    looking = Looking(watcher, agrees=False)
    sql = f"SELECT x.a FROM t RIGHT JOIN LATERAL crosstab_of({query}) x(a int) ON true"
    if "|| v" in query:
        sql = f"SELECT x.a FROM t, LATERAL crosstab_of({query}) x(a int)"
    (examined,) = explain(target, sql, permission=asking(looking)).statements
    assert examined.refused.startswith(refused)
    assert (examined.times is None) == bool(refused)


@pytest.mark.parametrize("view", ["locking", "public.over_locking"])
def test_a_view_that_a_function_reads_is_looked_into(target: Target, view: str) -> None:
    """It is in no plan, and the server keeps no note of the built-in functions it calls."""
    sql = f"SELECT * FROM crosstab_of('SELECT a FROM {view}') x(a int)"
    with pytest.raises(UsageError, match=r"refused to run the statement: it calls pg_try_advisory"):
        explain(target, sql)


def test_a_body_that_keeps_to_its_transaction_is_run(
    target: Target, watcher: SyncConnection
) -> None:
    """Comments, settings of the transaction and random numbers are nobody's concern."""
    looking = Looking(watcher, agrees=False)
    (examined,) = explain(target, "SELECT counts()", permission=asking(looking)).statements
    assert examined.times is not None
    assert not looking.questions


def test_nothing_is_held_while_somebody_thinks(target: Target, watcher: SyncConnection) -> None:
    """A lock kept behind a question would stop whoever wants to change the table."""
    looking = Looking(watcher)
    sql = "SELECT in_c() FROM t"
    assert explain(target, sql, permission=asking(looking)).statements[0].times is not None
    looking.agrees = False
    refused = explain(target, sql, permission=asking(looking)).statements[0]
    assert refused.times is None
    assert refused.refused.startswith("It calls public.in_c(), which may do more")
    assert looking.waiting == [0, 0]


def test_statements_others_left_in_a_pool_are_not_met(target: Target) -> None:
    """The server has no second statement of a name, and applications on asyncpg leave theirs."""
    names = [f"__asyncpg_stmt_{number:x}__" for number in range(2000)]
    with pgbouncer(target, {"default_pool_size": "1"}) as pooler:
        with SyncConnection(pooler.target) as before:
            before.execute("; ".join(f"PREPARE {name} AS SELECT 1" for name in names))
        how = How(parameters=("7",))
        assert explain(pooler.target, "SELECT * FROM t WHERE id = $1", how=how).statements
        with SyncConnection(pooler.target) as after:
            left = after.fetchval("SELECT count(*) FROM pg_prepared_statements")
    assert left == len(names)


@pytest.mark.parametrize("seconds", [1e12, 3e6, math.nan, math.inf, 0.0, -1.0])
def test_no_endless_timeout(target: Target, seconds: float) -> None:
    """The server counts milliseconds in 32 bits; what does not fit is told, not sent."""
    with pytest.raises(UsageError, match="a statement cannot be given"):
        explain(target, "SELECT 1", how=How(timeout=seconds))
