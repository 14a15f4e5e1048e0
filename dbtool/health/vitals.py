"""The vital signs of a server besides its connections and locks."""

from dataclasses import dataclass
from typing import Any

from dbtool.health.participant import QUERY_LENGTH
from dbtool.health.parts import SESSIONS, Part
from dbtool.health.progress import PROGRESS, Work, works
from dbtool.health.redact import Shown, redact

PACE_SECONDS = 600
"""What is written in a shorter time, as behind a start, tells nothing of the hours to come."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Sessions that run a statement, by the class of event they wait for; CPU where none."""

    waits: dict[str, int]
    longest: "Statement | None"


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement that has run for longest, lock waits left out."""

    pid: int
    application: str
    role: str
    superuser: bool
    seconds: float
    query_start: str
    query: str


@dataclass(frozen=True, slots=True)
class Replica:
    """A connection that streams WAL; what a plain role may not see of it is None."""

    application: str
    state: str | None
    sync_state: str | None
    lag_seconds: float | None
    lag_bytes: int | None


@dataclass(frozen=True, slots=True)
class Replication:
    """Whom this server feeds, and on a standby how long ago its data was true.

    `delay_seconds` is None on a primary, and on a standby that has replayed everything, or no
    transaction since it started; `unreplayed` are the bytes it has received and not replayed,
    None where it has received none by streaming. `streaming` is None on a primary.
    """

    replicas: tuple[Replica, ...]
    delay_seconds: float | None
    unreplayed: int | None = None
    paused: bool = False
    streaming: bool | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot and the WAL it keeps; `safe` is what may be added before it is lost.

    `written` are the bytes of WAL that the server has written in the `counted` seconds since its
    counters began, which a reset and a crash begin anew.
    """

    name: str
    active: bool
    status: str | None
    retained: int | None
    safe: int | None
    written: float | None = None
    counted: float | None = None

    @property
    def pace(self) -> float | None:
        """Bytes of WAL a second; None where they are not counted for long enough to tell."""
        if self.written is None or self.counted is None or self.counted < PACE_SECONDS:
            return None
        return self.written / self.counted


@dataclass(frozen=True, slots=True)
class Ids:
    """How far the oldest database is from where transaction ids run out."""

    database: str
    xid_age: int
    mxid_age: int


@dataclass(frozen=True, slots=True)
class Archiving:
    """Whether WAL is archived, and since when it fails.

    How long it `fails` is known only where something was archived on this `timeline`, or of the
    one before it since the promotion, which ends that with a `.partial` file, or where the server
    has never been a standby: what one does not archive is no failure of archiving.
    """

    mode: str
    timeline: str | None
    fails: bool
    failed: int
    last_failed: str | None
    failing_seconds: float | None
    archived_seconds: float | None


@dataclass(frozen=True, slots=True)
class Undecided:
    """Prepared transactions that nobody has decided."""

    count: int
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is None could not be asked; of `hidden_work` only that somebody does it is known."""

    activity: Activity | None
    replication: Replication | None
    slots: tuple[Slot, ...] | None
    ids: Ids | None
    archiving: Archiving | None
    undecided: Undecided | None
    work: tuple[Work, ...] | None
    hidden_work: int = 0


def vitals(found: dict[str, Any], shown: Shown = redact) -> Vitals:
    """What the server answered to PARTS."""
    return Vitals(
        activity=_activity(found["activity"], shown) if "activity" in found else None,
        replication=_replication(found["replication"]) if "replication" in found else None,
        slots=tuple(Slot(**row) for row in found["slots"]) if "slots" in found else None,
        ids=Ids(**found["ids"]) if "ids" in found else None,
        archiving=Archiving(**found["archiving"]) if "archiving" in found else None,
        undecided=Undecided(**found["prepared"]) if "prepared" in found else None,
        work=works(found["progress"]) if "progress" in found else None,
        hidden_work=found["progress"]["hidden"] if "progress" in found else 0,
    )


def _activity(row: dict[str, Any], shown: Shown) -> Activity:
    longest = row["longest"]
    if longest is not None:
        longest = Statement(**{**longest, "query": shown(longest["query"])})
    return Activity(row["waits"], longest)


def _replication(row: dict[str, Any]) -> Replication:
    return Replication(**{**row, "replicas": tuple(Replica(**each) for each in row["replicas"])})


_ACTIVITY = f"""
(WITH running AS (
    SELECT *, date_part('epoch', clock_timestamp() - query_start) AS seconds
    FROM {SESSIONS}
    WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
)
SELECT json_build_object(
    'waits', (
        SELECT coalesce(json_object_agg(class, number ORDER BY number DESC, class), '{{}}')
        FROM (SELECT coalesce(wait_event_type, 'CPU') AS class, count(*) AS number
              FROM running GROUP BY 1) AS c),
    'longest', (
        SELECT row_to_json(s)
        FROM (SELECT pid, coalesce(application_name, '') AS application,
                     coalesce(usename, '') AS role,
                     coalesce(usesysid IN (SELECT oid FROM pg_catalog.pg_roles WHERE rolsuper),
                              false) AS superuser,
                     seconds, query_start,
                     left(query, {QUERY_LENGTH}) AS query
              FROM running WHERE wait_event_type IS DISTINCT FROM 'Lock'
              ORDER BY seconds DESC LIMIT 1) AS s)))
