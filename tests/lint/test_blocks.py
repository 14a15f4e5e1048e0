"""Statements that are written out in a DO block are judged; the rest of it is not known."""

import pytest

from dbtool.finding import Certainty
from dbtool.lint.actions import CreateIndex, CreateType, DoBlock, SetNotNull
from dbtool.lint.fixing import in_own_language
from dbtool.lint.read import read
from dbtool.lint.run import ALL, Linted, lint
from dbtool.lint.schema import Name, Schema
from dbtool.statement import Migration, Statement
from tests.lint.cases import every_case, history, on_base

_BEFORE = (
    "CREATE TABLE t (id bigint PRIMARY KEY, a text)",
    "CREATE TYPE mood AS ENUM ('ok')",
)


def judged(body: str, *after: str, language: str = "") -> Linted:
    """What is said of a block, and of what comes after it."""
    texts = (f"DO {language}$$ {body} $$", *after)
    before = Migration(name="1", up=tuple(map(Statement, _BEFORE)), judged=False)
    statements = tuple(Statement(text, "f.sql", 1, transaction=1) for text in texts)
    return lint([before, Migration(name="2", up=statements)], schema=Schema(complete=True))


def rules(linted: Linted) -> set[tuple[str, Certainty]]:
    """The rules that found something, and how sure they are."""
    return {(each.rule, each.certainty) for each in linted.findings}


def test_what_is_written_out_is_judged() -> None:
    """An index built in a block holds writers up as it does outside of one."""
    found = judged("BEGIN CREATE INDEX i ON t (a); END")
    assert rules(found) == {("index-not-concurrent", Certainty.PROVEN)}
    assert not found.unknowns


@pytest.mark.parametrize(
    "body",
    [
        "BEGIN IF NOT EXISTS (SELECT 1) THEN ALTER TABLE t ALTER a SET NOT NULL; END IF; END",
        "BEGIN FOR i IN 1..2 LOOP ALTER TABLE t ALTER a SET NOT NULL; END LOOP; END",
        "BEGIN ALTER TABLE t ALTER a SET NOT NULL; EXCEPTION WHEN others THEN NULL; END",
        "BEGIN CASE 1 WHEN 1 THEN ALTER TABLE t ALTER a SET NOT NULL; ELSE NULL; END CASE; END",
    ],
)
def test_a_branch_is_not_proven(body: str) -> None:
    """What a condition, a loop or a handler decides over may not be done at all."""
    assert rules(judged(body)) == {("not-null-without-proof", Certainty.HEURISTIC)}


def test_a_branch_that_cannot_be_taken_is_no_error() -> None:
    """The usual guard of a type that exists fails nowhere, and adds nothing."""
    found = judged("BEGIN CREATE TYPE mood AS ENUM ('no'); EXCEPTION WHEN others THEN NULL; END")
    assert not found.findings
    assert not found.unknowns


def test_if_exists_is_said_of_one_table() -> None:
    """That another one whose name begins alike need not be there says nothing of this one."""
    spared = 'ALTER TABLE IF EXISTS public."t_old" ADD COLUMN b int;'
    found = judged(f"BEGIN {spared} ALTER TABLE t_ol ADD COLUMN b int; END")
    assert ("fails-on-known-schema", Certainty.PROVEN) in rules(found)
    found = judged(f"BEGIN {spared} ALTER TABLE t ADD COLUMN b int; END")
    assert not found.findings


def test_what_comes_after_stands_on_it() -> None:
    """A column that a block adds is there, and a branch leaves a doubt about what fails."""
    sure = judged("BEGIN ALTER TABLE t ADD COLUMN b text; END", "ALTER TABLE t ADD COLUMN b text")
    assert ("fails-on-known-schema", Certainty.PROVEN) in rules(sure)
    maybe = judged(
        "BEGIN IF 1 > random() THEN ALTER TABLE t ADD COLUMN b text; END IF; END",
        "ALTER TABLE t ADD COLUMN b text",
    )
    assert not maybe.findings
    assert [each.rule for each in maybe.unknowns] == ["fails-on-known-schema"]


@pytest.mark.parametrize("text", ["'CREATE INDEX i ON t (a)'", "$s$CREATE INDEX i ON t (a)$s$"])
def test_a_constant_that_is_executed_is_written_out(text: str) -> None:
    """EXECUTE of a text that nothing is put into hides nothing."""
    found = judged(f"BEGIN EXECUTE {text}; END")
    assert rules(found) == {("index-not-concurrent", Certainty.PROVEN)}
    assert not found.unknowns


@pytest.mark.parametrize(
    ("body", "language", "why"),
    [
        ("BEGIN EXECUTE 'DROP TABLE ' || t; END", "", "what EXECUTE runs"),
        ("DECLARE r record; BEGIN FOR r IN EXECUTE x LOOP END LOOP; END", "", "what EXECUTE"),
        ("x = 1", "LANGUAGE plpython3u ", "it is written in plpython3u"),
        ("BEGIN IF", "", "it could not be read"),
    ],
)
def test_what_nobody_can_read_is_unknown(body: str, language: str, why: str) -> None:
    """A statement put together at run time, and another language, say so."""
    [unknown] = judged(body, language=language).unknowns
    assert unknown.rule == "hidden-blocking-work"
    assert why in unknown.reason


def test_the_parts_of_a_block() -> None:
    """The actions follow the block in their order, with a note of those that may not be done."""
    found = read(
        "DO $do$ BEGIN CREATE INDEX i ON t (a); IF true THEN CREATE TYPE x AS ENUM ();"
        " ALTER TABLE t ALTER a SET NOT NULL; END IF; END $do$"
    )
    assert [*map(type, found)] == [DoBlock, CreateIndex, CreateType, SetNotNull]
    assert found.maybe == {2, 3}


def test_concurrently_within_a_block() -> None:
    """A block is always in a transaction, and no proposal puts the same block elsewhere."""
    [found] = judged("BEGIN CREATE INDEX CONCURRENTLY i ON t (a); END").findings
    assert found.rule == "concurrently-in-transaction"
    assert found.fix is None


def test_whatever_stands_in_a_block() -> None:
    """Every rule can speak of any statement in a block, also in the words of a script."""
    for case in every_case()[::4]:
        text = f"SELECT 1; DO $a$ BEGIN PERFORM 1; IF true THEN {case.sql}; END IF; END $a$"
        judged = Migration(name="2", file="a.sql", up=(Statement(text, "a.sql", 1),))
        with on_base(case) as schema:
            in_own_language(lint([history(case), judged], schema=schema, rules=ALL))


def test_a_trial_leaves_no_trace() -> None:
    """Judging a block with a hidden part does not make the catalog less sure of itself before."""
    schema = Schema(complete=True)
    schema.begin()
    lint([Migration(name="1", up=(Statement("DO $$ BEGIN EXECUTE x; END $$"),))], schema=schema)
    assert not schema.complete
    schema.undo()
    assert schema.complete
    assert schema.table(Name("", "t")) is None


@pytest.mark.parametrize(
    ("name", "proven"),
    [("IF EXISTS nope", False), ('IF EXISTS public."nope"', False), ("nope", True)],
)
def test_if_exists_within_a_block(name: str, proven: bool) -> None:
    """A table that need not exist is no error there either."""
    found = rules(judged(f"BEGIN ALTER TABLE {name} ADD b int; END"))
    assert (("fails-on-known-schema", Certainty.PROVEN) in found) is proven
