"""A load on a real server: accepted whole, coherent, readable through the ORM, or not there."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, LockNotObtained, OperationError, UsageError
from dbtool.guard import Consent, Permission
from dbtool.metadata import Models
from dbtool.ports import Silent
from dbtool.seed.plan import Request
from dbtool.seed.run import Loading, plan, seed
from tests.seed.conftest import planned, texts, with_connection

SMALL = Request(rows=150)
AGREED = Permission(Consent(yes=True))


def count(target: Target, sql: str) -> int:
    """One number."""
    with SyncConnection(target) as session:
        return int(session.fetchval(sql))


def rows_of(target: Target, models: Models) -> dict[str, int]:
    """The rows in each table."""
    with SyncConnection(target) as session:
        return {
            table.name: session.fetchval(f"SELECT count(*) FROM {table.name}")
            for table in models.tables
        }


def refused(target: Target, models: Models, request: Request = SMALL) -> DbtoolError:
    """The error a load ends with; no row is left behind."""
    before = rows_of(target, models)
    with pytest.raises(DbtoolError) as caught:
        seed(target, models, request, AGREED)
    assert rows_of(target, models) == before
    return caught.value


def load_all(target: Target, models: Models) -> dict[str, int]:
    """Read every row of every mapped class through the ORM."""

    def work(connection: Connection) -> dict[str, int]:
        session = Session(connection)
        return {
            mapper.class_.__name__: len(session.scalars(select(mapper.class_)).all())
            for mapper in models.mappers
        }

    return with_connection(target, work)


def test_every_table_is_filled(migrated: Target, example: Models) -> None:
    """The server takes every row under every constraint, and the report counts right."""
    done = seed(migrated, example, SMALL)
    assert done.skipped == ()
    assert {each.name: each.rows for each in done.tables} == rows_of(migrated, example)
    assert done.rows == sum(rows_of(migrated, example).values())
    assert min(rows_of(migrated, example).values()) > 0


def test_what_was_planned_is_what_is_there(migrated: Target, example: Models) -> None:
    """The values made for the plan are the values the server holds."""
    request = Request(rows=150, tables=("users",))
    made = texts(planned(migrated, example, request))
    seed(migrated, example, request)
    with SyncConnection(migrated) as session:
        emails = session.fetch("SELECT email, public_id::text AS id FROM users ORDER BY users.id")
    assert [row["email"] for row in emails] == made["users.email"]
    assert [row["id"] for row in emails] == made["users.public_id"]


def test_every_class_loads_through_the_orm(migrated: Target, example: Models) -> None:
    """No value passes the server and fails the application."""
    seed(migrated, example, SMALL)
    found = load_all(migrated, example)
    assert len(found) == 11
    assert min(found.values()) > 0


COHERENT = {
    "a child is not older than its parent": """
        SELECT count(*) FROM posts p JOIN users u ON u.id = p.author_id
        WHERE p.created_at < u.created_at""",
    "nobody comments before joining": """
        SELECT count(*) FROM comments c JOIN users u ON u.id = c.author_id
        WHERE c.created_at < u.created_at""",
    "a reply is not older than the comment": """
        SELECT count(*) FROM comments c JOIN comments p ON p.id = c.parent_id
        WHERE c.created_at < p.created_at OR c.post_id <> p.post_id""",
    "nobody buys what does not exist yet": """
        SELECT count(*) FROM order_lines l JOIN orders o ON o.id = l.order_id
        JOIN products p ON p.id = l.product_id WHERE o.placed_at < p.created_at""",
    "the price agreed is the product's": """
        SELECT count(*) FROM order_lines l JOIN products p ON p.id = l.product_id
        WHERE l.unit_price <> p.price""",
    "nothing is later than the day it ends at": """
        SELECT count(*) FROM orders WHERE greatest(updated_at, delivered_at) > '2026-11-01'""",
    "the status gates its times": """
        SELECT count(*) FROM orders WHERE (status = 'cancelled') <> (cancelled_at IS NOT NULL)
        OR (status = 'pending' AND paid_at IS NOT NULL)
        OR (status IN ('delivered', 'refunded')) <> (delivered_at IS NOT NULL)""",
    "an order's last change is its last stage or later": """
        SELECT count(*) FROM orders WHERE updated_at < greatest(paid_at, shipped_at,
        delivered_at, cancelled_at, refunded_at)""",
    "lines are numbered from one": """
        SELECT count(*) FROM (SELECT order_id FROM order_lines GROUP BY order_id
        HAVING max(line_number) <> count(*)) AS wrong""",
    "e-mail is for reserved domains": r"""
        SELECT count(*) FROM users WHERE email !~ '@example\.(com|org|net)$'""",
    "names and addresses agree": """
        SELECT count(*) FROM users
        WHERE split_part(email, '.', 1) <> lower(split_part(name, ' ', 1))""",
    "a slug is its title": r"""
        SELECT count(*) FROM posts
        WHERE slug !~ ('^' || lower(replace(title, ' ', '-')) || '-\d+$')""",
    "a tree has roots and no row above itself": """
        SELECT count(*) FROM categories WHERE parent_id >= id""",
}


@pytest.mark.parametrize("rule", COHERENT)
def test_rows_make_sense_together(seeded: Target, rule: str) -> None:
    """Rules no constraint states, counted as exceptions."""
    assert count(seeded, COHERENT[rule]) == 0


def test_distributions(seeded: Target) -> None:
    """Most rows are not deleted, parents have none to many children, all values occur."""
    with SyncConnection(seeded) as session:
        deleted = session.fetchval("SELECT avg((deleted_at IS NOT NULL)::int) FROM users")
        states = session.fetchval("SELECT count(DISTINCT status) FROM orders")
        childless = session.fetchval(
            "SELECT count(*) FROM users u WHERE NOT EXISTS"
            " (SELECT FROM posts p WHERE p.author_id = u.id)"
        )
        replies = session.fetchval("SELECT count(*) FROM comments WHERE parent_id IS NOT NULL")
    assert 0 < deleted < 0.1
    assert states == 6
    assert childless > 0
    assert replies > 0


@pytest.fixture(scope="module")
def seeded(server: object, migrated_template: str, example: Models) -> Iterator[Target]:
    """A filled database that tests only read."""
    from dbtool.scratch.server import Server

    assert isinstance(server, Server)
    target = server.create_database("seeded_for_reading", migrated_template)
    seed(target, example, Request(rows=400))
    yield target
    server.drop_database(target.database)


def test_sequences_go_on_behind_the_rows(migrated: Target, example: Models) -> None:
    """The application's next insert meets no key that is taken."""
    seed(migrated, example, SMALL)
    with SyncConnection(migrated) as session:
        last = session.fetchval("SELECT max(id) FROM users")
        new = session.fetchval(
            "INSERT INTO users (email, name, country) VALUES ('x@example.com', 'X', 'DE')"
            " RETURNING id"
        )
    assert new == last + 1


