from alembic import context
from sqlalchemy import create_engine

from app.models import Base

DATABASE_URI = "@URL:psycopg@"

if context.is_offline_mode():
    context.configure(url=DATABASE_URI, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(DATABASE_URI).connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()
