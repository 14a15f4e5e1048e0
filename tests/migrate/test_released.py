"""Pending revisions are judged for the code of a release, read from git and from nowhere else."""

import json
from pathlib import Path
from typing import Any

import pytest

from dbtool.finding import Fix
from dbtool.migrate.released_models import ReleasedColumn, ReleasedTable
from dbtool.migrate.rules import column_renamed_in_use
from dbtool.migrate.use import Use
from dbtool.statement import Statement, Taken, Takes
from tests.conftest import Dbtool
from tests.migrate.conftest import Git
from tests.migrate.projects import FROM_CONFIG, Small, small

pytestmark = pytest.mark.usefixtures("git_installed")

MODELS = """
from sqlalchemy import BigInteger, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    nickname: Mapped[str | None]
    name: Mapped[str] = mapped_column(String(200))
    country: Mapped[str | None]
    city: Mapped[str | None] = mapped_column(default="")
    plan: Mapped[str] = mapped_column(server_default="free")
    visits: Mapped[int] = mapped_column(BigInteger)

class Badge(Base):
    __tablename__ = "badges"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str]

class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
NEWER = MODELS.replace("nickname", "alias").replace("Badge", "Medal").replace("badges", "medals")

TAKES = """
    op.drop_column("users", "nickname")
    op.alter_column("users", "name", new_column_name="full_name")
    op.alter_column("users", "country", nullable=False)
    op.alter_column("users", "plan", server_default=None)
    op.add_column("users", sa.Column("age", sa.Integer(), nullable=False))
    op.alter_column("users", "visits", type_=sa.Integer())
    op.execute("ALTER TABLE badges ALTER COLUMN owner TYPE uuid USING owner::uuid")
    op.drop_table("badges")
    op.rename_table("posts", "articles")
    op.add_column("users", sa.Column("zip", sa.Text()))
    op.alter_column("users", "zip", nullable=False)
