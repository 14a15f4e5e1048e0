"""The same journey through a project by two programs, each on a database of its own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dbtool.target import Target
from tests.projects.build import Built, Shape, build, plain_url
from tests.projects.runner import Ran, Runner
from tests.projects.snapshot import execute, sessions, snapshot

_REVISION = re.compile(r"^revision(?:: str)? = [\"'](\w+)[\"']", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Step:
    """One command, how it ended, and the database after it."""

    ran: Ran
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trip:
    """What a program said and did at each step, and what it did to the project's files."""

    project: Built
    steps: Mapping[str, Step]
    changed: tuple[str, ...] = ()
    decoy_sessions: int = 0
    decoy: tuple[str, ...] = field(default=())

    def revisions(self, step: str) -> set[str]:
        """The project's revisions that the output of a step names."""
        files = self.project.files()
        known = set(_REVISION.findall("\n".join(map(_text, files.values()))))
        out = self.steps[step].ran.out
        return {revision for revision in known if revision in out}


def _text(content: bytes) -> str:
    return content.decode(errors="replace")


def commands(shape: Shape, yes: tuple[str, ...], json: tuple[str, ...]) -> dict[str, list[str]]:
    """The journey: every command of the first cut, each seen once."""
    return {
        "heads": ["heads", *json],
        "history": ["history", *json],
        "upgrade": ["upgrade", shape.head],
        "current": ["current", *json],
        "check": ["check", *json],
        "sql": ["upgrade", shape.head, "--sql"],
        "downgrade": ["downgrade", "-1", *yes],
        "upgrade again": ["upgrade", shape.head, *json],
        "stamp": ["stamp", "base"],
    }


def with_alembic(run: Runner, shape: Shape, root: Path, database: Target) -> Trip:
    """The journey with plain Alembic, in a project that is pointed at the database itself."""
    project = build(shape, root, database)
    execute(database, shape.before)
    steps = {}
    for name, words in commands(shape, (), ()).items():
        arguments = (*shape.arguments, *words)
        ran = run("alembic", *arguments, cwd=project.directory, env=project.environment)
        steps[name] = Step(ran, snapshot(database))
    return Trip(project, steps)


def with_dbtool(run: Runner, shape: Shape, root: Path, database: Target, decoy: Target) -> Trip:
    """The journey with dbtool, in a project that believes its database to be the decoy."""
    project = build(shape, root, decoy)
    execute(database, shape.before)
    before, seen = project.files(), sessions(decoy)
    steps = {}
    for name, words in commands(shape, ("--yes",), ("--json",)).items():
        arguments = ("--url", plain_url(database), *shape.arguments, *words)
        ran = run("dbtool", *arguments, cwd=project.directory, env=project.environment)
        steps[name] = Step(ran, snapshot(database))
    after = project.files()
    changed = tuple(sorted(n for n in before | after if before.get(n) != after.get(n)))
    return Trip(project, steps, changed, sessions(decoy) - seen, snapshot(decoy))
