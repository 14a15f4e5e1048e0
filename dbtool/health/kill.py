"""End one session, or only its statement: look, ask, act on exactly that one, look again."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from dbtool import guard
from dbtool.database.sync import SyncConnection
from dbtool.database.target import Target
from dbtool.errors import OperationError, UsageError
from dbtool.health.forest import Forest, forest
from dbtool.health.identity import IDENTITY, Identity
from dbtool.health.locktable import LOCKS, lock_table
from dbtool.health.participant import Session
from dbtool.health.parts import Part, answers
from dbtool.health.remedy import remedy, special
from dbtool.health.session import LIMITS, TAKES_SUPERUSER
from dbtool.health.session import Session as Asking
from dbtool.health.victim import VICTIM, Victim, victim_of
from dbtool.ports import Progress

Signal = Literal["cancel", "terminate"]

WAIT_SECONDS = 5.0
PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants done to which session."""

    pid: int
    signal: Signal | None = None
    force: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Killed:
    """What was done to whom, and what it released.

    `freed` counts those who waited behind the session before and do not wait any more. `command`
    does what a dry run has shown; `refused` says why it would not: it takes --force, which was not
    given, or another role.
    """

    database: str
    victim: Victim
    signal: Signal
    why: str
    done: bool
    seconds: float
    waited_behind: int
    freed: int
    audit: str
    command: str
    refused: str


def kill(
    target: Target,
    wish: Wish,
    permission: guard.Permission,
    progress: Progress,
    describe: Callable[[Victim, Signal, str], tuple[str, ...]],
) -> Killed:
    """Show the victim, ask, end it if it is still the same, and see that it is gone.

    One connection does it all: where the server is nearly full a second might not get in.
    """
    with SyncConnection(target, read_only=True, settings=LIMITS) as connection:
        server = _Server(connection, target, wish.pid)
        identity, victim, before = server.look()
        if victim is None:
            raise _nobody(wish.pid)
        signal, why = _chosen(wish, victim, identity)
        behind = _behind(before, wish.pid)
        audit = _audit(identity, victim, signal)
        did = Killed(
            database=target.shown,
            victim=victim,
            signal=signal,
            why=why,
            done=False,
            seconds=0.0,
            waited_behind=len(behind),
            freed=0,
            audit=audit,
            command=_command(wish, victim.session),
            refused="" if wish.force and victim.allowed else _protection(victim.session),
        )
        if wish.dry_run:
            return did
        asked = not permission.covers(guard.Need.YES)
        for line in describe(victim, signal, why) if asked else ():
            progress.step(line)
        server.permit(permission)
        begun = time.monotonic()
        server.send(signal, victim.session)
        freed = behind - server.waiting_after(signal, victim.session)
        return replace(did, done=True, seconds=time.monotonic() - begun, freed=len(freed))


class _Server:
    """The one connection, as far as one session is concerned."""

    def __init__(self, connection: SyncConnection, target: Target, pid: int) -> None:
        self._connection = connection
        self._target = target
        self._pid = pid
        self._parts = (
            Part("identity", IDENTITY, needed=True),
            Part("victim", VICTIM.format(pid=pid), needed=True),
            Part("locks", LOCKS, needed=True),
        )

    def look(self) -> tuple[Identity, Victim | None, Forest]:
        """Who answers, the session as it is now, and who waits for whom."""

        async def ask(raw: Any) -> dict[str, Any]:
            return (await answers(Asking(self._target, raw), self._parts)).found

        found = self._connection.run(ask)
        grown = forest(lock_table(found["locks"]))
        row = found["victim"]
        return Identity.of(found["identity"]), row and victim_of(row, grown), grown

    def permit(self, permission: guard.Permission) -> None:
        """Return when the guard lets us act on this database."""
        marked = permission.environment(self._target)

        async def classify(raw: Any) -> guard.Classified:
            async with raw.limits():
                return await guard.classify(raw, self._target, marked)

        action, database = guard.Action.KILL, self._target.database
        classified = self._connection.run(classify)
        guard.permit(action, classified, database, permission.consent, permission.ask)

    def send(self, signal: Signal, seen: Session) -> None:
        """Signal the session if it is the one that was seen and does what it did then."""
        sql = _ACT.format(
            function=f"pg_catalog.pg_{signal}_backend",
            pid=seen.pid,
            backend_start=_literal(seen.backend_start),
            query_start=_literal(seen.query_start),
            state=_literal(seen.state),
        )

        async def ask(raw: Any) -> dict[str, Any]:
            return await Asking(self._target, raw).read(sql)

        sent = self._connection.run(ask)["sent"]
        if sent is None:
            raise _changed(seen)
        if sent is not True:
            raise OperationError(
                f"the server could not signal pid {seen.pid}",
                detail="It has just ended by itself, or it is no session.",
            )

    def waiting_after(self, signal: Signal, seen: Session) -> set[int]:
        """Who still waits, once the session is gone or its statement has ended."""
        until = time.monotonic() + WAIT_SECONDS
        while True:
            _, now, grown = self.look()
            if now is None or not _same(now.session, seen, statement=signal == "cancel"):
                return {node.id for node in grown.nodes if node.waits}
            if time.monotonic() > until:
                raise _still_there(signal, seen)
            time.sleep(PAUSE_SECONDS)


