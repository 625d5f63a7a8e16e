//! Correlated scalar aggregate subqueries of the SELECT list become a LEFT JOIN of one aggregation of the
//! whole inner table, grouped by the correlated columns.
//!
//! An outer row without inner rows finds no group: its aggregates are NULL, and its counts, which the
//! subquery would return as 0, are made 0 (the "count bug" of Kim's 1982 rewrite). Gains where most groups
//! are needed and no index serves the subquery.
//!
//! Source: Ganski and Wong, "Optimization of Nested SQL Queries Revisited" (SIGMOD 1987).

use sqlparser::ast::Expr;

use super::scalar::{Correlation, Scalar, correlation, find};
use super::scalar_lateral::wish;
use crate::query::aggregates::renamed;
use crate::query::case::{Case, Rewrite, join};
use crate::shared::sql::{
    Fresh, Scope, expression, from_text, item_expr, joinable, nested, plain_mut, replace, where_text,
};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let (outer, scalars) = find(case)?;
    let outer_scope = Scope::of(&outer.from, case.facts)?;
    let mut fresh = Fresh::of(case.query);
    let mut query = case.query.clone();
    let select = plain_mut(&mut query)?;
    // (text of the subquery, expression that takes its place)
    let mut places: Vec<(String, Expr)> = Vec::new();
    let mut indexes = Vec::new();
    let mut done: Vec<String> = Vec::new();
    for scalar in &scalars {
        let source = scalar.source();
        if done.contains(&source) {
            continue;
        }
        let members: Vec<&Scalar<'_, '_>> = scalars.iter().filter(|s| s.source() == source).collect();
        let (text, replaced) = left_join(&members, &outer_scope, &mut fresh)?;
        select.from.last_mut()?.joins.push(join(&text)?);
        places.extend(replaced);
        indexes.extend(wish(&members));
        done.push(source);
    }
    for item in &mut select.projection {
        let Some(mut expr) = item_expr(item).cloned() else { continue };
        let before = expr.to_string();
        replace(&mut expr, |e| {
            let Expr::Subquery(query) = e else { return None };
            let text = query.to_string();
            places.iter().find(|(place, _)| *place == text).map(|(_, new)| new.clone())
        });
        if expr.to_string() != before {
            *item = renamed(item, expr)?;
        }
    }
    Some(Rewrite {
        rule: "scalar_subquery_to_grouped_join",
        title: "scalar subqueries as a join of one aggregation",
        because:
            "each group joins at most once, and an outer row without a group gets NULL, or 0 where it counts"
                .to_owned(),
        query,
        indexes,
    })
}

/// The join for subqueries with the same source, and what takes their places.
fn left_join(
    members: &[&Scalar<'_, '_>],
    outer_scope: &Scope<'_>,
    fresh: &mut Fresh,
) -> Option<(String, Vec<(String, Expr)>)> {
    let first = members.first()?;
    let Correlation { own, equal } = correlation(first.select, &first.scope)?;
    let alias = fresh.name("sub");
    let mut columns = Vec::new();
    let mut keys = Vec::new();
    let mut on = Vec::new();
    for (inner, outer) in &equal {
        // Another type or collation could make two groups equal to one outer value.
        let (_, outer_column) = outer_scope.column(outer)?;
        if !joinable(first.scope.column(inner)?.1, outer_column) {
            return None;
        }
        let key = fresh.name("key");
        columns.push(format!("{inner} AS {key}"));
        keys.push(inner.to_string());
        on.push(format!("{alias}.{key} = {outer}"));
    }
    let mut places = Vec::new();
    for scalar in members {
        let mut expr = scalar.expr.clone();
        for aggregate in &scalar.aggregates {
            let value = fresh.name("value");
            columns.push(format!("{} AS {value}", aggregate.inner(&scalar.scope)));
            let empty = if aggregate.counts() {
                format!("coalesce({alias}.{value}, 0)")
            } else {
                format!("{alias}.{value}")
            };
            let empty = expression(&empty)?;
            let call = Expr::Function(aggregate.call.clone());
            replace(&mut expr, |e| (*e == call).then(|| empty.clone()));
        }
        places.push((scalar.query.to_string(), nested(expr)));
    }
    let text = format!(
        "LEFT JOIN (SELECT {} FROM {}{} GROUP BY {}) AS {alias} ON {}",
        columns.join(", "),
        from_text(&first.select.from),
        where_text(own),
        keys.join(", "),
        on.join(" AND ")
    );
    (!equal.is_empty()).then_some((text, places))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn counts_of_nothing_are_zero() {
        insta::assert_snapshot!(show(rewrite, "SELECT u.email, (SELECT count(*) FROM orders o WHERE o.user_id = u.id AND o.status = 'open') AS n FROM users u"), @r#"
        SELECT u.email, coalesce(sub.value, 0) AS n FROM users u LEFT JOIN (SELECT o.user_id AS key, count(*) AS value FROM orders o WHERE o.status = 'open' GROUP BY o.user_id) AS sub ON sub.key = u.id
          + index orders (user_id) include (status)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT u.id, (SELECT coalesce(sum(o.total), 0) + count(o.id) FROM orders o WHERE u.id = o.user_id) AS x FROM users u WHERE u.id > $1"), @r#"
        SELECT u.id, (coalesce(sub.value, 0) + coalesce(sub.value2, 0)) AS x FROM users u LEFT JOIN (SELECT o.user_id AS key, sum(o.total) AS value, count(*) AS value2 FROM orders o GROUP BY o.user_id) AS sub ON sub.key = u.id WHERE u.id > $1
          + index orders (user_id) include (total)
        "#);
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            // Not an equality.
            "SELECT (SELECT count(*) FROM orders o WHERE o.user_id < u.id) FROM users u",
            // Not a column.
            "SELECT (SELECT count(*) FROM orders o WHERE o.user_id = u.id + 1) FROM users u",
            // Types whose equality may differ from the grouping.
            "SELECT (SELECT count(*) FROM orders o WHERE o.status = u.country) FROM users u",
            "SELECT (SELECT o.total FROM orders o WHERE o.user_id = u.id) FROM users u",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
