"""Every form in which somebody has a statement, and every source of its values."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.engine import load_statement
from dbtool.errors import OperationError, UsageError
from dbtool.explain import given, recorded
from dbtool.explain.examined import Explained
from dbtool.explain.parameters import assign
from dbtool.explain.run import How, explain
from dbtool.explain.view import report
from dbtool.report import Text
from dbtool.sql.named import only
from dbtool.sql.values import as_text
from tests.conftest import Ran
from tests.processes import eventually

NAMED = "-- name: one^\nSELECT 1;\n\n-- name: find_two\nSELECT 2\n"


def test_a_statement_of_a_file_by_its_name() -> None:
    """It stands on the line it has in the file."""
    assert only(NAMED, "one", "q.sql") == "-- name: one^\nSELECT 1;\n\n"
    assert only(NAMED, "find_two", "q.sql") == "\n\n\n-- name: find_two\nSELECT 2\n"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (NAMED, "Did you mean find_two?"),
        ("-- name: x\n", "It has x."),
        ("", "Names are written -- name: NAME."),
    ],
)
def test_a_name_that_is_not_there(text: str, hint: str) -> None:
    """Near names first, else what there is."""
    with pytest.raises(UsageError, match=r'q\.sql has no statement named "find_too"') as caught:
        only(text, "find_too", "q.sql")
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "b": null, "c": "x=y"}', ("a=1", "b=NULL", "c=x=y")),
        ('[7, true, [1, 2], {"k": 1}]', ("7", "true", '{"1","2"}', '{"k": 1}')),
        ('{"2": "b", "$1": "a"}', ("a", "b")),
        ("# values\na = 1\n\nb=x = y\n", ("a=1", "b=x = y")),
        ("", ()),
    ],
)
def test_values_from_a_file(text: str, words: tuple[str, ...]) -> None:
    """What `--param` would have been given for each."""
    assert given.values(text, "v.json") == words


@pytest.mark.parametrize(
    ("text", "value"),
    [('["1=open"]', "1=open"), ('{"$1": "1=open"}', "1=open"), ("1=open", "open")],
)
def test_a_number_before_a_value_is_one_only_where_it_was_written_so(text: str, value: str) -> None:
    """JSON has the place or the name of each value already, and what it says is all of it."""
    assert assign(("$1",), given.values(text, "v.json")) == (value,)


def test_values_by_place_are_not_those_of_names() -> None:
    """A list says no name, even where a value of it looks like one."""
    with pytest.raises(UsageError):
        assign(("id",), given.values('["id=5"]', "v.json"))
    assert assign(("id",), given.values('{"id": 5}', "v.json")) == ("5",)


@pytest.mark.parametrize("text", ["{", "[1", "a=1\nb"])
def test_a_file_of_no_values(text: str) -> None:
    """The hint shows the forms that are read."""
    with pytest.raises(UsageError) as caught:
        given.values(text, "v.json")
    assert "NAME=VALUE lines" in caught.value.hint


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        *((None, "int"), (7, "int"), (1.5, "float8"), (Decimal("1.50"), "numeric")),
        *((True, "bool"), ("it's \\ {x}", "text"), (b"\x00\xff", "bytea")),
        (datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC), "timestamptz"),
        (timedelta(days=-1, microseconds=5), "interval"),
        (UUID(int=7), "uuid"),
        (["a,b", 'q"\\', None], "text[]"),
        ([1, 2], "int[]"),
    ],
)
def test_values_reach_the_server_unchanged(
    shared: SyncConnection, value: object, type_name: str
) -> None:
    """A value written as text and cast is the value the driver would have bound."""
    text = as_text(value)
    assert shared.fetchval(f"SELECT $1::text::{type_name}", text) == value


@pytest.fixture(scope="module")
def shared(open_shop: Target) -> Iterator[SyncConnection]:
    """A session in the shop that all tests read."""
    with SyncConnection(open_shop) as connection:
        yield connection


def texts(found: Explained) -> list[str]:
    """What is said between the tables."""
    return [each.text for each in report(found).sections if isinstance(each, Text)]


def test_the_plan_for_any_values(open_shop: Target, shared: SyncConnection) -> None:
    """Beside that for the values given; without values it is the only one."""
    sql = "SELECT * FROM orders WHERE id = :id"
    (alone,) = explain(open_shop, sql, how=How(generic=True)).statements
    assert alone.times is None
    assert alone.plan.root.text("Index Cond") == "(orders.id = $1)"
    both = explain(open_shop, sql, how=How(parameters=("id=7",), generic=True))
    (examined,) = both.statements
    assert examined.plan.root.text("Index Cond") == "(orders.id = 7)"
    assert examined.generic is not None
    assert examined.generic.root.text("Index Cond") == "(orders.id = $1)"
    assert texts(both) == ["the same plan; cost 8 for any values, 8 for these"]
    assert shared.fetchval("SELECT count(*) FROM pg_prepared_statements") == 0


def test_a_generic_plan_may_differ(open_shop: Target) -> None:
    """The first node that is another one is named, with both costs."""
    sql = "SELECT note FROM orders WHERE placed_at > $1"
    how = How(parameters=("2020-01-01",), generic=True)
    (said,) = texts(explain(open_shop, sql, how=how))
    assert said.startswith(
        "another plan: Index Scan using ix_orders_placed_at on orders for any values,"
        " Seq Scan on orders for these; cost "
    )


def test_a_generic_plan_of_a_mistake(open_shop: Target) -> None:
    """The server's place counts from the user's text."""
    with pytest.raises(UsageError, match='column "nope" does not exist') as caught:
        explain(open_shop, "SELECT nope FROM orders WHERE id = $1", how=How(generic=True))
    assert caught.value.detail == "LINE 1: SELECT nope FROM orders WHERE id = $1\n               ^"


def test_values_from_the_statistics(open_shop: Target) -> None:
    """A common and a rare value, or both ends of a range, and the plan for any."""
    sql = "SELECT * FROM orders o WHERE o.shop_id = $1 AND o.placed_at > $2"
    common, rare = explain(open_shop, sql, how=How(sample=True)).statements
    assert common.values.startswith("common values: $1 = ")
    assert rare.values.startswith("rare values: $1 = ")
    assert common.plan.root.rows > 5 * rare.plan.root.rows > 0
    assert rare.generic is not None


@pytest.mark.parametrize("sql", ["SELECT $1::int", "SELECT * FROM shops ORDER BY id LIMIT $1"])
def test_values_that_no_statistics_know(open_shop: Target, sql: str) -> None:
    """The placeholder is named, and how to give it a value."""
    with pytest.raises(UsageError) as caught:
        explain(open_shop, sql, how=How(sample=True))
    assert caught.value.message == "no value can be sampled for $1"
    assert caught.value.hint == "Give values with --param."


WRITING = [
    "CREATE TABLE made AS SELECT * FROM shops WHERE id = $1",
    "CREATE MATERIALIZED VIEW made AS SELECT * FROM shops WHERE id = $1",
    "SELECT * INTO made FROM shops WHERE id = $1",
    "DELETE FROM shops WHERE id = $1",
    "WITH gone AS (DELETE FROM shops WHERE id = $1 RETURNING *) SELECT * FROM gone",
    "SELECT * FROM shops WHERE id = $1 FOR UPDATE",
]
SOURCES = [
    How(sample=True),
    How(generic=True),
    How(bound=("7",)),
    How(parameters=("7",), generic=True, sample=True),
]


@pytest.mark.parametrize("sql", WRITING)
@pytest.mark.parametrize("how", SOURCES)
def test_no_source_of_values_makes_a_write_run(
    open_shop: Target, shared: SyncConnection, sql: str, how: How
) -> None:
    """Whatever is asked for, what writes is refused before anything is sent."""
    with pytest.raises(UsageError, match="refused to run the statement"):
        explain(open_shop, sql, how=how)
    left = "SELECT (SELECT count(*) FROM shops), to_regclass('made')::text"
    assert tuple(shared.fetch(left)[0]) == (200, None)


@pytest.mark.parametrize("value", ["7) OR (1=1", "7'); DELETE FROM shops; --", "7\\'"])
def test_a_value_is_never_sql(open_shop: Target, shared: SyncConnection, value: str) -> None:
    """It is one literal of its parameter's type, or refused by that type."""
    with pytest.raises(UsageError):
        explain(open_shop, "SELECT * FROM shops WHERE id = $1", how=How(parameters=(value,)))
    sql = "SELECT * FROM shops WHERE name = $1"
    (examined,) = explain(open_shop, sql, how=How(bound=(value,))).statements
    assert examined.plan.root.rows == 0
    assert shared.fetchval("SELECT count(*) FROM shops") == 200


