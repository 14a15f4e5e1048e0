"""`dbtool local` as a user types it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbtool.settings import driver
from dbtool.settings.project import find
from tests.conftest import MAJOR, Dbtool
from tests.processes import eventually, using


@pytest.fixture(scope="module")
def shop() -> Iterator[Path]:
    """A project directory below which nothing runs in the end."""
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        root = Path(name) / "shop"
        (root / "src").mkdir(parents=True)
        (root / "alembic.ini").touch()
        yield root
        assert eventually(lambda: not using(root))


def test_a_day_with_it(dbtool: Dbtool, shop: Path) -> None:
    """Start, look, connect, stop: each says what it did, the URL stands alone."""
    home = shop / ".dbtool/postgres"
    running = (
        f"database  postgres@{home}:5432/shop\n"
        f"url       postgresql+asyncpg://postgres@/shop?host={home}&port=5432\n"
        f"data      {home}/data\nlog       {home}/log\n\n"
        'next:\n  export DATABASE_URL="$(dbtool local url)"\n'
        "  dbtool local psql\n  dbtool local stop\n"
    )
    stopped = f"data  {home}/data\nlog   {home}/log\n"

    none = dbtool("local", "status", cwd=shop)
    assert none.out == f"no local server in {shop}\n\nnext: dbtool local start\n"
    first = dbtool("local", "start", "--pg", MAJOR, cwd=shop / "src")
    assert (first.code, first.out) == (0, f"PostgreSQL {MAJOR} is running\n\n{running}")
    assert first.err == f"creating a PostgreSQL {MAJOR} server in {home}\n"
    again = dbtool("local", "start", cwd=shop)
    assert again.out == f"PostgreSQL {MAJOR} was already running\n\n{running}"
    assert again.err == ""

    elsewhere = {
        "DATABASE_URL": "postgresql://nobody@192.0.2.1/production",
        "PGHOSTADDR": "192.0.2.1",
        "PGSERVICE": "production",
    }
    url = dbtool("local", "url", cwd=shop, env=elsewhere)
    assert url.out == f"postgresql+asyncpg://postgres@/shop?host={home}&port=5432\n"
    plain = dbtool("local", "url", "--libpq", "--json", cwd=shop)
    libpq = json.loads(plain.out)["data"]["url"]
    assert libpq == f"postgresql://postgres@/shop?host={home}&port=5432"
    named = dbtool("local", "psql", "--", "-Atc", "select current_database()", cwd=shop)
    assert (named.code, named.out, named.err) == (0, "shop\n", "")
    read = dbtool("local", "psql", "--", "-At", cwd=shop, stdin="select 2;\n", env=elsewhere)
    assert read.out == "2\n"
    known = dbtool("local", "status", cwd=shop, env={"DATABASE_URL": libpq})
    assert known.out.endswith("next:\n  dbtool local psql\n  dbtool local stop\n")
    status = json.loads(dbtool("local", "status", "--json", cwd=shop).out)["data"]
    assert status["answers"] is True
    assert (status["running"], status["major"], status["root"]) == (True, MAJOR, str(shop))
    assert status["databases"] == ["shop"]
    assert status["target"]["database"] == "shop"
    assert "password" not in json.dumps(status)

    assert dbtool("local", "stop", cwd=shop).out == f"PostgreSQL {MAJOR} is stopped\n\n{stopped}"
    over = dbtool("local", "stop", cwd=shop)
    assert (over.code, over.out) == (0, f"PostgreSQL {MAJOR} was not running\n\n{stopped}")
    for command in ("url", "psql"):
        refused = dbtool("local", command, cwd=shop)
        assert (refused.code, refused.out) == (3, "")
        assert refused.err == (
            "error: the local server is not running\n"
            f"detail: It belongs to the project in {shop}.\n"
            "hint: Start it with: dbtool local start\n"
        )


ENGINES = {
    "synchronous": "engine = engine_from_config(config)\n",
    "asynchronous": "engine = async_engine_from_config(config)\n",
}


@pytest.mark.parametrize(
    ("files", "scheme"),
    [
        ({}, "postgresql+asyncpg"),
        ({".env": "DATABASE_URL=postgresql://shop@db/shop\n"}, "postgresql"),
        ({".env": "DATABASE_URL=postgres://shop@db/shop\n"}, "postgresql"),
        (
            {"alembic.ini": "[alembic]\nsqlalchemy.url = postgresql+psycopg2://db/x\n"},
            "postgresql+psycopg2",
        ),
        ({"migrations/env.py": ENGINES["synchronous"]}, "postgresql+psycopg"),
        ({"migrations/env.py": ENGINES["asynchronous"]}, "postgresql+asyncpg"),
        (
            {
                "alembic.ini": "[alembic]\nscript_location = %(here)s/db\n"
                "sqlalchemy.url = driver://user:pass@localhost/dbname\n",
                "db/env.py": ENGINES["synchronous"],
            },
            "postgresql+psycopg",
        ),
        (
            {
                "pyproject.toml": '[tool.dbtool]\nurl = "postgresql+psycopg://db/x"\n',
                "migrations/env.py": ENGINES["asynchronous"],
            },
            "postgresql+psycopg",
        ),
    ],
)
def test_the_scheme_of_the_project(tmp_path: Path, files: dict[str, str], scheme: str) -> None:
    """A URL begins as the project's own do, else as the engine of env.py needs it."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert driver.scheme(find(tmp_path)) == scheme


