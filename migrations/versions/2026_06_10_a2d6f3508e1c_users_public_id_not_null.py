"""Public identifiers of users: NOT NULL and UNIQUE

Both are brief: the validated CHECK saves the scan, the index is already built.

Revision ID: a2d6f3508e1c
Revises: f519d2a08c7b
Create Date: 2026-06-10 08:30:00 UTC
"""

from collections.abc import Sequence

from alembic import op

revision: str = "a2d6f3508e1c"
down_revision: str | Sequence[str] | None = "f519d2a08c7b"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.alter_column("users", "public_id", nullable=False)
    op.drop_constraint(op.f("ck_users_public_id_not_null"), "users", type_="check")
    op.execute(
        "ALTER TABLE users ADD CONSTRAINT uq_users_public_id UNIQUE USING INDEX uq_users_public_id"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("uq_users_public_id"), "users", type_="unique")
    op.create_index("uq_users_public_id", "users", ["public_id"], unique=True)
    op.create_check_constraint(
        op.f("ck_users_public_id_not_null"), "users", "public_id IS NOT NULL"
    )
    op.alter_column("users", "public_id", nullable=True)
