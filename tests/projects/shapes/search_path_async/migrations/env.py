import asyncio
import os

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
    engine = create_async_engine(
        url,
        poolclass=pool.NullPool,
        connect_args={
            "server_settings": {"search_path": "shop", "jit": "off"},
            "statement_cache_size": 0,
            "timeout": 10,
        },
    )
    async with engine.begin() as connection:
        await connection.run_sync(migrate)


if context.is_offline_mode():
    context.configure(url=url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(main())
