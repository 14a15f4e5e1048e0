-- A shop in a schema of its own: what teams write, then renamed, moved and attached.

ALTER TABLE app.customers ADD COLUMN vip boolean;
ALTER TABLE app.customers ADD COLUMN vip boolean NOT NULL DEFAULT false;
ALTER TABLE app.customers ADD COLUMN joined timestamptz DEFAULT now();
ALTER TABLE app.customers ADD COLUMN joined timestamptz DEFAULT statement_timestamp();
ALTER TABLE app.customers ADD COLUMN joined timestamptz DEFAULT transaction_timestamp() NOT NULL;
ALTER TABLE app.customers ADD COLUMN joined date DEFAULT current_date + 30;
ALTER TABLE app.customers ADD COLUMN joined timestamptz DEFAULT clock_timestamp();
ALTER TABLE app.customers ADD COLUMN joined timestamptz DEFAULT now() + interval '1 day' * random();
ALTER TABLE app.customers ADD COLUMN owner text DEFAULT current_user;
ALTER TABLE app.customers ADD COLUMN owner text DEFAULT session_user::text;
ALTER TABLE app.customers ADD COLUMN tenant integer DEFAULT current_setting('app.tenant', true)::integer;
ALTER TABLE app.customers ADD COLUMN tenant integer DEFAULT app.tenant();
ALTER TABLE app.customers ADD COLUMN tenant integer DEFAULT app.two() NOT NULL;
ALTER TABLE app.customers ADD COLUMN short text DEFAULT app.short_id();
ALTER TABLE app.customers ADD COLUMN short text NOT NULL DEFAULT md5('x');
ALTER TABLE app.customers ADD COLUMN short text DEFAULT md5(random()::text);
ALTER TABLE app.customers ADD COLUMN key uuid DEFAULT gen_random_uuid();
ALTER TABLE app.customers ADD COLUMN key uuid DEFAULT pg_catalog.gen_random_uuid() NOT NULL;
ALTER TABLE app.customers ADD COLUMN no bigint DEFAULT nextval('app.invoice_no');
ALTER TABLE app.customers ADD COLUMN no bigserial;
ALTER TABLE app.customers ADD COLUMN no integer GENERATED ALWAYS AS IDENTITY;
ALTER TABLE app.customers ADD COLUMN labels text[] DEFAULT '{}' NOT NULL;
ALTER TABLE app.customers ADD COLUMN labels text[] DEFAULT ARRAY[]::text[];
ALTER TABLE app.customers ADD COLUMN labels text[] DEFAULT string_to_array('a,b', ',');
ALTER TABLE app.customers ADD COLUMN doc jsonb DEFAULT jsonb_build_object('a', 1);
ALTER TABLE app.customers ADD COLUMN st app.order_state DEFAULT 'new' NOT NULL;
ALTER TABLE app.customers ADD COLUMN st app.order_state DEFAULT 'nope';
ALTER TABLE app.customers ADD COLUMN amt app.money_amount;
ALTER TABLE app.customers ADD COLUMN second_email app.email;
ALTER TABLE app.customers ADD COLUMN second_email app.email DEFAULT 'a@b';
ALTER TABLE app.customers ADD COLUMN short_label app.label;
ALTER TABLE app.customers ADD COLUMN short_label app.label DEFAULT 'x' NOT NULL;
ALTER TABLE app.customers ADD COLUMN emails app.email[];
ALTER TABLE app.customers ADD COLUMN parent_id bigint REFERENCES app.customers;
ALTER TABLE app.customers ADD COLUMN parent_id bigint DEFAULT 1 REFERENCES app.customers ON DELETE SET NULL;
ALTER TABLE app.customers ADD COLUMN age integer CHECK (age > 0);
ALTER TABLE app.customers ADD COLUMN age integer CONSTRAINT age_ok CHECK (age IS NULL OR age > 0) DEFAULT NULL;
ALTER TABLE app.customers ADD COLUMN slug text UNIQUE;
ALTER TABLE app.customers ADD COLUMN name_len integer GENERATED ALWAYS AS (length(name)) STORED;
--pg >=18
ALTER TABLE app.customers ADD COLUMN name_len integer GENERATED ALWAYS AS (length(name)) VIRTUAL;
--pg >=18
ALTER TABLE app.customers ADD COLUMN name_len integer GENERATED ALWAYS AS (length(name));
ALTER TABLE app.customers ADD COLUMN IF NOT EXISTS name text DEFAULT gen_random_uuid()::text;
ALTER TABLE app.customers ADD COLUMN name text;
ALTER TABLE app.customers ADD COLUMN vip boolean NOT NULL;
ALTER TABLE app.customers ADD COLUMN c1 integer, ADD COLUMN c2 text COLLATE "C" DEFAULT 'x', ADD COLUMN c3 numeric(10,2) DEFAULT 0.00;
ALTER TABLE app.customers ADD COLUMN c1 integer, ADD CONSTRAINT c1_positive CHECK (c1 > 0);
ALTER TABLE app.customers ADD COLUMN c1 integer, ADD CONSTRAINT c1_positive CHECK (c1 > 0) NOT VALID;
ALTER TABLE app.events ADD COLUMN src text DEFAULT 'web';
ALTER TABLE app.events ADD COLUMN src uuid DEFAULT gen_random_uuid();
ALTER TABLE ONLY app.events ADD COLUMN src text;
ALTER TABLE app.parent_t ADD COLUMN z integer DEFAULT 5;
ALTER TABLE app.customers DROP COLUMN ip;
ALTER TABLE app.customers DROP COLUMN name;
ALTER TABLE app.customers DROP COLUMN name CASCADE;
ALTER TABLE app.customers DROP COLUMN IF EXISTS nothing;
ALTER TABLE app.customers DROP COLUMN nothing;
ALTER TABLE app.orders DROP COLUMN amount;
ALTER TABLE app.orders ALTER COLUMN amount TYPE bigint;
ALTER TABLE app.orders ALTER COLUMN amount2 TYPE bigint;
ALTER TABLE app.orders ALTER COLUMN amount2 TYPE numeric;
ALTER TABLE app.orders ALTER COLUMN amount2 TYPE smallint;
ALTER TABLE app.orders ALTER COLUMN amount2 TYPE text;
ALTER TABLE app.orders ALTER COLUMN amount2 TYPE int4;
ALTER TABLE app.orders ALTER COLUMN amount2 SET DATA TYPE oid;
ALTER TABLE app.orders ALTER COLUMN amount2 TYPE app.pct_loose;
ALTER TABLE app.orders ALTER COLUMN loose TYPE integer;
ALTER TABLE app.orders ALTER COLUMN lbl TYPE text;
ALTER TABLE app.orders ALTER COLUMN lbl TYPE varchar(60);
ALTER TABLE app.orders ALTER COLUMN lbl TYPE varchar(20);
ALTER TABLE app.orders ALTER COLUMN pct TYPE numeric(5,2);
ALTER TABLE app.orders ALTER COLUMN pct TYPE numeric(7,2);
ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(12,2);
ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(12,4);
ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(8,2);
ALTER TABLE app.orders ALTER COLUMN total TYPE numeric;
ALTER TABLE app.orders ALTER COLUMN total TYPE app.pct;
ALTER TABLE app.orders ALTER COLUMN placed_at TYPE timestamptz;
ALTER TABLE app.orders ALTER COLUMN placed_at TYPE timestamptz(6);
ALTER TABLE app.orders ALTER COLUMN placed_at TYPE timestamptz(0);
--quiet
ALTER TABLE app.orders ALTER COLUMN placed_at TYPE timestamp;
ALTER TABLE app.orders ALTER COLUMN day TYPE timestamp;
ALTER TABLE app.orders ALTER COLUMN note TYPE varchar;
ALTER TABLE app.orders ALTER COLUMN note TYPE varchar(100);
ALTER TABLE app.orders ALTER COLUMN note TYPE jsonb USING note::jsonb;
ALTER TABLE app.orders ALTER COLUMN note TYPE jsonb;
ALTER TABLE app.orders ALTER COLUMN note TYPE text COLLATE "C";
ALTER TABLE app.orders ALTER COLUMN note TYPE text USING upper(note);
ALTER TABLE app.orders ALTER COLUMN note TYPE text USING note::varchar;
ALTER TABLE app.orders ALTER COLUMN note TYPE citext;
ALTER TABLE app.orders ALTER COLUMN ref TYPE varchar(24);
ALTER TABLE app.orders ALTER COLUMN ref TYPE text;
ALTER TABLE app.orders ALTER COLUMN ref TYPE varchar(8);
ALTER TABLE app.orders ALTER COLUMN gift TYPE integer USING gift::integer;
ALTER TABLE app.orders ALTER COLUMN gift TYPE integer;
ALTER TABLE app.orders ALTER COLUMN weight TYPE double precision;
--quiet
ALTER TABLE app.orders ALTER COLUMN state TYPE text;
--quiet
ALTER TABLE app.orders ALTER COLUMN state TYPE text USING state::text;
ALTER TABLE app.orders ALTER COLUMN id TYPE bigint;
ALTER TABLE app.orders ALTER COLUMN customer_id TYPE integer;
ALTER TABLE app.customers ALTER COLUMN id TYPE numeric;
ALTER TABLE app.customers ALTER COLUMN name TYPE varchar(120);
ALTER TABLE app.customers ALTER COLUMN phone TYPE varchar(40);
ALTER TABLE app.customers ALTER COLUMN phone TYPE text;
ALTER TABLE app.customers ALTER COLUMN phone TYPE varchar(20) COLLATE "C";
ALTER TABLE app.customers ALTER COLUMN country TYPE char(3);
ALTER TABLE app.customers ALTER COLUMN country TYPE varchar(2);
ALTER TABLE app.customers ALTER COLUMN country TYPE text;
ALTER TABLE app.customers ALTER COLUMN email TYPE text;
ALTER TABLE app.customers ALTER COLUMN notes TYPE varchar;
ALTER TABLE app.customers ALTER COLUMN notes TYPE app.email;
ALTER TABLE app.customers ALTER COLUMN tags TYPE varchar[];
ALTER TABLE app.customers ALTER COLUMN tags TYPE varchar(10)[];
ALTER TABLE app.customers ALTER COLUMN settings TYPE jsonb;
ALTER TABLE app.customers ALTER COLUMN settings TYPE text;
ALTER TABLE app.customers ALTER COLUMN created_at TYPE timestamptz USING created_at AT TIME ZONE 'UTC';
--quiet
ALTER TABLE app.customers ALTER COLUMN created_at TYPE timestamptz;
--set SET LOCAL TimeZone = 'UTC'
ALTER TABLE app.customers ALTER COLUMN created_at TYPE timestamptz;
--set SET LOCAL TimeZone = 'Europe/Berlin'
ALTER TABLE app.customers ALTER COLUMN created_at TYPE timestamptz;
--set SET LOCAL TimeZone = 'UTC'
ALTER TABLE app.customers ALTER COLUMN updated_at TYPE timestamp;
ALTER TABLE app.customers ALTER COLUMN score TYPE bigint;
ALTER TABLE app.customers ALTER COLUMN uid TYPE text;
ALTER TABLE app.customers ALTER COLUMN uid TYPE text USING uid::text;
ALTER TABLE app.customers ALTER COLUMN ext_id TYPE uuid USING ext_id::uuid;
ALTER TABLE app.customers ALTER COLUMN ext_id TYPE varchar;
ALTER TABLE app.customers ALTER COLUMN net TYPE inet;
ALTER TABLE app.customers ALTER COLUMN ip TYPE cidr;
ALTER TABLE app.products ALTER COLUMN bits TYPE bit varying(32);
ALTER TABLE app.products ALTER COLUMN bits TYPE bit varying;
ALTER TABLE app.products ALTER COLUMN bits TYPE bit varying(4);
ALTER TABLE app.products ALTER COLUMN price TYPE numeric;
ALTER TABLE app.products ALTER COLUMN price TYPE numeric(10,2) USING price::numeric;
ALTER TABLE app.products ALTER COLUMN code TYPE text;
ALTER TABLE app.products ALTER COLUMN code TYPE text COLLATE "C";
ALTER TABLE app.products ALTER COLUMN ci TYPE text;
ALTER TABLE app.products ALTER COLUMN title TYPE varchar;
ALTER TABLE app.products ALTER COLUMN sku TYPE varchar(64);
ALTER TABLE app.products ALTER COLUMN sku TYPE text;
ALTER TABLE app.events ALTER COLUMN kind TYPE varchar;
ALTER TABLE app.events ALTER COLUMN at TYPE timestamp;
ALTER TABLE app.events ALTER COLUMN body TYPE json USING body::json;
ALTER TABLE app.parent_t ALTER COLUMN a TYPE bigint;
ALTER TABLE app.child_t ALTER COLUMN a TYPE bigint;
ALTER TABLE "Audit"."Log" ALTER COLUMN "Who" TYPE varchar(100);
ALTER TABLE "Audit"."Log" ALTER COLUMN "Who" TYPE varchar(5);
ALTER TABLE "Audit"."Log" ALTER "When" TYPE timestamp(3);
ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(14,2), ALTER COLUMN note TYPE varchar;
ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(14,2), ALTER COLUMN amount2 TYPE bigint, ADD COLUMN x integer;
ALTER TABLE app.customers ALTER COLUMN phone SET NOT NULL;
ALTER TABLE app.customers ALTER COLUMN notes SET NOT NULL;
ALTER TABLE app.customers ALTER COLUMN uid SET NOT NULL;
ALTER TABLE app.customers ALTER COLUMN name SET NOT NULL;
ALTER TABLE app.lines ALTER COLUMN price SET NOT NULL;
ALTER TABLE app.products ALTER COLUMN title SET NOT NULL;
ALTER TABLE app.customers ALTER COLUMN notes SET NOT NULL, DROP CONSTRAINT notes_known;
ALTER TABLE app.customers DROP CONSTRAINT notes_known, ALTER COLUMN notes SET NOT NULL;
ALTER TABLE app.events ALTER COLUMN kind SET NOT NULL;
ALTER TABLE app.customers ALTER COLUMN name DROP NOT NULL;
ALTER TABLE app.customers ALTER COLUMN id DROP NOT NULL;
ALTER TABLE app.customers ALTER COLUMN phone SET DEFAULT '';
ALTER TABLE app.customers ALTER COLUMN country DROP DEFAULT;
ALTER TABLE app.customers ALTER COLUMN phone SET STATISTICS 500;
ALTER TABLE app.customers ALTER COLUMN notes SET STORAGE EXTERNAL;
--pg >=16
ALTER TABLE app.customers ALTER COLUMN notes SET STORAGE DEFAULT;
ALTER TABLE app.customers ALTER COLUMN notes SET COMPRESSION pglz;
ALTER TABLE app.customers ALTER COLUMN notes SET (n_distinct = 5);
ALTER TABLE app.customers ALTER COLUMN id SET GENERATED ALWAYS;
ALTER TABLE app.customers ALTER COLUMN id RESTART WITH 1000;
ALTER TABLE app.customers ALTER COLUMN id DROP IDENTITY;
ALTER TABLE app.customers ALTER COLUMN phone ADD GENERATED ALWAYS AS IDENTITY;
ALTER TABLE "Audit"."Log" ALTER COLUMN id DROP DEFAULT;
ALTER TABLE app.orders ALTER COLUMN price_cents DROP EXPRESSION;
--pg >=17
ALTER TABLE app.orders ALTER COLUMN price_cents SET EXPRESSION AS (amount * 10);
ALTER TABLE app.orders ADD CONSTRAINT orders_total_pos CHECK (total >= 0);
ALTER TABLE app.orders ADD CONSTRAINT orders_total_pos CHECK (total >= 0) NOT VALID;
ALTER TABLE app.orders ADD CONSTRAINT orders_ref_uq UNIQUE (ref);
ALTER TABLE app.orders ADD UNIQUE (ref, day);
ALTER TABLE app.customers ADD CONSTRAINT ext_uq UNIQUE USING INDEX customers_ext_id_uidx;
ALTER TABLE app.customers ADD CONSTRAINT ext_uq UNIQUE USING INDEX customers_phone_idx;
ALTER TABLE app.orders ADD CONSTRAINT ref_fk FOREIGN KEY (ref) REFERENCES app.products;
ALTER TABLE app.orders ADD CONSTRAINT ref_fk FOREIGN KEY (ref) REFERENCES app.products NOT VALID;
ALTER TABLE app.orders ADD FOREIGN KEY (amount) REFERENCES app.products (sku);
ALTER TABLE app.lines VALIDATE CONSTRAINT lines_order_fk;
ALTER TABLE app.lines VALIDATE CONSTRAINT qty_pos;
ALTER TABLE app.lines VALIDATE CONSTRAINT price_known;
ALTER TABLE app.lines VALIDATE CONSTRAINT nope;
ALTER TABLE app.lines ADD CONSTRAINT s_fk FOREIGN KEY (sku) REFERENCES app.products NOT VALID, VALIDATE CONSTRAINT s_fk;
ALTER TABLE app.lines DROP CONSTRAINT lines_order_fk;
ALTER TABLE app.lines DROP CONSTRAINT qty_pos;
ALTER TABLE app.lines DROP CONSTRAINT IF EXISTS nope;
ALTER TABLE app.lines DROP CONSTRAINT lines_pk, ADD PRIMARY KEY (order_id, pos, sku);
ALTER TABLE app.lines ALTER CONSTRAINT lines_order_fk DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE app.lines RENAME CONSTRAINT qty_pos TO qty_positive;
ALTER TABLE app.customers DROP CONSTRAINT customers_pkey;
ALTER TABLE app.customers DROP CONSTRAINT customers_pkey CASCADE;
ALTER TABLE "Audit"."Log" ADD PRIMARY KEY (id);
ALTER TABLE "Audit"."Log" ADD CONSTRAINT log_pk PRIMARY KEY ("When");
--+ CREATE UNIQUE INDEX log_when ON "Audit"."Log" ("When")
ALTER TABLE "Audit"."Log" ADD CONSTRAINT log_pk PRIMARY KEY USING INDEX log_when;
--+ CREATE UNIQUE INDEX log_id ON "Audit"."Log" (id)
ALTER TABLE "Audit"."Log" ADD CONSTRAINT log_pk PRIMARY KEY USING INDEX log_id;
ALTER TABLE app.products ADD CONSTRAINT no_overlap EXCLUDE USING gist (slot WITH &&);
--pg >=18
ALTER TABLE app.customers ADD CONSTRAINT phone_nn NOT NULL phone NOT VALID;
--pg >=18
ALTER TABLE app.customers ADD CONSTRAINT phone_nn NOT NULL deleted;
--pg >=18
ALTER TABLE app.customers ADD CONSTRAINT notes_nn NOT NULL notes;
--pg >=18
ALTER TABLE app.orders ADD CONSTRAINT c CHECK (amount2 > 0) NOT ENFORCED;
--pg >=18
ALTER TABLE app.lines ALTER CONSTRAINT lines_order_fk NOT ENFORCED;
ALTER TABLE app.events ADD CONSTRAINT ev_kind CHECK (kind <> '');
ALTER TABLE app.events ADD CONSTRAINT ev_kind CHECK (kind <> '') NOT VALID;
ALTER TABLE app.events ADD CONSTRAINT ev_kind FOREIGN KEY (id) REFERENCES app.orders NOT VALID;
ALTER TABLE app.events ADD UNIQUE (kind);
ALTER TABLE app.parent_t ADD CHECK (a > 0);
ALTER TABLE app.parent_t ADD CONSTRAINT q CHECK (a > 0) NO INHERIT;
CREATE INDEX ON app.orders (day);
CREATE UNIQUE INDEX orders_u ON app.orders (ref, day) WHERE ref IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_customer_idx ON app.orders (day);
CREATE INDEX ev_k ON app.events (kind);
CREATE INDEX ev_k ON ONLY app.events (kind);
CREATE INDEX trgm ON app.products USING gin (title gin_trgm_ops);
CREATE INDEX ON app.totals (total);
CREATE INDEX CONCURRENTLY oops ON app.orders (day);
--alone
CREATE INDEX CONCURRENTLY good ON app.orders (day);
--alone
CREATE INDEX CONCURRENTLY bad ON app.events (kind);
DROP INDEX app.orders_customer_idx;
DROP INDEX CONCURRENTLY app.orders_customer_idx;
DROP INDEX IF EXISTS app.nope;
DROP INDEX app.lines_pk;
ALTER INDEX app.orders_customer_idx RENAME TO oc;
ALTER INDEX app.orders_customer_idx SET (fillfactor = 70);
REINDEX INDEX app.orders_customer_idx;
REINDEX TABLE app.orders;
REINDEX TABLE CONCURRENTLY app.orders;
CLUSTER app.orders USING orders_customer_idx;
VACUUM FULL app.orders;
VACUUM app.orders;
ANALYZE app.orders;
REFRESH MATERIALIZED VIEW app.totals;
REFRESH MATERIALIZED VIEW CONCURRENTLY app.totals;
REFRESH MATERIALIZED VIEW CONCURRENTLY app.sums;
REFRESH MATERIALIZED VIEW app.sums WITH NO DATA;
ALTER TABLE app.cache SET LOGGED;
ALTER TABLE app.products SET UNLOGGED;
ALTER TABLE app.orders SET LOGGED;
ALTER TABLE app.orders SET (autovacuum_vacuum_scale_factor = 0.01);
ALTER TABLE app.orders RESET (fillfactor);
ALTER TABLE app.orders SET TABLESPACE pg_default;
ALTER TABLE app.orders SET ACCESS METHOD heap;
ALTER TABLE app.orders OWNER TO CURRENT_USER;
ALTER TABLE app.orders SET SCHEMA public;
ALTER TABLE app.orders RENAME TO purchases;
ALTER TABLE app.orders RENAME COLUMN note TO remark;
ALTER TABLE app.orders REPLICA IDENTITY FULL;
ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
ALTER TABLE app.customers DISABLE TRIGGER customers_touch;
ALTER TABLE app.customers ENABLE ALWAYS TRIGGER customers_touch;
ALTER TABLE app.child_t NO INHERIT app.parent_t;
ALTER TABLE app.regions_us INHERIT app.parent_t;
ALTER TABLE app.customers CLUSTER ON customers_pkey;
ALTER TABLE app.events ATTACH PARTITION app.events_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
ALTER TABLE app.events ATTACH PARTITION app.events_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
ALTER TABLE app.regions ATTACH PARTITION app.regions_us FOR VALUES IN ('US');
ALTER TABLE app.events DETACH PARTITION app.events_2024;
ALTER TABLE app.events DETACH PARTITION app.events_2024 CONCURRENTLY;
CREATE TABLE app.events_2030 PARTITION OF app.events FOR VALUES FROM ('2030-01-01') TO ('2031-01-01');
CREATE TABLE app.regions_as PARTITION OF app.regions FOR VALUES IN ('JP', 'CN');
CREATE TABLE app.events_default PARTITION OF app.events DEFAULT;
CREATE TABLE app.new_one (id bigint PRIMARY KEY, customer_id bigint REFERENCES app.customers);
CREATE TABLE app.copied AS SELECT * FROM app.orders;
CREATE TABLE app.liked (LIKE app.orders INCLUDING ALL);
CREATE TABLE app.orders (id integer);
CREATE TABLE IF NOT EXISTS app.orders (id integer);
DROP TABLE app.lines;
DROP TABLE app.orders;
DROP TABLE app.orders CASCADE;
DROP TABLE app.events_2024;
DROP TABLE IF EXISTS app.nope;
DROP SCHEMA "Audit";
DROP SCHEMA "Audit" CASCADE;
DROP VIEW app.active_customers;
DROP MATERIALIZED VIEW app.sums;
DROP TYPE app.order_state;
DROP TYPE app.order_state CASCADE;
DROP DOMAIN app.email;
--quiet
DROP FUNCTION app.set_updated();
DROP FUNCTION app.tenant();
DROP SEQUENCE app.invoice_no;
DROP TRIGGER customers_touch ON app.customers;
DROP EXTENSION citext;
DROP EXTENSION pg_trgm;
TRUNCATE app.lines;
TRUNCATE app.orders;
ALTER TYPE app.order_state ADD VALUE 'lost';
ALTER TYPE app.order_state ADD VALUE IF NOT EXISTS 'new';
ALTER TYPE app.order_state ADD VALUE 'mid' BEFORE 'paid';
ALTER TYPE app.order_state RENAME VALUE 'new' TO 'fresh';
ALTER TYPE app.order_state RENAME TO ostate;
ALTER TYPE app.money_amount ADD ATTRIBUTE note text;
ALTER TYPE app.money_amount ALTER ATTRIBUTE value TYPE bigint;
--+ ALTER TABLE app.lines ADD COLUMN m app.money_amount
ALTER TYPE app.money_amount ALTER ATTRIBUTE value TYPE bigint;
--+ ALTER TABLE app.lines ADD COLUMN m app.money_amount
ALTER TYPE app.money_amount ADD ATTRIBUTE note text;
ALTER DOMAIN app.label ADD CONSTRAINT nonempty CHECK (VALUE <> '');
ALTER DOMAIN app.label ADD CONSTRAINT nonempty CHECK (VALUE <> '') NOT VALID;
ALTER DOMAIN app.label SET NOT NULL;
ALTER DOMAIN app.pct DROP CONSTRAINT pct_range;
ALTER DOMAIN app.pct SET DEFAULT 1;
--+ ALTER DOMAIN app.label ADD CONSTRAINT nonempty CHECK (VALUE <> '') NOT VALID
ALTER DOMAIN app.label VALIDATE CONSTRAINT nonempty;
--+ CREATE DOMAIN app.unused AS text
ALTER DOMAIN app.unused ADD CHECK (VALUE <> '');
CREATE TRIGGER t AFTER INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION app.set_updated();
CREATE OR REPLACE TRIGGER customers_touch BEFORE UPDATE ON app.customers FOR EACH ROW EXECUTE FUNCTION app.set_updated();
CREATE POLICY p ON app.orders USING (customer_id = 1);
CREATE RULE r AS ON DELETE TO app.orders DO INSTEAD NOTHING;
CREATE STATISTICS app.st ON day, ref FROM app.orders;
CREATE VIEW app.v AS SELECT * FROM app.orders;
CREATE OR REPLACE VIEW app.active_customers AS SELECT id, name, phone FROM app.customers;
CREATE MATERIALIZED VIEW app.mv AS SELECT * FROM app.orders;
CREATE FUNCTION app.f() RETURNS integer LANGUAGE sql AS 'SELECT 1';
COMMENT ON TABLE app.orders IS 'x';
COMMENT ON COLUMN app.orders.note IS 'x';
COMMENT ON INDEX app.orders_customer_idx IS 'x';
GRANT SELECT ON app.orders TO PUBLIC;
REVOKE ALL ON app.orders FROM PUBLIC;
ALTER SEQUENCE app.invoice_no RESTART;
ALTER SEQUENCE app.orders_id_seq AS bigint;
ALTER SEQUENCE app.invoice_no OWNED BY app.orders.id;
ALTER SCHEMA "Audit" RENAME TO audit;
ALTER VIEW app.active_customers RENAME TO ac;
ALTER VIEW app.active_customers SET (security_barrier = true);
LOCK TABLE app.orders IN SHARE MODE;
UPDATE app.orders SET note = 'x';
DELETE FROM app.orders WHERE id < 0;
INSERT INTO app.orders (customer_id) SELECT id FROM app.customers;
SELECT setval('app.invoice_no', (SELECT max(id) FROM app.orders));
DO $$ BEGIN ALTER TABLE app.orders ADD COLUMN x integer; END $$;
DO $$ BEGIN CREATE INDEX zz ON app.orders (day); END $$;
CREATE PUBLICATION pub FOR TABLE app.orders;
CREATE EXTENSION IF NOT EXISTS hstore;
ALTER TABLE IF EXISTS app.missing ADD COLUMN x integer CHECK (x > 0);
--+ ALTER TABLE app.customers RENAME COLUMN phone TO tel
ALTER TABLE app.customers ALTER COLUMN tel TYPE varchar(50);
--+ ALTER TABLE app.customers RENAME TO clients
ALTER TABLE app.clients ALTER COLUMN notes SET NOT NULL;
--+ ALTER TABLE app.customers SET SCHEMA public
ALTER TABLE customers ALTER COLUMN phone TYPE varchar(10);
--+ ALTER SCHEMA app RENAME TO core
ALTER TABLE core.customers ALTER COLUMN notes SET NOT NULL;
--set SET LOCAL search_path = app, public
ALTER TABLE customers ADD COLUMN q email;
--set SET LOCAL search_path = app, public
ALTER TABLE customers ALTER COLUMN phone TYPE text;
--set SET LOCAL search_path = app
ALTER TABLE orders ADD COLUMN q integer DEFAULT two();
--set SET LOCAL search_path = app
ALTER TABLE orders ADD COLUMN q text DEFAULT short_id();
--+ CREATE OR REPLACE FUNCTION app.short_id() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''a''::text'
ALTER TABLE app.orders ADD COLUMN q text DEFAULT app.short_id();
--+ ALTER TABLE app.customers VALIDATE CONSTRAINT uid_known
ALTER TABLE app.customers ALTER COLUMN uid SET NOT NULL;
--+ ALTER TABLE app.customers DROP CONSTRAINT notes_known
ALTER TABLE app.customers ALTER COLUMN notes SET NOT NULL;
--+ ALTER TABLE app.customers ADD CONSTRAINT nm CHECK (name IS NOT NULL AND length(name) > 0); ALTER TABLE app.customers ALTER COLUMN name DROP NOT NULL
ALTER TABLE app.customers ALTER COLUMN name SET NOT NULL;
--+ ALTER TABLE app.customers ADD CONSTRAINT nm CHECK (NOT (name IS NULL)); ALTER TABLE app.customers ALTER COLUMN name DROP NOT NULL
ALTER TABLE app.customers ALTER COLUMN name SET NOT NULL;
--+ ALTER TABLE app.customers ADD CONSTRAINT nm CHECK (name IS NOT NULL OR phone IS NOT NULL); ALTER TABLE app.customers ALTER COLUMN name DROP NOT NULL
ALTER TABLE app.customers ALTER COLUMN name SET NOT NULL;
--+ ALTER TABLE app.customers ADD CONSTRAINT nm CHECK (length(name) > 0); ALTER TABLE app.customers ALTER COLUMN name DROP NOT NULL
ALTER TABLE app.customers ALTER COLUMN name SET NOT NULL;
--+ ALTER TABLE app.customers ADD CONSTRAINT nm CHECK (name <> ''); ALTER TABLE app.customers ALTER COLUMN name DROP NOT NULL
ALTER TABLE app.customers ALTER COLUMN name SET NOT NULL;
--+ UPDATE app.customers SET phone = 'x'
ALTER TABLE app.customers ADD CONSTRAINT c CHECK (phone IS NOT NULL), ALTER COLUMN phone SET NOT NULL;
--+ CREATE UNIQUE INDEX c_multi ON app.lines (order_id, sku)
ALTER TABLE app.lines DROP CONSTRAINT lines_pk, ADD CONSTRAINT lines_pk PRIMARY KEY USING INDEX c_multi;
--+ CREATE UNIQUE INDEX c_part ON app.orders (ref) WHERE ref IS NOT NULL
ALTER TABLE app.orders ADD CONSTRAINT u UNIQUE USING INDEX c_part;
--+ CREATE UNIQUE INDEX c_desc ON app.orders (ref DESC)
ALTER TABLE app.orders ADD CONSTRAINT u UNIQUE USING INDEX c_desc;
--+ CREATE TABLE app.empty (id integer, v text)
ALTER TABLE app.empty ALTER COLUMN v SET NOT NULL;
--+ CREATE TABLE app.empty (id integer, v text)
CREATE INDEX ON app.empty (v);
--+ CREATE TABLE app.sub (id bigint NOT NULL, at timestamptz NOT NULL, kind text, body jsonb) PARTITION BY HASH (id); CREATE TABLE app.sub_0 PARTITION OF app.sub FOR VALUES WITH (MODULUS 1, REMAINDER 0); INSERT INTO app.sub SELECT i, '2026-02-02', 'k', '{}' FROM generate_series(1, 9) i
ALTER TABLE app.events ATTACH PARTITION app.sub FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--+ ALTER TABLE app.events_2026 ADD CHECK (at >= '2026-01-01' AND at < '2027-01-01')
ALTER TABLE app.events ATTACH PARTITION app.events_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--+ ALTER TABLE app.events_2026 ADD CHECK (at >= '2026-01-01' AND at < '2027-01-01'), ADD PRIMARY KEY (id, at)
ALTER TABLE app.events ATTACH PARTITION app.events_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--+ ALTER TABLE app.events_2026 ADD CONSTRAINT nv CHECK (at >= '2026-01-01' AND at < '2027-01-01') NOT VALID, ADD PRIMARY KEY (id, at)
ALTER TABLE app.events ATTACH PARTITION app.events_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--+ ALTER TABLE app.regions_us ADD CHECK (code = 'US')
ALTER TABLE app.regions ATTACH PARTITION app.regions_us FOR VALUES IN ('US');
--+ ALTER TABLE app.regions_us ADD CHECK (code = 'US'); ALTER TABLE app.regions_rest ADD CHECK (code <> 'US')
ALTER TABLE app.regions ATTACH PARTITION app.regions_us FOR VALUES IN ('US');
--+ ALTER TABLE app.regions_us ADD CHECK (code IN ('US', 'MX'))
ALTER TABLE app.regions ATTACH PARTITION app.regions_us FOR VALUES IN ('US', 'MX');
--+ ALTER TABLE app.regions_rest ADD CHECK (code NOT IN ('JP'))
CREATE TABLE app.regions_jp PARTITION OF app.regions FOR VALUES IN ('JP');
--+ CREATE INDEX e25 ON app.events_2025 (kind); CREATE INDEX e24 ON app.events_2024 (kind)
CREATE INDEX ek ON app.events (kind);
--+ CREATE INDEX ek ON ONLY app.events (kind); CREATE INDEX e25 ON app.events_2025 (kind)
ALTER INDEX app.ek ATTACH PARTITION app.e25;
--+ CREATE INDEX ek ON app.events (kind)
DROP INDEX app.ek;
ALTER TABLE app.events_2025 ALTER COLUMN kind SET NOT NULL;
ALTER TABLE ONLY app.events ALTER COLUMN kind SET DEFAULT 'x';
ALTER TABLE app.events_2025 ADD CONSTRAINT ck CHECK (kind <> '') NOT VALID;
ALTER TABLE app.events_2025 ADD COLUMN z integer;
ALTER TABLE app.events DROP COLUMN at;
ALTER TABLE app.events DROP COLUMN kind;
ALTER TABLE app.events RENAME COLUMN kind TO k;
ALTER TABLE app.events ALTER COLUMN kind TYPE varchar(10);
ALTER TABLE app.events ALTER COLUMN id TYPE numeric;
CREATE TABLE app.events_x PARTITION OF app.events FOR VALUES FROM ('2025-06-01') TO ('2025-07-01');
DROP TABLE app.events;
DROP TABLE app.regions_rest;
TRUNCATE app.events;
--quiet
ALTER TABLE app.events DETACH PARTITION app.events_2025 FINALIZE;
ALTER TABLE app.regions DETACH PARTITION app.regions_eu;
CREATE TRIGGER tt AFTER INSERT ON app.events FOR EACH ROW EXECUTE FUNCTION app.set_updated();
--+ CREATE DOMAIN app.pos2 AS app.pct_loose CHECK (VALUE > 0)
ALTER TABLE app.orders ADD COLUMN q app.pos2;
--+ ALTER DOMAIN app.pct_loose ADD CONSTRAINT pl CHECK (VALUE > 0)
ALTER TABLE app.lines ADD COLUMN q app.pct_loose;
--+ ALTER DOMAIN app.pct DROP CONSTRAINT pct_range
ALTER TABLE app.lines ADD COLUMN q app.pct;
--+ UPDATE app.orders SET loose = 1; ALTER DOMAIN app.pct_loose SET NOT NULL
ALTER TABLE app.cache ADD COLUMN q app.pct_loose;
--+ CREATE DOMAIN app.tagset AS text[] CHECK (cardinality(VALUE) < 5)
ALTER TABLE app.lines ADD COLUMN q app.tagset DEFAULT '{}';
ALTER TABLE app.orders ALTER COLUMN loose TYPE bigint;
ALTER TABLE app.orders ALTER COLUMN loose SET NOT NULL;
ALTER TABLE app.orders ALTER COLUMN loose DROP DEFAULT;
--+ ALTER TABLE app.orders ADD CHECK (note <> '')
ALTER TABLE app.orders ALTER COLUMN note TYPE varchar;
--+ ALTER TABLE app.orders ADD CONSTRAINT nn CHECK (note <> '') NOT VALID
ALTER TABLE app.orders ALTER COLUMN note TYPE varchar;
--+ CREATE INDEX on_hash ON app.orders USING hash (ref)
ALTER TABLE app.orders ALTER COLUMN ref TYPE varchar(100);
--+ CREATE INDEX on_inc ON app.orders (day) INCLUDE (note)
ALTER TABLE app.orders ALTER COLUMN note TYPE varchar;
--+ CREATE INDEX on_ops ON app.orders (note text_pattern_ops)
ALTER TABLE app.orders ALTER COLUMN note TYPE varchar;
--+ CREATE INDEX on_coll ON app.orders (note COLLATE "C")
ALTER TABLE app.orders ALTER COLUMN note TYPE varchar;
--+ CREATE INDEX on_tot ON app.orders (total)
ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(20,2);
--+ DROP MATERIALIZED VIEW app.totals; CREATE INDEX on_tot ON app.orders (total)
ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(20,2);
--+ DROP MATERIALIZED VIEW app.totals
ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(20,2);
--+ DROP MATERIALIZED VIEW app.totals
ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(20,3);
--+ DROP MATERIALIZED VIEW app.totals
ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(20,2) USING total * 1;
--+ DROP MATERIALIZED VIEW app.totals
ALTER TABLE app.orders ALTER COLUMN total TYPE numeric(20,2) USING total::numeric(20,2);
--+ CREATE STATISTICS app.s1 ON day, note FROM app.orders
ALTER TABLE app.orders ALTER COLUMN note TYPE varchar;
--+ CREATE TRIGGER tn BEFORE UPDATE OF note ON app.orders FOR EACH ROW EXECUTE FUNCTION app.set_updated()
ALTER TABLE app.orders ALTER COLUMN note TYPE varchar;
--+ CREATE POLICY pn ON app.orders USING (note <> '')
ALTER TABLE app.orders ALTER COLUMN note TYPE varchar;
--+ CREATE VIEW app.vn AS SELECT * FROM app.lines
ALTER TABLE app.lines ALTER COLUMN sku TYPE text;
--+ CREATE VIEW app.vn AS SELECT * FROM app.lines
ALTER TABLE app.lines ADD COLUMN zz integer;
--+ CREATE VIEW app.vn AS SELECT pos FROM app.lines
ALTER TABLE app.lines ALTER COLUMN sku TYPE text;
ALTER TABLE app.lines ALTER COLUMN sku TYPE varchar(32);
ALTER TABLE app.lines ALTER COLUMN qty TYPE numeric(10,0);
ALTER TABLE app.lines ALTER COLUMN pos TYPE integer;
ALTER TABLE app.lines ALTER COLUMN price TYPE numeric(9,2);
ALTER TABLE app.lines ALTER COLUMN order_id TYPE numeric;
--+ CREATE TABLE app.m (d date, t time(0), i interval, c "char", n name, b bytea, x xml, j json, r int4range, arr integer[], ts timestamp(6), f8 double precision, v varchar, o oid); INSERT INTO app.m (d) SELECT current_date FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN d TYPE timestamptz;
--+ CREATE TABLE app.m (t time(0)); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE time;
--+ CREATE TABLE app.m (t time); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE time(6);
--+ CREATE TABLE app.m (t interval); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE interval(6);
--+ CREATE TABLE app.m (t interval); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE interval day to second;
--+ CREATE TABLE app.m (t interval(2)); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE interval(4);
--+ CREATE TABLE app.m (t name); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE text;
--+ CREATE TABLE app.m (t "char"); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE text;
--+ CREATE TABLE app.m (t xml); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE text;
--+ CREATE TABLE app.m (t integer[]); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE bigint[];
--+ CREATE TABLE app.m (t varchar(5)[]); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE varchar(9)[];
--+ CREATE TABLE app.m (t varchar(5)[]); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE text[];
--+ CREATE TABLE app.m (t numeric(5)); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE numeric(9);
--+ CREATE TABLE app.m (t numeric(5)); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE numeric(9,2);
--+ CREATE TABLE app.m (t numeric(5,-2)); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE numeric(7,-2);
--+ CREATE TABLE app.m (t char(5)); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE char(9);
--+ CREATE TABLE app.m (t bpchar); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE text;
--+ CREATE TABLE app.m (t bit(5)); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE bit varying;
--+ CREATE TABLE app.m (t oid); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE regclass;
--+ CREATE TABLE app.m (t bytea); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE text USING encode(t, 'hex');
--+ CREATE TABLE app.m (t int4range); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE int8range USING int8range(lower(t), upper(t));
--+ CREATE TABLE app.m (t jsonb); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE jsonb USING t::jsonb;
--+ CREATE TABLE app.m (t text); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE text USING trim(t);
--+ CREATE TABLE app.m (t text); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE text USING t::text;
--+ CREATE TABLE app.m (t text, u text); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE text USING u;
--+ CREATE TABLE app.m (t double precision); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE float(53);
--+ CREATE TABLE app.m (t timestamp); INSERT INTO app.m SELECT NULL FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE date;
--+ CREATE TABLE app.m (t serial); INSERT INTO app.m SELECT i FROM generate_series(1, 9) i
ALTER TABLE app.m ALTER COLUMN t TYPE bigint;
--+ CREATE TABLE app.m (t integer NOT NULL); INSERT INTO app.m SELECT i FROM generate_series(1, 9) i
ALTER TABLE app.m ALTER COLUMN t ADD GENERATED BY DEFAULT AS IDENTITY;
--+ CREATE TABLE app.m (t integer NOT NULL); INSERT INTO app.m SELECT i FROM generate_series(1, 9) i
ALTER TABLE app.m ADD PRIMARY KEY (t);
--+ CREATE TABLE app.m (t integer); INSERT INTO app.m SELECT i FROM generate_series(1, 9) i
ALTER TABLE app.m ADD PRIMARY KEY (t);
--+ CREATE TABLE app.m (t integer); INSERT INTO app.m SELECT i FROM generate_series(1, 9) i
ALTER TABLE app.m ADD COLUMN id bigserial PRIMARY KEY;
--+ CREATE TABLE app.m (t integer); INSERT INTO app.m SELECT i FROM generate_series(1, 9) i
ALTER TABLE app.m ADD CONSTRAINT f FOREIGN KEY (t) REFERENCES app.m2 (t);
ALTER TABLE app.products ADD CONSTRAINT pp FOREIGN KEY (parent) REFERENCES app.products NOT VALID;
ALTER TABLE app.products ADD CONSTRAINT pp FOREIGN KEY (parent) REFERENCES app.products;
ALTER TABLE app.products DROP CONSTRAINT products_parent_fkey;
ALTER TABLE "app"."products" ALTER COLUMN "Colour" SET NOT NULL, ALTER COLUMN "Colour" SET DEFAULT 'x';
ALTER TABLE app.products ALTER COLUMN "Colour" TYPE varchar;
ALTER TABLE app.products ALTER COLUMN colour TYPE varchar;
ALTER TABLE app.products ALTER COLUMN search TYPE text USING search::text;
ALTER TABLE app.products ADD COLUMN tsv tsvector GENERATED ALWAYS AS (to_tsvector('english', title)) STORED;
CREATE INDEX ON app.products USING gin (to_tsvector('simple', title));
CREATE INDEX p1 ON app.products (sku) TABLESPACE pg_default;
COMMENT ON CONSTRAINT price_title ON app.products IS 'z';
ALTER TABLE app.products RENAME CONSTRAINT price_title TO pt;
ALTER TABLE app.products DROP CONSTRAINT price_title;
--quiet
ALTER TABLE app.products ENABLE REPLICA TRIGGER ALL;
ALTER TABLE app.products DISABLE TRIGGER ALL;
--quiet
ALTER TABLE app.products DISABLE RULE r;
ALTER TABLE app.products INHERIT app.parent_t;
--quiet
ALTER TABLE app.products OF app.money_amount;
ALTER TABLE app.customers REPLICA IDENTITY USING INDEX customers_email_key;
ALTER TABLE app.customers SET WITHOUT CLUSTER;
ALTER TABLE app.customers SET WITHOUT OIDS;
ALTER TABLE app.customers SET (fillfactor = 90, toast.autovacuum_enabled = false);
ALTER MATERIALIZED VIEW app.totals RENAME TO t2;
ALTER MATERIALIZED VIEW app.totals SET SCHEMA public;
CLUSTER app.totals USING totals_customer;
CREATE INDEX ON app.sums (n);
DROP INDEX app.totals_customer;
ALTER INDEX app.totals_customer RENAME TO tc;
ALTER VIEW app.active_customers ALTER COLUMN name SET DEFAULT 'x';
--quiet
CREATE OR REPLACE VIEW app.active_customers AS SELECT id FROM app.customers;
ALTER SEQUENCE app.orders_id_seq OWNED BY NONE;
--quiet
ALTER SEQUENCE app.orders_id_seq SET SCHEMA public;
DROP SEQUENCE app.orders_id_seq;
DROP SEQUENCE app.orders_id_seq CASCADE;
SELECT nextval('app.invoice_no');
SELECT count(*) FROM app.orders;
SELECT * FROM app.orders FOR UPDATE;
SELECT pg_catalog.set_config('lock_timeout', '2s', true);
WITH d AS (DELETE FROM app.lines RETURNING *) SELECT count(*) FROM d;
WITH moved AS (UPDATE app.orders SET note = 'm' RETURNING id) INSERT INTO app.parent_t SELECT 1, 'x' FROM moved;
INSERT INTO app.cache VALUES ('q', 'b') ON CONFLICT (k) DO UPDATE SET v = 'c';
MERGE INTO app.parent_t p USING app.orders o ON p.a = o.amount WHEN MATCHED THEN DELETE;
COPY app.orders (note) TO STDOUT;
SELECT * INTO app.copy2 FROM app.orders;
CREATE TABLE app.t2 AS TABLE app.orders WITH NO DATA;
CREATE TABLE app.t3 (LIKE app.customers INCLUDING INDEXES, extra integer REFERENCES app.orders);
CREATE TABLE app.t4 () INHERITS (app.parent_t);
CREATE UNLOGGED TABLE app.t5 (id integer);
--quiet
CREATE FOREIGN TABLE app.ft (id integer) SERVER nope;
CREATE SCHEMA s2 CREATE TABLE t (id integer) CREATE INDEX ON t (id);
CREATE TYPE app.r AS RANGE (subtype = integer);
CREATE CAST (app.money_amount AS text) WITH INOUT AS ASSIGNMENT;
--quiet
CREATE EVENT TRIGGER et ON ddl_command_start EXECUTE FUNCTION app.nope();
CREATE ROLE somebody_acc;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC;
ALTER DATABASE postgres SET work_mem = '4MB';
--quiet
REASSIGN OWNED BY CURRENT_USER TO CURRENT_USER;
--quiet
SECURITY LABEL ON TABLE app.orders IS 'x';
--quiet
IMPORT FOREIGN SCHEMA x FROM SERVER y INTO app;
ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE pg_default;
ALTER EXTENSION citext UPDATE;
--quiet
DROP OWNED BY CURRENT_USER;
--pg >=17
ALTER TABLE app.orders ALTER COLUMN price_cents SET EXPRESSION AS (amount2 * 100);
--pg >=18
ALTER TABLE app.lines ADD CONSTRAINT nnq NOT NULL price NO INHERIT;
--pg >=18
ALTER TABLE app.orders ADD CONSTRAINT fk_ne FOREIGN KEY (ref) REFERENCES app.products NOT ENFORCED;
--pg >=18
ALTER TABLE app.customers ADD COLUMN vcol text GENERATED ALWAYS AS (upper(name)) VIRTUAL, ADD COLUMN plain integer;
--pg >=18
ALTER TABLE app.customers ALTER CONSTRAINT customers_email_not_null NO INHERIT;
--pg >=18
ALTER TABLE app.customers ADD COLUMN u7 uuid DEFAULT uuidv7();
--pg >=17
ALTER TABLE app.customers ADD COLUMN rnd integer DEFAULT random(1, 6);
--pg >=17
--quiet
ALTER TABLE app.regions SPLIT PARTITION app.regions_eu INTO (PARTITION a FOR VALUES IN ('DE'));
--+ CREATE TABLE app.own (id bigint NOT NULL, at timestamptz NOT NULL, kind text, body jsonb, CHECK (at >= '2026-01-01' AND at < '2027-01-01'), PRIMARY KEY (id, at)); INSERT INTO app.own SELECT i, '2026-03-01', 'k', '{}' FROM generate_series(1, 20) i; ALTER TABLE app.events ADD CONSTRAINT efk FOREIGN KEY (id) REFERENCES app.orders (id)
ALTER TABLE app.events ATTACH PARTITION app.own FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--+ CREATE TABLE app.own (id bigint NOT NULL REFERENCES app.orders (id), at timestamptz NOT NULL, kind text, body jsonb, CHECK (at >= '2026-01-01' AND at < '2027-01-01'), PRIMARY KEY (id, at)); INSERT INTO app.own SELECT i, '2026-03-01', 'k', '{}' FROM generate_series(1, 20) i; ALTER TABLE app.events ADD CONSTRAINT efk FOREIGN KEY (id) REFERENCES app.orders (id)
ALTER TABLE app.events ATTACH PARTITION app.own FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--+ CREATE TABLE app.own (id bigint NOT NULL, at timestamptz NOT NULL, kind text, body jsonb, CHECK (at >= '2026-01-01' AND at < '2027-01-01'), PRIMARY KEY (id, at)); CREATE INDEX ek ON app.events (kind); CREATE INDEX ok ON app.own (kind)
ALTER TABLE app.events ATTACH PARTITION app.own FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--+ CREATE TABLE app.own (id bigint NOT NULL, at timestamptz NOT NULL, kind text, body jsonb, CHECK (at >= '2026-01-01' AND at < '2027-01-01'), PRIMARY KEY (id, at)); CREATE INDEX ek ON app.events (kind); CREATE INDEX ok ON app.own (kind DESC)
ALTER TABLE app.events ATTACH PARTITION app.own FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--+ CREATE TABLE app.own (id bigint NOT NULL, at timestamptz NOT NULL, kind text, body jsonb, CHECK (at >= '2026-01-01' AND at < '2027-01-01')); CREATE UNIQUE INDEX ou ON app.own (id, at)
ALTER TABLE app.events ATTACH PARTITION app.own FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--+ CREATE INDEX e25 ON app.events_2025 (kind)
CREATE INDEX ek ON app.events (kind);
--+ CREATE INDEX e25 ON app.events_2025 (kind, id); CREATE INDEX e24 ON app.events_2024 (kind)
CREATE INDEX ek ON app.events (kind);
--+ ALTER SCHEMA app RENAME TO core
ALTER TABLE core.lines DROP CONSTRAINT lines_order_fk;
--+ ALTER SCHEMA app RENAME TO core
ALTER TABLE core.orders ALTER COLUMN pct TYPE numeric(5,2);
--+ SET search_path = app; ALTER SCHEMA app RENAME TO core
ALTER TABLE customers ALTER COLUMN notes SET NOT NULL;
--+ ALTER SCHEMA app RENAME TO core; CREATE TABLE core.made (e core.email, o bigint REFERENCES core.orders)
DROP TABLE core.orders CASCADE;
--+ ALTER SCHEMA app RENAME TO core
DROP TYPE core.order_state CASCADE;
--+ ALTER SCHEMA app RENAME TO core
CREATE INDEX ek ON core.events (kind);
--+ ALTER SCHEMA app RENAME TO core
ALTER TABLE core.orders ADD COLUMN q text DEFAULT core.short_id();
--+ CREATE INDEX ek ON ONLY app.events (kind); CREATE INDEX e25 ON app.events_2025 (kind); CREATE INDEX e24 ON app.events_2024 (kind); ALTER INDEX app.ek ATTACH PARTITION app.e24; ALTER INDEX app.ek ATTACH PARTITION app.e25
DROP INDEX app.ek;
--+ CREATE TABLE app.z (id integer NOT NULL, d date NOT NULL) PARTITION BY RANGE (d); CREATE TABLE app.z1 PARTITION OF app.z FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); INSERT INTO app.z SELECT i, '2024-02-02' FROM generate_series(1, 9) i
ALTER TABLE ONLY app.z ADD CONSTRAINT z_pkey PRIMARY KEY (id, d);
--+ CREATE TABLE app.z (id integer NOT NULL, d date NOT NULL) PARTITION BY RANGE (d); CREATE TABLE app.z1 PARTITION OF app.z FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); ALTER TABLE ONLY app.z ADD CONSTRAINT z_pkey PRIMARY KEY (id, d); ALTER TABLE ONLY app.z1 ADD CONSTRAINT z1_pkey PRIMARY KEY (id, d)
ALTER INDEX app.z_pkey ATTACH PARTITION app.z1_pkey;
--+ CREATE TABLE app.z (id integer NOT NULL, d date NOT NULL) PARTITION BY RANGE (d); CREATE TABLE app.z1 PARTITION OF app.z FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); CREATE UNIQUE INDEX zu ON app.z1 (id, d); ALTER TABLE app.z1 ADD CONSTRAINT mine UNIQUE USING INDEX zu; INSERT INTO app.z SELECT i, '2024-02-02' FROM generate_series(1, 9) i
ALTER TABLE app.z ADD CONSTRAINT z_key UNIQUE (id, d);
--+ CREATE TABLE app.z (LIKE app.events INCLUDING ALL); INSERT INTO app.z SELECT i, '2026-03-01' FROM generate_series(1, 9) i; ALTER TABLE app.z ADD CHECK (at >= '2026-01-01' AND at < '2027-01-01')
ALTER TABLE app.events ATTACH PARTITION app.z FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--+ CREATE TABLE app.z (LIKE app.orders INCLUDING DEFAULTS INCLUDING GENERATED)
ALTER TABLE app.z ADD COLUMN zz integer;
--+ CREATE TABLE app.z (LIKE app.customers INCLUDING INDEXES)
ALTER TABLE app.z DROP COLUMN email;
--+ ALTER TABLE app.events ADD CONSTRAINT efk FOREIGN KEY (id) REFERENCES app.orders (id)
ALTER TABLE app.events DETACH PARTITION app.events_2024;
--+ CREATE INDEX ek ON app.events (kind); ALTER TABLE app.events DETACH PARTITION app.events_2024
DROP INDEX app.ek;
--+ CREATE TABLE app.m (t interval); INSERT INTO app.m SELECT '1 day' FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE interval hour;
--+ CREATE TABLE app.m (t interval year); INSERT INTO app.m SELECT '1 year' FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE interval(4);
--+ CREATE TABLE app.m (t interval(4)); INSERT INTO app.m SELECT '1 year' FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE interval year;
--+ CREATE TABLE app.m (t interval second(3)); INSERT INTO app.m SELECT '1 second' FROM generate_series(1, 9)
ALTER TABLE app.m ALTER COLUMN t TYPE interval day to second(2);
