"""payouts

Revision ID: 71f3d8b2c6a5
Revises: c07b5a81e9d4
Create Date: 2026-04-30 09:15:00

"""

from alembic import op
import sqlalchemy as sa

revision = "71f3d8b2c6a5"
down_revision = "c07b5a81e9d4"
branch_labels = None
depends_on = None


def upgrade():
    op.execute("CREATE SCHEMA billing")
    op.create_table(
        "payouts",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("iban", sa.Text(), nullable=False),
        schema="billing",
    )


def downgrade():
    op.drop_table("payouts", schema="billing")
    op.execute("DROP SCHEMA billing")
