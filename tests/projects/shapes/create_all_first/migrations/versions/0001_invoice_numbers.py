"""invoice numbers

Revision ID: 0001
Revises:
Create Date: 2025-02-01 12:00:00

"""

from alembic import op
import sqlalchemy as sa

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("invoices", sa.Column("number", sa.String(20), nullable=True))
    op.create_index("ix_invoices_number", "invoices", ["number"], unique=True)


def downgrade():
    op.drop_index("ix_invoices_number", "invoices")
    op.drop_column("invoices", "number")
