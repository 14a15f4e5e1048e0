"""Tables that need not be built to be known: what is read of their statements is what is made."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import MetaData
from sqlalchemy.dialects import postgresql

from dbtool.migrate.diff.build import Around, Built, build
from dbtool.migrate.diff.cache import Cache
from dbtool.migrate.diff.conditions import condition
from dbtool.migrate.diff.ddl import Planned, Script, script
from dbtool.migrate.diff.run import Builder, Live
from dbtool.migrate.diff.settled import enums_of, settled
from dbtool.migrate.diff.understood import understood
from dbtool.ports import Silent
from dbtool.scratch.server import Server
from tests.migrate.matrix import DIFFERENT, EQUAL
from tests.migrate.test_diff import Side, configured, metadata

TYPES = (
    "SmallInteger", "Integer", "BigInteger", "Numeric", "Numeric(10, 2)", "Numeric(5)", "Float",
    "REAL", "Double", "Boolean", "Text", "String", "String(50)", "CHAR(3)", "LargeBinary", "Uuid",
    "JSON", "JSONB", "Date", "DateTime", "DateTime(timezone=True)", "Time", "Interval", "INET",
    "TSVECTOR", "ARRAY(Integer)", "ARRAY(String(20))", "Enum('a', 'b', name='mood')",
    "ARRAY(Enum('a', 'b', name='mood'))",
)  # fmt: skip
DEFAULTS = (
    ("SmallInteger", "'0'"), ("SmallInteger", "0"), ("Integer", "'12'"), ("Integer", "12"),
    ("BigInteger", "'0'"), ("BigInteger", "0"), ("Boolean", "true"), ("Boolean", "'false'"),
    ("Text", "''"), ("Text", "'it''s 100%'"), ("String(9)", "'x'"), ("String", "'x'"),
    ("JSONB", "'{}'"), ("JSON", "'[]'"), ("Uuid", "gen_random_uuid()"), ("DateTime", "now()"),
    ("DateTime(timezone=True)", "CURRENT_TIMESTAMP"), ("DateTime", "clock_timestamp()"),
    ("Enum('a', 'b', name='mood')", "'a'"), ("CHAR(3)", "'EUR'"), ("Numeric(5, 2)", "0"),
    ("Numeric(5, 2)", "'0'"), ("JSONB", "'{}'::jsonb"), ("Text", "'x'::text"),
    ("ARRAY(Text)", "'{}'::text[]"), ("ARRAY(String(20))", "'{}'"), ("ARRAY(Integer)", "'{}'"),
)  # fmt: skip
KINDS = {
    "n": "Numeric(10, 2)", "i": "Integer", "b": "BigInteger", "s": "SmallInteger",
    "v": "String(20)", "w": "String(5)", "t": "Text", "u": "Text", "flag": "Boolean",
    "one": "DateTime", "two": "DateTime", "c": "CHAR(2)", "k": "Numeric(6)",
    "e": "Enum('a', 'b', name='mood')",
}  # fmt: skip
CONDITIONS = (
    "n > 0", "n>=0.50", "i > 0", "b < 10", "s <> 3", "i != 5", "i < i", "one <= two", "v = 'a'",
    "v <> ''", "v < w", "t = 'it''s'", "t != u", "v IN ('a', 'b')", "t in ('a','b (c, d)')",
    "i IN (1, 2)", "i IS NULL", "v is not null", "flag", "NOT flag", "flag = true",
    "i > 0 OR b < 10 AND flag", "(i > 0 OR b < 10) AND (flag OR v = 'a')", "n >= k", "s < b",
    "i BETWEEN 1 AND 5", "n between 0 and 1.5", "(i BETWEEN 1 AND 5) OR flag", "flag IS NOT TRUE",
    "length(v) > 3", "char_length(t) BETWEEN 1 AND 9", "lower(v) = v", "upper(t) <> 'A'",
    "v ~ '^[A-Z]+$'", "t !~ 'x'", "c ~ '^[A-Z]{2}$'", "v LIKE 'a%'", "t like '_'", "c = 'EU'",
    "e = 'a'", "e IN ('a', 'b')", "e NOT IN ('a', 'b')", "v NOT IN ('a', 'b')", "i NOT IN (1, 2)",
    "e <> 'a' OR one IS NOT NULL", "v = t", "t = v", "flag <> true", "t IN ('a')", "v NOT IN ('a')",
    "i > 0 AND b < 10", "(i > 0) and t = 'x'", "n >= 0 AND n <= 100 AND flag",
)  # fmt: skip
PLAIN = {
    "types": ", ".join(f"Column('x{n}', {kind})" for n, kind in enumerate(TYPES)),
    "required": ", ".join(
        f"Column('x{n}', {kind}, nullable=False)" for n, kind in enumerate(TYPES)
    ),
    "defaults": ", ".join(
        f"Column('x{n}', {kind}, server_default=text({said!r}))"
        for n, (kind, said) in enumerate(DEFAULTS)
    ),
    "conditions": ", ".join(f"Column('{name}', {kind})" for name, kind in KINDS.items())
    + "".join(f", CheckConstraint({c!r}, name=f'c{n}')" for n, c in enumerate(CONDITIONS))
    + "".join(
        f", Index(f'partial{n}', 'i', postgresql_where=text({c!r}))"
        for n, c in enumerate(CONDITIONS)
    ),
    "keys": "Column('x', ForeignKey(T + '.id')), Column('y', Integer, unique=True), "
    + ", ".join(
        f"ForeignKeyConstraint(['y'], [T + '.id'], name='fk{n}', {said})"
        for n, said in enumerate(
            (
                "ondelete='SET NULL'",
                "ondelete='NO ACTION', onupdate='CASCADE'",
                "ondelete='RESTRICT', deferrable=True, initially='DEFERRED'",
                "onupdate='SET DEFAULT', deferrable=True",
            )
        )
    ),
    "indexes": "Column('x', Integer, index=True), Column('doc', JSONB),"
    " UniqueConstraint('x', 'id'), Index('one', 'x', 'id', unique=True),"
    " Index('two', 'doc', postgresql_using='gin'), Column('v', String(9)), Column('t', Text),"
    " Index('three', text('lower(v)'), unique=True), Index('four', text('x DESC'), 't'),"
    " Index('five', 'x', postgresql_include=['t', 'v']), Index('six', text('upper(t)'), 'x'),"
    " Index('seven', 'v', postgresql_ops={'v': 'varchar_pattern_ops'})",
    "identity": "Column('x', Integer, Identity(always=False), comment=\"it's\"), comment='all'",
    "Quoted": "Column('Some name', Integer, index=True), UniqueConstraint('Some name', name='Its')",
    "composite": "!Table(T, m, Column('a', Integer, primary_key=True, autoincrement=False),"
    " Column('b', Integer, primary_key=True), comment='two')",
    "elsewhere": "!Table('x', m, Column('id', SmallInteger, primary_key=True),"
    " Column('x', ForeignKey('other.x.id')), Column('k', Enum('c', name='k', schema='other')),"
    " schema='other', comment='there')",
}  # fmt: skip


@pytest.fixture(scope="module")
def everything() -> MetaData:
    """All models of all pairs, and what is plain, in one."""
    made = metadata(PLAIN)
    for end, (pairs, at) in enumerate(((DIFFERENT, 0), (DIFFERENT, 1), (EQUAL, 0), (EQUAL, 1))):
        sides = {name: pair[at] for name, pair in pairs.items() if not name.startswith("schema")}
        metadata(sides, f"_{end + 1}", made)
    return made


@pytest.fixture(scope="module")
def written(everything: MetaData) -> Script:
    """Their statements."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    dialect.default_schema_name = "public"
    return script([everything], dialect)


