"""The one statement that asks a server about its connections."""

from dbtool.health.lockmodes import conflict_rows

LISTED = 100
"""How many idle transactions are read one by one; a count tells of the rest."""

BLOCKED_LISTED = 20
"""How many of the sessions that wait for one of them are named."""

WAITERS_LISTED = 30
"""How many sessions that wait for a lock are asked whom they wait for, the longest wait first."""

QUERY_LENGTH = 500
"""Characters of a statement that are read; the redactor masks what the cut leaves open."""

SQL = f"""
WITH moment AS MATERIALIZED (
    SELECT pg_catalog.clock_timestamp() AS now
),
everyone AS MATERIALIZED (
    SELECT a.*,
           a.backend_type IS NULL AS hidden,
           extract(epoch FROM now - a.backend_start) AS age,
           extract(epoch FROM now - a.xact_start) AS transaction_age,
           extract(epoch FROM now - a.state_change) AS state_age
    FROM pg_catalog.pg_stat_activity AS a CROSS JOIN moment
),
clients AS MATERIALIZED (
    SELECT pid, backend_start, hidden, state, age, state_age, transaction_age, backend_xmin,
           query_id, query,
           coalesce(application_name, '') AS application,
           coalesce(usename, '') AS role,
           coalesce(datname, '') AS database,
           CASE WHEN NOT hidden THEN coalesce(host(client_addr), 'local') END AS client
    FROM everyone
    WHERE pid <> pg_backend_pid()
      AND (backend_type = 'client backend'
           OR hidden AND datid IS NOT NULL AND usesysid IS NOT NULL)
),
idle AS MATERIALIZED (
    SELECT * FROM clients WHERE state LIKE 'idle in transaction%'
),
locks AS MATERIALIZED (
    SELECT pid, mode, granted, waitstart, locktype, relation, transactionid,
           virtualtransaction,
           database = (SELECT oid FROM pg_catalog.pg_database
                       WHERE datname = current_database()) AS here,
           ROW(locktype, database, relation, page, tuple, virtualxid, transactionid,
               classid, objid, objsubid)::text AS target
    FROM pg_catalog.pg_locks
    WHERE EXISTS (SELECT FROM everyone WHERE wait_event_type = 'Lock' OR hidden)
),
blocking AS MATERIALIZED (
    SELECT held.pid, count(DISTINCT wanted.pid) AS blocks,
           (array_agg(DISTINCT wanted.pid))[1:{BLOCKED_LISTED}] AS blocked
    FROM idle
    JOIN locks AS held ON held.pid = idle.pid AND held.granted
    JOIN locks AS wanted
      ON wanted.target = held.target AND NOT wanted.granted AND wanted.pid <> held.pid
    JOIN (VALUES {conflict_rows()}) AS conflict (wanted, held)
      ON conflict.wanted = wanted.mode AND conflict.held = held.mode
    GROUP BY held.pid
),
waiters AS MATERIALIZED (
    SELECT e.pid, coalesce(e.leader_pid, e.pid) AS session, e.application_name, e.query,
           mode, locktype, target,
           CASE WHEN here THEN relation::regclass::text END AS relation,
           extract(epoch FROM now - waitstart) AS seconds
    FROM locks JOIN everyone AS e USING (pid) CROSS JOIN moment
    WHERE NOT granted
    ORDER BY waitstart
    LIMIT {WAITERS_LISTED}
),
queue AS MATERIALIZED (
    SELECT waiters.*, pg_blocking_pids(pid) AS blockers FROM waiters
),
slots AS MATERIALIZED (
    SELECT max_connections, superuser_reserved, role_reserved,
           max_connections - superuser_reserved - role_reserved AS usable,
           used,
           greatest(max_connections - superuser_reserved - role_reserved - used, 0) AS free,
           hidden
    FROM (SELECT current_setting('max_connections')::int AS max_connections,
                 current_setting('superuser_reserved_connections')::int AS superuser_reserved,
                 coalesce(current_setting('reserved_connections', true)::int, 0)
                     AS role_reserved) AS settings,
         (SELECT count(*) AS used, count(*) FILTER (WHERE hidden) AS hidden FROM clients) AS taken
)
SELECT json_build_object(
    'backend_pid', pg_backend_pid(),
    'server', (
        SELECT json_build_object(
            'version', current_setting('server_version'),
            'version_number', current_setting('server_version_num')::int,
            'in_recovery', pg_is_in_recovery(),
            'taken_at', now)
        FROM moment),
    'rights', json_build_object(
        'role', current_user,
        'sees_all', pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
        'grant', 'GRANT pg_monitor TO ' || quote_ident(current_user)),
    'slots', (SELECT row_to_json(slots) FROM slots),
    'groups', (
        SELECT coalesce(json_agg(g), '[]')
        FROM (SELECT application, role, database, client, state, count(*) AS count,
                     max(age) AS oldest_seconds
              FROM clients
              GROUP BY application, role, database, client, state
              ORDER BY count(*) DESC, application, role, database, client, state) AS g),
    'idle_transactions', (
        SELECT coalesce(json_agg(i), '[]')
        FROM (SELECT pid, backend_start, application, role, database, client,
                     transaction_age AS transaction_seconds,
                     state_age AS idle_seconds,
                     state LIKE '%aborted%' AS aborted,
                     backend_xmin IS NOT NULL AS holds_horizon,
                     coalesce(blocks, 0) AS blocks,
                     coalesce(blocked, '{{}}') AS blocked,
                     coalesce(query_id::text, md5(query)) AS fingerprint,
                     left(query, {QUERY_LENGTH}) AS query
              FROM idle LEFT JOIN blocking USING (pid)
              ORDER BY coalesce(blocks, 0) DESC, state_age DESC
              LIMIT {LISTED}) AS i),
    'idle_transaction_count', (SELECT count(*) FROM idle),
    'lock_waiters', (SELECT count(DISTINCT pid) FROM locks WHERE NOT granted),
    'queue', (
        SELECT coalesce(json_agg(w ORDER BY seconds DESC NULLS LAST), '[]')
        FROM (SELECT pid, session, coalesce(application_name, '') AS application, seconds, mode,
                     coalesce(relation, locktype) AS target,
                     blockers,
                     (SELECT gid
                      FROM locks AS held
                      JOIN locks AS own
                        ON own.pid IS NULL AND own.virtualtransaction = held.virtualtransaction
                      JOIN pg_catalog.pg_prepared_xacts ON transaction = own.transactionid
                      JOIN (VALUES {conflict_rows()}) AS conflict (wanted, held)
                        ON conflict.wanted = queue.mode AND conflict.held = held.mode
                      WHERE held.pid IS NULL AND held.granted AND held.target = queue.target
                      LIMIT 1) AS prepared,
                     left(query, {QUERY_LENGTH}) AS query
              FROM queue) AS w),
    'blockers', (
        SELECT coalesce(json_agg(b ORDER BY pid), '[]')
        FROM (SELECT pid, backend_start, query_start, backend_type,
                     coalesce(application_name, '') AS application,
                     coalesce(usename, '') AS role, state,
                     coalesce(transaction_age, 0) AS transaction_seconds,
                     left(query, {QUERY_LENGTH}) AS query
              FROM everyone
              WHERE pid IN (SELECT unnest(blockers) FROM queue)) AS b),
    'oldest_transaction', (
        SELECT row_to_json(t)
        FROM (SELECT pid, application, role, state, transaction_age AS seconds
              FROM clients
              WHERE transaction_age IS NOT NULL AND pid <> pg_backend_pid()
              ORDER BY transaction_age DESC
              LIMIT 1) AS t),
    'ages', (
        SELECT json_build_object('youngest', min(age), 'oldest', max(age),
                   'median', percentile_cont(0.5) WITHIN GROUP (ORDER BY age))
        FROM clients
        WHERE age IS NOT NULL AND pid <> pg_backend_pid()
        HAVING count(*) > 0),
    'limits', (
        SELECT coalesce(json_agg(l), '[]')
        FROM (SELECT kind, name, quote_ident(name) AS quoted, connections, used
              FROM (SELECT 'role' AS kind, rolname AS name, rolconnlimit AS connections, used
                    FROM (SELECT role, count(*) AS used FROM clients GROUP BY role) AS taken
                    JOIN pg_catalog.pg_roles ON rolname = role
                    WHERE rolconnlimit >= 0 AND NOT rolsuper
                    UNION ALL
                    SELECT 'database', datname, datconnlimit, used
                    FROM (SELECT database, count(*) AS used FROM clients GROUP BY database) AS taken
                    JOIN pg_catalog.pg_database ON datname = database
                    WHERE datconnlimit >= 0) AS limited
              ORDER BY used::float / greatest(connections, 1) DESC, kind, name
              LIMIT {LISTED}) AS l)
)::text
"""
"""One statement for everything; it takes no lock on any relation of the user.

A session idle in a transaction waits for nobody, so that it can only block others by a lock
it holds: a join of pg_locks with itself is exact there and grows linearly, where
pg_blocking_pids grows with the square of a queue and so is asked of those only that have
waited longest. Both run only where somebody waits, or where a plain role cannot see it.
"""
