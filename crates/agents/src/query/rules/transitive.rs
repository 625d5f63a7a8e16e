//! A condition on one side of an equality between columns is put on the other side too, so that both tables are
//! narrowed before they are joined, and partitions without such rows are not read.
//!
//! Right because equal values of one type and collation compare alike with any third. The server does this for `=`, not for
//! ranges and lists. Source: Levy, Mumick and Sagiv, "Query Optimization by Predicate Move-Around" (VLDB 1994).

use sqlparser::ast::{BinaryOperator as Op, Expr, JoinConstraint, JoinOperator};

use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{
    IndexWish, Scope, all_of, conjuncts, filters, inner_on, plain, plain_mut, replace, unwrapped,
};

/// Most conditions that are added.
const MOST: usize = 8;

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

/// Two columns that are equal, as they are written, and the outer join after which they may not be.
struct Equality<'a> {
    sides: [&'a Expr; 2],
    /// The join, in order of appearance, whose ON clause says so, if it is an outer one: its right side is narrowed.
    outer: Option<usize>,
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let select = plain(case.query)?;
    let scope = Scope::of(&select.from, case.facts)?;
    let mut always: Vec<&Expr> = filters(select);
    let mut equalities = Vec::new();
    for (at, join) in select.from.iter().flat_map(|item| &item.joins).enumerate() {
        if let Some(on) = inner_on(&join.join_operator) {
            always.extend(conjuncts(on));
            continue;
        }
        match &join.join_operator {
            JoinOperator::CrossJoin(_) => {}
            JoinOperator::Left(JoinConstraint::On(on)) | JoinOperator::LeftOuter(JoinConstraint::On(on)) => {
                equalities.extend(conjuncts(on).into_iter().filter_map(|e| equality(&scope, e, Some(at))));
            }
            // What holds inside these need not hold in the answer.
            _ => return None,
        }
    }
    equalities.extend(always.iter().filter_map(|e| equality(&scope, e, None)));
    let mut known: Vec<Expr> = always.into_iter().cloned().collect();
    let (mut inside, mut below): (Vec<Expr>, Vec<(usize, Expr)>) = (Vec::new(), Vec::new());
    let mut wishes: Vec<IndexWish> = Vec::new();
    let mut at = 0;
    // What is added for good is looked at again: a = b, b = c.
    while at < known.len() && inside.len() + below.len() < MOST {
        let condition = known[at].clone();
        at += 1;
        let Some(narrowed) = narrows(&scope, &condition) else { continue };
        for Equality { sides, outer } in &equalities {
            for (from, to) in [(sides[0], sides[1]), (sides[1], sides[0])] {
                let (Some((_, have)), Some((relation, target))) = (scope.column(from), scope.column(to))
                else {
                    continue;
                };
                if scope.column(&narrowed).map(|(r, c)| (r, &c.name))
                    != scope.column(from).map(|(r, c)| (r, &c.name))
                    || have.type_name != target.type_name
                {
                    continue;
                }
                let mut moved = condition.clone();
                replace(&mut moved, |e| (*e == narrowed).then(|| to.clone()));
                match outer {
                    None if !known.contains(&moved) => {
                        known.push(moved.clone());
                        inside.push(moved);
                    }
                    // Only the side that may be missing: rows of the other one are kept whatever ON says.
                    Some(join) if nullable_by(&scope, select, *join, relation) => {
                        if below.iter().any(|(j, e)| j == join && *e == moved) {
                            continue;
                        }
                        below.push((*join, moved));
                    }
                    _ => continue,
                }
                wishes.extend(
                    scope.relations[relation]
                        .table
                        .and_then(|table| IndexWish::on(table, [target.name.as_str()], [])),
                );
            }
        }
    }
    let added: Vec<String> = inside.iter().chain(below.iter().map(|(_, e)| e)).map(Expr::to_string).collect();
    if added.is_empty() {
        return None;
    }
    let mut query = case.query.clone();
    let body = plain_mut(&mut query)?;
    let kept: Vec<Expr> = filters(select).into_iter().cloned().chain(inside).collect();
    body.selection = all_of(kept);
    for (at, join) in body.from.iter_mut().flat_map(|item| &mut item.joins).enumerate() {
        let more: Vec<Expr> = below.iter().filter(|(join, _)| *join == at).map(|(_, e)| e.clone()).collect();
        if let JoinOperator::Left(JoinConstraint::On(on)) | JoinOperator::LeftOuter(JoinConstraint::On(on)) =
            &mut join.join_operator
            && !more.is_empty()
        {
            *on = all_of(conjuncts(on).into_iter().cloned().chain(more))?;
        }
    }
    wishes.dedup();
    Some(Rewrite {
        rule: "condition_on_both_sides",
        title: "conditions put on both sides of a join",
        because: format!(
            "{} follows from what is asked already, since the columns are equal",
            added.join(" and ")
        ),
        query,
        indexes: wishes,
    })
}

