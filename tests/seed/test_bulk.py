"""Foreign keys and indexes set aside for a load: put back exactly, or never touched."""

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, LockNotObtained, OperationError, UsageError
from dbtool.guard import Consent, Permission
from dbtool.metadata import Models
from dbtool.ports import Silent
from dbtool.seed import mode
from dbtool.seed.load import Mode
from dbtool.seed.plan import Request
from dbtool.seed.run import Loading, seed
from dbtool.seed.seeded import Seeded
from tests.seed.conftest import with_connection

BULK = Loading(Mode.BULK)
SMALL = Request(rows=40)
AGREED = Permission(Consent(yes=True))

EVERYTHING = """
SELECT array_agg(line ORDER BY line) FROM (
    SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated,
        obj_description(oid, 'pg_constraint')) AS line
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', pg_get_indexdef(indexrelid), obj_description(indexrelid, 'pg_class'),
        indisvalid, indisclustered, indisreplident,
        (SELECT array_agg(attstattarget) FROM pg_attribute WHERE attrelid = indexrelid))
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace
) AS every
"""

ODDITIES = """
COMMENT ON INDEX ix_comments_post_id_created_at IS 'who''s \\ who';
CREATE INDEX clustered ON posts (title);
ALTER TABLE posts CLUSTER ON clustered;
CREATE INDEX measured ON posts ((length(title)));
ALTER INDEX measured ALTER COLUMN 1 SET STATISTICS 500;
CREATE UNIQUE INDEX identity ON users (public_id);
ALTER TABLE users REPLICA IDENTITY USING INDEX identity;
"""


class Drawn(Silent):
    """The number that an application draws while rows are added."""

    def __init__(self, session: SyncConnection) -> None:
        self._session = session
        self.number = 0

    def advance(self, done: float, total: float | None = None, unit: str = "") -> None:  # noqa: ARG002
        """Draw one."""
        self.number = self._session.fetchval("SELECT nextval('users_id_seq')")


def refused(target: Target, models: Models, loading: Loading = BULK) -> DbtoolError:
    """The error a load ends with."""
    with pytest.raises(DbtoolError) as caught:
        seed(target, models, SMALL, AGREED, loading=loading)
    return caught.value


def test_everything_is_as_it_was(
    migrated: Target, example: Models, session: SyncConnection
) -> None:
    """Definitions, comments, marks and targets survive; what cannot be repeated is not dropped."""
    session.execute(ODDITIES)
    before = session.fetchval(EVERYTHING)
    oids = "SELECT array_agg(oid ORDER BY oid) FROM pg_constraint WHERE contype = 'f'"
    old = session.fetchval(oids)
    done = seed(migrated, example, SMALL, loading=BULK)
    assert session.fetchval(EVERYTHING) == before
    assert set(session.fetchval(oids)).isdisjoint(old)
    assert done.mode is Mode.BULK
    assert done.kept_in_place == (
        "clustered: the table is clustered on it",
        "measured: it has a statistics target",
        "identity: it is the replica identity",
    )
    assert session.fetchval("SELECT count(*) FROM posts") > 0


def test_the_same_rows_either_way(
    migrated: Target, example: Models, session: SyncConnection
) -> None:
    """How rows are loaded decides nothing about them."""
    digest = "SELECT md5(string_agg(comments::text, ',' ORDER BY id)) FROM comments"
    seed(migrated, example, SMALL, loading=BULK)
    bulk = session.fetchval(digest)
    again = seed(migrated, example, SMALL, AGREED, loading=Loading(Mode.ONLINE, truncate=True))
    assert again.mode is Mode.ONLINE
    assert session.fetchval(digest) == bulk


def test_what_cannot_be_built_again_rolls_all_back(
    migrated: Target, example: Models, session: SyncConnection
) -> None:
    """An index that fails on the rows leaves the database as it was, and is named."""
    session.execute("CREATE INDEX broken ON users ((1 / (id - id)))")
    before = session.fetchval(EVERYTHING)
    error = refused(migrated, example)
    assert error.message == "cannot build broken again"
    assert "division by zero\nThe transaction is rolled back: no row was loaded." in error.detail
    assert session.fetchval(EVERYTHING) == before
    assert session.fetchval("SELECT count(*) FROM users") == 0