STATEMENTS = """
from datetime import date
from sqlalchemy import Integer, Numeric, String, column, select, table, text

orders = table("orders", column("id", Integer), column("courier", String))
some = select(orders.c.id).where(orders.c.id.in_([1, 2]), orders.c.courier == "it's")


async def later():
    return text("SELECT :day").bindparams(day=date(2026, 1, 2))


unbound = text("SELECT :it")


def broken():
    raise ValueError("no such thing")


number = 7
"""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A directory with a module of statements."""
    (tmp_path / "explained_statements.py").write_text(STATEMENTS)
    return tmp_path


def test_statements_of_python(module: Path) -> None:
    """Compiled as the driver gets them: lists expanded, types named, values beside."""
    found = load_statement("explained_statements:some", (module,))
    assert " ".join(found.text.split()) == (
        "SELECT orders.id FROM orders"
        " WHERE orders.id IN ($2::INTEGER, $3::INTEGER) AND orders.courier = $1::VARCHAR"
    )
    assert found.values == ("it's", "1", "2")
    later = load_statement("explained_statements:later", (module,))
    assert (later.text, later.values) == ("SELECT $1::DATE", ("2026-01-02",))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("number", '"explained_statements:number" is no statement'),
        ("sme", '"explained_statements" has no "sme" (for "explained_statements:sme")'),
        ("broken", 'the function "explained_statements:broken" returns no statement'),
    ],
)
def test_what_is_no_statement(module: Path, name: str, message: str) -> None:
    """In the user's names, never a traceback."""
    with pytest.raises(UsageError) as caught:
        load_statement(f"explained_statements:{name}", (module,))
    assert caught.value.message == message


