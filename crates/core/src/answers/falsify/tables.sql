-- What stands in the way of filling tables by hand.
SELECT json_build_object(
    'schema', n.nspname,
    'name', c.relname,
    'triggers', EXISTS (SELECT 1 FROM pg_trigger t
                        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'),
    'redirected', EXISTS (SELECT 1 FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_type = '3' AND w.is_instead),
    'policies', row_security_active(c.oid),
    'bounds', (SELECT coalesce(json_agg(pg_get_expr(p.relpartbound, p.oid)), '[]'::json)
               FROM pg_partition_tree(c.oid) AS tree
               JOIN pg_class p ON p.oid = tree.relid
               WHERE p.relpartbound IS NOT NULL))
FROM json_array_elements($1::json) AS wanted
JOIN pg_namespace n ON n.nspname = wanted ->> 0
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted ->> 1
