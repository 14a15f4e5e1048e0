"""Orders can be refunded: the new status

A value added to an enum can be used only after it is committed, so nothing here uses it.

Revision ID: e6b3d05a7f29
Revises: 5a90f7c2e814
Create Date: 2026-05-11 10:20:00 UTC
"""

from collections.abc import Sequence

from alembic import op

revision: str = "e6b3d05a7f29"
down_revision: str | Sequence[str] | None = "5a90f7c2e814"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("ALTER TYPE order_status ADD VALUE IF NOT EXISTS 'refunded'")


def downgrade() -> None:
    """Rebuild the type without the value; what was refunded counts as cancelled again.

    PostgreSQL cannot remove a value from an enum. The constraints and the default
    compare with the old type, so they step aside while the column changes to the new one.
    """
    op.execute("UPDATE orders SET status = 'cancelled' WHERE status = 'refunded'")
    op.execute(
        "ALTER TABLE orders"
        " DROP CONSTRAINT ck_orders_paid_at_is_set,"
        " DROP CONSTRAINT ck_orders_shipped_at_is_set,"
        " ALTER COLUMN status DROP DEFAULT"
    )
    op.execute("ALTER TYPE order_status RENAME TO order_status_old")
    op.execute(
        "CREATE TYPE order_status AS ENUM ('pending', 'paid', 'shipped', 'delivered', 'cancelled')"
    )
    op.execute(
        "ALTER TABLE orders ALTER COLUMN status TYPE order_status USING status::text::order_status"
    )
    op.execute(
        "ALTER TABLE orders"
        " ALTER COLUMN status SET DEFAULT 'pending',"
        " ADD CONSTRAINT ck_orders_paid_at_is_set"
        " CHECK (status NOT IN ('paid', 'shipped', 'delivered') OR paid_at IS NOT NULL),"
        " ADD CONSTRAINT ck_orders_shipped_at_is_set"
        " CHECK (status NOT IN ('shipped', 'delivered') OR shipped_at IS NOT NULL)"
    )
    op.execute("DROP TYPE order_status_old")
