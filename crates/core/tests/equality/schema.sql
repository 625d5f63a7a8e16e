-- A small shop without anything that hurts: no NULL where one could be, no duplicates, no ties.
CREATE TYPE order_status AS ENUM ('open', 'paid', 'shipped', 'cancelled');

CREATE TABLE customers (
    id int PRIMARY KEY,
    name text NOT NULL,
    city text,
    credit int,
    referred_by int REFERENCES customers
);
CREATE TABLE products (
    id int PRIMARY KEY,
    sku text NOT NULL UNIQUE,
    category text,
    price int NOT NULL,
    code char(4),
    attrs jsonb
);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id int NOT NULL REFERENCES customers,
    status order_status NOT NULL,
    total numeric(10, 2),
    discount int,
    ordered_at timestamptz NOT NULL,
    shipped_on date
);
CREATE TABLE items (
    order_id bigint NOT NULL REFERENCES orders,
    line int NOT NULL,
    product_id int REFERENCES products,
    quantity int NOT NULL CHECK (quantity > 0),
    note text,
    PRIMARY KEY (order_id, line)
);
CREATE TABLE visits (customer_id int, page text, seconds int, at timestamp);
CREATE VIEW open_orders AS SELECT * FROM orders WHERE status = 'open';

INSERT INTO customers
SELECT i, 'name ' || i, 'city ' || i, i * 7, CASE WHEN i > 1 THEN i / 2 END FROM generate_series(1, 60) AS i;
INSERT INTO products
SELECT i, 'sku-' || i, 'category ' || i % 5, i * 4, 'c' || i, json_build_object('color', 'blue', 'size', i)
FROM generate_series(1, 40) AS i;
INSERT INTO orders (customer_id, status, total, discount, ordered_at, shipped_on)
SELECT 1 + i % 60, (enum_range(NULL::order_status))[1 + i % 4], i * 3 + 0.5, 1 + i % 9,
       timestamptz '2023-06-01 12:00+00' + i * interval '37 hours', date '2023-06-01' + i
FROM generate_series(1, 300) AS i;
INSERT INTO items
SELECT 1 + i % 300, 1 + i / 300, 1 + i % 40, 1 + i % 6, 'note ' || i FROM generate_series(0, 899) AS i;
INSERT INTO visits
SELECT 1 + i % 60, 'page ' || i, i, timestamp '2024-01-01' + i * interval '91 minutes'
FROM generate_series(1, 400) AS i;
ANALYZE;
