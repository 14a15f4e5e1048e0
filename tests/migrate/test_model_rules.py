"""Each model rule's page is true: its bad models give that finding and its good ones none."""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbtool.errors import UsageError
from dbtool.finding import Finding, rule_name
from dbtool.metadata import load
from dbtool.migrate.model_rules import RULES, judge

_BLOCK = re.compile(r"^(Bad|Good):\n```python\n(.*?)```", re.S | re.M)
_CONVENTION = "naming-convention-missing"
PAGES = [
    pytest.param(rule_name(rule.__name__), kind, text, id=f"{rule_name(rule.__name__)}-{kind}")
    for rule in RULES
    for kind, text in _BLOCK.findall(rule.__doc__ or "")
]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory for one module of models, forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    base = getattr(sys.modules.pop("page_models", None), "Base", None)
    if base is not None and hasattr(base, "registry"):
        base.registry.dispose()  # classes that cannot be put together would fail other tests
    importlib.invalidate_caches()


def judged(package: Path, text: str, spec: str = "page_models:Base") -> tuple[Finding, ...]:
    """What all rules say of one module; a page that is not about names leaves them out."""
    (package / "page_models.py").write_text(text)
    return judge(load((spec,), package))


def test_every_rule_has_both_examples() -> None:
    """A page without a bad and a good block cannot be checked, one without reasons not used."""
    shown = [(page.values[0], page.values[1]) for page in PAGES]
    assert sorted(shown) == sorted(
        (rule_name(rule.__name__), kind) for rule in RULES for kind in ("Bad", "Good")
    )
    for rule in RULES:
        assert all(word in (rule.__doc__ or "") for word in ("\nWhy:", "\nWhen:")), rule


@pytest.mark.filterwarnings("ignore:relationship 'Order.user' will copy column")
@pytest.mark.parametrize(("name", "kind", "text"), PAGES)
def test_pages(package: Path, name: str, kind: str, text: str) -> None:
    """A bad block is bad in this way alone, at a line of its file, and a good one in none."""
    found = judged(package, text)
    rules = [each.rule for each in found if name == _CONVENTION or each.rule != _CONVENTION]
    assert rules == ([name] if kind == "Bad" else []), found
    for each in found:
        assert name == "mappers-not-configured" or each.location is not None
        if each.fix is not None and each.location is not None:
            assert each.location.file == "page_models.py"
            assert each.location.line is not None
            ast.parse(each.fix.code)


MIXED = """
from datetime import datetime

from sqlalchemy import Column, DateTime, ForeignKey, Integer, MetaData, Table, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, registry
from sqlalchemy.orm import relationship
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

class Moment(TypeDecorator):
    impl = DateTime
    cache_ok = True

class Base(DeclarativeBase):
    metadata = MetaData(naming_convention={"fk": "%(table_name)s_%(column_0_name)s"})

class Stamped:
    written_at: Mapped[datetime] = mapped_column(DateTime)

    @declared_attr
    def owner_id(cls) -> Mapped[int]:
        return mapped_column(ForeignKey("users.id"))

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(Moment)

class Page(Stamped, Base):
    __tablename__ = "pages"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner = relationship(User, backref="pages", lazy="joined")

class Note(Stamped, Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)

marks = Table(
    "marks",
    Base.metadata,
    Column("page_id", ForeignKey("pages.id"), primary_key=True),
    Column("note_id", ForeignKey("notes.id"), primary_key=True),
)

class Own(SQLModel, registry=registry()):
    pass

class Hero(Own, table=True):
    id: int | None = Field(default=None, primary_key=True, index=True)
    tags: str = Field(default="", sa_type=Text)
"""
PLACES = [
    ("naive-datetime", 18, "written_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))"),
    (
        "primary-key-indexed-again",
        49,
        "id: int | None = Field(default=None, primary_key=True)",
    ),
    (
        "foreign-key-unindexed",
        21,
        "def owner_id(cls) -> Mapped[int]:\n"
        '    return mapped_column(ForeignKey("users.id"), index=True)',
    ),
    (
        "foreign-key-unindexed",
        42,
        'Column("note_id", ForeignKey("notes.id"), primary_key=True, index=True)',
    ),
]


def test_lines_are_found_wherever_they_are(package: Path) -> None:
    """In a mixin, once for all its classes, in a function, in a table, in a class of SQLModel."""
    (package / "page_models.py").write_text(MIXED)
    found = judge(load(("page_models:Base", "page_models:Hero"), package))
    lines = [
        (each.rule, each.location and each.location.line, each.fix and each.fix.code)
        for each in found
    ]
    assert lines == PLACES
    assert found[0].evidence[1:] == ("the same line is behind Page.written_at",)


def test_rules_can_be_left_out(package: Path) -> None:
    """By name; a name that is none is refused with those that are near."""
    (package / "page_models.py").write_text(MIXED)
    models = load(("page_models:Base",), package)
    only = {each.rule for each in judge(models, ["foreign-key-unindexed"])}
    assert only == {"foreign-key-unindexed"}
    left = {each.rule for each in judge(models, (), ["foreign_key_unindexed"])}
    assert left == {"naive-datetime"}
    with pytest.raises(UsageError) as raised:
        judge(models, (), ["naive-datetimes"])
    assert raised.value.message == '--ignore: no rule over models is called "naive-datetimes"'
    assert raised.value.hint == "Did you mean naive-datetime?"


ENGINES = """
from sqlalchemy import create_engine as make
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

a = lambda url: sa.create_engine(
    url,
    pool_pre_ping=True,
)
b = lambda url, more: create_async_engine(url, **more)
c = lambda url: create_async_engine(url, poolclass=NullPool)
d = lambda: sa.create_engine("sqlite://")
"""
MENDED = """\
sa.create_engine(
    url,
    pool_pre_ping=True, pool_size=5, max_overflow=0, pool_timeout=5)"""


def test_engines_of_the_package(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the package makes one, but for its tests; what may be sized is not reported."""
    for name in ("shop/__init__.py", "shop/models/__init__.py", "shop/tests/engine.py"):
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text(ENGINES if "engine" in name else "")
    (package / "shop/engine.py").write_text(ENGINES)
    text = "from sqlalchemy import Column, Integer, MetaData, Table\n"
    text += "metadata = MetaData(naming_convention={'pk': 'p'})\n"
    text += "Table('t', metadata, Column('id', Integer, primary_key=True))\n"
    (package / "shop/models/__init__.py").write_text(text)
    found = judge(load(("shop.models:metadata",), package))
    for name in ("shop", "shop.models"):
        monkeypatch.delitem(sys.modules, name)
    assert [(each.rule, each.location and each.location.line) for each in found] == [
        ("pool-left-at-defaults", 7)
    ]
    assert found[0].fix is not None
    assert found[0].fix.code == MENDED
