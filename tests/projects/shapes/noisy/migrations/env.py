import logging
import os
import sys
import warnings
from logging.config import fileConfig

from alembic import context
from sqlalchemy import create_engine, pool

from app.models import Base

config = context.config
fileConfig(config.config_file_name)  # switches off every logger that exists by now
logging.getLogger("shop.migrations").warning("about to migrate")
warnings.warn("NOISE the settings are deprecated", DeprecationWarning, stacklevel=1)

url = os.environ["SHOP_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
print("NOISE database:", url.rpartition("@")[2])
sys.stdout.write("NOISE without a line end")
sys.stdout.flush()

if context.is_offline_mode():
    context.configure(url=url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url, poolclass=pool.NullPool, echo=True).connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()
    print("NOISE done")