@pytest.fixture(scope="module")
def built(server: Server, written: Script) -> Built:
    """What a server makes of them."""
    return build(server.create_database("settled"), written, Around(("public",), ()))


def test_what_is_plain_is_known(written: Script, built: Built) -> None:
    """Each plain table is read to the letter as the server prints it."""
    assert built.unbuilt == ()
    # Equal foreign keys are all there; anything else that is there already stops a batch.
    said = [each.sql for each in written.statements if not each.refers]
    assert len(set(said)) == len(said)
    found = settled(written, built.catalog, "public").tables
    plain = {("public", f"{name}_0") for name in PLAIN} - {("public", "elsewhere_0")}
    assert plain - found.keys() == set()
    assert ("other", "x") in found


def test_what_is_understood_is_what_the_server_makes(
    written: Script, built: Built, everything: MetaData
) -> None:
    """Of all pairs: who reads a statement otherwise than the server would hide a difference."""
    nobody = replace(built.catalog, tables=(), sequences=())
    found = settled(written, built.catalog, "public").tables
    enums = enums_of(written.statements, built.catalog)
    groups: dict[str, list[Planned]] = {}
    for each in written.statements:
        groups.setdefault(each.table, []).append(each)
    read = [understood(group, "public", enums) for name, group in groups.items() if name]
    known = {(each.schema, each.name) for each in read if each is not None}
    assert known == found.keys()
    assert len(known) > len(everything.tables) * 2 / 3
    assert settled(written, nobody, "public").tables == {}


