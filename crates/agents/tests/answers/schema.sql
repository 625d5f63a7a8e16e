-- A small schema with what the rules ask the catalog about, and a function that fills it with awkward rows.
CREATE TABLE users (id bigint PRIMARY KEY, email varchar(255) NOT NULL, country char(2), bio text);
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    user_id bigint REFERENCES users,
    total numeric(10, 2),
    status varchar(50),
    coupon text,
    created_at timestamptz,
    shipped_at timestamp
);
CREATE TABLE items (
    id bigint PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES orders,
    quantity integer,
    price numeric(10, 2)
);
CREATE TABLE "Events" ("Id" bigint PRIMARY KEY, "Owner" bigint NOT NULL, "At" timestamp NOT NULL, "Kind" text);

-- One of the first `domain` letters, or NULL in a share `nulls` of the cases.
CREATE FUNCTION letter(domain integer, nulls float) RETURNS text LANGUAGE sql VOLATILE AS
    $$ SELECT CASE WHEN random() >= nulls THEN chr(97 + floor(random() * domain)::integer) END $$;

-- A moment within two days of the hour that happens twice in Havana, now and then an infinite one, or NULL.
CREATE FUNCTION moment(nulls float) RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT CASE WHEN random() < nulls THEN NULL
                   WHEN random() < 0.03 THEN 'infinity'
                   WHEN random() < 0.03 THEN '-infinity'
                   ELSE timestamptz '2025-11-02 05:00+00' + floor((random() - 0.5) * 4 * 96) * interval '15 minutes' END $$;

-- Same seed, same rows.
CREATE FUNCTION fill(seed float, n_users integer, n_orders integer, n_items integer, domain integer, nulls float)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM setseed(seed);
    TRUNCATE users, orders, items, "Events";
    INSERT INTO users SELECT g, coalesce(letter(domain, 0), 'a') || '@x', letter(domain, nulls), letter(domain, nulls)
    FROM generate_series(1, n_users) g;
    INSERT INTO orders
    SELECT g, CASE WHEN n_users > 0 AND random() >= nulls THEN 1 + floor(random() * least(domain, n_users)) END,
           CASE WHEN random() >= nulls THEN floor(random() * domain * 2) - 1 END,
           letter(domain, nulls), letter(domain, nulls), moment(nulls), moment(nulls)::timestamp
    FROM generate_series(1, n_orders) g;
    INSERT INTO items
    SELECT g, 1 + floor(random() * n_orders), CASE WHEN random() >= nulls THEN floor(random() * domain) END,
           CASE WHEN random() >= nulls THEN floor(random() * domain) / 2 END
    FROM generate_series(1, CASE WHEN n_orders > 0 THEN n_items ELSE 0 END) g;
    INSERT INTO "Events" SELECT g, floor(random() * domain), moment(0)::timestamp, letter(domain, nulls)
    FROM generate_series(1, n_items) g;
END $$;
