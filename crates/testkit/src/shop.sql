-- A small database with everything that a fork must not lose.
CREATE SCHEMA app;
CREATE SCHEMA "Mixed Case";

CREATE TABLE app.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer integer NOT NULL,
    total numeric(10, 2) NOT NULL,
    note text
);
INSERT INTO app.orders (customer, total, note)
SELECT g % 500, (g * 37 % 10000) / 100.0, CASE WHEN g % 7 = 0 THEN NULL ELSE 'note ' || md5(g::text) END
FROM generate_series(1, 20000) g;
CREATE INDEX orders_customer ON app.orders (customer);

CREATE TABLE "Mixed Case"."Customers" ("Id" integer PRIMARY KEY, "eMail" text NOT NULL);
INSERT INTO "Mixed Case"."Customers" SELECT g, 'user' || g || '@example.org' FROM generate_series(0, 499) g;
ALTER TABLE app.orders ADD CONSTRAINT orders_customer_fkey FOREIGN KEY (customer) REFERENCES "Mixed Case"."Customers";

CREATE UNLOGGED TABLE app.visits (id integer PRIMARY KEY, page text NOT NULL);
INSERT INTO app.visits SELECT g, '/page/' || g % 10 FROM generate_series(1, 1000) g;

CREATE MATERIALIZED VIEW app.spend AS SELECT customer, sum(total) AS total FROM app.orders GROUP BY customer;

CREATE SEQUENCE app.ticket START 41 INCREMENT 7;
SELECT nextval('app.ticket') FROM generate_series(1, 3);

SELECT lo_from_bytea(4711, convert_to('a large object, not so large', 'UTF8'));

CREATE FUNCTION app.discount(total numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT round(total * 0.9, 2)';
