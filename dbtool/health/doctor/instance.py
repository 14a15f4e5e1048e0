"""What holds for the whole server or database: horizon, counters, settings, roles."""

from dataclasses import dataclass
from typing import Any

from dbtool.health.parts import Part


@dataclass(frozen=True, slots=True)
class Key:
    """A column filled from a sequence; `most` is the last value that fits both of them.

    `last` is None where the role may not see it or somebody has it `locked`, and 0 before the
    first use.
    """

    column: str
    type: str
    sequence: str
    last: int | None
    most: int
    cycles: bool
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Pin:
    """What keeps vacuum from removing rows: its kind, its name, and its age in transactions.

    `used` says of a replication slot that its consumer is connected just now.
    """

    kind: str
    name: str
    age: int
    seconds: float | None
    used: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """Counters of this database since `seconds` ago; None where they were never reset."""

    deadlocks: int
    conflicts: int
    temp_bytes: int
    temp_files: int
    checksum_failures: int
    commits: int
    seconds: float | None
    checkpoints_timed: int
    checkpoints_requested: int


@dataclass(frozen=True, slots=True)
class Roles:
    """Who may do too much, and how they connect; `plain` connections come without TLS.

    `weak` are roles whose password is hashed with MD5, None where that cannot be seen.
    """

    superusers_connected: tuple[str, ...]
    owners_connected: tuple[str, ...]
    public_schemas: tuple[str, ...]
    plain: int
    weak: tuple[str, ...] | None


def roles(row: dict[str, Any], weak: list[str] | None) -> Roles:
    """What the server answered to ROLES, and to PASSWORDS where it may be asked."""
    return Roles(
        tuple(row["superusers_connected"]),
        tuple(row["owners_connected"]),
        tuple(row["public_schemas"]),
        row["plain"],
        tuple(weak) if weak is not None else None,
    )


KEYS = Part(
    "keys",
    """
(WITH locked AS MATERIALIZED (
    SELECT relation FROM pg_catalog.pg_locks
    WHERE database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      AND relation IS NOT NULL
      AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
)
SELECT coalesce(json_agg(x ORDER BY x.column), '[]') FROM (
    SELECT quote_ident(n.nspname) || '.' || quote_ident(t.relname) || '.' || quote_ident(a.attname)
               AS column,
           format_type(a.atttypid, NULL) AS type,
           quote_ident(m.nspname) || '.' || quote_ident(s.relname) AS sequence,
           CASE WHEN has_sequence_privilege(s.oid, 'SELECT, USAGE')
                     AND s.oid NOT IN (SELECT relation FROM locked)
                THEN coalesce(pg_sequence_last_value(s.oid), 0) END AS last,
           s.oid IN (SELECT relation FROM locked) AS locked,
           least(q.seqmax, CASE a.atttypid WHEN 'int2'::regtype THEN 32767
                                           WHEN 'int4'::regtype THEN 2147483647
                                           ELSE 9223372036854775807 END) AS most,
           q.seqcycle AS cycles
    FROM pg_catalog.pg_sequence AS q
    JOIN pg_catalog.pg_class AS s ON s.oid = q.seqrelid
    JOIN pg_catalog.pg_namespace AS m ON m.oid = s.relnamespace
    JOIN pg_catalog.pg_depend AS d
      ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
     AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
    JOIN pg_catalog.pg_class AS t ON t.oid = d.refobjid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    WHERE q.seqincrement > 0) AS x)
""",
)

HORIZON = Part(
    "horizon",
    """
(SELECT coalesce(json_agg(x ORDER BY age DESC), '[]') FROM (
    SELECT 'session' AS kind, name, greatest(age(backend_xid), age(snapshot)) AS age, seconds,
           false AS used
    FROM (SELECT 'pid ' || pid || coalesce(', ' || nullif(application_name, ''), '') AS name,
                 backend_xid,
                 CASE WHEN datname = current_database() THEN backend_xmin END AS snapshot,
                 extract(epoch FROM clock_timestamp() - xact_start) AS seconds
          FROM pg_catalog.pg_stat_activity
          WHERE pid <> pg_backend_pid()
            AND backend_type NOT IN ('walsender', 'autovacuum worker', 'parallel worker')
            AND pid NOT IN (SELECT pid FROM pg_catalog.pg_stat_progress_vacuum)) AS a
    WHERE coalesce(backend_xid, snapshot) IS NOT NULL
    UNION ALL
    SELECT 'replication slot', slot_name,
           greatest(coalesce(age(xmin), 0), coalesce(age(catalog_xmin), 0)), NULL, active
    FROM pg_catalog.pg_replication_slots WHERE xmin IS NOT NULL OR catalog_xmin IS NOT NULL
    UNION ALL
    SELECT 'prepared transaction', gid, age(transaction),
           extract(epoch FROM clock_timestamp() - prepared), false
    FROM pg_catalog.pg_prepared_xacts
    UNION ALL
    SELECT 'standby', coalesce(nullif(application_name, ''), 'pid ' || pid), age(backend_xmin),
           NULL, false
    FROM pg_catalog.pg_stat_replication WHERE backend_xmin IS NOT NULL) AS x)
""",
)
"""Who wrote and is not done is older than every snapshot taken since, whatever the database.

A snapshot itself counts in its own database alone, and that of a VACUUM nowhere.
"""

