"""Rows written as files, and tables emptied, on a real server."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import DbtoolError, UsageError
from dbtool.guard import Consent, Permission
from dbtool.metadata import Models
from dbtool.ports import Silent
from dbtool.scratch.binaries import client
from dbtool.scratch.server import Server
from dbtool.seed.export import export
from dbtool.seed.plan import Request
from dbtool.seed.reset import reset
from dbtool.seed.run import seed
from tests.conftest import Dbtool

SMALL = Request(rows=40)
AGREED = Permission(Consent(yes=True))
DIGEST = """
SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM (
    SELECT u.*, p.*, c.* FROM users u JOIN posts p ON p.author_id = u.id
    LEFT JOIN comments c ON c.post_id = p.id) AS t
"""


def test_psql_loads_the_same_rows_as_a_run(
    server: Server, migrated: Target, example: Models, tmp_path: Path
) -> None:
    """Plain psql and no dbtool: the rows, the sequences and the hashes are the run's."""
    done = export(migrated, example, SMALL, tmp_path / "out", Silent())
    psql = client("psql", server.binaries.major)
    environment = migrated.libpq_environment(os.environ)
    script = [str(psql), "-X", "-q", "-f", "load.sql"]
    ran = subprocess.run(
        script, cwd=tmp_path / "out", env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    with SyncConnection(migrated) as session:
        loaded = session.fetchval(DIGEST)
        after = session.fetch("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1")
        reset(migrated, example, Request(), AGREED, Silent())
        seed(migrated, example, SMALL)
        assert session.fetchval(DIGEST) == loaded
        sequences = "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1"
        assert session.fetch(sequences) == after
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["plan"] == done.plan.fingerprint
    assert sum(each["rows"] for each in manifest["files"]) == done.plan.rows


def test_an_export_replaces_an_earlier_one_and_nothing_else(
    migrated: Target, example: Models, tmp_path: Path
) -> None:
    """A directory with something else in it is left alone; a file in the way is named."""
    few = Request(rows=5, tables=("users",))
    export(migrated, example, SMALL, tmp_path / "out", Silent())
    export(migrated, example, few, tmp_path / "out", Silent())
    names = ["001_users.copy", "load.sql", "manifest.json"]
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == names
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds what no export wrote"):
        export(migrated, example, few, tmp_path / "out", Silent())
    (tmp_path / "file").write_text("mine")
    for wrong in ("file", "file/below"):
        with pytest.raises(DbtoolError):
            export(migrated, example, few, tmp_path / wrong, Silent())
    assert (tmp_path / "file").read_text() == "mine"


def test_reset_names_the_rows_and_asks(
    migrated: Target, example: Models, dbtool: Dbtool, tmp_path: Path
) -> None:
    """Nothing goes without a yes; then all goes and keys begin at one again."""
    (tmp_path / "dbtool.toml").write_text('models = ["dbtool.example:Base"]\n')
    url = {"DATABASE_URL": migrated.sqlalchemy_url()}
    seed(migrated, example, SMALL)
    asked = dbtool("seed", "reset", cwd=tmp_path, env=url)
    assert asked.code == 2
    assert "These rows will be lost: categories 8 rows," in asked.err.replace("\n", " ")
    named = dbtool("seed", "reset", "--dry-run", "--tables", "comments", cwd=tmp_path, env=url)
    assert named.code == 0
    with SyncConnection(migrated) as session:
        assert session.fetchval("SELECT count(*) FROM users") == 40
        gone = dbtool("seed", "reset", "--yes", "--json", cwd=tmp_path, env=url)
        assert gone.code == 0
        lost = {each["shown"]: each["rows"] for each in json.loads(gone.out)["data"]["tables"]}
        assert lost["users"] == 40
        assert session.fetchval("SELECT count(*) FROM users") == 0
        assert session.fetchval("SELECT nextval('users_id_seq')") == 1
