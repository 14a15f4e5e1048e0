"""customers

Revision ID: 4d1f0a9c7b21
Revises:
Create Date: 2026-01-12 09:30:00

"""

from alembic import op
import sqlalchemy as sa

revision = "4d1f0a9c7b21"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "customers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sa.UniqueConstraint("email", name=op.f("uq_customers_email")),
    )


def downgrade():
    op.drop_table("customers")
