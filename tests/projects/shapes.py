"""Every shape of project the tests know, in the order of what is unusual about it."""

from pathlib import Path

from tests.projects.build import Shape

FIRST_TABLES = """
CREATE TABLE customers (id serial PRIMARY KEY, email varchar(320) NOT NULL UNIQUE);
CREATE TABLE invoices (id serial PRIMARY KEY, customer_id int REFERENCES customers (id));
"""


def generate_revisions(root: Path, count: int = 40) -> None:
    """A long linear history of small changes."""
    versions = root / "migrations/versions"
    versions.mkdir(parents=True, exist_ok=True)
    down = None
    for number in range(1, count + 1):
        revision = f"{number:03d}{'abcdef'[number % 6]}{number * 7919:08x}"
        (versions / f"{revision}_step_{number}.py").write_text(_step(number, revision, down))
        down = revision


def _step(number: int, revision: str, down: str | None) -> str:
    table, column = f"t{(number - 1) // 10}", f"c{number}"
    if number % 10 == 1:
        up = f'op.create_table("{table}", sa.Column("id", sa.Integer(), primary_key=True))'
        back = f'op.drop_table("{table}")'
    else:
        up = f'op.add_column("{table}", sa.Column("{column}", sa.Text()))'
        back = f'op.drop_column("{table}", "{column}")'
    return f'''"""step {number}

Revision ID: {revision}
Revises: {down or ""}
Create Date: 2025-{number % 12 + 1:02d}-{number % 28 + 1:02d} 10:00:00

"""
from alembic import op
import sqlalchemy as sa

revision = {revision!r}
down_revision = {down!r}
branch_labels = None
depends_on = None


def upgrade():
    {up}


def downgrade():
    {back}
'''


def spread_over_years(root: Path) -> None:
    """Sort the revisions into folders by year and month, as the file template does."""
    versions = root / "migrations/versions"
    for path in sorted(versions.glob("*.py")):
        created = path.read_text().partition("Create Date: ")[2]
        folder = versions / created[:4] / created[5:7]
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / path.name)


def make_package(root: Path) -> None:
    """Turn the environment into a sub-package of the application."""
    (root / "src/app/migrations/__init__.py").touch()


BASE_VERSIONS = ("migrations/versions",)

TEMPLATES = tuple(
    Shape(name=f"template_{name}", about=f"Alembic's own template {name}", template=name)
    for name in ("generic", "async", "pyproject", "pyproject_async")
)
PROJECTS = (
    *TEMPLATES,
    Shape(
        name="tenants",
        about="a schema per tenant, chosen by -x",
        x=("tenant=acme",),
        without=("app", "migrations"),
    ),
    Shape(
        name="tenant_loop",
        about="one run over the schemas of all tenants",
        without=("app", "migrations"),
    ),
    Shape(
        name="search_path_option",
        about="connect_args name the schema",
        before="CREATE SCHEMA shop",
    ),
    Shape(
        name="search_path_async",
        about="connect_args of asyncpg name the schema",
        before="CREATE SCHEMA shop",
    ),
    Shape(name="second_connection", about="a revision opens further connections"),
    Shape(
        name="async_settings",
        about="SQLModel, pydantic-settings and an async env.py",
        without=BASE_VERSIONS,
    ),
    Shape(name="worker_thread", about="env.py runs its loop in a thread of its own"),
    Shape(name="shared_connection", about="env.py takes a connection, else opens one"),
    Shape(name="hard_coded", about="the URL stands in env.py"),
    Shape(name="overwritten_option", about="env.py overwrites sqlalchemy.url"),
    Shape(name="two_engines", about="one engine locks, one migrates"),
    Shape(name="raw_driver", about="env.py waits for the database with asyncpg itself"),
    Shape(name="own_lock", about="env.py sets timeouts and takes a lock"),
    Shape(name="per_migration", about="a transaction per revision, and steps outside of it"),
    Shape(name="metadata_list", about="several MetaData in a list"),
    Shape(name="cmd_opts", about="env.py reads Alembic's parsed command line"),
    Shape(name="noisy", about="env.py prints, logs to stdout and resets logging"),
    Shape(name="named_section", about="an ini without [alembic]", section="shop"),
    Shape(name="pyproject_only", about="[tool.alembic] and no ini", without=("alembic.ini",)),
    Shape(name="by_year", about="revisions in folders by year", finish=spread_over_years),
    Shape(
        name="package_location",
        about="script_location names a package",
        moves={"app": "src/app", "migrations": "src/app/migrations"},
        finish=make_package,
    ),
    Shape(
        name="ini_outside",
        about="the ini lies outside the repository, its paths start at the repository",
        directory="repo",
        config="../deploy/alembic.ini",
        without=("alembic.ini",),
        moves={"app": "repo/app", "migrations": "repo/migrations"},
    ),
    Shape(
        name="locations_in_env",
        about="env.py says where the revisions are",
        moves={"migrations/versions": "migrations/postgresql"},
    ),
    Shape(name="branches", about="labels, dependencies, three heads", head="heads"),
    Shape(name="merged", about="branches that were merged"),
    Shape(
        name="create_all_first",
        about="the history begins after create_all",
        without=BASE_VERSIONS,
        before=FIRST_TABLES,
    ),
    Shape(name="models_missing", about="env.py does not import the models"),
    Shape(name="app_in_revisions", about="revisions import the application, which talks"),
    Shape(name="irreversible", about="the last downgrade raises on purpose"),
    Shape(
        name="long_history",
        about="forty revisions",
        without=BASE_VERSIONS,
        finish=generate_revisions,
    ),
)

LONG = Shape(
    name="long_history",
    about="two hundred revisions",
    without=BASE_VERSIONS,
    finish=lambda root: generate_revisions(root, 200),
)
"""The full size of the long history."""

OTHERS = (
    Shape(name="template_multidb", about="Alembic's template multidb", template="multidb"),
    Shape(name="creator", about="the engine connects through a function"),
    Shape(name="async_creator", about="the async engine connects through a coroutine function"),
    Shape(name="listening_creator", about="a new connection is written to at once"),
    Shape(name="two_databases", about="a second engine leads elsewhere"),
    Shape(name="creates_database", about="env.py creates its database when it is missing"),
    Shape(name="old_driver", about="psycopg2 is named and not installed"),
)
"""Projects on which dbtool does not simply do what Alembic does."""
