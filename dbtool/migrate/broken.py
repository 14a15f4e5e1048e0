"""The record of a run that ended early: what of it is committed, and what failed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dbtool.migrate.record import Record, Step, Table, asked
from dbtool.migrate.waits import Waited

Versions = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """The same of a run that failed as of one that did not; `failed` is the revision at work.

    `revisions` are those that ran and are committed; `after` is None where nobody could ask.
    """

    database: str
    named_by: str
    before: Versions
    after: Versions | None
    revisions: tuple[Step, ...]
    failed: Step | None
    waited: Waited


def committed(attempts: Sequence[Record], now: Callable[[Table], Versions | None]) -> list[Step]:
    """The revisions that stay, those of earlier attempts too."""
    *earlier, last = attempts
    again = asked(last.planned)
    stayed = [each for before in earlier for each in before.done if not asked((each,)) <= again]
    stayed += [step for table in last.tables for step in table.stayed(now(table))]
    return list({(each.version_table, each.revision): each for each in stayed}.values())


def recorded(last: Record, now: Callable[[Table], Versions | None]) -> Versions | None:
    """What the version tables record now."""
    found = [now(table) for table in last.tables]
    if None in found:
        return None
    return tuple(dict.fromkeys(each for versions in found for each in versions or ()))
