-- The relations behind a list of object ids: views and materialized views are followed to what they read.
WITH RECURSIVE reach(oid, depth) AS (
    SELECT r.oid, 0 FROM unnest($1::text::oid[]) AS r(oid)
    UNION
    SELECT d.refobjid, r.depth + 1
    FROM reach r
    JOIN pg_class c ON c.oid = r.oid AND c.relkind IN ('v', 'm')
    JOIN pg_rewrite w ON w.ev_class = c.oid
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid
    WHERE r.depth < 32
)
SELECT json_build_object(
    'schema', n.nspname,
    'name', c.relname,
    'kind', c.relkind,
    'system', n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast'))
FROM (SELECT oid, max(depth) AS depth FROM reach GROUP BY oid) r
JOIN pg_class c ON c.oid = r.oid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S')
ORDER BY r.depth DESC, n.nspname, c.relname
