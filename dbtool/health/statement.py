"""The question a server is asked about its connections."""

from dbtool.health.participant import QUERY_LENGTH
from dbtool.health.parts import SESSIONS

LISTED = 100
"""How many idle transactions are read one by one; a count tells of the rest."""

POOL = f"""
(WITH moment AS MATERIALIZED (
    SELECT pg_catalog.clock_timestamp() AS now
),
clients AS MATERIALIZED (
    SELECT pid, backend_start, hidden, state, query_id, query,
           coalesce(backend_xmin, backend_xid) IS NOT NULL AS holds_horizon,
           date_part('epoch', now - backend_start) AS age,
           date_part('epoch', now - xact_start) AS transaction_age,
           date_part('epoch', now - state_change) AS state_age,
           coalesce(application_name, '') AS application,
           coalesce(usename, '') AS role,
           coalesce(datname, '') AS database,
           CASE WHEN NOT hidden THEN coalesce(host(client_addr), 'local') END AS client
    FROM (SELECT *, backend_type IS NULL AS hidden FROM {SESSIONS}) AS a CROSS JOIN moment
    WHERE pid <> pg_backend_pid()
      AND (backend_type = 'client backend'
           OR hidden AND datid IS NOT NULL AND usesysid IS NOT NULL)
),
idle AS MATERIALIZED (
    SELECT * FROM clients WHERE state LIKE 'idle in transaction%'
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
                     holds_horizon,
                     coalesce(query_id::text, md5(query)) AS fingerprint,
                     left(query, {QUERY_LENGTH}) AS query
              FROM idle
              ORDER BY state_age DESC
              LIMIT {LISTED}) AS i),
    'idle_transaction_count', (SELECT count(*) FROM idle),
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
))
"""
"""It takes no lock on any relation of the user; epochs of all sessions as numeric would be slow."""
