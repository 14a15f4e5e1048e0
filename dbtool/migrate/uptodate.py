"""Say at once that an upgrade has nothing to do, where that is beyond doubt."""

from dataclasses import dataclass, field

from dbtool.migrate import shortcut
from dbtool.migrate.pooler import certain_by_name
from dbtool.migrate.project import Project
from dbtool.migrate.waits import Waited
from dbtool.ports import Progress


@dataclass(frozen=True, slots=True)
class UpToDate:
    """An upgrade that had nothing to do; the same fields as of one that had."""

    database: str
    named_by: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    revisions: tuple[()] = ()
    waited: Waited = field(default_factory=Waited)
    stale: tuple[()] = ()
    uncounted: bool = False


def up_to_date(
    project: Project, revision: str, tag: str | None, progress: Progress
) -> UpToDate | None:
    """The database, where it records every head; None where env.py has to run.

    It has to run not only where revisions are pending or the place of the versions is
    computed: an env.py that calls anything but Alembic, an engine and the standard library,
    executes SQL, or is given -x or --tag may do what a team relies on.
    """
    if revision not in ("head", "heads") or tag is not None or project.direct:
        return None
    if project.target is not None and certain_by_name(project.target):
        return None  # to be refused, before anything is connected to
    found = shortcut.position(project, progress, inert=True)
    if found is None or found.pending:
        return None
    if revision == "head" and len(found.lineage.heads) != 1:
        return None
    recorded = found.versions.recorded
    return UpToDate(found.target.shown, found.target.source, recorded, recorded)
