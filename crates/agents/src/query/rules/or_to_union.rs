//! `A OR B` over different columns becomes `… A UNION ALL … B AND (A) IS NOT TRUE`, so that each branch can use
//! an index of its own; across tables no single index scan could.
//!
//! Right because the guard keeps a row that satisfies both out of the second branch, also where A is unknown;
//! grouping, aggregates, DISTINCT, windows and LIMIT, which look at all rows together, are left alone.
//!
//! Source: Muralikrishna and DeWitt, "Optimization of Multiple-Relation Multiple-Disjunct Queries" (PODS 1988).

use std::collections::BTreeSet;

use sqlparser::ast::{
    BinaryOperator as Op, Expr, OrderByExpr, OrderByKind, Select, SelectItem, SetExpr, SetOperator,
    SetQuantifier,
};

use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{
    IndexWish, Scope, all_of, any_expr, conjuncts, expression, filters, fold, grouping, inner_on, item_expr,
    limit, name_ast, order_by, output_name, plain, unwrapped,
};

/// Most branches.
const MOST: usize = 3;

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let select = plain(case.query)?;
    let together =
        select.distinct.is_some() || grouping(select) || select.having.is_some() || limit(case.query);
    if together || !row_by_row(select, case) {
        return None;
    }
    let scope = Scope::of(&select.from, case.facts)?;
    let conditions = filters(select);
    let (place, branches, columns) = conditions.iter().enumerate().find_map(|(place, condition)| {
        let branches = disjuncts(condition);
        let columns: Vec<(usize, &str)> =
            branches.iter().map(|b| searchable(b, &scope)).collect::<Option<_>>()?;
        let different = columns.iter().collect::<BTreeSet<_>>().len() == columns.len();
        ((2..=MOST).contains(&branches.len()) && different).then_some((place, branches, columns))
    })?;

    let mut selects = branches.iter().enumerate().map(|(number, branch)| {
        let others = conditions.iter().enumerate().filter(|(i, _)| *i != place).map(|(_, c)| (*c).clone());
        let earlier = branches
            .iter()
            .take(number)
            .map(|b| Expr::IsNotTrue(Box::new(Expr::Nested(Box::new((*b).clone())))));
        let mut one = select.clone();
        one.selection = all_of(others.chain([(*branch).clone()]).chain(earlier));
        SetExpr::Select(Box::new(one))
    });
    let first = selects.next()?;
    let body = selects.fold(first, |left, right| SetExpr::SetOperation {
        left: Box::new(left),
        op: SetOperator::Union,
        set_quantifier: SetQuantifier::All,
        right: Box::new(right),
    });
    let keys = order_by(case.query)
        .iter()
        .map(|key| order_key(key, select, &scope))
        .collect::<Option<Vec<OrderByExpr>>>()?;
    let mut query = case.query.clone();
    *query.body = body;
    if let Some(order) = &mut query.order_by {
        order.kind = OrderByKind::Expressions(keys);
    }
    Some(Rewrite {
        rule: "or_to_union_all",
        title: "OR as UNION ALL",
        because: "each later branch skips the rows of the earlier ones, also where those are unknown"
            .to_owned(),
        query,
        indexes: wishes(select, &scope, &columns),
    })
}

fn row_by_row(select: &Select, case: &Case<'_>) -> bool {
    select.projection.iter().filter_map(item_expr).all(|expr| {
        !any_expr(expr, |e| {
            case.facts.is_aggregate(e) || case.facts.is_window(e) || case.facts.returns_set(e)
        })
    })
}

fn disjuncts(expr: &Expr) -> Vec<&Expr> {
    match unwrapped(expr) {
        Expr::BinaryOp { left, op: Op::Or, right } => {
            let mut all = disjuncts(left);
            all.extend(disjuncts(right));
            all
        }
        other => vec![other],
    }
}

/// A column that an index could search for one branch: compared with something that holds no column.
fn searchable<'a>(branch: &Expr, scope: &Scope<'a>) -> Option<(usize, &'a str)> {
    scope.uses(branch)?;
    let constant = |e: &Expr| scope.uses(e).is_some_and(|used| used.is_empty());
    conjuncts(branch).into_iter().find_map(|condition| {
        let column = match condition {
            Expr::BinaryOp { left, op: Op::Eq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq, right } => {
                if constant(right) {
                    left
                } else if constant(left) {
                    right
                } else {
                    return None;
                }
            }
            Expr::InList { expr, list, negated: false } if list.iter().all(constant) => expr,
            Expr::Between { expr, negated: false, low, high } if constant(low) && constant(high) => expr,
            _ => return None,
        };
        let (relation, column) = scope.column(unwrapped(column))?;
        Some((relation, column.name.as_str()))
    })
}

