from alembic import context
from alembic.util import CommandError
from sqlalchemy import create_engine, text
from sqlalchemy.schema import CreateSchema

from crm.tables import metadata
from crm.types import JSONDocument, Money

config = context.config
arguments = context.get_x_argument(as_dictionary=True)

tenant = arguments.get("tenant")
if not tenant:
    raise CommandError("say which tenant: alembic -x tenant=NAME ...")

IGNORED_TABLES = {"spatial_ref_sys", "audit_trail", "schema_versions"}
MANAGED_SCHEMAS = {None, "shared"}


def include_name(name, type_, parent_names):
    if type_ == "schema":
        return name in MANAGED_SCHEMAS
    return True


def include_object(obj, name, type_, reflected, compare_to):
    if obj.info.get("is_view"):
        return False
    if type_ == "table" and name in IGNORED_TABLES:
        return False
    return True


def render_item(type_, obj, autogen_context):
    if type_ == "type" and isinstance(obj, Money):
        autogen_context.imports.add("from crm.types import Money")
        return "Money()"
    if type_ == "type" and isinstance(obj, JSONDocument):
        autogen_context.imports.add("from crm.types import JSONDocument")
        return f"JSONDocument({obj.schema!r})"
    return False


def compare_type(ctx, inspected_column, metadata_column, inspected_type, metadata_type):
    if isinstance(metadata_type, (Money, JSONDocument)):
        return False
    return None


def options():
    return dict(
        target_metadata=metadata,
        version_table="schema_versions",
        version_table_schema=tenant,
        include_schemas=True,
        include_name=include_name,
        include_object=include_object,
        render_item=render_item,
        compare_type=compare_type,
    )


dsn = config.get_section_option("crm", "dsn")

if context.is_offline_mode():
    context.configure(url=dsn, literal_binds=True, **options())
    with context.begin_transaction():
        context.execute(f'SET search_path TO "{tenant}"')
        context.run_migrations()
else:
    engine = create_engine(dsn)
    with engine.connect() as connection:
        connection.execute(CreateSchema("shared", if_not_exists=True))
        connection.execute(CreateSchema(tenant, if_not_exists=True))
        connection.execute(text(f'SET search_path TO "{tenant}"'))
        connection.commit()
        # the tenant's schema stands in for "public" in everything Alembic reflects
        connection.dialect.default_schema_name = tenant
        context.configure(connection=connection, **options())
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()
