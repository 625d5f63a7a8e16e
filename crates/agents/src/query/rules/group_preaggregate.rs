//! GROUP BY over a join becomes a join with one aggregation of the other side (eager aggregation).
//!
//! Offered only where the kept side is not filtered to a small part: the aggregation always reads all of the
//! other side. Measured, it wins or loses by a factor of two, and the planner's estimate does not tell which.
//!
//! Right because the key of the kept side is grouped by and the join columns are the groups of the inner
//! aggregation, so each kept row meets at most one group.
//!
//! Source: Yan and Larson, "Eager Aggregation and Lazy Aggregation" (VLDB 1995).

use super::grouped_join::{GroupedJoin, read};
use super::scalar::Correlation;
use crate::query::case::{Case, Rewrite, join};
use crate::shared::sql::{Fresh, from_text, joinable, where_text};

/// Smallest part of the kept side's rows for which reading all of the other side may pay.
const SMALLEST_SHARE: f64 = 0.1;

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let grouped = read(case)?;
    if share(&grouped, case) < SMALLEST_SHARE {
        return None;
    }
    let Correlation { own, equal } = grouped.correlation()?;
    let mut fresh = Fresh::of(case.query);
    let alias = fresh.name("agg");
    let mut columns = Vec::new();
    let mut keys = Vec::new();
    let mut on = Vec::new();
    for (inner, outer) in &equal {
        if !joinable(grouped.scope.column(inner)?.1, grouped.scope.column(outer)?.1) {
            return None;
        }
        let key = fresh.name("key");
        columns.push(format!("{inner} AS {key}"));
        keys.push(inner.to_string());
        on.push(format!("{alias}.{key} = {outer}"));
    }
    let mut places = Vec::new();
    for aggregate in &grouped.aggregates {
        let value = fresh.name("value");
        columns.push(format!("{} AS {value}", aggregate.inner(&grouped.scope)));
        let place = match (grouped.left, aggregate.counts(), &aggregate.argument) {
            (true, true, None) => format!("coalesce({alias}.{value}, 1)"),
            (true, true, Some(_)) => format!("coalesce({alias}.{value}, 0)"),
            _ => format!("{alias}.{value}"),
        };
        places.push((aggregate.clone(), place));
    }
    let joined = join(&format!(
        "{} (SELECT {} FROM {}{} GROUP BY {}) AS {alias} ON {}",
        if grouped.left { "LEFT JOIN" } else { "JOIN" },
        columns.join(", "),
        from_text(&grouped.inner_from),
        where_text(own),
        keys.join(", "),
        on.join(" AND "),
    ))?;
    let mut from = grouped.outer_from.clone();
    // With several kept tables in a list, the condition must see all of them.
    if from.len() > 1 {
        return None;
    }
    from.last_mut()?.joins.push(joined);
    Some(Rewrite {
        rule: "aggregate_before_join",
        title: "aggregate before the join",
        because: "each row of the tables whose keys are grouped by meets at most one group".to_owned(),
        query: grouped.ungrouped(case, from, &places)?,
        indexes: grouped.wishes(),
    })
}

/// The share of the kept side's rows that its own conditions leave, by the executed plan; all of them where
/// there is no condition.
fn share(grouped: &GroupedJoin<'_, '_>, case: &Case<'_>) -> f64 {
    if grouped.outer_filters.is_empty() {
        return 1.0;
    }
    let Some(plan) = case.executed else { return 0.0 };
    let kept = grouped.scope.relations.iter().enumerate().filter(|(i, _)| !grouped.inner.contains(i));
    let shares = kept.filter_map(|(_, relation)| {
        let node = plan.nodes().into_iter().find(|n| n.alias.as_deref() == Some(relation.alias.as_str()))?;
        let rows = node.actual_rows? * node.actual_loops.unwrap_or(1.0);
        Some(rows / relation.table?.rows.max(1.0))
    });
    shares.reduce(f64::min).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn one_group_for_each_kept_row() {
        insta::assert_snapshot!(show(rewrite, "SELECT u.email, COUNT(o.id), count(*) AS n, SUM(o.total) AS total_spent FROM users u LEFT JOIN orders o ON u.id = o.user_id AND o.status = 'a' GROUP BY u.id, u.email ORDER BY total_spent DESC"), @r#"
        SELECT u.email, coalesce(agg.value, 0) AS count, coalesce(agg.value2, 1) AS n, agg.value3 AS total_spent FROM users u LEFT JOIN (SELECT o.user_id AS key, COUNT(*) AS value, count(*) AS value2, SUM(o.total) AS value3 FROM orders o WHERE o.status = 'a' GROUP BY o.user_id) AS agg ON agg.key = u.id ORDER BY total_spent DESC
          + index orders (user_id) include (status, total)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT o.id, max(i.price) FROM items i JOIN orders o ON o.id = i.order_id GROUP BY o.id"), @r#"
        SELECT o.id, agg.value AS max FROM orders o JOIN (SELECT i.order_id AS key, max(i.price) AS value FROM items i GROUP BY i.order_id) AS agg ON agg.key = o.id
          + index items (order_id) include (price)
        "#);
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            // The kept side is filtered, and nothing shows that much of it is left.
            "SELECT u.id, count(o.id) FROM users u LEFT JOIN orders o ON u.id = o.user_id WHERE u.email = 'a' GROUP BY u.id",
            // Not an equality of columns.
            "SELECT u.id, count(o.id) FROM users u LEFT JOIN orders o ON u.id < o.user_id GROUP BY u.id",
            "SELECT u.id, count(o.id) FROM users u LEFT JOIN orders o ON u.id = o.user_id + 1 GROUP BY u.id",
            "SELECT u.id, count(o.id) FROM users u LEFT JOIN orders o ON u.country = o.status GROUP BY u.id",
            "SELECT u.country, count(o.id) FROM users u LEFT JOIN orders o ON u.id = o.user_id GROUP BY u.country",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
