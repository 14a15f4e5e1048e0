"""What planning runs behind bodies, and by which words a body moves what others read."""

import itertools
from collections.abc import Iterator

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import UsageError
from dbtool.explain.run import How, explain
from dbtool.guard import Consent, Permission
from dbtool.scratch.server import Server
from dbtool.settings.environments import Environment

_BASE = """
CREATE TABLE t (id int PRIMARY KEY, v text);
CREATE TABLE one (a int);
INSERT INTO one SELECT 1 FROM generate_series(1, 100);
ANALYZE one;
CREATE FUNCTION mark(int DEFAULT 1) RETURNS int LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN 1; END';
CREATE FUNCTION marks(int) RETURNS bool LANGUAGE plpgsql
AS 'BEGIN PERFORM pg_stat_reset(); RETURN true; END';
CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN true; END';
CREATE FUNCTION other(int, int) RETURNS bool LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN RETURN true; END';
CREATE TYPE boxed AS (a int);
CREATE FUNCTION box(int) RETURNS boxed LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN row($1); END';
CREATE DOMAIN checked AS int CHECK (marks(value));
CREATE SCHEMA far;
CREATE TABLE prices (v int);
CREATE VIEW far.prices AS SELECT marks(1) AS v;
CREATE FUNCTION reads() RETURNS bigint LANGUAGE plpgsql
AS 'BEGIN RETURN (SELECT count(v) FROM prices); END';
"""
_SINCE = "SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()"
_numbers = itertools.count()


class _Refusing:
    """Agrees to nothing."""

    def confirm(self, question: str) -> bool:
        """No."""
        return not question

    def type_name(self, question: str, name: str) -> bool:
        """Never asked here."""
        raise AssertionError(f"{question} {name}")


_ASKING = Permission(Consent(), _Refusing())


@pytest.fixture(scope="module")
def base(server: Server) -> Iterator[str]:
    """A database whose functions leave a mark where they are run, whatever they say."""
    with SyncConnection(server.create_database("reached")) as connection:
        connection.execute(_BASE)
    yield "reached"
    server.drop_database("reached")


@pytest.fixture
def target(server: Server, base: str) -> Iterator[Target]:
    """A copy of it."""
    name = f"reached_{next(_numbers)}"
    yield server.create_database(name, base)
    server.drop_database(name)


def _rows(body: str) -> str:
    return f"CREATE FUNCTION rows_of() RETURNS SETOF int LANGUAGE sql STABLE AS $q$ {body} $q$"


def _stable(body: str) -> str:
    return (
        "CREATE FUNCTION early() RETURNS int LANGUAGE plpgsql STABLE AS $q$ BEGIN"
        f" {body}; RETURN 1; EXCEPTION WHEN OTHERS THEN RETURN 1; END $q$"
    )


_ROWS = "SELECT * FROM rows_of()"
_EARLY = "SELECT * FROM t WHERE id = early()"
_INDEXED = "CREATE TABLE x (a int); CREATE INDEX ON x (a) WHERE a > mark(7);"
_ALIKE = """
CREATE OPERATOR =%= (leftarg = int, rightarg = int, function = other, negator = <%>,
  commutator = =%=, restrict = eqsel);
CREATE OPERATOR <%> (leftarg = int, rightarg = int, function = same, negator = =%=,
  restrict = eqsel);
"""
_CAST = "CREATE CAST (int AS boxed) WITH FUNCTION box(int) AS IMPLICIT;"
_TO_NUMBER = """
CREATE FUNCTION numbered(bool) RETURNS bigint LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN 1; END';
CREATE CAST (bool AS bigint) WITH FUNCTION numbered(bool) AS IMPLICIT;
CREATE FUNCTION takes(bigint) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
"""
_PARTED = """
CREATE FUNCTION compared(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN $1 - $2; END';
CREATE OPERATOR CLASS marking FOR TYPE int USING btree
AS OPERATOR 3 =, FUNCTION 1 compared(int, int);
CREATE TABLE x (a int) PARTITION BY RANGE (a marking);
CREATE TABLE x1 PARTITION OF x FOR VALUES FROM (1) TO (3);
"""

