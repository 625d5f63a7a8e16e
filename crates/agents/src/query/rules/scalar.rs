//! What the two rules for scalar aggregate subqueries share: finding them, and knowing what they are
//! correlated with.

use sqlparser::ast::{Expr, Query, Select};

use crate::query::aggregates::{Aggregate, collect, without_aggregates};
use crate::query::case::Case;
use crate::shared::sql::{
    Scope, any_expr, bare, each_expr, filters, from_text, has_subquery, item_expr, plain, where_text,
};

/// A subquery of the SELECT list that returns one aggregate expression for each outer row.
#[derive(Debug)]
pub(super) struct Scalar<'q, 'a> {
    /// The subquery as it stands.
    pub(super) query: &'q Query,
    /// Its SELECT.
    pub(super) select: &'q Select,
    /// What it returns.
    pub(super) expr: &'q Expr,
    /// The aggregate calls in it.
    pub(super) aggregates: Vec<Aggregate>,
    /// Its own tables.
    pub(super) scope: Scope<'a>,
}

impl Scalar<'_, '_> {
    /// Subqueries with equal sources can share one join.
    pub(super) fn source(&self) -> String {
        format!("{}{}", from_text(&self.select.from), where_text(filters(self.select)))
    }
}

/// The outer SELECT and the subqueries of its SELECT list, if it is a plain one that neither groups nor
/// aggregates nor selects `*` (an added join would add columns to that).
pub(super) fn find<'q, 'a>(case: &Case<'a>) -> Option<(&'q Select, Vec<Scalar<'q, 'a>>)>
where
    'a: 'q,
{
    let outer: &'q Select = plain(case.query)?;
    let wildcard =
        outer.projection.iter().any(|item| matches!(item, sqlparser::ast::SelectItem::Wildcard(_)));
    if wildcard || crate::shared::sql::grouping(outer) || outer.having.is_some() || outer.from.is_empty() {
        return None;
    }
    let mut found = Vec::new();
    for item in &outer.projection {
        let Some(expr) = item_expr(item) else { continue };
        let aggregated = any_expr(expr, |e| case.facts.is_aggregate(e) || case.facts.is_window(e));
        if aggregated {
            return None;
        }
        // A branch of CASE that is not taken is not evaluated; a join always is.
        if any_expr(expr, |e| matches!(e, Expr::Case { .. }) && has_subquery(e)) {
            continue;
        }
        subqueries(expr, &mut |query| found.extend(read(query, case)));
    }
    (!found.is_empty()).then_some((outer, found))
}

/// Calls `each` with the scalar subqueries of an expression, not with those inside them.
fn subqueries<'q>(expr: &'q Expr, each: &mut impl FnMut(&'q Query)) {
    match expr {
        Expr::Subquery(query) => each(query),
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } | Expr::UnaryOp { expr: inner, .. } => {
            subqueries(inner, each);
        }
        Expr::BinaryOp { left, right, .. } => {
            subqueries(left, each);
            subqueries(right, each);
        }
        Expr::Function(function) => {
            use sqlparser::ast::{FunctionArg, FunctionArgExpr, FunctionArguments};
            if let FunctionArguments::List(list) = &function.args {
                for arg in &list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg {
                        subqueries(arg, each);
                    }
                }
            }
        }
        _ => {}
    }
}

fn read<'q, 'a>(query: &'q Query, case: &Case<'a>) -> Option<Scalar<'q, 'a>> {
    let select = bare(query)?;
    let [item] = select.projection.as_slice() else { return None };
    let expr = item_expr(item)?;
    if has_subquery(expr) || filters(select).into_iter().any(has_subquery) {
        return None;
    }
    let scope = Scope::of(&select.from, case.facts)?;
    if scope.relations.iter().any(|r| r.table.is_none()) {
        return None;
    }
    let aggregates = collect(expr, &scope, case.facts)?;
    // Exactly one row, whatever the tables hold, needs an aggregate and no GROUP BY.
    if aggregates.is_empty() || uses_inner(&without_aggregates(expr, case.facts), &scope) {
        return None;
    }
    let correlated = filters(select).into_iter().any(|c| uses_outer(c, &scope));
    correlated.then_some(Scalar { query, select, expr, aggregates, scope })
}

/// Whether some column of an expression is one of this scope.
pub(super) fn uses_inner(expr: &Expr, scope: &Scope<'_>) -> bool {
    any_expr(expr, |e| scope.column(e).is_some())
}

/// Whether some column of an expression is not one of this scope.
pub(super) fn uses_outer(expr: &Expr, scope: &Scope<'_>) -> bool {
    let mut outer = false;
    each_expr(expr, false, |e| {
        outer = outer
            || (matches!(e, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) && scope.column(e).is_none());
    });
    outer
}

/// The conditions of a source of rows that depends on outer rows.
#[derive(Debug, Default)]
pub(super) struct Correlation<'q> {
    /// Those on its own tables.
    pub(super) own: Vec<&'q Expr>,
    /// Inner column and outer side of equalities.
    pub(super) equal: Vec<(&'q Expr, &'q Expr)>,
}

/// The conditions of a subquery. Nothing if some condition is neither on its own tables nor an equality of an
/// inner column with an outer expression.
pub(super) fn correlation<'q>(select: &'q Select, scope: &Scope<'_>) -> Option<Correlation<'q>> {
    let mut found = Correlation::default();
    for condition in filters(select) {
        if uses_outer(condition, scope) {
            found.equal.push(equality(condition, scope)?);
        } else {
            found.own.push(condition);
        }
    }
    Some(found)
}

/// The inner column and the outer side of `inner = outer`, in either order.
fn equality<'q>(condition: &'q Expr, scope: &Scope<'_>) -> Option<(&'q Expr, &'q Expr)> {
    let Expr::BinaryOp { left, op: sqlparser::ast::BinaryOperator::Eq, right } = condition else {
        return None;
    };
    for (inner, outer) in [(left, right), (right, left)] {
        if scope.column(inner).is_some() && !uses_inner(outer, scope) && uses_outer(outer, scope) {
            return Some((inner, outer));
        }
    }
    None
}
