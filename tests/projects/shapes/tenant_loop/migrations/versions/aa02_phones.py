"""phones

Revision ID: aa02
Revises: aa01
Create Date: 2026-02-20 10:00:00

"""

from alembic import op
import sqlalchemy as sa

revision = "aa02"
down_revision = "aa01"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("contacts", sa.Column("phone", sa.Text(), nullable=True))


def downgrade():
    op.drop_column("contacts", "phone")
