"""The statement of a model is corrected in the team's own words, whatever way they declare it."""

import pytest

from dbtool.migrate.written import Written, laid_out

LONG = (
    "account_owner_id: Mapped[int | None] = mapped_column("
    "ForeignKey('users.id', ondelete='SET NULL'), index=True)"
)
KEYWORDS = [
    ("id: Mapped[int] = mapped_column()", "id: Mapped[int] = mapped_column(index=True)"),
    ("id: Mapped[int]", "id: Mapped[int] = mapped_column(index=True)"),
    ("id: int", "id: int = Field(index=True)"),
    ("id: int = 3", "id: int = Field(default=3, index=True)"),
    ("id = Column(Integer, index=False)", "id = Column(Integer, index=True)"),
    ("id: int = Field(foreign_key='a.b')", "id: int = Field(foreign_key='a.b', index=True)"),
    (
        "id: int = Field(sa_column=Column(Integer))",
        "id: int = Field(sa_column=Column(Integer, index=True))",
    ),
    (
        "id = Column(\n    Integer,\n    doc='ä',\n)",
        "id = Column(\n    Integer,\n    doc='ä',\n    index=True,\n)",
    ),
    (
        "def id(cls) -> Mapped[int]:\n    return mapped_column(Integer)",
        "def id(cls) -> Mapped[int]:\n    return mapped_column(Integer, index=True)",
    ),
    ("id: Mapped[int] = own_column()", None),
]
WITHOUT = [
    ("id = Column(Integer, index=True)", "id = Column(Integer)"),
    ("id = Column(index=True)", "id = Column()"),
    ("id = Column(index=True, unique=True)", "id = Column(unique=True)"),
    ("id = Column(Integer, index=True, unique=True)", "id = Column(Integer, unique=True)"),
    ("id = Column(Integer)", None),
]
TYPES = [
    ("id = Column(Integer, ForeignKey('a.b'))", "id = Column(Big, ForeignKey('a.b'))"),
    ("id = Column('id', sa.Integer())", "id = Column('id', Big)"),
    ("id: Mapped[int] = mapped_column()", "id: Mapped[int] = mapped_column(type_=Big)"),
    ("id: int = Field(ge=1)", "id: int = Field(ge=1, sa_type=Big)"),
    ("id = Column(OwnType, nullable=False)", None),
]


def written(text: str) -> Written:
    """A statement of a file."""
    return Written("models.py", 1, text)


@pytest.mark.parametrize(("before", "after"), KEYWORDS)
def test_a_keyword_is_set(before: str, after: str | None) -> None:
    """It stands where a person would write it; what declares nothing is left alone."""
    assert written(before).with_keyword("index", "True") == after


@pytest.mark.parametrize(("before", "after"), WITHOUT)
def test_a_keyword_is_taken_out(before: str, after: str | None) -> None:
    """Only the keyword goes, with its comma."""
    assert written(before).without_keyword("index") == after


@pytest.mark.parametrize(("before", "after"), TYPES)
def test_a_type_is_exchanged(before: str, after: str | None) -> None:
    """A column never gets a second type."""
    assert written(before).with_type("Integer", "Big") == after


def test_a_long_line_is_broken() -> None:
    """As formatters break it; a short statement stays as it is."""
    assert laid_out("a = Column()") == "a = Column()"
    assert laid_out(LONG) == (
        "account_owner_id: Mapped[int | None] = mapped_column(\n"
        "    ForeignKey('users.id', ondelete='SET NULL'), index=True\n"
        ")"
    )
