//! An inner join with a table of which nothing is read but the key that a foreign key points at is removed: every row
//! has exactly one partner, unless its reference is NULL.
//!
//! Right if the foreign key holds at every moment and no policy hides rows of the partner. The server removes only outer
//! joins. Source: King, "QUIST: a system for semantic query optimization in relational databases" (VLDB 1981).

use sqlparser::ast::{BinaryOperator as Op, Expr, Ident, Select, SelectItem};

use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{
    Scope, all_of, conjuncts, each_expr, filters, fold, inner_on, plain, plain_mut, points_at, unwrapped,
};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let select = plain(case.query)?;
    let [from] = select.from.as_slice() else { return None };
    let conditions: Vec<&Expr> =
        from.joins.iter().map(|join| inner_on(&join.join_operator)).collect::<Option<_>>()?;
    let names_all =
        |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    if select.projection.iter().any(names_all) {
        return None;
    }
    let scope = Scope::of(&select.from, case.facts)?;
    // The first of FROM stays: all others are each one join.
    (0..conditions.len()).find_map(|at| remove(case, select, &scope, at, conditions[at]))
}

fn remove(case: &Case<'_>, select: &Select, scope: &Scope<'_>, at: usize, on: &Expr) -> Option<Rewrite> {
    let gone = at + 1;
    let partner = scope.relations.get(gone)?;
    let table = partner.table?;
    let [Expr::BinaryOp { left, op: Op::Eq, right }] = conjuncts(on)[..] else { return None };
    let (reference, key) = [(left, right), (right, left)]
        .into_iter()
        .find(|(_, key)| scope.column(key).is_some_and(|(r, _)| r == gone))?;
    let ((home, from), (_, to)) = (scope.column(unwrapped(reference))?, scope.column(unwrapped(key))?);
    let pointing = points_at(scope.relations.get(home)?.table?, &from.name)?;
    if home == gone
        || pointing != (table.schema.as_str(), table.name.as_str(), to.name.as_str())
        || case.facts.secured(table)
        || mentions(case, &partner.alias, table) > 1
    {
        return None;
    }
    let mut rewritten = case.query.clone();
    let body = plain_mut(&mut rewritten)?;
    body.from.first_mut()?.joins.remove(at);
    let mut kept: Vec<Expr> = filters(select).into_iter().cloned().collect();
    if !from.not_null {
        kept.push(Expr::IsNotNull(Box::new(reference.as_ref().clone())));
    }
    body.selection = all_of(kept);
    Some(Rewrite {
        rule: "join_by_key_removed",
        title: "join removed",
        because: format!(
            "every {}{} is exactly one {}.{} by a foreign key, and nothing else of {} is read",
            from.name,
            if from.not_null { "" } else { " that is not NULL" },
            table.name,
            to.name,
            table.name
        ),
        query: rewritten,
        indexes: Vec::new(),
    })
}

/// How often a column of the partner may be meant, subqueries included.
fn mentions(case: &Case<'_>, alias: &str, table: &pgverse_core::types::Table) -> usize {
    let mut count = 0;
    each_expr(case.query, true, |e| match e {
        Expr::Identifier(name) => count += usize::from(may_mean(name, alias, table)),
        Expr::CompoundIdentifier(parts) => {
            count += usize::from(parts.iter().take(parts.len() - 1).any(|part| fold(part) == alias));
        }
        Expr::QualifiedWildcard(..) | Expr::CompoundFieldAccess { .. } => count += 2,
        _ => {}
    });
    count
}

/// A column without a qualifier, or the whole row.
fn may_mean(name: &Ident, alias: &str, table: &pgverse_core::types::Table) -> bool {
    let name = fold(name);
    name == alias || table.column(&name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn a_partner_of_which_only_the_key_is_read_goes() {
        insta::assert_snapshot!(show(rewrite, "SELECT o.id, o.total FROM orders o JOIN users u ON u.id = o.user_id WHERE o.status = $1 OR o.total > 3"), @"SELECT o.id, o.total FROM orders o WHERE (o.status = $1 OR o.total > 3) AND o.user_id IS NOT NULL");
        insta::assert_snapshot!(show(rewrite, "SELECT count(*) FROM items i JOIN orders o ON i.order_id = o.id JOIN users u ON u.id = o.user_id WHERE u.country = 'NZ'"), @"silent");
        insta::assert_snapshot!(show(rewrite, "SELECT sum(i.quantity) FROM items i INNER JOIN orders o ON i.order_id = o.id"), @"SELECT sum(i.quantity) FROM items i");
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            "SELECT o.id, u.email FROM orders o JOIN users u ON u.id = o.user_id",
            "SELECT o.id FROM orders o JOIN users u ON u.id = o.user_id ORDER BY u.email",
            "SELECT o.id FROM orders o JOIN users u ON u.id = o.user_id AND u.country = 'NZ'",
            "SELECT o.id FROM orders o LEFT JOIN users u ON u.id = o.user_id",
            // Not by the foreign key.
            "SELECT o.id FROM orders o JOIN users u ON u.id = o.id",
            // What may be a column of it.
            "SELECT * FROM orders o JOIN users u ON u.id = o.user_id",
            "SELECT o.total, email FROM orders o JOIN users u ON u.id = o.user_id",
            "SELECT o.id FROM orders o JOIN users u ON u.id = o.user_id WHERE EXISTS (SELECT 1 FROM items i WHERE i.order_id = u.id)",
            // A user may have any number of orders.
            "SELECT u.id FROM users u JOIN orders o ON u.id = o.user_id",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
