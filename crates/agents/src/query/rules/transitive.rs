//! A condition on one side of an equality between columns is put on the other side too, so that both tables are
//! narrowed before they are joined, and partitions without such rows are not read.
//!
//! Right because equal values of one type and collation compare alike with any third. The server does this for `=`, not for
//! ranges and lists. Source: Levy, Mumick and Sagiv, "Query Optimization by Predicate Move-Around" (VLDB 1994).

use sqlparser::ast::{BinaryOperator as Op, Expr, JoinConstraint, JoinOperator, Select};

use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{
    IndexWish, Scope, all_of, conjuncts, filters, inner_on, joinable, plain, plain_mut, replace, unwrapped,
};

/// Most conditions that are added.
const MOST: usize = 8;

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

/// Where a condition stands: in the ON clause of this join, in order of appearance, if that is an outer one. Others hold in
/// every row of the answer, wherever they stand.
type Place = Option<usize>;

/// Two columns that are equal, as they are written.
struct Equality<'a> {
    sides: [&'a Expr; 2],
    place: Place,
}

/// What a SELECT says.
struct Said<'a> {
    scope: Scope<'a>,
    conditions: Vec<(Place, Expr)>,
    equalities: Vec<Equality<'a>>,
    /// The right side of each join.
    right_sides: Vec<usize>,
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let select = plain(case.query)?;
    let said = Said::read(select, Scope::of(&select.from, case.facts)?)?;
    let mut conditions = said.conditions.clone();
    let mut wishes: Vec<IndexWish> = Vec::new();
    let mut at = 0;
    // What is added for good is looked at again: a = b, b = c.
    while at < conditions.len() && conditions.len() < said.conditions.len() + MOST {
        if let (None, condition) = conditions[at].clone() {
            for (new, wish) in said.consequences(&condition) {
                if !conditions.contains(&new) {
                    conditions.push(new);
                    wishes.extend(wish.filter(|wish| !wishes.contains(wish)));
                }
            }
        }
        at += 1;
    }
    let added = conditions.get(said.conditions.len()..).filter(|added| !added.is_empty())?;
    let of = |place: Place| added.iter().filter(move |(p, _)| *p == place).map(|(_, e)| e.clone());
    let mut query = case.query.clone();
    let body = plain_mut(&mut query)?;
    body.selection = all_of(filters(select).into_iter().cloned().chain(of(None)));
    for (at, join) in body.from.iter_mut().flat_map(|item| &mut item.joins).enumerate() {
        if let JoinOperator::Left(JoinConstraint::On(on)) | JoinOperator::LeftOuter(JoinConstraint::On(on)) =
            &mut join.join_operator
            && of(Some(at)).next().is_some()
        {
            *on = all_of(conjuncts(on).into_iter().cloned().chain(of(Some(at))))?;
        }
    }
    let told: Vec<String> = added.iter().map(|(_, e)| e.to_string()).collect();
    Some(Rewrite {
        rule: "condition_on_both_sides",
        title: "conditions put on both sides of a join",
        because: format!(
            "{} follows from what is asked already, since the columns are equal",
            told.join(" and ")
        ),
        query,
        indexes: wishes,
    })
}

impl<'a> Said<'a> {
    fn read(select: &'a Select, scope: Scope<'a>) -> Option<Self> {
        let mut all: Vec<(Place, &Expr)> = filters(select).into_iter().map(|e| (None, e)).collect();
        let (mut right_sides, mut place, mut joins) = (Vec::new(), 0, 0);
        for item in &select.from {
            for join in &item.joins {
                place += 1;
                right_sides.push(place);
                match (&join.join_operator, inner_on(&join.join_operator)) {
                    (_, Some(on)) => all.extend(conjuncts(on).into_iter().map(|e| (None, e))),
                    (JoinOperator::CrossJoin(_), _) => {}
                    (
                        JoinOperator::Left(JoinConstraint::On(on))
                        | JoinOperator::LeftOuter(JoinConstraint::On(on)),
                        _,
                    ) => all.extend(conjuncts(on).into_iter().map(|e| (Some(joins), e))),
                    // What holds inside these need not hold in the answer.
                    _ => return None,
                }
                joins += 1;
            }
            place += 1;
        }
        let equalities = all.iter().filter_map(|(place, e)| equality(&scope, e, *place)).collect();
        let conditions = all.into_iter().map(|(place, e)| (place, e.clone())).collect();
        Some(Self { scope, conditions, equalities, right_sides })
    }

    /// What a condition that always holds says about other columns, and the index that would serve it.
    fn consequences(&self, condition: &Expr) -> Vec<((Place, Expr), Option<IndexWish>)> {
        let Some(narrowed) = narrows(&self.scope, condition) else { return Vec::new() };
        let Some((relation, column)) = self.scope.column(&narrowed) else { return Vec::new() };
        let mut found = Vec::new();
        for Equality { sides: [one, other], place } in &self.equalities {
            for (from, to) in [(*one, *other), (*other, *one)] {
                let (Some(from), Some((target, named))) = (self.scope.column(from), self.scope.column(to))
                else {
                    continue;
                };
                // Of an outer join only the side that may be missing: rows of the other are kept whatever ON says.
                let here = place.is_none_or(|join| self.right_sides.get(join) == Some(&target));
                if (from.0, &from.1.name) == (relation, &column.name)
                    && column.type_name == named.type_name
                    && here
                {
                    let mut moved = condition.clone();
                    replace(&mut moved, |e| (*e == narrowed).then(|| to.clone()));
                    let table = self.scope.relations[target].table;
                    let wish = table.and_then(|table| IndexWish::on(table, [named.name.as_str()], []));
                    found.push(((*place, moved), wish));
                }
            }
        }
        found
    }
}

/// Two different columns that a condition says are equal, and that compare alike.
fn equality<'a>(scope: &Scope<'_>, condition: &'a Expr, place: Place) -> Option<Equality<'a>> {
    let Expr::BinaryOp { left, op: Op::Eq, right } = condition else { return None };
    let sides = [unwrapped(left), unwrapped(right)];
    let ((one, a), (other, b)) = (scope.column(sides[0])?, scope.column(sides[1])?);
    (one != other && joinable(a, b)).then_some(Equality { sides, place })
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
            "SELECT 1 FROM users u LEFT JOIN orders o ON o.user_id = u.id AND o.user_id > 3 WHERE u.id > 3",
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
