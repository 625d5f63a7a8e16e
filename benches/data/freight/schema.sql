-- A freight company, of which no rule was made to fit: many tenants in the same tables, mixed-case names, domains, a
-- collation, a generated column, ranges, points, arrays, documents, an exclusion constraint, monthly partitions.
-- Deterministic: setseed, fixed dates. Only keys are indexed.
CREATE EXTENSION btree_gist;
CREATE SCHEMA "Fleet";
CREATE DOMAIN plate AS text CHECK (VALUE ~ '^[A-Z]{2}-[0-9]+$');
CREATE DOMAIN grams AS bigint CHECK (VALUE >= 0);
CREATE TABLE "Fleet"."Vehicles" (
  id int PRIMARY KEY, tenant_id int NOT NULL, plate plate NOT NULL, "homeDepot" text COLLATE "C" NOT NULL, capacity grams,
  retired_at date);
CREATE TABLE shipments (
  id bigint PRIMARY KEY, tenant_id int NOT NULL, reference text NOT NULL, "destinationCity" text NOT NULL, status text NOT NULL,
  weight grams, volume int NOT NULL, density bigint GENERATED ALWAYS AS (weight / volume) STORED,
  created_at timestamptz NOT NULL, delivered_at timestamptz, tags text[] NOT NULL, details jsonb NOT NULL);
CREATE TABLE stops (
  id bigint PRIMARY KEY, shipment_id bigint NOT NULL REFERENCES shipments, vehicle_id int NOT NULL REFERENCES "Fleet"."Vehicles",
  depot text NOT NULL, slot tstzrange NOT NULL, arrived_at timestamptz, place point NOT NULL);
CREATE TABLE readings (
  vehicle_id int NOT NULL, at timestamptz NOT NULL, speed real, temperature numeric(4, 1), fault text) PARTITION BY RANGE (at);
CREATE TABLE bookings (
  id int PRIMARY KEY, dock int NOT NULL, during tstzrange NOT NULL, carrier text NOT NULL,
  EXCLUDE USING gist (dock WITH =, during WITH &&));
DO $$ BEGIN FOR m IN 1..12 LOOP EXECUTE format(
  'CREATE TABLE readings_%s PARTITION OF readings FOR VALUES FROM (%L) TO (%L)', m,
  make_timestamptz(2025, m, 1, 0, 0, 0, 'UTC'), make_timestamptz(2025, m, 1, 0, 0, 0, 'UTC') + interval '1 month'); END LOOP; END $$;
SELECT setseed(0.7);
INSERT INTO "Fleet"."Vehicles"
SELECT n, 1 + n % 200, chr(65 + n % 26) || chr(65 + n / 26 % 26) || '-' || n, 'D' || n % 400, (1 + n % 30) * 1000000,
       CASE WHEN n % 10 = 0 THEN date '2024-01-01' + n % 500 END
FROM generate_series(1, 60000) n;
INSERT INTO shipments (id, tenant_id, reference, "destinationCity", status, weight, volume, created_at, delivered_at, tags, details)
SELECT n, 1 + floor(200 * power(random(), 2))::int, upper(substr(md5(n::text), 1, 10)),
       (ARRAY['Hamburg', 'Rotterdam', 'Oslo', 'Porto', 'Gdansk', 'Turin', 'Lyon', 'Cork'])[1 + n % 8] || ' ' || n / 8 % 120,
       CASE WHEN n % 400 = 0 THEN 'unassigned' WHEN n % 40 = 7 THEN 'delayed' WHEN n > 280000 THEN 'moving' ELSE 'delivered' END,
       floor(1000000 * power(random(), 3))::bigint, 1 + n % 1000,
       timestamptz '2025-01-01 00:00+00' + n * interval '105 seconds',
       CASE WHEN n < 280000 AND n % 700 <> 0 THEN timestamptz '2025-01-03 00:00+00' + n * interval '105 seconds' END,
       ARRAY['t' || n % 7, CASE WHEN n % 300 = 0 THEN 'frozen' ELSE 'dry' END, 'z' || n % 90],
       jsonb_build_object('invoice', 'INV-' || n, 'customs', jsonb_build_object('code', 'X' || n % 900), 'insured', n % 3 = 0)
FROM generate_series(1, 300000) n;
INSERT INTO stops
SELECT n, 1 + floor(random() * 299999)::bigint, 1 + floor(60000 * power(random(), 2))::int, 'D' || n % 400,
       tstzrange(at, at + interval '2 hours'), CASE WHEN n % 5 <> 0 THEN at + interval '20 minutes' END,
       point(random() * 1000, random() * 1000)
FROM (SELECT n, timestamptz '2025-01-01 00:00+00' + n * interval '63 seconds' AS at FROM generate_series(1, 500000) n) s;
INSERT INTO readings
SELECT 1 + floor(3000 * random())::int, timestamptz '2025-01-01 00:00+00' + n * interval '39 seconds', (random() * 90)::real,
       round((random() * 40 - 20)::numeric, 1), CASE WHEN n % 2000 = 0 THEN 'E' || n % 17 END
FROM generate_series(1, 800000) n;
INSERT INTO bookings
SELECT n, n % 50, tstzrange(timestamptz '2025-01-01 00:00+00' + n / 50 * interval '1 hour', timestamptz '2025-01-01 00:50+00' + n / 50 * interval '1 hour'),
       'C' || n % 300
FROM generate_series(1, 60000) n;
VACUUM (FREEZE, ANALYZE);
