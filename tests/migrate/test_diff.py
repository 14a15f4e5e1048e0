"""The difference of models and database as the server prints both, kind by kind, both ways."""

import itertools
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, MetaData, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SAWarning

from dbtool import catalog
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.migrate.diff.build import Around, Built, around, build
from dbtool.migrate.diff.cache import Cache
from dbtool.migrate.diff.compare import compare
from dbtool.migrate.diff.ddl import Script, script
from dbtool.migrate.diff.run import Builder, Live, unbuilt
from dbtool.migrate.difference import Difference
from dbtool.ports import Silent
from dbtool.scratch.binaries import Binaries
from dbtool.scratch.server import Server
from tests.migrate.matrix import BY_HAND, DIFFERENT, EQUAL

_numbers = itertools.count(1)
_NAMES = {**vars(sqlalchemy), **vars(postgresql)}
_END = "_0"


def metadata(sides: dict[str, str], end: str = _END, among: MetaData | None = None) -> MetaData:
    """The models of one side of all cases, perhaps among others."""
    made = MetaData() if among is None else among
    for name, text in sides.items():
        names = {**_NAMES, "m": made, "T": name + end}
        code = text[1:].strip() if text.startswith("!") else ""
        if not text.startswith("!"):
            code = f"Table(T, m, Column('id', Integer, primary_key=True), {text})"
        exec(code, names)
    return made


@dataclass
class Side:
    """A database with the models of one side in it."""

    server: Server
    models: MetaData
    target: Target = field(init=False)
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.target = self.server.create_database(f"side_{next(_numbers)}")
        self.engine = create_engine(self.target.sqlalchemy_url("psycopg"))
        self._create()

    def _create(self) -> None:
        with self.engine.begin() as connection:
            for schema in {table.schema for table in self.models.tables.values()} - {None}:
                connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
            self.models.create_all(connection)

    def live(self) -> catalog.Catalog:
        """What is in the database."""
        with SyncConnection(self.target, settings=dict(catalog.SETTINGS)) as connection:
            return connection.run(catalog.read)

    def built(self, models: MetaData) -> Built:
        """Other models, built in a database of their own."""
        target = self.server.create_database(f"side_{next(_numbers)}")
        with self.engine.connect() as connection:
            dialect = connection.dialect
        return build(target, script([models], dialect), Around(("public",), ()))

    def differences(self, models: MetaData, built: Built) -> tuple[Difference, ...]:
        """What other models differ in from this database."""
        with self.engine.connect() as connection:
            return compare(configured(connection, models), built, self.live()).differences

    def quickly(self, models: MetaData) -> tuple[Difference, ...]:
        """The same, where what is plainly equal is not built."""
        with (
            self.engine.connect() as connection,
            TemporaryDirectory() as kept,
            Builder(Cache(Path(kept)), Silent(), self.server) as builder,
        ):
            context, live = configured(connection, models), self.live()
            return compare(context, builder.build(context, Live(live, ())), live).differences

    def run(self, differences: tuple[Difference, ...], models: MetaData) -> dict[str, str]:
        """Run each operation by itself; what failed, by operation."""
        failed = {}
        for each in differences:
            with self.engine.connect() as connection:
                context = configured(connection, models)
                imports = "\n".join(("import sqlalchemy as sa", *each.imports))
                try:
                    with context.begin_transaction(_per_migration=True):
                        names: dict[str, Any] = {"op": Operations(context)}
                        names["op"].get_context = lambda context=context: context
                        exec(f"{imports}\n{each.operation}", names)
                except Exception as error:
                    failed[each.operation] = f"{each.text}: {error}"
        return failed

    def close(self) -> None:
        """Log out."""
        self.engine.dispose()


def configured(connection: sqlalchemy.Connection, models: MetaData) -> MigrationContext:
    """A context as env.py would configure it."""
    options = {
        "target_metadata": models,
        "include_schemas": True,
        "alembic_module_prefix": "op.",
        "sqlalchemy_module_prefix": "sa.",
        "transaction_per_migration": True,
    }
    return MigrationContext.configure(connection, opts=options)


