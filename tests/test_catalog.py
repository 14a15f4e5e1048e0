"""The catalogue of a schema in which every kind of object occurs."""

import dataclasses
from collections.abc import Iterable

import asyncpg
import pytest

from dbtool import catalog
from dbtool.catalog import (
    Base,
    Catalog,
    Column,
    Constraint,
    Domain,
    DomainConstraint,
    Enum,
    Extension,
    Function,
    Index,
    Key,
    Name,
    Named,
    OwnedBy,
    Sequence,
    Table,
    Trigger,
)
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from tests.conftest import MAJOR
from tests.proxy import proxy

NO_BASE = Base("", None, -1, ())

SCHEMA = """
CREATE SCHEMA "Odd schema";
CREATE TYPE mood AS ENUM ('sad', 'happy');
ALTER TYPE mood ADD VALUE 'ok' BEFORE 'happy';
CREATE DOMAIN "Odd schema".email AS text COLLATE "C" DEFAULT 'a@b' NOT NULL
    CONSTRAINT has_at CHECK (VALUE LIKE '%@%');
CREATE SEQUENCE tickets AS integer START 5 INCREMENT 2 MAXVALUE 99 CACHE 3 CYCLE;
CREATE EXTENSION citext;
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name varchar(40) COLLATE "C" NOT NULL,
    mail "Odd schema".email,
    feels mood DEFAULT 'ok',
    tags text[] DEFAULT '{}',
    loud text GENERATED ALWAYS AS (upper(name)) STORED,
    boss bigint REFERENCES users ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
    dropped int,
    period tstzrange,
    CONSTRAINT name_not_empty CHECK (name <> ''),
    CONSTRAINT no_overlap EXCLUDE USING gist (period WITH &&)
);
ALTER TABLE users DROP COLUMN dropped;
ALTER TABLE users ADD CONSTRAINT later CHECK (id > 0) NOT VALID;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE UNIQUE INDEX users_name ON users (name text_pattern_ops DESC, lower(mail) COLLATE "POSIX")
    INCLUDE (id) WHERE boss IS NULL;
COMMENT ON TABLE users IS 'who';
COMMENT ON COLUMN users.name IS 'full name';
COMMENT ON CONSTRAINT name_not_empty ON users IS 'why';
COMMENT ON INDEX users_name IS 'fast';
CREATE UNLOGGED TABLE "Odd schema"."Cache" (key text UNIQUE) WITH (fillfactor = 70);
CREATE TABLE events (at date NOT NULL, user_id bigint, PRIMARY KEY (at)) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE base (a int);
CREATE TABLE child (b int) INHERITS (base);
CREATE VIEW happy AS SELECT id, name FROM users WHERE feels = 'happy';
CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM users WITH NO DATA;
CREATE UNIQUE INDEX counts_n ON counts (n);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION plus(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE PROCEDURE tidy(INOUT n int) LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE AGGREGATE product(int) (sfunc = int4mul, stype = int);
CREATE TRIGGER touched BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE users DISABLE TRIGGER touched;
"""


def create(target: Target, sql: str) -> None:
    """Run a script of several statements, each in a transaction of its own."""
    with SyncConnection(target) as connection:
        for statement in sql.split(";\n"):
            if statement.strip():
                connection.execute(statement)


def read(target: Target, schemas: Iterable[str] | None = None) -> Catalog:
    """Read over a connection with the settings that belong to it."""
    with SyncConnection(target, read_only=True, settings=catalog.SETTINGS) as connection:
        return connection.run(lambda opened: catalog.read(opened, schemas))


@pytest.fixture
def whole(database: Target) -> Catalog:
    """The catalogue of the schema above."""
    create(database, SCHEMA)
    return read(database)


def table(found: Catalog, name: str, schema: str = "public") -> Table:
    """One table that must be there."""
    one = found.table(name, schema)
    assert one is not None
    return one


