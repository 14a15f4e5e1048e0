"""What users write: posts, tags and threads of comments."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CHAR,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dbtool.example.accounts import User
from dbtool.example.base import Audited, Base, BigId, SoftDeleted, stored_values


class PostStatus(StrEnum):
    """How far a post has come."""

    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class Visibility(StrEnum):
    """Who may read a post; stored as text with a CHECK, not as a PostgreSQL enum."""

    PUBLIC = "public"
    MEMBERS = "members"
    PRIVATE = "private"


post_tags = Table(
    "post_tags",
    Base.metadata,
    Column("post_id", ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Post(Audited, SoftDeleted, Base):
    """An article; its address is unique per author."""

    __tablename__ = "posts"
    __table_args__ = (
        UniqueConstraint("author_id", "slug"),
        CheckConstraint("char_length(title) >= 3", name="title_is_not_empty"),
        CheckConstraint("view_count >= 0", name="view_count_is_not_negative"),
        CheckConstraint("status = 'draft' OR published_at IS NOT NULL", name="published_at_is_set"),
        CheckConstraint("published_at >= created_at", name="published_after_created"),
        CheckConstraint("updated_at >= created_at", name="updated_after_created"),
        Index("ix_posts_author_id_published_at", "author_id", text("published_at DESC")),
        Index(
            "ix_posts_published_at_live",
            "published_at",
            postgresql_where=text("status = 'published' AND deleted_at IS NULL"),
        ),
    )

    id: Mapped[BigId]
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(220))
    body: Mapped[str]
    status: Mapped[PostStatus] = mapped_column(
        stored_values("post_status", PostStatus), server_default=PostStatus.DRAFT.value
    )
    visibility: Mapped[Visibility] = mapped_column(
        stored_values("visibility", Visibility, native=False),
        server_default=Visibility.PUBLIC.value,
    )
    published_at: Mapped[datetime | None]
    view_count: Mapped[int] = mapped_column(server_default=text("0"))
    metadata_: Mapped[dict[str, object]] = mapped_column(
        "metadata", server_default=text("'{}'::jsonb")
    )

    author: Mapped[User] = relationship(back_populates="posts")
    tags: Mapped[list["Tag"]] = relationship(secondary=post_tags, back_populates="posts")
    comments: Mapped[list["Comment"]] = relationship(back_populates="post", passive_deletes=True)


class Tag(Base):
    """A keyword shared by posts."""

    __tablename__ = "tags"
    __table_args__ = (CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color_is_hexadecimal"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    color: Mapped[str] = mapped_column(CHAR(7), server_default="#808080")

    posts: Mapped[list[Post]] = relationship(secondary=post_tags, back_populates="tags")


class Comment(Audited, SoftDeleted, Base):
    """A remark on a post, or an answer to another remark on the same post."""

    __tablename__ = "comments"
    __table_args__ = (
        UniqueConstraint("post_id", "id"),
        ForeignKeyConstraint(
            ["post_id", "parent_id"], ["comments.post_id", "comments.id"], ondelete="CASCADE"
        ),
        CheckConstraint("parent_id <> id", name="parent_is_another_comment"),
        CheckConstraint("char_length(body) BETWEEN 1 AND 10000", name="body_has_bounded_length"),
        CheckConstraint("like_count >= 0", name="like_count_is_not_negative"),
        CheckConstraint("updated_at >= created_at", name="updated_after_created"),
        Index("ix_comments_post_id_created_at", "post_id", "created_at"),
        Index("ix_comments_post_id_parent_id", "post_id", "parent_id"),
        Index("ix_comments_author_id", "author_id"),
    )

    id: Mapped[BigId]
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete="CASCADE"))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    parent_id: Mapped[int | None] = mapped_column(BigInteger)
    body: Mapped[str]
    like_count: Mapped[int] = mapped_column(server_default=text("0"))

    post: Mapped[Post] = relationship(back_populates="comments")
    author: Mapped[User] = relationship(back_populates="comments")
    parent: Mapped["Comment | None"] = relationship(
        back_populates="replies",
        remote_side="[Comment.post_id, Comment.id]",
        overlaps="post,comments",
    )
    replies: Mapped[list["Comment"]] = relationship(
        back_populates="parent", overlaps="post,comments", passive_deletes=True
    )
