-- Names in quotes and other schemas, layers of partitions, domains on domains, several commands.

--+ CREATE SCHEMA app; CREATE TABLE app."Order" ("Id" integer, "from" varchar(5)); INSERT INTO app."Order" VALUES (1, 'a')
ALTER TABLE app."Order" ALTER COLUMN "from" TYPE varchar(9);
--+ CREATE SCHEMA app; CREATE TABLE app.t (a varchar(5)); SET search_path = app, public; CREATE TABLE here (a integer)
ALTER TABLE users ALTER COLUMN code TYPE varchar(20);
ALTER TABLE public.users ALTER COLUMN code TYPE varchar(20);
ALTER TABLE ONLY public.users ADD CONSTRAINT c CHECK (number > 0) NOT VALID;
--+ CREATE DOMAIN small_positive AS positive
ALTER TABLE users ADD COLUMN x small_positive;
--+ CREATE DOMAIN layered AS plain
ALTER TABLE users ALTER COLUMN code TYPE layered;
--+ CREATE DOMAIN layered AS plain; ALTER DOMAIN layered ADD CHECK (VALUE <> '')
ALTER TABLE users ALTER COLUMN code TYPE layered;
--+ ALTER DOMAIN plain ADD CONSTRAINT c CHECK (VALUE <> ''); ALTER DOMAIN plain DROP CONSTRAINT c
ALTER TABLE users ADD COLUMN x plain;
--+ CREATE DOMAIN short AS varchar(5)
ALTER TABLE users ALTER COLUMN code TYPE short;
--+ CREATE DOMAIN long AS varchar(50)
ALTER TABLE users ALTER COLUMN code TYPE long;
--+ CREATE TYPE pair AS (a integer, b text)
ALTER TABLE users ADD COLUMN x pair;
--+ CREATE TYPE pair AS (a integer, b text)
ALTER TABLE users ADD COLUMN x pair DEFAULT ROW(1, 'b')::pair;
--+ CREATE TYPE span AS RANGE (subtype = integer)
ALTER TABLE users ADD COLUMN x span DEFAULT '[1,2)';
ALTER TABLE users ADD COLUMN x tstzrange DEFAULT tstzrange(now(), NULL);
ALTER TABLE users ADD COLUMN x interval DEFAULT '1 day'::interval;
ALTER TABLE users ADD COLUMN x bytea DEFAULT '\x00';
ALTER TABLE users ADD COLUMN x uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid;
ALTER TABLE users ADD COLUMN x text DEFAULT 'a' || 'b' || current_setting('server_version');
ALTER TABLE users ADD COLUMN x text DEFAULT ('a' || clock_timestamp());
ALTER TABLE users ADD COLUMN x text DEFAULT to_char(now(), 'YYYY');
ALTER TABLE users ADD COLUMN x integer DEFAULT floor(random() * 10)::integer;
ALTER TABLE users ADD COLUMN x bigint DEFAULT extract(epoch FROM now())::bigint;
ALTER TABLE users ADD COLUMN x bigint DEFAULT nextval('counter'::regclass);
ALTER TABLE users ADD COLUMN x text DEFAULT pg_catalog.now()::text;
--pg >=18
ALTER TABLE users ADD COLUMN x uuid DEFAULT uuidv7();
--+ CREATE OR REPLACE FUNCTION unstable() RETURNS integer LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1; END'
ALTER TABLE users ADD COLUMN x integer DEFAULT unstable();
--+ ALTER FUNCTION unstable() IMMUTABLE
ALTER TABLE users ADD COLUMN x integer DEFAULT unstable();
--+ CREATE SCHEMA app; CREATE FUNCTION app.mine() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'
ALTER TABLE users ADD COLUMN x integer DEFAULT app.mine();
--+ CREATE DOMAIN id AS uuid DEFAULT gen_random_uuid()
ALTER TABLE users ADD COLUMN x id;
--+ CREATE DOMAIN id AS uuid DEFAULT gen_random_uuid()
ALTER TABLE users ADD COLUMN x id DEFAULT NULL;
--+ CREATE TABLE d PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (kind); CREATE TABLE d_k PARTITION OF d FOR VALUES IN ('k')
ALTER TABLE events ALTER COLUMN kind SET NOT NULL;
--+ CREATE TABLE d PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (kind); CREATE TABLE d_k PARTITION OF d FOR VALUES IN ('k')
CREATE INDEX i ON events (id);
--+ CREATE TABLE d PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (kind); CREATE TABLE d_k PARTITION OF d FOR VALUES IN ('k')
CREATE TABLE d_l PARTITION OF d FOR VALUES IN ('l');
--+ CREATE TABLE d PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (kind)
ALTER TABLE d ADD COLUMN x integer;
--+ ALTER TABLE events DETACH PARTITION events_rest
CREATE TABLE n PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--+ CREATE TABLE empty (id integer, day date NOT NULL) PARTITION BY RANGE (day)
ALTER TABLE empty ALTER COLUMN id SET NOT NULL;
--+ CREATE TABLE empty (id integer, day date NOT NULL) PARTITION BY RANGE (day)
CREATE INDEX i ON empty (id);
--+ CREATE TABLE empty (id integer, day date NOT NULL) PARTITION BY RANGE (day)
ALTER TABLE empty ADD COLUMN x uuid DEFAULT gen_random_uuid();
--+ CREATE TABLE h (id integer) PARTITION BY HASH (id); CREATE TABLE h0 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE h1 (id integer); INSERT INTO h1 SELECT n FROM generate_series(1, 20) n WHERE satisfies_hash_partition('h'::regclass, 2, 1, n)
ALTER TABLE h ATTACH PARTITION h1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
--+ CREATE TABLE r (id integer NOT NULL) PARTITION BY RANGE (id); CREATE TABLE r1 (id integer NOT NULL, CHECK (id > 10 AND id < 15)); INSERT INTO r1 VALUES (11)
ALTER TABLE r ATTACH PARTITION r1 FOR VALUES FROM (5) TO (20);
--+ CREATE TABLE r (id integer NOT NULL) PARTITION BY RANGE (id); CREATE TABLE r1 (id integer NOT NULL, CHECK (id >= 3 AND id < 15)); INSERT INTO r1 VALUES (11)
ALTER TABLE r ATTACH PARTITION r1 FOR VALUES FROM (5) TO (20);
--+ CREATE TABLE r (id integer NOT NULL) PARTITION BY RANGE (id); CREATE TABLE r1 (id integer NOT NULL, CHECK (5 <= id), CHECK (20 > id)); INSERT INTO r1 VALUES (11)
ALTER TABLE r ATTACH PARTITION r1 FOR VALUES FROM (5) TO (20);
--+ CREATE TABLE r (id integer NOT NULL) PARTITION BY RANGE (id); CREATE TABLE r1 (id integer NOT NULL, CHECK (id >= 5 AND id < 20)); INSERT INTO r1 VALUES (11)
ALTER TABLE r ATTACH PARTITION r1 FOR VALUES FROM (MINVALUE) TO (20);
--+ CREATE TABLE r (id integer NOT NULL) PARTITION BY RANGE (id); CREATE TABLE r1 (id integer NOT NULL, CHECK (id BETWEEN 5 AND 19)); INSERT INTO r1 VALUES (11)
ALTER TABLE r ATTACH PARTITION r1 FOR VALUES FROM (5) TO (20);
--+ CREATE TABLE l (k text NOT NULL) PARTITION BY LIST (k); CREATE TABLE l1 (k text NOT NULL, CHECK (k IN ('a', 'b'))); INSERT INTO l1 VALUES ('a')
ALTER TABLE l ATTACH PARTITION l1 FOR VALUES IN ('a', 'b', 'c');
--+ CREATE TABLE l (k text NOT NULL) PARTITION BY LIST (k); CREATE TABLE l1 (k text NOT NULL, CHECK (k = 'a')); INSERT INTO l1 VALUES ('a')
ALTER TABLE l ATTACH PARTITION l1 FOR VALUES IN ('a', 'b');
--+ CREATE TABLE l (k text NOT NULL) PARTITION BY LIST (k); CREATE TABLE l1 (k text NOT NULL, CHECK (k = ANY (ARRAY['a', 'b']))); INSERT INTO l1 VALUES ('a')
ALTER TABLE l ATTACH PARTITION l1 FOR VALUES IN ('a', 'b');
--+ CREATE TABLE l (k text) PARTITION BY LIST (k); CREATE TABLE l1 (k text, CHECK (k = 'a')); INSERT INTO l1 VALUES ('a')
ALTER TABLE l ATTACH PARTITION l1 FOR VALUES IN ('a');
--+ CREATE TABLE l (k text) PARTITION BY LIST (k); CREATE TABLE l1 (k text CHECK (k IS NOT NULL AND k = 'a')); INSERT INTO l1 VALUES ('a')
ALTER TABLE l ATTACH PARTITION l1 FOR VALUES IN ('a');
--+ CREATE TABLE child () INHERITS (plain_rows); INSERT INTO child VALUES (50, 50)
ALTER TABLE plain_rows ADD COLUMN x integer;
--+ CREATE TABLE child () INHERITS (plain_rows); INSERT INTO child VALUES (50, 50)
ALTER TABLE plain_rows ALTER COLUMN a SET NOT NULL;
--+ CREATE TABLE child () INHERITS (plain_rows); INSERT INTO child VALUES (50, 50)
CREATE INDEX i ON plain_rows (a, b);
--+ CREATE TABLE child () INHERITS (plain_rows); INSERT INTO child VALUES (50, 50)
ALTER TABLE plain_rows ADD CONSTRAINT c CHECK (b > 0);
--+ CREATE TABLE copy (LIKE users INCLUDING ALL)
ALTER TABLE copy ALTER COLUMN code TYPE varchar(20);
--+ CREATE TABLE copy (LIKE users)
ALTER TABLE copy ALTER COLUMN email SET NOT NULL;
--+ ALTER TABLE users RENAME COLUMN code TO c2
ALTER TABLE users ALTER COLUMN c2 TYPE varchar(20);
--+ ALTER TABLE users ALTER COLUMN code TYPE varchar(20)
ALTER TABLE users ALTER COLUMN code TYPE varchar(15);
--+ ALTER TABLE users DROP COLUMN code; ALTER TABLE users ADD COLUMN code text
ALTER TABLE users ALTER COLUMN code TYPE varchar(15);
--+ ALTER TABLE users ALTER COLUMN small TYPE bigint
ALTER TABLE users ALTER COLUMN small TYPE bigint;
--+ DROP INDEX users_code_idx
ALTER TABLE users ALTER COLUMN code_indexed TYPE citext;
--+ ALTER INDEX users_code_idx RENAME TO other; DROP INDEX other
ALTER TABLE users ALTER COLUMN code_indexed TYPE citext;
--+ CREATE INDEX expr ON users (upper(code))
ALTER TABLE users ALTER COLUMN code TYPE varchar(20);
--+ CREATE INDEX incl ON users (number) INCLUDE (code)
ALTER TABLE users ALTER COLUMN code TYPE varchar(20);
--+ CREATE INDEX incl ON users (number) INCLUDE (code)
ALTER TABLE users ALTER COLUMN code TYPE citext;
--+ CREATE INDEX both_of ON users (number, code)
ALTER TABLE users ALTER COLUMN code TYPE text;
--+ CREATE INDEX pattern ON users (code varchar_pattern_ops)
ALTER TABLE users ALTER COLUMN code TYPE text;
--+ CREATE INDEX tags_gin ON users USING gin (tags)
ALTER TABLE users ALTER COLUMN tags TYPE text[];
--+ CREATE INDEX hashed ON users USING hash (code)
ALTER TABLE users ALTER COLUMN code TYPE varchar(20);
--+ CREATE INDEX ranged ON users USING brin (code)
ALTER TABLE users ALTER COLUMN code TYPE varchar(20);
--+ CREATE INDEX gisted ON users USING gist (host inet_ops)
ALTER TABLE users ALTER COLUMN host TYPE inet;
--+ CREATE INDEX doc_gin ON users USING gin (doc)
ALTER TABLE users ALTER COLUMN doc TYPE jsonb;
--+ CREATE INDEX spgisted ON users USING spgist (code)
ALTER TABLE users ALTER COLUMN code TYPE text;
--+ CREATE INDEX codes_btree ON users (codes)
ALTER TABLE users ALTER COLUMN codes TYPE varchar[];
--+ CREATE INDEX ordered ON users (code DESC NULLS LAST)
ALTER TABLE users ALTER COLUMN code TYPE varchar(20);
--+ CREATE INDEX sorted ON users (code COLLATE "C")
ALTER TABLE users ALTER COLUMN code TYPE varchar(20);
--+ CREATE INDEX feeling_of ON users (feeling)
ALTER TABLE users ALTER COLUMN feeling TYPE mood;
--+ ALTER TABLE users DROP CONSTRAINT users_code_checked_check
ALTER TABLE users ALTER COLUMN code_checked TYPE varchar(20);
--+ ALTER TABLE users ADD CONSTRAINT two CHECK (code <> name)
ALTER TABLE users ALTER COLUMN code TYPE varchar(20);
--+ ALTER TABLE users VALIDATE CONSTRAINT loose_filled
ALTER TABLE users ALTER COLUMN code_loose TYPE varchar(20);
--+ ALTER TABLE posts ADD CONSTRAINT slug_once UNIQUE (slug)
ALTER TABLE posts ALTER COLUMN slug TYPE varchar(80);
--+ CREATE TABLE refs (slug varchar(50)); ALTER TABLE posts ADD UNIQUE (slug); ALTER TABLE refs ADD FOREIGN KEY (slug) REFERENCES posts (slug)
ALTER TABLE refs ALTER COLUMN slug TYPE varchar(80);
--+ CREATE TABLE refs (slug varchar(50)); ALTER TABLE posts ADD UNIQUE (slug); ALTER TABLE refs ADD FOREIGN KEY (slug) REFERENCES posts (slug)
ALTER TABLE posts ALTER COLUMN slug TYPE text;
--+ CREATE VIEW all_users AS SELECT * FROM users
ALTER TABLE users ALTER COLUMN code TYPE varchar(20);
--+ CREATE VIEW joined AS SELECT u.code, p.title FROM users u JOIN posts p ON p.user_id = u.id
ALTER TABLE posts ALTER COLUMN title TYPE varchar;
--+ CREATE VIEW joined AS SELECT u.code, p.title FROM users u JOIN posts p ON p.user_id = u.id
ALTER TABLE posts ALTER COLUMN slug TYPE text;
--+ CREATE VIEW gone AS SELECT code FROM users; DROP VIEW gone
ALTER TABLE users ALTER COLUMN code TYPE varchar(20);
--+ CREATE TRIGGER of_code BEFORE UPDATE OF code ON users FOR EACH ROW EXECUTE FUNCTION touch()
ALTER TABLE users ALTER COLUMN code TYPE varchar(20);
ALTER TABLE users ALTER COLUMN code TYPE varchar(20), ALTER COLUMN name SET NOT NULL;
ALTER TABLE users ALTER COLUMN code TYPE varchar(20), ALTER COLUMN amount TYPE numeric(20, 2);
ALTER TABLE users DROP CONSTRAINT users_code_checked_check, ALTER COLUMN code_checked TYPE varchar(20);
ALTER TABLE users ALTER COLUMN mark DROP DEFAULT, ALTER COLUMN mark TYPE mood USING mark::mood;
ALTER TABLE users ALTER COLUMN mark DROP DEFAULT, ALTER COLUMN mark TYPE mood USING mark::mood, ALTER COLUMN mark SET DEFAULT 'ok';
ALTER TABLE users ALTER COLUMN feeling DROP DEFAULT, ALTER COLUMN feeling TYPE text;
ALTER TABLE users ALTER COLUMN active DROP DEFAULT, ALTER COLUMN active TYPE integer USING active::integer;
ALTER TABLE users ALTER COLUMN active TYPE integer USING CASE WHEN active THEN 1 ELSE 0 END;
--+ ALTER TABLE plain_rows ALTER COLUMN a SET NOT NULL
ALTER TABLE plain_rows ADD PRIMARY KEY (a);
--+ ALTER TABLE plain_rows ALTER COLUMN a SET NOT NULL
ALTER TABLE plain_rows ADD CONSTRAINT c PRIMARY KEY USING INDEX plain_a;
--+ ALTER TABLE plain_rows ADD PRIMARY KEY (a)
ALTER TABLE plain_rows ALTER COLUMN a SET NOT NULL;
--+ ALTER TABLE plain_rows ALTER COLUMN b DROP NOT NULL
ALTER TABLE plain_rows ADD CONSTRAINT c PRIMARY KEY USING INDEX plain_b;
--+ ALTER TABLE users ADD COLUMN x integer NOT NULL DEFAULT 0
ALTER TABLE users ALTER COLUMN x SET NOT NULL;
--+ ALTER TABLE users ADD COLUMN x integer; ALTER TABLE users ADD CONSTRAINT x_there CHECK (x IS NOT NULL) NOT VALID; UPDATE users SET x = 1; ALTER TABLE users VALIDATE CONSTRAINT x_there
ALTER TABLE users ALTER COLUMN x SET NOT NULL;
--+ CREATE TABLE people AS SELECT id, name FROM users
CREATE INDEX i ON people (id);
ALTER TABLE IF EXISTS nosuch ADD COLUMN x integer;
ALTER TABLE nosuch ADD COLUMN x integer;
ALTER TABLE nosuch ALTER COLUMN x SET NOT NULL;
CREATE INDEX i ON nosuch (x);
CREATE INDEX i ON users (nosuch);
ALTER TABLE users ADD CONSTRAINT c CHECK (nosuch > 0);
ALTER TABLE users ADD CONSTRAINT c FOREIGN KEY (number) REFERENCES nosuch (id);
ALTER TABLE users RENAME COLUMN name TO email;
ALTER TABLE seen_users RENAME TO viewed;
ALTER TABLE seen_users RENAME COLUMN seen TO looked;
ALTER VIEW seen_users SET SCHEMA public;
ALTER SEQUENCE counter INCREMENT BY 2;
CREATE RULE ru AS ON INSERT TO teams DO ALSO NOTHING;
ALTER TABLE users ALTER COLUMN name SET COMPRESSION pglz;
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
ALTER TABLE users ALTER COLUMN name SET (n_distinct = 5);
ALTER TABLE users SET (autovacuum_enabled = false);
ALTER TABLE users SET WITHOUT CLUSTER;
ALTER TABLE users ENABLE TRIGGER ALL;
INSERT INTO plain_rows (b) SELECT id FROM users WHERE false;

