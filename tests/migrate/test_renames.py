"""What is taken for renamed, from two catalogues alone."""

import subprocess
from pathlib import Path

import pytest

from dbtool import catalog
from dbtool.catalog import Catalog
from dbtool.database.sync import SyncConnection
from dbtool.errors import UsageError
from dbtool.migrate.autogenerate.evidence import renamed_in_git
from dbtool.migrate.autogenerate.proposed import title
from dbtool.migrate.autogenerate.renames import Sides, candidates, named
from dbtool.migrate.difference import Difference, renames

OLD = """
CREATE SCHEMA old; SET search_path TO old;
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, born date, note text);
CREATE TABLE people (id int PRIMARY KEY, first text, last text);
CREATE TABLE gone (a int, b uuid)
"""
NEW = """
CREATE SCHEMA new; SET search_path TO new;
CREATE TABLE users (id int PRIMARY KEY, full_name text NOT NULL, seen timestamptz, remark text);
CREATE TABLE persons (id int PRIMARY KEY, first text, last text, title text);
CREATE TABLE other (id bigint, at date)
"""


def differs(kind: str, *names: str) -> list[Difference]:
    """Differences of one kind."""
    return [Difference(kind, name, "", "op") for name in names]


DIFFERENCES = [
    *differs("extra-column", "users.name", "users.born", "users.note"),
    *differs("missing-column", "users.full_name", "users.seen", "users.remark"),
    *differs("extra-table", "people", "gone"),
    *differs("missing-table", "persons", "other"),
]


def _side(connection: SyncConnection, schema: str) -> Catalog:
    """What a schema holds, as if it were the schema public."""
    text = connection.run(lambda opened: catalog.text(opened, [schema]))
    return catalog.parse(text.replace(f'"{schema}"', '"public"').replace(f"{schema}.", "public."))


@pytest.fixture
def sides(connection: SyncConnection) -> Sides:
    """Both sides of a comparison."""
    connection.execute(f"{OLD};{NEW}")
    return Sides(_side(connection, "new"), _side(connection, "old"), "public")


def test_what_looks_renamed(sides: Sides) -> None:
    """By type, place and name; a column of another type and a table of other columns do not."""
    found = {each.flag: each.because for each in candidates(sides, DIFFERENCES)}
    assert list(found) == ["users.name:full_name", "users.note:remark", "people:persons"]
    assert found["people:persons"] == "3 of 4 columns are the same"
    assert found["users.note:remark"].startswith("text, in the same place")


BEFORE = """
class Event(Base):
    __tablename__ = "gone"
    id: Mapped[int]
    born: Mapped[date] = mapped_column(index=True)
    note: Mapped[str | None]
    kept = Column("name", Text)
    first: Mapped[str]
    last: Mapped[str]
    gone: Mapped[str]
"""
AFTER = """
class Event(Base):
    __tablename__ = "other"
    id: Mapped[int]
    birthday: Mapped[date] = mapped_column(index=True)
    about: Mapped[str | None] = mapped_column(Text)
    kept = Column("remark", Text)
    given: Mapped[str]
    family: Mapped[str]
"""


@pytest.mark.usefixtures("git_installed")
def test_what_git_has_seen(tmp_path: Path, sides: Sides) -> None:
    """A line that changed its name speaks for a rename, though nothing else looks alike.

    Of several that read alike the one in the same place was renamed.
    """
    models = tmp_path / "app" / "models.py"
    models.parent.mkdir()
    models.write_text(BEFORE)
    who = ("-c", "user.name=x", "-c", "user.email=x@y.z")
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*who, "commit", "-qm", "x")):
        subprocess.run(("git", "-C", tmp_path, *words), check=True)
    assert renamed_in_git(tmp_path) == {}
    models.write_text(AFTER)
    found = renamed_in_git(tmp_path)
    assert found == {
        ("gone", "other"): "app/models.py:3",
        ("born", "birthday"): "app/models.py:5",
        ("note", "about"): "app/models.py:6",
        ("name", "remark"): "app/models.py:7",
        ("first", "given"): "app/models.py:8",
        ("last", "family"): "app/models.py:9",
    }
    said = {each.flag: each.because for each in candidates(sides, DIFFERENCES, found)}
    assert list(said)[:3] == ["users.name:remark", "gone:other", "people:persons"]
    assert said["users.name:remark"].endswith("and constraints; renamed at app/models.py:7")
    assert renamed_in_git(tmp_path.parent) == {}