_PLANNED = {
    "the predicate of an index": (_INDEXED + _rows("SELECT a FROM x WHERE a = 1"), _ROWS),
    "a set that was written as a tree": (
        f"{_INDEXED} CREATE FUNCTION rows_of() RETURNS SETOF int STABLE"
        " BEGIN ATOMIC SELECT a FROM x WHERE a = 1; END",
        _ROWS,
    ),
    "an index below a view": (
        f"{_INDEXED} CREATE VIEW w AS SELECT a FROM x;" + _rows("SELECT a FROM w WHERE a = 1"),
        _ROWS,
    ),
    "a function that is run early": (
        _INDEXED + _stable("PERFORM count(*) FROM x WHERE a = 1"),
        _EARLY,
    ),
    "the expression of an index": (
        "CREATE TABLE x (a int); CREATE INDEX ON x ((a + mark(7)));"
        + _rows("SELECT a FROM x WHERE a = 1"),
        _ROWS,
    ),
    "the check of a child": (
        "CREATE TABLE x (a int); CREATE TABLE y (CHECK (a > mark(7))) INHERITS (x);"
        + _rows("SELECT a FROM x WHERE a = 1"),
        _ROWS,
    ),
    "statistics": (
        "CREATE TABLE x (a int, b int); CREATE STATISTICS s ON (a + mark(6)), b FROM x;"
        + _rows("SELECT a FROM x WHERE a = 1"),
        _ROWS,
    ),
    "the key of partitions": (
        "CREATE TABLE x (a int) PARTITION BY LIST ((a + mark(1)));"
        "CREATE TABLE x1 PARTITION OF x FOR VALUES IN (1);" + _rows("SELECT a FROM x WHERE a = 1"),
        _ROWS,
    ),
    "how partitions are compared": (_PARTED + _rows("SELECT a FROM x WHERE a = 1"), _ROWS),
    "the index of what is updated": (
        _INDEXED + _stable("UPDATE x SET a = 1 WHERE a = 1"),
        _EARLY,
    ),
    "a table in parentheses": (
        _INDEXED + _stable("PERFORM 1 FROM (TABLE x) s WHERE s.a = 1"),
        _EARLY,
    ),
    "a column that is a table": (_INDEXED + _stable("PERFORM 1, (TABLE x LIMIT 1)"), _EARLY),
    "a table handed to EXECUTE": (
        _INDEXED + _stable("EXECUTE 'SELECT $1' USING ((TABLE x LIMIT 1))"),
        _EARLY,
    ),
    "a check that is put in the place of its call": (
        "CREATE FUNCTION above(int) RETURNS bool LANGUAGE sql AS 'SELECT $1 > mark(7)';"
        "CREATE TABLE x (a int); CREATE TABLE y (CHECK (above(a))) INHERITS (x);"
        + _rows("SELECT a FROM x WHERE a = 1"),
        _ROWS,
    ),
    "a table behind USING": (_INDEXED + _stable("DELETE FROM t USING x WHERE x.a = 1"), _EARLY),
    "a default": (
        "CREATE TABLE x (a int DEFAULT mark(), b int);" + _stable("INSERT INTO x (b) VALUES (1)"),
        _EARLY,
    ),
    "an operator": (
        "CREATE OPERATOR =%= (leftarg = int, rightarg = int, function = same);"
        + _rows("SELECT id FROM t WHERE 1 =%= 2"),
        _ROWS,
    ),
    "the negation of an operator": (_ALIKE, "SELECT * FROM one WHERE NOT (a =%= 3)"),
    "the negation of one in a body": (
        _ALIKE + _rows("SELECT a FROM one WHERE NOT (a =%= 3)"),
        _ROWS,
    ),
    "an operator among the built-in ones": (
        "CREATE OPERATOR pg_catalog.=%= (leftarg = int, rightarg = int, function = same)",
        "SELECT 1 =%= 2",
    ),
    "a function among the built-in ones": (
        "CREATE FUNCTION pg_catalog.marked() RETURNS int LANGUAGE plpgsql IMMUTABLE"
        " AS 'BEGIN PERFORM pg_stat_reset(); RETURN 1; END'",
        "SELECT * FROM t WHERE id = marked()",
    ),
    "a cast": (_CAST + _rows("SELECT id FROM t WHERE (1::boxed) IS NOT NULL"), _ROWS),
    "a cast that is not written": (
        f"{_CAST} CREATE FUNCTION takes(boxed) RETURNS int LANGUAGE plpgsql"
        " AS 'BEGIN RETURN 1; END';" + _rows("SELECT takes(1)"),
        _ROWS,
    ),
    "a cast of built-in types": (_TO_NUMBER + _rows("SELECT takes(true)"), _ROWS),
    "a literal of a domain": (
        _rows("SELECT id FROM t WHERE '{1}'::checked[] IS NOT NULL"),
        _ROWS,
    ),
    "a column of a domain": (
        "CREATE TABLE x (a checked[]);" + _rows("SELECT 1 FROM x WHERE a = '{1}'"),
        _ROWS,
    ),
    "a variable of a domain": (_stable("DECLARE c checked := 1; BEGIN END"), _EARLY),
    "the domain that a function returns": (
        "CREATE FUNCTION gives() RETURNS checked LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1; END';"
        + _stable("PERFORM gives()"),
        _EARLY,
    ),
    "many ranges of a domain": (
        "CREATE TYPE stretch AS RANGE (subtype = checked, multirange_type_name = stretches);"
        + _rows("SELECT id FROM t WHERE '{[1,2)}'::stretches IS NOT NULL"),
        _ROWS,
    ),
    "many ranges in a statement": (
        "CREATE TYPE stretch AS RANGE (subtype = checked, multirange_type_name = stretches)",
        "SELECT '{[1,2)}'::stretches",
    ),
    "a name that is too long": (
        f"CREATE VIEW {'w' * 63} AS SELECT id FROM t WHERE id = mark();"
        + _rows(f"SELECT id FROM {'w' * 70}"),
        _ROWS,
    ),
    "a name in three parts": (
        "CREATE VIEW w AS SELECT id FROM t WHERE id = mark();"
        + _rows("SELECT id FROM {database} . public . w"),
        _ROWS,
    ),
    "a name spelled by numbers": (
        _rows(r'SELECT id FROM t WHERE id = U&"m\0061rk"(1)'),
        _ROWS,
    ),
    "a function behind a dot": (
        "CREATE FUNCTION side(t) RETURNS int LANGUAGE plpgsql IMMUTABLE"
        " AS 'BEGIN PERFORM pg_stat_reset(); RETURN 1; END';" + _rows("SELECT (NULL::t).side"),
        _ROWS,
    ),
}


