"""What `seed verify` finds besides broken constraints: rows that are missing, or not as planned."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Dialect, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import dbtool.example
from dbtool.database.connection import Connection
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.guard import Consent, Permission
from dbtool.metadata import Models
from dbtool.ports import Silent
from dbtool.seed.files import Seeds
from dbtool.seed.plan import Afterwards, Load, Request
from dbtool.seed.run import Loading, plan, seed
from dbtool.seed.scenes import Given, Scenes
from dbtool.seed.shares import off_plan
from dbtool.seed.verified import verified
from dbtool.seed.verify import Counted, Verified, verify
from dbtool.severity import Severity
from tests.conftest import ROOT
from tests.seed.conftest import planned

SEEDS = Path(dbtool.example.__file__).parent / "seeds"


def test_rows_that_are_missing_or_not_as_planned(migrated: Target, example: Models) -> None:
    """A table without its rows is an error; fewer rows, other values and other parents warn."""
    request = Request(rows=60)
    seed(migrated, example, request)
    clean = verified(verify(migrated, example, request), "dbtool seed verify")
    assert clean.findings == ()
    assert clean.headline.startswith("all is well: ")
    with SyncConnection(migrated) as session:
        session.execute("""
            DELETE FROM order_lines;
            DELETE FROM user_roles WHERE user_id > 50;
            UPDATE users SET status = 'suspended';
            UPDATE posts SET author_id = 1;
            UPDATE orders SET shipping_address = NULL;
        """)
    found = verify(migrated, example, request)
    report = verified(found, "dbtool seed verify")
    assert found.wrong == ()
    assert [each.name for each in found.missing] == ["order_lines", "user_roles"]
    assert [(each.severity, each.title) for each in report.findings] == [
        (Severity.ERROR, "none of the rows planned are there: order_lines"),
        (Severity.WARNING, "fewer rows are there than planned: user_roles"),
        (Severity.WARNING, "users.status is not shared out as planned"),
        (Severity.WARNING, "orders.shipping_address is not shared out as planned"),
        (Severity.WARNING, "posts.author_id is not shared out as planned"),
    ]
    assert report.headline.startswith("5 not as planned: ")
    assert report.findings[0].evidence[0].startswith("order_lines: 0 of ")
    assert report.findings[2].evidence[0].startswith("suspended: 100% of the rows, planned ")
    hooked = Request(rows=60, after=(Afterwards("users", "x", "UPDATE users SET status = 'x'"),))
    names = {each.name for each in verify(migrated, example, hooked).off_plan}
    assert names == {"orders.shipping_address", "posts.author_id"}
    anything = Request(rows=60, after=(Afterwards("users", "x", "SELECT refresh()"),))
    left = verify(migrated, example, anything)
    assert (left.missing, left.off_plan) == ((), ())
    with SyncConnection(migrated) as session:
        session.execute("""
            CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN UPDATE Posts SET author_id = 1; UPDATE orders SET note = NULL; END';
            CREATE TRIGGER counted AFTER INSERT ON tags EXECUTE FUNCTION counted();
        """)
    assert [each.name for each in verify(migrated, example, request).off_plan] == ["users.status"]
    with SyncConnection(migrated) as session:
        session.execute("""
            CREATE ROLE seed_clerk LOGIN;
            GRANT SELECT ON ALL TABLES IN SCHEMA public TO seed_clerk;
            ALTER TABLE users ENABLE ROW LEVEL SECURITY;
            ALTER TABLE user_roles ENABLE ROW LEVEL SECURITY;
        """)
    try:
        hidden = verify(replace(migrated, user="seed_clerk"), example, request)
    finally:
        with SyncConnection(migrated) as session:
            session.execute("DROP OWNED BY seed_clerk; DROP ROLE seed_clerk")
    assert [each.name for each in hidden.tables if each.filtered] == ["user_roles", "users"]
    assert [each.name for each in hidden.missing] == ["order_lines"]
    assert any("user_roles" in note for note in verified(hidden, "v").notes)


def test_no_answer_in_time_is_unknown(migrated: Target, example: Models) -> None:
    """Nor is it laid to a class; each question of the table is named with what the server said."""
    request = Request(rows=30, tables=("users", "tags"))
    seed(migrated, example, request)
    with SyncConnection(migrated) as session:
        session.execute("""
            CREATE ROLE seed_reader LOGIN;
            GRANT SELECT ON ALL TABLES IN SCHEMA public TO seed_reader;
            CREATE FUNCTION slow() RETURNS boolean LANGUAGE plpgsql AS
                $$BEGIN RAISE 'out of time' USING ERRCODE = 'query_canceled'; END$$;
            ALTER TABLE users ENABLE ROW LEVEL SECURITY;
            CREATE POLICY slowly ON users USING (slow());
        """)
    try:
        found = verify(replace(migrated, user="seed_reader"), example, request)
    finally:
        with SyncConnection(migrated) as session:
            session.execute("DROP OWNED BY seed_reader; DROP ROLE seed_reader")
    assert (found.wrong, found.off_plan) == ((), ())
    assert [each.name for each in found.tables] == ["tags"]
    kinds = {each.kind for each in found.unread}
    assert {"rows", "class", "check", "unique", "primary key"} == kinds
    report = verified(found, "dbtool seed verify")
    assert report.headline.startswith("nothing wrong in what could be checked: ")
    assert len(report.unknowns) == len(found.unread)
    assert (
        report.unknowns[0].reason == "users: how many rows it has could not be asked: out of time"
    )
    assert {each.decide.partition(",")[0] for each in report.unknowns} == {
        "run it again when nobody locks it"
    }


def test_an_answer_that_waiting_does_not_change(migrated: Target, example: Models) -> None:
    """What the server refuses for another reason than time has to be mended first."""
    request = Request(rows=30, tables=("users", "tags"))
    seed(migrated, example, request)
    with SyncConnection(migrated) as session:
        session.execute("""
            CREATE FUNCTION broken(text) RETURNS boolean LANGUAGE plpgsql AS
                $$BEGIN RAISE 'out of order'; END$$;
            ALTER TABLE tags ADD CONSTRAINT sound CHECK (broken(name)) NOT VALID;
        """)
    report = verified(verify(migrated, example, request), "dbtool seed verify")
    assert report.findings == ()
    assert [(each.reason, each.decide) for each in report.unknowns] == [
        (
            "tags.sound: whether its rows satisfy it could not be asked: out of order",
            "mend what the server says, then run it again",
        )
    ]


def test_engine_out_of_time_is_unknown(migrated: Target, example: Models) -> None:
    """A role whose limits end the first question of an engine: no class could be asked about."""
    request = Request(rows=30, tables=("users", "tags"))
    seed(migrated, example, request)
    with SyncConnection(migrated) as session:
        session.execute("""
            CREATE ROLE seed_hurried LOGIN;
            GRANT SELECT ON ALL TABLES IN SCHEMA public TO seed_hurried;
            CREATE SCHEMA hurried;
            GRANT USAGE ON SCHEMA hurried TO seed_hurried;
            ALTER ROLE seed_hurried SET search_path = hurried, pg_catalog, public;
            CREATE FUNCTION hurried.current_schema() RETURNS name LANGUAGE plpgsql AS $$BEGIN
                IF current_setting('statement_timeout') = '0' THEN
                    RAISE 'out of time' USING ERRCODE = 'query_canceled';
                END IF;
                RETURN 'public';
            END$$;
        """)
    try:
        found = verify(replace(migrated, user="seed_hurried"), example, request)
    finally:
        with SyncConnection(migrated) as session:
            session.execute("DROP OWNED BY seed_hurried; DROP ROLE seed_hurried")
    assert (found.wrong, found.missing, found.off_plan) == ((), (), ())
    assert [each.kind for each in found.unread] == ["class"] * found.classes
    assert {each.name for each in found.unread} >= {"User", "Tag"}
    assert all(each.said.endswith("out of time") for each in found.unread)


def test_class_that_fails_without_a_word(migrated: Target) -> None:
    """The error is named in full where it says nothing, as one of a wrong key does."""

    class Silence(ValueError):
        pass

    class Sealed(TypeDecorator[str]):
        impl = String
        cache_ok = True

        def process_result_value(self, _value: object, _dialect: Dialect) -> str:
            raise Silence

    class Base(DeclarativeBase):
        pass

    class Letter(Base):
        __tablename__ = "tags"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(Sealed)

    with SyncConnection(migrated) as session:
        session.execute("INSERT INTO tags (name, slug) VALUES ('a', 'a')")
    found = verify(migrated, Models((Base.metadata,), (Base.registry,), ()), Request(rows=1))
    assert [(each.name, each.said) for each in found.wrong] == [("Letter", f"{__name__}.Silence")]


def test_shares_are_counted_in_one_scan(migrated: Target, example: Models) -> None:
    """A column whose domain refuses a planned value is left out, and the others are compared."""
    request = Request(rows=60, tables=("users",))
    seed(migrated, example, request)
    (load,) = planned(migrated, example, request).loads
    asked: list[str] = []

    async def off(connection: Connection, load: Load) -> set[str]:
        asked.clear()
        with connection.query_logger(lambda record: asked.append(record.query)):
            return {each.name for each in await off_plan(connection, load, 60)}

    with SyncConnection(migrated) as session:
        session.execute("UPDATE users SET status = 'suspended', last_seen_at = NULL")
        there = session.run(lambda connection: off(connection, load))
        assert {"users.status", "users.last_seen_at"} <= there
        assert len([sql for sql in asked if "FILTER" in sql]) == 1
        session.execute("CREATE DOMAIN picky AS text CHECK (VALUE <> 'active')")
        columns = tuple(
            replace(each, type="picky") if each.name == "status" else each
            for each in load.table.columns
        )
        picky = replace(load, table=replace(load.table, columns=columns))
        left = session.run(lambda connection: off(connection, picky))
    assert left == there - {"users.status"}


def test_rows_of_the_same_plan_are_no_others(migrated: Target, example: Models) -> None:
    """Where rows went and others were made for them, chance is not told as another plan."""
    request, allowed = Request(rows=36), Permission(Consent(yes=True))
    seed(migrated, example, request)
    with SyncConnection(migrated) as session:
        session.execute("""
            DELETE FROM order_lines; DELETE FROM orders; DELETE FROM comments;
            DELETE FROM post_tags; DELETE FROM posts WHERE author_id % 2 = 0;
            DELETE FROM users WHERE id % 2 = 0;
        """)
    seed(migrated, example, request, allowed, loading=Loading(top_up=True))
    found = verify(migrated, example, request)
    by_hand = {"products.created_by_id", "products.updated_by_id"}
    assert {each.name for each in found.off_plan} <= by_hand
    assert {"users", "profiles"}.isdisjoint(each.name for each in found.missing)


def test_what_was_not_compared_is_not_well(migrated: Target, example: Models) -> None:
    """More rows than planned are those of another run: unknown, until its options are given."""
    request = Request(rows=100, tables=("roles", "users", "tags"))
    seed(migrated, example, request)
    other = verify(migrated, example, replace(request, rows=40))
    assert [(each.name, each.rows, each.planned) for each in other.uncompared] == [
        ("users", 100, 40)
    ]
    report = verified(other, "dbtool seed verify")
    assert report.findings == ()
    assert report.headline.startswith("nothing wrong in what could be checked: ")
    (unknown,) = report.unknowns
    assert unknown.reason.endswith("not compared with the plan: users (100, planned 40)")
    assert "--rows, --scale" in unknown.decide
    same = verified(verify(migrated, example, request), "dbtool seed verify")
    assert same.unknowns == ()
    assert same.headline.startswith("all is well: ")
    assert verify(migrated, example, replace(request, rows=8)).uncompared == ()
    with SyncConnection(migrated) as session:
        session.execute("""
            CREATE FUNCTION added() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN INSERT INTO users DEFAULT VALUES; RETURN NULL; END $$;
            CREATE TRIGGER added AFTER DELETE ON tags EXECUTE FUNCTION added();
        """)
    assert verify(migrated, example, replace(request, rows=40)).uncompared == ()


@pytest.mark.parametrize(
    ("rows", "planned", "told"),
    [
        ((0, 100), (50, 100), [Severity.ERROR]),
        ((0, 0), (50, 100), [Severity.ERROR]),
        ((0, 5, 1), (50, 100, 1), [Severity.WARNING, Severity.WARNING]),
        ((99, 100), (100, 100), [Severity.NOTE]),
        ((89, 100), (100, 100), [Severity.WARNING]),
        ((0, 4), (4, 4), [Severity.ERROR]),
        ((120, 100), (100, 100), []),
    ],
)
def test_missing_rows(
    rows: tuple[int, ...], planned: tuple[int, ...], told: list[Severity]
) -> None:
    """Empty tables are an error, but not where all rows are another run's; a few are a note."""
    tables = tuple(
        Counted(f"t{at}", *each) for at, each in enumerate(zip(rows, planned, strict=True))
    )
    missing = tuple(each for each in tables if each.rows < (each.planned or 0))
    done = Verified(tables, 0, 0, 0, (), missing=missing)
    report = verified(done, "dbtool seed verify")
    assert [each.severity for each in report.findings] == told
    assert any("options" in note for note in report.notes) is bool(told)


