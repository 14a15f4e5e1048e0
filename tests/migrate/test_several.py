"""A project whose env.py migrates several databases: each is a run of its own."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError
from dbtool.guard import Consent, Permission
from dbtool.migrate.downgrade import downgrade
from dbtool.migrate.downgrade import wish as undone
from dbtool.migrate.location import find
from dbtool.migrate.project import Project
from dbtool.migrate.several import Ledger, agree, parts
from dbtool.migrate.undoing import Refusal, read
from dbtool.migrate.upgrade import upgrade, wish
from dbtool.ports import Silent
from dbtool.scratch.server import Server
from tests.conftest import Dbtool
from tests.migrate.conftest import plain
from tests.projects.build import build, plain_url
from tests.projects.shapes import OTHERS

FIRST, SECOND = "6f0e1d2c3b4a", "7a0e1d2c3b4b"
REVISION = '''
"""second"""
from alembic import op
revision, down_revision = "{id}", "{after}"
def upgrade(engine_name):
    op.execute({{"engine1": "{one}", "engine2": "{two}"}}[engine_name])
def downgrade(engine_name):
    op.execute({{"engine1": "DROP TABLE one", "engine2": "DROP TABLE two"}}[engine_name])
'''


@pytest.fixture
def other(server: Server, database: Target) -> Iterator[Target]:
    """The second database, on the same server."""
    made = server.create_database(f"{database.database}_other")
    yield made
    server.drop_database(made.database)


def multidb(root: Path, first: Target, second: Target) -> Path:
    """Alembic's own template, with a model of two databases."""
    shape = next(each for each in OTHERS if each.name == "template_multidb")
    build(shape, root, first)
    ini = root / "alembic.ini"
    head, tail = ini.read_text().rsplit("[engine2]", 1)
    was, place = (plain_url(each, "psycopg").replace("%", "%%") for each in (first, second))
    assert was in tail
    ini.write_text(f"{head}[engine2]{tail.replace(was, place)}")
    return root


def add(root: Path, one: str, two: str) -> None:
    """A second revision, of a statement for each database."""
    text = REVISION.format(id=SECOND, after=FIRST, one=one, two=two)
    (root / "migrations/versions/second.py").write_text(text)


def tables_of(target: Target) -> list[str]:
    """The tables of a database."""
    with SyncConnection(target) as connection:
        rows = connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
    return [row[0] for row in rows]


def test_each_database_is_a_run_of_its_own(
    dbtool: Dbtool, tmp_path: Path, database: Target, other: Target
) -> None:
    """Upgrade, look, fail in the second, mend, downgrade: each says where every database is."""
    root = multidb(tmp_path / "shop", database, other)
    one, two = database.shown, other.shown
    up = dbtool("upgrade", "--json", cwd=root)
    assert up.code == 0, up
    found = json.loads(up.out)["data"]["databases"]
    assert [(each["name"], each["result"]["after"]) for each in found] == [
        ("engine1", [FIRST]),
        ("engine2", [FIRST]),
    ]
    assert tables_of(database) == ["alembic_version", "ledger"]
    assert tables_of(other) == ["alembic_version", "search"]

    add(root, "CREATE TABLE one ()", "CREATE TABLE search ()")
    planned = dbtool("upgrade", "--plan", cwd=root)
    assert planned.out.count("1 revision would run") == 2
    assert "CREATE TABLE" not in planned.err
    failed = dbtool("upgrade", cwd=root)
    said = " ".join(failed.err.split())
    assert failed.code == 4
    assert f"error: engine2: revision {SECOND} (second) failed" in said
    assert f"{two} stands at {FIRST}, as before." in said
    assert f"engine1: {one} upgraded from {FIRST} to {SECOND}: 1 revision in" in said
    graph = dbtool("history", "-i", cwd=root).out.splitlines()
    assert graph[0] == "2 revisions; 2 databases"
    assert f"engine2  {two} is at {FIRST}, 1 pending" in graph
    assert [each.split(None, 1)[0] for each in graph[-2:]] == [SECOND, FIRST]
    assert graph[-2].endswith(" (current in engine1, pending in engine2, head) second")
    assert graph[-1].endswith(" (current in engine2, base) ledger and search")
    stands = dbtool("current", cwd=root)
    assert f"{one} is at {SECOND} (head)" in stands.out
    assert f"{two} is at {FIRST}; 1 revision pending, up to {SECOND}" in stands.out

    add(root, "CREATE TABLE one ()", "CREATE TABLE two ()")
    again = dbtool("upgrade", cwd=root)
    assert f"{one} is at {SECOND}; nothing to upgrade" in again.out
    assert f"{two} upgraded from {FIRST} to {SECOND}" in again.out
    assert "nothing is pending" in dbtool("status", cwd=root).out
    down = dbtool("downgrade", "-1", "--yes", cwd=root)
    assert down.out.count(f"downgraded from {SECOND} to {FIRST}") == 2, down
    assert f"engine1: {SECOND} loses table one (0 rows)" in down.err
    planned = dbtool("downgrade", "base", "--plan", cwd=root)
    assert "loses table ledger (0 rows)" in planned.out
    assert "loses table search (0 rows)" in planned.out


