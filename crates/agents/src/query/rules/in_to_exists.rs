//! `x IN (SELECT y …)` at the top of WHERE becomes `EXISTS (SELECT 1 … AND x = y)`.
//!
//! There, NULL drops a row just as false does, so the two agree for every value. The server (before 17) turns
//! an EXISTS into a semi-join also where the subquery is correlated, an IN only where it is not.
//!
//! Source: PostgreSQL source, `convert_ANY_sublink_to_join` and `convert_EXISTS_sublink_to_join`.

use sqlparser::ast::Expr;

use super::subquery::{RowSource, equals, outer_column};
use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{Scope, all_of, filters, plain, plain_mut};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let outer = plain(case.query)?;
    let scope = Scope::of(&outer.from, case.facts)?;
    let mut indexes = Vec::new();
    let mut changed = false;
    let conditions: Vec<Expr> = filters(outer)
        .into_iter()
        .map(|condition| match exists(condition, &scope, case) {
            Some((new, source)) => {
                changed = true;
                indexes.extend(source.wish());
                new
            }
            None => condition.clone(),
        })
        .collect();
    let mut query = case.query.clone();
    plain_mut(&mut query)?.selection = all_of(conditions);
    changed.then(|| Rewrite {
        rule: "in_to_exists",
        title: "IN as EXISTS",
        because: "at the top of WHERE an unknown result drops the row as a false one does".to_owned(),
        query,
        indexes,
    })
}

fn exists<'a>(condition: &Expr, outer: &Scope<'_>, case: &Case<'a>) -> Option<(Expr, RowSource<'a>)> {
    let Expr::InSubquery { expr, subquery, negated: false } = condition else { return None };
    let source = RowSource::read(subquery, case)?;
    let column = outer_column(expr, outer, &source.scope)?;
    let exists = source.exists(false, equals(column, source.expr.clone()))?;
    Some((exists, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn in_becomes_exists() {
        insta::assert_snapshot!(show(rewrite, "SELECT email FROM users WHERE id IN (SELECT DISTINCT user_id FROM orders o WHERE o.status = 'open' OR o.total > 9) AND country = $1"), @r#"
        SELECT email FROM users WHERE EXISTS (SELECT 1 FROM orders o WHERE (o.status = 'open' OR o.total > 9) AND users.id = user_id) AND country = $1
          + index orders (user_id) include (status, total)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT 1 FROM \"Events\" E WHERE E.\"Owner\" IN (SELECT u.id FROM users u)"), @r#"SELECT 1 FROM "Events" E WHERE EXISTS (SELECT 1 FROM users u WHERE E."Owner" = u.id)"#);
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            // Not at the top: unknown is not false there.
            "SELECT 1 FROM users WHERE (id IN (SELECT user_id FROM orders)) IS NULL",
            "SELECT 1 FROM users WHERE NOT (id IN (SELECT user_id FROM orders))",
            // The inner table hides the outer one.
            "SELECT 1 FROM orders WHERE id IN (SELECT user_id FROM orders)",
            // Groups, limits.
            "SELECT 1 FROM users WHERE id IN (SELECT max(user_id) FROM orders)",
            "SELECT 1 FROM users WHERE id IN (SELECT user_id FROM orders LIMIT 3)",
            "SELECT 1 FROM users WHERE (id, 1) IN (SELECT user_id, 1 FROM orders)",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
