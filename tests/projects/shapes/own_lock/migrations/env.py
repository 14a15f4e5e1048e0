import os

from alembic import context
from sqlalchemy import create_engine, event, text

from app.models import Base

url = os.environ["SHOP_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
engine = create_engine(url, connect_args={"options": "-c statement_timeout=60000"})


@event.listens_for(engine, "connect")
def be_polite(connection, record):
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '3s'")
    connection.commit()


if context.is_offline_mode():
    context.configure(url=url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.execute(text("SET LOCAL idle_in_transaction_session_timeout = '60s'"))
            context.execute(text("SELECT pg_advisory_xact_lock(4711)"))
            context.run_migrations()
    with engine.connect() as connection:
        held = connection.scalar(
            text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711")
        )
        assert held == 0
