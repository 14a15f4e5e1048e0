"""account overview

Revision ID: a11ce0000002
Revises: a11ce0000001
Create Date: 2024-02-11 15:20:00+00:00

"""

from alembic import op

revision = "a11ce0000002"
down_revision = "a11ce0000001"
branch_labels = None
depends_on = None


def upgrade():
    op.create_unique_constraint("accounts_name_key", "accounts", ["name"])
    op.execute("CREATE VIEW account_overview AS SELECT id, name FROM accounts")


def downgrade():
    op.execute("DROP VIEW account_overview")
    op.drop_constraint("accounts_name_key", "accounts", type_="unique")