def test_statistics_are_fresh(migrated: Target, example: Models) -> None:
    """The planner knows the rows at once."""
    seed(migrated, example, SMALL)
    sql = "SELECT reltuples::int FROM pg_class WHERE relname = 'users'"
    assert count(migrated, sql) == 150


def test_more_rows_on_top(migrated: Target, example: Models) -> None:
    """Further runs, once agreed to, add rows and collide with none, whatever the key is."""
    first = seed(migrated, example, SMALL)
    with pytest.raises(UsageError, match="needs a yes"):
        seed(migrated, example, SMALL)
    second = seed(migrated, example, SMALL, AGREED)
    third = seed(migrated, example, SMALL, AGREED)
    assert sum(rows_of(migrated, example).values()) == first.rows + second.rows + third.rows
    assert load_all(migrated, example)["User"] == 450


def test_one_table_with_parents_that_are_there(migrated: Target, example: Models) -> None:
    """Parents that are not filled are taken from the rows the database has."""
    seed(migrated, example, Request(rows=20, tables=("users", "categories")))
    with SyncConnection(migrated) as session:
        session.execute("DELETE FROM users WHERE id % 2 = 0")
    done = seed(migrated, example, Request(rows=20, tables=("posts",)))
    assert [each.name for each in done.tables] == ["posts"]
    assert count(migrated, "SELECT count(*) FROM posts WHERE author_id % 2 = 0") == 0
    assert count(migrated, "SELECT count(*) FROM posts") == done.rows > 0