@pytest.fixture
def running(dbtool: Dbtool, shop: Path) -> Iterator[Path]:
    """The project with its server running."""
    assert dbtool("local", "start", "--pg", MAJOR, cwd=shop).code == 0
    yield shop
    assert dbtool("local", "stop", cwd=shop).code == 0


def test_driver(dbtool: Dbtool, running: Path) -> None:
    """--driver names another one than the project's; it and --libpq exclude each other."""
    place = f"postgres@/shop?host={running}/.dbtool/postgres&port=5432\n"
    for name in ("asyncpg", "psycopg", "psycopg_async", "psycopg2"):
        ran = dbtool("local", "url", "--driver", name, cwd=running)
        assert (ran.code, ran.out) == (0, f"postgresql+{name}://{place}")
    both = dbtool("local", "url", "--driver", "psycopg", "--libpq", cwd=running)
    assert (both.code, both.err) == (2, "error: --driver and --libpq exclude each other\n")
    assert dbtool("local", "url", "--driver", "oracle", cwd=running).code == 2


def test_what_others_say_of_it(dbtool: Dbtool, running: Path) -> None:
    """It is for development, and named where the settings lead to a server that is not there."""
    url = dbtool("local", "url", cwd=running).out.strip()
    shown = dbtool("config", cwd=running, env={"DATABASE_URL": url}).out
    assert shown.splitlines()[0].endswith("/shop, from DATABASE_URL: development")
    assert "standing      development: it is on the server of dbtool local\n" in shown
    assert "to classify it" not in shown
    unnamed = dbtool("config", cwd=running).out
    assert unnamed.endswith('next: export DATABASE_URL="$(dbtool local url)"\n')
    asked = dbtool("pool", cwd=running)
    assert (asked.code, asked.out) == (2, "")
    assert asked.err.endswith(
        '      The server of dbtool local runs: export DATABASE_URL="$(dbtool local url)"\n'
    )
    made = dbtool("local", "psql", "--", "-qc", "CREATE DATABASE demo", cwd=running)
    assert (made.code, made.err) == (0, "")
    assert dbtool("pool", cwd=running).err == asked.err + (
        "      What dbtool demo --keep left is in another database: dbtool local url demo\n"
    )
    nobody = "postgresql://shop@localhost:1/shop"
    ran = dbtool("pool", cwd=running, env={"DATABASE_URL": nobody})
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.endswith(
        "hint: The server of dbtool local runs; DATABASE_URL names another one.\n"
        '      export DATABASE_URL="$(dbtool local url)"\n'
    )
    given = dbtool("pool", "--url", nobody, cwd=running)
    assert given.err.endswith(
        "hint: The server of dbtool local runs; --url names another one."
        " dbtool local url prints its URL.\n"
    )