def test_others_who_use_the_tables(
    migrated: Target,
    example: Models,
    session: SyncConnection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bulk is refused and names them; where nobody asked for it the load goes on beside them."""
    monkeypatch.setattr(mode, "PAYS_FROM", 1)
    session.execute("BEGIN; SELECT FROM users")
    error = refused(migrated, example)
    pid = session.fetchval("SELECT pg_backend_pid()")
    assert f"Other sessions use users (pid {pid}, dbtool)" in error.detail
    assert seed(migrated, example, SMALL).mode is Mode.ONLINE
    session.execute("ROLLBACK")
    seed_again = seed(migrated, example, SMALL, AGREED, loading=Loading(truncate=True))
    assert seed_again.mode is Mode.BULK
    # A table that is only referred to has rows that somebody may want to read meanwhile.
    only = Request(rows=10, tables=("profiles",))
    alone = seed(migrated, example, only, AGREED, loading=Loading(truncate=True))
    assert alone.mode is Mode.ONLINE


def test_rows_and_foreign_owners_are_refused(
    migrated: Target, example: Models, session: SyncConnection
) -> None:
    """Bulk is for empty tables, for their owner, where no event trigger watches."""
    session.execute(
        "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
        "CREATE EVENT TRIGGER watching ON sql_drop EXECUTE FUNCTION watch()"
    )
    assert (
        "Event triggers would fire on each of them: watching" in refused(migrated, example).detail
    )
    session.execute("DROP EVENT TRIGGER watching")
    seed(migrated, example, SMALL)
    error = refused(migrated, example)
    assert error.message == "--bulk is for empty tables"
    assert session.fetchval("SELECT count(*) FROM users") == 40


@pytest.fixture
def ring(database: Target) -> Models:
    """Two tables that need each other under foreign keys that cannot wait."""
    from dbtool.metadata import Models as Found

    metadata = MetaData()
    right = ForeignKey("rights.id", use_alter=True, name="to_right")
    Table("lefts", metadata, Column("id", Integer, primary_key=True),
          Column("right_id", Integer, right, nullable=False))  # fmt: skip
    left = ForeignKey("lefts.id", name="to_left")
    Table("rights", metadata, Column("id", Integer, primary_key=True),
          Column("left_id", Integer, left, nullable=False))  # fmt: skip
    with_connection(database, metadata.create_all)
    return Found((metadata,), (), ())


def test_a_cycle_that_cannot_wait(database: Target, ring: Models) -> None:
    """NOT NULL both ways and not deferrable: loaded with a key set aside, refused otherwise."""
    error = refused(database, ring, Loading(Mode.ONLINE))
    assert error.message.startswith("no order to fill these tables in: ")
    done: Seeded = seed(database, ring, SMALL)
    assert (done.mode, done.rows > 40) == (Mode.BULK, True)
    with SyncConnection(database) as session:
        lefts = "SELECT count(*) FROM lefts JOIN rights ON rights.id = right_id"
        assert session.fetchval(lefts) == session.fetchval("SELECT count(*) FROM lefts") > 0


def test_truncate_names_what_is_lost_and_loses_no_more(
    migrated: Target, example: Models, session: SyncConnection
) -> None:
    """Asked first; a failure keeps the rows; the tables that refer to an emptied one go too."""
    seed(migrated, example, SMALL)
    only = Request(rows=10, tables=("posts",))
    before = session.fetchval("SELECT count(*) FROM comments")
    with pytest.raises(DbtoolError) as caught:
        seed(migrated, example, only, loading=Loading(truncate=True))
    assert f"comments {before} rows" in caught.value.detail
    session.execute("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
                    " 'BEGIN RAISE ''no''; END'; CREATE TRIGGER no BEFORE INSERT ON posts"
                    " EXECUTE FUNCTION no()")  # fmt: skip
    with pytest.raises(OperationError):
        seed(migrated, example, only, AGREED, loading=Loading(truncate=True))
    assert session.fetchval("SELECT count(*) FROM comments") == before
    session.execute("DROP TRIGGER no ON posts")
    session.execute("BEGIN; LOCK TABLE comments IN ROW EXCLUSIVE MODE")
    with pytest.raises(LockNotObtained, match="the tables to empty are in use"):
        seed(migrated, example, only, AGREED, loading=Loading(truncate=True))
    session.execute("ROLLBACK")
    tried = seed(migrated, example, only, loading=Loading(truncate=True, dry_run=True))
    assert {each.shown: each.rows for each in tried.lost}["comments"] == before
    kept = Request(rows=10, tables=("posts",), kept=("comments",))
    with pytest.raises(UsageError, match="--truncate would empty comments too"):
        seed(migrated, example, kept, AGREED, loading=Loading(truncate=True))
    assert session.fetchval("SELECT count(*) FROM comments") == before
    done = seed(migrated, example, only, AGREED, loading=Loading(truncate=True))
    assert {each.shown: each.rows for each in done.lost}["comments"] == before
    assert session.fetchval("SELECT count(*) FROM comments") == 0
    assert session.fetchval("SELECT min(id) FROM posts") == 1
    assert session.fetchval("SELECT count(*) FROM users") == 40


def test_top_up_fills_what_is_missing(
    migrated: Target, example: Models, session: SyncConnection
) -> None:
    """Full tables stay, short ones get the difference and its children, empty ones are filled."""
    seed(migrated, example, SMALL)
    session.execute("TRUNCATE profiles")
    top_up = Loading(top_up=True)
    first = seed(migrated, example, SMALL, AGREED, loading=top_up)
    assert [each.name for each in first.tables] == ["profiles"]
    assert first.rows > 0
    drawn = Drawn(session)
    more = seed(migrated, example, Request(rows=60), AGREED, drawn, top_up)
    assert drawn.number > session.fetchval("SELECT max(id) FROM users")
    counts = {each.name: each.rows for each in more.tables}
    assert counts["users"] == 20
    assert session.fetchval("SELECT count(*) FROM users") == 60
    assert session.fetchval("SELECT max(author_id) FROM posts") > 4096
    again = seed(migrated, example, Request(rows=60), AGREED, loading=top_up)
    assert (again.rows, again.tables) == (0, ())
