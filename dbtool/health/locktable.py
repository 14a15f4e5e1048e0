"""The lock table of a server: who holds and who waits for what somebody waits for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from dbtool.database.lockmodes import CONFLICTS
from dbtool.health.participant import (
    SESSION_COLUMNS,
    SESSION_LISTS,
    Prepared,
    Session,
    sessions,
)
from dbtool.health.parts import SESSIONS
from dbtool.health.redact import Shown, redact


@dataclass(frozen=True, slots=True)
class Lock:
    """One row of pg_locks; `key` is equal where the locked thing is.

    `holder` is a process or, below zero, a prepared transaction. `group` is the leader where it
    is a parallel worker.
    """

    key: str
    kind: str
    thing: str
    mode: str
    granted: bool
    holder: int
    group: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class LockTable:
    """All locks on what somebody waits for, and whose they are."""

    locks: tuple[Lock, ...]
    sessions: dict[int, Session]
    prepared: dict[int, Prepared]


def lock_table(answer: dict[str, Any], shown: Shown = redact) -> LockTable:
    """What the server answered to LOCKS."""
    seen = sessions(answer["sessions"], shown)
    prepared = {
        -number: Prepared(**{key: row[key] for key in ("name", "owner", "database", "seconds")})
        for number, row in enumerate(answer["prepared"], 1)
    }
    numbers = {row["virtual"]: -number for number, row in enumerate(answer["prepared"], 1)}
    locks = list(_locks(answer["things"], seen, numbers))
    leaders = _leaders(locks, set(answer["named"]), seen)
    if leaders:
        locks = [replace(each, group=leaders.get(each.holder, each.group)) for each in locks]
    return LockTable(tuple(locks), seen, prepared)


def _locks(
    things: list[dict[str, Any]], seen: dict[int, Session], prepared: dict[str, int]
) -> Iterator[Lock]:
    """Without those of a prepared transaction that has been decided between two looks."""
    for number, row in enumerate(things):
        key, kind, thing = str(number), row["kind"], _thing(row)
        for pid, virtual, mode, granted, seconds in row["locks"]:
            holder = prepared.get(virtual) if pid is None else pid
            if holder is not None:
                known = seen.get(holder)
                group = known.group if known else holder
                yield Lock(key, kind, thing, mode, granted, holder, group, seconds)


def _leaders(locks: list[Lock], named: set[int], seen: dict[int, Session]) -> dict[int, int]:
    """Whose parallel workers those are whom our role may not see.

    They are in somebody's way, and the server names their leader in their place, which is alike
    and holds the same. Of several such leaders any will do: each keeps out whom the worker does.
    """
    ways = _ways(locks) if named else {}
    waiting = {lock.holder for lock in locks if not lock.granted}
    found = {}
    for pid in ways.keys() - waiting - named:
        if (worker := seen.get(pid)) and worker.hidden:
            holders = (each for each in named if ways.get(each, set()) >= ways[pid])
            alike = [each for each in holders if _alike(seen.get(each), worker)]
            if alike:
                found[pid] = min(alike)
    return found


def _ways(locks: list[Lock]) -> dict[int, set[tuple[str, str]]]:
    """What each one holds, in which mode, that somebody wants."""
    wanted: dict[str, set[str]] = {}
    for lock in locks:
        if not lock.granted:
            wanted.setdefault(lock.key, set()).add(lock.mode)
    found: dict[int, set[tuple[str, str]]] = {}
    for lock in locks:
        if lock.granted and CONFLICTS[lock.mode] & wanted.get(lock.key, set()):
            found.setdefault(lock.holder, set()).add((lock.key, lock.mode))
    return found


def _alike(leader: Session | None, worker: Session) -> bool:
    return leader is not None and _whose(leader) == _whose(worker)


def _whose(session: Session) -> tuple[str, str, str]:
    return session.application, session.role, session.database


def _thing(row: dict[str, Any]) -> str:
    """The locked thing in words."""
    match row["kind"]:
        case "relation":
            return _relation(row)
        case "tuple":
            return f"a row of {_relation(row)}"
        case "extend" | "page":
            return f"{row['kind']} of {_relation(row)}"
        case "transactionid":
            return f"transaction {row['xid']}"
        case "virtualxid":
            return f"the end of virtual transaction {row['virtualxid']}"
        case "advisory":
            return f"advisory lock {_advisory(row)}"
        case "object":
            if row["locked_database"]:
                return f"database {row['locked_database']}"
            return f"object {row['objid']} of {row['class'] or row['classid']}"
    return str(row["kind"])


def _relation(row: dict[str, Any]) -> str:
    oid = row["relation"]
    if row["here"]:
        return row["name"] or f"relation {oid}"
    return f"relation {oid} of database {row['database'] or 'unknown'}"


def _advisory(row: dict[str, Any]) -> str:
    """The key as it was given: one number, or two."""
    if row["objsubid"] == 1:
        number = (row["classid"] << 32) | row["objid"]
        return str(number - (1 << 64) if number >= 1 << 63 else number)
    return f"({_int4(row['classid'])}, {_int4(row['objid'])})"


def _int4(oid: int) -> int:
    return oid - (1 << 32) if oid >= 1 << 31 else oid


NAMED = 20
"""For so many waiters the server is asked whom they wait for, where a role sees too little.

