-- A small shop: the tables the examples of the rules speak of.
CREATE TABLE shops (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE customers (
  id int PRIMARY KEY, name text NOT NULL, city text NOT NULL, country text NOT NULL
);
CREATE TABLE orders (
  id int PRIMARY KEY,
  customer_id int NOT NULL,
  shop_id int NOT NULL,
  courier varchar(20) NOT NULL,
  total numeric(10, 2) NOT NULL,
  placed_at timestamptz NOT NULL,
  note text NOT NULL
);
INSERT INTO shops SELECT g, 'shop ' || g FROM generate_series(1, 200) g;
INSERT INTO customers
SELECT g, 'customer ' || g, 'city ' || g % 20, 'country ' || g % 20
FROM generate_series(1, 40000) g;
INSERT INTO orders
SELECT g, 1 + (g * 7919) % 40000, 1 + g % 20, 'courier ' || (g * 31) % 1000,
  (g * 7907) % 100000 / 100.0, timestamptz '2026-01-01' + g * interval '1 minute', repeat('as ordered ', 12)
FROM generate_series(1, 60000) g;
CREATE INDEX ix_orders_placed_at ON orders (placed_at);
VACUUM ANALYZE;
