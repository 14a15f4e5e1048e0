"""expand: vat

Revision ID: 10aa00000002
Revises: 10aa00000001
Create Date: 2026-05-02 08:00:00

"""

from alembic import op
import sqlalchemy as sa

revision = "10aa00000002"
down_revision = "10aa00000001"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("invoices", sa.Column("vat", sa.Numeric(5, 2)))


def downgrade():
    op.drop_column("invoices", "vat")