def test_objects_outside_of_tables(whole: Catalog) -> None:
    """Sequences, types, functions and extensions, without what an extension brought."""
    assert whole.schemas == ("Odd schema", "public")
    assert whole.version_number // 10000 == MAJOR
    assert [sequence for sequence in whole.sequences if sequence.name != "users_id_seq"] == [
        Sequence("public", "tickets", "integer", 5, 2, 1, 99, 3, True, None, None)
    ]
    assert whole.enums == (Enum("public", "mood", ("sad", "ok", "happy"), None),)
    check = "CHECK ((VALUE ~~ '%@%'::text))"
    assert whole.domains == (
        Domain(
            "Odd schema",
            "email",
            "text",
            True,
            "'a@b'::text",
            '"C"',
            (DomainConstraint("has_at", check, True),),
            None,
        ),
    )
    assert whole.functions == (
        Function(
            "public",
            "plus",
            "a integer, b integer",
            "function",
            "integer",
            "sql",
            "immutable",
            False,
        ),
        Function(
            "public", "product", "integer", "aggregate", "integer", "internal", "immutable", False
        ),
        Function("public", "tidy", "INOUT n integer", "procedure", None, "sql", "volatile", True),
        Function("public", "touch", "", "function", "trigger", "plpgsql", "volatile", False),
    )
    versions = {extension.name: extension for extension in whole.extensions}
    assert set(versions) == {"citext", "plpgsql"}
    assert versions["plpgsql"] == Extension("plpgsql", "1.0", "pg_catalog")


def test_a_sequence_knows_its_identity_column(whole: Catalog) -> None:
    """An identity column's sequence is owned by it."""
    (owned,) = [sequence for sequence in whole.sequences if sequence.owned_by]
    assert owned.owned_by == OwnedBy("public", "users", "id", identity=True)


def test_columns(whole: Catalog) -> None:
    """Types in canonical spelling with user types qualified; dropped columns are gone."""
    plain = Column("", 0, "", None, NO_BASE, False, None, "", "", None, None)
    users = table(whole, "users")
    assert [column.position for column in users.columns] == [1, 2, 3, 4, 5, 6, 7, 9]
    assert users.columns == (
        _with(plain, name="id", type="bigint", not_null=True, identity="always"),
        _with(
            plain,
            name="name",
            type="character varying(40)",
            not_null=True,
            collation='"C"',
            comment="full name",
        ),
        _with(plain, name="mail", type='"Odd schema".email', domain=Name("Odd schema", "email")),
        _with(plain, name="feels", type="public.mood", default="'ok'::public.mood"),
        _with(plain, name="tags", type="text[]", default="'{}'::text[]"),
        _with(
            plain,
            name="loud",
            type="text",
            default="upper((name)::text)",
            generated="stored",
        ),
        _with(plain, name="boss", type="bigint"),
        _with(plain, name="period", type="tstzrange"),
    )


def _with(column: Column, **values: object) -> Column:
    return dataclasses.replace(column, **values)  # type: ignore[arg-type]


def test_constraints(whole: Catalog) -> None:
    """Every kind, with columns, reference, and whether it is validated, deferrable, inherited."""
    users = {each.name: each for each in table(whole, "users").constraints}
    assert users["users_pkey"] == _constraint(
        "users_pkey", "primary key", ("id",), "PRIMARY KEY (id)", index="users_pkey"
    )
    assert users["name_not_empty"] == _constraint(
        "name_not_empty",
        "check",
        ("name",),
        "CHECK (((name)::text <> ''::text))",
        comment="why",
    )
    assert users["later"] == _constraint(
        "later", "check", ("id",), "CHECK ((id > 0)) NOT VALID", validated=False
    )
    assert users["users_boss_fkey"] == _constraint(
        "users_boss_fkey",
        "foreign key",
        ("boss",),
        "FOREIGN KEY (boss) REFERENCES public.users(id) ON DELETE SET NULL"
        " DEFERRABLE INITIALLY DEFERRED",
        deferrable=True,
        deferred=True,
        references=Name("public", "users"),
        referenced_columns=("id",),
        on_delete="set null",
    )
    assert users["no_overlap"].kind == "exclusion"
    assert users["no_overlap"].index == "no_overlap"
    not_null = {name for name, each in users.items() if each.kind == "not null"}
    assert not_null == ({"users_id_not_null", "users_name_not_null"} if MAJOR >= 18 else set())


def _constraint(
    name: str, kind: str, columns: tuple[str, ...], definition: str, **others: object
) -> Constraint:
    values: dict[str, object] = {
        "validated": True,
        "enforced": True,
        "deferrable": False,
        "deferred": False,
        "inherited": False,
        "derived": False,
        "references": None,
        "referenced_columns": (),
        "on_delete": None,
        "index": None,
        "comment": None,
    }
    return Constraint(name, kind, columns, definition, **values | others)  # type: ignore[arg-type]


@pytest.mark.pg(">=18")
def test_a_constraint_that_is_not_enforced(database: Target) -> None:
    """From 18 on a constraint may be declared only."""
    create(database, "CREATE TABLE t (a int CONSTRAINT c CHECK (a > 0) NOT ENFORCED)")
    (declared,) = table(read(database), "t").constraints
    assert (declared.enforced, declared.validated) == (False, False)


