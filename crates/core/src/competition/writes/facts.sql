-- What a generated write to table $1 must know of it.
WITH covered AS (
    SELECT i.indexrelid, i.indisunique OR i.indisexclusion AS exclusive, a.attname,
           a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) OR a.attnum <> ALL (i.indkey::int2[]) AS key
    FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE i.indrelid = $1::text::regclass
      AND (a.attnum = ANY (i.indkey::int2[])
           -- Columns of expressions and predicates.
           OR EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                        AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid
                        AND d.refobjsubid = a.attnum))
)
SELECT json_build_object(
    'rows', (SELECT reltuples FROM pg_class WHERE oid = $1::text::regclass),
    'columns', (
        SELECT coalesce(json_agg(json_build_object(
            'name', a.attname,
            'type_name', format_type(a.atttypid, a.atttypmod),
            'base', coalesce(nullif(t.typbasetype, 0)::regtype::text, format_type(a.atttypid, NULL)),
            'generated', a.attgenerated <> '',
            -- A default that is new each time.
            'numbered', a.attidentity <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid) ~* '(nextval|uuid\w*)\(', false),
            'foreign', EXISTS (SELECT FROM pg_constraint k
                               WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND a.attnum = ANY (k.conkey))
        ) ORDER BY a.attnum), '[]'::json)
        FROM pg_attribute a
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped),
    'exclusive', (
        SELECT coalesce(json_agg(columns), '[]'::json)
        FROM (SELECT json_agg(attname ORDER BY attname) AS columns
              FROM covered WHERE exclusive AND key GROUP BY indexrelid) AS keys),
    'indexed', (SELECT coalesce(json_agg(DISTINCT attname), '[]'::json) FROM covered),
    'held_by', (
        SELECT coalesce(json_agg(json_build_object(
            'schema', n.nspname,
            'table', c.relname,
            'pairs', (SELECT json_agg(json_build_array(mine.attname, theirs.attname))
                      FROM unnest(k.confkey, k.conkey) AS pair(mine, theirs)
                      JOIN pg_attribute mine ON mine.attrelid = k.confrelid AND mine.attnum = pair.mine
                      JOIN pg_attribute theirs ON theirs.attrelid = k.conrelid AND theirs.attnum = pair.theirs))), '[]'::json)
        FROM pg_constraint k
        JOIN pg_class c ON c.oid = k.conrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE k.contype = 'f' AND k.confrelid = $1::text::regclass AND k.confdeltype IN ('a', 'r')))
