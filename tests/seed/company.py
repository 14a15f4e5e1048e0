"""Models with what the reference models lack: cycles, inheritance, types of one's own."""

import datetime as dt
import enum
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    Date,
    Enum,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Interval,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, CIDR, INET, INT4RANGE, JSON, MACADDR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The base of these models."""


class Sealed(TypeDecorator[str]):
    """Text only this class can read back."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        """Seal."""
        return None if value is None else f"sealed:{value}"

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        """Open; refuses what was not sealed."""
        if value is not None and not value.startswith("sealed:"):
            raise ValueError("not sealed")
        return None if value is None else value.removeprefix("sealed:")


class Closed(TypeDecorator[str]):
    """Takes nothing at all."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # noqa: ARG002
        """Refuse."""
        raise ValueError("closed")


class Short(TypeDecorator[str]):
    """A String under another name."""

    impl = String(12)
    cache_ok = True


class Grade(enum.Enum):
    """Stored by name, as SQLAlchemy does unless told otherwise."""

    junior = 1
    senior = 2


class Company(Base):
    """Points to one of its people, who point back: a cycle with a nullable edge."""

    __tablename__ = "companies"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    contact_id: Mapped[int | None] = mapped_column(
        ForeignKey("employees.id", use_alter=True, name="fk_companies_contact")
    )
    vat: Mapped[str | None] = mapped_column(Sealed)
    code: Mapped[str] = mapped_column(Short, unique=True)
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Employee(Base):
    """A tree of managers, older ones first."""

    __tablename__ = "employees"
    __table_args__ = (
        CheckConstraint("salary BETWEEN 1000.50 AND 9000.25", name="salary"),
        CheckConstraint("left_on IS NULL OR left_on > joined_on", name="left_later"),
        UniqueConstraint("company_id", "badge"),
        Index("one_email", func.lower(text("email")), unique=True),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id"))
    manager_id: Mapped[int | None] = mapped_column(ForeignKey("employees.id"))
    badge: Mapped[int] = mapped_column(SmallInteger)
    first_name: Mapped[str] = mapped_column(String(30))
    last_name: Mapped[str] = mapped_column(String(30))
    email: Mapped[str]
    grade: Mapped[Grade] = mapped_column(Enum(Grade, native_enum=False, length=10))
    salary: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    joined_on: Mapped[dt.date] = mapped_column(Date)
    left_on: Mapped[dt.date | None] = mapped_column(Date)
    is_active: Mapped[bool] = mapped_column(Boolean)


class Desk(Base):
    """One per employee."""

    __tablename__ = "desks"

    id: Mapped[int] = mapped_column(primary_key=True)
    employee_id: Mapped[int] = mapped_column(ForeignKey("employees.id"), unique=True)
    address: Mapped[str | None] = mapped_column(INET)
    network: Mapped[str | None] = mapped_column(CIDR)
    machine: Mapped[str] = mapped_column(MACADDR)
    width: Mapped[float] = mapped_column(Float)
    photo: Mapped[bytes | None] = mapped_column(LargeBinary)
    notes: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    seats: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    breaks: Mapped[dt.timedelta | None] = mapped_column(Interval)
    span: Mapped[str | None] = mapped_column(INT4RANGE)


class Attendance(Base):
    """At most one row per employee and day."""

    __tablename__ = "attendance"
    __table_args__ = (UniqueConstraint("employee_id", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    employee_id: Mapped[int] = mapped_column(ForeignKey("employees.id"))
    day: Mapped[dt.date] = mapped_column(Date)


class Vehicle(Base):
    """Two kinds in one table, a third in a table of its own."""

    __tablename__ = "vehicles"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id"))
    plate: Mapped[str] = mapped_column(String(16), unique=True)
    seats: Mapped[int]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "van"}  # noqa: RUF012


class Car(Vehicle):
    """In the same table."""

    __mapper_args__ = {"polymorphic_identity": "car"}  # noqa: RUF012


class Truck(Vehicle):
    """In a table of its own."""

    __tablename__ = "trucks"

    id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"), primary_key=True)
    load: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "truck"}  # noqa: RUF012


class Project(Base):
    """Shares the company with its lead: a foreign key over two columns."""

    __tablename__ = "projects"
    __table_args__ = (
        UniqueConstraint("company_id", "id"),
        CheckConstraint("budget > spent", name="budget"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id"))
    title: Mapped[str] = mapped_column(String(50))
    spent: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    budget: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    left_over: Mapped[Decimal] = mapped_column(
        Numeric(10, 2), Computed("budget - spent", persisted=True)
    )


class Member(Base):
    """Who works on what, since when: many to many with a payload."""

    __tablename__ = "members"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    employee_id: Mapped[int] = mapped_column(ForeignKey("employees.id"), primary_key=True)
    since: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    hours: Mapped[int] = mapped_column(CheckConstraint("hours > 0 AND hours <= 40"))


class Task(Base):
    """Belongs to a project of the same company."""

    __tablename__ = "tasks"
    __table_args__ = (
        ForeignKeyConstraint(["company_id", "project_id"], ["projects.company_id", "projects.id"]),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    company_id: Mapped[int]
    project_id: Mapped[int]
    state: Mapped[str] = mapped_column(CheckConstraint("state IN ('open', 'done')"))
    done_at: Mapped[dt.datetime | None] = mapped_column(
        CheckConstraint("(state = 'done') = (done_at IS NOT NULL)")
    )


class Sealing(Base):
    """Cannot be filled: its text is required and only its own type can make it."""

    __tablename__ = "sealings"

    id: Mapped[int] = mapped_column(primary_key=True)
    secret: Mapped[str] = mapped_column(Closed)


class Stamp(Base):
    """Cannot be filled: it needs a row of a table that cannot be filled."""

    __tablename__ = "stamps"

    id: Mapped[int] = mapped_column(primary_key=True)
    sealing_id: Mapped[int] = mapped_column(ForeignKey("sealings.id"))
