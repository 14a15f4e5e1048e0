"""find customers by note

Revision ID: e2a94c6f1b38
Revises: c07b5a81e9d4
Create Date: 2026-04-09 11:00:00

"""

from alembic import op

revision = "e2a94c6f1b38"
down_revision = "c07b5a81e9d4"
branch_labels = None
depends_on = None


def upgrade():
    with op.get_context().autocommit_block():
        op.execute("ALTER TYPE invoice_status ADD VALUE IF NOT EXISTS 'void'")
        op.create_index(
            "ix_customers_note",
            "customers",
            ["note"],
            postgresql_concurrently=True,
            if_not_exists=True,
        )
    op.execute("COMMENT ON INDEX ix_customers_note IS 'support desk search'")


def downgrade():
    with op.get_context().autocommit_block():
        op.drop_index(
            "ix_customers_note", "customers", postgresql_concurrently=True, if_exists=True
        )
