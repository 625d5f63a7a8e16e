-- What types come to: domains to their base, enums to their labels.
WITH RECURSIVE base(name, oid, mod, domain, not_null) AS (
    SELECT t.name, to_regtype(t.name)::oid, -1, false, false FROM json_array_elements_text($1::json) AS t(name)
    UNION ALL
    SELECT b.name, t.typbasetype, t.typtypmod, true, b.not_null OR t.typnotnull
    FROM base b
    JOIN pg_type t ON t.oid = b.oid AND t.typtype = 'd'
)
SELECT json_build_object(
    'name', b.name,
    'base', CASE WHEN b.domain THEN format_type(b.oid, b.mod) ELSE b.name END,
    'domain', b.domain,
    'not_null', b.not_null,
    'labels', coalesce((SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e
                        WHERE e.enumtypid IN (t.oid, t.typelem)), '[]'::json))
FROM base b
JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
