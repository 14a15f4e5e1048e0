"""The same seed gives the same bytes everywhere, and what is added elsewhere shifts nothing."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, Text

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.metadata import Models
from dbtool.seed.plan import Request
from dbtool.seed.stream import GENERATOR_VERSION, Stream, consistent_pick
from tests.seed.conftest import digest, planned, texts, with_connection

SMALL = Request(rows=120)
FINGERPRINT = "7474c12f1cab4909"
SEVERAL_BLOCKS = "36a7c2c0d5d6d5f2dd6f291436a9d24a92a0bb17d8a95ac115f2b921ba86ebe2"
GOLDEN = "fb327337acbfe64f580a81704a8b195fef476b7b92dcea29f7ef3ede3305b4af"


def test_one_hash_on_every_machine(migrated: Target, example: Models) -> None:
    """The bytes of a plan are fixed; whoever changes them raises GENERATOR_VERSION."""
    made = planned(migrated, example, SMALL)
    assert (GENERATOR_VERSION, made.plan.fingerprint, digest(made)) == (2, FINGERPRINT, GOLDEN)


def test_one_hash_over_several_blocks(migrated: Target, example: Models) -> None:
    """Where rows are many they are made in other ways; their bytes are fixed too."""
    request = Request(rows=9000, tables=("users", "posts", "comments"))
    assert digest(planned(migrated, example, request)) == SEVERAL_BLOCKS


def test_another_seed_gives_other_rows(migrated: Target, example: Models) -> None:
    """The seed and the day are part of everything random."""
    first = digest(planned(migrated, example, SMALL))
    assert first == digest(planned(migrated, example, SMALL))
    assert first != digest(planned(migrated, example, replace(SMALL, random_seed=2)))
    assert first != digest(planned(migrated, example, replace(SMALL, as_of=date(2025, 1, 1))))


def test_a_new_column_shifts_no_other(migrated: Target, example: Models) -> None:
    """Columns added to a table leave each value of the others where it was."""
    before = texts(planned(migrated, example, SMALL))
    with SyncConnection(migrated) as session:
        session.execute("ALTER TABLE users ADD COLUMN nickname text, ADD COLUMN seen_on date")
        session.execute("ALTER TABLE posts ADD COLUMN rating int NOT NULL")
    after = texts(planned(migrated, example, SMALL))
    assert after.keys() - before.keys() == {"users.nickname", "users.seen_on", "posts.rating"}
    assert {name: after[name] for name in before} == before


def test_a_new_table_shifts_no_other(migrated: Target, example: Models) -> None:
    """A table added to the models leaves each value of the others where it was."""
    before = texts(planned(migrated, example, SMALL))
    extra = MetaData()
    Table("users", extra, Column("id", Integer, primary_key=True))
    Table(
        "badges",
        extra,
        Column("id", Integer, primary_key=True),
        Column("user_id", ForeignKey("users.id"), nullable=False),
        Column("name", Text, nullable=False),
    )
    with_connection(migrated, lambda connection: extra.tables["badges"].create(connection))
    only_badges = MetaData()
    extra.tables["badges"].to_metadata(only_badges)
    models = replace(example, metadatas=(*example.metadatas, only_badges))
    after = texts(planned(migrated, models, SMALL))
    assert {name for name in after if name not in before} == {
        "badges.id",
        "badges.user_id",
        "badges.name",
    }
    assert {name: after[name] for name in before} == before


def test_more_rows_keep_the_first_ones(migrated: Target, example: Models) -> None:
    """A larger run begins with the rows of a smaller one, children included."""
    small = texts(planned(migrated, example, replace(SMALL, tables=("users", "posts"))))
    large = texts(planned(migrated, example, replace(SMALL, rows=500, tables=("users", "posts"))))
    assert {name: large[name][: len(small[name])] for name in small} == small
    assert len(large["posts.id"]) > len(small["posts.id"]) > 0


def test_rows_over_several_blocks(migrated: Target, example: Models) -> None:
    """Where a block ends in the middle of a parent's rows, nothing is lost or doubled."""
    made = texts(planned(migrated, example, Request(rows=5000, tables=("users", "posts"))))
    assert len(made["users.id"]) == 5000
    ids = list(map(int, made["posts.id"]))
    authors = list(map(int, made["posts.author_id"]))
    assert ids == list(range(1, len(ids) + 1))
    assert authors == sorted(authors)
    assert max(map(authors.count, range(1, 400))) <= 10
    assert len(ids) > 4096


@pytest.mark.parametrize("choices", [1, 2, 7, 100])
def test_one_more_choice_moves_few(choices: int) -> None:
    """Choosing among one more moves about one pick in that many, and only to the new one."""
    stream = Stream(1, "t", "c")
    words = [stream.word(block) for block in range(600)]
    before = [consistent_pick(word, choices) for word in words]
    after = [consistent_pick(word, choices + 1) for word in words]
    moved = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert all(new == choices for _, new in moved)
    assert 0 < len(moved) < 2.5 * len(words) / (choices + 1)
    assert set(before) == set(range(choices)) or choices == 100


def test_a_shorter_read_is_a_prefix() -> None:
    """An unfinished block has the same words as the full one."""
    stream = Stream(7, "users", "email")
    assert stream.words(3, 10) == stream.words(3, 4096)[:10]
    assert stream.words(3, 10) != stream.words(4, 10)
    assert stream.words(3, 10) != stream.beside("null").words(3, 10)
    assert Stream(1, "ab", "c").octets(0, 8) != Stream(1, "a", "bc").octets(0, 8)
