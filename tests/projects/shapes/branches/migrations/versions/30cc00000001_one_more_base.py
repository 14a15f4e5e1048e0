"""reports, a history of their own

Revision ID: 30cc00000001
Revises:
Create Date: 2026-05-04 08:00:00

"""

from alembic import op
import sqlalchemy as sa

revision = "30cc00000001"
down_revision = None
branch_labels = ("reports",)
depends_on = ("4d1f0a9c7b21",)


def upgrade():
    op.create_table("reports", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade():
    op.drop_table("reports")
