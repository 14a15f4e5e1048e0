"""What one statement did to the relations that existed before its transaction began.

Relations have the names they had before the statement. Those of the system, TOAST tables and
temporary ones are left out: nobody else waits for them.
"""

from dataclasses import dataclass

from dbtool.catalog.columns import Name
from dbtool.statement import Statement


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock on a relation; `mode` as in pg_locks. For an index `table` is whose it is."""

    relation: Name
    mode: str
    kind: str = "table"
    table: Name | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """A table that was read: how often from one end to the other, and how many rows in all.

    A pass counts also where the table is empty, so what a statement would read of a full one
    shows without a row in it.
    """

    relation: Name
    passes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Built:
    """An index that was built on a table; `valid` is false for what a failed build left."""

    index: Name
    table: Name
    new: bool = True
    valid: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """The error a statement ended with; the code is empty where the server never saw it."""

    sqlstate: str
    message: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One statement as it was run.

    `acquired` are the locks it was granted, `held` those its transaction held before it; for a
    statement that refuses a transaction `acquired` is what another session could see of it.
    `rewritten` tables were written anew with their rows, `emptied` ones without. `waited` says
    that it waited until older transactions had ended. With `ran` false the statement was not
    run, since an earlier one had failed. `ended` marks a statement that ended the transaction
    it was in; its locks were gone before they could be seen.
    """

    statement: Statement
    ran: bool = True
    seconds: float = 0.0
    acquired: tuple[Lock, ...] = ()
    held: tuple[Lock, ...] = ()
    scanned: tuple[Scan, ...] = ()
    rewritten: tuple[Name, ...] = ()
    emptied: tuple[Name, ...] = ()
    built: tuple[Built, ...] = ()
    waited: bool = False
    ended: bool = False
    failure: Failure | None = None
