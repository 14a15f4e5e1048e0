"""The record of a run that ended early: what of it is committed, and what failed."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dbtool.migrate.holder import Holder
from dbtool.migrate.record import Record, Step, Table, asked
from dbtool.migrate.tally import Tally
from dbtool.migrate.waits import Waited

Versions = tuple[str, ...]
_PATIENCE = 5.0


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


def broken(
    holder: Holder | None,
    attempts: Sequence[Record],
    recorded_now: Callable[[Table, bool], Versions | None],
    tally: Tally,
    waited: Waited,
) -> Broken | None:
    """The record of a run of several attempts; None where it did not come as far as Alembic."""
    begun = [each for each in attempts if each.tables]
    if holder is None or not begun:
        return None
    last = begun[-1]
    tables = {table.shown: table for each in begun for table in each.tables}
    now = asked_now(tables.values(), recorded_now)
    running = last.running.running if last.running else None
    return Broken(
        database=holder.target.shown,
        named_by=holder.target.source,
        before=begun[0].before,
        after=_all(now),
        revisions=tally.told(_committed(begun, now)),
        failed=next(iter(tally.told([running] if running else [])), None),
        waited=waited,
    )


def asked_now(
    tables: Iterable[Table],
    recorded_now: Callable[[Table, bool], Versions | None],
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Versions | None]:
    """What each table records; hundreds of them are not waited for, each for its whole limit.

    `recorded_now` hears whether it may wait: for a server that is gone, or a table that is locked.
    """
    found: dict[str, Versions | None] = {}
    in_vain = 0.0
    for each in tables:
        begun = clock()
        found[each.shown] = recorded_now(each, in_vain < _PATIENCE)
        if found[each.shown] is None:
            in_vain += clock() - begun
    return found


def _committed(attempts: Sequence[Record], now: Mapping[str, Versions | None]) -> list[Step]:
    """The revisions that stay, those of earlier attempts too."""
    *earlier, last = attempts
    again = asked(last.planned)
    stayed = [each for before in earlier for each in before.done if not asked((each,)) <= again]
    stayed += [step for table in last.tables for step in table.stayed(now[table.shown])]
    return list({(each.version_table, each.revision): each for each in stayed}.values())


def _all(now: Mapping[str, Versions | None]) -> Versions | None:
    """What the version tables record; None where one could not be asked."""
    found = [each for each in now.values() if each is not None]
    if len(found) < len(now):
        return None
    return tuple(dict.fromkeys(each for versions in found for each in versions))
