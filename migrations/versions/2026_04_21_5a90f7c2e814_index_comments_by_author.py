"""Index comments by their author, without holding up writers

Revision ID: 5a90f7c2e814
Revises: c47d1e9b3a68
Create Date: 2026-04-21 15:32:00 UTC
"""

from collections.abc import Sequence

from alembic import op

revision: str = "5a90f7c2e814"
down_revision: str | Sequence[str] | None = "c47d1e9b3a68"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_comments_author_id", "comments", ["author_id"], postgresql_concurrently=True
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_comments_author_id", "comments", postgresql_concurrently=True)