@pytest.mark.parametrize("what", _PLANNED)
def test_planning_runs_nothing_behind_a_body(target: Target, what: str) -> None:
    """Each is run by a plain EXPLAIN, which the second half of the test shows."""
    setup, sql = _PLANNED[what]
    with SyncConnection(target) as watcher:
        watcher.execute(setup.replace("{database}", target.database))
        before = watcher.fetchval(_SINCE)
        for analyze in (False, True):
            with pytest.raises(UsageError, match="refused to plan the statement: it calls"):
                explain(target, sql, how=How(analyze=analyze))
        assert watcher.fetchval(_SINCE) == before
        agreed = Permission(Consent(yes=True))
        assert explain(target, sql, how=How(analyze=False), permission=agreed).statements
        assert watcher.fetchval(_SINCE) != before


def _moving(body: str) -> str:
    return f"""
        CREATE FUNCTION moves() RETURNS int LANGUAGE plpgsql
        AS $q$ BEGIN {body}; RETURN 1; END $q$;
        CREATE FUNCTION goes() RETURNS bigint LANGUAGE plpgsql
        AS 'BEGIN PERFORM moves(); RETURN reads(); END'"""


_TO = "'far,public', true)"
_GOES = "SELECT goes()"
_MOVED = {
    "a name put together": (_moving(f"PERFORM set_config('search' || '_path', {_TO}"), _GOES),
    "a name in quotes": (_moving(f"PERFORM \"set_config\"(E'search\\x5fpath', {_TO}"), _GOES),
    "a name among the settings": (
        _moving("UPDATE pg_settings SET setting = 'far' WHERE name LIKE 'search%'"),
        _GOES,
    ),
    "the settings alone": (
        _moving("UPDATE ONLY pg_settings SET setting = 'far' WHERE name LIKE 'search%'"),
        _GOES,
    ),
    "the settings in parentheses": (
        _moving("UPDATE ONLY(\"pg_settings\") SET setting = 'far' WHERE name LIKE 'search%'"),
        _GOES,
    ),
    "a default argument": (
        f"CREATE FUNCTION moves(text DEFAULT set_config('search_path', {_TO}) RETURNS int"
        " LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';"
        "CREATE FUNCTION goes() RETURNS bigint LANGUAGE plpgsql"
        " AS 'BEGIN PERFORM moves(); RETURN reads(); END'",
        _GOES,
    ),
    "a view": (
        f"CREATE VIEW moves AS SELECT set_config('search_path', {_TO} AS c;"
        "CREATE FUNCTION goes() RETURNS bigint LANGUAGE plpgsql"
        " AS 'BEGIN PERFORM c FROM moves; RETURN reads(); END'",
        _GOES,
    ),
    "a domain": (
        f"CREATE DOMAIN moves AS int CHECK (set_config('search_path', {_TO} <> '')",
        "SELECT 1::moves, reads()",
    ),
    "RESET ALL": (_moving("RESET ALL"), _GOES),
}
_ROLES = [
    "SET LOCAL ROLE owner",
    'SET LOCAL "role" TO owner',
    "SET SESSION AUTHORIZATION owner",
    "SET LOCAL session_authorization TO owner",
    "PERFORM set_config('role', 'owner', true)",
    "RESET ROLE",
]