def _chosen(wish: Wish, victim: Victim, identity: Identity) -> tuple[Signal, str]:
    """What to do to it and why that; raises UsageError where it must not be done."""
    seen, node = victim.session, victim.node
    if seen.pid == identity.backend_pid:
        raise UsageError(f"pid {seen.pid} is dbtool's own connection")
    if seen.hidden:
        raise UsageError(
            f"role {identity.rights.role} may not see what pid {seen.pid} does",
            detail="Without that nobody can tell whether it is still the session that is meant.",
            hint=identity.rights.grant,
        )
    protected = _protection(seen)
    if protected and not wish.force and not wish.dry_run:
        raise UsageError(
            f"refused to end pid {seen.pid}: {protected}",
            hint="If you mean it: --force" if victim.allowed else TAKES_SUPERUSER,
        )
    advice = node.remedy if node and node.remedy else remedy(seen.pid, seen, None, False)
    default: Signal = "cancel" if seen.state == "active" else "terminate"
    if advice.action in ("cancel", "terminate"):
        default = "cancel" if advice.action == "cancel" else "terminate"
    if wish.signal == "cancel" and seen.state != "active":
        raise UsageError(
            f"a cancel does nothing to pid {seen.pid}",
            detail=f"It is {seen.state}: there is no statement to cancel.",
            hint=f"dbtool kill {seen.pid} --terminate ends the session.",
        )
    if wish.signal in (None, default):
        return default, advice.why
    return wish.signal or default, f"you asked for it; a {default} would do: {advice.why}"


def _protection(seen: Session) -> str:
    if (why := special(seen)) is not None:
        return why.why
    return f"its role {seen.role} is a superuser" if seen.superuser else ""


def _command(wish: Wish, seen: Session) -> str:
    """The same again, but for real."""
    words = [f"dbtool kill {seen.pid}"]
    words += [f"--{wish.signal}"] if wish.signal else []
    words += ["--force"] if _protection(seen) else []
    return " ".join(words)


def _same(now: Session, seen: Session, *, statement: bool) -> bool:
    """Whether it is the same session, or even the same statement of it."""
    if now.backend_start != seen.backend_start:
        return False
    return not statement or (now.query_start, now.state) == (seen.query_start, seen.state)


def _behind(grown: Forest, pid: int) -> set[int]:
    """All who stand behind a session in the tree."""
    found = {pid}
    for node in grown.nodes:
        if node.parent in found:
            found.add(node.id)
    return found - {pid}


def _audit(identity: Identity, victim: Victim, signal: Signal) -> str:
    """One line for a log; what others chose, as an application's name, is quoted."""
    seen = victim.session
    said = {
        "application": seen.application,
        "role": seen.role,
        "database": seen.database,
        "client": seen.client or "",
        "by": identity.rights.role,
    }
    words = " ".join(f"{key}={json.dumps(value)}" for key, value in said.items())
    return (
        f"{identity.server.taken_at} {signal} pid={seen.pid}"
        f" backend_start={seen.backend_start} query_start={seen.query_start} {words}"
    )


def _nobody(pid: int) -> OperationError:
    return OperationError(
        f"no session has pid {pid}",
        detail="It has ended, or it is another server's.",
        hint="dbtool locks shows who is in the way now.",
    )


def _changed(seen: Session) -> OperationError:
    return OperationError(
        f"pid {seen.pid} is no longer what was shown; nothing was done",
        detail="It has ended, or it has gone on to another statement in the meantime.",
        hint=f"Look again: dbtool kill {seen.pid} --dry-run",
    )


def _still_there(signal: Signal, seen: Session) -> OperationError:
    what = "session" if signal == "terminate" else "statement"
    more = "It may be rolling back, or wait for a disk or the network; look again in a moment."
    hint = f"dbtool kill {seen.pid} --terminate ends the session." if signal == "cancel" else ""
    return OperationError(
        f"the {signal} was sent, and the {what} of pid {seen.pid} is still there"
        f" after {WAIT_SECONDS:g} s",
        detail=more,
        hint=hint,
    )


def _literal(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


_ACT = """
SELECT json_build_object('sent', (
    SELECT bool_or({function}(pid)) FROM pg_catalog.pg_stat_activity
    WHERE pid = {pid} AND backend_start = {backend_start}
      AND query_start IS NOT DISTINCT FROM {query_start}
      AND state IS NOT DISTINCT FROM {state}))::text
"""