_COUNTS = """
(SELECT json_build_object(
    'deadlocks', deadlocks, 'conflicts', conflicts, 'temp_bytes', temp_bytes,
    'temp_files', temp_files, 'checksum_failures', coalesce(checksum_failures, 0),
    'commits', xact_commit,
    'seconds', extract(epoch FROM clock_timestamp() - d.stats_reset),
    'checkpoints_timed', {timed}, 'checkpoints_requested', {requested})
 FROM pg_catalog.pg_stat_database AS d CROSS JOIN pg_catalog.{view} AS c
 WHERE d.datname = current_database())
"""


def counts(major: int) -> Part:
    """The counters; those of checkpoints have a view of their own since 17."""
    names = ("checkpoints_timed", "checkpoints_req", "pg_stat_bgwriter")
    if major >= 17:
        names = ("num_timed", "num_requested", "pg_stat_checkpointer")
    timed, requested, view = names
    return Part("counts", _COUNTS.format(timed=timed, requested=requested, view=view))


SETTINGS = Part(
    "settings",
    """
(SELECT json_object_agg(name, setting) FROM pg_catalog.pg_settings
 WHERE name IN ('autovacuum', 'fsync', 'full_page_writes', 'track_counts', 'track_io_timing',
                'log_lock_waits', 'statement_timeout', 'lock_timeout', 'max_connections',
                'idle_in_transaction_session_timeout', 'work_mem', 'shared_buffers',
                'maintenance_work_mem', 'autovacuum_max_workers', 'max_wal_size',
                'superuser_reserved_connections', 'ssl', 'password_encryption',
                'autovacuum_freeze_max_age', 'zero_damaged_pages', 'ignore_checksum_failure'))
""",
)

ROLES = Part(
    "roles",
    """
(SELECT json_build_object(
    'superusers_connected', (
        SELECT coalesce(json_agg(DISTINCT a.usename ORDER BY a.usename), '[]')
        FROM pg_catalog.pg_stat_activity AS a JOIN pg_catalog.pg_roles AS r ON r.oid = a.usesysid
        WHERE r.rolsuper AND a.pid <> pg_backend_pid()
          AND coalesce(a.backend_type, 'client backend') = 'client backend'
          AND a.datname = current_database()
          AND a.application_name !~* '^(psql|pgadmin|dbtool|pg_dump|pg_restore|dbeaver|datagrip)'),
    'owners_connected', (
        SELECT coalesce(json_agg(DISTINCT a.usename ORDER BY a.usename), '[]')
        FROM pg_catalog.pg_stat_activity AS a JOIN pg_catalog.pg_roles AS r ON r.oid = a.usesysid
        WHERE NOT r.rolsuper AND a.pid <> pg_backend_pid()
          AND coalesce(a.backend_type, 'client backend') = 'client backend'
          AND a.datname = current_database()
          AND a.application_name !~* '^(psql|pgadmin|dbtool|pg_dump|pg_restore|dbeaver|datagrip)'
          AND EXISTS (SELECT FROM pg_catalog.pg_class AS c
                      WHERE c.relowner = a.usesysid AND c.relkind IN ('r', 'p'))),
    'public_schemas', (
        SELECT coalesce(json_agg(quote_ident(nspname) ORDER BY nspname), '[]')
        FROM pg_catalog.pg_namespace
        WHERE nspname !~ '^pg_' AND has_schema_privilege('public', oid, 'CREATE')),
    'plain', (
        SELECT count(*)
        FROM pg_catalog.pg_stat_activity AS a JOIN pg_catalog.pg_stat_ssl AS s USING (pid)
        WHERE NOT s.ssl AND a.client_addr IS NOT NULL AND a.backend_type = 'client backend'
          AND NOT a.client_addr <<= '127.0.0.0/8' AND a.client_addr <> '::1')))
""",
)

PASSWORDS = Part(
    "passwords",
    """
(SELECT coalesce(json_agg(rolname ORDER BY rolname), '[]') FROM pg_catalog.pg_authid
 WHERE rolpassword LIKE 'md5%' AND rolcanlogin)
""",
)
"""Only a superuser may read it."""
