//! Plain SELECTs: those that use only clauses whose meaning the rules know.

use sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, JoinConstraint, JoinOperator, LimitClause, OrderByExpr, OrderByKind,
    Query, Select, SelectFlavor, SelectItem, SetExpr, TableWithJoins,
};

use super::walk::unwrapped;

/// Whether a query uses nothing around its body but WITH, ORDER BY, LIMIT and OFFSET.
pub(crate) fn standard(query: &Query) -> bool {
    let order = query.order_by.as_ref().is_none_or(|o| {
        o.interpolate.is_none()
            && matches!(&o.kind, OrderByKind::Expressions(e) if e.iter().all(|e| e.with_fill.is_none()))
    });
    let limit = match &query.limit_clause {
        None => true,
        Some(LimitClause::LimitOffset { limit_by, .. }) => limit_by.is_empty(),
        Some(LimitClause::OffsetCommaLimit { .. }) => false,
    };
    order
        && limit
        && query.fetch.is_none()
        && query.locks.is_empty()
        && query.for_clause.is_none()
        && query.settings.is_none()
        && query.format_clause.is_none()
        && query.pipe_operators.is_empty()
}

/// The SELECT of a query that is one, without any clause that the rules do not know.
pub(crate) fn plain(query: &Query) -> Option<&Select> {
    if standard(query) { plain_body(&query.body) } else { None }
}

/// The SELECT of a body that is one, such as a branch of a UNION, without any clause that the rules do not know.
pub(crate) fn plain_body(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) if known(select) => Some(select),
        _ => None,
    }
}

/// The same, to be edited.
pub(crate) fn plain_mut(query: &mut Query) -> Option<&mut Select> {
    plain(query)?;
    match &mut *query.body {
        SetExpr::Select(select) => Some(select),
        _ => None,
    }
}

/// Whether a query is a plain SELECT with FROM and perhaps WHERE, and nothing else.
pub(crate) fn bare(query: &Query) -> Option<&Select> {
    let select = plain(query)?;
    let nothing_else = query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && select.distinct.is_none()
        && select.having.is_none()
        && !grouping(select)
        && !select.from.is_empty();
    nothing_else.then_some(select)
}

fn known(select: &Select) -> bool {
    select.optimizer_hints.is_empty()
        && select.select_modifiers.is_none()
        && select.top.is_none()
        && select.exclude.is_none()
        && select.into.is_none()
        && select.lateral_views.is_empty()
        && select.prewhere.is_none()
        && select.connect_by.is_empty()
        && select.cluster_by.is_empty()
        && select.distribute_by.is_empty()
        && select.sort_by.is_empty()
        && select.named_window.is_empty()
        && select.qualify.is_none()
        && select.value_table_mode.is_none()
        && select.flavor == SelectFlavor::Standard
        && matches!(&select.group_by, GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty()
            && !keys.iter().any(|k| matches!(k, Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_) | Expr::Tuple(_))))
}

/// Whether there is a GROUP BY.
pub(crate) fn grouping(select: &Select) -> bool {
    !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty())
}

/// The GROUP BY keys with ordinals replaced by what they stand for.
pub(crate) fn group_keys(select: &Select) -> Option<Vec<Expr>> {
    let GroupByExpr::Expressions(keys, _) = &select.group_by else { return None };
    keys.iter()
        .map(|key| match unwrapped(key) {
            Expr::Value(v) => {
                let place: usize = v.value.to_string().parse().ok()?;
                item_expr(select.projection.get(place.checked_sub(1)?)?).cloned()
            }
            other => Some(other.clone()),
        })
        .collect()
}

/// The expression of an output column that is one.
pub(crate) fn item_expr(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    }
}

/// The ORDER BY keys.
pub(crate) fn order_by(query: &Query) -> &[OrderByExpr] {
    match query.order_by.as_ref().map(|o| &o.kind) {
        Some(OrderByKind::Expressions(keys)) => keys,
        _ => &[],
    }
}

/// Whether there is a LIMIT or an OFFSET.
pub(crate) fn limit(query: &Query) -> bool {
    query.limit_clause.is_some()
}

/// The conditions that are joined by AND at the top of an expression.
pub(crate) fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match unwrapped(expr) {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            let mut all = conjuncts(left);
            all.extend(conjuncts(right));
            all
        }
        other => vec![other],
    }
}

/// The condition of an inner join that has one in ON.
pub(crate) fn inner_on(join: &JoinOperator) -> Option<&Expr> {
    match join {
        JoinOperator::Join(JoinConstraint::On(on)) | JoinOperator::Inner(JoinConstraint::On(on)) => Some(on),
        _ => None,
    }
}

/// The conditions of the WHERE clause.
pub(crate) fn filters(select: &Select) -> Vec<&Expr> {
    select.selection.as_ref().map(conjuncts).unwrap_or_default()
}

/// The expression in parentheses, unless it is one that needs none anywhere.
pub(crate) fn nested(expr: Expr) -> Expr {
    match expr {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Value(_)
        | Expr::Function(_)
        | Expr::Nested(_)
        | Expr::Subquery(_)
        | Expr::Exists { negated: false, .. } => expr,
        other => Expr::Nested(Box::new(other)),
    }
}

/// Conditions joined by AND, each in parentheses where it could fall apart otherwise.
pub(crate) fn all_of(conditions: impl IntoIterator<Item = Expr>) -> Option<Expr> {
    let tight = |expr: Expr| match &expr {
        Expr::BinaryOp { op: BinaryOperator::Or | BinaryOperator::Xor, .. } => nested(expr),
        Expr::BinaryOp { .. }
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::Between { .. }
        | Expr::Exists { .. } => expr,
        _ => nested(expr),
    };
    conditions.into_iter().map(tight).reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    })
}

/// ` WHERE …`, or nothing.
pub(crate) fn where_text<'a>(conditions: impl IntoIterator<Item = &'a Expr>) -> String {
    all_of(conditions.into_iter().cloned()).map(|e| format!(" WHERE {e}")).unwrap_or_default()
}

/// The FROM clause as text, without the keyword.
pub(crate) fn from_text(from: &[TableWithJoins]) -> String {
    let items: Vec<String> = from.iter().map(ToString::to_string).collect();
    items.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::sql::query;

    #[test]
    fn conditions_fall_apart_and_come_together() {
        let tree = query("SELECT 1 FROM t WHERE a = 1 AND (b = 2 OR c = 3) AND NOT d").unwrap();
        let select = plain(&tree).unwrap();
        let parts: Vec<Expr> = filters(select).into_iter().cloned().collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(all_of(parts).unwrap().to_string(), "a = 1 AND (b = 2 OR c = 3) AND (NOT d)");
    }

    #[test]
    fn unknown_clauses_are_not_plain() {
        for sql in [
            "SELECT a FROM t FOR UPDATE",
            "SELECT a FROM t FETCH FIRST 3 ROWS WITH TIES",
            "SELECT a, sum(b) FROM t GROUP BY ROLLUP (a)",
            "SELECT a FROM t UNION SELECT 1",
        ] {
            assert!(plain(&query(sql).unwrap()).is_none(), "{sql}");
        }
        assert!(plain(&query("SELECT a FROM t ORDER BY a LIMIT 3 OFFSET 2").unwrap()).is_some());
    }

    #[test]
    fn ordinals_in_group_by_are_resolved() {
        let tree = query("SELECT a + 1, sum(b) FROM t GROUP BY 1, c").unwrap();
        let keys: Vec<String> =
            group_keys(plain(&tree).unwrap()).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(keys, ["a + 1", "c"]);
    }
}