Of those who want one thing in one mode the answer of one is enough.
"""

LOCKS = f"""
(WITH every AS MATERIALIZED (
    SELECT * FROM pg_catalog.pg_locks
    WHERE mode <> 'SIReadLock' AND NOT fastpath AND pid IS DISTINCT FROM pg_backend_pid()
      AND (EXISTS (SELECT FROM {SESSIONS}
                   WHERE wait_event_type = 'Lock' OR backend_type IS NULL)
           OR current_setting('server_version_num')::int < 180000
              AND EXISTS (SELECT FROM pg_catalog.pg_locks WHERE NOT granted))
),
wanted AS MATERIALIZED (
    SELECT * FROM every WHERE NOT granted
),
locks AS MATERIALIZED (
    SELECT every.* FROM every
    WHERE EXISTS (SELECT FROM wanted)
      AND (NOT granted
           OR relation IN (SELECT relation FROM wanted WHERE relation IS NOT NULL)
           OR transactionid IN (SELECT transactionid FROM wanted WHERE transactionid IS NOT NULL)
           OR virtualxid IN (SELECT virtualxid FROM wanted WHERE virtualxid IS NOT NULL)
           OR objid IN (SELECT objid FROM wanted WHERE objid IS NOT NULL)
           OR locktype IN ('tuple', 'frozenid')
           OR pid IS NULL AND locktype = 'transactionid')
),
here AS MATERIALIZED (
    SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()
),
moment AS MATERIALIZED (
    SELECT clock_timestamp() AS now
),
involved AS MATERIALIZED (
    SELECT * FROM {SESSIONS} WHERE pid IN (SELECT pid FROM locks)
),
asked AS MATERIALIZED (
    SELECT min(pid) AS pid FROM wanted
    GROUP BY locktype, database, relation, page, tuple, virtualxid,
             transactionid::text, classid, objid, objsubid, mode
)
SELECT json_build_object(
    'things', (
        SELECT coalesce(json_agg(t), '[]')
        FROM (SELECT locktype AS kind, relation, virtualxid, xid,
                     classid::bigint AS classid, objid::bigint AS objid, objsubid,
                     CASE WHEN locktype = 'object' THEN classid::regclass::text END AS class,
                     database IN (0, (SELECT oid FROM here)) AS here,
                     CASE WHEN database IN (0, (SELECT oid FROM here))
                          THEN relation::regclass::text END AS name,
                     (SELECT datname FROM pg_catalog.pg_database WHERE oid = database) AS database,
                     (SELECT datname FROM pg_catalog.pg_database
                      WHERE locktype = 'object' AND oid = objid
                        AND classid = 'pg_catalog.pg_database'::regclass) AS locked_database,
                     locks
              FROM (SELECT locktype, database, relation, virtualxid,
                           transactionid::text AS xid, classid, objid, objsubid,
                           json_agg(json_build_array(
                               pid, CASE WHEN pid IS NULL THEN virtualtransaction END, mode,
                               granted, date_part('epoch', now - waitstart))) AS locks
                    FROM locks CROSS JOIN moment
                    GROUP BY locktype, database, relation, page, tuple, virtualxid,
                             transactionid::text, classid, objid, objsubid) AS g) AS t),
    'sessions', (
        SELECT json_build_object({SESSION_LISTS})
        FROM (SELECT {SESSION_COLUMNS}
              FROM (SELECT * FROM involved
                    UNION ALL
                    SELECT * FROM {SESSIONS}
                    WHERE pid IN (SELECT leader_pid FROM involved)
                      AND pid NOT IN (SELECT pid FROM involved)) AS a) AS s),
    'named', (
        SELECT coalesce(json_agg(DISTINCT named), '[]')
        FROM (SELECT unnest(pg_blocking_pids(pid)) AS named
              FROM asked
              WHERE EXISTS (SELECT FROM involved WHERE backend_type IS NULL)
                AND (SELECT count(*) FROM asked) <= {NAMED}) AS n),
    'prepared', (
        SELECT coalesce(json_agg(p), '[]')
        FROM (SELECT l.virtualtransaction AS virtual, gid AS name, owner, x.database,
                     extract(epoch FROM clock_timestamp() - prepared) AS seconds
              FROM locks AS l
              JOIN pg_catalog.pg_prepared_xacts AS x ON x.transaction = l.transactionid
              WHERE l.pid IS NULL AND l.locktype = 'transactionid' AND l.granted) AS p)
))
"""
"""Two flat scans; it takes no lock on any relation of the user, and names none of another database.

The whole lock table is read at one moment, and only where somebody waits or a plain role
cannot see whether somebody does: before 18 a login that waits for its database is in no list of
sessions, and the lock table is asked whether one does. Sessions are read before it, so that nobody
is told to have ended who holds a lock. Locks of the fast path are read before that moment, and are
left out: a lock that keeps anybody out has been moved to the table before that one waits. All
waits are measured at one moment too, for their lengths tell the order of a queue. What belongs to
nobody's wait is left out on the server, so that an idle server answers with nothing.
pg_blocking_pids would take longer with more than the square of those who wait for one row.
"""