"""
GIVES = """
    op.add_column("users", sa.Column("age", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("users", sa.Column("tall", sa.Integer()))
    op.drop_column("users", "tall")
    op.alter_column("users", "name", type_=sa.String(300))
    op.alter_column("users", "city", nullable=False)
    op.alter_column("users", "country", server_default=None)
    op.create_table("tags", sa.Column("id", sa.Integer(), nullable=False))
    op.drop_table("tags")
    op.rename_table("posts", "articles")
    op.execute("CREATE VIEW posts AS SELECT * FROM articles")
    op.drop_table("unknown")
"""
FOUND = [
    ("column-dropped-in-use", 11, "users.nickname", "User.nickname (models.py:11)"),
    ("column-renamed-in-use", 12, "users.name", "User.name (models.py:12)"),
    ("default-dropped-in-use", 14, "users.plan", "User.plan (models.py:15)"),
    ("required-column-unknown", 15, "users.age", "User (models.py:8)"),
    ("type-changed-in-use", 17, "badges.owner", "Badge.owner (models.py:21)"),
    ("table-dropped-in-use", 18, "badges", "Badge (models.py:18)"),
    ("table-renamed-in-use", 19, "posts", "Post (models.py:23)"),
    ("not-null-in-use", 21, "users.zip", "User (models.py:8)"),
    ("not-null-in-use", 13, "users.country", "User.country (models.py:13)"),
    ("type-changed-in-use", 16, "users.visits", "User.visits (models.py:16)"),
]

OWN_USER = """
from sqlalchemy.orm import registry
from sqlmodel import Column, Field, SQLModel, Text

class Own(SQLModel, registry=registry()):
    pass

class User(Own, table=True):
    id: int = Field(primary_key=True)
    {attribute}
"""
"""A SQLModel class that no other test meets."""


@pytest.fixture
def project(tmp_path: Path, git: Git) -> Small:
    """A project released as v1, whose models say something else by now."""
    made = small(tmp_path / "shop", FROM_CONFIG, revisions=0)
    (made.root / "models.py").write_text(MODELS)
    (made.root / "pyproject.toml").write_text('[tool.dbtool]\nmodels = "models:Base"\n')
    made.revision("aaaa", None)
    git(made.root, "init", "-q")
    git(made.root, "add", "--all")
    git(made.root, "commit", "-q", "-m", "first")
    git(made.root, "tag", "v1")
    (made.root / "models.py").write_text(NEWER)
    return made


def revised(project: Small, body: str) -> Path:
    """A revision that the release does not have."""
    head = 'from alembic import op\nimport sqlalchemy as sa\n\nrevision = "bbbb"\n'
    head += 'down_revision = "aaaa"\n\n\n\n\ndef upgrade():'
    path = project.root / "migrations/versions/bbbb_second.py"
    path.write_text(f"{head}{body}\n\ndef downgrade():\n    pass\n")
    return path


def test_what_is_taken_from_the_release(dbtool: Dbtool, project: Small) -> None:
    """Each operation the released code would miss is found at its line, with what uses it."""
    revised(project, TAKES)
    ran = dbtool("check", "--released", "v1", "--json", cwd=project.root)
    found = json.loads(ran.out)["findings"]
    assert ran.code == 1, ran.err
    assert [
        (
            each["rule"],
            each["location"]["line"],
            each["location"]["name"],
            each["evidence"][0].removeprefix("v1 uses it as "),
        )
        for each in found
    ] == FOUND
    fixes = {each["rule"]: each["fix"]["code"] for each in found}
    renamed = 'full_name: Mapped[str] = mapped_column("name", String(200))'
    assert fixes["column-renamed-in-use"] == renamed
    assert fixes["column-dropped-in-use"].endswith('op.drop_column("users", "nickname")')


@pytest.mark.parametrize(
    ("written", "renamed"),
    [
        ("str = Field(max_length=9)", 'Field(max_length=9, sa_column_kwargs={"name": "name"})'),
        ("str", 'Field(sa_column_kwargs={"name": "name"})'),
        (
            'str = Field("x", index=True)',
            'Field("x", index=True, sa_column_kwargs={"name": "name"})',
        ),
        ("str = Field(sa_column=Column(Text))", 'Field(sa_column=Column(Text, name="name"))'),
        ('str = Field(sa_column=Column("name"))', 'Field(sa_column=Column("name"))'),
        (
            'str = Field(sa_column_kwargs={"comment": "x"})',
            'Field(sa_column_kwargs={"name": "name", **{"comment": "x"}})',
        ),
    ],
)
def test_a_column_of_a_sqlmodel_class_keeps_its_name(written: str, renamed: str) -> None:
    """Its attribute is renamed in SQLModel's words, and reads the column that is there."""
    fix = fix_of_a_rename(written)
    assert fix
    assert fix.code == f"full_name: str = {renamed}"
    names: dict[str, Any] = {}
    exec(OWN_USER.format(attribute=fix.code), names)
    assert names["User"].__mapper__.attrs["full_name"].columns[0].name == "name"


@pytest.mark.parametrize("made", ["helper()", "NAME", "helper(Column(Text))"])
def test_a_column_that_is_made_elsewhere_is_not_rewritten(made: str) -> None:
    """SQLModel takes no words about a column beside the column itself."""
    assert fix_of_a_rename(f"str = Field(sa_column={made})") is None


def fix_of_a_rename(written: str) -> Fix | None:
    """What is said where the column of an attribute `name` gets the name full_name."""
    statement = Statement(sql="ALTER TABLE users RENAME name TO full_name")
    taken = Taken(
        what=Takes.COLUMN_NAME,
        schema="",
        table="users",
        column="name",
        to="full_name",
        statement=statement,
    )
    column = ReleasedColumn(
        name="name",
        attribute="User.name",
        place="models.py:1",
        source=f"name: {written}",
        type="text",
        nullable=False,
        filled=False,
        left_to_server=False,
    )
    table = ReleasedTable("", "users", "User", "models.py:1", (column,))
    (found,) = column_renamed_in_use.check(Use(taken, "v1", table, column))
    return found.fix


def test_what_the_release_goes_on_with(dbtool: Dbtool, project: Small) -> None:
    """What older code does not notice is not found, nor is a table no model of it knows."""
    revised(project, GIVES)
    ran = dbtool("check", "--released", "v1", cwd=project.root)
    assert (ran.code, ran.out.splitlines()[0]) == (
        0,
        "1 revision that v1 does not have: nothing found",
    ), ran.err


def test_releases_that_cannot_be_read(dbtool: Dbtool, project: Small, git: Git) -> None:
    """An unknown name, and models that do not import, are told with the next step."""
    revised(project, TAKES)
    unknown = dbtool("check", "--released", "v9", cwd=project.root)
    assert unknown.code == 2
    assert unknown.err == (
        'error: git knows no tag or commit "v9"\n'
        "detail: The newest tags are v1.\n"
        "hint: Fetch the tags (fetch-depth: 0 for actions/checkout), or name a commit.\n"
    )
    (project.root / "models.py").write_text("import no_such_module\n")
    git(project.root, "commit", "-q", "-m", "broken", "models.py")
    broken = dbtool("check", "--released", "HEAD", cwd=project.root)
    assert broken.code == 2
    message, detail, *_ = broken.err.splitlines()
    assert message == 'error: the models of HEAD cannot be read: cannot import "models"'
    assert detail.startswith("detail: models.py, line 1: ModuleNotFoundError")
