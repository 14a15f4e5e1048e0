"""Read a project's revisions in a process of its own, as a command would, and print them."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CODE = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from dbtool.errors import DbtoolError
from dbtool.migrate.location import find
from dbtool.migrate.operations import operations
from dbtool.migrate.project import Project
from dbtool.migrate.selection import Wanted
asked = json.loads(sys.argv[1])
root = Path.cwd()
config = Path(asked["config"]) if asked["config"] else None
try:
    place = find(config, asked["section"], root)
    wanted = Wanted(tuple(asked["revisions"]), asked["since"], asked["down"])
    found = asdict(operations(Project(place, tuple(asked["x"]), root=root), wanted))
except DbtoolError as error:
    found = {"error": error.message, "detail": error.detail, "hint": error.hint}
print("\\n" + json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a process printed."""

    answer: dict[str, Any]
    out: str
    err: str

    @property
    def migrations(self) -> list[dict[str, Any]]:
        """The migrations, as dictionaries."""
        found: list[dict[str, Any]] = self.answer["migrations"]
        return found

    @property
    def gaps(self) -> list[tuple[int, str]]:
        """Where something is not known."""
        return [(gap["line"], gap["reason"]) for each in self.migrations for gap in each["gaps"]]

    @property
    def judged(self) -> list[str]:
        """The revisions to judge."""
        return [each["name"] for each in self.migrations if each["judged"]]

    def statements(self, way: str = "up") -> list[dict[str, Any]]:
        """Every statement, in order."""
        return [each for migration in self.migrations for each in migration[way] or ()]

    def sql(self) -> list[str]:
        """The SQL of every upgrade, its white space evened out."""
        return [" ".join(each["sql"].split()) for each in self.statements()]


def read(
    root: Path,
    *revisions: str,
    env: dict[str, str] | None = None,
    since: str | None = None,
    down: bool = False,
    **place: Any,
) -> Reading:
    """Read the project in a directory."""
    asked = {"revisions": revisions, "since": since, "down": down}
    asked |= {"config": None, "section": None, "x": (), **place}
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", _CODE, json.dumps(asked)],
        cwd=root,
        env=clean | (env or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    *before, last = ran.stdout.splitlines()
    return Reading(json.loads(last), "\n".join(before).strip(), ran.stderr)
