"""Public identifiers of users: fill the rows that exist

Batches by primary key, each committed on its own: no lock is held for long, and a run
that is interrupted goes on where it stopped.

Revision ID: 7c61b8e4f02a
Revises: b0e5932c6d1f
Create Date: 2026-06-03 09:25:00 UTC
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "7c61b8e4f02a"
down_revision: str | Sequence[str] | None = "b0e5932c6d1f"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


BATCH = 5_000
FILL = """
WITH batch AS (
    SELECT id FROM users WHERE id > :after ORDER BY id LIMIT :size
), filled AS (
    UPDATE users SET public_id = gen_random_uuid() FROM batch
    WHERE users.id = batch.id AND users.public_id IS NULL
)
SELECT max(id) FROM batch
"""


def upgrade() -> None:
    if op.get_context().as_sql:
        op.execute("UPDATE users SET public_id = gen_random_uuid() WHERE public_id IS NULL")
        return
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        after: int | None = 0
        while after is not None:
            after = connection.scalar(sa.text(FILL), {"after": after, "size": BATCH})


def downgrade() -> None:
    """Nothing to undo: the revision below drops the column."""