def test_the_function_of_one_database_is_read(tmp_path: Path) -> None:
    """However the name of the database is put into that of the function."""
    for call in ('globals()["down_%s" % engine]()', 'globals()[f"down_{engine}"]()'):
        file = tmp_path / "revision.py"
        file.write_text(
            f"def downgrade(engine):\n    {call}\n"
            "def down_one():\n    raise NotImplementedError('for good')\n"
            "def down_two():\n    op.drop_table('two')\n"
        )
        one, two = (read(file, {"engine": each}) for each in ("one", "two"))
        assert (one.refusal, two.refusal) == (Refusal(4, "for good"), None)
        assert [each.arguments for each in two.calls] == [("two",)]
        assert read(file, {"engine": "three"}).code == call.replace('"', "'")


def test_steps_are_not_taken_twice() -> None:
    """After half of the databases went back one step, one more step is another for them."""
    ledger = Ledger({"one": "b", "two": "b"}, "-1")
    ledger.done["one"] = "one downgraded from b to a"
    ended = ledger.ended("two", OperationError("failed", detail="Why."))
    assert (ended.message, ended.detail) == (
        "two: failed",
        "Why.\none: one downgraded from b to a.",
    )
    assert ended.hint.startswith("Run again, -1 would lead one further than the others")
    assert Ledger({}, "-1").ended("two", OperationError("failed")).hint == ""
    for place in ("head-1", "ae10+2", "2026-11"):
        same = Ledger({"one": "b"}, place, {"one": "one downgraded"})
        assert same.ended("two", OperationError("failed")).hint == ""


def test_nothing_is_changed_before_all_is_known(
    dbtool: Dbtool, tmp_path: Path, database: Target, other: Target
) -> None:
    """One that cannot be reached, is not agreed to, or is the other again: neither is touched."""
    root = multidb(tmp_path / "shop", database, other.with_database("missing"))
    ran = dbtool("upgrade", cwd=root)
    assert (ran.code, tables_of(database)) == (3, []), ran
    assert 'error: engine2: there is no database "missing"' in ran.err
    ran = dbtool("status", cwd=root)
    assert ran.code == 3
    assert f"{database.shown} records no revision" in ran.out
    said = json.loads(dbtool("status", "--json", cwd=root).out)
    assert 'there is no database "missing"' in said["error"]["message"]
    assert [each["name"] for each in said["data"]["databases"]] == ["engine1"]

    nowhere = multidb(tmp_path / "nowhere", database.with_database("gone"), other)
    ini = nowhere / "alembic.ini"
    ini.write_text(ini.read_text().replace(other.database, "missing"))
    ran = dbtool("current", cwd=nowhere)
    assert (ran.code, ran.out) == (3, "")
    assert 'engine1: there is no database "gone"' in ran.err
    assert 'engine2: there is no database "missing"' in ran.err

    same = multidb(tmp_path / "same", database, database)
    ran = dbtool("upgrade", cwd=same)
    assert (ran.code, tables_of(database)) == (4, []), ran
    assert "engine1 and engine2 are one database, with one version table" in ran.err

    marked = multidb(tmp_path / "marked", database, other)
    place = plain(other)
    marked.joinpath("dbtool.toml").write_text(
        f'env.live = {{ url = "{place}", production = true }}\n'
    )
    ran = dbtool("upgrade", cwd=marked)
    assert (ran.code, tables_of(database), tables_of(other)) == (2, [], []), ran
    assert f'Upgrade "{other.database}"?' in ran.err
    assert dbtool("current", "-x", "db=engine2", cwd=marked).code == 4
    ran = dbtool("stamp", "base", "--confirm-database", "x,y", cwd=marked)
    assert ran.code == 2, ran
    both = f"{database.database},{other.database}"
    ran = dbtool("stamp", "head", "--confirm-database", both, cwd=marked)
    assert ran.code == 0, ran


