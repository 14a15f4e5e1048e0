"""invoices

Revision ID: 86c2e5d3f010
Revises: 4d1f0a9c7b21
Create Date: 2026-02-03 14:05:00

"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

revision = "86c2e5d3f010"
down_revision = "4d1f0a9c7b21"
branch_labels = None
depends_on = None

status = postgresql.ENUM("draft", "sent", "paid", name="invoice_status", create_type=False)


def upgrade():
    op.execute("CREATE TYPE invoice_status AS ENUM ('draft', 'sent', 'paid')")
    op.create_table(
        "invoices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("status", status, nullable=False),
        sa.Column("total", sa.Numeric(precision=12, scale=2), nullable=False),
        sa.CheckConstraint("total >= 0", name=op.f("ck_invoices_total_not_negative")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_invoices_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
    )
    op.create_index(op.f("ix_invoices_customer_id"), "invoices", ["customer_id"])


def downgrade():
    op.drop_index(op.f("ix_invoices_customer_id"), table_name="invoices")
    op.drop_table("invoices")
    op.execute("DROP TYPE invoice_status")
