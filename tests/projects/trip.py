"""The same journey through a project by two programs, each on a database of its own."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dbtool.database.target import Target
from tests.projects.build import Built, Shape, build, plain_url
from tests.projects.runner import Ran, Runner
from tests.projects.snapshot import execute, sessions, snapshot

READING = ("heads", "history", "current", "check", "sql")
"""The steps after which the database is what it was."""
SHORT = ("heads", "history", "upgrade", "check", "downgrade")
"""The steps of a short journey: every way of asking the revisions, env.py and the database."""

_LISTED = re.compile(r"^(?:[\w, <>()]+ -> )?(\w+)(?: \([\w, ]+\))*(?:, .*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Step:
    """One command, how it ended, and the database after it where somebody compares it."""

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

    def listed(self, step: str) -> set[str]:
        """The revisions a listing is about: those of the JSON, or those Alembic's lines end in."""
        out = self.steps[step].ran.out
        if out.startswith("{"):
            return {each["revision"] for each in json.loads(out)["data"]["revisions"]}
        return set(_LISTED.findall(out.replace("NOISE without a line end", "")))


def commands(
    shape: Shape, whole: bool, yes: tuple[str, ...] = (), form: tuple[str, ...] = ()
) -> dict[str, list[str]]:
    """The journey: every command of the first cut, each seen once, or the short one."""
    steps = {
        "heads": ["heads", *form],
        "history": ["history", *form],
        "upgrade": ["upgrade", shape.head],
        "current": ["current", *form],
        "check": ["check", *form],
        "sql": ["upgrade", shape.head, "--sql"],
        "downgrade": ["downgrade", "-1", *yes],
        "upgrade again": ["upgrade", shape.head, *form],
        "stamp": ["stamp", "base"],
    }
    return {name: words for name, words in steps.items() if whole or name in SHORT}


def with_alembic(run: Runner, shape: Shape, root: Path, database: Target, whole: bool) -> Trip:
    """The journey with plain Alembic, in a project that is pointed at the database itself."""
    project = build(shape, root, database)
    execute(database, shape.before)
    steps, after = {}, snapshot(database)
    for name, words in commands(shape, whole).items():
        arguments = (*shape.arguments, *words)
        ran = run("alembic", *arguments, cwd=project.directory, env=project.environment)
        after = after if name in READING else snapshot(database)
        steps[name] = Step(ran, after)
    return Trip(project, steps)


def with_dbtool(
    run: Runner, shape: Shape, root: Path, databases: tuple[Target, Target], whole: bool
) -> Trip:
    """The journey with dbtool in the first database, where the project believes in the second."""
    database, decoy = databases
    project = build(shape, root, decoy)
    execute(database, shape.before)
    before, seen = project.files(), sessions(decoy)
    steps = {}
    for name, words in commands(shape, whole, ("--yes",), ("--json",)).items():
        arguments = ("--url", plain_url(database), *shape.arguments, *words)
        ran = run("dbtool", *arguments, cwd=project.directory, env=project.environment)
        steps[name] = Step(ran, snapshot(database))
    after = project.files()
    changed = tuple(sorted(n for n in before | after if before.get(n) != after.get(n)))
    return Trip(project, steps, changed, sessions(decoy) - seen, snapshot(decoy))
