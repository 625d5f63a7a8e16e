//! GROUP BY over a join, where each row of one side is a group, becomes a LATERAL aggregate for each of those
//! rows: no hash table or sort over the joined rows, and with an index on the joined columns no join of the
//! whole other side either.
//!
//! Right because the key of the kept side is grouped by, so its rows are the groups (functional dependence);
//! an aggregate without GROUP BY returns one row also over nothing, with the values that the null-extended
//! row of a LEFT JOIN would give; `count(*)`, which counts that row, is made at least 1. After an inner join
//! rows without a partner are dropped by HAVING.
//!
//! Source: Galindo-Legaria and Joshi, "Orthogonal Optimization of Subqueries and Aggregation" (SIGMOD 2001),
//! read backwards.

use super::grouped_join::read;
use crate::query::case::{Case, Rewrite, join};
use crate::shared::sql::{Fresh, from_text, where_text};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let grouped = read(case)?;
    let mut fresh = Fresh::of(case.query);
    let alias = fresh.name("agg");
    let mut columns = Vec::new();
    let mut places = Vec::new();
    for aggregate in &grouped.aggregates {
        let value = fresh.name("value");
        columns.push(format!("{} AS {value}", aggregate.inner(&grouped.scope)));
        let null_row = grouped.left && aggregate.argument.is_none();
        let place =
            if null_row { format!("greatest({alias}.{value}, 1)") } else { format!("{alias}.{value}") };
        places.push((aggregate.clone(), place));
    }
    let having = if grouped.left { "" } else { " HAVING count(*) > 0" };
    let lateral = join(&format!(
        "CROSS JOIN LATERAL (SELECT {} FROM {}{}{having}) AS {alias}",
        columns.join(", "),
        from_text(&grouped.inner_from),
        where_text(grouped.inner_filters.iter().copied()),
    ))?;
    let mut from = grouped.outer_from.clone();
    from.last_mut()?.joins.push(lateral);
    Some(Rewrite {
        rule: "grouped_join_to_lateral",
        title: "aggregate per row instead of GROUP BY over the join",
        because: "the groups are the rows of the tables whose keys are grouped by".to_owned(),
        query: grouped.ungrouped(case, from, &places)?,
        indexes: grouped.wishes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn left_joins_keep_rows_without_a_partner() {
        insta::assert_snapshot!(show(rewrite, "SELECT u.email, COUNT(o.id) AS order_count, SUM(o.total) AS total_spent FROM users u LEFT JOIN orders o ON u.id = o.user_id WHERE u.email LIKE $1 GROUP BY u.id, u.email ORDER BY total_spent DESC"), @r#"
        SELECT u.email, agg.value AS order_count, agg.value2 AS total_spent FROM users u CROSS JOIN LATERAL (SELECT COUNT(*) AS value, SUM(o.total) AS value2 FROM orders o WHERE u.id = o.user_id) AS agg WHERE u.email LIKE $1 ORDER BY total_spent DESC
          + index orders (user_id) include (total)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT u.id, count(*), min(o.total) + 1 AS low FROM users u LEFT JOIN orders o ON u.id = o.user_id AND o.status = 'a' GROUP BY 1 HAVING count(*) > 2 ORDER BY count(*), max(o.id)"), @r#"
        SELECT u.id, greatest(agg.value, 1) AS count, agg.value2 + 1 AS low FROM users u CROSS JOIN LATERAL (SELECT count(*) AS value, min(o.total) AS value2, max(o.id) AS value3 FROM orders o WHERE u.id = o.user_id AND o.status = 'a') AS agg WHERE greatest(agg.value, 1) > 2 ORDER BY greatest(agg.value, 1), agg.value3
          + index orders (user_id) include (id, status, total)
        "#);
    }

    #[test]
    fn inner_joins_drop_them() {
        insta::assert_snapshot!(show(rewrite, "SELECT email, sum(quantity * price) FROM items i JOIN orders o ON i.order_id = o.id, users AS \"U\" WHERE \"U\".id = o.user_id AND \"U\".country = 'NZ' AND o.total > 3 GROUP BY \"U\".id LIMIT 5"), @r#"
        SELECT email, agg.value AS sum FROM users AS "U" CROSS JOIN LATERAL (SELECT sum(quantity * price) AS value FROM items i, orders o WHERE i.order_id = o.id AND "U".id = o.user_id AND o.total > 3 HAVING count(*) > 0) AS agg WHERE "U".country = 'NZ' LIMIT 5
          + index orders (user_id) include (id, total)
          + index items (order_id) include (price, quantity)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT DISTINCT e.\"Kind\", count(*) FROM \"Events\" e JOIN users u ON u.id > e.\"Owner\" GROUP BY e.\"Id\", e.\"Kind\""), @r#"SELECT DISTINCT e."Kind", agg.value AS count FROM "Events" e CROSS JOIN LATERAL (SELECT count(*) AS value FROM users u WHERE u.id > e."Owner" HAVING count(*) > 0) AS agg"#);
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            // Two users may share a country.
            "SELECT u.country, count(o.id) FROM users u LEFT JOIN orders o ON u.id = o.user_id GROUP BY u.country",
            // The other side is grouped by too.
            "SELECT u.id, o.status, count(*) FROM users u JOIN orders o ON u.id = o.user_id GROUP BY u.id, o.status",
            // Counts the null-extended row.
            "SELECT u.id, count(coalesce(o.total, 0)) FROM users u LEFT JOIN orders o ON u.id = o.user_id GROUP BY u.id",
            "SELECT u.id, count(u.id) FROM users u LEFT JOIN orders o ON u.id = o.user_id GROUP BY u.id",
            // Filters the joined side after the outer join.
            "SELECT u.id, count(o.id) FROM users u LEFT JOIN orders o ON u.id = o.user_id WHERE o.total > 1 GROUP BY u.id",
            // Order or rounding decides.
            "SELECT u.id, sum(o.score) FROM users u LEFT JOIN orders o ON u.id = o.user_id GROUP BY u.id",
            "SELECT u.id, array_agg(o.id) FROM users u LEFT JOIN orders o ON u.id = o.user_id GROUP BY u.id",
            "SELECT u.id, count(*), row_number() OVER (ORDER BY u.id) FROM users u JOIN orders o ON u.id = o.user_id GROUP BY u.id",
            "SELECT u.id, count(o.id) FROM users u RIGHT JOIN orders o ON u.id = o.user_id GROUP BY u.id",
            "SELECT u.id, count(o.id) FROM users u FULL JOIN orders o ON u.id = o.user_id GROUP BY u.id",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
