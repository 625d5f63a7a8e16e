//! `(SELECT count(*) …) > 0` becomes `EXISTS (…)`, and `= 0` becomes `NOT EXISTS (…)`: the first row decides.
//!
//! Right because a count is never NULL and never negative. Source: WeTune (SIGMOD 2022), shapes that object
//! mappers write.

use sqlparser::ast::{BinaryOperator as Op, Expr, SelectItem};

use super::scalar::{Correlation, correlation};
use super::subquery::exists;
use crate::query::aggregates::collect;
use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{IndexWish, Scope, bare, item_expr, plain_mut, replace, unwrapped};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let mut query = case.query.clone();
    let select = plain_mut(&mut query)?;
    let mut indexes = Vec::new();
    let mut changed = false;
    let mut edit = |e: &Expr| {
        let (new, wish) = comparison(e, case)?;
        changed = true;
        indexes.extend(wish);
        Some(new)
    };
    if let Some(selection) = &mut select.selection {
        replace(selection, &mut edit);
    }
    for item in &mut select.projection {
        // Without an alias the column would be renamed.
        if let SelectItem::ExprWithAlias { expr, .. } = item {
            replace(expr, &mut edit);
        }
    }
    changed.then(|| Rewrite {
        rule: "count_to_exists",
        title: "count(*) > 0 as EXISTS",
        because: "a count is never NULL and never negative, so the first row decides".to_owned(),
        query,
        indexes,
    })
}

fn comparison(expr: &Expr, case: &Case<'_>) -> Option<(Expr, Option<IndexWish>)> {
    let Expr::BinaryOp { left, op, right } = expr else { return None };
    let (subquery, number, op) = match (unwrapped(left), unwrapped(right)) {
        (Expr::Subquery(query), Expr::Value(number)) => (query, number, op.clone()),
        (Expr::Value(number), Expr::Subquery(query)) => (query, number, mirrored(op)?),
        _ => return None,
    };
    let negated = match (op, number.value.to_string().as_str()) {
        (Op::Gt | Op::NotEq, "0") | (Op::GtEq, "1") => false,
        (Op::Eq | Op::LtEq, "0") | (Op::Lt, "1") => true,
        _ => return None,
    };
    let select = bare(subquery)?;
    let [item] = select.projection.as_slice() else { return None };
    let scope = Scope::of(&select.from, case.facts)?;
    let counted = item_expr(item)?;
    let [aggregate] = collect(counted, &scope, case.facts)?.try_into().ok()?;
    let every_row = aggregate.inner(&scope).to_string().eq_ignore_ascii_case("count(*)");
    // A WHERE of the call itself (FILTER) would print after it, and then it is not `count(*)`.
    if !every_row || !case.facts.is_aggregate(counted) {
        return None;
    }
    let wish = correlation(select, &scope).and_then(|Correlation { own, equal }| {
        let [relation] = scope.relations.as_slice() else { return None };
        let keys: Vec<&str> =
            equal.iter().filter_map(|(i, _)| Some(scope.column(i)?.1.name.as_str())).collect();
        let mut reads = Vec::new();
        for condition in own {
            reads.extend(scope.columns(condition)?.iter().map(|(_, c)| c.name.as_str()));
        }
        IndexWish::on(relation.table?, keys, reads)
    });
    Some((exists(select.clone(), negated)?, wish))
}

fn mirrored(op: &Op) -> Option<Op> {
    Some(match op {
        Op::Lt => Op::Gt,
        Op::LtEq => Op::GtEq,
        Op::Gt => Op::Lt,
        Op::GtEq => Op::LtEq,
        Op::Eq => Op::Eq,
        Op::NotEq => Op::NotEq,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn counts_that_only_ask_for_a_row() {
        insta::assert_snapshot!(show(rewrite, "SELECT email FROM users u WHERE (SELECT COUNT(*) FROM orders o WHERE o.user_id = u.id AND o.total > 5) > 0 OR u.id = 1"), @r#"
        SELECT email FROM users u WHERE EXISTS (SELECT 1 FROM orders o WHERE o.user_id = u.id AND o.total > 5) OR u.id = 1
          + index orders (user_id) include (total)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT u.id, 1 > (SELECT count(o.id) FROM orders o WHERE o.user_id = u.id) AS quiet FROM users u"), @r#"
        SELECT u.id, NOT EXISTS (SELECT 1 FROM orders o WHERE o.user_id = u.id) AS quiet FROM users u
          + index orders (user_id)
        "#);
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            "SELECT 1 FROM users u WHERE (SELECT count(*) FROM orders o WHERE o.user_id = u.id) > 1",
            // Counts only rows where the column is not NULL.
            "SELECT 1 FROM users u WHERE (SELECT count(o.total) FROM orders o WHERE o.user_id = u.id) > 0",
            "SELECT 1 FROM users u WHERE (SELECT count(*) FILTER (WHERE o.total > 1) FROM orders o) > 0",
            "SELECT 1 FROM users u WHERE (SELECT count(*) FROM orders o GROUP BY o.user_id) > 0",
            "SELECT 1 FROM users u WHERE (SELECT sum(o.id) FROM orders o) > 0",
            // The column would be called `exists`.
            "SELECT (SELECT count(*) FROM orders) > 0 FROM users",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
