//! `x NOT IN (SELECT y …)` at the top of WHERE becomes `NOT EXISTS (SELECT 1 … AND x = y)`.
//!
//! Right if `x` is never NULL, and no `y` is NULL: one NULL among the `y` makes every NOT IN false or
//! unknown. Where the catalog does not say that `y` is never NULL, `AND NOT EXISTS (… AND y IS NULL)` is
//! added, which is exactly that case. The server cannot turn NOT IN into an anti-join; this it can.
//!
//! Source: PostgreSQL wiki, "Don't Do This: Don't use NOT IN".

use sqlparser::ast::Expr;

use super::subquery::{RowSource, equals, outer_column};
use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{Scope, all_of, filters, nested, plain, plain_mut, unwrapped};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let outer = plain(case.query)?;
    let scope = Scope::of(&outer.from, case.facts)?;
    let mut indexes = Vec::new();
    let mut reasons = Vec::new();
    let mut conditions = Vec::new();
    for condition in filters(outer) {
        match not_exists(condition, &scope, case) {
            Some((new, source, reason)) => {
                conditions.extend(new);
                indexes.extend(source.wish());
                reasons.push(reason);
            }
            None => conditions.push(condition.clone()),
        }
    }
    let mut query = case.query.clone();
    plain_mut(&mut query)?.selection = all_of(conditions);
    (!reasons.is_empty()).then(|| Rewrite {
        rule: "not_in_to_not_exists",
        title: "NOT IN as NOT EXISTS",
        because: reasons.join("; "),
        query,
        indexes,
    })
}

fn not_exists<'a>(
    condition: &Expr,
    outer: &Scope<'_>,
    case: &Case<'a>,
) -> Option<(Vec<Expr>, RowSource<'a>, String)> {
    let Expr::InSubquery { expr, subquery, negated: true } = condition else { return None };
    if !outer.not_null(expr) {
        return None;
    }
    let source = RowSource::read(subquery, case)?;
    let column = outer_column(unwrapped(expr), outer, &source.scope)?;
    let mut conditions = vec![source.exists(true, equals(column, source.expr.clone()))?];
    let declared = source.scope.not_null(&source.expr);
    let filtered = filters(&source.select).into_iter().any(|c| {
        matches!(c, Expr::IsNotNull(inner) if unwrapped(inner).to_string() == unwrapped(&source.expr).to_string())
    });
    let reason = if declared || filtered {
        format!("{expr} and {} are never NULL", source.expr)
    } else {
        let null = Expr::IsNull(Box::new(nested(source.expr.clone())));
        conditions.push(source.exists(true, null)?);
        format!("{expr} is never NULL, and a NULL among {} is asked for", source.expr)
    };
    Some((conditions, source, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn nulls_are_asked_for_unless_there_are_none() {
        insta::assert_snapshot!(show(rewrite, "SELECT u.id FROM users u WHERE u.country = 'NZ' AND u.id NOT IN (SELECT o.user_id FROM orders o) ORDER BY u.id"), @r#"
        SELECT u.id FROM users u WHERE u.country = 'NZ' AND NOT EXISTS (SELECT 1 FROM orders o WHERE u.id = o.user_id) AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.user_id IS NULL) ORDER BY u.id
          + index orders (user_id)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT id FROM orders WHERE id NOT IN (SELECT i.order_id FROM items i WHERE i.quantity > $1)"), @r#"
        SELECT id FROM orders WHERE NOT EXISTS (SELECT 1 FROM items i WHERE i.quantity > $1 AND orders.id = i.order_id)
          + index items (order_id) include (quantity)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT id FROM users WHERE id NOT IN (SELECT user_id FROM orders WHERE user_id IS NOT NULL)"), @r#"
        SELECT id FROM users WHERE NOT EXISTS (SELECT 1 FROM orders WHERE user_id IS NOT NULL AND users.id = user_id)
          + index orders (user_id)
        "#);
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            // NULL NOT IN (nothing) is true, and NULL NOT IN (something) is not.
            "SELECT 1 FROM orders WHERE user_id NOT IN (SELECT id FROM users)",
            // Made NULL by the outer join.
            "SELECT 1 FROM orders o LEFT JOIN users u ON u.id = o.user_id WHERE u.id NOT IN (SELECT i.order_id FROM items i)",
            "SELECT 1 FROM users WHERE id + 1 NOT IN (SELECT user_id FROM orders)",
            "SELECT 1 FROM users WHERE id NOT IN (SELECT user_id FROM orders LIMIT 1)",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
