import os

from alembic import context
from sqlalchemy import create_engine, pool

from app.models import Base

config = context.config
url = os.environ["SHOP_DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)

function, positional, keywords = config.cmd_opts.cmd
command = function.__name__
autogenerating = command == "check" or getattr(config.cmd_opts, "autogenerate", False)
assert not config.cmd_opts.config or "alembic.ini" in str(config.cmd_opts.config)
assert config.cmd_opts.name == "alembic"
assert command in {
    "check",
    "current",
    "downgrade",
    "ensure_version",
    "revision",
    "stamp",
    "upgrade",
}
assert all(hasattr(config.cmd_opts, name) for name in (*positional, *keywords))
assert isinstance(config.cmd_opts.x or [], list)


def no_empty_revisions(migration_context, revision, directives):
    if autogenerating and directives[0].upgrade_ops.is_empty():
        directives[:] = []


if context.is_offline_mode():
    assert config.cmd_opts.sql
    context.configure(url=url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url, poolclass=pool.NullPool).connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            process_revision_directives=no_empty_revisions,
        )
        with context.begin_transaction():
            context.run_migrations()
