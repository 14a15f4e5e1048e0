"""What is said of going back from a type to another, held against a server that goes there."""

from collections.abc import Iterator

import pytest
from asyncpg.exceptions import PostgresError

from dbtool import catalog
from dbtool.database.sync import SyncConnection
from dbtool.migrate.autogenerate.proposed import left_behind, of_values
from dbtool.migrate.diff.casts import by_themselves, using
from dbtool.migrate.difference import Difference
from dbtool.scratch.server import Server

CUT, FAILS, KEPT, GONE = (
    "narrows values",
    "fails where values do not fit",
    "yes",
    "not its data",
)
CASES = [
    # in the database, in the models, a value: of the models' type, of the other where it is lost
    ("integer", "numeric", "1.5", CUT),
    ("integer", "numeric(12,2)", "1.5", CUT),
    ("integer", "bigint", "3000000000", FAILS),
    ("smallint", "bigint", "40000", FAILS),
    ("bigint", "integer", "-2147483648", KEPT),
    ("integer", "numeric(12,0)", "123456789012", FAILS),
    ("numeric(9,0)", "integer", "2147483647", FAILS),
    ("integer", "numeric(9,0)", "999999999", KEPT),
    ("numeric(10,2)", "numeric(12,2)", "1234567890.12", FAILS),
    ("numeric(10,2)", "numeric(12,4)", "1.2345", CUT),
    ("numeric(12,2)", "numeric(10,2)", "12345678.12", KEPT),
    ("numeric(10,2)", "integer", "1.25", GONE),
    ("numeric", "double precision", "0.12345678901234567890", GONE),
    ("real", "double precision", "0.123456789012345", CUT),
    ("integer", "double precision", "0.5", CUT),
    ("bigint", "double precision", "9007199254740993", GONE),
    ("date", "timestamp", "2024-05-06 07:08:09", CUT),
    ("date", "timestamptz", "2024-05-06 07:08:09", CUT),
    ("timestamp", "date", "2024-05-06 07:08:09", GONE),
    ("timestamp", "timestamptz", "2024-10-27 00:30+00", CUT),
    ("timestamptz", "timestamp", "2024-10-27 00:30+00", GONE),
    ("timestamp(0)", "timestamp", "2024-05-06 07:08:09.5", CUT),
    ("timestamp", "timestamp(6)", "2024-05-06 07:08:09.123456", KEPT),
    ("time", "interval", "30 hours", CUT),
    ("interval", "interval(0)", "1.5 seconds", GONE),
    ("varchar(10)", "varchar(20)", "longer than ten", FAILS),
    ("varchar(10)", "text", "longer than ten", FAILS),
    ("char(3)", "varchar(5)", "abcde", FAILS),
    ("varchar(20)", "varchar(10)", "shorter", KEPT),
    ("text", "varchar(10)", "shorter", KEPT),
    ("text", "uuid", "6f0a5f5e-6a5c-4a53-8f53-0d9f3f3f8e11", KEPT),
    ("varchar(20)", "uuid", "6f0a5f5e-6a5c-4a53-8f53-0d9f3f3f8e11", CUT),
    ("varchar(11)", "integer", "-2147483648", KEPT),
    ("integer", "text", "many", FAILS),
    ("text", "date", "2024-05-06 07:08", GONE),
    ("text", "numeric(10,2)", "1.234", GONE),
    ("boolean", "integer", "2", CUT),
    ("json", "jsonb", '{"a": 1, "a": 2}', GONE),
    ("jsonb", "json", '{"a": 1, "a": 2}', CUT),
    ("json[]", "jsonb[]", '{"{\\"a\\": 1, \\"a\\": 2}"}', GONE),
    ("text", "jsonb", '{"a": 1, "a": 2}', GONE),
    ("text", "json", '{"a": 1, "a": 2}', KEPT),
    ("cidr", "inet", "192.168.0.1/24", CUT),
    ("bit(3)", "bit varying", "1011", CUT),
    ("mood", "text", "glad", FAILS),
    ("text", "mood", "ok", KEPT),
    ("varchar(2)", "mood", "sad", CUT),
    ("mood", "temper", "cross", FAILS),
    ("temper", "mood", "sad", KEPT),
    ("even", "integer", "3", FAILS),
    ("integer", "even", "4", KEPT),
    ("integer[]", "bigint[]", "{3000000000}", FAILS),
    ("integer[]", "numeric[]", "{1.5}", FAILS),
    ("integer", "integer[]", "{1,2}", CUT),
    ("varchar(3)[]", "varchar(5)[]", "{abcd}", FAILS),
    ("varchar(3)[]", "text[]", "{abcd}", CUT),
]


