"""Read a project's revisions in a process of its own, as a command would, and print them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.projects.runner import warm


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
    ran = warm()("read-revisions", json.dumps(asked), cwd=root, env=clean | (env or {}))
    assert ran.code == 0, ran.err
    *before, last = ran.out.splitlines()
    return Reading(json.loads(last), "\n".join(before).strip(), ran.err)