@pytest.mark.parametrize("what", _MOVED)
def test_what_moves_the_search_path_is_seen(target: Target, what: str) -> None:
    """Another function reads another table then, whatever sets it and whatever it is called."""
    _is_asked_about(target, *_MOVED[what])


@pytest.mark.parametrize("role", [*_ROLES, ""])
def test_a_role_moves_the_search_path(target: Target, role: str) -> None:
    """It begins with a schema of the role's name; the last is given to the function itself."""
    body = _moving(role or "NULL")
    setup = body if role else f"{body}; ALTER FUNCTION goes SET role = {target.user}"
    _is_asked_about(target, setup, _GOES)


def _is_asked_about(target: Target, setup: str, sql: str) -> None:
    """It is not run, and what it would run is named."""
    with SyncConnection(target) as watcher:
        watcher.execute(setup)
        before = watcher.fetchval(_SINCE)
        (examined,) = explain(target, sql, permission=_ASKING).statements
        assert "pg_stat_reset() in public." in examined.refused
        assert watcher.fetchval(_SINCE) == before


_LEFT = {
    "an index that a volatile function meets": (
        f"{_INDEXED} CREATE FUNCTION later() RETURNS bigint LANGUAGE plpgsql"
        " AS 'BEGIN RETURN (SELECT count(*) FROM x WHERE a = 1); END'",
        "SELECT later()",
    ),
    "a set behind a volatile function": (
        _rows("SELECT id FROM t WHERE id = mark()")
        + "; CREATE FUNCTION later() RETURNS bigint LANGUAGE plpgsql"
        " AS 'BEGIN RETURN (SELECT count(*) FROM rows_of()); END'",
        "SELECT later()",
    ),
    "a set with settings": (
        _rows("SELECT id FROM t WHERE id = mark()")
        + "; ALTER FUNCTION rows_of() SET search_path = public",
        _ROWS,
    ),
    "an operator in a body": (
        "CREATE OPERATOR =%= (leftarg = int, rightarg = int, function = same);"
        "CREATE FUNCTION later() RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN 1 =%= 2; END'",
        "SELECT later()",
    ),
    "a table that BEGIN ATOMIC reads": (
        "CREATE FUNCTION later() RETURNS bigint LANGUAGE sql SET search_path = ''"
        " BEGIN ATOMIC SELECT count(v) FROM far.prices; END",
        "SELECT later()",
    ),
}


@pytest.mark.parametrize("what", _LEFT)
def test_what_planning_leaves_alone_is_planned_and_asked(target: Target, what: str) -> None:
    """Only running the statement would run it."""
    setup, sql = _LEFT[what]
    with SyncConnection(target) as watcher:
        watcher.execute(setup)
        before = watcher.fetchval(_SINCE)
        assert explain(target, sql, how=How(analyze=False)).statements
        (examined,) = explain(target, sql, permission=_ASKING).statements
        assert "pg_stat_reset() in public." in examined.refused
        assert watcher.fetchval(_SINCE) == before


_EVERYDAY = """
CREATE FUNCTION is_even(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN $1 % 2 = 0; END';
CREATE DOMAIN even AS int CHECK (is_even(value));
CREATE TABLE counted (id serial PRIMARY KEY, n even DEFAULT 2 CHECK (is_even(n)), v text);
CREATE INDEX ON counted (lower(v)) WHERE v IS NOT NULL;
CREATE FUNCTION written() RETURNS bigint LANGUAGE sql SET search_path = ''
BEGIN ATOMIC SELECT count(*) FROM public.prices; END;
CREATE FUNCTION tenant(name text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
PERFORM set_config('app.tenant', name, true);
RETURN (SELECT count(*) FROM prices); END $$;
CREATE FUNCTION counting() RETURNS SETOF int LANGUAGE sql STABLE
AS $$ SELECT c.id FROM counted c WHERE lower(c.v) = 'x' AND c.n = 4 $$;
"""


