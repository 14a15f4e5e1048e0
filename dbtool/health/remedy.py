"""What ends a participant, so that what it holds is released: a cancel, a terminate, or neither."""

from dataclasses import dataclass
from typing import Literal

from dbtool.health.participant import AUTOVACUUM, CLIENT, STARTUP, WALSENDER, Prepared, Session

Action = Literal["cancel", "terminate", "decide", "none", "unknown"]


@dataclass(frozen=True, slots=True)
class Remedy:
    """What works, why that, and the command that does it; `decide` is for prepared ones."""

    action: Action
    why: str
    command: str = ""


def remedy(
    number: int, session: Session | None, prepared: Prepared | None, advisory: bool
) -> Remedy:
    """What ends it; `advisory` says that an advisory lock of it is waited for."""
    if prepared is not None:
        return _decide(prepared)
    if session is None:
        return Remedy("none", "it is still logging in, or has ended since")
    if session.hidden:
        return Remedy("unknown", "what it does is hidden from this role")
    return special(session) or _ordinary(number, session, advisory)


def _decide(prepared: Prepared) -> Remedy:
    name = prepared.name.replace("'", "''")
    return Remedy(
        "decide",
        f"it has no session; whoever prepared it decides, in database {prepared.database}",
        f"COMMIT PREPARED '{name}'; or ROLLBACK PREPARED '{name}';",
    )


def special(session: Session) -> Remedy | None:
    """Why something that is no ordinary session must not be ended, or not by its own pid."""
    if session.wraparound:
        return Remedy("none", "this vacuum prevents transaction ids from running out: let it work")
    match session.backend_type:
        case "parallel worker":
            return Remedy("none", f"a parallel worker of pid {session.leader}: end that one")
        case _ if session.backend_type == WALSENDER:
            return Remedy("none", "it feeds a replica or a backup")
        case _ if session.backend_type == STARTUP:
            return Remedy("none", "it replays the primary's changes; end those who hold it up")
        case _ if session.backend_type not in (CLIENT, AUTOVACUUM):
            return Remedy("none", f"it is a {session.backend_type}, no session")
    return None


def _ordinary(number: int, session: Session, advisory: bool) -> Remedy:
    kill = f"dbtool kill {number}" + (" --force" if session.superuser else "")
    if session.state == "active" and not advisory:
        return Remedy("cancel", "its statement ends and its transaction rolls back", kill)
    if session.state == "active":
        why = "a cancel keeps an advisory lock that belongs to the session"
        return Remedy("terminate", why, kill)
    if session.idle_in_transaction:
        return Remedy("terminate", "a cancel does nothing to a session that runs nothing", kill)
    if session.state == "idle":
        why = "it is idle and keeps a lock of the session"
        return Remedy("terminate", why if advisory else "it is idle: nothing to cancel", kill)
    return Remedy("terminate", f"it is in state {session.state}", kill)
