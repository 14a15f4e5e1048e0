"""The README's chapter on seeds, as a reader follows it."""

import re
import shlex
from pathlib import Path

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from tests.conftest import ROOT, Dbtool

_STEP = re.compile(
    r"^(?:`(?P<file>seeds/[^`]+)`\n\n)?```(?P<kind>yaml|python|console)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def chapter() -> str:
    """The chapter's text."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return readme.partition("## Rows to develop with\n")[2].partition("\n## ")[0]


def test_the_tutorial(dbtool: Dbtool, migrated: Target, tmp_path: Path) -> None:
    """Its files are written and its commands run in order; what it shows is what is printed."""
    (tmp_path / "dbtool.toml").write_text('models = "dbtool.example:Base"\n')
    env = {"DATABASE_URL": migrated.sqlalchemy_url(), "COLUMNS": "80"}
    ran = 0
    for step in _STEP.finditer(chapter()):
        if step["file"]:
            path = tmp_path / step["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step["text"], encoding="utf-8")
            continue
        for command in re.split(r"^\$ dbtool ", step["text"], flags=re.MULTILINE)[1:]:
            line, _, shown = command.partition("\n")
            done = dbtool(*shlex.split(line), cwd=tmp_path, env=env)
            assert done.code == 0, done.err
            assert not shown.strip() or done.out == shown, line
            ran += 1
    assert ran == 6
    with SyncConnection(migrated) as connection:
        found = connection.fetch(
            "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM roles), u.name, u.email, "
            "u.last_seen_at = u.updated_at, p.title FROM users u "
            "JOIN posts p ON p.author_id = u.id AND p.title = 'Hello'"
        )
    assert tuple(found[0]) == (60, 2, "Demo", "demo@example.com", True, "Hello")
