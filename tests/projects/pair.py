"""The same project twice, one for each program, and what each made of it."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from shutil import copytree

from dbtool.database.target import Target
from tests.migrate.conftest import plain, url
from tests.migrate.projects import Small
from tests.projects.runner import Ran, Runner
from tests.projects.snapshot import snapshot

PLACEHOLDER = "driver://user:pass@localhost/dbname"
_ASKS = ("downgrade", "stamp")


class Pair:
    """One copy is Alembic's, one is ours, each with its own database."""

    def __init__(self, ours: Path, theirs: Path, databases: tuple[Target, Target], run: Runner):
        self.ours, self.theirs = Small(ours), Small(theirs)
        self.databases = databases
        self._run = run

    def both(self, *words: str, env: Mapping[str, str] | None = None) -> tuple[Ran, Ran]:
        """Run one command line with both programs; ours agrees to what it would ask."""
        theirs = self._run("alembic", *words, cwd=self.theirs.root, env=env)
        asks = any(each in words for each in _ASKS) and "--sql" not in words
        return self.dbtool(*words, *(("--yes",) if asks else ()), env=env), theirs

    def dbtool(self, *words: str, env: Mapping[str, str] | None = None) -> Ran:
        """Run ours alone."""
        named = ("--url", plain(self.databases[0]))
        return self._run("dbtool", *named, *words, cwd=self.ours.root, env=env)

    def databases_differ(self) -> list[str]:
        """What only one of the databases holds: objects, rows and versions."""
        one, other = ({*snapshot(each)} for each in self.databases)
        return sorted(one ^ other)

    def files_differ(self) -> list[str]:
        """What only one of the projects has, file by file, but for dates and the URL."""
        one, other = ({*files(each.root).items()} for each in (self.ours, self.theirs))
        return [f"ours {each}" for each in one - other] + [f"theirs {each}" for each in other - one]


def paired(
    build: Callable[[Path], object], root: Path, databases: tuple[Target, Target], run: Runner
) -> Pair:
    """Build the project, copy it, and point the copy at Alembic's database."""
    build(root / "ours")
    copytree(root / "ours", root / "theirs")
    own = url(databases[1])
    for path in (root / "theirs").rglob("*"):
        if path.is_file() and PLACEHOLDER in (text := path.read_text(errors="replace")):
            doubled = own if path.suffix == ".py" else own.replace("%", "%%")
            path.write_text(text.replace(PLACEHOLDER, doubled))
    return Pair(root / "ours", root / "theirs", databases, run)


def files(root: Path) -> dict[str, str]:
    """Every file and what it says, without dates, the URL of the database and dbtool's own."""
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and not {"__pycache__", ".dbtool"} & {*path.parts}:
            text = path.read_text(encoding="utf-8", errors="replace")
            text = "" if path.suffix == ".pyc" else text
            text = re.sub(r"Create Date: .*", "Create Date:", text)
            text = re.sub(r"sqlalchemy\.url.*", "sqlalchemy.url", text)
            found[path.relative_to(root).as_posix()] = text.replace(str(root), "ROOT")
    return found
