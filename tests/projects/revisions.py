"""Prints what is read off the revisions of the project it runs in, as one line of JSON."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from dbtool.errors import DbtoolError
from dbtool.migrate.location import find
from dbtool.migrate.operations import operations
from dbtool.migrate.project import Project
from dbtool.migrate.selection import Wanted


def main() -> None:
    """Read as the arguments ask."""
    asked = json.loads(sys.argv[1])
    root = Path.cwd()
    config = Path(asked["config"]) if asked["config"] else None
    try:
        place = find(config, asked["section"], root)
        wanted = Wanted(tuple(asked["revisions"]), asked["since"], asked["down"])
        found = asdict(operations(Project(place, tuple(asked["x"]), root=root), wanted))
    except DbtoolError as error:
        found = {"error": error.message, "detail": error.detail, "hint": error.hint}
    print("\n" + json.dumps(found))
