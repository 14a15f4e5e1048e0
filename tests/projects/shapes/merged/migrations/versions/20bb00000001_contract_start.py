"""contract: start

Revision ID: 20bb00000001
Revises: c07b5a81e9d4
Create Date: 2026-05-03 08:00:00

"""

from alembic import op

revision = "20bb00000001"
down_revision = "c07b5a81e9d4"
branch_labels = ("contract",)
depends_on = "10aa00000001"


def upgrade():
    op.alter_column("invoices", "currency", nullable=False)


def downgrade():
    op.alter_column("invoices", "currency", nullable=True)