@dataclass
class Result:
    """What was found for all cases of one direction, and how it ended."""

    first: tuple[Difference, ...]
    failed: dict[str, str]
    second: tuple[Difference, ...]
    alembic: list[Any]

    def of(self, case: str) -> list[Difference]:
        """The differences of one case."""
        return [each for each in self.first if belongs(each, case)]

    def left(self, case: str) -> list[str]:
        """What of a case failed, or is found again."""
        again = [each.text for each in self.second if belongs(each, case)]
        return [
            *again,
            *(self.failed[e.operation] for e in self.of(case) if e.operation in self.failed),
        ]


def belongs(difference: Difference, case: str) -> bool:
    """Whether a difference is of a case, by the names in it."""
    return case in cases(f"{difference.name} {difference.text}")


def both(server: Server, one: MetaData, other: MetaData, sql: str = "") -> Result:
    """A database with the one, compared with the other, mended, and compared again."""
    side = Side(server, one)
    try:
        if sql:
            with SyncConnection(side.target) as connection:
                connection.execute(sql)
        built = side.built(other)
        assert built.unbuilt == ()
        first = side.differences(other, built)
        assert side.quickly(other) == first
        # Reflection warns of what the server says of constraints that are not valid.
        with side.engine.connect() as connection, warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)
            alembic = compare_metadata(configured(connection, other), other)
        failed = side.run(first, other)
        second = side.differences(other, built)
        assert side.quickly(other) == second
        return Result(first, failed, second, alembic)
    finally:
        side.close()


@pytest.fixture(scope="module")
def ways(server: Server) -> dict[str, Result]:
    """All pairs in both directions, each in one database."""
    sides = [{name: pair[at] for name, pair in DIFFERENT.items()} for at in (0, 1)]
    return {
        "there": both(server, metadata(sides[0]), metadata(sides[1])),
        "back": both(server, metadata(sides[1]), metadata(sides[0])),
    }


@pytest.mark.parametrize("way", ["there", "back"])
@pytest.mark.parametrize("case", DIFFERENT)
def test_difference_is_seen_and_ended(ways: dict[str, Result], case: str, way: str) -> None:
    """One difference, an operation that runs, and nothing found afterwards."""
    result = ways[way]
    assert result.of(case), case
    assert result.left(case) == []


@pytest.mark.pg(">=18")
@pytest.mark.skipif(sqlalchemy.__version__ < "2.1", reason="no virtual columns before 2.1")
def test_a_virtual_column_is_made_anew(server: Server) -> None:
    """Beside a CHECK the server gives a virtual column no other expression."""
    one, other = (
        f"Column('x', Integer), Column('y', Integer, Computed('x + {number}', persisted=False)),"
        " CheckConstraint('x > 0', name=T + '_ck')"
        for number in (1, 2)
    )
    result = both(server, metadata({"virtual": one}), metadata({"virtual": other}))
    assert [each.drops for each in result.of("virtual")] == [False]
    assert result.left("virtual") == []


@pytest.mark.pg(">=18")
def test_a_not_null_that_holds_for_new_rows_only(server: Server) -> None:
    """The column counts as NOT NULL from the start, so only the constraint tells."""
    models = metadata({"unproven": "Column('x', Integer, nullable=False)"})
    name = f"unproven{_END}"
    sql = f"ALTER TABLE {name} ALTER x DROP NOT NULL, ADD CONSTRAINT {name}_nn NOT NULL x NOT VALID"
    result = both(server, models, models, sql)
    assert [each.operation for each in result.of("unproven")] == [
        f"""op.execute('ALTER TABLE "{name}" VALIDATE CONSTRAINT "{name}_nn"')"""
    ]
    assert result.left("unproven") == []