@pytest.mark.parametrize(
    "sql", ["SELECT written()", "SELECT tenant('1')", "SELECT * FROM counting()"]
)
def test_everyday_tables_below_bodies_are_read(target: Target, sql: str) -> None:
    """Checks, domains, defaults and indexes only matter where they reach out."""
    with SyncConnection(target) as watcher:
        watcher.execute(_EVERYDAY)
    assert explain(target, sql, permission=_ASKING).statements[0].times is not None


def test_a_domain_below_a_set_is_not_asked_about_in_production(target: Target) -> None:
    """What is only behind a type or a table may be left alone, and keeps to its transaction."""
    with SyncConnection(target) as watcher:
        watcher.execute(_EVERYDAY)
    live = Environment("live", production=True, source="[tool.dbtool] env.live")
    permission = Permission(Consent(), _Refusing(), lambda _: live)
    sql = "SELECT * FROM counting()"
    assert explain(target, sql, permission=permission).statements[0].times is not None


_STORED = """
CREATE FUNCTION crosstab(text) RETURNS SETOF record LANGUAGE plpgsql
AS 'BEGIN RETURN QUERY EXECUTE $1; END';
CREATE FUNCTION asked() RETURNS int LANGUAGE plpgsql STABLE
AS 'BEGIN PERFORM pg_stat_reset(); RETURN 1; END';
CREATE MATERIALIZED VIEW rates AS SELECT asked() AS v, marks(1) AS w;
CREATE MATERIALIZED VIEW pivot AS
SELECT * FROM crosstab('SELECT 1, public.asked()') x(a int, b int);
CREATE FUNCTION next_no() RETURNS int LANGUAGE plpgsql
AS 'BEGIN PERFORM pg_stat_reset(); RETURN 1; END';
CREATE TABLE invoices (no int DEFAULT next_no() CHECK (marks(no)), total int);
CREATE TABLE others () INHERITS (invoices);
CREATE VIEW billed AS SELECT total FROM invoices;
"""
_KEPT = ["rates", "pivot", "invoices", "billed"]


def _total(volatility: str, body: str) -> str:
    return f"CREATE FUNCTION total() RETURNS int LANGUAGE plpgsql {volatility} AS $q$ {body} $q$"


@pytest.mark.parametrize("volatility", ["STABLE", "VOLATILE"])
@pytest.mark.parametrize("table", _KEPT)
def test_what_only_made_the_rows_is_not_run_by_reading_them(
    target: Target, table: str, volatility: str
) -> None:
    """A materialized view keeps what it was asked, a table what its defaults gave."""
    with SyncConnection(target) as watcher:
        watcher.execute(_STORED)
        watcher.execute(_total(volatility, f"BEGIN RETURN (SELECT count(*) FROM {table}); END"))
        before = watcher.fetchval(_SINCE)
        for sql in ("SELECT total()", f"SELECT * FROM {table}"):
            assert explain(target, sql, how=How(analyze=False)).statements
            (examined,) = explain(target, sql, permission=_ASKING).statements
            assert (examined.refused, examined.times is None) == ("", False)
        assert watcher.fetchval(_SINCE) == before


_MAKING = [
    "INSERT INTO invoices (total) VALUES (1)",
    "UPDATE billed SET total = 1",
    "INSERT INTO billed VALUES (1)",
    "EXECUTE 'INSERT INTO invoices (total) VALUES (1)'",
    "ALTER TABLE invoices VALIDATE CONSTRAINT invoices_no_check",
    "REFRESH MATERIALIZED VIEW rates; PERFORM v FROM rates",
]


@pytest.mark.parametrize("making", _MAKING)
def test_what_makes_rows_is_asked_about(target: Target, making: str) -> None:
    """A function runs defaults and checks where it writes, and where it is run to plan."""
    with SyncConnection(target) as watcher:
        watcher.execute(_STORED)
        watcher.execute(
            _total("", f"BEGIN {making}; RETURN 1; END") + ";" + _stable("PERFORM total()")
        )
        before = watcher.fetchval(_SINCE)
        (examined,) = explain(target, "SELECT total()", permission=_ASKING).statements
        assert "pg_stat_reset() in public." in examined.refused
        with pytest.raises(UsageError, match="refused to plan the statement: it calls"):
            explain(target, _EARLY, how=How(analyze=False))
        assert watcher.fetchval(_SINCE) == before
