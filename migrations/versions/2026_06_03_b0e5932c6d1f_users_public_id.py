"""Public identifiers of users: the column

The default comes in a second step: a volatile default in ADD COLUMN rewrites the table.

Revision ID: b0e5932c6d1f
Revises: 94f07ab1d3c6
Create Date: 2026-06-03 09:10:00 UTC
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "b0e5932c6d1f"
down_revision: str | Sequence[str] | None = "94f07ab1d3c6"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("users", sa.Column("public_id", sa.Uuid()))
    op.alter_column("users", "public_id", server_default=sa.text("gen_random_uuid()"))


def downgrade() -> None:
    op.drop_column("users", "public_id")
