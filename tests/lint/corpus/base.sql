CREATE EXTENSION IF NOT EXISTS citext;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN plain AS text;
CREATE DOMAIN required AS text NOT NULL;
CREATE DOMAIN fallback AS integer DEFAULT 7;
CREATE DOMAIN loose AS integer;
ALTER DOMAIN loose ADD CONSTRAINT loose_positive CHECK (VALUE > 0) NOT VALID;
CREATE FUNCTION unstable() RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION steady() RETURNS integer LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION fixed(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION one_more() RETURNS integer LANGUAGE sql RETURN one() + 1;
CREATE FUNCTION one_today() RETURNS date LANGUAGE sql BEGIN ATOMIC SELECT current_date; END;
CREATE FUNCTION one_of_many() RETURNS float LANGUAGE sql AS 'SELECT random() + one()';
CREATE FUNCTION one_as_owner() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE FUNCTION one_set() RETURNS integer LANGUAGE sql SET work_mem = '1MB' AS 'SELECT 1';
CREATE FUNCTION one_read() RETURNS integer LANGUAGE sql AS 'SELECT 1 LIMIT 1';
CREATE FUNCTION one_after() RETURNS integer LANGUAGE sql AS 'SELECT 2; SELECT 1';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE SEQUENCE counter;
CREATE TABLE teams (id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE users (
    id serial PRIMARY KEY,
    email varchar(100) NOT NULL UNIQUE,
    team_id integer,
    name text,
    nick citext,
    nick_indexed citext,
    code varchar(10),
    code_indexed varchar(10),
    code_checked varchar(10) CHECK (code_checked <> ''),
    code_loose varchar(10),
    code_partial varchar(10),
    name_sorted text COLLATE "C",
    amount numeric(10, 2),
    amount_free numeric,
    created timestamp,
    created_coarse timestamp(3),
    created_indexed timestamp,
    updated timestamptz,
    at time(3),
    lasts interval(3),
    day date,
    active boolean DEFAULT true,
    mark text DEFAULT 'ok',
    meta json,
    doc jsonb,
    net cidr,
    host inet,
    bits varbit(8),
    flags bit(8),
    fixed char(5),
    small smallint,
    number integer,
    big bigint,
    ratio real,
    key uuid,
    tags text[],
    codes varchar(10)[],
    feeling mood DEFAULT 'ok',
    measured positive,
    words plain,
    proven integer,
    hinted integer,
    nullable integer,
    doubled integer GENERATED ALWAYS AS (number * 2) STORED,
    seen text,
    CONSTRAINT proven_there CHECK (proven IS NOT NULL)
);
ALTER TABLE users ADD CONSTRAINT hinted_there CHECK (hinted IS NOT NULL) NOT VALID;
ALTER TABLE users ADD CONSTRAINT loose_filled CHECK (code_loose <> '') NOT VALID;
ALTER TABLE users ADD CONSTRAINT users_team_fkey FOREIGN KEY (team_id) REFERENCES teams (id);
CREATE INDEX users_code_idx ON users (code_indexed);
CREATE INDEX users_created_idx ON users (created_indexed);
CREATE INDEX users_nick_idx ON users (nick_indexed);
CREATE INDEX users_partial_idx ON users (id) WHERE code_partial IS NOT NULL;
CREATE INDEX users_lower_idx ON users (lower(name));
CREATE UNIQUE INDEX users_nullable_idx ON users (nullable);
CREATE UNIQUE INDEX users_id_idx ON users (id);
CREATE VIEW seen_users AS SELECT id, seen FROM users;
CREATE TABLE posts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id integer NOT NULL REFERENCES users (id),
    editor_id integer,
    title text,
    slug varchar(50) NOT NULL
);
ALTER TABLE posts ADD CONSTRAINT posts_editor_fkey FOREIGN KEY (editor_id)
    REFERENCES users (id) NOT VALID;
ALTER TABLE posts ADD CONSTRAINT title_there CHECK (title IS NOT NULL) NOT VALID;
CREATE TABLE plain_rows (a integer, b integer NOT NULL, c text, d positive);
CREATE UNIQUE INDEX plain_a ON plain_rows (a);
CREATE UNIQUE INDEX plain_b ON plain_rows (b);
CREATE INDEX plain_c ON plain_rows (c);
CREATE TABLE events (id integer, day date NOT NULL, kind text) PARTITION BY RANGE (day);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE TABLE logs (id integer, level integer) PARTITION BY LIST (level);
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES IN (1);
CREATE TABLE logs_2 (id integer, level integer);
CREATE TABLE logs_3 (id integer, level integer NOT NULL, CHECK (level = 3));
CREATE TABLE logs_4 (id integer, level integer NOT NULL);
ALTER TABLE logs_4 ADD CONSTRAINT level_4 CHECK (level = 4) NOT VALID;
CREATE UNLOGGED TABLE cache (id integer PRIMARY KEY, value text);
CREATE MATERIALIZED VIEW totals AS SELECT team_id, count(*) AS n FROM users GROUP BY team_id;
CREATE UNIQUE INDEX totals_team ON totals (team_id);
CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE places (id integer PRIMARY KEY, size integer);
CREATE TABLE towns (mayor text) INHERITS (places);
CREATE SCHEMA aside;
CREATE TABLE aside.notes (place integer REFERENCES places);
CREATE TABLE spread (key integer) PARTITION BY HASH (key);
CREATE TABLE spread_0 PARTITION OF spread FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE spans (day timestamp NOT NULL) PARTITION BY RANGE (day);
CREATE INDEX spans_day ON spans (day);
CREATE TABLE spans_rest PARTITION OF spans DEFAULT;
ALTER TABLE spans_rest
    ADD CONSTRAINT not_then CHECK (day < '2026-01-01' OR day >= '2029-01-01 12:00');
INSERT INTO teams VALUES (1, 'a'), (2, 'b');
INSERT INTO users (email, team_id, name, number, proven, hinted, nullable, seen, code_loose)
    SELECT 'u' || n, 1, 'n', n, n, n, n, 's', 'x' FROM generate_series(1, 20) AS n;
INSERT INTO posts (user_id, editor_id, title, slug)
    SELECT n, n, 't', 's' || n FROM generate_series(1, 20) AS n;
INSERT INTO plain_rows SELECT n, n, 'c', n FROM generate_series(1, 20) AS n;
INSERT INTO events SELECT n, '2024-02-01', 'k' FROM generate_series(1, 20) AS n;
INSERT INTO events SELECT n, '2030-02-01', 'k' FROM generate_series(1, 20) AS n;
INSERT INTO logs SELECT n, 1 FROM generate_series(1, 20) AS n;
INSERT INTO logs_2 SELECT n, 2 FROM generate_series(1, 20) AS n;
INSERT INTO logs_3 SELECT n, 3 FROM generate_series(1, 20) AS n;
INSERT INTO logs_4 SELECT n, 4 FROM generate_series(1, 20) AS n;
INSERT INTO cache SELECT n, 'v' FROM generate_series(1, 20) AS n;
