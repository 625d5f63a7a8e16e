//! Correlated scalar aggregate subqueries of the SELECT list become one LATERAL join for each source.
//!
//! Right because an aggregate without GROUP BY returns exactly one row, so that the join neither adds nor
//! drops rows. Gains where several subqueries read the same rows, and where the planner can order the join.
//!
//! Source: Galindo-Legaria and Joshi, "Orthogonal Optimization of Subqueries and Aggregation" (SIGMOD 2001).

use sqlparser::ast::Expr;

use super::scalar::{Scalar, correlation, find};
use crate::query::aggregates::renamed;
use crate::query::case::{Case, Rewrite, join};
use crate::shared::sql::{Fresh, IndexWish, expression, function_name, item_expr, plain_mut, replace};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

/// Subqueries over the same rows, with the column that each becomes.
struct Source<'s> {
    text: String,
    alias: String,
    members: Vec<(&'s Scalar<'s, 's>, String)>,
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let (_, scalars) = find(case)?;
    let mut fresh = Fresh::of(case.query);
    let mut sources: Vec<Source<'_>> = Vec::new();
    for scalar in &scalars {
        let text = scalar.source();
        let column = fresh.name("value");
        match sources.iter_mut().find(|s| s.text == text) {
            Some(source) => source.members.push((scalar, column)),
            None => sources.push(Source { text, alias: fresh.name("sub"), members: vec![(scalar, column)] }),
        }
    }
    let mut query = case.query.clone();
    let select = plain_mut(&mut query)?;
    let mut indexes = Vec::new();
    for source in &sources {
        let columns: Vec<String> =
            source.members.iter().map(|(s, column)| format!("{} AS {column}", inner(s))).collect();
        let lateral = join(&format!(
            "CROSS JOIN LATERAL (SELECT {} FROM {}) AS {}",
            columns.join(", "),
            source.text,
            source.alias
        ))?;
        select.from.last_mut()?.joins.push(lateral);
        let members: Vec<&Scalar<'_, '_>> = source.members.iter().map(|(s, _)| *s).collect();
        indexes.extend(wish(&members));
    }
    for item in &mut select.projection {
        let Some(mut expr) = item_expr(item).cloned() else { continue };
        let before = expr.to_string();
        replace(&mut expr, |e| {
            let Expr::Subquery(query) = e else { return None };
            let text = query.to_string();
            sources.iter().find_map(|source| {
                let (_, column) = source.members.iter().find(|(m, _)| m.query.to_string() == text)?;
                expression(&format!("{}.{column}", source.alias))
            })
        });
        if expr.to_string() != before {
            *item = renamed(item, expr)?;
        }
    }
    Some(Rewrite {
        rule: "scalar_subquery_to_lateral",
        title: "scalar subqueries as LATERAL joins",
        because: "an aggregate without GROUP BY returns exactly one row for each outer row".to_owned(),
        query,
        indexes,
    })
}

/// What a subquery returns, with `count(c)` simplified where `c` is never NULL.
fn inner(scalar: &Scalar<'_, '_>) -> Expr {
    let mut expr = scalar.expr.clone();
    for aggregate in &scalar.aggregates {
        let call = Expr::Function(aggregate.call.clone());
        replace(&mut expr, |e| (*e == call).then(|| aggregate.inner(&scalar.scope)));
    }
    expr
}

/// An index on the correlated columns of a single table, for subqueries over the same rows; a lone `min` or
/// `max` column comes next in its key.
pub(super) fn wish(members: &[&Scalar<'_, '_>]) -> Option<IndexWish> {
    let first = members.first()?;
    let [relation] = first.scope.relations.as_slice() else { return None };
    let conditions = correlation(first.select, &first.scope)?;
    let column = |e: &Expr| first.scope.column(e).map(|(_, c)| c.name.as_str());
    let mut keys: Vec<&str> = conditions.equal.iter().filter_map(|(inner, _)| column(inner)).collect();
    let mut reads: Vec<&str> = Vec::new();
    for condition in conditions.own {
        reads.extend(first.scope.columns(condition)?.iter().map(|(_, c)| c.name.as_str()));
    }
    for scalar in members {
        for aggregate in &scalar.aggregates {
            let columns = first.scope.columns(&aggregate.inner(&first.scope))?;
            reads.extend(columns.iter().map(|(_, c)| c.name.as_str()));
        }
    }
    if let ([only], [read]) = (members, reads.as_slice())
        && let [aggregate] = only.aggregates.as_slice()
        && function_name(&aggregate.call).is_some_and(|n| n == "min" || n == "max")
    {
        keys.push(read);
    }
    IndexWish::on(relation.table?, keys, reads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn one_join_for_each_source() {
        insta::assert_snapshot!(show(rewrite, "SELECT u.id, (SELECT max(o.created_at) FROM orders o WHERE o.user_id = u.id) AS last_order FROM users u WHERE u.country = 'NZ' ORDER BY u.id"), @r#"
        SELECT u.id, sub.value AS last_order FROM users u CROSS JOIN LATERAL (SELECT max(o.created_at) AS value FROM orders o WHERE o.user_id = u.id) AS sub WHERE u.country = 'NZ' ORDER BY u.id
          + index orders (user_id, created_at)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT email, (SELECT count(id) FROM orders WHERE user_id = users.id), coalesce((SELECT sum(total) FROM orders WHERE user_id = users.id), 0) AS spent FROM users"), @r#"
        SELECT email, sub.value AS count, coalesce(sub.value2, 0) AS spent FROM users CROSS JOIN LATERAL (SELECT count(*) AS value, sum(total) AS value2 FROM orders WHERE user_id = users.id) AS sub
          + index orders (user_id) include (total)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT e.\"Id\", (SELECT min(\"At\") FROM \"Events\" AS \"Other\" WHERE \"Other\".\"Owner\" = e.\"Id\") FROM \"Events\" e"), @r#"
        SELECT e."Id", sub.value AS min FROM "Events" e CROSS JOIN LATERAL (SELECT min("At") AS value FROM "Events" AS "Other" WHERE "Other"."Owner" = e."Id") AS sub
          + index Events (Owner, At)
        "#);
    }

    #[test]
    fn the_old_name_of_the_column_stays() {
        let rewritten =
            &apply(rewrite, "SELECT (SELECT max(o.total) FROM orders o WHERE o.user_id = u.id) FROM users u")
                [0];
        assert!(rewritten.query.to_string().contains("AS max FROM"), "{}", rewritten.query);
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            // May return no row, or many.
            "SELECT (SELECT o.total FROM orders o WHERE o.user_id = u.id) FROM users u",
            "SELECT (SELECT max(o.total) FROM orders o WHERE o.user_id = u.id GROUP BY o.status) FROM users u",
            "SELECT (SELECT max(o.total) FROM orders o WHERE o.user_id = u.id HAVING count(*) > 1) FROM users u",
            // Evaluated once anyway.
            "SELECT (SELECT max(o.total) FROM orders o) FROM users u",
            // The aggregate belongs to the outer query.
            "SELECT (SELECT max(u.id) FROM orders o WHERE o.user_id = 1) FROM users u",
            // A join would add columns.
            "SELECT *, (SELECT max(o.total) FROM orders o WHERE o.user_id = u.id) FROM users u",
            // The branch may never be taken.
            "SELECT CASE WHEN u.id > 0 THEN (SELECT max(o.total) FROM orders o WHERE o.user_id = u.id) END FROM users u",
            // Groups.
            "SELECT u.id, (SELECT max(o.total) FROM orders o WHERE o.user_id = u.id) FROM users u GROUP BY u.id",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
