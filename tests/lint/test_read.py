"""Reading text into actions: together or one by one, whole or broken, shallow or deep."""

import random
import time

import pytest

from dbtool.lint.actions import (
    AddColumn,
    AlterColumnType,
    CreateIndex,
    CreateTable,
    Drop,
    DropConstraint,
    Select,
    SetNotNull,
    SetVariable,
    TooDeep,
    Unparsable,
    Write,
)
from dbtool.lint.expression import Form
from dbtool.lint.read import read, read_all
from dbtool.lint.run import Rules, lint
from dbtool.lint.schema import Column, Name, Schema, Type
from dbtool.statement import Migration, Statement
from tests.lint.cases import CORPUS, base, cases, pieces

_NONE = Rules(statement=(), whole=(), comment=())
_DEEP = "ALTER TABLE t ADD COLUMN a integer DEFAULT " + " + ".join("1" for _ in range(300))


def kinds() -> tuple[str, ...]:
    """One statement of each kind."""
    return pieces((CORPUS / "kinds.sql").read_text())


def judged(*texts: str, schema: Schema | None = None) -> None:
    """Put texts through everything."""
    statements = tuple(Statement(text, "f.sql", 1, transaction=1) for text in texts)
    lint([Migration(name="1", file="f.sql", up=statements)], schema=schema)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t WHERE a = %s",
        "SELECT %(name)s FROM t",
        "DELETE FROM t WHERE a > :limit",
        "SELECT :'name'::text",
    ],
)
def test_where_a_driver_puts_values_in(sql: str) -> None:
    """A placeholder of a driver, or of psql, stands for some value."""
    assert not isinstance(read(sql)[0], Unparsable)
    judged(sql)
    judged("ALTER TABLE t ADD COLUMN b integer", sql)


def test_a_change_of_a_table_that_psql_completes() -> None:
    """Its code is not known, so it is one that cannot be read, and nothing fails over it."""
    sql = "ALTER TABLE t ADD COLUMN c integer CHECK (c > :limit)"
    assert isinstance(read(sql)[0], Unparsable)
    judged(sql)


def test_half_a_character() -> None:
    """What no server can be sent is read as if it were sound."""
    [found] = read_all(["ALTER TABLE t ADD COLUMN a text DEFAULT '\ud800'"])
    assert isinstance(found[0], AddColumn)


def test_a_placeholder_does_not_hide_an_error() -> None:
    """What is no SQL with any value is reported where it was written."""
    [found] = read("SELEC %s FROM t")
    assert isinstance(found, Unparsable)
    assert found.offset == 0


@pytest.mark.parametrize("complete", [True, False])
def test_nothing_that_parses_is_too_much(complete: bool) -> None:
    """Every kind of statement passes through reading, effects, rules and replay."""
    assert len(kinds()) >= 150
    for text in kinds():
        assert not isinstance(read(text)[0], Unparsable), text
        judged(text, schema=Schema(complete=complete))
    judged(*base(), *kinds(), schema=Schema(complete=complete))


def test_statements_in_any_order() -> None:
    """A history may do anything in any order, and what is broken off in the middle is said."""
    texts = [*kinds(), *(case.sql for case in cases("statements.sql"))]
    for seed in range(8):
        chosen = random.Random(seed).sample(texts, 60)
        judged(*base(), *chosen, schema=Schema(complete=seed % 2 == 0))
    for seed in range(100):
        chance = random.Random(seed)
        text = chance.choice(texts)
        judged(text[: chance.randrange(len(text))], "SELECT 1")


def test_together_and_one_by_one() -> None:
    """Texts that are parsed together give what each gives alone; empty ones give nothing."""
    texts = ["SELECT 1", "", "-- nothing", *base(), "DROP TABLE a; DROP TABLE b", *kinds(), "x"]
    assert read_all(texts[:-1]) == [read(text) for text in texts[:-1]]
    assert read_all(texts) == [read(text) for text in texts]


