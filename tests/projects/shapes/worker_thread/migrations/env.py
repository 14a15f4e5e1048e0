import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine

from app.models import Base

url = os.environ["SHOP_DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://", 1)


def migrate(connection):
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


def run_in_worker():
    # The application's event loop may be running in the main thread, and
    # asyncio.run() refuses to start a second one there.
    if threading.current_thread() is threading.main_thread():
        with ThreadPoolExecutor(max_workers=1) as executor:
            executor.submit(asyncio.run, main()).result()
    else:
        asyncio.run(main())


if context.is_offline_mode():
    context.configure(url=url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    run_in_worker()
