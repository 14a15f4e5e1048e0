-- What is met less often: moved and rebuilt tables, derived types, whole schemas, labels just added.

ALTER TABLE users SET TABLESPACE pg_default;
ALTER TABLE users SET ACCESS METHOD heap;
ALTER INDEX users_code_idx SET TABLESPACE pg_default;
ALTER INDEX users_code_idx SET (fillfactor = 70);
--+ CREATE DOMAIN smaller AS positive; CREATE TABLE derived (a smaller); INSERT INTO derived VALUES (1); UPDATE users SET measured = 1
ALTER DOMAIN positive ADD CONSTRAINT c CHECK (VALUE < 100);
--+ CREATE TABLE lists (a fallback[]); INSERT INTO lists VALUES ('{1}')
ALTER DOMAIN fallback ADD CONSTRAINT c CHECK (VALUE < 100);
--+ CREATE SCHEMA app; CREATE TABLE app.t (a integer)
DROP SCHEMA app CASCADE;
--+ CREATE SCHEMA app; CREATE TABLE app.t (a integer)
DROP SCHEMA app;
--+ CREATE SCHEMA app
DROP SCHEMA app;
--set ALTER TYPE mood ADD VALUE 'new'
UPDATE users SET feeling = 'new' WHERE id = 1;
--set ALTER TYPE mood ADD VALUE 'new'
ALTER TABLE users ALTER COLUMN feeling SET DEFAULT 'new';
--set ALTER TYPE mood ADD VALUE 'new'
ALTER TABLE users ADD COLUMN x mood DEFAULT 'new';
--set ALTER TYPE mood ADD VALUE 'new'
INSERT INTO teams VALUES (7, 'new');
--set CREATE TYPE fresh AS ENUM ('old')
ALTER TABLE users ADD COLUMN x fresh DEFAULT 'old';
--set ALTER TYPE mood ADD VALUE 'new'
UPDATE users SET name = 'new' WHERE id = 1;
--set ALTER TABLE users ADD COLUMN x integer
ALTER TABLE users ALTER COLUMN x TYPE bigint;
CREATE MATERIALIZED VIEW m AS SELECT * FROM users;
ALTER MATERIALIZED VIEW totals RENAME TO t;
ALTER MATERIALIZED VIEW totals RENAME COLUMN n TO m;
ALTER VIEW seen_users RENAME TO v;
ALTER VIEW seen_users ALTER COLUMN seen SET DEFAULT 'x';
ALTER TYPE mood OWNER TO CURRENT_USER;
ALTER SEQUENCE counter OWNED BY teams.id;
ALTER SEQUENCE counter RESTART;
DROP TYPE IF EXISTS nosuch;
DROP VIEW IF EXISTS nosuch;
DROP FUNCTION unstable();
DROP TRIGGER users_touch ON users;
DROP TRIGGER IF EXISTS nosuch ON users;
DROP INDEX users_nullable_idx, users_lower_idx;
DROP TABLE posts, plain_rows;
ALTER TABLE events ADD PRIMARY KEY (id, day);
--pg >=18
ALTER TABLE events ADD CONSTRAINT c UNIQUE (id, day);
ALTER TABLE events ADD CONSTRAINT c FOREIGN KEY (id) REFERENCES users (id);
ALTER TABLE events DROP COLUMN kind;
ALTER TABLE events RENAME COLUMN kind TO sort;
ALTER TABLE events RENAME TO happenings;
ALTER TABLE events_2024 ADD CONSTRAINT c CHECK (id > 0);
ALTER TABLE events_2024 ALTER COLUMN kind SET NOT NULL;
ALTER TABLE events_2024 ALTER COLUMN kind SET DEFAULT 'x';
ALTER TABLE events_2024 ALTER COLUMN kind TYPE varchar;
CREATE INDEX i ON events_2024 (kind);
TRUNCATE events;
DROP INDEX IF EXISTS users_code_idx;
--+ CREATE INDEX whole ON events (kind)
DROP INDEX whole;
--+ CREATE INDEX whole ON events (kind)
REINDEX INDEX whole;
--+ CREATE INDEX whole ON ONLY events (kind); CREATE INDEX part ON events_2024 (kind)
ALTER INDEX whole ATTACH PARTITION part;
--+ CREATE TABLE child () INHERITS (plain_rows)
ALTER TABLE child NO INHERIT plain_rows;
--+ CREATE TABLE e2 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')
ALTER TABLE events DETACH PARTITION e2;
--+ CREATE TABLE e2 (id integer, day date NOT NULL, kind text)
ALTER TABLE events ATTACH PARTITION e2 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
--+ CREATE TABLE e2 (id integer, day date NOT NULL, kind text); ALTER TABLE events_rest ADD CHECK (day < '2027-01-01' OR day >= '2028-01-01')
ALTER TABLE events ATTACH PARTITION e2 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
--+ ALTER TABLE events_rest ADD CHECK (day < '2027-01-01' OR day >= '2028-01-01')
CREATE TABLE e2 PARTITION OF events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
--+ CREATE TABLE keyed (id integer, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day); CREATE TABLE keyed_1 PARTITION OF keyed FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')
ALTER TABLE keyed_1 ALTER COLUMN id SET NOT NULL;
--+ CREATE TABLE keyed (id integer, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day); CREATE TABLE keyed_1 PARTITION OF keyed FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')
ALTER TABLE keyed DROP CONSTRAINT keyed_pkey;
--+ CREATE TABLE keyed (id integer, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day); CREATE TABLE keyed_1 PARTITION OF keyed FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')
DROP TABLE keyed_1;
--+ CREATE TABLE spare (id integer, day date NOT NULL, kind text); ALTER TABLE events DETACH PARTITION events_rest
ALTER TABLE events ATTACH PARTITION spare DEFAULT;
CREATE TABLE n (id integer REFERENCES users (id), team integer REFERENCES teams);
CREATE TABLE n (id integer, day date REFERENCES nosuch (day));
CREATE TABLE n AS SELECT 1 AS a;
CREATE TABLE n (id integer GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (id), CHECK (id > 0));
CREATE UNLOGGED TABLE n (id integer);
CREATE VIEW n AS SELECT * FROM events;
CREATE CONSTRAINT TRIGGER t AFTER INSERT ON posts FROM users DEFERRABLE FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE users DISABLE TRIGGER ALL;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
ALTER TABLE users ALTER COLUMN name SET STATISTICS -1;
ALTER TABLE users ADD COLUMN x integer, DROP COLUMN name;
ALTER TABLE users DROP COLUMN code, DROP COLUMN mark;
ALTER TABLE users ADD COLUMN x integer, ALTER COLUMN x SET DEFAULT 5;
ALTER TABLE users ADD COLUMN x integer DEFAULT 5, ALTER COLUMN x SET NOT NULL;
ALTER TABLE users ADD COLUMN x integer DEFAULT 5, ADD CONSTRAINT c CHECK (x > 0) NOT VALID;
ALTER TABLE users ADD COLUMN x integer, ADD CONSTRAINT c FOREIGN KEY (x) REFERENCES teams (id);
ALTER TABLE users ADD COLUMN x integer, ADD CONSTRAINT c FOREIGN KEY (x) REFERENCES teams (id) NOT VALID;
ALTER TABLE users ALTER COLUMN small TYPE integer, ALTER COLUMN number SET NOT NULL;
ALTER TABLE users ALTER COLUMN code_checked TYPE text, ALTER COLUMN code TYPE text;
ALTER TABLE users ALTER COLUMN number DROP DEFAULT, ALTER COLUMN number SET DEFAULT 1, ALTER COLUMN number DROP NOT NULL;
ALTER TABLE users ALTER COLUMN id TYPE bigint;
ALTER TABLE posts ALTER COLUMN id TYPE integer;
ALTER TABLE users ALTER COLUMN code TYPE varchar(10) COLLATE "C";
ALTER TABLE users ALTER COLUMN code TYPE character varying(255);
ALTER TABLE users ALTER COLUMN amount TYPE decimal(14, 2);
ALTER TABLE users ALTER COLUMN amount TYPE numeric(14, 3);
ALTER TABLE users ALTER COLUMN created TYPE timestamp without time zone;
ALTER TABLE users ALTER COLUMN ratio TYPE real;
ALTER TABLE users ALTER COLUMN doc TYPE jsonb USING doc || '{}';
ALTER TABLE users ALTER COLUMN tags TYPE text USING array_to_string(tags, ',');
ALTER TABLE users ALTER COLUMN key TYPE bytea USING decode(replace(key::text, '-', ''), 'hex');
ALTER TABLE users ALTER COLUMN big TYPE numeric(20, 0);
ALTER TABLE users ALTER COLUMN big TYPE text USING big::text;
ALTER TABLE users ALTER COLUMN meta TYPE text;
ALTER TABLE users ALTER COLUMN doubled TYPE bigint;
ALTER TABLE users ALTER COLUMN seen SET NOT NULL;
DELETE FROM users WHERE false;
MERGE INTO teams t USING (SELECT 1 AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = 'm';
SELECT * FROM users FOR UPDATE;
SELECT setval('counter', 5);
LOCK TABLE users IN ACCESS EXCLUSIVE MODE;
LOCK TABLE users, teams;
ANALYZE;
COMMENT ON INDEX users_code_idx IS 'i';
COMMENT ON CONSTRAINT proven_there ON users IS 'c';
COMMENT ON VIEW seen_users IS 'v';
COMMENT ON TYPE mood IS 't';
ALTER TABLE users ALTER COLUMN feeling TYPE public.mood;
ALTER TABLE users ALTER COLUMN code TYPE public.citext;
ALTER TABLE users ALTER COLUMN measured TYPE public.positive;
ALTER TABLE public.users ADD COLUMN x public.positive;
ALTER TABLE public.users ADD COLUMN x integer DEFAULT public.unstable();
ALTER TABLE public.users ADD COLUMN x integer DEFAULT public.steady();

-- Domains with a length or precision: the server does not look into them.
--+ CREATE DOMAIN label AS varchar(40); ALTER TABLE users ADD COLUMN lbl label
ALTER TABLE users ALTER COLUMN lbl TYPE varchar(60);
--+ CREATE DOMAIN label AS varchar(40); ALTER TABLE users ADD COLUMN lbl label
ALTER TABLE users ALTER COLUMN lbl TYPE varchar;
--+ CREATE DOMAIN label AS varchar(40); ALTER TABLE users ADD COLUMN lbl label
ALTER TABLE users ALTER COLUMN lbl TYPE label;
--+ CREATE DOMAIN share AS numeric(5, 2) CHECK (VALUE < 100); ALTER TABLE plain_rows ADD COLUMN pct share
ALTER TABLE plain_rows ALTER COLUMN pct TYPE numeric(7, 2);
--+ CREATE DOMAIN share AS numeric(5, 2) CHECK (VALUE < 100); ALTER TABLE plain_rows ADD COLUMN pct share
ALTER TABLE plain_rows ALTER COLUMN pct TYPE numeric;
-- Keys that are enforced, or not any more.
--pg >=18
ALTER TABLE posts ALTER CONSTRAINT posts_user_id_fkey NOT ENFORCED;
--+ ALTER TABLE posts ALTER CONSTRAINT posts_user_id_fkey NOT ENFORCED
--pg >=18
ALTER TABLE posts ALTER CONSTRAINT posts_user_id_fkey ENFORCED;
--pg >=18
ALTER TABLE posts ALTER CONSTRAINT posts_user_id_fkey ENFORCED;
-- What a partition is given.
--+ CREATE TABLE kinds (id integer PRIMARY KEY); INSERT INTO kinds SELECT generate_series(1, 20); ALTER TABLE logs ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES kinds; ALTER TABLE logs_3 ADD CONSTRAINT g FOREIGN KEY (id) REFERENCES kinds
ALTER TABLE logs ATTACH PARTITION logs_3 FOR VALUES IN (3);
ALTER TABLE events DROP COLUMN day;
-- Materialized views that cannot be refreshed while they are read.
--+ CREATE MATERIALIZED VIEW bare AS SELECT count(*) AS n FROM users
REFRESH MATERIALIZED VIEW CONCURRENTLY bare;
ALTER TABLE users ADD CONSTRAINT amounts UNIQUE (amount_free, id) WITH (fillfactor = 70) USING INDEX TABLESPACE pg_default;
ALTER TABLE users ADD CONSTRAINT amounts UNIQUE NULLS NOT DISTINCT (amount_free, id) WITH (deduplicate_items = off) DEFERRABLE;

-- What a function in SQL computes in the place of its call, and what keeps it from that.
ALTER TABLE users ADD COLUMN k integer DEFAULT one();
ALTER TABLE users ADD COLUMN k integer DEFAULT one_more();
ALTER TABLE users ADD COLUMN k date DEFAULT one_today();
ALTER TABLE users ADD COLUMN k float DEFAULT one_of_many();
ALTER TABLE users ADD COLUMN k integer DEFAULT one_as_owner();
ALTER TABLE users ADD COLUMN k integer DEFAULT one_set();
ALTER TABLE users ADD COLUMN k integer DEFAULT one_read();
ALTER TABLE users ADD COLUMN k integer DEFAULT one_after();
--+ ALTER FUNCTION one() SECURITY DEFINER
ALTER TABLE users ADD COLUMN k integer DEFAULT one();
-- The checks of a domain that nobody named.
--+ CREATE DOMAIN even AS integer CHECK (VALUE > 0) CHECK (VALUE < 9); ALTER DOMAIN even DROP CONSTRAINT even_check; ALTER DOMAIN even DROP CONSTRAINT even_check1
ALTER TABLE users ADD COLUMN k even;
--+ ALTER DOMAIN loose ADD CHECK (VALUE < 9); ALTER DOMAIN loose DROP CONSTRAINT loose_positive
ALTER TABLE users ADD COLUMN k loose;

-- What is there, so that IF NOT EXISTS passes over it whatever else stands in the statement.
ALTER TABLE users ADD COLUMN IF NOT EXISTS name text REFERENCES teams (nowhere);
ALTER TABLE users ADD COLUMN IF NOT EXISTS number mood DEFAULT 'none';
ALTER TABLE users ADD COLUMN IF NOT EXISTS big bigint UNIQUE CHECK (big > 0) DEFAULT random();
ALTER TABLE events ADD COLUMN IF NOT EXISTS kind text;
CREATE INDEX IF NOT EXISTS users_code_idx ON teams (name);
CREATE INDEX IF NOT EXISTS counter ON users (number);
CREATE INDEX IF NOT EXISTS users_code_idx ON users (nowhere);
CREATE TABLE IF NOT EXISTS counter (id integer REFERENCES teams);
CREATE SEQUENCE IF NOT EXISTS teams;
--alone
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_code_idx ON users (code);

-- Children that merely inherit.
ALTER TABLE ONLY places ALTER COLUMN size TYPE bigint;
ALTER TABLE places ALTER COLUMN size TYPE bigint;
ALTER TABLE places ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY;
ALTER TABLE places ADD FOREIGN KEY (size) REFERENCES users (id);
ALTER TABLE aside.notes ADD FOREIGN KEY (place) REFERENCES places (id);
CREATE PUBLICATION told FOR TABLE places;

-- What a default partition and other partitions have is known from checks and bounds.
CREATE TABLE spans_27 PARTITION OF spans FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
CREATE TABLE spans_29 PARTITION OF spans FOR VALUES FROM ('2028-01-01') TO ('2029-06-01');
CREATE TABLE spread_2 PARTITION OF spread FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE spread_1 PARTITION OF spread FOR VALUES WITH (MODULUS 4, REMAINDER 1);
--alone
DROP INDEX CONCURRENTLY spans_day;

-- What goes with a schema or an extension, and what is not there.
DROP SCHEMA aside CASCADE;
DROP EXTENSION citext;
DROP EXTENSION citext CASCADE;
ALTER INDEX nowhere RENAME TO somewhere;
ALTER INDEX IF EXISTS nowhere RENAME TO somewhere;
ALTER TABLE nowhere RENAME TO somewhere;
ALTER TABLE places ADD COLUMN a integer DEFAULT 0, ALTER COLUMN a DROP DEFAULT;
DO $$ BEGIN EXECUTE 'ALTER TABLE teams ADD CHECK (id > 0)'; END $$;

-- Parents and parts that are not there.
ALTER TABLE events ATTACH PARTITION nowhere FOR VALUES FROM ('2031-01-01') TO ('2032-01-01');
ALTER TABLE events DETACH PARTITION nowhere;
ALTER TABLE teams INHERIT nowhere;
CREATE TABLE events_33 PARTITION OF nowhere FOR VALUES FROM ('2033-01-01') TO ('2034-01-01');
CREATE TABLE villages (mayor text) INHERITS (nowhere);
--+ CREATE TABLE kept (code varchar(10), day date) PARTITION BY RANGE (day); CREATE TABLE kept_1 PARTITION OF kept FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); CREATE INDEX ON kept (code)
ALTER TABLE kept ALTER COLUMN code TYPE varchar(20);
--+ CREATE TABLE kept (code varchar(10), day date) PARTITION BY RANGE (day); CREATE TABLE kept_1 PARTITION OF kept FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'); CREATE INDEX ON kept_1 (code)
ALTER TABLE kept ALTER COLUMN code TYPE varchar(20);
--+ CREATE UNLOGGED TABLE copied AS SELECT id FROM teams
ALTER TABLE copied SET UNLOGGED;
--+ CREATE UNLOGGED TABLE copied AS SELECT id FROM teams
ALTER TABLE copied SET LOGGED;
--+ CREATE TABLE copied AS SELECT id FROM teams
ALTER TABLE copied SET TABLESPACE pg_default;
--+ CREATE TABLE copied AS SELECT id FROM teams
CREATE INDEX IF NOT EXISTS copied_id ON copied (id);
--+ CREATE TABLE copied AS SELECT id FROM teams
REINDEX TABLE copied;
--+ CREATE TABLE heir () INHERITS (plain_rows); CREATE INDEX ON heir (c)
REINDEX TABLE plain_rows;

-- What changes all rows of a partitioned table, and what leaves its partitions alone.
UPDATE events SET kind = 'x';
UPDATE ONLY events SET kind = 'x';
DELETE FROM events;
DELETE FROM ONLY events;
