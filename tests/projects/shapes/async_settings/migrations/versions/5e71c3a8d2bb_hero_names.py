"""hero names

Revision ID: 5e71c3a8d2bb
Revises: 0b9d2f6e4a10
Create Date: 2025-05-19 16:40:03.700000

"""

from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa

revision: str = "5e71c3a8d2bb"
down_revision: Union[str, None] = "0b9d2f6e4a10"
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    op.create_index(op.f("ix_hero_name"), "hero", ["name"], unique=False)
    op.add_column(
        "hero",
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )


def downgrade() -> None:
    op.drop_column("hero", "created_at")
    op.drop_index(op.f("ix_hero_name"), table_name="hero")
