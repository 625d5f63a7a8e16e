//! What the rules for subqueries in conditions share.

use pgverse_core::types::Table;
use sqlparser::ast::{Distinct, Expr, Query, Select, SelectItem, SetExpr};

use super::scalar::{Correlation, correlation};
use crate::query::case::Case;
use crate::shared::sql::{
    IndexWish, Scope, all_of, any_expr, bare, conjuncts, expression, fold, item_expr, name_ast, nested, query,
};

/// A subquery that selects one expression from known tables, row by row.
#[derive(Debug)]
pub(super) struct RowSource<'a> {
    /// Its SELECT, without DISTINCT, which makes no difference to IN.
    pub(super) select: Select,
    /// What it selects.
    pub(super) expr: Expr,
    /// Its tables.
    pub(super) scope: Scope<'a>,
}

impl<'a> RowSource<'a> {
    /// Reads the right side of IN.
    pub(super) fn read(subquery: &Query, case: &Case<'a>) -> Option<Self> {
        let mut subquery = subquery.clone();
        if let SetExpr::Select(select) = &mut *subquery.body
            && matches!(select.distinct, Some(Distinct::Distinct))
        {
            select.distinct = None;
        }
        let select = bare(&subquery)?.clone();
        let [item] = select.projection.as_slice() else { return None };
        let expr = item_expr(item)?.clone();
        let rows_change = any_expr(&expr, |e| {
            case.facts.is_aggregate(e) || case.facts.is_window(e) || case.facts.returns_set(e)
        });
        let scope = Scope::of(&select.from, case.facts)?;
        let known = scope.relations.iter().all(|r| r.table.is_some());
        (known && !rows_change).then_some(Self { select, expr, scope })
    }

    /// `EXISTS (SELECT 1 FROM … WHERE … AND condition)`.
    pub(super) fn exists(&self, negated: bool, condition: Expr) -> Option<Expr> {
        let mut select = self.select.clone();
        let own = select.selection.iter().flat_map(conjuncts).cloned();
        select.selection = all_of(own.chain([condition]));
        exists(select, negated)
    }

    /// The only table and, if that is what is selected, its column.
    fn target(&self) -> Option<(&'a Table, &'a str)> {
        let [relation] = self.scope.relations.as_slice() else { return None };
        let (_, column) = self.scope.column(&self.expr)?;
        Some((relation.table?, column.name.as_str()))
    }

    /// An index that finds the rows for one outer value.
    pub(super) fn wish(&self) -> Option<IndexWish> {
        let (table, column) = self.target()?;
        let mut keys = vec![column];
        let mut reads = Vec::new();
        if let Some(Correlation { own, equal }) = correlation(&self.select, &self.scope) {
            for (inner, _) in equal {
                keys.extend(self.scope.column(inner).map(|(_, c)| c.name.as_str()));
            }
            for condition in own {
                reads.extend(self.scope.columns(condition)?.iter().map(|(_, c)| c.name.as_str()));
            }
        }
        keys.dedup();
        IndexWish::on(table, keys, reads)
    }
}

/// `[NOT] EXISTS (SELECT 1 FROM …)` with the FROM and WHERE of a SELECT.
pub(super) fn exists(mut select: Select, negated: bool) -> Option<Expr> {
    select.projection = vec![SelectItem::UnnamedExpr(expression("1")?)];
    let mut subquery = query("SELECT 1")?;
    *subquery.body = SetExpr::Select(Box::new(select));
    Some(Expr::Exists { subquery: Box::new(subquery), negated })
}

/// The outer column on the left of IN, qualified, so that it means the same inside the subquery. Nothing if a
/// table of the subquery hides its table.
pub(super) fn outer_column(expr: &Expr, outer: &Scope<'_>, inner: &Scope<'_>) -> Option<Expr> {
    let (relation, column) = outer.column(expr)?;
    let alias = match expr {
        // As written: it may be spelled in a way that is not ours to change.
        Expr::CompoundIdentifier(parts) => parts.first()?.clone(),
        _ => name_ast(&outer.relations[relation].alias),
    };
    let free = inner.index(&fold(&alias)).is_none();
    free.then(|| Expr::CompoundIdentifier(vec![alias, name_ast(&column.name)]))
}

/// `left = right`.
pub(super) fn equals(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op: sqlparser::ast::BinaryOperator::Eq,
        right: Box::new(nested(right)),
    }
}
