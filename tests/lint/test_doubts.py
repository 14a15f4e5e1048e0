"""What proves a column or a partition no more, as a server shows it after a DROP … CASCADE."""

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.finding import Certainty
from dbtool.lint.effect import Work
from dbtool.lint.linted import Verdict
from dbtool.lint.run import lint
from dbtool.lint.schema import Schema
from dbtool.statement import Migration, Statement
from tests.lint.cases import pieces
from tests.lint.oracle import measure

_MADE = """
    CREATE FUNCTION fine(integer) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1 > 0;
    CREATE FUNCTION fine(text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1 <> '';
    CREATE FUNCTION finer(integer) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN fine($1);
    CREATE FUNCTION lower(integer) RETURNS integer LANGUAGE sql IMMUTABLE RETURN $1;
    CREATE SCHEMA aside;
    CREATE FUNCTION aside.fine(integer) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1 > 0;
    CREATE FUNCTION near(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1 > $2;
    CREATE OPERATOR ==> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = near);
    CREATE OPERATOR = (LEFTARG = integer, RIGHTARG = text, FUNCTION = starts);
    CREATE TYPE mood AS ENUM ('1', '2');
    CREATE DOMAIN few AS integer;
    CREATE EXTENSION citext;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'
"""
_STARTS = """
    CREATE FUNCTION starts(integer, text) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN $1::text LIKE $2 || '%'
"""
_SCAN = "ALTER TABLE t ALTER a SET NOT NULL"
_GONE = [
    ("fine(b)", "DROP FUNCTION fine(integer) CASCADE"),
    ("fine(b)", "DROP ROUTINE fine(integer) CASCADE"),
    ("finer(b)", "DROP FUNCTION fine(integer) CASCADE"),
    ("lower(b) > 0", "DROP FUNCTION lower(integer) CASCADE"),
    ("aside.fine(b)", "DROP SCHEMA aside CASCADE"),
    ("b ==> 1", "DROP OPERATOR ==> (integer, integer) CASCADE"),
    ("b ==> 1", "DROP FUNCTION near CASCADE"),
    ("b ==> ANY (ARRAY[1])", "DROP FUNCTION near CASCADE"),
    ("b = 'x'::text", "DROP OPERATOR = (integer, text) CASCADE"),
    ("b = 'x'::text", "DROP FUNCTION starts CASCADE"),
    ("b ==> 1", "ALTER FUNCTION near RENAME TO nope; DROP FUNCTION IF EXISTS nope CASCADE"),
    ("aside.fine(b)", "ALTER SCHEMA aside RENAME TO nope; DROP SCHEMA IF EXISTS nope CASCADE"),
    ("c::mood > '1'", "DROP TYPE mood CASCADE"),
    ("b::few > 0", "DROP DOMAIN few CASCADE"),
    ("c::citext <> ''", "DROP EXTENSION citext CASCADE"),
    ("citext_eq(c::citext, 'x')", "DROP EXTENSION citext CASCADE"),
]
_STAYS = [
    ("fine(b)", "DROP FUNCTION fine(text) CASCADE; ALTER TABLE t VALIDATE CONSTRAINT given"),
    ("fine(b)", "DROP FUNCTION fine(text)"),
    ("b > 0 AND lower(c) LIKE 'x%'", "DROP FUNCTION touch CASCADE"),
    ("b::bigint BETWEEN 1 AND 2", "DROP TYPE mood CASCADE"),
    ("fine(b)", "DROP FUNCTION IF EXISTS nope CASCADE"),
    ("fine(b)", "DROP ROUTINE IF EXISTS nope, aside.nope CASCADE"),
    ("fine(b)", "DROP PROCEDURE IF EXISTS nope CASCADE"),
    ("b ==> 1", "DROP OPERATOR IF EXISTS <== (integer, integer) CASCADE"),
    ("c::mood > '1'", "DROP TYPE IF EXISTS nope CASCADE"),
    ("b::few > 0", "DROP DOMAIN IF EXISTS nope CASCADE"),
    ("c::citext <> ''", "DROP EXTENSION IF EXISTS nope CASCADE"),
    ("aside.fine(b)", "DROP SCHEMA IF EXISTS nope CASCADE"),
    *(
        (more, "DROP FUNCTION touch() CASCADE")
        for more in (
            "c::jsonb ->> 'a' <> ''",
            "c::jsonb @> '{}'",
            "ARRAY[b] && ARRAY[1]",
            "c::jsonb ? 'a'",
            "b % 2 > 0",
            "b ^ 2 > 0",
            "md5(c) <> ''",
            "to_char(b, '9') <> ''",
            "concat(c) <> ''",
            "jsonb_array_length(c::jsonb) > 0",
            "overlay(c PLACING 'x' FROM 1) <> ''",
            "c SIMILAR TO 'x%'",
            "c::timestamp AT TIME ZONE 'UTC' > 'yesterday'",
            "c::citext <> ''",
            "c::regconfig > 'english'::regconfig",
        )
    ),
]