def test_dry_run_leaves_nothing(migrated: Target, example: Models) -> None:
    """A dry run is a real transaction, rolled back, that moves no sequence."""
    done = seed(migrated, example, Request(rows=100_000), loading=Loading(dry_run=True))
    assert sum(rows_of(migrated, example).values()) == 0
    assert done.dry_run
    assert 0 < done.rows < 10_000 < done.would_load
    assert count(migrated, "SELECT count(*) FROM pg_sequences WHERE last_value IS NOT NULL") == 0


def test_company_is_filled_as_far_as_it_can_be(company_database: Target, company: Models) -> None:
    """Cycles, inheritance, odd types: filled, or skipped with a reason; every class loads."""
    made = plan(company_database, company, SMALL)
    reasons = {each.name: each.reason for each in made.skipped}
    assert reasons == {
        "sealings": "secret: only Closed knows what it stores",
        "stamps": "it needs rows of sealings, which is skipped",
    }
    done = seed(company_database, company, SMALL)
    assert [each.name for each in done.skipped] == list(reasons)
    found = load_all(company_database, company)
    assert {name for name, rows in found.items() if not rows} == {"Sealing", "Stamp"}
    columns = {f"{table.name}.{c.name}": c for table in made.tables for c in table.columns}
    assert columns["companies.contact_id"].detail == (
        "employees: left NULL: it would close a cycle"
    )
    assert columns["companies.vat"].generator == "made by the model's type"


def test_a_skipped_table_that_was_asked_for_is_an_error(
    company_database: Target, company: Models
) -> None:
    """Named by the user and impossible: nothing is loaded, and the reason is given."""
    error = refused(company_database, company, Request(rows=10, tables=("companies", "sealings")))
    assert (error.message, error.exit) == ("cannot fill sealings", 4)
    assert "secret: only Closed knows what it stores" in error.detail


def test_deferrable_cycle(database: Target, example: Models) -> None:
    """Two tables that need each other are loaded where a foreign key may be checked later."""
    from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table

    metadata = MetaData()
    late = {"deferrable": True, "use_alter": True, "name": "fk_left"}
    right = ForeignKey("rights.id", deferrable=True, use_alter=True, name=str(late["name"]))
    Table(
        "lefts",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("right_id", right, nullable=False),
    )
    Table(
        "rights",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("left_id", ForeignKey("lefts.id"), nullable=False),
    )
    with_connection(database, metadata.create_all)
    models = Models((metadata,), (), ())
    done = seed(database, models, Request(rows=30))
    assert {each.name for each in done.tables} == {"lefts", "rights"}
    assert min(each.rows for each in done.tables) > 0


def test_scarce_values_are_told(database: Target) -> None:
    """A table gets no more rows than values differ; the plan says of which column or columns."""
    from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table, UniqueConstraint

    from dbtool.seed.overrides import TableRule

    metadata = MetaData()
    first = Column("id", Integer, primary_key=True)
    Table("codes", metadata, first, Column("code", String(1), unique=True, nullable=False))
    switches = [Column(name, Boolean, nullable=False) for name in ("one", "two")]
    Table(
        "flags",
        metadata,
        Column("id", Integer, primary_key=True),
        *switches,
        UniqueConstraint("one", "two"),
    )
    with_connection(database, metadata.create_all)
    models = Models((metadata,), (), ())
    rules = (("codes", TableRule(rows=99)),)
    made = plan(database, models, Request(rows=50, rules=rules))
    assert {each.name: (each.rows, each.per) for each in made.tables} == {
        "codes": (36, "no more differ in code"),
        "flags": (4, "no more differ in one, two"),
    }
    assert made.drift == ("codes gets 36 rows, not 99: no more differ in code",)
    with SyncConnection(database) as session:
        session.execute("INSERT INTO codes VALUES (1, '?')")
        session.execute("INSERT INTO flags VALUES (1, true, true)")
    made = plan(database, models, Request(rows=50))
    why = "and new rows are numbered from 4,096, behind those that are there;"
    why += " --truncate begins anew"
    assert {each.name: each.reason for each in made.skipped} == {
        "codes": f"code: only 36 differ, {why}",
        "flags": f"one, two: only 4 differ, {why}",
    }
    none = (("codes", TableRule(rows=0)), ("flags", TableRule(rows=0)))
    made = plan(database, models, Request(rows=50, rules=none))
    assert {each.name: each.rows for each in made.tables} == {"codes": 0, "flags": 0}