def test_what_no_model_knows_outlives_a_new_type(server: Server) -> None:
    """The comments of an index and of the type, and the default of a table of somebody else's."""
    one, other = (
        metadata({"kept": f"Column('s', Enum({labels}, name=T + '_kind')), {index}"})
        for index in ["Index(T + '_ix', 'id', postgresql_where=text(\"s = 'a'\"))"]
        for labels in ("'a', 'b', 'c'", "'a', 'b'")
    )
    side = Side(server, one)
    try:
        with SyncConnection(side.target) as connection:
            connection.execute(
                "COMMENT ON INDEX kept_0_ix IS 'why'; COMMENT ON TYPE kept_0_kind IS 'it''s';"
                "CREATE TABLE theirs (s kept_0_kind DEFAULT lower('B')::kept_0_kind)"
            )
        found = side.differences(other, side.built(other))
        assert side.run(tuple(e for e in found if e.kind == "extra-label"), other) == {}
        live = side.live()
        tables = {each.name: each for each in live.tables}
        assert tables["theirs"].columns[0].default == "(lower('B'::text))::public.kept_0_kind"
        assert [e.comment for e in tables["kept_0"].indexes if e.name == "kept_0_ix"] == ["why"]
        assert [each.comment for each in live.enums if each.name == "kept_0_kind"] == ["it's"]
    finally:
        side.close()


def test_all_differences_belong_to_a_case(ways: dict[str, Result]) -> None:
    """Nothing is told of tables that do not differ."""
    for result in ways.values():
        stray = [e.text for e in result.first if not any(belongs(e, c) for c in DIFFERENT)]
        assert stray == []


def test_the_default_schema_is_not_named(ways: dict[str, Result]) -> None:
    """A key or type that says `public` would lead every tenant's table to one tenant's."""
    for result in ways.values():
        assert [each for each in result.first if "public." in each.operation] == []


def test_nothing_alembic_finds_is_missed(ways: dict[str, Result]) -> None:
    """Wherever Alembic would write an operation, a difference is told."""
    for result in ways.values():
        operations = list(leaves(result.alembic))
        assert len(operations) > len(DIFFERENT) / 2
        missed = [each for each in operations if not any(map(result.of, cases(repr(each))))]
        assert missed == []


