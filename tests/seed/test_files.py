"""The files of a project's seeds, as its users run them: commands, factories, JSON Schema."""

import json
import shlex
from pathlib import Path

import pytest

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError, UsageError
from dbtool.metadata import Models
from dbtool.seed.files import Seeds
from dbtool.seed.run import seed
from dbtool.seed.scenes import Given, Scenes
from dbtool.seed.schema import schema_of
from tests.conftest import Dbtool
from tests.seed.conftest import planned, texts

SETTINGS = 'models = "dbtool.example:Base"\n'
ROLES = "- {name: admin, description: Everything}\n- {name: guest}\n"
SCENARIO = """
tables:
  users: {rows: 3, columns: {country: NO}}
  posts: {count: 2}
rows: {users: {demo: {email: demo@example.com}}}
"""
FACTORIES = """
from dbtool.example import Order, User, UserStatus
from dbtool.seed.factories import after, factory

@factory(User.name, User.status)
def people(rows):
    rng = rows.rng
    drawn = [rng.random() for _ in rows.index]
    return [f"P{n}\\t{d:.3f}" for n, d in zip(rows.index, drawn)], [UserStatus.ACTIVE] * len(rows)

@factory(User.preferences)
def preferences(rows):
    return [{"mail": email, "was": was} for email, was in zip(rows["email"], rows["preferences"])]

@factory(Order.note, each=True)
def note(row):
    return None if row.index == 0 else f"{row.parent('customer_id', 'email')}: {row['number']}"

@after(User)
def greet():
    return "UPDATE users SET country = 'SE' WHERE id = 1"
"""


