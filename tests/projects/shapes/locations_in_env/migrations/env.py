import os

from alembic import context
from sqlalchemy import create_engine, pool

from app.models import Base

url = os.environ["SHOP_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)

# one folder of revisions per kind of database
here = os.path.dirname(__file__)
context.script.version_locations = [os.path.join(here, "postgresql")]

if context.is_offline_mode():
    context.configure(url=url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url, poolclass=pool.NullPool).connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()
