"""Two relationships are the two sides of one foreign key and do not know of each other.

Why: without `back_populates` a change of one side is not seen on the other before the next load,
and both write the same column: which of them wins is left to chance. SQLAlchemy warns of it when
the classes are first used ("relationship X will copy column ... which conflicts with").

When: two classes have a relationship to each other over the same columns, neither is viewonly, and
neither names the other by back_populates, backref or overlaps.

Bad:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    orders: Mapped[list["Order"]] = relationship()

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    user: Mapped["User"] = relationship()
```

Good:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    orders: Mapped[list["Order"]] = relationship(back_populates="user")

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    user: Mapped["User"] = relationship(back_populates="orders")
```
"""

from collections.abc import Iterator

from sqlalchemy.orm import RelationshipProperty

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place

NAME = rule_name(__name__)
_One = RelationshipProperty[object]


def check(declared: Declared) -> Iterator[Finding]:
    """Report pairs that do not name each other, once a pair."""
    seen: set[_One] = set()
    alone = [each for each in declared.relationships if _is_alone(each)]
    for one in alone:
        other = next((each for each in alone if _is_other_side(one, each)), None)
        if other is not None and not {one, other} & seen:
            seen |= {one, other}
            yield _finding(declared, one, other)


def _is_alone(one: _One) -> bool:
    return not one.viewonly and not one._reverse_property and not one._overlaps


def _is_other_side(one: _One, other: _One) -> bool:
    if other is one or one.direction is other.direction:
        return False
    meet = one.mapper is other.parent and other.mapper is one.parent
    return meet and _columns(one) == _columns(other)


def _columns(one: _One) -> frozenset[object]:
    return frozenset(frozenset(pair) for pair in one.synchronize_pairs)


def _finding(declared: Declared, one: _One, other: _One) -> Finding:
    place, opposite = declared.of_relationship(one), declared.of_relationship(other)
    lines = [_named(place, other.key), _named(opposite, one.key)]
    return Finding(
        rule=NAME,
        severity=Severity.WARNING,
        title=f"{place.name} and {opposite.name} are two sides of one key, and not paired",
        certainty=Certainty.DECLARED,
        evidence=(f"the other side is at {opposite.location}", "both write the same column"),
        location=place.location,
        fix=place.fix("\n".join(filter(None, lines)), "each names the other"),
    )


def _named(place: Place, key: str) -> str:
    written = place.written
    return (written.with_keyword("back_populates", f'"{key}"') if written else None) or ""
