//! Statements on which a rule must fire.

/// A statement, the rule that must rewrite it, and parameter values.
pub(crate) struct Case {
    pub(crate) rule: &'static str,
    pub(crate) sql: &'static str,
    /// One set of values for each run; a statement without parameters has one empty set.
    pub(crate) sets: &'static [&'static [Option<&'static str>]],
    /// Whether its ORDER BY leaves no ties, so that the order of its rows must stay too.
    pub(crate) ordered: bool,
}

const NONE: &[&[Option<&str>]] = &[&[]];

const fn free(rule: &'static str, sql: &'static str) -> Case {
    Case { rule, sql, sets: NONE, ordered: false }
}

const fn ordered(rule: &'static str, sql: &'static str) -> Case {
    Case { rule, sql, sets: NONE, ordered: true }
}

const fn with(
    rule: &'static str,
    sql: &'static str,
    sets: &'static [&'static [Option<&'static str>]],
) -> Case {
    Case { rule, sql, sets, ordered: false }
}

pub(crate) const QUERY: &[Case] = &[
    with(
        "condition_on_both_sides",
        "SELECT o.id, i.price FROM orders o JOIN items i ON i.order_id = o.id WHERE o.id BETWEEN $1 AND $2",
        &[&[Some("1"), Some("3")], &[Some("2"), Some("9")], &[None, Some("1")]],
    ),
    free(
        "condition_on_both_sides",
        "SELECT u.id, o.total FROM users u LEFT JOIN orders o ON o.user_id = u.id AND o.total > 1 WHERE u.id IN (1, 2, 4)",
    ),
    ordered(
        "distinct_on_to_lateral",
        "SELECT DISTINCT ON (user_id) user_id, id, total FROM orders ORDER BY user_id, created_at DESC, id DESC",
    ),
    ordered(
        "distinct_on_to_lateral",
        "SELECT DISTINCT ON (order_id) order_id, id + 1 AS n FROM items WHERE price > 1 ORDER BY order_id DESC, quantity NULLS FIRST, id LIMIT 3",
    ),
    ordered(
        "union_to_union_all",
        "SELECT 'order' AS kind, id FROM orders WHERE total > 1 UNION SELECT 'item', id FROM items ORDER BY kind, id",
    ),
    ordered(
        "scalar_subquery_to_lateral",
        "SELECT u.id, (SELECT max(o.created_at) FROM orders o WHERE o.user_id = u.id) AS last, \
         (SELECT count(*) FROM orders o WHERE o.user_id = u.id) FROM users u WHERE u.country <> 'b' ORDER BY u.id",
    ),
    with(
        "scalar_subquery_to_lateral",
        "SELECT email, coalesce((SELECT sum(total) FROM orders WHERE user_id = users.id AND status = $1), -1) AS s FROM users",
        &[&[Some("a")], &[None]],
    ),
    free(
        "scalar_subquery_to_grouped_join",
        "SELECT u.country, (SELECT coalesce(sum(o.total), 7) + count(o.total) FROM orders o WHERE u.id = o.user_id) AS x FROM users u",
    ),
    with(
        "scalar_subquery_to_grouped_join",
        "SELECT u.id, (SELECT count(*) FROM orders o WHERE o.user_id = u.id AND o.status > $1) AS n, \
         (SELECT bool_or(o.total > 1) FROM orders o WHERE o.user_id = u.id) AS b FROM users u",
        &[&[Some("a")], &[None]],
    ),
    with(
        "grouped_join_to_lateral",
        "SELECT u.email, COUNT(o.id) AS n, SUM(o.total) AS spent, count(*), count(DISTINCT o.status) AS d \
         FROM users u LEFT JOIN orders o ON u.id = o.user_id WHERE u.email LIKE $1 GROUP BY u.id, u.email ORDER BY spent DESC",
        &[&[Some("%x")], &[Some("a%")], &[None]],
    ),
    free(
        "grouped_join_to_lateral",
        "SELECT u.country, u.id, count(*), min(o.total * 2) AS low, sum(o.total) FILTER (WHERE o.coupon IS NULL) AS f \
         FROM users u LEFT JOIN orders o ON u.id = o.user_id AND (o.status = 'a' OR u.country = 'a') \
         GROUP BY 2 HAVING count(*) > 1 OR max(o.id) IS NULL ORDER BY count(*), max(o.id)",
    ),
    free(
        "grouped_join_to_lateral",
        "SELECT email, sum(quantity * price), max(coalesce(o.total, 0)) AS m FROM items i JOIN orders o ON i.order_id = o.id, \
         users AS \"U\" WHERE \"U\".id = o.user_id AND \"U\".email < 'c' AND (o.total > 0 OR o.total IS NULL) GROUP BY \"U\".id",
    ),
    free(
        "grouped_join_to_lateral",
        "SELECT DISTINCT e.\"Kind\", count(*) FROM \"Events\" e JOIN users u ON u.id > e.\"Owner\" GROUP BY e.\"Id\", e.\"Kind\"",
    ),
    free(
        "aggregate_before_join",
        "SELECT u.email, COUNT(o.id), count(*) AS n, SUM(o.total) AS spent, avg(o.total) AS a \
         FROM users u LEFT JOIN orders o ON u.id = o.user_id AND o.status = 'a' GROUP BY u.id, u.email HAVING count(*) < 4",
    ),
    free(
        "aggregate_before_join",
        "SELECT o.id, o.status, max(i.price), count(i.price) AS c FROM items i JOIN orders o ON o.id = i.order_id GROUP BY o.id",
    ),
    free(
        "in_to_exists",
        "SELECT id, email FROM users WHERE id IN (SELECT user_id FROM orders o WHERE o.coupon = users.country)",
    ),
    with(
        "in_to_exists",
        "SELECT o.id FROM orders o LEFT JOIN users u ON u.id = o.user_id \
         WHERE u.country IN (SELECT DISTINCT e.\"Kind\" FROM \"Events\" e WHERE e.\"Owner\" > o.total OR e.\"Id\" = $1)",
        &[&[Some("1")], &[None]],
    ),
    ordered(
        "not_in_to_not_exists",
        "SELECT u.id FROM users u WHERE u.id NOT IN (SELECT o.user_id FROM orders o) ORDER BY u.id",
    ),
    free(
        "not_in_to_not_exists",
        "SELECT u.id FROM users u WHERE u.id NOT IN (SELECT o.user_id FROM orders o WHERE o.status = u.country)",
    ),
    free(
        "not_in_to_not_exists",
        "SELECT id FROM orders WHERE id NOT IN (SELECT order_id FROM items WHERE quantity > 0)",
    ),
    free(
        "not_in_to_not_exists",
        "SELECT id FROM users WHERE id NOT IN (SELECT user_id FROM orders WHERE user_id IS NOT NULL AND total > 0)",
    ),
    free(
        "count_to_exists",
        "SELECT email FROM users u WHERE (SELECT count(*) FROM orders o WHERE o.user_id = u.id AND o.total > 0) > 0 OR u.id = 1",
    ),
    free(
        "count_to_exists",
        "SELECT u.id, 1 > (SELECT count(o.id) FROM orders o WHERE o.user_id = u.id) AS quiet FROM users u \
         WHERE (SELECT count(1) FROM items) <> 0 OR u.id > 0",
    ),
    with(
        "or_to_union_all",
        "SELECT o.id, u.email, o.total FROM orders o JOIN users u ON u.id = o.user_id \
         WHERE u.email = $1 OR o.coupon = $2 ORDER BY o.id DESC",
        &[&[Some("a@x"), Some("a")], &[None, Some("b")], &[Some("b@x"), None]],
    ),
    free(
        "or_to_union_all",
        "SELECT o.*, u.bio FROM orders o LEFT JOIN users u ON u.id = o.user_id \
         WHERE o.total > -1 AND (u.country = 'a' OR o.coupon = 'b' AND o.status = 'a' OR o.user_id IN (1, 2))",
    ),
    ordered(
        "or_to_union_all",
        "SELECT id AS x, user_id AS id FROM orders WHERE user_id = 1 OR coupon = 'a' ORDER BY id, orders.id",
    ),
    with(
        "cte_fence_removed",
        "WITH x AS MATERIALIZED (SELECT id, user_id AS who, status FROM orders WHERE total > 0) \
         SELECT id, status FROM x WHERE who = $1 ORDER BY id",
        &[&[Some("1")], &[None]],
    ),
    free(
        "range_from_function",
        "SELECT count(*), sum(total), min(id) FROM orders WHERE created_at::date = '2025-11-02'",
    ),
    with(
        "range_from_function",
        "SELECT id FROM orders WHERE CAST(shipped_at AS date) >= $1 AND date_trunc('hour', created_at) <= $2",
        &[
            &[Some("2025-11-02"), Some("2025-11-02 01:00-05")],
            &[Some("infinity"), Some("infinity")],
            &[Some("-infinity"), Some("2025-11-02")],
            &[None, None],
        ],
    ),
    with(
        "range_from_function",
        "SELECT \"Id\" FROM \"Events\" WHERE date_trunc('month', \"At\") BETWEEN $1 AND $2",
        &[
            &[Some("2025-11-01"), Some("2025-12-01")],
            &[Some("2025-10-15"), Some("2025-11-01")],
            &[None, None],
        ],
    ),
    free("range_from_function", "SELECT id FROM orders WHERE 2025 >= extract(year FROM created_at)"),
    with(
        "range_from_function",
        "SELECT id FROM orders WHERE $1 < date_trunc('day', created_at) AND date_part('year', shipped_at) = 2025",
        &[&[Some("2025-11-02")], &[Some("2025-11-01 00:00-04")], &[None]],
    ),
    ordered(
        "top_n_to_lateral",
        "SELECT * FROM (SELECT o.user_id, o.id, o.total, u.email, row_number() OVER (PARTITION BY o.user_id \
         ORDER BY o.total DESC, o.id) AS rn FROM orders o JOIN users u ON u.id = o.user_id WHERE u.email < 'c' \
         AND o.status = 'a') t WHERE rn <= 2 ORDER BY user_id, rn",
    ),
    free(
        "top_n_to_lateral",
        "SELECT t.* FROM (SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY price NULLS FIRST, id) FROM items) AS t \
         WHERE t.row_number = 1",
    ),
    free(
        "distinct_by_key",
        "SELECT DISTINCT u.id, u.country, lower(u.email) FROM users u WHERE country = 'a'",
    ),
    ordered(
        "count_distinct_in_two_steps",
        "SELECT o.status, count(DISTINCT o.user_id) FROM orders o GROUP BY o.status ORDER BY status",
    ),
    with(
        "count_distinct_in_two_steps",
        "SELECT count(DISTINCT u.country || o.status) AS n FROM orders o LEFT JOIN users u ON u.id = o.user_id WHERE o.total > $1",
        &[&[Some("0")], &[None]],
    ),
    ordered("distinct_by_loose_scan", "SELECT DISTINCT status FROM orders ORDER BY status DESC"),
    ordered(
        "distinct_by_loose_scan",
        "SELECT DISTINCT o.status AS c FROM orders o ORDER BY c NULLS FIRST LIMIT 2",
    ),
    ordered(
        "join_by_key_removed",
        "SELECT o.id, o.status FROM orders o JOIN users u ON u.id = o.user_id WHERE o.status = 'a' OR o.total > 1 ORDER BY o.id",
    ),
    free(
        "join_by_key_removed",
        "SELECT count(*), sum(i.quantity) FROM items i JOIN orders o ON i.order_id = o.id JOIN users u ON o.user_id = u.id",
    ),
];

pub(crate) const CACHE: &[Case] = &[
    with(
        "view_of_groups",
        "SELECT u.email, COUNT(o.id) AS n, SUM(o.total) AS spent FROM users u LEFT JOIN orders o ON u.id = o.user_id \
         WHERE u.email LIKE $1 GROUP BY u.id, u.email ORDER BY spent DESC",
        &[&[Some("a%")], &[None]],
    ),
    with(
        "view_of_groups",
        "SELECT u.country, o.status, count(*), avg(o.total) FROM users u JOIN orders o ON u.id = o.user_id \
         WHERE o.status = $1 AND o.total > 0 GROUP BY 1, o.status HAVING count(*) > $2 ORDER BY max(o.total), 1",
        &[&[Some("a"), Some("1")], &[Some("b"), Some("0")], &[None, None]],
    ),
    free(
        "view_of_groups",
        "SELECT date_trunc('day', created_at) AS d, count(*), sum(total) FROM orders GROUP BY 1 ORDER BY 1",
    ),
    free(
        "view_of_groups",
        "SELECT count(*), max(o.total) FROM users u JOIN orders o ON o.user_id = u.id WHERE u.country = 'a'",
    ),
    free(
        "view_of_groups",
        "SELECT o.status, count(*) FROM orders o WHERE o.total > 0 GROUP BY o.status HAVING sum(o.total) > 3 OR count(*) < 2",
    ),
    with(
        "view_of_groups",
        "SELECT DISTINCT country FROM users u JOIN orders o ON o.user_id = u.id WHERE o.coupon = $1",
        &[&[Some("a")], &[None]],
    ),
    ordered(
        "view_of_statement",
        "SELECT DISTINCT ON (user_id) user_id, id, total FROM orders WHERE status < 'b' ORDER BY user_id, id DESC",
    ),
    ordered(
        "view_of_statement",
        "SELECT country FROM users UNION SELECT status FROM orders WHERE total > 3 ORDER BY 1 LIMIT 3",
    ),
];

/// Two statements for one view.
pub(crate) const SHARED: [&Case; 2] = [
    &with(
        "view_shared",
        "SELECT u.email, COUNT(o.id) AS n, SUM(o.total) AS spent FROM users u LEFT JOIN orders o ON u.id = o.user_id \
         WHERE u.email LIKE $1 GROUP BY u.id, u.email ORDER BY spent DESC",
        &[&[Some("a%")], &[None]],
    ),
    &free(
        "view_shared",
        "SELECT count(o.id), max(o.total) FROM users u LEFT JOIN orders o ON u.id = o.user_id \
         WHERE u.country = 'a' GROUP BY u.id, u.email HAVING count(*) > 1",
    ),
];
