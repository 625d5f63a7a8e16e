CREATE SCHEMA IF NOT EXISTS pgverse;
COMMENT ON SCHEMA pgverse IS 'journal of pgverse, format 1';
CREATE TABLE IF NOT EXISTS pgverse.promotion (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash text NOT NULL,
    candidate text NOT NULL,
    state text NOT NULL CHECK (state IN ('promoting', 'promoted', 'rolling_back', 'rolled_back')),
    plan jsonb NOT NULL,
    error text,
    started timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed timestamptz NOT NULL DEFAULT clock_timestamp(),
    by_role text NOT NULL DEFAULT session_user,
    by_version text NOT NULL,
    verification jsonb,
    realized jsonb
);
CREATE UNIQUE INDEX IF NOT EXISTS promotion_unfinished ON pgverse.promotion ((true)) WHERE state IN ('promoting', 'rolling_back');
CREATE TABLE IF NOT EXISTS pgverse.step (
    promotion bigint NOT NULL REFERENCES pgverse.promotion ON DELETE CASCADE,
    number integer NOT NULL,
    title text NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'running', 'done', 'undoing', 'undone')),
    actions_done integer NOT NULL DEFAULT 0,
    earlier jsonb,
    changed timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (promotion, number)
);
CREATE TABLE IF NOT EXISTS pgverse.history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    promotion bigint NOT NULL REFERENCES pgverse.promotion ON DELETE CASCADE,
    step integer,
    state text NOT NULL,
    detail text
);