def test_truncate_plans_for_empty_tables(database: Target) -> None:
    """The rows are those of the first run, where few values differ and others must fit a CHECK."""
    from sqlalchemy import CheckConstraint, Column, Integer, MetaData, String, Table

    metadata = MetaData()
    Table(
        "codes",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("code", String(1), unique=True, nullable=False),
        Column("kind", String, nullable=False),
        Column("amount", Integer, nullable=False),
        CheckConstraint("kind = 'gift' AND amount = 0 OR kind = 'sale' AND amount > 10"),
    )
    with_connection(database, metadata.create_all)
    models = Models((metadata,), (), ())
    made: list[list[tuple[object, ...]]] = []
    for truncate in (False, True):
        seed(database, models, Request(30), AGREED, loading=Loading(truncate=truncate))
        with SyncConnection(database) as session:
            made.append([tuple(row) for row in session.fetch("SELECT * FROM codes ORDER BY id")])
    assert len(made[0]) == 30
    assert made[0] == made[1]


def test_rows_of_a_table_that_inherits_are_no_parents(database: Target) -> None:
    """No foreign key finds them in the table above; to a top-up they are rows of it."""
    from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, text

    metadata = MetaData()
    Table("places", metadata, Column("id", Integer, primary_key=True))
    place: Column[int] = Column("place_id", ForeignKey("places.id"), nullable=False)
    Table("visits", metadata, Column("id", Integer, primary_key=True), place)
    models = Models((metadata,), (), ())

    def create(connection: Connection) -> None:
        metadata.create_all(connection)
        connection.execute(text("CREATE TABLE cities () INHERITS (places)"))
        connection.execute(text("INSERT INTO cities SELECT generate_series(1001, 1060)"))

    with_connection(database, create)
    alone = Request(rows=20, tables=("visits",))
    assert "it needs rows of places, which has none" in refused(database, models, alone).detail
    with SyncConnection(database) as session:
        session.execute("INSERT INTO places VALUES (1), (2)")
    assert seed(database, models, alone).rows == 20
    seed(database, models, Request(rows=20), AGREED, loading=Loading(top_up=True))
    assert count(database, "SELECT count(*) FROM ONLY places") == 2


def test_names_and_values_that_need_quoting(database: Target) -> None:
    """Schemas, tables, columns and values with quotes, blanks, backslashes and capitals."""
    from sqlalchemy import Column, Enum, ForeignKey, Identity, Integer, MetaData, Table

    metadata = MetaData(schema="My Shop")
    moods = ("it's", "back\\slash", "two\tparts", "plain")
    parent = Table(
        'Odd "Table"',
        metadata,
        Column("select", Integer, Identity(), primary_key=True),
        Column("Mood", Enum(*moods, name="Mood %"), nullable=False),
    )
    Table(
        "child",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("Parent Id", ForeignKey(parent.c.select), nullable=False),
    )
    with SyncConnection(database) as session:
        session.execute('CREATE SCHEMA "My Shop"')
    with_connection(database, metadata.create_all)
    models = Models((metadata,), (), ())
    done = seed(database, models, Request(rows=200))
    assert [each.name for each in done.tables] == ['"My Shop"."Odd ""Table"""', '"My Shop".child']
    with SyncConnection(database) as session:
        found = session.fetch('SELECT DISTINCT "Mood"::text FROM "My Shop"."Odd ""Table"""')
    assert {row[0] for row in found} == set(moods)
    for name in ('My Shop.Odd "Table"', '"My Shop"."Odd ""Table"""'):
        assert [each.name for each in plan(database, models, Request(tables=(name,))).tables] == [
            '"My Shop"."Odd ""Table"""'
        ]


