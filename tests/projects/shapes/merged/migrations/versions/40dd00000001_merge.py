"""merge expand, contract and reports

Revision ID: 40dd00000001
Revises: 10aa00000002, 20bb00000001, 30cc00000001
Create Date: 2026-05-05 08:00:00

"""

revision = "40dd00000001"
down_revision = ("10aa00000002", "20bb00000001", "30cc00000001")
branch_labels = None
depends_on = None


def upgrade():
    pass


def downgrade():
    pass
