-- Tables that are hard to fill.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN grade AS int CHECK (VALUE BETWEEN 1 AND 6);
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%') NOT NULL;

CREATE TABLE people (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    boss int NOT NULL REFERENCES people,
    mail email,
    mark grade,
    mood mood NOT NULL,
    moods mood[],
    home inet NOT NULL,
    area point,
    state text NOT NULL CHECK (state IN ('here', 'gone')),
    low int NOT NULL,
    high int NOT NULL,
    width int GENERATED ALWAYS AS (high - low) STORED,
    CHECK (low < high),
    UNIQUE (mail) DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE bookings (
    person int NOT NULL REFERENCES people DEFERRABLE INITIALLY DEFERRED,
    during daterange NOT NULL,
    EXCLUDE USING gist (during WITH &&)
);
CREATE TABLE events (at date NOT NULL, kind text, amount int) PARTITION BY RANGE (at);
CREATE TABLE events_2023 PARTITION OF events FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');

CREATE TABLE guarded (a int, b int);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no rows here'; END $$;
CREATE TRIGGER refuse BEFORE INSERT OR TRUNCATE ON guarded FOR EACH STATEMENT EXECUTE FUNCTION refuse();

CREATE TABLE redirected (a int, b int);
CREATE RULE elsewhere AS ON INSERT TO redirected DO INSTEAD NOTHING;
CREATE TABLE closed (a int CHECK (a > 3 AND a < 3) NOT NULL, b int);

CREATE MATERIALIZED VIEW event_sums AS SELECT kind, sum(amount) AS s, count(*) AS n FROM events GROUP BY kind;
CREATE UNIQUE INDEX ON event_sums (kind);

INSERT INTO people (id, boss, mail, mark, mood, moods, home, area, state, low, high)
OVERRIDING SYSTEM VALUE
SELECT i, 1, 'p' || i || '@example.org', 1 + i % 6, 'ok', '{ok}', '10.0.0.7', '(1,2)', 'here', i, i + 10
FROM generate_series(1, 20) AS i;
INSERT INTO bookings SELECT i, daterange(date '2024-01-01' + i, date '2024-01-02' + i) FROM generate_series(1, 20) AS i;
INSERT INTO events SELECT date '2023-06-01' + i, 'k' || i, i FROM generate_series(1, 400) AS i;
REFRESH MATERIALIZED VIEW event_sums;
ANALYZE;
