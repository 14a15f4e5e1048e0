"""`check` beside Alembic's: `python -m benchmarks.check [TABLES …]`.

Models and database are equal, in one schema and in four. Both commands run in turn as whole
processes; what our throwaway server takes is counted as ours, and what the compared database's
server takes is told apart. Statements are those it was sent, as pg_stat_statements counts them.
Plain tables are known without being built. Of others, with a condition in each that only a server
can print, that is built in the first run and known for those after it.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.scratch.server import Server, throwaway
from tests.migrate.projects import INI

BIN = Path(sys.executable).parent
ROUNDS = 3
TITLES = ("wall s", "CPU s", "server CPU s")
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "DATABASE_URL")
}
ENV = """
from alembic import context
from sqlalchemy import engine_from_config, pool
from app.models import metadata

engine = engine_from_config(context.config.get_section("alembic"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, include_schemas={many})
    with context.begin_transaction():
        context.run_migrations()
"""
MODELS = """
from sqlalchemy import *

metadata = MetaData()
for number in range({count}):
    schema = [None, "one", "two", "three"][number % {schemas}]
    before = max(number - {schemas}, number % {schemas})
    key = f"{{schema}}.t{{before}}.id" if schema else f"t{{before}}.id"
    Table(
        f"t{{number}}",
        metadata,
        Column("id", BigInteger, primary_key=True),
        Column("name", String(50), nullable=False),
        Column("code", String(20), server_default="x"),
        Column("amount", Numeric(10, 2), nullable=False),
        Column("created", DateTime(timezone=True), server_default=func.now()),
        Column("a", Integer),
        Column("b", Integer),
        Column("c", Text),
        Column("parent", BigInteger, ForeignKey(key, name=f"fk_parent_{{number}}")),
        Column("other", BigInteger, ForeignKey(key, name=f"fk_other_{{number}}")),
        CheckConstraint("{condition}", name=f"ck_{{number}}"),
        UniqueConstraint("code", name=f"uq_{{number}}"),
        Index(f"ix_a_{{number}}", "a"),
        Index(f"ix_b_{{number}}", "b", "a"),
        Index(f"ix_c_{{number}}", "c", postgresql_where=text("a > 0")),
        schema=schema,
    )
"""


PLAIN, OTHER = "amount > 0", "abs(amount) > 0"


def write(root: Path, target: Target, count: int, schemas: int, condition: str = PLAIN) -> None:
    """A project without revisions, and its models in the database."""
    (root / "migrations/versions").mkdir(parents=True)
    (root / "app").mkdir()
    url = target.sqlalchemy_url("psycopg")
    (root / "alembic.ini").write_text(INI.replace("driver://user:pass@localhost/dbname", url))
    (root / "migrations/env.py").write_text(ENV.format(many=schemas > 1))
    (root / "app/models.py").write_text(
        MODELS.format(count=count, schemas=schemas, condition=condition)
    )
    with SyncConnection(target) as connection:
        connection.execute("CREATE SCHEMA one; CREATE SCHEMA two; CREATE SCHEMA three")
    create = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from app.models import metadata\nfrom sqlalchemy import create_engine\n"
        f"metadata.create_all(create_engine({url!r}), checkfirst=False)"
    )
    subprocess.run([sys.executable, "-c", create], check=True, env=ENVIRONMENT)


def whole(server: Server, command: list[str], root: Path) -> tuple[float, float, float]:
    """Wall and CPU seconds of a command and all it starts, and CPU seconds of the server.

    It has to find nothing.
    """
    busy = spent(server)
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, env=ENVIRONMENT)
    took, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode:
        raise SystemExit(
            f"{command[0]} found a difference:\n{ran.stdout[:2000]}{ran.stderr[:2000]}"
        )
    return took, sum(after[:2]) - sum(before[:2]), spent(server) - busy


def spent(server: Server) -> float:
    """Processor time of the server's processes that have ended."""
    # A server process that has just lost its client needs a moment to end.
    time.sleep(0.5)
    with SyncConnection(server.target()) as session:
        backend: int = session.fetchval("SELECT pg_backend_pid()")
        fields = _stat(int(_stat(backend)[1]))
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields of a process from its state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def statements(server: Server, target: Target, command: list[str], root: Path) -> int:
    """How many statements the database is sent."""
    with SyncConnection(server.target()) as connection:
        connection.execute("SELECT pg_stat_statements_reset()")
        whole(server, command, root)
        calls: int = connection.fetchval(
            "SELECT sum(calls)::int FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
            " WHERE d.datname = $1",
            target.database,
        )
    return calls


def compare(server: Server, root: Path, count: int, schemas: int, condition: str) -> None:
    """Print the medians of both, and the ratios."""
    target = server.create_database(root.name)
    write(root, target, count, schemas, condition)
    pair = (
        [str(BIN / "alembic"), "check"],
        [str(BIN / "dbtool"), "check", "--url", target.sqlalchemy_url("psycopg")],
    )
    first = whole(server, pair[1], root)
    sent = [statements(server, target, each, root) for each in pair]
    runs = [[whole(server, each, root) for each in pair] for _ in range(ROUNDS)]
    theirs, ours = (
        [median(figures) for figures in zip(*some, strict=True)] for some in zip(*runs, strict=True)
    )
    kind = "plain " if condition == PLAIN else ""
    where = f"{schemas} schema{'s' if schemas > 1 else ''}"
    print(f"\n{count:,} {kind}tables in {where}, nothing differs")
    for title, slow, cold, fast in zip(TITLES, theirs, first, ours, strict=True):
        print(
            f"  {title:13} alembic {slow:7.2f}   dbtool {fast:7.2f}   {slow / fast:5.1f} times"
            f"   first run {cold:7.2f}   {slow / cold:5.1f} times"
        )
    print(f"  statements    alembic {sent[0]:7,}   dbtool {sent[1]:7,}")


def main(counts: list[int]) -> None:
    """Each size in one schema and in four, and where tables are not plain."""
    settings = {"pg_stat_statements.track_utility": "on"}
    with throwaway(settings=settings) as server, TemporaryDirectory() as directory:
        with SyncConnection(server.target()) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        for count in counts:
            for schemas, condition in ((1, PLAIN), (4, PLAIN), (1, OTHER)):
                root = Path(directory) / f"check_{count}_{schemas}_{len(condition)}"
                compare(server, root, count, schemas, condition)


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or [1000])
