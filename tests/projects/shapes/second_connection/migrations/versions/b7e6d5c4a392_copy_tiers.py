"""copy tiers

Revision ID: b7e6d5c4a392
Revises: c07b5a81e9d4
Create Date: 2026-06-01 12:00:00

"""

from alembic import op
from sqlalchemy import create_engine, text

revision = "b7e6d5c4a392"
down_revision = "c07b5a81e9d4"
branch_labels = None
depends_on = None


def upgrade():
    bind = op.get_bind()
    with bind.engine.connect() as reader:
        known = reader.scalar(text("SELECT count(*) FROM pg_class WHERE relname = 'invoices'"))
    bind.execute(
        text("INSERT INTO tiers VALUES (:code, :discount)"), {"code": "x", "discount": known}
    )
    with create_engine(bind.engine.url).begin() as other:
        other.execute(text("CREATE TABLE IF NOT EXISTS from_another_connection (id int)"))


def downgrade():
    op.execute("DROP TABLE from_another_connection")
    op.execute("DELETE FROM tiers WHERE code = 'x'")