/// A sort key of a UNION must name an output column.
fn order_key(key: &OrderByExpr, select: &Select, scope: &Scope<'_>) -> Option<OrderByExpr> {
    let expr = match unwrapped(&key.expr) {
        Expr::Value(_) => key.expr.clone(),
        expr => {
            let names: Vec<Option<String>> = select.projection.iter().map(output_name).collect();
            // A bare name means an output column first, an input column only if there is no such.
            let alias = match expr {
                Expr::Identifier(key) => names.iter().position(|n| n.as_ref() == Some(&fold(key))),
                _ => None,
            };
            let same = |item: &SelectItem| {
                let same_column = || {
                    let (key, item) = (scope.column(expr)?, scope.column(item_expr(item)?)?);
                    Some(key.0 == item.0 && key.1.name == item.1.name)
                };
                item_expr(item).is_some_and(|i| i.to_string() == expr.to_string())
                    || same_column() == Some(true)
            };
            let place = alias.or_else(|| select.projection.iter().position(same));
            match (place, select.projection.as_slice()) {
                (Some(place), all) if all.iter().all(|i| item_expr(i).is_some()) => {
                    // An output name that occurs twice would be ambiguous; its number is not.
                    let unique = names.iter().filter(|n| **n == names[place]).count() == 1;
                    match (&names[place], unique) {
                        (Some(name), true) => Expr::Identifier(name_ast(name)),
                        _ => expression(&(place + 1).to_string())?,
                    }
                }
                (None, [SelectItem::Wildcard(_)]) if scope.relations.len() == 1 => {
                    Expr::Identifier(name_ast(&scope.column(expr)?.1.name))
                }
                _ => return None,
            }
        }
    };
    Some(OrderByExpr { expr, options: key.options.clone(), with_fill: None })
}

/// An index for each branch, and where there are several tables, one for each way through a join.
fn wishes(select: &Select, scope: &Scope<'_>, columns: &[(usize, &str)]) -> Vec<IndexWish> {
    let mut wishes = Vec::new();
    let mut wish = |relation: usize, column: &str| {
        let found = scope.relations[relation].table.and_then(|t| IndexWish::on(t, [column], []));
        if let Some(found) = found
            && !wishes.contains(&found)
        {
            wishes.push(found);
        }
    };
    for (relation, column) in columns {
        wish(*relation, column);
    }
    if scope.relations.len() > 1 {
        let joins = select.from.iter().flat_map(|f| &f.joins).filter_map(|j| inner_on(&j.join_operator));
        for condition in joins.flat_map(conjuncts).chain(filters(select)) {
            if let Expr::BinaryOp { left, op: Op::Eq, right } = condition
                && let (Some(left), Some(right)) = (scope.column(left), scope.column(right))
            {
                wish(left.0, &left.1.name);
                wish(right.0, &right.1.name);
            }
        }
    }
    wishes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn branches_do_not_overlap() {
        insta::assert_snapshot!(show(rewrite, "SELECT o.id, u.email, o.total FROM orders o JOIN users u ON u.id = o.user_id WHERE u.email = $1 OR o.coupon = $2 ORDER BY o.id DESC"), @r#"
        SELECT o.id, u.email, o.total FROM orders o JOIN users u ON u.id = o.user_id WHERE u.email = $1 UNION ALL SELECT o.id, u.email, o.total FROM orders o JOIN users u ON u.id = o.user_id WHERE o.coupon = $2 AND ((u.email = $1) IS NOT TRUE) ORDER BY id DESC
          + index users (email)
          + index orders (coupon)
          + index orders (user_id)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT * FROM orders WHERE total > 5 AND (user_id = 1 OR coupon = 'x' AND status = 'a' OR id IN (1, 2)) ORDER BY orders.created_at, 1"), @r#"
        SELECT * FROM orders WHERE total > 5 AND user_id = 1 UNION ALL SELECT * FROM orders WHERE total > 5 AND coupon = 'x' AND status = 'a' AND ((user_id = 1) IS NOT TRUE) UNION ALL SELECT * FROM orders WHERE total > 5 AND id IN (1, 2) AND ((user_id = 1) IS NOT TRUE) AND ((coupon = 'x' AND status = 'a') IS NOT TRUE) ORDER BY created_at, 1
          + index orders (user_id)
          + index orders (coupon)
        "#);
    }

    #[test]
    fn sort_keys_name_output_columns() {
        insta::assert_snapshot!(show(rewrite, "SELECT id, total AS t, user_id AS id FROM orders WHERE user_id = 1 OR coupon = 'x' ORDER BY total, orders.id"), @r#"
        SELECT id, total AS t, user_id AS id FROM orders WHERE user_id = 1 UNION ALL SELECT id, total AS t, user_id AS id FROM orders WHERE coupon = 'x' AND ((user_id = 1) IS NOT TRUE) ORDER BY t, 1
          + index orders (user_id)
          + index orders (coupon)
        "#);
    }

    #[test]
    fn an_output_name_comes_before_an_input_column() {
        let text = show(
            rewrite,
            "SELECT id AS x, user_id AS id FROM orders WHERE user_id = 1 OR coupon = 'x' ORDER BY id",
        );
        assert!(text.contains("ORDER BY id\n"), "{text}");
        let text = show(
            rewrite,
            "SELECT id AS x, user_id AS id FROM orders WHERE user_id = 1 OR coupon = 'x' ORDER BY orders.id",
        );
        assert!(text.contains("ORDER BY x\n"), "{text}");
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            "SELECT count(*) FROM orders WHERE user_id = 1 OR coupon = 'x'",
            "SELECT DISTINCT id FROM orders WHERE user_id = 1 OR coupon = 'x'",
            "SELECT id FROM orders WHERE user_id = 1 OR coupon = 'x' LIMIT 3",
            "SELECT status FROM orders WHERE user_id = 1 OR coupon = 'x' GROUP BY status",
            "SELECT row_number() OVER () FROM orders WHERE user_id = 1 OR coupon = 'x'",
            // The same column: one index scan does it.
            "SELECT id FROM orders WHERE user_id = 1 OR user_id = 7",
            // No index could search.
            "SELECT id FROM orders WHERE user_id = 1 OR coupon <> 'x'",
            "SELECT id FROM orders WHERE user_id = 1 OR coupon = status",
            // Not an output column.
            "SELECT id FROM orders WHERE user_id = 1 OR coupon = 'x' ORDER BY total",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
