"""expand: start

Revision ID: 10aa00000001
Revises: c07b5a81e9d4
Create Date: 2026-05-01 08:00:00

"""

from alembic import op
import sqlalchemy as sa

revision = "10aa00000001"
down_revision = "c07b5a81e9d4"
branch_labels = ("expand",)
depends_on = None


def upgrade():
    op.add_column("invoices", sa.Column("currency", sa.String(3), server_default="EUR"))


def downgrade():
    op.drop_column("invoices", "currency")