def test_the_example_has_seeds_of_its_own(migrated: Target, example: Models) -> None:
    """Its reference rows and scenarios load, and what is there is what they say."""
    scenes = Scenes(Seeds(ROOT, SEEDS), example)
    # Before its reference rows are there it can be planned, and tried out.
    unfilled = plan(migrated, example, scenes.planned("small", Given())).skipped
    assert {each.name for each in unfilled} == {
        "user_roles",
        "products",
        "order_lines",
        "post_tags",
    }
    dry = scenes.kept(migrated, Permission(), Silent(), dry_run=True)
    tried = seed(
        migrated, example, scenes.request("small", Given(), dry), loading=Loading(dry_run=True)
    )
    assert {"products", "user_roles"} <= {each.name for each in tried.tables}
    kept = scenes.kept(migrated, Permission(), Silent(), dry_run=False)
    assert set(kept) == {"categories", "roles", "tags"}
    planned = plan(migrated, example, scenes.planned(None, Given()))
    assert planned.skipped == ()
    assert {each.name: each.rows for each in planned.tables}["users"] == 200
    seed(migrated, example, scenes.request("small", Given(), kept))
    found = verify(migrated, example, scenes.planned("small", Given()))
    assert (found.wrong, found.missing, found.off_plan, found.skipped) == ((), (), (), ())
    rows = {each.name: (each.rows, each.planned) for each in found.tables}
    assert (rows["roles"], rows["tags"], rows["categories"]) == ((4, None), (5, None), (7, None))
    assert rows["users"] == (8, 8)
    assert 0 not in {there for there, _ in rows.values()}
    with SyncConnection(migrated) as session:
        (mug,) = session.fetch("""
            SELECT c.slug FROM products p JOIN categories c ON c.id = p.category_id
            WHERE p.name = 'Mug with a Handle'
        """)
    assert mug["slug"] == "mugs"