def test_indexes(whole: Catalog) -> None:
    """Keys with direction, operator class and collation where they are not the default."""
    users = {index.name: index for index in table(whole, "users").indexes}
    assert set(users) == {"users_pkey", "users_name", "no_overlap"}
    assert users["users_name"] == Index(
        oid=0,
        name="users_name",
        method="btree",
        keys=(
            Key("name", True, True, True, None, "text_pattern_ops"),
            Key("lower((mail)::text)", False, False, False, '"POSIX"', None),
        ),
        include=("id",),
        reads=(),
        unique=True,
        nulls_not_distinct=False,
        primary=False,
        exclusion=False,
        valid=True,
        ready=True,
        predicate="(boss IS NULL)",
        definition="CREATE UNIQUE INDEX users_name ON public.users USING btree"
        ' (name text_pattern_ops DESC, lower((mail)::text) COLLATE "POSIX")'
        " INCLUDE (id) WHERE (boss IS NULL)",
        constraint=None,
        parent=None,
        pages=0,
        comment="fast",
    )
    assert (users["users_pkey"].primary, users["users_pkey"].constraint) == (True, "users_pkey")
    assert users["no_overlap"].exclusion


@pytest.mark.pg(">=15")
def test_an_index_that_holds_null_to_be_one_value(database: Target) -> None:
    """NULLS NOT DISTINCT, known from 15 on."""
    create(database, "CREATE TABLE t (a int UNIQUE NULLS NOT DISTINCT)")
    (index,) = table(read(database), "t").indexes
    assert index.nulls_not_distinct


def test_an_invalid_index_is_told(database: Target) -> None:
    """What a failed CREATE INDEX CONCURRENTLY leaves behind is there and not valid."""
    create(database, "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1), (1)")
    with (
        SyncConnection(database) as connection,
        pytest.raises(asyncpg.UniqueViolationError),
    ):
        connection.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON t (a)")
    (index,) = table(read(database), "t").indexes
    assert (index.name, index.valid) == ("broken", False)


def test_kinds_of_tables(whole: Catalog) -> None:
    """Partitions, inheritance, unlogged tables with options, row level security."""
    users, events, part = (table(whole, name) for name in ("users", "events", "events_2026"))
    assert (users.kind, users.persistence, users.row_security, users.comment) == (
        "table",
        "permanent",
        True,
        "who",
    )
    assert (events.kind, events.partition_key) == ("partitioned table", "RANGE (at)")
    assert (part.parent, part.inherits) == (Name("public", "events"), ())
    assert part.bound == "FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')"
    (index,) = part.indexes
    assert index.parent == Name("public", "events_pkey")
    assert [each.inherited for each in part.constraints if each.kind == "primary key"] == [True]
    assert table(whole, "child").inherits == (Name("public", "base"),)
    cache = table(whole, "Cache", "Odd schema")
    assert (cache.persistence, cache.options) == ("unlogged", ("fillfactor=70",))
    assert users.triggers == (
        Trigger(
            "touched",
            ("update",),
            "CREATE TRIGGER touched BEFORE UPDATE ON public.users FOR EACH ROW"
            " EXECUTE FUNCTION public.touch()",
            "disabled",
            None,
        ),
    )


def test_what_a_type_comes_to(database: Target) -> None:
    """Domains are looked through, elements of arrays are told, and limits are numbers."""
    scale = -2 if MAJOR >= 15 else 2
    create(
        database,
        "CREATE TYPE mood AS ENUM ('sad', 'ok');\nCREATE DOMAIN code AS varchar(7);\n"
        f"CREATE TABLE t (a code, b numeric(8,3), c numeric(3,{scale}), d mood, e mood[], f text,"
        " g numeric, h char(3))",
    )
    columns = table(read(database), "t").columns
    bases = {column.name: column.base for column in columns}
    assert [(base.name, base.element, base.labels) for base in bases.values()] == [
        ("varchar", None, ()),
        ("numeric", None, ()),
        ("numeric", None, ()),
        ("mood", None, ("sad", "ok")),
        ("_mood", "mood", ("sad", "ok")),
        ("text", None, ()),
        ("numeric", None, ()),
        ("bpchar", None, ()),
    ]
    assert {name: base.length for name, base in bases.items() if base.length} == {"a": 7, "h": 3}
    assert {
        name: (base.precision, base.scale) for name, base in bases.items() if base.precision
    } == {
        "b": (8, 3),
        "c": (3, scale),
    }
    assert [column.domain for column in columns if column.domain] == [Name("public", "code")]


