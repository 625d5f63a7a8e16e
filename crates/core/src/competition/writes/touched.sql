-- Every table that holds rows, with all that a write to it must maintain.
SELECT json_build_object(
    'schema', n.nspname,
    'table', c.relname,
    'root', coalesce(pg_partition_root(c.oid)::oid, c.oid)::text,
    'bytes', pg_relation_size(c.oid),
    'state', md5(concat_ws('|',
        c.relfilenode,
        c.reloptions::text,
        (SELECT string_agg(pg_get_indexdef(i.indexrelid) || i.indisvalid::text, ';' ORDER BY i.indexrelid::regclass::text)
         FROM pg_index i WHERE i.indrelid = c.oid),
        (SELECT string_agg(pg_get_triggerdef(t.oid) || t.tgenabled::text, ';' ORDER BY t.tgname)
         FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
        (SELECT string_agg(pg_get_constraintdef(k.oid), ';' ORDER BY k.conname)
         FROM pg_constraint k WHERE k.conrelid = c.oid),
        (SELECT string_agg(a.attname || format_type(a.atttypid, a.atttypmod) || a.attstorage::text, ';' ORDER BY a.attnum)
         FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))))
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
