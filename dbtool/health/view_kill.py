"""Turns a session that is to be ended, or was, into lines and a report."""

from collections.abc import Iterator

from dbtool.health.kill import Killed, Signal
from dbtool.health.session import TAKES_SUPERUSER
from dbtool.health.tree import known_as
from dbtool.health.victim import Victim
from dbtool.health.view_locks import freed, turns
from dbtool.report import Report, Text, counted, duration, facts, listed

_VERBS: dict[Signal, str] = {"cancel": "cancel the statement of", "terminate": "terminate"}
_DONE: dict[Signal, str] = {"cancel": "cancelled the statement of", "terminate": "terminated"}


def kill_report(killed: Killed) -> Report:
    """What was done to whom, what it released, and a line for the log."""
    who = _who(killed.victim)
    if killed.done:
        headline = f"{_DONE[killed.signal]} {who} in {duration(killed.seconds)}{_went_on(killed)}"
    else:
        would = "would not" if killed.refused else "would"
        headline = f"{would} {_VERBS[killed.signal]} {who}"
    outcome = "done" if killed.done else "dry run, nothing was done"
    return Report(
        command="kill",
        data=killed,
        headline=headline,
        sections=(
            facts(_facts(killed.victim, killed.why)),
            Text(f"audit: {killed.audit} outcome={outcome!r}"),
        ),
        notes=tuple(_refused(killed)),
        next=() if killed.done or killed.refused else (killed.command,),
    )


def _refused(killed: Killed) -> Iterator[str]:
    if killed.refused and killed.victim.allowed:
        yield f"refused without --force: {killed.refused}"
    elif killed.refused:
        yield f"refused, with --force too: {killed.refused}. {TAKES_SUPERUSER}"


def victim_lines(victim: Victim, signal: Signal, why: str) -> tuple[str, ...]:
    """The victim above the question whether to end it."""
    lines = (f"  {name}: {text}" for name, text in _facts(victim, why))
    return (f"about to {_VERBS[signal]} {_who(victim)}", *lines)


def _who(victim: Victim) -> str:
    session = victim.session
    return f"pid {session.pid} ({known_as(session)}, role {session.role or 'none'})"


def _went_on(killed: Killed) -> str:
    if not killed.waited_behind:
        return ""
    return f"; of {killed.waited_behind:,} that waited behind it {killed.freed:,} go on"


def _facts(victim: Victim, why: str) -> Iterator[tuple[str, str]]:
    session = victim.session
    state = session.state or session.backend_type or "unknown"
    if session.state_seconds is not None:
        state += f" for {duration(session.state_seconds)}"
    yield "state", state
    if session.transaction_seconds is not None:
        yield "transaction", f"open for {duration(session.transaction_seconds)}"
    yield "database", f"{session.database or 'none'}, client {session.client or 'unknown'}"
    verb = "statement" if session.state == "active" else "last ran"
    yield verb, session.query or "(nothing)"
    if victim.held:
        shown = [f"{each.mode} on {each.thing}" for each in victim.held]
        yield "locks", f"{counted(victim.held_count, 'lock')}: {listed(shown, 4)}"
    if victim.node and victim.node.release:
        yield "behind it", freed(victim.node.release)
        for each in turns(victim.node.release):
            yield "but", each
    yield "so", why
    if warning := _warning(session.query):
        yield "afterwards", warning


def _warning(query: str) -> str:
    words = query.upper().split()
    if "CONCURRENTLY" in words and "INDEX" in words[:3]:
        return "an invalid index stays behind; drop it or build it again"
    return ""
