"""Rules about a revision as a whole: its way back and its own Python."""

import pytest

from dbtool.statement import Gap, Migration
from tests.lint.judging import judge, script, titles
from tests.lint.pages import statements

_UP = "def upgrade():\n    op.create_table('n')\n"


def revision(
    text: str, up: str = "CREATE TABLE n (id int)", down: str | None = None, *gaps: Gap
) -> Migration:
    """A revision with its text and what it would run."""
    return Migration(
        name="r1",
        file="r1.py",
        text=text,
        up=(*statements(up, 1),),
        down=None if down is None else (*statements(down, 1001),),
        gaps=gaps,
    )


def said(rule: str, migration: Migration) -> list[str]:
    """The titles of the findings."""
    return titles(judge(rule, migration).findings)


@pytest.mark.parametrize(
    ("down", "expected"),
    [
        ("", ["missing"]),
        ("def downgrade():\n    pass", ["empty"]),
        ("def downgrade():\n    '''Nothing.'''\n    return", ["empty"]),
        ("async def downgrade() -> None: ...", ["empty"]),
        ("def downgrade():\n    raise NotImplementedError", []),
        ("def downgrade():\n    op.drop_table('n')", []),
    ],
)
def test_a_way_back_that_does_nothing(down: str, expected: list[str]) -> None:
    """To refuse is a way back; to do nothing is none."""
    found = said("downgrade-missing", revision(f"{_UP}\n{down}\n"))
    assert [each.split()[3].rstrip(":") for each in found] == expected


@pytest.mark.parametrize(
    "up", ["UPDATE orders SET note = ''", "ALTER TYPE order_state ADD VALUE 'x'", "SELECT 1"]
)
def test_nothing_to_take_back(up: str) -> None:
    """Changed rows and new enum values stay; an empty way back is right for them."""
    assert said("downgrade-missing", revision(_UP, up)) == []


def test_a_script_has_no_way_back() -> None:
    """Only revisions do."""
    assert said("downgrade-missing", script("CREATE TABLE n (id int)", name="a.sql")) == []


def test_the_proposed_way_back() -> None:
    """Last first; what goes with a table is not dropped on its own."""
    up = (
        "CREATE TYPE k AS ENUM ('a'); CREATE TABLE n (id int, k k); CREATE INDEX i ON n (id);"
        "ALTER TABLE orders ADD COLUMN a int; CREATE INDEX j ON orders (a)"
    )
    [found] = judge("downgrade-missing", revision(_UP, up)).findings
    assert found.fix is not None
    assert found.fix.code == (
        "def downgrade() -> None:\n"
        '    op.drop_index("j", table_name="orders")\n'
        '    op.drop_column("orders", "a")\n'
        '    op.drop_table("n")\n'
        '    op.execute("DROP TYPE k")'
    )


def test_what_cannot_be_taken_back_is_refused() -> None:
    """A type that was changed was another one before: nobody knows which."""
    up = "ALTER TABLE orders ALTER note TYPE varchar(10)"
    [found] = judge("downgrade-missing", revision(_UP, up)).findings
    assert found.fix is not None
    assert found.fix.code.splitlines()[1].strip().startswith("raise NotImplementedError")


@pytest.mark.parametrize(
    ("call", "count"),
    [
        ("op.drop_constraint(None, 'orders', type_='unique')", 1),
        ("batch_op.drop_constraint(None, type_='unique')", 1),
        ("op.drop_constraint(constraint_name=None, table_name='orders')", 1),
        ("op.drop_constraint('a', 'orders')", 0),
        ("op.drop_constraint(name, 'orders')", 0),
    ],
)
def test_constraints_without_a_name(call: str, count: int) -> None:
    """None is found wherever it is written; a variable is not judged."""
    text = f"def downgrade():\n    {call}\n"
    assert len(said("unnamed-constraint-dropped", revision(text))) == count


