"""no way back

Revision ID: f00df00df00d
Revises: c07b5a81e9d4
Create Date: 2026-07-01 07:00:00

"""

from alembic import op

revision = "f00df00df00d"
down_revision = "c07b5a81e9d4"
branch_labels = None
depends_on = None


def upgrade():
    op.execute("UPDATE customers SET email = lower(email)")


def downgrade():
    raise NotImplementedError("the original spelling of the addresses is gone")
