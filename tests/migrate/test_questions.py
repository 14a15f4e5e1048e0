"""Conditions that are put to a server by themselves: what it prints is what is in the whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy.dialects import postgresql

from dbtool.migrate.diff.build import Around, Built, build
from dbtool.migrate.diff.ddl import Script, script
from dbtool.migrate.diff.settled import settled
from dbtool.scratch.server import Server
from tests.migrate.test_diff import Side, metadata

COLUMNS = (
    "Column('n', Numeric(10, 2)), Column('i', Integer), Column('v', String(9)), Column('t', Text),"
    " Column('My own', SmallInteger), Column('e', Enum('a', 'b', name='mood')),"
    " Column('many', ARRAY(String(5)))"
)
ASKED = (
    "abs(n) > 0", "n + i > -1", "v = 'a'::text", "lower(t || v) <> ''", "i % 2 = 0 OR t <> ''",
    '"My own" * 2 < I', "e > 'a'::mood", "coalesce(t, v, '') <> ''",
    "many <@ ARRAY['a', 'b']::varchar[]",
    "asked_0.n > asked_0.i + 0", "num_nonnulls(n, i) = 1", "-1 < i", "(i) IS DISTINCT FROM 1",
    "v SIMILAR TO '%a'", "i = ANY (ARRAY[1, 2])", "NOT (i > 1 AND n > 2)",
)  # fmt: skip
"""What nobody here knows how to print."""


def _table(*conditions: str) -> str:
    checks = (f"CheckConstraint({each!r}, name='c{n}')" for n, each in enumerate(conditions))
    partial = (
        f"Index('p{n}', 'i', postgresql_where=text({each!r}))" for n, each in enumerate(conditions)
    )
    return ", ".join((COLUMNS, *checks, *partial))


class Builds:
    """Builds what it is given in databases of a server, and remembers what that was."""

    def __init__(self, server: Server) -> None:
        self.server, self.asked = server, list[Script]()

    def __call__(self, asked: Script) -> Built:
        """Build in a database of its own."""
        self.asked.append(asked)
        name = f"questions_{len(self.asked)}"
        try:
            return build(self.server.create_database(name), asked, Around(("public",), ()))
        finally:
            self.server.drop_database(name)


@contextmanager
def _written(server: Server, *conditions: str) -> Iterator[tuple[Script, Side]]:
    """Models whose table has conditions, and a database that they were created in."""
    side = Side(server, metadata({"asked": _table(*conditions), "plain": "Column('x', Integer)"}))
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    dialect.default_schema_name = "public"
    try:
        yield script([side.models], dialect), side
    finally:
        side.close()


def test_only_conditions_are_built(server: Server) -> None:
    """A table is known by them: they come in one table that has nothing of it but columns."""
    builds = Builds(server)
    with _written(server, *ASKED) as (written, side):
        live = side.live()
        assert ("public", "asked_0") not in settled(written, live, "public").tables
        known = settled(written, live, "public", builds)
    assert known.tables.keys() == {("public", "asked_0"), ("public", "plain_0")}
    assert known.left(written).statements == ()
    [asked] = builds.asked
    [table] = [each.sql for each in asked.statements if each.table]
    assert table.count("CHECK (") == 2 * len(ASKED)
    assert "PRIMARY KEY" not in table


@pytest.mark.parametrize("condition", ["n + i > 0", "n + i >= -1", "i + n > -1", "n + i > -1.0"])
def test_another_condition_is_seen(server: Server, condition: str) -> None:
    """What the server prints otherwise is not taken for what is there."""
    builds = Builds(server)
    with _written(server, "n + i > -1") as (_, side), _written(server, condition) as (written, _):
        known = settled(written, side.live(), "public", builds)
    assert known.tables.keys() == {("public", "plain_0")}


@pytest.mark.parametrize(
    ("condition", "there"),
    [
        ("nobody_knows(i)", "i > 0"),
        ("i + 0 > 0), CHECK (n > 0", "i + 0 > 0"),
        ('U&"\\0069" > 0', "i > 0"),
        ("n > 0) NO INHERIT, CHECK (i > 0", "n > 0"),
        ("ROW(asked_0.*) IS NULL OR i > 0", "ROW(n, i, e) IS NULL OR i > 0"),
        ("ROW((asked_0). /* all */ *) IS NULL OR i > 0", "ROW(n, i, e) IS NULL OR i > 0"),
    ],
)
def test_what_stays_open_is_built(server: Server, condition: str, there: str) -> None:
    """What fails, makes more than itself or may speak of any column is no answer."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    dialect.default_schema_name = "public"
    models, live = (
        metadata({"asked": f"{COLUMNS}, CheckConstraint({each!r}, name='c')"})
        for each in (condition, there)
    )
    side = Side(server, live)
    try:
        known = settled(script([models], dialect), side.live(), "public", Builds(server))
    finally:
        side.close()
    assert known.tables == {}


def test_what_is_not_in_the_database_is_not_asked(server: Server) -> None:
    """A table that is missing is built whole."""
    builds = Builds(server)
    with _written(server, "n + i > -1") as (written, side):
        nobody = replace(side.live(), tables=(), sequences=())
    assert settled(written, nobody, "public", builds).tables == {}
    assert builds.asked == []