def test_a_name_without_the_quotes_it_needs(database: Target) -> None:
    """As the models write it and the shell completes it; errors put no quotes around quotes."""
    from sqlalchemy import CheckConstraint, Column, Integer, MetaData, Table

    metadata = MetaData()
    odd = CheckConstraint("a * b = 77 AND a = b", name="odd")
    Table("Odd", metadata, *(Column(each, Integer, nullable=False) for each in "ab"), odd)
    with_connection(database, metadata.create_all)
    models = Models((metadata,), (), ())
    with pytest.raises(OperationError) as caught:
        seed(database, models, Request(rows=2, tables=("Odd",)))
    assert caught.value.message == 'cannot fill "Odd"'
    assert "no rows are known that satisfy odd: CHECK (" in caught.value.detail


def test_unmigrated_database(database: Target, example: Models) -> None:
    """Seeding never creates tables."""
    with pytest.raises(OperationError) as caught:
        seed(database, example, SMALL)
    assert caught.value.message == "no table of the models is there"
    assert caught.value.hint == ("Run dbtool upgrade first; seeding fills a migrated database.")


def test_a_check_nobody_can_read(migrated: Target, example: Models) -> None:
    """The server tells which values satisfy it, before any table is touched."""
    with SyncConnection(migrated) as session:
        session.execute("ALTER TABLE posts ADD CONSTRAINT odd CHECK (view_count % 2 = 1)")
    assert [t.unread_checks for t in plan(migrated, example).tables if t.name == "posts"] == [
        ("odd",)
    ]
    assert seed(migrated, example, Request(rows=20)).skipped == ()
    assert count(migrated, "SELECT count(*) FROM posts") > 0


def test_a_check_nothing_satisfies(migrated: Target, example: Models) -> None:
    """The table is skipped by name, and what needs its rows; the others are filled."""
    with SyncConnection(migrated) as session:
        session.execute("ALTER TABLE comments ADD CONSTRAINT never CHECK (length(body) < -id)")
    done = seed(migrated, example, Request(rows=20))
    assert [(each.name, each.reason) for each in done.skipped] == [
        (
            "comments",
            "no rows are known that satisfy never: CHECK ((length(body) < (- id)))",
        )
    ]


def test_rows_the_server_refuses(migrated: Target, example: Models) -> None:
    """What only the real table refuses fails the load by name; nothing stays."""
    with SyncConnection(migrated) as session:
        session.execute(
            "CREATE FUNCTION few() RETURNS bool LANGUAGE sql AS"
            " 'SELECT count(*) < 3 FROM public.posts';"
            "ALTER TABLE posts ADD CONSTRAINT odd CHECK (few())"
        )
    error = refused(migrated, example)
    assert (error.message, error.exit) == ('generated rows of "posts" do not satisfy odd', 4)
    said, failing, left = error.detail.split("\n")
    assert said == 'new row for relation "posts" violates check constraint "odd"'
    assert failing.startswith("Failing row contains (")
    assert left == "The transaction is rolled back: no row was loaded."


def test_locked_table(migrated: Target, example: Models) -> None:
    """A lock somebody holds is waited for briefly, then named."""
    with SyncConnection(migrated) as other:
        other.execute("BEGIN")
        other.execute("LOCK posts IN SHARE MODE")
        with pytest.raises(LockNotObtained, match='"posts" is locked by another session'):
            seed(migrated, example, SMALL, AGREED)
    assert sum(rows_of(migrated, example).values()) == 0


class Pausing(Silent):
    """Holds a load at its first progress until it is let go."""

    def __init__(self) -> None:
        self.loading = threading.Event()
        self.go_on = threading.Event()

    def advance(self, *_: object) -> None:
        """Hold."""
        self.loading.set()
        assert self.go_on.wait(20)


def test_two_runs_at_once(migrated: Target, example: Models) -> None:
    """The second run is told of the first and adds nothing."""
    first = Pausing()
    running = threading.Thread(
        target=seed, args=(migrated, example, SMALL), kwargs={"progress": first}
    )
    running.start()
    try:
        assert first.loading.wait(20)
        with pytest.raises(LockNotObtained, match="another dbtool seed is filling"):
            seed(migrated, example, SMALL)
    finally:
        first.go_on.set()
        running.join(20)
    assert count(migrated, "SELECT count(*) FROM users") == 150


