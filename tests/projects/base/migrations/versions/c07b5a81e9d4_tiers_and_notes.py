"""tiers and notes

Revision ID: c07b5a81e9d4
Revises: 86c2e5d3f010
Create Date: 2026-03-20 17:45:00

"""

from alembic import op
import sqlalchemy as sa

revision = "c07b5a81e9d4"
down_revision = "86c2e5d3f010"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("customers", sa.Column("note", sa.String(), nullable=True))
    tiers = op.create_table(
        "tiers",
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("discount", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_tiers")),
    )
    op.bulk_insert(
        tiers,
        [{"code": "basic", "discount": 0}, {"code": "gold", "discount": 15}],
    )


def downgrade():
    op.drop_table("tiers")
    op.drop_column("customers", "note")
