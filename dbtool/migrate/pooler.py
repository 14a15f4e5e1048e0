"""Whether a pooler stands before the server, what shows it, and what that rules out."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asyncpg.exceptions import PostgresError

from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target, pooled
from dbtool.errors import DbtoolError, UsageError
from dbtool.report import listed

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_ROUNDS = 6
_CONSOLE = "pgbouncer"
_LIMIT = 3.0
_ADDRESS = """
    SELECT pg_catalog.host(pg_catalog.inet_server_addr()) || ':' || pg_catalog.inet_server_port()
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows a transaction pooler, and where the server behind it says it listens."""

    text: str = ""
    server: str = ""

    def __bool__(self) -> bool:
        return bool(self.text)


def certain_by_name(target: Target) -> Evidence:
    """What in the name leaves no doubt: a port or a word in a host name may deceive."""
    certain = "-pooler." in target.host or target.parameter("pgbouncer") == "true"
    return Evidence((pooled(target) or "") if certain else "")


def transaction_pooling(connection: SyncConnection, target: Target, backend: int) -> Evidence:
    """What shows that sessions do not keep a server process of their own, if anything does.

    A pooler of any kind invents the process number it reports at login; only then is it worth
    looking. One that gives every session a process of its own is no obstacle.
    """
    if connection.run(_reported_backend) == backend:
        return Evidence()
    seen = _shared(connection, target, backend)
    if not seen:
        return Evidence()
    address = connection.fetchval(_ADDRESS)
    return Evidence(listed([seen, *_more(target)], 9), address or "")


async def _reported_backend(connection: "Connection") -> int:
    pid: int = connection.get_server_pid()
    return pid


def _shared(connection: SyncConnection, target: Target, backend: int) -> str:
    """Ask two open sessions in turn: in other hands each would keep its own process."""
    with _second(target) as second:
        for _ in range(_ROUNDS):
            if process_of(second) == process_of(connection):
                return "two sessions share one server process"
            if process_of(connection) != backend:
                return "a session is moved from one server process to another"
    return ""


@contextmanager
def _second(target: Target) -> Iterator[SyncConnection]:
    """Another session, which has a server process within seconds."""
    try:
        second = SyncConnection(target, timeout=_LIMIT, application_name="dbtool migrations")
        try:
            second.run(lambda opened: opened.fetchval("SELECT 1", timeout=_LIMIT))
        except BaseException:
            second.close()
            raise
    except (DbtoolError, PostgresError, OSError) as error:
        raise UsageError(
            f"the pooler before {target.shown} has no second server connection free",
            detail="It takes two for a moment: one that dbtool holds, by which env.py's is"
            f" recognised. Waited {_LIMIT:g} s.",
            hint=direct_endpoint(target),
        ) from error
    with second:
        yield second


def _more(target: Target) -> list[str]:
    found = [pooled(target) or ""]
    with suppress(DbtoolError):
        with SyncConnection(target, read_only=True) as careful:
            refused = careful.connection.refused
        found.append("it refuses start-up options" if "refused" in refused else "")
    if _has_console(target):
        found.append(f'its database "{_CONSOLE}" is the console of PgBouncer')
    return [each for each in found if each]


def _has_console(target: Target) -> bool:
    with suppress(DbtoolError, PostgresError, OSError):
        with SyncConnection(target.with_database(_CONSOLE), timeout=_LIMIT) as console:
            console.execute("SHOW VERSION")
        return True
    return False


def process_of(connection: SyncConnection) -> int:
    """The server process a session has at the moment."""
    return int(connection.fetchval("SELECT pg_catalog.pg_backend_pid()"))


def pin(connection: SyncConnection, target: Target) -> int:
    """Begin a transaction, which keeps a server process for itself until it ends.

    The pooler must have another one for env.py: waiting for our own would never end.
    """
    try:
        connection.execute("BEGIN")
        backend = process_of(connection)
    except (PostgresError, OSError) as error:
        raise UsageError(
            f"{target.shown} cannot be recognised through its pooler",
            detail=f"That takes a transaction, and the pooler allows none: {error}",
            hint=direct_endpoint(target),
        ) from error
    with _second(target):
        return backend


def direct_endpoint(target: Target, server: str = "") -> str:
    """How the server itself is named, where that can be told."""
    host = target.host.replace("-pooler.", ".", 1)
    if host != target.host:
        return f"Name the direct endpoint: {target.user}@{host}:{target.port}/{target.database}."
    where = f"; it says it listens at {server}" if server else ""
    return f"Name the server itself, not its pooler{where}."


def refusal(target: Target, seen: Evidence, *, direct: bool = False) -> UsageError:
    """The target is a transaction pooler, and migrations cannot go through one."""
    insisted = (
        " --direct overrides what a name, a port or refused options say; not this: the lock would"
        " be left in one server process, and the revisions run in another."
    )
    return UsageError(
        f"{target.shown} is reached through a transaction pooler",
        detail=f"{seen.text[0].upper()}{seen.text[1:]}. Migrations need a session of their own;"
        " the locks and settings of a session do not survive such a pooler."
        f"{insisted if direct else ''}",
        hint=direct_endpoint(target, seen.server),
    )


def note(target: Target, seen: Evidence) -> str:
    """What is to be said where only reading goes through a pooler."""
    way = direct_endpoint(target, seen.server).rstrip(".")
    return (
        f"{target.shown} is read through a transaction pooler ({seen.text});"
        f" to migrate, {way[0].lower()}{way[1:]}"
    )
