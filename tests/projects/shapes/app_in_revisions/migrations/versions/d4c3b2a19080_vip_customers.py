"""vip customers

Revision ID: d4c3b2a19080
Revises: c07b5a81e9d4
Create Date: 2026-06-18 13:30:00

"""

from alembic import op
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.events import publish
from app.models import Customer, Tier

revision = "d4c3b2a19080"
down_revision = "c07b5a81e9d4"
branch_labels = None
depends_on = None


def upgrade():
    session = Session(bind=op.get_bind())
    session.execute(insert(Tier).values(code="vip", discount=30))
    session.add(Customer(email="first@example.org", note="migrated"))
    session.flush()
    count = len(session.scalars(select(Customer)).all())
    print("NOISE customers:", count)
    publish("customers.migrated")


def downgrade():
    session = Session(bind=op.get_bind())
    session.query(Customer).filter_by(note="migrated").delete()
    session.query(Tier).filter_by(code="vip").delete()
    session.flush()
