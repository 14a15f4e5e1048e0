from alembic import context
from sqlalchemy import engine_from_config, pool

from app.models import Base

config = context.config
assert config.config_ini_section == "shop"

if context.is_offline_mode():
    context.configure(
        url=config.get_main_option("sqlalchemy.url"),
        target_metadata=Base.metadata,
        literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()
else:
    connectable = engine_from_config(
        config.get_section(config.config_ini_section), poolclass=pool.NullPool
    )
    with connectable.connect() as connection:
        context.configure(
            connection=connection, target_metadata=Base.metadata, version_table="shop_version"
        )
        with context.begin_transaction():
            context.run_migrations()
