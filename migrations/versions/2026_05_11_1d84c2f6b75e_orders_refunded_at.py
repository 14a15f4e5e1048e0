"""Orders can be refunded: when, and only with the status

Revision ID: 1d84c2f6b75e
Revises: e6b3d05a7f29
Create Date: 2026-05-11 10:41:00 UTC
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "1d84c2f6b75e"
down_revision: str | Sequence[str] | None = "e6b3d05a7f29"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("refunded_at", sa.DateTime(timezone=True)))
    op.create_check_constraint(
        op.f("ck_orders_refunded_at_with_status"),
        "orders",
        "(status = 'refunded') = (refunded_at IS NOT NULL)",
        postgresql_not_valid=True,
    )


def downgrade() -> None:
    op.drop_column("orders", "refunded_at")