/// Two different columns that a condition says are equal, and that compare alike.
fn equality<'a>(scope: &Scope<'_>, condition: &'a Expr, outer: Option<usize>) -> Option<Equality<'a>> {
    let Expr::BinaryOp { left, op: Op::Eq, right } = condition else { return None };
    let sides = [unwrapped(left), unwrapped(right)];
    let ((one, a), (other, b)) = (scope.column(sides[0])?, scope.column(sides[1])?);
    (one != other && crate::shared::sql::joinable(a, b)).then_some(Equality { sides, outer })
}

/// The column that a range or a list of constants narrows, as it is written.
fn narrows(scope: &Scope<'_>, condition: &Expr) -> Option<Expr> {
    let constant = |e: &Expr| scope.columns(e).is_some_and(|columns| columns.is_empty());
    let (column, fits) = match condition {
        Expr::BinaryOp { left, op: Op::Lt | Op::LtEq | Op::Gt | Op::GtEq, right } => {
            if constant(right) {
                (left, true)
            } else {
                (right, constant(left))
            }
        }
        Expr::Between { expr, negated: false, low, high } => (expr, constant(low) && constant(high)),
        Expr::InList { expr, list, negated: false } => (expr, list.iter().all(constant)),
        _ => return None,
    };
    let column = unwrapped(column);
    scope.column(column)?;
    fits.then(|| column.clone())
}

/// Whether a relation is the right side of a join, counted over the whole FROM clause.
fn nullable_by(scope: &Scope<'_>, select: &sqlparser::ast::Select, join: usize, relation: usize) -> bool {
    let mut place = 0;
    let mut seen = 0;
    for item in &select.from {
        for within in 0..item.joins.len() {
            if seen == join {
                return place + within + 1 == relation && scope.relations[relation].nullable;
            }
            seen += 1;
        }
        place += item.joins.len() + 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn ranges_and_lists_go_to_the_other_side() {
        insta::assert_snapshot!(show(rewrite, "SELECT o.total, i.price FROM orders o JOIN items i ON i.order_id = o.id WHERE o.id BETWEEN $1 AND $2"), @r"
        SELECT o.total, i.price FROM orders o JOIN items i ON i.order_id = o.id WHERE o.id BETWEEN $1 AND $2 AND i.order_id BETWEEN $1 AND $2
          + index items (order_id)
        ");
        insta::assert_snapshot!(show(rewrite, "SELECT 1 FROM users u, orders o, items i WHERE u.id = o.user_id AND i.order_id = u.id AND 5 < u.id"), @r"
        SELECT 1 FROM users u, orders o, items i WHERE u.id = o.user_id AND i.order_id = u.id AND 5 < u.id AND 5 < o.user_id AND 5 < i.order_id
          + index orders (user_id)
          + index items (order_id)
        ");
        insta::assert_snapshot!(show(rewrite, "SELECT u.id, o.id FROM users u LEFT JOIN orders o ON o.user_id = u.id AND o.total > 3 WHERE u.id IN (1, $1)"), @r"
        SELECT u.id, o.id FROM users u LEFT JOIN orders o ON o.user_id = u.id AND o.total > 3 AND o.user_id IN (1, $1) WHERE u.id IN (1, $1)
          + index orders (user_id)
        ");
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            // The server does this itself.
            "SELECT 1 FROM orders o JOIN items i ON i.order_id = o.id WHERE o.id = 3",
            // Already there.
            "SELECT 1 FROM orders o JOIN items i ON i.order_id = o.id WHERE o.id > 3 AND i.order_id > 3",
            // Users without orders have no order's reference.
            "SELECT 1 FROM users u LEFT JOIN orders o ON o.user_id = u.id AND o.user_id > 3",
            "SELECT 1 FROM users u FULL JOIN orders o ON o.user_id = u.id WHERE u.id > 3",
            // Not equal, or not always.
            "SELECT 1 FROM orders o JOIN items i ON i.order_id < o.id WHERE o.id > 3",
            "SELECT 1 FROM orders o JOIN items i ON i.order_id = o.id OR true WHERE o.id > 3",
            // Other types may compare in another way.
            "SELECT 1 FROM items i JOIN orders o ON i.quantity = o.id WHERE o.id > 3",
            // Nothing to narrow by.
            "SELECT 1 FROM orders o JOIN items i ON i.order_id = o.id WHERE o.id > i.id",
            "SELECT 1 FROM orders o JOIN items i ON i.order_id = o.id WHERE o.id IN (SELECT id FROM users)",
            "SELECT 1 FROM orders o JOIN items i ON i.order_id = o.id WHERE o.id NOT IN (1, 2)",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
