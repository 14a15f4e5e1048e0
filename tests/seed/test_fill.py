"""A few rows from the catalogue alone, as statements."""

from dbtool import catalog
from dbtool.database.sync import SyncConnection
from dbtool.seed.fill import fill

SCHEMA = r"""
CREATE SCHEMA "a b";
CREATE TYPE mood AS ENUM ('sad', 'it''s');
CREATE TABLE "a b".owners (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood mood NOT NULL,
    note text NOT NULL DEFAULT '\', twice int GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE things (id bigint PRIMARY KEY, owner int NOT NULL REFERENCES "a b".owners,
    price numeric(8, 2) NOT NULL CHECK (price > 3), "when" timestamptz NOT NULL,
    tags text[] NOT NULL, said jsonb NOT NULL, key uuid NOT NULL UNIQUE);
CREATE TABLE apart (id int PRIMARY KEY);
CREATE TABLE never (id int PRIMARY KEY, EXCLUDE USING btree ((id % 2) WITH =));
CREATE TABLE bare ();
"""


def test_what_is_asked_for_and_what_it_refers_to(connection: SyncConnection) -> None:
    """Parents first, quoted as they must be; the statements run, also where rows are there."""
    connection.execute(SCHEMA)
    found = fill(connection.run(catalog.read), ["public.things", "public.never", "public.bare"])
    assert [(each.table, bool(each.sql), each.skipped) for each in found] == [
        ("a b.owners", True, ""),
        ("public.bare", False, "it has no column to put a value into"),
        ("public.things", True, ""),
        (
            "public.never",
            False,
            "never_expr_excl: no values are known that keep to"
            " EXCLUDE USING btree (((id % 2)) WITH =)",
        ),
    ]
    for statement in 2 * [each.sql for each in found if each.sql]:
        connection.execute(statement)
    joined = 'SELECT count(*) FROM things JOIN "a b".owners o ON o.id = owner'
    assert connection.fetchval(joined) > 2
    assert connection.fetchval("SELECT count(*) FROM apart") == 0
