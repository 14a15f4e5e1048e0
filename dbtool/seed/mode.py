"""Choose how constraints meet the rows: in place, or set aside and built again."""

from collections.abc import Sequence
from dataclasses import dataclass

from dbtool.database.connection import Connection
from dbtool.errors import OperationError
from dbtool.guard import Standing
from dbtool.seed import bulk
from dbtool.seed.load import Mode
from dbtool.seed.order import refuse_absent
from dbtool.seed.plan import Planned

# Below this, building indexes again costs more than keeping them up to date.
PAYS_FROM = 20_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """A mode, and what it leaves in place although it would set it aside."""

    mode: Mode = Mode.ONLINE
    staying: tuple[str, ...] = ()


async def choose(
    connection: Connection,
    planned: Planned,
    asked: Mode | None,
    full: Sequence[str],
    standing: Standing,
) -> Chosen:
    """The mode asked for, else bulk where it pays, nobody is in the way and nothing can be lost.

    Raises where what was asked for cannot be.
    """
    if asked is Mode.ONLINE:
        refuse_absent(planned.absent)
        return Chosen()
    if full:
        if asked is Mode.BULK:
            raise OperationError(
                "--bulk is for empty tables",
                detail=f"There are rows in {', '.join(full)}. Nothing was loaded.",
                hint="Load with the constraints in place (--online), or --truncate.",
            )
        refuse_absent(planned.absent)
        return Chosen()
    pays = standing is Standing.DEVELOPMENT and planned.plan.rows >= PAYS_FROM
    if not (asked or planned.absent or pays):
        return Chosen()
    aside = await bulk.look(connection, [each.table.name for each in planned.loads])
    if asked or planned.absent:
        bulk.refuse(aside, [edge.name for edge in planned.absent])
    elif aside.obstacle or aside.reaches_out:
        return Chosen()
    return Chosen(Mode.BULK, aside.staying)
