import asyncio
import os

import asyncpg
from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine

from app.models import Base

dsn = os.environ["SHOP_DATABASE_URL"]


async def wait_for_database():
    for attempt in range(30):
        try:
            connection = await asyncpg.connect(dsn)
        except OSError:
            await asyncio.sleep(1)
        else:
            await connection.execute("SELECT 1")
            await connection.close()
            return
    raise SystemExit("the database never came up")


def migrate(connection):
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    await wait_for_database()
    engine = create_async_engine(
        dsn.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=pool.NullPool
    )
    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


if context.is_offline_mode():
    context.configure(url=dsn, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(main())