def history(more: str, dropped: str) -> tuple[str, ...]:
    """A table with a check, and what is dropped afterwards."""
    table = f"CREATE TABLE t (a integer, b integer, c text, CONSTRAINT given CHECK ({more}))"
    return (_STARTS, *pieces(_MADE), table, *pieces(dropped))


def judged(texts: tuple[str, ...], sql: str, *, complete: bool = True) -> Verdict:
    """What is said of a statement."""
    before = Migration(name="1", up=tuple(map(Statement, texts)), judged=False)
    after = Migration(name="2", up=(Statement(sql),))
    (verdict,) = lint([before, after], schema=Schema(complete=complete)).outcomes[0].verdicts
    return verdict


def said(texts: tuple[str, ...], sql: str) -> bool:
    """Whether a statement is said to read or write the whole table."""
    steps = judged(texts, sql).steps
    return any(task.work is Work.SCAN for step in steps for task in step.effect.tasks)


@pytest.mark.parametrize(("more", "dropped"), _GONE)
def test_a_check_that_may_have_gone(connection: SyncConnection, more: str, dropped: str) -> None:
    """A column whose check went by CASCADE is read for SET NOT NULL, and so it is said."""
    texts = history(f"a IS NOT NULL AND {more}", dropped)
    for text in texts:
        connection.execute(text)
    assert measure(connection, _SCAN).scanned == {"t"}
    assert said(texts, _SCAN)
    assert not said(texts[:-1], _SCAN)


@pytest.mark.parametrize(("more", "dropped"), _STAYS)
def test_a_check_that_cannot_have_gone(connection: SyncConnection, more: str, dropped: str) -> None:
    """What nothing of took along, or was validated since, still spares the column."""
    texts = history(f"a IS NOT NULL AND {more}", dropped)
    for text in texts:
        connection.execute(text)
    assert measure(connection, _SCAN).scanned == set()
    assert not said(texts, _SCAN)


def test_a_check_that_may_have_gone_may_still_be_there(connection: SyncConnection) -> None:
    """A new type reads the table for a check that nobody knows to be gone."""
    texts = history("fine(a)", "DROP FUNCTION fine(text) CASCADE")
    for text in texts:
        connection.execute(text)
    sql = "ALTER TABLE t ALTER a TYPE few"
    assert measure(connection, sql).scanned == {"t"}
    assert said(texts, sql)


def test_a_partition_whose_check_may_have_gone(connection: SyncConnection) -> None:
    """Its rows are read when it is attached."""
    texts = (
        *history("fine(b) AND a = 1", "SELECT 1"),
        "CREATE TABLE p (a integer, b integer, c text) PARTITION BY LIST (a)",
        "ALTER TABLE t ALTER a SET NOT NULL",
        "DROP FUNCTION fine(integer) CASCADE",
    )
    for text in texts:
        connection.execute(text)
    sql = "ALTER TABLE p ATTACH PARTITION t FOR VALUES IN (1)"
    assert measure(connection, sql).scanned == {"t"}
    assert said(texts, sql)
    assert not said(texts[:-1], sql)


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("together", [True, False])
def test_a_check_that_may_have_gone_proves_no_finding(together: bool, complete: bool) -> None:
    """What is said behind it is heuristic, in whichever statement it went."""
    drop = "DROP FUNCTION fine(text) CASCADE"
    texts = history("a IS NOT NULL AND fine(b)", drop)
    found = (
        judged(texts[:-1], f"{drop}; {_SCAN}", complete=complete)
        if together
        else judged(texts, _SCAN, complete=complete)
    )
    (scanned,) = (each for each in found.findings if each.rule == "not-null-without-proof")
    assert scanned.certainty is Certainty.HEURISTIC


def test_what_nobody_saw_created_may_be_there() -> None:
    """Where the history is not complete IF EXISTS may find it; what is said is heuristic."""
    texts = history("a IS NOT NULL AND fine(b)", "DROP FUNCTION IF EXISTS nope CASCADE")
    assert not judged(texts, _SCAN).findings
    found = judged(texts, _SCAN, complete=False).findings
    assert {each.certainty for each in found} == {Certainty.HEURISTIC}


def test_without_a_check_it_is_proven() -> None:
    """A table that never had a check is read, whatever else was dropped."""
    texts = history("b > 0", "DROP FUNCTION fine(text) CASCADE")
    (scanned, *_) = judged(texts, _SCAN).findings
    assert scanned.certainty is Certainty.PROVEN