def test_a_statement_without_its_values(module: Path) -> None:
    """The code has them, or nobody does."""
    with pytest.raises(UsageError) as caught:
        load_statement("explained_statements:unbound", (module,))
    assert caught.value.message == '"explained_statements:unbound" does not compile'
    assert caught.value.hint == "Give its values in the code, as statement.params(name=…) does."


def test_the_values_of_python_decide_the_plan(open_shop: Target, module: Path) -> None:
    """They are bound by type, as the driver binds them."""
    found = load_statement("explained_statements:some", (module,))
    (examined,) = explain(open_shop, found.text, how=How(bound=found.values)).statements
    condition = examined.plan.root.text("Index Cond")
    assert condition in (
        "(orders.id = ANY ('{1,2}'::integer[]))",
        "(orders.id = ANY (ARRAY[1, 2]))",
    )
    assert "it''s" in examined.plan.root.text("Filter")


def test_what_a_session_runs(open_shop: Target, shared: SyncConnection) -> None:
    """Its text with the values it has, by the process id."""
    with SyncConnection(open_shop) as other:
        pid = other.fetchval("SELECT pg_backend_pid()")
        other.fetchval("SELECT count(*) FROM shops WHERE id < $1", 7)
        assert recorded.by_pid(open_shop, pid) == "SELECT count(*) FROM shops WHERE id < $1"
    with pytest.raises(UsageError, match="there is no session 1"):
        recorded.by_pid(open_shop, 1)
    checkpointer = "SELECT max(pid) FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
    # A process of the server itself may enter the list later than we do.
    assert eventually(lambda: shared.fetchval(checkpointer) is not None)
    with pytest.raises(UsageError, match="is in no database") as caught:
        recorded.by_pid(open_shop, shared.fetchval(checkpointer))
    assert caught.value.detail == "It is a checkpointer."