def test_every_column_an_index_reads(whole: Catalog) -> None:
    """Keys, expressions, predicate and INCLUDE, whether or not a constraint owns the index."""
    users = {index.name: index.reads for index in table(whole, "users").indexes}
    assert users["users_name"] == ("boss", "id", "mail", "name")
    assert users["users_pkey"] == ("id",)


def test_constraints_the_server_made(database: Target) -> None:
    """A foreign key to a partitioned table has a shadow for each partition."""
    create(
        database,
        "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);\n"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);\n"
        "CREATE TABLE c (p_id int REFERENCES p ON DELETE CASCADE)",
    )
    found = read(database)
    keys = table(found, "c").constraints
    assert [(key.references, key.on_delete) for key in keys if not key.derived] == [
        (Name("public", "p"), "cascade")
    ]
    assert [key.derived for key in table(found, "p1").constraints if key.kind == "primary key"] == [
        True
    ]


def test_single_tables_by_name(whole: Catalog, database: Target) -> None:
    """Names are found on the caller's path; each brings its sequences and domains along."""
    create(database, 'CREATE TABLE "Odd schema".users (note text)')
    names = ["users", '"Odd schema"."Cache"', "happy", "gone", "public.users"]
    with SyncConnection(database) as connection:
        found = connection.run(lambda opened: catalog.read(opened, tables=names))
        connection.execute("""SET search_path = "Odd schema", public""")
        moved = connection.run(lambda opened: catalog.read(opened, tables=names))
        assert connection.fetchval("SHOW search_path") == '"Odd schema", public'
    users, cache = Name("public", "users"), Name("Odd schema", "Cache")
    assert found.named == (
        Named("users", users, "users"),
        Named('"Odd schema"."Cache"', cache, '"Odd schema"."Cache"'),
        Named("happy", Name("public", "happy"), "happy"),
        Named("gone", None, None),
        Named("public.users", users, "users"),
    )
    assert [(each.found, each.shown) for each in moved.named][:2] == [
        (Name("Odd schema", "users"), "users"),
        (cache, '"Cache"'),
    ]
    assert moved.named[4].shown == "public.users"
    assert found.table("users") == whole.table("users")
    assert len(found.tables) == 2
    assert [view.name for view in found.views] == ["happy"]
    assert [each.name for each in found.sequences] == ["users_id_seq"]
    assert found.domains == whole.domains
    assert (found.schemas, found.enums, found.functions, found.extensions) == (
        ("Odd schema", "public"),
        (),
        (),
        (),
    )


def test_who_reads(database: Target) -> None:
    """The role, what it may do with a table, and whether its session may write."""
    create(
        database,
        "CREATE TABLE t (a int);\nDROP ROLE IF EXISTS catalog_reader;\n"
        "CREATE ROLE catalog_reader LOGIN;\nGRANT SELECT, UPDATE ON t TO catalog_reader",
    )
    try:
        found = read(dataclasses.replace(database, user="catalog_reader", password=None))
    finally:
        create(database, "DROP OWNED BY catalog_reader;\nDROP ROLE catalog_reader")
    reader = found.reader
    assert (reader.user, reader.read_only, reader.standby) == ("catalog_reader", True, False)
    assert reader.search_path == ("public",)
    assert table(found, "t").privileges == ("select", "update")


def test_views(whole: Catalog) -> None:
    """Views and materialized views with columns and indexes; names are qualified."""
    counts, happy = whole.views
    assert (happy.kind, counts.kind) == ("view", "materialized view")
    assert happy.definition == (
        " SELECT id,\n    name\n   FROM public.users\n  WHERE (feels = 'happy'::public.mood);"
        if MAJOR >= 16
        else " SELECT users.id,\n    users.name\n   FROM public.users\n"
        "  WHERE (users.feels = 'happy'::public.mood);"
    )
    assert [column.name for column in happy.columns] == ["id", "name"]
    assert (counts.populated, [index.name for index in counts.indexes]) == (False, ["counts_n"])


def test_rows_are_unknown_until_analysed(database: Target) -> None:
    """The planner's estimate, and None rather than zero where there is none."""
    create(database, "CREATE TABLE t AS SELECT generate_series(1, 500) AS a")
    assert table(read(database), "t").rows is None
    create(database, "ANALYZE t")
    assert table(read(database), "t").rows == 500


def test_only_the_schemas_that_are_asked_for(whole: Catalog, database: Target) -> None:
    """A schema is read alone under its exact name; one that is not there is simply empty."""
    odd = read(database, ["Odd schema"])
    assert odd.schemas == ("Odd schema",)
    assert [each.name for each in odd.tables] == ["Cache"]
    assert [each.name for each in odd.domains] == ["email"]
    assert read(database, ["odd schema"]).tables == ()