def write(root: Path, **files: str) -> Path:
    """A project with these seed files."""
    (root / "dbtool.toml").write_text(SETTINGS)
    for name, text in files.items():
        path = root / "seeds" / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with reference rows, a default scenario and another."""
    return write(
        tmp_path,
        reference__roles_dot_yaml=ROLES,
        scenarios__default_dot_yaml=SCENARIO,
        scenarios__big_dot_json='{"extends": "default", "tables": {"users": 5}}',
    )


def test_as_a_user_runs_them(dbtool: Dbtool, migrated: Target, root: Path) -> None:
    """Reference rows first, then the scenario; the plan shows what one says instead."""
    url = ("--url", migrated.sqlalchemy_url())
    ran = dbtool("seed", "reference", "--dry-run", *url, cwd=root)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.replace(shlex.join(url), "--url URL") == (
        "dry run, would be: 2 rows inserted\n\n"
        "table  by    inserted  updated  deleted  same\n"
        "roles  name         2        0        0     0\n\n"
        "rows\n+roles admin: description=Everything\n+roles guest\n\n"
        "next: dbtool seed reference --url URL\n"
    )
    ran = dbtool("seed", "reference", "--prune", "--dry-run", *url, cwd=root)
    assert f"next: dbtool seed reference --prune {shlex.join(url)}\n" in ran.out
    ran = dbtool("seed", *url, cwd=root)
    assert ran.code == 0, ran.err
    assert "info: reference rows are written: roles" in ran.err
    with SyncConnection(migrated) as connection:
        counts = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM posts), "
        counts += "(SELECT count(*) FROM roles), (SELECT min(email) FROM users WHERE id = 1)"
        assert tuple(connection.fetch(counts)[0]) == (3, 6, 2, "demo@example.com")
    ran = dbtool("seed", "plan", "big", "--json", *url, cwd=root)
    plan = json.loads(ran.out)["data"]
    users = next(table for table in plan["tables"] if table["name"] == "users")
    country = next(column for column in users["columns"] if column["name"] == "country")
    assert (users["rows"], country["source"], country["detail"]) == (5, "override", "always NO")
    assert "roles" not in {table["name"] for table in plan["tables"]}
    ran = dbtool("seed", "run", "bgi", *url, cwd=root)
    assert (ran.code, ran.err) == (2, 'error: no scenario "bgi"\nhint: Did you mean big?\n')


def test_files_that_lie_elsewhere_are_named(dbtool: Dbtool, tmp_path: Path) -> None:
    """Rows beside the directories are not passed over in silence."""
    root = write(tmp_path, roles_dot_yaml=ROLES, schema_dot_json="{}")
    ran = dbtool("seed", "reference", "--url", "postgresql://x@127.0.0.1:1/x", cwd=root)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "error: there are no reference rows\n"
        "detail: No file of seeds/reference is .yaml, .json or .csv.\n"
        "        seeds/roles.yaml is not read: it lies elsewhere.\n"
        "hint: Name a file after its table: seeds/reference/roles.yaml, with a list of rows.\n"
    )


def test_a_schema_for_editors(dbtool: Dbtool, root: Path, example: Models) -> None:
    """It is written without a database, and knows tables, columns, labels and parents."""
    ran = dbtool("seed", "schema", "-o", "seeds/schema.json", cwd=root)
    assert (ran.code, ran.out) == (0, "")
    made = json.loads((root / "seeds/schema.json").read_text())
    assert made == json.loads(json.dumps(schema_of(example)))
    posts = made["properties"]["tables"]["properties"]["posts"]["anyOf"][1]["properties"]
    assert posts["per"]["enum"] == ["author", "author_id", "users"]
    status = posts["columns"]["properties"]["status"]["anyOf"][0]
    assert status == {"enum": ["draft", "published", "archived"]}
    assert "search" not in json.dumps(made["properties"]["tables"]["properties"]["products"])


def test_factories(migrated: Target, example: Models, tmp_path: Path) -> None:
    """Their values go through the types of the columns; hooks run in the same transaction."""
    root = write(tmp_path, factories_dot_py=FACTORIES)
    scenes = Scenes(Seeds(root, root / "seeds"), example)
    request = scenes.request(None, Given(rows=4))
    found = texts(planned(migrated, example, request))
    assert found == texts(planned(migrated, example, request))
    assert [name[:4] for name in found["users.name"]] == ["P0\\t", "P1\\t", "P2\\t", "P3\\t"]
    assert set(found["users.status"]) == {"active"}
    made = json.loads(found["users.preferences"][0].replace("\\\\", "\\"))
    assert made["mail"] == found["users.email"][0]
    assert made["was"].startswith("{")
    customers = [found["users.email"][int(key) - 1] for key in found["orders.customer_id"]]
    assert found["orders.note"][1] == f"{customers[1]}: {found['orders.number'][1]}"
    assert found["orders.note"][0] == r"\N"
    seed(migrated, example, request)
    with SyncConnection(migrated) as connection:
        assert connection.fetchval("SELECT country FROM users WHERE id = 1") == "SE"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_of_the_kind", "seeds/factories.py cannot be imported"),
        ("@factory(User.name)\ndef f(rows): return ['a']", "factories.py:4 f returned [1] values"),
        ("@factory(User.name)\ndef f(rows): return rows['nme']", "factories.py:4 f failed"),
        ("factory(User)", "is no column"),
        ("@after(User)\ndef f(): return 3", "the hook factories.py:4 f returned 3"),
    ],
)
def test_factories_that_fail(
    migrated: Target, example: Models, tmp_path: Path, text: str, message: str
) -> None:
    """Each is named with its line, and nothing is loaded."""
    start = "from dbtool.example import User\nfrom dbtool.seed.factories import after, factory\n\n"
    root = write(tmp_path, factories_dot_py=start + text)
    scenes = Scenes(Seeds(root, root / "seeds"), example)

    def run() -> None:
        seed(migrated, example, scenes.request(None, Given(rows=4)))

    with pytest.raises((UsageError, OperationError)) as raised:
        run()
    assert message in raised.value.message
    with SyncConnection(migrated) as connection:
        assert connection.fetchval("SELECT count(*) FROM users") == 0


def test_classes_of_other_libraries(migrated: Target, example: Models, tmp_path: Path) -> None:
    """What such a class builds is taken for the columns it declares, keys aside."""
    root = write(
        tmp_path,
        factories_dot_py=(
            "from types import SimpleNamespace as S\n"
            "from dbtool.example import User\nfrom dbtool.seed.factories import use\n"
            "class Users:\n"
            "    _meta = S(model=User, declarations={'id': 1, 'name': 2, 'posts': 3})\n"
            "    build = staticmethod(lambda: S(id=9, name='Ann'))\n"
            "users = use(Users)\n"
        ),
    )
    scenes = Scenes(Seeds(root, root / "seeds"), example)
    found = texts(planned(migrated, example, scenes.request(None, Given(rows=3))))
    assert found["users.name"] == ["Ann"] * 3
    assert found["users.id"] == ["1", "2", "3"]
    assert scenes.own.slow == ("Users",)
