"""What an upgrade of a database would meet: other runs, open transactions, what broke off."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbtool.migrate.journal import Journal, in_comment
from dbtool.migrate.lock import LEADER, RUN, WORK, WORKER, number

if TYPE_CHECKING:
    from dbtool.database.connection import Connection

_LISTED = 20
_LONG_SECONDS = 2.0
_OURS = (LEADER, WORKER)
_SQL = r"""
WITH me AS MATERIALIZED (
    SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
), held AS MATERIALIZED (
    SELECT l.pid, l.virtualtransaction AS transaction,
           pg_catalog.array_agg(DISTINCT c.oid::pg_catalog.regclass::pg_catalog.text) AS tables,
           pg_catalog.array_agg(DISTINCT n.nspname::pg_catalog.text) AS schemas
      FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE l.locktype = 'relation' AND l.granted AND l.database = (SELECT oid FROM me)
       AND l.relation >= 16384 AND c.relkind IN ('r', 'p', 'm', 'f')
     GROUP BY 1, 2
), runs AS (
    SELECT l.pid, coalesce(a.application_name, '') AS application, coalesce(a.usename, '') AS role,
           coalesce(pg_catalog.host(a.client_addr), '') AS address,
           extract(epoch FROM pg_catalog.clock_timestamp() - a.backend_start)::float8 AS seconds,
           EXISTS (SELECT FROM pg_catalog.pg_locks o
                    WHERE o.locktype = 'advisory' AND o.granted AND o.objsubid = 2
                      AND o.database = l.database AND o.objid = l.objid
                      AND o.classid::pg_catalog.int8 = $1) AS leads
      FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
       AND l.database = (SELECT oid FROM me) AND l.classid::pg_catalog.int8 IN ($1, $2)
       AND l.objid::pg_catalog.int8 = ANY ($3::pg_catalog.int8[])
       AND l.pid <> pg_catalog.pg_backend_pid()
     ORDER BY leads DESC, l.classid::pg_catalog.int8, seconds DESC
), transactions AS (
    SELECT a.pid, coalesce(a.application_name, '') AS application, coalesce(a.usename, '') AS role,
           coalesce(a.state, 'hidden') AS state,
           extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8 AS seconds,
           coalesce(h.tables, '{}') AS tables, coalesce(h.schemas, '{}') AS schemas, '' AS prepared
      FROM pg_catalog.pg_stat_activity a LEFT JOIN held h USING (pid)
     WHERE a.datid = (SELECT oid FROM me) AND a.pid <> pg_catalog.pg_backend_pid()
       AND (a.backend_type = 'client backend' OR a.backend_type IS NULL)
       AND CASE WHEN a.xact_start IS NULL THEN h.tables IS NOT NULL
                WHEN a.state LIKE 'idle in transaction%' THEN true
                ELSE pg_catalog.clock_timestamp() - a.xact_start
                     >= pg_catalog.make_interval(secs => $4) END
    UNION ALL
    SELECT 0, '', owner, 'prepared',
           extract(epoch FROM pg_catalog.clock_timestamp() - prepared)::float8,
           coalesce(h.tables, '{}'), coalesce(h.schemas, '{}'), gid
      FROM pg_catalog.pg_prepared_xacts p LEFT JOIN LATERAL (
        SELECT h.* FROM held h JOIN pg_catalog.pg_locks x
            ON x.virtualtransaction = h.transaction AND x.pid IS NULL
         WHERE h.pid IS NULL AND x.transactionid = p.transaction LIMIT 1) h ON true
     WHERE p.database = pg_catalog.current_database()
), indexes AS (
    SELECT i.indexrelid::pg_catalog.regclass::pg_catalog.text AS name,
           i.indrelid::pg_catalog.regclass::pg_catalog.text AS on_table,
           coalesce((SELECT p.pid FROM pg_catalog.pg_stat_progress_create_index p
                      WHERE p.index_relid = i.indexrelid LIMIT 1),
                    (SELECT l.pid FROM pg_catalog.pg_locks l
                      WHERE l.locktype = 'relation' AND l.relation = i.indexrelid AND l.granted
                        AND l.mode = 'ShareUpdateExclusiveLock'
                        AND l.database = (SELECT oid FROM me) LIMIT 1)) AS built_by,
           (SELECT p.pid FROM pg_catalog.pg_stat_progress_create_index p
              JOIN pg_catalog.pg_locks l USING (pid)
             WHERE p.relid IS NULL AND l.locktype = 'relation' AND l.relation = i.indrelid
               AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted
               AND l.database = (SELECT oid FROM me) LIMIT 1) AS perhaps_by,
           CASE WHEN c.relkind = 'I' THEN 'partitioned'
                WHEN c.relname ~ '_cc(new|old)[0-9]*$' THEN 'copy'
                WHEN NOT i.indislive THEN 'dropped' ELSE 'index' END AS kind,
           i.indisready AS ready
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
     WHERE NOT i.indisvalid AND c.relkind IN ('i', 'I') AND i.indexrelid >= 16384
     ORDER BY 2, 1
), detachments AS (
    SELECT h.inhrelid::pg_catalog.regclass::pg_catalog.text AS partition,
           h.inhparent::pg_catalog.regclass::pg_catalog.text AS of_table,
           (SELECT a.pid FROM pg_catalog.pg_stat_activity a
             WHERE a.datid = (SELECT oid FROM me) AND a.state = 'active'
               AND a.query ~* '\mdetach\s+partition\M' AND pg_catalog.strpos(a.query, c.relname) > 0
             LIMIT 1) AS detached_by
      FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid
     WHERE h.inhdetachpending
     ORDER BY 2, 1
)
SELECT pg_catalog.json_build_object(
    'runs', (SELECT pg_catalog.json_agg(r) FROM runs r),
    'indexes', (SELECT pg_catalog.json_agg(i) FROM indexes i),
    'detachments', (SELECT pg_catalog.json_agg(d) FROM detachments d),
    'notes', (SELECT pg_catalog.json_agg(d.description)
                FROM pg_catalog.pg_description d
                JOIN pg_catalog.pg_class c ON c.oid = d.objoid AND d.objsubid = 0
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
                 AND n.nspname || '.' || c.relname = ANY ($6::pg_catalog.text[])),
    'transaction_count', (SELECT count(*) FROM transactions),
    'transactions', (SELECT pg_catalog.json_agg(t) FROM (
        SELECT * FROM transactions
         ORDER BY state LIKE 'idle in%' OR state = 'prepared' DESC, seconds DESC NULLS LAST
         LIMIT $5) t)
)::pg_catalog.text
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A session that holds a run's lock; `leads` is false for what a killed run left behind.

    A run at work has two: the first holds its lock, the second is named after its revision.
    """

    pid: int
    application: str
    role: str
    address: str
    seconds: float | None
    leads: bool

    @property
    def is_ours(self) -> bool:
        """Whether its name says that it is dbtool's; whoever connects may choose another."""
        return self.application.startswith(_OURS)


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction that idles, or has run for two seconds, and the tables it holds locks on.

    `schemas` are those of the tables, whose names do without where the search path finds them.
    The state of other roles' sessions is `hidden` from a role without pg_read_all_stats. A
    transaction prepared for a two-phase commit has no process; `prepared` is its name.
    """

    pid: int
    application: str
    role: str
    state: str
    seconds: float | None
    tables: tuple[str, ...]
    schemas: tuple[str, ...]
    prepared: str


@dataclass(frozen=True, slots=True)
class InvalidIndex:
    """An index no query uses; `built_by` is the process that is still at it, or drops it.

    `perhaps_by` is one that builds an index on the table, where this role may not see which.
    Its kind is `index`, `copy` for what REINDEX CONCURRENTLY makes beside an index, `dropped` for
    one of which DROP INDEX CONCURRENTLY has left no more than its name, or `partitioned` for one
    that not every partition has. One that is `ready` is written to: a build ends that way that
    failed late, and a drop that did not come far.
    """

    name: str
    on_table: str
    built_by: int | None
    perhaps_by: int | None
    kind: str
    ready: bool


@dataclass(frozen=True, slots=True)
class Detachment:
    """A partition that is attached no more, and not detached either.

    DETACH PARTITION … CONCURRENTLY leaves one when it ends in the middle; `detached_by` is the
    process that is still at it, which holds no lock by which it could be told.
    """

    partition: str
    of_table: str
    detached_by: int | None

    @property
    def remedy(self) -> str:
        """The statement that ends it."""
        return f"ALTER TABLE {self.of_table} DETACH PARTITION {self.partition} FINALIZE;"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What goes on in a database beside us; `transaction_count` counts also those not listed.

    `notes` are what runs that ended in the middle of a revision have left.
    """

    notes: tuple[Journal, ...]
    runs: tuple[Run, ...]
    invalid_indexes: tuple[InvalidIndex, ...]
    detachments: tuple[Detachment, ...]
    transactions: tuple[OpenTransaction, ...]
    transaction_count: int


async def look(connection: "Connection", version_tables: tuple[str, ...]) -> Surroundings:
    """Ask once; takes no lock on any table."""
    keys = [number(each) & 0xFFFF_FFFF for each in version_tables]
    names = list(version_tables)
    knows_detachments = connection.get_server_version() >= (14,)
    sql = _SQL if knows_detachments else _SQL.replace("h.inhdetachpending", "false")
    answer = await connection.fetchval(sql, RUN, WORK, keys, _LONG_SECONDS, _LISTED, names)
    said: dict[str, Any] = json.loads(answer)
    return Surroundings(
        notes=tuple(filter(None, map(in_comment, said["notes"] or ()))),
        runs=tuple(Run(**each) for each in said["runs"] or ()),
        invalid_indexes=tuple(InvalidIndex(**each) for each in said["indexes"] or ()),
        detachments=tuple(Detachment(**each) for each in said["detachments"] or ()),
        transactions=tuple(
            OpenTransaction(
                **{**each, "tables": tuple(each["tables"]), "schemas": tuple(each["schemas"])}
            )
            for each in said["transactions"] or ()
        ),
        transaction_count=said["transaction_count"],
    )
