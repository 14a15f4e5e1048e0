"""Posts, tags and comments

Revision ID: 8b2e6d41c5f0
Revises: 3f1c8a52d907
Create Date: 2026-03-16 13:40:00 UTC
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "8b2e6d41c5f0"
down_revision: str | Sequence[str] | None = "3f1c8a52d907"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("CREATE TYPE post_status AS ENUM ('draft', 'published', 'archived')")
    op.create_table(
        "posts",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("slug", sa.String(220), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "status",
            postgresql.ENUM(name="post_status", create_type=False),
            server_default="draft",
            nullable=False,
        ),
        sa.Column("visibility", sa.String(20), server_default="public", nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True)),
        sa.Column("view_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "metadata", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posts")),
        sa.UniqueConstraint("author_id", "slug", name=op.f("uq_posts_author_id_slug")),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_posts_author_id_users")),
        sa.CheckConstraint("char_length(title) >= 3", name=op.f("ck_posts_title_is_not_empty")),
        sa.CheckConstraint("view_count >= 0", name=op.f("ck_posts_view_count_is_not_negative")),
        sa.CheckConstraint(
            "visibility IN ('public', 'members', 'private')", name=op.f("ck_posts_visibility")
        ),
        sa.CheckConstraint(
            "status = 'draft' OR published_at IS NOT NULL",
            name=op.f("ck_posts_published_at_is_set"),
        ),
        sa.CheckConstraint(
            "published_at >= created_at", name=op.f("ck_posts_published_after_created")
        ),
        sa.CheckConstraint("updated_at >= created_at", name=op.f("ck_posts_updated_after_created")),
    )
    op.create_index(
        "ix_posts_author_id_published_at", "posts", ["author_id", sa.text("published_at DESC")]
    )
    op.create_index(
        "ix_posts_published_at_live",
        "posts",
        ["published_at"],
        postgresql_where=sa.text("status = 'published' AND deleted_at IS NULL"),
    )
    op.create_table(
        "tags",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("slug", sa.String(60), nullable=False),
        sa.Column("color", sa.CHAR(7), server_default="#808080", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint("name", name=op.f("uq_tags_name")),
        sa.UniqueConstraint("slug", name=op.f("uq_tags_slug")),
        sa.CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name=op.f("ck_tags_color_is_hexadecimal")),
    )
    op.create_table(
        "post_tags",
        sa.Column("post_id", sa.BigInteger(), nullable=False),
        sa.Column("tag_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("post_id", "tag_id", name=op.f("pk_post_tags")),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_post_tags_post_id_posts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tags.id"], name=op.f("fk_post_tags_tag_id_tags"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_post_tags_tag_id"), "post_tags", ["tag_id"])
    op.create_table(
        "comments",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("post_id", sa.BigInteger(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.BigInteger()),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("like_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
        sa.UniqueConstraint("post_id", "id", name=op.f("uq_comments_post_id_id")),
        sa.ForeignKeyConstraint(
            ["post_id"], ["posts.id"], name=op.f("fk_comments_post_id_posts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name=op.f("fk_comments_author_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["post_id", "parent_id"],
            ["comments.post_id", "comments.id"],
            name=op.f("fk_comments_post_id_parent_id_comments"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_comments_parent_is_another_comment")),
        sa.CheckConstraint(
            "char_length(body) BETWEEN 1 AND 10000",
            name=op.f("ck_comments_body_has_bounded_length"),
        ),
        sa.CheckConstraint("like_count >= 0", name=op.f("ck_comments_like_count_is_not_negative")),
        sa.CheckConstraint(
            "updated_at >= created_at", name=op.f("ck_comments_updated_after_created")
        ),
    )
    op.create_index("ix_comments_post_id_created_at", "comments", ["post_id", "created_at"])
    op.create_index("ix_comments_post_id_parent_id", "comments", ["post_id", "parent_id"])


def downgrade() -> None:
    op.drop_table("comments")
    op.drop_table("post_tags")
    op.drop_table("tags")
    op.drop_table("posts")
    op.execute("DROP TYPE post_status")
