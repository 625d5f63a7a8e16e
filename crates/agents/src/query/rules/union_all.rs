//! UNION over branches that have no row in common, and none twice, becomes UNION ALL: nothing is sorted or hashed, and LIMIT
//! stops early.
//!
//! Right if each branch reads one table with a key among its columns, and a column of constants differs from branch to
//! branch. Source: Galindo-Legaria and Joshi, "Orthogonal Optimization of Subqueries and Aggregation" (SIGMOD 2001), keys;
//! Pirahesh, Hellerstein and Hasan, "Extensible/Rule Based Query Rewrite Optimization in Starburst" (SIGMOD 1992).

use std::collections::BTreeSet;

use pgverse_core::types::{Column, Table};
use sqlparser::ast::{Expr, Select, SelectItem, SetExpr, SetOperator, SetQuantifier, Value};

use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{
    Scope, any_expr, grouping, has_key, item_expr, joinable, plain_body, standard, unwrapped,
};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    if !standard(case.query) {
        return None;
    }
    let mut branches = Vec::new();
    collect(&case.query.body, &mut branches)?;
    let width = branches.first()?.projection.len();
    if branches.len() < 2 || branches.iter().any(|b| b.projection.len() != width) {
        return None;
    }
    let columns: Vec<_> = branches.iter().map(|branch| columns(case, branch)).collect::<Option<_>>()?;
    // A conversion to a common type could make two values one.
    let alike = |place: usize| {
        let mut all = columns.iter().map(|(_, columns)| columns[place]);
        let first = all.next().flatten();
        first.is_some_and(|first| all.all(|other| other.is_some_and(|other| joinable(first, other))))
    };
    let places: Vec<usize> = (0..width).filter(|&place| alike(place)).collect();
    let keyed = columns.iter().all(|(table, columns)| {
        let names: Vec<&str> = places.iter().filter_map(|&at| Some(columns[at]?.name.as_str())).collect();
        has_key(table, &names)
    });
    if !keyed {
        return None;
    }
    let place = (0..width).find(|&place| {
        let labels: Option<BTreeSet<Label>> = branches.iter().map(|b| label(&b.projection[place])).collect();
        let labels = labels.unwrap_or_default();
        let texts = labels.iter().filter(|l| matches!(l, Label::Text(_))).count();
        // Of one type, so that none is read in another way.
        labels.len() == branches.len() && (texts == 0 || texts == labels.len())
    })?;
    let mut query = case.query.clone();
    keep_all(&mut query.body);
    Some(Rewrite {
        rule: "union_to_union_all",
        title: "UNION ALL",
        because: format!(
            "each branch has a key of its table among its columns, and column {} differs from branch to branch",
            place + 1
        ),
        query,
        indexes: Vec::new(),
    })
}

/// The branches of UNIONs and of nothing else.
fn collect<'q>(body: &'q SetExpr, branches: &mut Vec<&'q Select>) -> Option<()> {
    match body {
        SetExpr::SetOperation {
            op: SetOperator::Union,
            set_quantifier: SetQuantifier::None | SetQuantifier::Distinct,
            left,
            right,
        } => {
            collect(left, branches)?;
            collect(right, branches)
        }
        other => {
            branches.push(plain_body(other)?);
            Some(())
        }
    }
}

fn keep_all(body: &mut SetExpr) {
    if let SetExpr::SetOperation { set_quantifier, left, right, .. } = body {
        *set_quantifier = SetQuantifier::All;
        keep_all(left);
        keep_all(right);
    }
}

/// The column that each place of a branch is, and its table; nothing unless it reads one table row by row.
fn columns<'a>(case: &Case<'a>, select: &Select) -> Option<(&'a Table, Vec<Option<&'a Column>>)> {
    if grouping(select) || select.having.is_some() {
        return None;
    }
    let scope = Scope::of(&select.from, case.facts)?;
    let [relation] = scope.relations.as_slice() else { return None };
    let column = |item: &SelectItem| {
        let expr = item_expr(item)?;
        let rows = any_expr(expr, |e| case.facts.is_aggregate(e) || case.facts.returns_set(e));
        (!rows).then(|| scope.column(unwrapped(expr)).map(|(_, column)| column))
    };
    Some((relation.table?, select.projection.iter().map(column).collect::<Option<_>>()?))
}

/// A constant that differs from every other of its kind.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Text(String),
    Number(i64),
}

fn label(item: &SelectItem) -> Option<Label> {
    let Expr::Value(value) = unwrapped(item_expr(item)?) else { return None };
    match &value.value {
        Value::SingleQuotedString(text) => Some(Label::Text(text.clone())),
        Value::Number(digits, _) => digits.parse().ok().map(Label::Number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn branches_with_keys_and_labels() {
        insta::assert_snapshot!(show(rewrite, "SELECT 'order' AS kind, id, total FROM orders WHERE total > $1 UNION SELECT 'item', id, price FROM items ORDER BY 2 LIMIT 5"), @"SELECT 'order' AS kind, id, total FROM orders WHERE total > $1 UNION ALL SELECT 'item', id, price FROM items ORDER BY 2 LIMIT 5");
        insta::assert_snapshot!(show(rewrite, "SELECT id, 1 FROM users UNION DISTINCT SELECT id, 2 FROM orders UNION SELECT id, 3 FROM orders"), @"SELECT id, 1 FROM users UNION ALL SELECT id, 2 FROM orders UNION ALL SELECT id, 3 FROM orders");
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            // The same row in both.
            "SELECT id FROM users UNION SELECT id FROM orders",
            "SELECT 'a', id FROM users UNION SELECT 'a', id FROM orders",
            // Two keys could become one as floating point numbers.
            "SELECT 'a', id FROM users UNION SELECT 'b', score FROM orders",
            // The same row twice in one.
            "SELECT 'a', country FROM users UNION SELECT 'b', status FROM orders",
            "SELECT 'a', u.id FROM users u JOIN orders o ON o.user_id = u.id UNION SELECT 'b', id FROM orders",
            "SELECT 'a', id, generate_series(1, 2) * 0 FROM users UNION SELECT 'b', id, 0 FROM orders",
            // '1' and '01' are one number.
            "SELECT '1', id FROM users UNION SELECT '01', id FROM orders UNION SELECT 2, id FROM items",
            "SELECT 1, id FROM users UNION SELECT 1.0, id FROM orders",
            "SELECT 'a', id FROM users UNION ALL SELECT 'b', id FROM orders",
            "SELECT 'a', id FROM users EXCEPT SELECT 'b', id FROM orders",
            "(SELECT 'a', id FROM users LIMIT 1) UNION SELECT 'b', id FROM orders",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