def test_a_quote_that_is_closed_in_the_next_text() -> None:
    """Two halves of a string in two texts are two errors, not one string."""
    first, second = read_all(["SELECT 'a", "b'"])
    assert isinstance(first[0], Unparsable)
    assert isinstance(second[0], Unparsable)


def test_what_does_not_parse_has_its_place() -> None:
    """The offset counts characters, whatever stands before it."""
    (error,) = read("SELECT 'é'; SELEC 1")
    assert isinstance(error, Unparsable)
    assert error.offset == 12
    assert "SELEC" in error.message


def test_too_deep() -> None:
    """A tree too deep for the parser's messages costs only its own statement."""
    found = read(f"{_DEEP}; ALTER TABLE t ALTER COLUMN b SET NOT NULL")
    assert found == (TooDeep(command="ALTER"), SetNotNull(table=Name("", "t"), column="b"))
    both = read_all([_DEEP, "SELECT 1"])
    assert isinstance(both[0][0], TooDeep)
    assert isinstance(both[1][0], Select)


def test_a_column() -> None:
    """A definition becomes a column; serial is what it stands for."""
    (found,) = read('CREATE TABLE s."T" (id bigserial, n numeric(8), at timestamp(3) NOT NULL)')
    assert isinstance(found, CreateTable)
    assert found.table == Name("s", "T")
    number, amount, at = found.columns
    assert (number.type, number.serial, number.not_null) == (Type("int8"), True, True)
    assert amount.type == Type("numeric", modifiers=(8, 0))
    assert at == Column(name="at", type=Type("timestamp", modifiers=(3,)), not_null=True)


def test_the_order_of_one_alter_table() -> None:
    """Commands stay as written; their turns are those the server takes them in."""
    found = read(
        "ALTER TABLE t ALTER a SET NOT NULL, ADD b int, ALTER c TYPE text, DROP CONSTRAINT d;"
        "ALTER TABLE t DROP CONSTRAINT e"
    )
    kinds = [type(each) for each in found]
    assert kinds == [SetNotNull, AddColumn, AlterColumnType, DropConstraint, DropConstraint]
    assert found.turns == (3, 2, 1, 0, 4)


def test_expressions_are_equal_whatever_their_layout() -> None:
    """The spellings of one condition are one expression."""
    spellings = (
        "a IS NOT NULL",
        "a NOTNULL",
        "(a) is distinct from NULL",
        "NULL IS DISTINCT FROM a",
    )
    found = [read(f"CREATE INDEX i ON t (b) WHERE {each}")[0] for each in spellings]
    predicates = {each.index.predicate for each in found if isinstance(each, CreateIndex)}
    assert len(predicates) == 1
    assert {each.form for each in predicates if each} == {Form.IS_NOT_NULL}


def test_what_dumps_begin_with() -> None:
    """A call that empties the search path is a setting, and COPY data are rows written out."""
    (found,) = read("SELECT pg_catalog.set_config('search_path', '', false)")
    assert found == SetVariable(name="search_path", value="")
    (copied,) = read("COPY public.t (a) FROM stdin")
    assert isinstance(copied, Write)
    assert copied.values


def test_names_of_what_is_dropped() -> None:
    """A trigger is dropped from its table, with the schema it was named with."""
    (found,) = read("DROP TRIGGER IF EXISTS tr ON s.t")
    assert found == Drop(kind="trigger", name=Name("s", "t"), part="tr", if_exists=True)


@pytest.mark.slow
def test_speed_is_linear() -> None:
    """Eight times the statements take about eight times as long."""

    def taken(count: int) -> float:
        texts = [f"ALTER TABLE t{n} ADD COLUMN c integer DEFAULT {n}" for n in range(count)]
        statements = tuple(Statement(text, transaction=1) for text in texts)
        begun = time.process_time()
        lint([Migration(name="1", up=statements)], rules=_NONE)
        return time.process_time() - begun

    taken(500)
    assert taken(16_000) < 3 * 8 * taken(2_000)
