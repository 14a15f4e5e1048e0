"""The replayed catalog beside the server's own, after every statement of the corpus."""

import re
from collections.abc import Iterator

import pytest
from asyncpg.exceptions import PostgresError

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.lint.read import read
from dbtool.lint.replay import apply
from dbtool.lint.schema import Column, Constraint, Holds, Name, Schema, Table, Type
from tests.conftest import MAJOR
from tests.lint.cases import FILES, Case, base, every_case, on_base, pieces

Catalog = dict[str, tuple[frozenset[str], frozenset[str], frozenset[str]]]

_CATALOG = """
SELECT n.nspname AS schema, c.relname AS name,
    array(SELECT concat_ws(' ', attname, format_type(atttypid, atttypmod),
                           CASE WHEN attnotnull THEN 'not null' END,
                           CASE WHEN attgenerated::text <> '' THEN 'generated' END)
          FROM pg_attribute
          WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
    array(SELECT concat_ws(' ', conname, contype::text, CASE WHEN NOT convalidated THEN 'open' END)
          FROM pg_constraint AS k WHERE conrelid = c.oid AND contype NOT IN ('n', 't')
          AND NOT EXISTS (SELECT FROM pg_constraint AS whole WHERE whole.oid = k.conparentid
                          AND whole.conrelid = k.conrelid)) AS constraints,
    array(SELECT i.relname FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
          WHERE x.indrelid = c.oid) AS indexes
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND c.relkind IN ('r', 'p')
"""
_LETTERS = {
    Holds.CHECK: "c",
    Holds.PRIMARY_KEY: "p",
    Holds.UNIQUE: "u",
    Holds.FOREIGN_KEY: "f",
    Holds.EXCLUDE: "x",
}


def replayed(*texts: str) -> Schema:
    """The catalog after some statements."""
    return carried_on(Schema(complete=True), *texts)


def carried_on(schema: Schema, *texts: str) -> Schema:
    """The catalog after some more."""
    for text in texts:
        actions = read(text)
        for place in actions.turns:
            apply(schema, actions[place], text)
    return schema


def ours(schema: Schema) -> Catalog:
    """What is known of the tables whose creation was seen."""
    return {
        str(name): (
            frozenset(map(_column, table.columns.values())),
            frozenset(map(_constraint, _without_not_null(table))),
            frozenset(table.indexes),
        )
        for name, table in schema.tables.items()
        if table.complete and table.kind == "table"
    }


def _without_not_null(table: Table) -> Iterator[Constraint]:
    return (each for each in table.constraints.values() if each.kind is not Holds.NOT_NULL)


def _column(column: Column) -> str:
    assert column.type is not None
    words = [column.name, _long(column.type)]
    words += ["not null"] * bool(column.not_null) + ["generated"] * bool(column.generated)
    return " ".join(words)


def _long(type_: Type) -> str:
    """The type as `format_type` has it, which leaves out a schema on the search path."""
    said = str(type_).removeprefix("public.").replace("varchar", "character varying")
    if type_.name in ("time", "timestamp"):
        return f"{said} without time zone"
    return said.replace("char(", "character(") if type_.name == "bpchar" else said


def _constraint(constraint: Constraint) -> str:
    words = [constraint.name, _LETTERS[constraint.kind]] + ["open"] * (not constraint.valid)
    return " ".join(words)


def theirs(connection: SyncConnection) -> Catalog:
    """What the server knows."""
    return {
        f"{row['schema']}.{row['name']}": (
            frozenset(row["columns"]),
            frozenset(row["constraints"]),
            frozenset(row["indexes"]),
        )
        for row in connection.fetch(_CATALOG)
    }


def _after(connection: SyncConnection, case: Case) -> Catalog | None:
    """The server's catalog after a case; None where it ends in an error."""
    connection.execute("BEGIN")
    try:
        for sql in (*pieces(case.before), case.sets or "SELECT 1", case.sql):
            connection.execute(sql)
        return theirs(connection)
    except PostgresError:
        return None
    finally:
        connection.execute("ROLLBACK")


@pytest.mark.parametrize("name", FILES)
def test_tables_are_those_of_the_server(database: Target, name: str) -> None:
    """Columns, types, constraints and indexes are the server's, with the names it gives."""
    differ, compared = {}, 0
    with SyncConnection(database) as connection:
        for sql in base(name):
            connection.execute(sql)
        fitting = [each for each in every_case() if each.base == name and each.fits(MAJOR)]
        for case in fitting:
            found = None if case.alone else _after(connection, case)
            if found is None or _shown_otherwise(case):
                continue
            compared += 1
            with on_base(case) as schema:
                known = ours(carried_on(schema, *pieces(case.before), case.sql))
            wrong = {name: known[name] for name in known if known[name] != found.get(name)}
            if wrong:
                differ[str(case)] = {name: (said, found.get(name)) for name, said in wrong.items()}
    assert differ == {}
    assert compared >= len(fitting) / 2


def _shown_otherwise(case: Case) -> bool:
    """Names the path leaves out, temporary tables, and NOT NULL that is still to be validated."""
    moved = "search_path" in case.sets or "CREATE TEMP" in case.before
    return moved or re.search(r"NOT NULL \w+ NOT VALID", case.sql) is not None


