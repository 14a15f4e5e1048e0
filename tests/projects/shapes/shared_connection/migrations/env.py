import os

from alembic import context
from sqlalchemy import create_engine, pool

from app.models import Base

config = context.config
url = os.environ["SHOP_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)


def run(connection):
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=config.attributes.get("compare_type", True),
    )
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online():
    connectable = config.attributes.get("connection", None)
    if connectable is not None:
        run(connectable)
        return
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.begin() as connection:
        run(connection)


if context.is_offline_mode():
    context.configure(url=url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    run_migrations_online()