def test_the_name_that_the_server_gives() -> None:
    """The constraint that the way up adds is named as the server names it."""
    text = "def downgrade():\n    op.drop_constraint(None, 'orders', type_='unique')\n"
    up = "ALTER TABLE orders ADD UNIQUE (code, note)"
    [found] = judge("unnamed-constraint-dropped", revision(text, up)).findings
    assert found.fix is not None
    assert found.fix.code == 'op.drop_constraint("orders_code_note_key", "orders", type_="unique")'
    assert str(found.location) == "r1.py:2, r1"
    assert found.title.startswith("orders: the downgrade fails, ")


_TYPE = "CREATE TYPE k AS ENUM ('a')"


@pytest.mark.parametrize(
    ("up", "down", "count"),
    [
        (_TYPE, "SELECT 1", 1),
        (_TYPE, "DROP TYPE IF EXISTS k", 0),
        (_TYPE, "", 0),
        (_TYPE, None, 0),
        (f"{_TYPE}; DROP TYPE k", "SELECT 1", 0),
        ("CREATE DOMAIN k AS text", "SELECT 1", 0),
        (f"ALTER TYPE k RENAME TO o; {_TYPE}; DROP TYPE o", "ALTER TYPE k ADD VALUE 'b'", 0),
    ],
)
def test_enum_types_left_behind(up: str, down: str | None, count: int) -> None:
    """Where there is a way down at all, and the type is there when the way up is done."""
    assert len(said("enum-left-by-downgrade", revision("", up, down))) == count


def test_many_enum_types_left_behind() -> None:
    """All those of one revision are one finding, whose fix drops each of them."""
    up = "; ".join(f"CREATE TYPE k{n} AS ENUM ('a')" for n in range(5))
    [found] = judge("enum-left-by-downgrade", revision("", up, "SELECT 1")).findings
    assert found.title == (
        "types k0, k1, k2 and 2 more: the downgrade leaves them behind, the next upgrade fails"
    )
    assert found.fix is not None
    assert found.fix.code.count("DROP TYPE") == 5


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import requests\nrequests.post('x')", "requests.post"),
        ("from subprocess import run as go\ngo(['a'])", "go"),
        ("import os\nos.system('a')", "os.system"),
        ("from os import remove\nremove('a')", "remove"),
        ("import urllib.request\nurllib.request.urlopen('a')", "urllib.request.urlopen"),
        ("open('a', 'w')", "open"),
        ("from pathlib import Path\nPath('a').write_text('b')", "Path().write_text"),
        ("open('a')", ""),
        ("import os\nos.environ.get('A')", ""),
        ("from pathlib import Path\nPath('a').read_text()", ""),
        ("import requests", ""),
    ],
)
def test_what_acts_elsewhere(code: str, found: str) -> None:
    """Calls that act are named; reading is none."""
    expected = [f"warning: it acts outside of the database: {found}"] if found else []
    assert said("side-effect-in-revision", revision(code)) == expected


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from app.models import User", "app.models"),
        ("from app import models, crud", "app"),
        ("from . import helpers", "."),
        ("import app.db", "app.db"),
        ("from app.types import GUID", ""),
        ("import sqlalchemy as sa\nfrom alembic import op\nimport uuid, json", ""),
        ("from sqlalchemy.dialects import postgresql", ""),
    ],
)
def test_imports_of_the_application(code: str, found: str) -> None:
    """What is part of Python or installed stays out of it, and so do types of columns."""
    expected = [f"warning: it imports the application, which changes: {found}"] if found else []
    assert said("application-imported", revision(code)) == expected


def test_tables_named_in_the_revision() -> None:
    """The fix names the tables whose rows are changed, with the columns that are used."""
    migration = revision("from app.models import A", "UPDATE orders SET note = '' WHERE code = 'a'")
    [found] = judge("application-imported", migration).findings
    assert found.fix is not None
    assert found.fix.code == 'orders = sa.table("orders", sa.column("code"), sa.column("note"))'


def test_python_that_cannot_be_read() -> None:
    """A file that is no Python is nobody's business here."""
    for rule in ("downgrade-missing", "unnamed-constraint-dropped", "side-effect-in-revision"):
        assert said(rule, revision("def (")) == []