TYPES = frozenset({"mood", "temper", "even"})


@pytest.fixture(scope="module")
def there(server: Server) -> Iterator[SyncConnection]:
    """A database with types of its own, in a time zone that sets its clocks back."""
    target = server.create_database("fit")
    with SyncConnection(target, settings=dict(catalog.SETTINGS)) as connection:
        connection.execute(
            "CREATE TYPE mood AS ENUM ('sad', 'ok'); SET TimeZone = 'Europe/Berlin';"
            "CREATE TYPE temper AS ENUM ('sad', 'ok', 'cross');"
            "CREATE DOMAIN even AS integer CHECK (VALUE % 2 = 0)"
        )
        yield connection


def test_what_going_back_does(there: SyncConnection) -> None:
    """A value shows each: it comes back as it was, or another, or not at all."""
    for at, (old, new, _, _) in enumerate(CASES):
        old, new = (each if each not in TYPES else f"public.{each}" for each in (old, new))
        there.execute(f"CREATE TABLE live_{at} (c {old}); CREATE TABLE models_{at} (c {new})")
    tables = {e.name: e.columns[0] for e in there.run(catalog.read).tables}
    said, seen = {}, {}
    for at, (old, new, value, expected) in enumerate(CASES):
        live, models = tables[f"live_{at}"], tables[f"models_{at}"]
        said[old, new] = of_values(models, live)
        first, other = (live, models) if expected == GONE else (models, live)
        table = f"live_{at}" if expected == GONE else f"models_{at}"
        seen[old, new] = _seen(there, table, value, (first, other))
        if expected == GONE and seen[old, new] == CUT:
            seen[old, new] = GONE
    expected_of = {(old, new): expected for old, new, _, expected in CASES}
    assert said == expected_of
    assert seen == expected_of


def _seen(
    there: SyncConnection, table: str, value: str, ways: tuple[catalog.Column, catalog.Column]
) -> str:
    """What a value comes to in another type and back."""
    first, other = ways
    kept = there.fetchval(
        f"INSERT INTO {table} VALUES ($1::text::{first.type}) RETURNING c::text", value
    )
    for old, new, wrong in ((*ways, FAILS), (other, first, CUT)):
        apart = not by_themselves(new.base.name, old.base.name)
        by = f" USING {using(new, old)}" if apart else ""
        try:
            there.execute(f"ALTER TABLE {table} ALTER c TYPE {new.type}{by}")
        except PostgresError:
            return wrong
    return KEPT if there.fetchval(f"SELECT c::text FROM {table}") == kept else CUT


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("extra-label", 'enum mood has "1.0" in the database', "enum mood is made anew: "),
        ("different-enum", "enum app.mood sorts a, b in the", "enum app.mood is made anew: "),
        ("missing-label", 'enum mood has "1.0" in the', "going back makes enum mood anew: "),
    ],
)
def test_what_a_new_enum_comes_without(kind: str, text: str, expected: str) -> None:
    """What no catalogue tells of the old type is named."""
    found = left_behind(Difference(kind, "", text, ""))
    assert found == f"{expected}the owner and the GRANTs of the old type do not come along"
    assert left_behind(Difference("missing-enum", "mood", "enum mood is in the", "")) == ""


@pytest.mark.parametrize(
    ("live", "models", "way"),
    [
        ("json", "jsonb", ""),
        ("character varying(20)[]", "jsonb[]", ""),
        ("jsonb", "text", "going back to jsonb, "),
        ("integer", "jsonb", None),
        ("json", "text", None),
    ],
)
def test_what_a_document_loses(live: str, models: str, way: str | None) -> None:
    """What jsonb does not keep of a document is named, whichever way it is read into it."""
    text = f"column a.b: its type is {live} in the database, {models} in the models"
    loses = "neither blanks nor the order of keys, and of a key said twice only the last value"
    expected = f"{way}column a.b keeps {loses}" if way is not None else ""
    assert left_behind(Difference("different-column", "a.b", text, "")) == expected