"""

_HERE = """CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                ELSE pg_current_wal_lsn() END"""

_REPLICATION = f"""
(SELECT json_build_object(
    'replicas', (
        SELECT coalesce(json_agg(r), '[]')
        FROM (SELECT coalesce(application_name, '') AS application, state, sync_state,
                     extract(epoch FROM replay_lag) AS lag_seconds,
                     pg_wal_lsn_diff({_HERE}, replay_lsn)::bigint AS lag_bytes
              FROM pg_catalog.pg_stat_replication
              WHERE EXISTS (SELECT FROM {SESSIONS}
                            WHERE coalesce(backend_type, 'walsender') = 'walsender')
              ORDER BY replay_lag DESC NULLS LAST) AS r),
    'delay_seconds', CASE
        WHEN pg_is_in_recovery() AND pg_last_wal_receive_lsn() <> pg_last_wal_replay_lsn()
        THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END,
    'unreplayed', CASE WHEN pg_is_in_recovery() THEN
        pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint END,
    'paused', CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END,
    'streaming', CASE WHEN pg_is_in_recovery() THEN
        EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver WHERE pid IS NOT NULL) END))
"""

_SLOTS = f"""
(SELECT coalesce(json_agg(s), '[]')
 FROM (SELECT slot_name AS name, active, wal_status AS status, safe_wal_size AS safe,
              pg_wal_lsn_diff({_HERE}, restart_lsn)::bigint AS retained,
              w.written, w.counted
       FROM pg_catalog.pg_replication_slots,
            (SELECT wal_bytes::float AS written,
                    date_part('epoch', clock_timestamp() - stats_reset) AS counted
             FROM pg_catalog.pg_stat_wal) AS w
       ORDER BY 5 DESC NULLS LAST) AS s)
"""

_IDS = """
(SELECT row_to_json(d)
 FROM (SELECT datname AS database, age(datfrozenxid) AS xid_age, mxid_age(datminmxid) AS mxid_age
       FROM pg_catalog.pg_database
       ORDER BY greatest(age(datfrozenxid), mxid_age(datminmxid)) DESC LIMIT 1) AS d)
"""

_ARCHIVING = """
(SELECT json_build_object(
    'mode', current_setting('archive_mode'),
    'failed', failed_count,
    'last_failed', last_failed_wal,
    'timeline', timeline,
    'fails', fails,
    'failing_seconds', CASE
        WHEN NOT fails THEN NULL
        WHEN left(last_archived_wal, 8) >= coalesce(timeline, '')
            OR last_archived_time > pg_postmaster_start_time()
               AND (current_setting('archive_mode') = 'on' OR last_archived_wal LIKE '%.partial')
        THEN extract(epoch FROM clock_timestamp() - last_archived_time)
        WHEN last_archived_wal IS NULL AND timeline = '00000001'
        THEN extract(epoch FROM clock_timestamp() - greatest(
            stats_reset, pg_postmaster_start_time(), pg_conf_load_time())) END,
    'archived_seconds', extract(epoch FROM clock_timestamp() - last_archived_time))
 FROM pg_catalog.pg_stat_archiver,
      LATERAL (SELECT CASE WHEN NOT pg_is_in_recovery()
                           THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS timeline,
                      coalesce(last_failed_time > coalesce(last_archived_time, stats_reset), false)
                      AND (current_setting('archive_mode') = 'always'
                           OR NOT pg_is_in_recovery()) AS fails) AS t)
"""

_PREPARED = """
(SELECT json_build_object(
    'count', count(*),
    'oldest_seconds', extract(epoch FROM clock_timestamp() - min(prepared)))
 FROM pg_catalog.pg_prepared_xacts)
"""

PARTS = (
    Part("activity", _ACTIVITY),
    Part("replication", _REPLICATION),
    Part("slots", _SLOTS),
    Part("ids", _IDS),
    Part("archiving", _ARCHIVING),
    Part("prepared", _PREPARED),
    Part("progress", PROGRESS, since=14),
)
