"""Index the orders that wait to be paid or shipped, without holding up writers

Revision ID: 6e0b7d93c24f
Revises: a2d6f3508e1c
Create Date: 2026-07-01 11:45:00 UTC
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "6e0b7d93c24f"
down_revision: str | Sequence[str] | None = "a2d6f3508e1c"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_orders_placed_at_open",
            "orders",
            ["placed_at"],
            postgresql_where=sa.text("status IN ('pending', 'paid')"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_orders_placed_at_open", "orders", postgresql_concurrently=True)