def test_role_that_may_not_write(migrated: Target, example: Models) -> None:
    """The tables and the grants that are missing are named before anything is tried."""
    with SyncConnection(migrated) as session:
        session.execute("DROP ROLE IF EXISTS seed_reader")
        session.execute("CREATE ROLE seed_reader LOGIN")
        session.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO seed_reader")
    import dataclasses

    reader = dataclasses.replace(migrated, user="seed_reader", password=None)
    try:
        with pytest.raises(OperationError) as caught:
            seed(reader, example, Request(tables=("users", "roles")))
        assert caught.value.message == '"seed_reader" may not fill roles, users'
        assert caught.value.hint == (
            "As the owner: GRANT SELECT, INSERT ON roles, users TO seed_reader;"
        )
        assert plan(reader, example, Request(tables=("roles",))).rows == 12
    finally:
        with SyncConnection(migrated) as session:
            session.execute("DROP OWNED BY seed_reader; DROP ROLE seed_reader")


def test_read_only_database(migrated: Target, example: Models) -> None:
    """A database that takes no writes is told apart from missing rights."""
    with SyncConnection(migrated) as session:
        session.execute(
            f"ALTER DATABASE {migrated.database} SET default_transaction_read_only = on"
        )
    with pytest.raises(OperationError, match="the database takes no writes"):
        seed(migrated, example, SMALL)


def test_unknown_table(migrated: Target, example: Models) -> None:
    """Near names, else all names."""
    error = refused(migrated, example, Request(tables=("usrs",)))
    assert (error.message, error.hint, error.exit) == (
        'no table "usrs" in the models',
        "Did you mean users?",
        2,
    )
    error = refused(migrated, example, Request(tables=("zzz",)))
    assert error.detail.startswith("There are: categories, comments, order_lines, orders,")


def test_parents_that_are_missing(migrated: Target, example: Models) -> None:
    """A table whose parents are empty and not asked for is refused with their name."""
    error = refused(migrated, example, Request(tables=("orders",)))
    assert "orders: it needs rows of users, which has none" in error.detail


def test_drift_is_told(migrated: Target, example: Models) -> None:
    """Columns that only one side knows are listed in the plan."""
    with SyncConnection(migrated) as session:
        session.execute("ALTER TABLE users ADD COLUMN extra int")
        session.execute("ALTER TABLE users DROP COLUMN preferences")
    assert plan(migrated, example).drift == (
        "users.preferences is in the models only",
        "users.extra is in the database only",
    )


def test_triggers_are_named(migrated: Target, example: Models) -> None:
    """A load fires triggers; the plan and the result say which."""
    with SyncConnection(migrated) as session:
        session.execute(
            "CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
        )
        session.execute(
            "CREATE TRIGGER watch BEFORE INSERT ON tags FOR EACH ROW EXECUTE FUNCTION noop()"
        )
    assert seed(migrated, example, SMALL).triggers == ("tags.watch",)


def test_a_label_the_database_lacks(migrated: Target, example: Models) -> None:
    """The database is the law: the label is left out, and it is said which revision is missing."""
    with SyncConnection(migrated) as session:
        session.execute("ALTER TYPE order_status RENAME VALUE 'refunded' TO 'given_back'")
    lacks = (
        'orders.status: the enum of the database lacks "refunded";'
        " a revision has to ALTER TYPE order_status ADD VALUE"
    )
    assert plan(migrated, example, SMALL).drift == (lacks,)
    assert seed(migrated, example, SMALL).drift == (lacks,)
    assert count(migrated, "SELECT count(*) FROM orders") > 0


def test_a_dry_run_asks_nobody_where_rows_are(migrated: Target, example: Models) -> None:
    """It is rolled back: a development database needs no yes for it, nor a note that rows stay."""
    seed(migrated, example, SMALL)
    assert seed(migrated, example, SMALL, loading=Loading(dry_run=True)).dry_run
