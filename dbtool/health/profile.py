"""What sessions were at work on over some time: the same glance again and again."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dbtool.health.participant import QUERY_LENGTH
from dbtool.health.parts import Part
from dbtool.health.redact import Shown, redact

ON_CPU = "CPU"
"""A session that runs and waits for nothing that the server tells of."""

LATEST = 1.6
"""Seconds into an answer after which no further glance begins: the server's limit is two."""

GROUPS = 200
"""How many kinds of work are told apart in one answer; the rest is counted together."""


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work and how many sessions were at it on average.

    `event` is empty on CPU; a part of `query` may be missing, its literals are.
    """

    wait: str
    event: str
    application: str
    role: str
    database: str
    query: str
    sessions: float


@dataclass(frozen=True, slots=True)
class Profile:
    """The average over `looks` glances within `seconds`; for `missed` ones it was too late."""

    looks: int
    missed: int
    seconds: float
    work: tuple[Work, ...]
    hidden: float

    @property
    def sessions(self) -> float:
        """How many sessions were at work on average."""
        return sum(each.sessions for each in self.work)

    def by_wait(self) -> dict[str, float]:
        """Average sessions by class of wait, the most first."""
        summed: dict[str, float] = {}
        for each in self.work:
            summed[each.wait] = summed.get(each.wait, 0.0) + each.sessions
        return dict(sorted(summed.items(), key=lambda entry: (-entry[1], entry[0])))


def glances(looks: int, pause: float) -> Part:
    """Glances within one answer, `pause` seconds apart; fewer where the server comes late.

    The function's argument depends on the glance, or the server would call it once, and its
    snapshot of the sessions is thrown away before each.
    """
    sql = f"""
(WITH glance AS MATERIALIZED (
    SELECT look, a.*
    FROM pg_catalog.generate_series(1, {looks}) AS look
    CROSS JOIN LATERAL (
        SELECT pg_catalog.pg_stat_clear_snapshot(), pg_catalog.pg_sleep({pause})
        WHERE look = 1 OR pg_catalog.clock_timestamp()
              < pg_catalog.statement_timestamp() + interval '{LATEST} seconds' OFFSET 0) AS pause
    CROSS JOIN LATERAL pg_catalog.pg_stat_get_activity(
        CASE WHEN look > 0 THEN NULL::int END) AS a
    WHERE a.pid <> pg_catalog.pg_backend_pid()
), busy AS MATERIALIZED (
    SELECT coalesce(wait_event_type, '{ON_CPU}') AS wait, coalesce(wait_event, '') AS event,
           coalesce(application_name, '') AS application,
           coalesce(pg_catalog.pg_get_userbyid(usesysid), '') AS role,
           coalesce((SELECT datname FROM pg_catalog.pg_database WHERE oid = datid), '')
               AS database,
           left(query, {QUERY_LENGTH}) AS query, count(*) AS seen
    FROM glance
    WHERE state IN ('active', 'fastpath function call')
      AND backend_type <> 'walsender' AND wait_event_type IS DISTINCT FROM 'Activity'
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT json_build_object(
    'own', (SELECT query_id::text
            FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())),
    'looks', (SELECT coalesce(max(look), 1) FROM glance),
    'hidden', (SELECT count(*) FROM glance
               WHERE backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL),
    'work', (SELECT coalesce(json_agg(b ORDER BY seen DESC), '[]')
             FROM (SELECT * FROM busy ORDER BY seen DESC LIMIT {GROUPS}) AS b),
    'seen', (SELECT coalesce(sum(seen), 0) FROM busy)))
"""
    return Part("profile", sql, needed=True)


def profile(
    answers: Iterable[dict[str, Any]], wanted: int, seconds: float, shown: Shown = redact
) -> Profile:
    """What the server answered to `glances`, once or several times, put together."""
    seen: dict[tuple[str, ...], int] = {}
    looks = hidden = rest = 0
    for answer in answers:
        looks += answer["looks"]
        hidden += answer["hidden"]
        rest += answer["seen"] - sum(row["seen"] for row in answer["work"])
        for row in answer["work"]:
            query = shown(row["query"] or "")
            names = (row["wait"], row["event"], row["application"], row["role"], row["database"])
            seen[*names, query] = seen.get((*names, query), 0) + row["seen"]
    ordered = sorted(seen.items(), key=lambda entry: (-entry[1], entry[0]))
    work = [
        Work(wait, event, application, role, database, query, count / looks)
        for (wait, event, application, role, database, query), count in ordered
    ]
    if rest:
        work.append(Work("other", "", "", "", "", f"(beyond the {GROUPS} most)", rest / looks))
    return Profile(looks, wanted - looks, seconds, tuple(work), hidden / looks)
