"""ledger and search

Revision ID: 6f0e1d2c3b4a
Revises:
Create Date: 2026-01-15 10:00:00

"""

from alembic import op
import sqlalchemy as sa

revision = "6f0e1d2c3b4a"
down_revision = None
branch_labels = None
depends_on = None


def upgrade(engine_name: str) -> None:
    globals()["upgrade_%s" % engine_name]()


def downgrade(engine_name: str) -> None:
    globals()["downgrade_%s" % engine_name]()


def upgrade_engine1() -> None:
    op.create_table("ledger", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade_engine1() -> None:
    op.drop_table("ledger")


def upgrade_engine2() -> None:
    op.create_table("search", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade_engine2() -> None:
    op.drop_table("search")
