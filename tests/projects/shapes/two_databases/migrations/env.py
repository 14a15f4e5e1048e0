import os

from alembic import context
from sqlalchemy import create_engine, text

from app.models import Base

shop_url = os.environ["SHOP_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
reports_url = os.environ["REPORTS_DATABASE_URL"].replace(
    "postgresql://", "postgresql+psycopg://", 1
)

if context.is_offline_mode():
    context.configure(url=shop_url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    shop, reports = create_engine(shop_url), create_engine(reports_url)
    with shop.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata)
        with context.begin_transaction():
            context.run_migrations()
    with reports.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE IF NOT EXISTS schema_changes "
                "(at timestamptz DEFAULT now(), what text)"
            )
        )
        connection.execute(text("INSERT INTO schema_changes (what) VALUES ('shop migrated')"))
