"""A relationship loads a whole collection with every object.

Why: `lazy="joined"` on a list repeats the row of the parent once for each child, in every query
that reads the parent, and two such lists multiply. `lazy="subquery"` runs the query of the parent
a second time, and `lazy="immediate"` one more query for each parent. Whoever only needs a name
pays for all of it. The query that needs the list says so: `.options(selectinload(User.orders))`.

When: a relationship to many is declared with lazy "joined", "subquery" or "immediate". What is
declared `lazy="selectin"` is left alone.

Bad:
```python
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    orders: Mapped[list["Order"]] = relationship(lazy="joined")

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
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
    orders: Mapped[list["Order"]] = relationship()

class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
```
"""

from collections.abc import Iterator

from sqlalchemy.orm import RelationshipProperty

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.migrate.declared import Declared, Place

NAME = rule_name(__name__)
_COSTS = {
    "joined": "each query that reads it repeats its row once for every child",
    "subquery": "each query that reads it runs a second time for the children",
    "immediate": "each object that is read takes one more query",
}


def check(declared: Declared) -> Iterator[Finding]:
    """Report collections that come with every object."""
    for each in declared.relationships:
        lazy = "joined" if each.lazy is False else each.lazy
        if each.uselist and isinstance(lazy, str) and lazy in _COSTS:
            yield _finding(declared.of_relationship(each), each, lazy)


def _finding(place: Place, of: "RelationshipProperty[object]", lazy: str) -> Finding:
    code = place.written.without_keyword("lazy") if place.written is not None else None
    name, owner = of.mapper.class_.__name__, of.parent.class_.__name__
    return Finding(
        rule=NAME,
        severity=Severity.WARNING if lazy == "joined" else Severity.NOTE,
        title=f'{place.name}: lazy="{lazy}" loads every {name} with each {owner}',
        certainty=Certainty.DECLARED,
        evidence=(_COSTS[lazy],),
        location=place.location,
        fix=place.fix(code, f"and where it is needed: .options(selectinload({place.name}))"),
    )