REFERRING = {
    "a": "Column('x', Integer, unique=True)",
    "b": "Column('a', ForeignKey('a_0.x')), Column('code', Integer, unique=True),"
    " Column('y', Integer, Computed('id + 1', persisted=True))",
    "c": "Column('b', ForeignKey('b_0.code'))",
    "d": "Column('x', ForeignKey('a_0.id'), index=True)",
}


@pytest.fixture(scope="module")
def side(server: Server) -> Iterator[Side]:
    """Tables of which one is not plain, in a database."""
    made = Side(server, metadata(REFERRING))
    yield made
    made.close()


def test_what_is_left_is_built_with_what_it_refers_to(side: Side) -> None:
    """One table is not plain: the one it leads to comes along, without its own foreign keys."""
    with side.engine.connect() as connection:
        written = script([side.models], connection.dialect)
    left = settled(written, side.live(), "public").left(written)
    assert sorted(each.table for each in left.statements) == ["public.a_0"] + ["public.b_0"] * 2
    assert side.quickly(side.models) == ()


def test_what_is_plainly_equal_needs_no_server(side: Side) -> None:
    """Where all tables are plain none is built, and no server is started or looked for."""
    models = metadata({name: REFERRING[name] for name in "ad"})
    with side.engine.connect() as connection, Builder(Cache(Path("/")), Silent(), None) as builder:
        context = configured(connection, models)
        built = builder.build(context, Live(side.live(), ()))
    assert sorted(each.name for each in built.catalog.tables) == ["a_0", "d_0"]
    assert builder.major == 0


@pytest.mark.parametrize(
    "text",
    ["Column('x', Enum('a', name=T))", "Column('x', Integer), Index('ix_d_0_x', 'x')"],
)
def test_a_name_that_is_taken_is_told(side: Side, text: str) -> None:
    """A table, or its index, that another keeps from being made is not passed over."""
    built = side.built(
        metadata({"d": REFERRING["a"].replace("True", "True, index=True"), "e": text})
    )
    assert [(each.name, "already exists" in each.reason) for each in built.unbuilt] == [
        ("public.e_0", True)
    ]
    assert built.suspect == {"public.e_0"}


def test_a_table_of_an_extension_is_not_there(side: Side) -> None:
    """What leads to it is settled, and it is not: it cannot be compared with what is built."""
    models = metadata({name: REFERRING[name] for name in "ad"})
    with side.engine.begin() as connection:
        connection.exec_driver_sql("ALTER EXTENSION plpgsql ADD TABLE a_0")
    try:
        told = side.quickly(models)
        assert told == side.differences(models, side.built(models))
        assert "missing-table" in [each.kind for each in told]
    finally:
        with side.engine.begin() as connection:
            connection.exec_driver_sql("ALTER EXTENSION plpgsql DROP TABLE a_0")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # A foreign key stands on what the models no longer have.
        ("b", REFERRING["b"].replace(", unique=True", "")),
        ("b", REFERRING["b"].replace("'code', Integer", "'code', BigInteger")),
        # An index takes the name of another, which can be created once only.
        ("e", "Column('x', Integer), Index('ix_d_0_x', 'x')"),
        ("d", REFERRING["d"] + ", UniqueConstraint('x', name='a_0_pkey')"),
        ("e", "Column('x', ForeignKey('c_0.id')), Column('y', Enum('a', name='kind_e'))"),
    ],
)
def test_what_differs_is_told_alike(side: Side, name: str, text: str) -> None:
    """The same differences as where every table is built."""
    models = metadata(REFERRING | {name: text})
    assert side.quickly(models) == side.differences(models, side.built(models))


@pytest.mark.parametrize(
    "said",
    [
        "", "i > 5000000000", "i > -1", "i > (1)", "0 < i", "i = 1 = true", "i => 1", "i >",
        "(i > 1", "i > 1 -- x", "i IS", "i IN (1, 2,)", "i IN (1) OR", "b IN (1, 2)", "n > i",
        "a > 0", "I IS NULL", "(i > 0 AND b > 0) AND v = 'a'", "i > 0 AND b BETWEEN 1 AND 2", "t",
        "NOT t", "NOT (t = 'a')", "v = 'a'::text", "v = E'a'", "v IN ('a', NULL)", "v IN ()",
        "v <@ t", "v < u", "lower(i)", "c LIKE 'a'", "length('a') > 1 OR i", "one > 'now'",
        "many = 'a'",
    ],
)  # fmt: skip
def test_anything_else_is_left_to_the_server(said: str) -> None:
    """What is printed in another way, or only perhaps in this one, is not guessed."""
    kinds = {"i": "integer", "b": "bigint", "n": "numeric", "v": "character varying(9)",
             "t": "text", "u": "uuid", "one": "date", "many": "character varying(9)[]",
             "c": "character(2)"}  # fmt: skip
    assert condition(said, kinds, {}) is None
