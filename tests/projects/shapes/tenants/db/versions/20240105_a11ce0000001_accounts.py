"""accounts

Revision ID: a11ce0000001
Revises:
Create Date: 2024-01-05 10:00:00+00:00

"""

from alembic import op
import sqlalchemy as sa

from crm.types import JSONDocument, Money

revision = "a11ce0000001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "plans",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("price", Money(), nullable=False),
        schema="shared",
        if_not_exists=True,
    )
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "plan_id",
            sa.Integer(),
            sa.ForeignKey("shared.plans.id", name="accounts_plan_id_fkey"),
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", JSONDocument("account-settings"), nullable=False),
    )
    op.execute("CREATE TABLE audit_trail (at timestamptz NOT NULL, what text NOT NULL)")


def downgrade():
    op.execute("DROP TABLE audit_trail")
    op.drop_table("accounts")
