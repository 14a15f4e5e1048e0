"""The session that somebody wants to end: what it is, what it holds, who waits for it."""

from dataclasses import dataclass
from typing import Any

from dbtool.health.forest import Forest, Node
from dbtool.health.participant import SESSION_COLUMNS, Session, session

HELD_LISTED = 10


@dataclass(frozen=True, slots=True)
class Held:
    """Locks of one mode and kind on one thing that a session holds."""

    mode: str
    thing: str


@dataclass(frozen=True, slots=True)
class Victim:
    """A session as it was when we looked; `node` is its place among those who wait.

    It is not `allowed` to signal a superuser's where the role that looks is none.
    """

    session: Session
    allowed: bool
    held: tuple[Held, ...]
    held_count: int
    node: Node | None


def victim_of(row: dict[str, Any], grown: Forest) -> Victim:
    """What the server answered to VICTIM, and its place in the forest."""
    held = tuple(Held(each["mode"], each["thing"]) for each in row["held"])
    seen = session(row["session"])
    return Victim(seen, row["allowed"], held, row["held_count"], grown.node(seen.pid))


VICTIM = f"""
(WITH held AS MATERIALIZED (
    SELECT mode, coalesce(
               CASE WHEN database IN (0, (SELECT oid FROM pg_catalog.pg_database
                                          WHERE datname = current_database()))
                    THEN relation::regclass::text END,
               locktype || coalesce(' ' || relation, '')) AS thing
    FROM pg_catalog.pg_locks
    WHERE pid = {{pid}} AND granted AND locktype NOT IN ('virtualxid', 'transactionid')
)
SELECT json_build_object(
    'session', row_to_json(s),
    'allowed', NOT s.superuser OR (
        SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
    'held_count', (SELECT count(*) FROM held),
    'held', (
        SELECT coalesce(json_agg(h), '[]')
        FROM (SELECT mode, thing FROM held
              ORDER BY mode LIKE '%Exclusive%' DESC, thing LIMIT {HELD_LISTED}) AS h))
FROM (SELECT {SESSION_COLUMNS} FROM pg_catalog.pg_stat_activity AS a WHERE pid = {{pid}}) AS s)
"""
"""`pid` is to be filled in; null where there is no such session."""