def test_no_more_runs_than_was_agreed_to(
    dbtool: Dbtool,
    tmp_path: Path,
    database: Target,
    other: Target,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What becomes pending after a database was looked at is for another run."""
    root = multidb(tmp_path / "shop", database, other)
    assert dbtool("upgrade", cwd=root).code == 0
    monkeypatch.chdir(root)
    monkeypatch.setattr("sys.path", [*sys.path])
    env = root / "migrations/env.py"
    env.write_text(env.read_text().replace("fileConfig(config.config_file_name)", "pass"))
    project = Project(find(None, None, root), root=root)
    yes = Permission(Consent(yes=True))
    agreed = agree(parts(project), lambda _: wish("head", None, yes), Silent())
    assert [(each.name, each.stood) for each in agreed] == [("engine1", FIRST), ("engine2", FIRST)]
    add(root, "CREATE TABLE one ()", "CREATE TABLE two ()")
    with pytest.raises(OperationError, match=r"the plan for .* changed while"):
        upgrade(agreed[1].project, permission=agreed[1].permission)
    assert tables_of(other) == ["alembic_version", "search"]

    class Agreeing:
        def confirm(self, question: str) -> bool:
            return "?" in question

        def type_name(self, question: str, name: str) -> bool:
            return name in question

    asked = Permission(ask=Agreeing())
    agreed = agree(parts(project), lambda _: undone("-1", None, asked, Silent()), Silent())
    with SyncConnection(other) as connection:
        connection.execute("INSERT INTO search DEFAULT VALUES")
    with pytest.raises(OperationError, match="would lose more than was agreed to"):
        downgrade(agreed[1].project, "-1", permission=agreed[1].permission)
    assert tables_of(other) == ["alembic_version", "search"]


def test_two_phases_are_said_to_hold_for_one(
    dbtool: Dbtool, tmp_path: Path, database: Target, other: Target
) -> None:
    """Where env.py commits in two phases it is said that they do not span the databases."""
    root = multidb(tmp_path / "shop", database, other)
    env = root / "migrations/env.py"
    env.write_text(env.read_text().replace("USE_TWOPHASE = False", "USE_TWOPHASE = True"))
    ran = dbtool("upgrade", cwd=root)
    said = " ".join(ran.err.split())
    assert "env.py commits in two phases (USE_TWOPHASE)" in said
    assert "It came while this was handled: prepared transactions are disabled" in said


def test_models_of_each_database(
    dbtool: Dbtool, tmp_path: Path, database: Target, other: Target
) -> None:
    """`check` compares each database with its own metadata."""
    root = multidb(tmp_path / "shop", database, other)
    env = root / "migrations/env.py"
    env.write_text(
        env.read_text().replace(
            "target_metadata = {}",
            "import sqlalchemy as sa\n"
            "one, two = sa.MetaData(), sa.MetaData()\n"
            "key = lambda: sa.Column('id', sa.Integer, primary_key=True)\n"
            "sa.Table('ledger', one, key())\n"
            "sa.Table('search', two, key(), sa.Column('term', sa.Text))\n"
            "target_metadata = {'engine1': one, 'engine2': two}",
        )
    )
    assert dbtool("upgrade", cwd=root).code == 0
    ran = dbtool("check", cwd=root)
    assert ran.code == 1, ran
    assert f"models and {database.shown} do not differ" in ran.out
    assert f"models and {other.shown} differ in 1 place" in ran.out
    assert "engine2: column search.term is in the models, not in the database" in ran.out
    assert "--autogenerate" not in ran.out
    ran = dbtool("revision", "--autogenerate", "-m", "more", cwd=root)
    assert (ran.code, "the project has several" in ran.err) == (2, True)
    ran = dbtool("check", "--all", "--json", cwd=root)
    found = {each["name"]: each["headline"] for each in json.loads(ran.out)["data"]["parts"]}
    assert found["history"] == (
        "engine1: models and the history do not differ;"
        " engine2: models and the history differ in 1 place"
    )