def test_a_statement_too_long_to_be_remembered(open_shop: Target) -> None:
    """Half a statement is not explained."""
    with SyncConnection(open_shop) as other:
        pid = other.fetchval(f"SELECT pg_backend_pid() /* {'x' * 2000} */")
        with pytest.raises(UsageError, match="only the beginning"):
            recorded.by_pid(open_shop, pid)


def test_a_queryid_needs_the_extension(open_shop: Target) -> None:
    """What is missing is named."""
    with pytest.raises(UsageError, match="pg_stat_statements is not installed"):
        recorded.by_queryid(open_shop, 7)


def test_a_queryid_of_another_role_is_hidden(open_shop: Target) -> None:
    """Who may not see others' statements is not told that there is none."""
    reader = f"queryid_reader_{open_shop.database}"[:63]
    with SyncConnection(open_shop) as owner:
        owner.execute(f"""
            CREATE EXTENSION pg_stat_statements;
            CREATE ROLE "{reader}" LOGIN;
            SELECT count(*) FROM orders
        """)
        try:
            with pytest.raises(OperationError, match="sees no statement 7 of this") as caught:
                recorded.by_queryid(replace(open_shop, user=reader), 7)
            assert caught.value.hint == "GRANT pg_read_all_stats lets a role see them."
            owner.execute(f'GRANT pg_read_all_stats TO "{reader}"')
            with pytest.raises(UsageError, match="has no statement 7 in this database"):
                recorded.by_queryid(replace(open_shop, user=reader), 7)
        finally:
            owner.execute(f'DROP EXTENSION pg_stat_statements; DROP ROLE "{reader}"')


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT interval $1, x", "SELECT $1::interval, x"),
        ("WHERE id IN ($1 /*, ... */)", "WHERE id IN ($1)"),
        ("WHERE at > date $2", "WHERE at > $2::date"),
        ('PREPARE "a q" (int, text) AS\n SELECT $1', "SELECT $1"),
        ("prepare q as select $1", "select $1"),
        ("SELECT 'prepare q as select'", "SELECT 'prepare q as select'"),
    ],
)
def test_constants_that_were_taken_out(query: str, text: str) -> None:
    """What the server remembers is made to parse again."""
    assert recorded.readable(query) == text


def test_inputs_of_the_command(open_shop: Target, module: Path, dbtool: Callable[..., Ran]) -> None:
    """Files by name, values from a file and statements of Python; two sources are one too many."""
    (module / "q.sql").write_text("-- name: find\nSELECT * FROM shops WHERE id = :id;\n")
    (module / "v.json").write_text('{"id": 7}')
    url = open_shop.sqlalchemy_url()
    ran = dbtool("explain", "--url", url, "-f", "q.sql:find", "--params", "v.json", cwd=module)
    assert ran.code == 0, ran.err
    assert "Seq Scan on shops" in ran.out or "Index Scan" in ran.out
    ran = dbtool("explain", "--url", url, "--python", "explained_statements:some", cwd=module)
    assert ran.code == 0, ran.err
    assert "orders_pkey" in ran.out
    words = ("--python", "explained_statements:some", "-p", "7")
    ran = dbtool("explain", "--url", url, *words, cwd=module)
    assert ran.err.startswith("error: --python takes no --param: a statement of the application")
    ran = dbtool("explain", "SELECT 1", "--queryid", "7", cwd=module)
    assert (ran.code, ran.err.splitlines()[0]) == (
        2,
        "error: give one of a statement, -f, --python, --queryid, --activity and --from-plan,"
        " not several",
    )


def test_raw_is_what_the_server_printed(
    dbtool: Callable[..., Ran], open_shop: Target, tmp_path: Path
) -> None:
    """As it is, so that another tool can read it; other commands have nothing of the kind."""
    url = {"DATABASE_URL": open_shop.sqlalchemy_url()}
    ran = dbtool("explain", "SELECT 1", "--format", "raw", env=url)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)[0]["Plan"]["Node Type"] == "Result"
    saved = tmp_path / "plan.json"
    saved.write_text(ran.out)
    again = dbtool("explain", "--from-plan", str(saved), "--format", "raw")
    assert (again.code, again.out) == (2, "")
    other = dbtool("rules", "--format", "raw")
    assert (other.code, other.err) == (2, 'error: "dbtool rules" has no raw output\n')