def test_a_table_nobody_created_is_learned_of() -> None:
    """What a history says of a table it did not create is kept, and no more is claimed."""
    schema = replayed(
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID",
        "ALTER TABLE t VALIDATE CONSTRAINT c",
        "ALTER TABLE t ADD COLUMN b integer",
    )
    table = schema.tables[Name("public", "t")]
    assert not table.complete
    assert table.constraints["c"].valid
    assert table.columns["b"].type == Type("int4")


_CREATED = """
    CREATE TABLE p (k integer, n integer) PARTITION BY LIST (k);
    CREATE TABLE d PARTITION OF p DEFAULT; CREATE INDEX i ON d (n)
"""


@pytest.mark.parametrize(
    "between",
    [
        "DO $$ DECLARE r record; BEGIN FOR r IN SELECT 'i' AS name LOOP"
        " EXECUTE format('DROP INDEX %I', r.name); END LOOP; END $$",
        "CREATE FUNCTION drop_old() RETURNS void LANGUAGE plpgsql AS"
        " $$BEGIN EXECUTE 'DROP ' || 'INDEX i'; END$$; SELECT drop_old()",
    ],
)
def test_a_share_whose_name_another_has(connection: SyncConnection, between: str) -> None:
    """What nobody saw dropped is made anew without taking the index of its name along."""
    after = "CREATE INDEX i ON p (n); ALTER TABLE p ALTER n TYPE bigint"
    texts = (*pieces(_CREATED), *pieces(between), *pieces(after))
    for text in texts:
        connection.execute(text)
    schema = replayed(*texts)
    assert ours(schema) == theirs(connection)
    assert schema.index_owners[Name("public", "i")] == Name("public", "p")
    carried_on(schema, "DROP INDEX i")
    assert [*schema.index_owners, *schema.tables[Name("public", "d")].indexes] == []


@pytest.mark.parametrize(
    "after",
    ["DROP INDEX i", "ALTER INDEX i RENAME TO j; DROP INDEX j", "ALTER TABLE p DROP COLUMN n"],
)
def test_an_index_of_two_of_one_name(after: str) -> None:
    """The server refuses the second; what is done with it is done once to each."""
    schema = replayed(*pieces(_CREATED), "CREATE INDEX i ON p (n)", *pieces(after))
    assert [schema.tables[Name("public", each)].indexes for each in "pd"] == [{}, {}]


@pytest.mark.parametrize(
    ("made", "renamed"),
    [
        ("CREATE INDEX a ON p (n)", "ALTER INDEX a RENAME TO b"),
        ("ALTER TABLE p ADD CONSTRAINT a UNIQUE (k, n)", "ALTER INDEX a RENAME TO b"),
        ("ALTER TABLE p ADD CONSTRAINT a UNIQUE (k, n)", "ALTER TABLE p RENAME CONSTRAINT a TO b"),
    ],
)
def test_shares_of_an_index_that_is_renamed(made: str, renamed: str) -> None:
    """They stay its shares, and go with it."""
    schema = replayed(*pieces(_CREATED.rpartition(";")[0]), made, renamed)
    part = schema.tables[Name("public", "d")]
    assert [each.part_of for each in part.indexes.values()] == ["b"]
    carried_on(schema, "DROP INDEX b")
    assert [*schema.index_owners] == []


def test_going_back() -> None:
    """What is done behind `begin` is undone, whatever it was."""
    schema = replayed(*base())
    before = ours(schema), dict(schema.types), dict(schema.views), dict(schema.index_owners)
    schema.begin()
    for case in every_case():
        actions = read(case.sql)
        for place in actions.turns:
            apply(schema, actions[place], case.sql)
    schema.undo()
    after = ours(schema), dict(schema.types), dict(schema.views), dict(schema.index_owners)
    assert after == before


def test_long_names_are_cut_as_the_server_cuts_them(connection: SyncConnection) -> None:
    """The names of constraints and indexes nobody named end where the server ends them."""
    table, column = "t" * 40, "c" * 40
    texts = (
        f"CREATE TABLE {table} ({column} integer CHECK ({column} > 0), CHECK ({column} > 1))",
        f"CREATE INDEX ON {table} ({column})",
        f"ALTER TABLE {table} ADD UNIQUE ({column})",
    )
    for text in texts:
        connection.execute(text)
    assert ours(replayed(*texts)) == theirs(connection)


@pytest.mark.parametrize("on", ["t", "other"])
def test_an_index_that_only_shares_the_name_of_a_constraint(
    connection: SyncConnection, on: str
) -> None:
    """A check may be called as an index is, which stays when the check is dropped."""
    texts = (
        "CREATE TABLE t (a integer CONSTRAINT i CHECK (a > 0))",
        "CREATE TABLE other (a integer)",
        f"CREATE INDEX i ON {on} (a)",
        "ALTER TABLE t DROP CONSTRAINT i",
    )
    for text in texts:
        connection.execute(text)
    schema = replayed(*texts)
    assert ours(schema) == theirs(connection)
    assert schema.index(Name("", "i")) is not None
