"""Public identifiers of users: the unique index, without holding up writers

Revision ID: d38a4f17e5b9
Revises: 7c61b8e4f02a
Create Date: 2026-06-03 09:40:00 UTC
"""

from collections.abc import Sequence

from alembic import op

revision: str = "d38a4f17e5b9"
down_revision: str | Sequence[str] | None = "7c61b8e4f02a"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "uq_users_public_id", "users", ["public_id"], unique=True, postgresql_concurrently=True
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("uq_users_public_id", "users", postgresql_concurrently=True)
