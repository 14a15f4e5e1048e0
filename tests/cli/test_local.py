"""`dbtool local` as a user types it."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

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
        f"database  postgres@{home}:5432/shop\ndata      {home}/data\nlog       {home}/log\n\n"
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
    status = json.loads(dbtool("local", "status", "--json", cwd=shop).out)["data"]
    assert (status["running"], status["major"], status["root"]) == (True, MAJOR, str(shop))
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


def test_ctrl_c_while_starting(shop: Path) -> None:
    """The command ends with 130 and leaves nothing running or half made."""
    root = shop / "src" / "other"
    root.mkdir()
    (root / "alembic.ini").touch()
    command = [str(Path(sys.executable).parent / "dbtool"), "local", "start", "--pg", str(MAJOR)]
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as starting:
        assert starting.stderr is not None
        assert starting.stderr.readline().startswith("creating")
        time.sleep(0.2)
        starting.send_signal(signal.SIGINT)
        out, err = starting.communicate()
    assert (starting.returncode, out, err) == (130, "", "error: interrupted\n")
    assert eventually(lambda: not using(root))
    assert list((root / ".dbtool/postgres").iterdir()) == []