def test_what_somebody_says(sides: Sides) -> None:
    """A flag may name what does not look alike, but only what is gone and new."""
    assert [*named(sides, DIFFERENCES, ["users.note:full_name"])] == ["users.note:full_name"]
    assert named(sides, DIFFERENCES, ["gone:other"])["gone:other"].sql == (
        'ALTER TABLE "public"."gone" RENAME TO "other"'
    )
    with pytest.raises(UsageError, match=r"--rename users\.born:seen names nothing"):
        named(sides, DIFFERENCES, ["users.born:seen"])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("missing-table", "t", "table t is in the models, not in the database"), "create table t"),
        (("extra-column", "t.c", "column t.c is in the database"), "drop column t.c"),
        (
            ("missing-label", "e.b", 'enum e has "b" in the models, not in the database'),
            "add value b to enum e",
        ),
        (
            ("extra-label", "e.b", 'enum e has "b" in the database, not in the models; "c" in the'
             " models, not in the database"),
            "remove value b and add value c, of enum e",
        ),
        (
            ("different-column", "t.c", "column t.c: it is generated as a (virtual) in the"
             " database, generated as b (virtual) in the models"),
            "change column t.c: generated as a (virtual) to generated as b (virtual)",
        ),
        (
            ("different-column", "t.c", "column t.c: its type is integer in the database, bigint in"
             " the models; it may be NULL in the database, is NOT NULL in the models"),
            "change column t.c: type integer to bigint, NOT NULL",
        ),
        (
            ("different-index", "i", "index i on t is btree (a) in the database, btree (b) in the"
             " models"),
            "change index i on t",
        ),
    ],
)  # fmt: skip
def test_titles(said: tuple[str, str, str], expected: str) -> None:
    """Each change in a few words."""
    assert title(Difference(*said, "op")) == expected


def test_title_of_a_rename() -> None:
    """Both names, though only one of them is in the sentence."""
    text = "index i on t is called old_i in the database"
    said = Difference("renamed-index", "i", text, "op", models="i", database="old_i")
    assert title(said) == "rename index old_i on t to i"


@pytest.mark.parametrize(
    ("old", "new", "operation"),
    [
        (
            ("t.a", "text"),
            ("t.b", "text NOT NULL"),
            "op.alter_column('t', 'a', new_column_name='b')",
        ),
        (
            ("s.t.a", "integer"),
            ("s.t.b", "integer"),
            "op.alter_column('t', 'a', new_column_name='b', schema='s')",
        ),
        (("t.a", "jsonb"), ("t.b", "integer"), None),
        (("t.a", "numeric"), ("t.b", "numeric(10,2)"), None),
        (("t.a", "text"), ("u.b", "text"), None),
        (("t", None), ("u", None), "op.rename_table('t', 'u')"),
        (("s.t", None), ("s.u", None), "op.rename_table('t', 'u', schema='s')"),
        (("s.t", None), ("u", None), None),
    ],
)
def test_check_asks_of_a_rename(
    old: tuple[str, str | None], new: tuple[str, str | None], operation: str | None
) -> None:
    """Only where type and place are the same, with an operation for that schema."""
    kind = "column" if old[1] else "table"
    gone = Difference(f"extra-{kind}", old[0], "", "", drops=True, database=old[1])
    come = Difference(f"missing-{kind}", new[0], "", "", models=new[1])
    found = [each.operation for each in renames([come, gone])]
    assert found == ([operation] if operation else [])