-- An index ON ONLY the whole is made anew without that word, for every partition.
--+ CREATE INDEX whole ON ONLY events (kind)
ALTER TABLE events ALTER kind TYPE text;
--+ CREATE INDEX whole ON ONLY events (kind)
ALTER TABLE events ALTER kind TYPE varchar;
--+ CREATE INDEX whole ON ONLY events (kind)
ALTER TABLE events ALTER id TYPE integer;
--+ CREATE INDEX whole ON ONLY events (id) INCLUDE (kind); CREATE INDEX part ON events_2024 (id) INCLUDE (kind); ALTER INDEX whole ATTACH PARTITION part
ALTER TABLE events ALTER kind TYPE text;
--+ CREATE INDEX whole ON ONLY events (id) WHERE kind > ''; CREATE INDEX part ON events_2024 (kind)
ALTER TABLE events ALTER kind TYPE text;
--+ ALTER TABLE ONLY events ADD UNIQUE (id, day, kind)
ALTER TABLE events ALTER kind TYPE text;
--+ CREATE TABLE d PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (id); CREATE TABLE d_1 PARTITION OF d FOR VALUES IN (1); CREATE INDEX whole ON ONLY events (kind)
ALTER TABLE events ALTER kind TYPE text;
--+ CREATE TABLE d PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (id); CREATE TABLE d_1 PARTITION OF d FOR VALUES IN (1); CREATE INDEX within ON ONLY d (kind)
ALTER TABLE events ALTER kind TYPE text;
--+ CREATE INDEX whole ON ONLY events (kind); ALTER TABLE events ALTER kind TYPE text
CREATE INDEX events_2024_kind_idx ON events_2024 (kind);

--+ CREATE INDEX part ON events_2024 (kind); CREATE INDEX whole ON events (kind)
ALTER TABLE events ALTER kind TYPE varchar(40);
--+ ALTER TABLE events_2024 ADD CONSTRAINT part UNIQUE (id, day, kind); ALTER TABLE events ADD CONSTRAINT whole UNIQUE (id, day, kind)
ALTER TABLE events ALTER kind TYPE varchar(40);
--+ CREATE TABLE d PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (id); CREATE TABLE d_1 PARTITION OF d FOR VALUES IN (1); ALTER TABLE d_1 ADD CONSTRAINT part UNIQUE (id, day, kind); ALTER TABLE events ADD CONSTRAINT whole UNIQUE (id, day, kind)
ALTER TABLE events ALTER kind TYPE varchar(40);

-- The partitions are locked before the name is looked for.
CREATE INDEX IF NOT EXISTS users_pkey ON events (kind);
CREATE INDEX IF NOT EXISTS users_pkey ON ONLY events (kind);
