"""Small projects written for one test: an env.py, a few revisions, and where they lie."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

INI = """
[alembic]
script_location = migrations
prepend_sys_path = .
path_separator = os
sqlalchemy.url = driver://user:pass@localhost/dbname
"""

MIGRATE = """
def migrate(connection):
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""

FROM_CONFIG = """
from alembic import context
from sqlalchemy import engine_from_config, pool

if context.is_offline_mode():
    context.configure(url=context.config.get_main_option("sqlalchemy.url"), literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    section = context.config.get_section(context.config.config_ini_section)
    with engine_from_config(section, poolclass=pool.NullPool).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""

MAKO = '''"""${message}

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}

"""
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''


@dataclass(frozen=True, slots=True)
class Small:
    """A project in a temporary directory."""

    root: Path

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    def env(self, text: str) -> Path:
        """Write env.py."""
        return self.write("migrations/env.py", text)

    def revision(
        self,
        name: str,
        down: str | tuple[str, ...] | None = None,
        up: str = "",
        back: str = "",
        **header: object,
    ) -> Path:
        """Write a revision; `up` and `back` are lines of its two functions."""
        variables = {"branch_labels": None, "depends_on": None, **header}
        lines = [
            f'"""{name} does something."""',
            "from alembic import op",
            "import sqlalchemy as sa",
            f"revision = {name!r}",
            f"down_revision = {down!r}",
            *(f"{key} = {value!r}" for key, value in variables.items()),
            "def upgrade():",
            *(f"    {line}" for line in dedent(up or "pass").strip("\n").splitlines()),
            "def downgrade():",
            *(f"    {line}" for line in dedent(back or "pass").strip("\n").splitlines()),
        ]
        path = self.root / f"migrations/versions/{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


def small(root: Path, env: str = FROM_CONFIG, revisions: int = 2) -> Small:
    """A project with an env.py and a straight history of tables `t1`, `t2`, …"""
    project = Small(root)
    project.write("alembic.ini", INI)
    project.write("migrations/script.py.mako", MAKO)
    project.env(env)
    down = None
    for number in range(1, revisions + 1):
        name = f"aaaa{number:08d}"
        project.revision(
            name,
            down,
            f'op.execute("CREATE TABLE t{number} (id int)")',
            f'op.execute("DROP TABLE t{number}")',
        )
        down = name
    return project