def test_a_database_that_is_missing(dbtool: Dbtool, running: Path) -> None:
    """The hint works without client programs beside us, and without the server's password."""
    url = dbtool("local", "url", "no-such", cwd=running).out.strip()
    ran = dbtool("pool", cwd=running, env={"DATABASE_URL": url})
    command = "dbtool local psql -- -c 'CREATE DATABASE \"no-such\"'"
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.endswith(f"\nhint: Check the name, or create it: {command}\n")
    made = dbtool("local", "psql", "--", "-c", 'CREATE DATABASE "no-such"', cwd=running)
    assert made.out == "CREATE DATABASE\n"
    assert dbtool("pool", cwd=running, env={"DATABASE_URL": url}).code == 0
    sql = "DROP DATABASE IF EXISTS demo;\nDROP DATABASE shop;\n"
    dropped = dbtool("local", "psql", "--", "-q", "no-such", cwd=running, stdin=sql)
    assert dropped.code == 0
    status = dbtool("local", "status", cwd=running).out
    assert status.startswith(f"PostgreSQL {MAJOR} is running\n\ndatabase  ")
    assert "\nothers    no-such\n" in status
    assert dbtool("local", "start", cwd=running).code == 0
    url = dbtool("local", "url", cwd=running).out.strip()
    assert dbtool("pool", cwd=running, env={"DATABASE_URL": url}).code == 0


def test_a_server_that_hangs(dbtool: Dbtool, running: Path) -> None:
    """Status tells a server that does not answer from one that runs."""
    pid = json.loads(dbtool("local", "status", "--json", cwd=running).out)["data"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        ran = dbtool("local", "status", cwd=running)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert ran.out.startswith(f"PostgreSQL {MAJOR} runs and does not answer\n")
    assert ran.out.endswith("next: dbtool local stop\n")


def test_a_version_nobody_has(dbtool: Dbtool, tmp_path: Path) -> None:
    """The error lists what is there; nothing is begun."""
    refused = dbtool("local", "start", "--pg", "12", cwd=tmp_path)
    assert (refused.code, refused.out) == (2, "")
    message, detail, hint = refused.err.splitlines()
    assert message == "error: no server programs of PostgreSQL 12 on this machine"
    assert f"{MAJOR} (" in detail
    assert 'pip install "dbtool-pg[local]"' in hint
    assert not (tmp_path / ".dbtool").exists()


def test_a_port_out_of_range(dbtool: Dbtool, tmp_path: Path) -> None:
    """Ports end at 65535."""
    refused = dbtool("local", "start", "--port", "99999", cwd=tmp_path)
    assert refused.code == 2
    assert refused.err.startswith('error: invalid value for "--port": 99999')
    assert not (tmp_path / ".dbtool").exists()


def interrupted(root: Path) -> tuple[int, str, str]:
    """How a start ends that hears Ctrl-C once it makes files."""
    command = [str(Path(sys.executable).parent / "dbtool"), "local", "start", "--pg", str(MAJOR)]
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as starting:
        assert starting.stderr is not None
        assert starting.stderr.readline().startswith("creating")
        assert eventually(lambda: any((root / ".dbtool/postgres").glob("new-*/*")))
        starting.send_signal(signal.SIGINT)
        out, err = starting.communicate()
    return starting.returncode, out, err


def test_ctrl_c_while_starting(dbtool: Dbtool, shop: Path) -> None:
    """The command ends with 130 and leaves nothing running or half made."""
    root = shop / "src" / "other"
    root.mkdir()
    (root / "alembic.ini").touch()
    ended = interrupted(root)
    for _ in range(5):
        if ended[0]:
            break
        # It was done before the signal came.
        assert dbtool("local", "stop", cwd=root).code == 0
        shutil.rmtree(root / ".dbtool")
        ended = interrupted(root)
    assert ended == (130, "", "error: interrupted\n")
    assert eventually(lambda: not using(root))
    assert list((root / ".dbtool/postgres").iterdir()) == []