def leaves(found: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Alembic's operations; those on columns come in lists."""
    for each in found:
        yield from leaves(each) if isinstance(each, list) else [each]


def cases(text: str) -> set[str]:
    """The cases whose names a text has."""
    words = re.split(r"[^\w]+", text)
    return {word.partition(_END)[0] for word in words if _END in word}


@pytest.fixture(scope="module")
def by_hand(server: Server) -> Result:
    """All that was done by hand, in one database."""
    models = metadata({name: pair[0] for name, pair in BY_HAND.items()})
    sql = [pair[1].replace("{T}", name + _END) for name, pair in BY_HAND.items()]
    return both(server, models, models, ";".join(sql))


@pytest.mark.parametrize("case", BY_HAND)
def test_what_was_done_by_hand(by_hand: Result, case: str) -> None:
    """What no model can say is seen too, and its operation ends it."""
    assert by_hand.of(case), case
    assert by_hand.left(case) == []


@pytest.fixture(scope="module")
def equal(server: Server) -> Result:
    """All equal pairs in one database."""
    one, other = (metadata({name: pair[at] for name, pair in EQUAL.items()}) for at in (0, 1))
    return both(server, one, other)


@pytest.mark.parametrize("case", EQUAL)
def test_what_is_equal_is_silent(equal: Result, case: str) -> None:
    """Two spellings of one thing."""
    assert [each.text for each in equal.of(case)] == []


def test_an_index_without_columns(server: Server) -> None:
    """It is named; its table is compared, and nothing is said of what has its name."""
    live, models = MetaData(), MetaData()
    table = "Table('t', m, Column('a', Text), {})"
    exec(table.format("Index('i', 'a'), Index('j', 'a')"), {**_NAMES, "m": live})
    exec(table.format("Column('b', Text), Index('i'), Index('k', 'a')"), {**_NAMES, "m": models})
    side = Side(server, live)
    built = side.built(models)
    told = [each.text for each in side.differences(models, built)]
    assert told == [each.text for each in side.quickly(models)]
    side.close()
    assert told == [
        "column t.b is in the models, not in the database",
        "index k on t is called j in the database",
    ]
    assert [each.what for each in map(unbuilt, built.unbuilt)] == [
        "index i on t, which cannot be created from the models alone: it has no columns"
    ]
    assert built.suspect == frozenset()


def test_an_operator_that_nobody_brings(server: Server) -> None:
    """It is named, once for its table, and so is the extension that is only in the database."""
    models = MetaData()
    exec(
        "Table('t', m, Column('a', Text), CheckConstraint(\"a % 'b'\"), Index('i', 'a'))",
        {**_NAMES, "m": models},
    )
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    dialect.default_schema_name = "public"
    written = script([models], dialect)
    needs = "CREATE EXTENSION IF NOT EXISTS never_made SCHEMA public"
    for beside, more in (((), []), ((needs,), ["what may need extension never_made"])):
        target = server.create_database(f"side_{next(_numbers)}")
        built = build(target, written, Around(("public",), beside))
        said = [*map(unbuilt, built.unbuilt)]
        assert said[0].what.startswith("public.t, which cannot be created")
        assert said[0].what.endswith("operator does not exist: text % unknown")
        assert said[0].decide.startswith("what it needs in the models, or the extension or rev")
        assert [each.what.partition(",")[0] for each in said[1:]] == more
        assert built.suspect == {"public.t"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("Column('a', Text, server_default=text(\"nextval('gone')\"))", 'relation "gone" does not'),
        ("Column('a', Text), Index('i', 'a', unique=True, postgresql_using='gin')",
         'access method "gin" does not support unique indexes'),
    ],
)  # fmt: skip
def test_an_extension_that_nothing_needs(
    server: Server, tmp_path: Path, table: str, said: str
) -> None:
    """It is not named for what no extension brings, and the outcome is kept."""
    models = MetaData()
    exec(f"Table('t', m, {table})", {**_NAMES, "m": models})
    needs = "CREATE EXTENSION IF NOT EXISTS never_made SCHEMA public"
    target = server.create_database(f"side_{next(_numbers)}")
    side = create_engine(target.sqlalchemy_url("psycopg"))
    with (
        SyncConnection(target, settings=dict(catalog.SETTINGS)) as read,
        side.connect() as connection,
        Builder(Cache(tmp_path), Silent(), server) as builder,
    ):
        live = Live(read.run(catalog.read), (needs,))
        [found] = map(unbuilt, builder.build(configured(connection, models), live).unbuilt)
    side.dispose()
    assert said in found.what
    assert found.decide == "what it needs in the models, or in the database compared with"
    assert len([*tmp_path.glob("*.json")]) == 1


def test_what_an_extension_brings_later(server: Server, tmp_path: Path) -> None:
    """Its files may come to the programs that build the models: what was kept before is not it."""
    target = server.create_database(f"side_{next(_numbers)}")
    with SyncConnection(target, settings=dict(catalog.SETTINGS)) as read:
        read.execute("CREATE EXTENSION hstore")
        beside = around(read.run(catalog.read), (), "public")
    cache, binaries = Cache(tmp_path), Binaries(tmp_path / "bin", 0, "test")
    before = cache.name(binaries, Script((), ()), beside)
    (tmp_path / "share/extension").mkdir(parents=True)
    (tmp_path / "share/extension/unused.control").touch()
    assert cache.name(binaries, Script((), ()), beside) == before
    (tmp_path / "share/extension/hstore.control").touch()
    assert cache.name(binaries, Script((), ()), beside) != before
