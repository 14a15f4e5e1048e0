"""Who uses the application: users, their profiles and their roles."""

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import (
    CHAR,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    String,
    false,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dbtool.example.base import Audited, Base, BigId, SoftDeleted, stored_values

if TYPE_CHECKING:
    from dbtool.example.blog import Comment, Post
    from dbtool.example.shop import Order


class UserStatus(StrEnum):
    """Where a user stands."""

    INVITED = "invited"
    ACTIVE = "active"
    SUSPENDED = "suspended"


class User(Audited, SoftDeleted, Base):
    """A person with an account; e-mail addresses are unique whatever their case."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("position('@' in email) > 1", name="email_has_local_part"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country_is_iso_code"),
        CheckConstraint("updated_at >= created_at", name="updated_after_created"),
        Index("uq_users_email_lower", func.lower(text("email")), unique=True),
        Index(
            "ix_users_last_seen_at_live",
            "last_seen_at",
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[BigId]
    public_id: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"), unique=True)
    email: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(120))
    status: Mapped[UserStatus] = mapped_column(
        stored_values("user_status", UserStatus), server_default=UserStatus.INVITED.value
    )
    country: Mapped[str] = mapped_column(CHAR(2))
    preferences: Mapped[dict[str, object]] = mapped_column(server_default=text("'{}'::jsonb"))
    last_seen_at: Mapped[datetime | None]

    profile: Mapped["Profile | None"] = relationship(back_populates="user", passive_deletes=True)
    roles: Mapped[list["UserRole"]] = relationship(
        back_populates="user", foreign_keys="UserRole.user_id", passive_deletes=True
    )
    posts: Mapped[list["Post"]] = relationship(back_populates="author")
    comments: Mapped[list["Comment"]] = relationship(back_populates="author")
    orders: Mapped[list["Order"]] = relationship(back_populates="customer")


class Profile(Audited, Base):
    """What a user tells about themselves; one row per user at most."""

    __tablename__ = "profiles"
    __table_args__ = (
        CheckConstraint("birthday >= '1900-01-01'::date", name="birthday_is_plausible"),
        Index("ix_profiles_interests", "interests", postgresql_using="gin"),
    )

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    biography: Mapped[str | None]
    website: Mapped[str | None] = mapped_column(String(200))
    birthday: Mapped[date | None]
    time_zone: Mapped[str] = mapped_column(String(40), server_default="UTC")
    interests: Mapped[list[str]] = mapped_column(server_default=text("'{}'::text[]"))
    newsletter: Mapped[bool] = mapped_column(server_default=false())

    user: Mapped[User] = relationship(back_populates="profile")


class Role(Base):
    """A named set of permissions."""

    __tablename__ = "roles"

    id: Mapped[int] = mapped_column(SmallInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    description: Mapped[str | None]
    permissions: Mapped[list[str]] = mapped_column(server_default=text("'{}'::text[]"))

    members: Mapped[list["UserRole"]] = relationship(back_populates="role", passive_deletes=True)


class UserRole(Base):
    """A role given to a user: many-to-many with facts of its own."""

    __tablename__ = "user_roles"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    role_id: Mapped[int] = mapped_column(
        ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    granted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    granted_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))

    user: Mapped[User] = relationship(back_populates="roles", foreign_keys=[user_id])
    role: Mapped[Role] = relationship(back_populates="members")
    granted_by: Mapped[User | None] = relationship(foreign_keys=[granted_by_id])
