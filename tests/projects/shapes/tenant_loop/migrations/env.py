import os

from alembic import context
from sqlalchemy import create_engine, pool, text

from crm.tables import metadata

url = os.environ["SHOP_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
tenants = ["acme", "umbrella"]


def record(ctx, step, heads, run_args):
    ctx.connection.execute(
        text("INSERT INTO public.applied (what) VALUES (:what)"),
        {"what": f"{ctx.version_table_schema} {step.up_revision_id}"},
    )


if context.is_offline_mode():
    for tenant in tenants:
        context.configure(url=url, version_table_schema=tenant, literal_binds=True)
        with context.begin_transaction():
            context.execute(f"SET search_path TO {tenant}")
            context.run_migrations()
else:
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS public.applied (what text)"))
    for tenant in tenants:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {tenant}"))
            connection.execute(text(f"SET search_path TO {tenant}"))
            connection.commit()
            context.configure(
                connection=connection,
                target_metadata=metadata,
                version_table_schema=tenant,
                include_name=lambda name, kind, parents: name != "alembic_version",
                on_version_apply=record,
            )
            with context.begin_transaction():
                context.run_migrations()
