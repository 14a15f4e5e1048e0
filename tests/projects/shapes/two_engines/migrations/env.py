import os
from contextlib import contextmanager

from alembic import context
from sqlalchemy import create_engine, pool, text

from app.models import Base

url = os.environ["SHOP_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
migration_lock = 7_215_001


@contextmanager
def only_one_deploy():
    guard = create_engine(url, poolclass=pool.NullPool, isolation_level="AUTOCOMMIT")
    with guard.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": migration_lock})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": migration_lock})


if context.is_offline_mode():
    context.configure(url=url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = create_engine(url)
    with only_one_deploy(), engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()
