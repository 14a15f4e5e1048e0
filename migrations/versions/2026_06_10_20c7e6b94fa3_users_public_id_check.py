"""Public identifiers of users: no new row without one

Revision ID: 20c7e6b94fa3
Revises: d38a4f17e5b9
Create Date: 2026-06-10 08:00:00 UTC
"""

from collections.abc import Sequence

from alembic import op

revision: str = "20c7e6b94fa3"
down_revision: str | Sequence[str] | None = "d38a4f17e5b9"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_check_constraint(
        op.f("ck_users_public_id_not_null"),
        "users",
        "public_id IS NOT NULL",
        postgresql_not_valid=True,
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_users_public_id_not_null"), "users", type_="check")
