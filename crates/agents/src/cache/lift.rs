//! Expressions of a statement in terms of the columns of a view.

use std::collections::BTreeSet;

use sqlparser::ast::{Expr, Ident, Select};

use crate::shared::sql::{
    Facts, Scope, function_name, group_keys, grouping, has_key, has_subquery, name_ast, replace_whole,
    unwrapped,
};

/// Alias of the view in the statements that read it.
pub(super) const ALIAS: &str = "cached";

/// The columns of a view in the making.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    facts: &'a Facts<'a>,
    /// The tables that the view joins.
    pub(super) scope: Scope<'a>,
    /// What the view groups by; nothing where it does not aggregate.
    pub(super) keys: Option<Vec<Expr>>,
    /// Name and expression of each column.
    pub(super) list: Vec<(String, Expr)>,
}

impl<'a> Columns<'a> {
    /// No columns yet. Nothing if the FROM or the GROUP BY is not understood.
    pub(super) fn of(select: &Select, facts: &'a Facts<'a>) -> Option<Self> {
        let scope = Scope::of(&select.from, facts)?;
        if scope.relations.iter().any(|r| r.table.is_none()) {
            return None;
        }
        let aggregated = grouping(select)
            || select.having.is_some()
            || crate::shared::sql::any_expr(&select.projection, |e| facts.is_aggregate(e));
        let keys = if aggregated { Some(group_keys(select)?) } else { None };
        // A key may be a name of an output column; what it stands for is not known here.
        if keys.iter().flatten().any(|key| scope.columns(key).is_none_or(|columns| columns.is_empty())) {
            return None;
        }
        Some(Self { facts, scope, keys, list: Vec::new() })
    }

    /// The column that holds an expression; added if there is none.
    pub(super) fn column(&mut self, expr: &Expr, wanted: Option<&str>) -> String {
        let same = |other: &Expr| {
            other.to_string() == expr.to_string()
                || match (self.scope.column(other), self.scope.column(expr)) {
                    (Some(a), Some(b)) => a.0 == b.0 && a.1.name == b.1.name,
                    _ => false,
                }
        };
        if let Some((name, _)) = self.list.iter().find(|(_, e)| same(e)) {
            return name.clone();
        }
        let base = match (wanted, self.scope.column(expr)) {
            (Some(wanted), _) => wanted.to_owned(),
            (None, Some((_, column))) => column.name.clone(),
            (None, None) => match unwrapped(expr) {
                Expr::Function(call) => function_name(call).unwrap_or_else(|| "value".to_owned()),
                _ => "value".to_owned(),
            },
        };
        let taken: BTreeSet<&str> = self.list.iter().map(|(name, _)| name.as_str()).collect();
        let mut name = base.clone();
        let mut number = 1;
        while taken.contains(name.as_str()) {
            number += 1;
            name = format!("{base}_{number}");
        }
        self.list.push((name.clone(), expr.clone()));
        name
    }

    /// Whether the view can hold this expression as a column of a row or group.
    fn holds(&self, expr: &Expr, aggregates: bool) -> bool {
        let Some(keys) = &self.keys else {
            return self.scope.column(expr).is_some();
        };
        let is_key = |key: &Expr| {
            unwrapped(key).to_string() == expr.to_string()
                || matches!((self.scope.column(unwrapped(key)), self.scope.column(expr)),
                    (Some(a), Some(b)) if a.0 == b.0 && a.1.name == b.1.name)
        };
        if keys.iter().any(is_key) || (aggregates && self.facts.is_aggregate(expr)) {
            return true;
        }
        // Every column of a table whose key is grouped by has one value in each group.
        self.scope.column(expr).is_some_and(|(relation, _)| {
            let columns: Vec<&str> = keys
                .iter()
                .filter_map(|key| self.scope.column(unwrapped(key)))
                .filter(|(r, _)| *r == relation)
                .map(|(_, c)| c.name.as_str())
                .collect();
            self.scope.relations[relation].table.is_some_and(|table| has_key(table, &columns))
        })
    }

    /// An expression over the columns of the view, which are added as needed; nothing if it cannot be one.
    /// With `aggregates` it may look at the values of aggregate calls (HAVING, ORDER BY), without not
    /// (WHERE).
    pub(super) fn lift(&mut self, expr: &Expr, aggregates: bool) -> Option<Expr> {
        if has_subquery(expr) || !self.can_lift(expr, aggregates) {
            return None;
        }
        let mut lifted = expr.clone();
        replace_whole(&mut lifted, |e| {
            self.holds(e, aggregates).then(|| {
                let name = self.column(e, None);
                Expr::CompoundIdentifier(vec![Ident::new(ALIAS), name_ast(&name)])
            })
        });
        Some(lifted)
    }

    /// Whether nothing would be left that is not a column of the view.
    fn can_lift(&self, expr: &Expr, aggregates: bool) -> bool {
        let mut rest = expr.clone();
        replace_whole(&mut rest, |e| {
            self.holds(e, aggregates).then(|| Expr::Value(sqlparser::ast::Value::Null.into()))
        });
        !crate::shared::sql::any_expr(&rest, |e| {
            matches!(e, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. })
                || self.facts.is_aggregate(e)
                || self.facts.is_window(e)
                || self.facts.returns_set(e)
        })
    }

    /// Columns that identify a row of the view, added as needed. Nothing where none are known.
    pub(super) fn unique_key(&mut self, distinct: bool) -> Vec<String> {
        if distinct {
            return self.list.iter().map(|(name, _)| name.clone()).collect();
        }
        let keys: Vec<Expr> = match &self.keys {
            Some(keys) => self.smallest(keys),
            None => self.row_keys().unwrap_or_default(),
        };
        keys.iter().map(|key| self.column(unwrapped(key), None)).collect()
    }

    /// The group keys, or one table's key alone if all the others depend on it.
    fn smallest(&self, keys: &[Expr]) -> Vec<Expr> {
        for relation in 0..self.scope.relations.len() {
            let own = |key: &&Expr| self.scope.column(unwrapped(key)).is_some_and(|(r, _)| r == relation);
            let only: Vec<Expr> = keys.iter().filter(own).cloned().collect();
            let dependent =
                keys.iter().all(|key| self.scope.uses(key).is_some_and(|u| u == BTreeSet::from([relation])));
            let key = only.iter().find(|key| {
                let column = self.scope.column(unwrapped(key));
                matches!((self.scope.relations[relation].table, column), (Some(t), Some((_, c))) if has_key(t, &[&c.name]))
            });
            if let (true, Some(key)) = (dependent, key) {
                return vec![key.clone()];
            }
        }
        keys.to_vec()
    }

    /// Without aggregation, a row is identified by the keys of all tables.
    fn row_keys(&self) -> Option<Vec<Expr>> {
        self.scope
            .relations
            .iter()
            .map(|relation| {
                let table = relation.table?;
                let key = table.columns.iter().find(|c| has_key(table, &[&c.name]))?;
                Some(Expr::CompoundIdentifier(vec![name_ast(&relation.alias), name_ast(&key.name)]))
            })
            .collect()
    }
}
