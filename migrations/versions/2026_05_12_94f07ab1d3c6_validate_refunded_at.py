"""Orders can be refunded: prove the rule for the rows that exist

Revision ID: 94f07ab1d3c6
Revises: 1d84c2f6b75e
Create Date: 2026-05-12 07:55:00 UTC
"""

from collections.abc import Sequence

from alembic import op

revision: str = "94f07ab1d3c6"
down_revision: str | Sequence[str] | None = "1d84c2f6b75e"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("ALTER TABLE orders VALIDATE CONSTRAINT ck_orders_refunded_at_with_status")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_orders_refunded_at_with_status"), "orders", type_="check")
    op.create_check_constraint(
        op.f("ck_orders_refunded_at_with_status"),
        "orders",
        "(status = 'refunded') = (refunded_at IS NOT NULL)",
        postgresql_not_valid=True,
    )
