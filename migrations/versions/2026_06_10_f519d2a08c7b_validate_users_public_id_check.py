"""Public identifiers of users: prove it for the rows that exist

Revision ID: f519d2a08c7b
Revises: 20c7e6b94fa3
Create Date: 2026-06-10 08:15:00 UTC
"""

from collections.abc import Sequence

from alembic import op

revision: str = "f519d2a08c7b"
down_revision: str | Sequence[str] | None = "20c7e6b94fa3"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_public_id_not_null")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_users_public_id_not_null"), "users", type_="check")
    op.create_check_constraint(
        op.f("ck_users_public_id_not_null"),
        "users",
        "public_id IS NOT NULL",
        postgresql_not_valid=True,
    )
