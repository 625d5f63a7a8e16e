-- The database as one JSON document; field names are those of types/catalog.rs.
WITH relation AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples, c.relispartition
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm')
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
      AND n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'
      AND c.relpersistence <> 't'
),
column_json AS (
    SELECT a.attrelid,
           json_agg(json_build_object(
               'name', a.attname,
               'type_name', format_type(a.atttypid, a.atttypmod),
               'not_null', a.attnotnull,
               'statistics_target', coalesce(nullif(to_jsonb(a) ->> 'attstattarget', '')::int, -1),
               'collation', CASE WHEN co.collname <> 'default' THEN co.collname END,
               'generated', a.attgenerated <> '',
               'statistics', CASE WHEN s.attname IS NOT NULL THEN json_build_object(
                   'null_fraction', s.null_frac,
                   'n_distinct', s.n_distinct,
                   'correlation', s.correlation,
                   'average_width', s.avg_width,
                   'most_common_values', coalesce(to_json(s.most_common_vals::text::text[]), '[]'::json),
                   'most_common_frequencies', coalesce(to_json(s.most_common_freqs), '[]'::json)) END
           ) ORDER BY a.attnum) AS columns
    FROM relation r
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_collation co ON co.oid = a.attcollation
    LEFT JOIN pg_stats s ON s.schemaname = r.nspname AND s.tablename = r.relname AND s.attname = a.attname
        AND s.inherited = (r.relkind = 'p')
    GROUP BY a.attrelid
),
index_json AS (
    SELECT i.indrelid,
           json_agg(json_build_object(
               'schema', n.nspname,
               'name', c.relname,
               'method', am.amname,
               'unique', i.indisunique,
               'primary', i.indisprimary,
               'valid', i.indisvalid,
               'replica_identity', i.indisreplident,
               'keys', (
                   SELECT coalesce(json_agg(json_build_object(
                       'column', a.attname,
                       'expression', CASE WHEN k.attnum = 0 THEN pg_get_indexdef(i.indexrelid, k.ordinal::int, true) END,
                       'opclass', CASE WHEN NOT op.opcdefault THEN op.opcname END,
                       'descending', (k.option & 1) <> 0,
                       'nulls_first', CASE WHEN ((k.option & 2) <> 0) <> ((k.option & 1) <> 0) THEN (k.option & 2) <> 0 END
                   ) ORDER BY k.ordinal), '[]'::json)
                   FROM unnest(i.indkey::int2[], i.indclass::oid[], i.indoption::int2[])
                        WITH ORDINALITY AS k(attnum, class, option, ordinal)
                   LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum <> 0
                   LEFT JOIN pg_opclass op ON op.oid = k.class
                   WHERE k.ordinal <= i.indnkeyatts),
               'include', (
                   SELECT coalesce(json_agg(a.attname ORDER BY k.ordinal), '[]'::json)
                   FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, ordinal)
                   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                   WHERE k.ordinal > i.indnkeyatts),
               'predicate', pg_get_expr(i.indpred, i.indrelid),
               'constraint', (SELECT con.conname FROM pg_constraint con
                              WHERE con.conindid = i.indexrelid AND con.contype IN ('p', 'u', 'x') LIMIT 1),
               'bytes', pg_relation_size(i.indexrelid),
               'scans', coalesce(pg_stat_get_numscans(i.indexrelid), 0),
               'definition', pg_get_indexdef(i.indexrelid)
           ) ORDER BY c.relname) AS indexes
    FROM relation r
    JOIN pg_index i ON i.indrelid = r.oid
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_am am ON am.oid = c.relam
    GROUP BY i.indrelid
),
constraint_json AS (
    SELECT con.conrelid,
           json_agg(json_build_object(
               'name', con.conname,
               'kind', CASE con.contype WHEN 'p' THEN 'primary_key' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign_key'
                            WHEN 'c' THEN 'check' WHEN 'x' THEN 'exclusion' WHEN 'n' THEN 'not_null' ELSE 'trigger' END,
               'columns', (SELECT coalesce(json_agg(a.attname ORDER BY k.ordinal), '[]'::json)
                           FROM unnest(con.conkey) WITH ORDINALITY AS k(attnum, ordinal)
                           JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.attnum),
               'references', CASE WHEN con.contype = 'f' THEN json_build_object(
                   'schema', fn.nspname, 'table', f.relname,
                   'columns', (SELECT json_agg(a.attname ORDER BY k.ordinal)
                               FROM unnest(con.confkey) WITH ORDINALITY AS k(attnum, ordinal)
                               JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.attnum)) END,
               'validated', con.convalidated,
               'definition', pg_get_constraintdef(con.oid)
           ) ORDER BY con.conname) AS constraints
    FROM relation r
    JOIN pg_constraint con ON con.conrelid = r.oid
    LEFT JOIN pg_class f ON f.oid = con.confrelid
    LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
    GROUP BY con.conrelid
),
statistics_json AS (
    SELECT x.stxrelid,
           json_agg(json_build_object(
               'schema', n.nspname,
               'name', x.stxname,
               'columns', (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]'::json)
                           FROM unnest(x.stxkeys::int2[]) AS k(attnum)
                           JOIN pg_attribute a ON a.attrelid = x.stxrelid AND a.attnum = k.attnum),
               'definition', pg_get_statisticsobjdef(x.oid)
           ) ORDER BY x.stxname) AS statistics
    FROM pg_statistic_ext x
    JOIN pg_namespace n ON n.oid = x.stxnamespace
    GROUP BY x.stxrelid
)
SELECT json_build_object(
    'server_version', current_setting('server_version_num')::int,
    'database', current_database(),
    'settings', (
        SELECT json_object_agg(s.name, current_setting(s.name) ORDER BY s.name)
        FROM pg_settings s
        WHERE s.category LIKE 'Query Tuning%'
           OR s.name IN ('work_mem', 'hash_mem_multiplier', 'maintenance_work_mem', 'shared_buffers', 'max_connections',
                         'max_parallel_workers', 'max_worker_processes', 'max_parallel_maintenance_workers', 'temp_buffers',
                         'autovacuum', 'default_statistics_target', 'jit', 'wal_level', 'max_wal_size', 'checkpoint_timeout',
                         'server_encoding', 'lc_collate', 'TimeZone')),
    'extensions', (SELECT coalesce(json_agg(extname ORDER BY extname), '[]'::json) FROM pg_extension),
    'available_extensions', (SELECT coalesce(json_agg(name ORDER BY name), '[]'::json) FROM pg_available_extensions),
    'search_path', to_json(current_schemas(false)),
    'stored_settings', (
        SELECT coalesce(json_agg(json_build_object(
            'role', r.rolname,
            'name', split_part(c.setting, '=', 1),
            'value', substr(c.setting, strpos(c.setting, '=') + 1)) ORDER BY r.rolname, c.setting), '[]'::json)
        FROM pg_db_role_setting s
        LEFT JOIN pg_roles r ON r.oid = s.setrole,
        unnest(s.setconfig) AS c(setting)
        WHERE (s.setdatabase = 0 AND s.setrole <> 0)
           OR (s.setrole = 0 AND s.setdatabase = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))),
    'tables', (
        SELECT coalesce(json_agg(json_build_object(
            'schema', r.nspname,
            'name', r.relname,
            'kind', CASE r.relkind WHEN 'p' THEN 'partitioned' WHEN 'm' THEN 'materialized_view' ELSE 'table' END,
            'rows', r.reltuples,
            'bytes', pg_table_size(r.oid),
            'columns', coalesce(cj.columns, '[]'::json),
            'indexes', coalesce(ij.indexes, '[]'::json),
            'constraints', coalesce(nj.constraints, '[]'::json),
            'statistics', coalesce(sj.statistics, '[]'::json),
            'activity', json_build_object(
                'sequential_scans', coalesce(t.seq_scan, 0),
                'index_scans', coalesce(t.idx_scan, 0),
                'inserted', coalesce(t.n_tup_ins, 0),
                'updated', coalesce(t.n_tup_upd, 0),
                'hot_updated', coalesce(t.n_tup_hot_upd, 0),
                'deleted', coalesce(t.n_tup_del, 0),
                'live', coalesce(t.n_live_tup, 0),
                'dead', coalesce(t.n_dead_tup, 0),
                'modified_since_analyze', coalesce(t.n_mod_since_analyze, 0),
                'analyzed', coalesce(t.last_analyze, t.last_autoanalyze) IS NOT NULL),
            'partition_of', (SELECT pn.nspname || '.' || p.relname
                             FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent
                             JOIN pg_namespace pn ON pn.oid = p.relnamespace
                             WHERE h.inhrelid = r.oid AND r.relispartition LIMIT 1)
        ) ORDER BY r.nspname, r.relname), '[]'::json)
        FROM relation r
        LEFT JOIN column_json cj ON cj.attrelid = r.oid
        LEFT JOIN index_json ij ON ij.indrelid = r.oid
        LEFT JOIN constraint_json nj ON nj.conrelid = r.oid
        LEFT JOIN statistics_json sj ON sj.stxrelid = r.oid
        LEFT JOIN pg_stat_user_tables t ON t.relid = r.oid)
)