def test_the_callers_search_path_neither_matters_nor_changes(
    whole: Catalog, database: Target
) -> None:
    """Definitions are the same under any path, and an open transaction keeps its own."""
    with SyncConnection(database) as connection:
        connection.execute("""BEGIN; SET LOCAL search_path = "Odd schema", public""")
        again = connection.run(catalog.read)
        assert connection.fetchval("SHOW search_path") == '"Odd schema", public'
        connection.execute("ROLLBACK")
        assert connection.fetchval("SHOW search_path") == '"$user", public'
    assert again == whole


CHANGES = {
    "column type": "ALTER TABLE events ALTER user_id TYPE integer",
    "not null": "ALTER TABLE users ALTER feels SET NOT NULL",
    "default": "ALTER TABLE users ALTER feels SET DEFAULT 'sad'",
    "identity": "ALTER TABLE users ALTER id SET GENERATED BY DEFAULT",
    "column comment": "COMMENT ON COLUMN users.boss IS 'x'",
    "table comment": "COMMENT ON TABLE users IS 'x'",
    "check": "ALTER TABLE users DROP CONSTRAINT later,"
    " ADD CONSTRAINT later CHECK (id > 1) NOT VALID",
    "validated": "ALTER TABLE users VALIDATE CONSTRAINT later",
    "deferrable": "ALTER TABLE users ALTER CONSTRAINT users_boss_fkey NOT DEFERRABLE",
    "index": "DROP INDEX users_name",
    "row security": "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
    "options": 'ALTER TABLE "Odd schema"."Cache" SET (fillfactor = 71)',
    "enum label": "ALTER TYPE mood ADD VALUE 'meh'",
    "domain check": 'ALTER DOMAIN "Odd schema".email DROP CONSTRAINT has_at',
    "sequence": "ALTER SEQUENCE tickets MAXVALUE 98",
    "view": "CREATE OR REPLACE VIEW happy AS SELECT id, name FROM users WHERE feels = 'ok'",
    "function": "ALTER FUNCTION plus VOLATILE",
    "trigger": "ALTER TABLE users ENABLE TRIGGER touched",
    "partition": "ALTER TABLE events DETACH PARTITION events_2026",
    "extension": "DROP EXTENSION citext",
}


def test_every_change_shows_and_nothing_else_does(database: Target) -> None:
    """The same script gives equal catalogues; each single change makes them differ."""
    create(database, SCHEMA)
    before = read(database)
    with SyncConnection(database) as connection:
        for kind, change in CHANGES.items():
            connection.execute("BEGIN")
            connection.execute(change)
            assert connection.run(catalog.read) != before, kind
            connection.execute("ROLLBACK")
        assert connection.run(catalog.read) == before


def test_equal_schemas_in_two_databases_are_equal(whole: Catalog, migrated: Target) -> None:
    """Oids, owners and statistics do not count."""
    create(migrated, "DROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n" + SCHEMA)
    create(migrated, "ANALYZE")
    assert read(migrated, ["public", "Odd schema"]) == whole


def test_costs_two_round_trips(whole: Catalog, database: Target) -> None:
    """However much there is to read, it is one statement."""
    with proxy(database) as through:
        assert read(through.target) == whole
        (traffic,) = through.connections
    assert traffic.after_login == 2


def test_gives_up_behind_an_exclusive_lock(whole: Catalog, database: Target) -> None:
    """The definitions need a weak lock on each relation, which is why it is bounded."""
    with SyncConnection(database) as holder:
        holder.execute("BEGIN; LOCK users IN ACCESS EXCLUSIVE MODE")
        settings = {**catalog.SETTINGS, "lock_timeout": "50ms"}
        with (
            SyncConnection(database, settings=settings) as connection,
            pytest.raises(asyncpg.LockNotAvailableError),
        ):
            connection.run(catalog.read)


@pytest.mark.parametrize("count", [60, pytest.param(3_000, marks=pytest.mark.slow)])
def test_many_tables(database: Target, count: int) -> None:
    """Tables with keys, checks and indexes come in one answer, however many there are."""
    create(
        database,
        f"DO $$ BEGIN FOR i IN 1..{count} LOOP EXECUTE format('CREATE TABLE t%s (id bigserial"
        " PRIMARY KEY, a int CHECK (a > 0), b text DEFAULT 1, c int UNIQUE)', i);"
        " IF i % 100 = 0 THEN COMMIT; END IF; END LOOP; END $$",
    )
    assert len(read(database).tables) == count
