//! What the two rules for GROUP BY over a join share: the split into the side whose key is grouped by, and the
//! side that is only aggregated.

use std::collections::BTreeSet;

use sqlparser::ast::{
    Distinct, Expr, JoinConstraint, JoinOperator, OrderByExpr, OrderByKind, Query, Select, TableFactor,
    TableWithJoins,
};

use super::scalar::Correlation;
use crate::query::aggregates::{Aggregate, collect, renamed, without_aggregates};
use crate::query::case::Case;
use crate::shared::sql::{
    Scope, any_expr, conjuncts, expression, filters, fold, group_keys, grouping, has_key, has_subquery,
    item_expr, order_by, output_name, plain, replace, unwrapped,
};

/// A grouped join, taken apart.
#[derive(Debug)]
pub(super) struct GroupedJoin<'q, 'a> {
    pub(super) scope: Scope<'a>,
    /// The FROM of the side that is kept row by row.
    pub(super) outer_from: Vec<TableWithJoins>,
    /// Conditions that stay with it.
    pub(super) outer_filters: Vec<&'q Expr>,
    /// The tables that are only aggregated.
    pub(super) inner: BTreeSet<usize>,
    /// Their FROM.
    pub(super) inner_from: Vec<TableWithJoins>,
    /// Conditions that say which of their rows belong to an outer row.
    pub(super) inner_filters: Vec<&'q Expr>,
    /// Whether an outer row without inner rows stays.
    pub(super) left: bool,
    /// Every aggregate call, without repetitions.
    pub(super) aggregates: Vec<Aggregate>,
}

/// Takes the statement apart if each outer row is one group: the key of every outer table is grouped by, and
/// nothing but aggregates looks at the inner tables.
pub(super) fn read<'q, 'a: 'q>(case: &Case<'a>) -> Option<GroupedJoin<'q, 'a>> {
    let query: &'q Query = case.query;
    let select = plain(query)?;
    if !grouping(select) || !matches!(select.distinct, None | Some(Distinct::Distinct)) {
        return None;
    }
    let scope = Scope::of(&select.from, case.facts)?;
    if scope.relations.len() < 2 || scope.relations.iter().any(|r| r.table.is_none()) {
        return None;
    }
    let keys = keys(select, &scope)?;
    let keyed = |relation: usize| {
        let columns: Vec<&str> = keys
            .iter()
            .filter_map(|key| scope.column(unwrapped(key)))
            .filter(|(r, _)| *r == relation)
            .map(|(_, column)| column.name.as_str())
            .collect();
        scope.relations[relation].table.is_some_and(|table| has_key(table, &columns))
    };
    let outer: BTreeSet<usize> = (0..scope.relations.len()).filter(|r| keyed(*r)).collect();
    let inner: BTreeSet<usize> = (0..scope.relations.len()).filter(|r| !outer.contains(r)).collect();
    if outer.is_empty() || inner.is_empty() {
        return None;
    }
    if !keys.iter().all(|key| scope.uses(key).is_some_and(|used| used.is_subset(&outer))) {
        return None;
    }

    let mut aggregates: Vec<Aggregate> = Vec::new();
    for expr in evaluated(query, select)? {
        let rest = scope.uses(&without_aggregates(&expr, case.facts))?;
        if !rest.is_subset(&outer) {
            return None;
        }
        for aggregate in collect(&expr, &scope, case.facts)? {
            if !aggregate.relations.is_subset(&inner) {
                return None;
            }
            if !aggregates.iter().any(|a| a.call == aggregate.call) {
                aggregates.push(aggregate);
            }
        }
    }
    if aggregates.is_empty() {
        return None;
    }
    split(select, scope, inner, aggregates)
}

/// GROUP BY keys, with names of output columns resolved; an input column of the same name comes first, as the
/// server has it.
fn keys(select: &Select, scope: &Scope<'_>) -> Option<Vec<Expr>> {
    let resolve = |key: Expr| match &key {
        Expr::Identifier(name) if scope.column(&key).is_none() => {
            let name = fold(name);
            let item =
                select.projection.iter().find(|item| output_name(item).as_deref() == Some(name.as_str()))?;
            item_expr(item).cloned()
        }
        _ => Some(key),
    };
    group_keys(select)?.into_iter().map(resolve).collect()
}

/// Every expression that is evaluated per group, with sort keys that only name an output column left out.
fn evaluated(query: &Query, select: &Select) -> Option<Vec<Expr>> {
    let mut all: Vec<Expr> = Vec::new();
    for item in &select.projection {
        all.push(item_expr(item)?.clone());
    }
    all.extend(select.having.clone());
    for key in order_by(query) {
        if !names_output(&key.expr, select) {
            all.push(key.expr.clone());
        }
    }
    (!all.iter().any(has_subquery)).then_some(all)
}

fn names_output(key: &Expr, select: &Select) -> bool {
    match key {
        Expr::Value(_) => true,
        Expr::Identifier(name) => {
            let name = fold(name);
            select.projection.iter().any(|item| output_name(item).as_deref() == Some(name.as_str()))
        }
        _ => false,
    }
}

fn split<'q, 'a>(
    select: &'q Select,
    scope: Scope<'a>,
    inner: BTreeSet<usize>,
    aggregates: Vec<Aggregate>,
) -> Option<GroupedJoin<'q, 'a>> {
    let joins: Vec<_> = select.from.iter().flat_map(|item| &item.joins).collect();
    let all_inner = joins.iter().all(|j| on(&j.join_operator).is_some_and(|(left, _)| !left));
    let factors: Vec<&TableFactor> = select
        .from
        .iter()
        .flat_map(|item| std::iter::once(&item.relation).chain(item.joins.iter().map(|j| &j.relation)))
        .collect();
    let list = |of: &dyn Fn(usize) -> bool| -> Vec<TableWithJoins> {
        let chosen = factors.iter().enumerate().filter(|(i, _)| of(*i));
        chosen.map(|(_, f)| TableWithJoins { relation: (*f).clone(), joins: Vec::new() }).collect()
    };
    if all_inner {
        let conditions =
            joins.iter().filter_map(|j| on(&j.join_operator)?.1).flat_map(conjuncts).chain(filters(select));
        let mut outer_filters = Vec::new();
        let mut inner_filters = Vec::new();
        for condition in conditions {
            let uses = scope.uses(condition)?;
            if uses.is_disjoint(&inner) {
                outer_filters.push(condition)
            } else {
                inner_filters.push(condition)
            }
        }
        let outer_from = list(&|i| !inner.contains(&i));
        let inner_from = list(&|i| inner.contains(&i));
        return Some(GroupedJoin {
            scope,
            outer_from,
            outer_filters,
            inner,
            inner_from,
            inner_filters,
            left: false,
            aggregates,
        });
    }
    // An outer join: the aggregated table must be the right side of the last one.
    let [item] = select.from.as_slice() else { return None };
    let (last, before) = item.joins.split_last()?;
    let (true, Some(condition)) = on(&last.join_operator)? else { return None };
    if inner != BTreeSet::from([scope.relations.len() - 1]) {
        return None;
    }
    if scope.relations.iter().enumerate().any(|(i, r)| r.nullable && !inner.contains(&i)) {
        return None;
    }
    let inner_filters = conjuncts(condition);
    let outer_filters = filters(select);
    if !inner_filters.iter().all(|c| scope.uses(c).is_some())
        || !outer_filters.iter().all(|c| scope.uses(c).is_some_and(|used| used.is_disjoint(&inner)))
        || !aggregates
            .iter()
            .all(|a| a.ignores_nulls() || (a.counts() && a.argument.is_none() && a.call.filter.is_none()))
    {
        return None;
    }
    let outer_from = vec![TableWithJoins { relation: item.relation.clone(), joins: before.to_vec() }];
    let inner_from = list(&|i| inner.contains(&i));
    Some(GroupedJoin {
        scope,
        outer_from,
        outer_filters,
        inner,
        inner_from,
        inner_filters,
        left: true,
        aggregates,
    })
}

/// Whether a join keeps unmatched left rows, and its condition.
fn on(join: &JoinOperator) -> Option<(bool, Option<&Expr>)> {
    match join {
        JoinOperator::Join(JoinConstraint::On(on)) | JoinOperator::Inner(JoinConstraint::On(on)) => {
            Some((false, Some(on)))
        }
        JoinOperator::CrossJoin(_) => Some((false, None)),
        JoinOperator::Left(JoinConstraint::On(on)) | JoinOperator::LeftOuter(JoinConstraint::On(on)) => {
            Some((true, Some(on)))
        }
        _ => None,
    }
}

impl GroupedJoin<'_, '_> {
    /// The statement with a new FROM and WHERE, without GROUP BY, and with each aggregate call replaced.
    pub(super) fn ungrouped(
        &self,
        case: &Case<'_>,
        from: Vec<TableWithJoins>,
        places: &[(Aggregate, String)],
    ) -> Option<Query> {
        let places: Vec<(Expr, Expr)> = places
            .iter()
            .map(|(aggregate, text)| Some((Expr::Function(aggregate.call.clone()), expression(text)?)))
            .collect::<Option<_>>()?;
        let put = |expr: &mut Expr| {
            replace(expr, |e| places.iter().find(|(call, _)| call == e).map(|(_, new)| new.clone()));
        };
        let mut query = case.query.clone();
        if let Some(order) = &mut query.order_by
            && let OrderByKind::Expressions(keys) = &mut order.kind
        {
            for OrderByExpr { expr, .. } in keys {
                put(expr);
            }
        }
        let select = crate::shared::sql::plain_mut(&mut query)?;
        for item in &mut select.projection {
            let mut expr = item_expr(item)?.clone();
            if any_expr(&expr, |e| case.facts.is_aggregate(e)) {
                put(&mut expr);
                *item = renamed(item, expr)?;
            }
        }
        let having = select.having.take().map(|mut having| {
            put(&mut having);
            having
        });
        select.selection =
            crate::shared::sql::all_of(self.outer_filters.iter().map(|c| (*c).clone()).chain(having));
        select.group_by = sqlparser::ast::GroupByExpr::Expressions(Vec::new(), Vec::new());
        select.from = from;
        Some(query)
    }

    /// Equalities between an inner column and an expression over outer tables, and the conditions that look
    /// at inner tables only. Nothing if some condition is neither.
    pub(super) fn correlation(&self) -> Option<Correlation<'_>> {
        let mut found = Correlation::default();
        for condition in &self.inner_filters {
            let uses = self.scope.uses(condition)?;
            if uses.is_subset(&self.inner) {
                found.own.push(*condition);
                continue;
            }
            let Expr::BinaryOp { left, op: sqlparser::ast::BinaryOperator::Eq, right } = condition else {
                return None;
            };
            let side = |e: &Expr| self.scope.column(e).map(|(relation, _)| self.inner.contains(&relation));
            match (side(left), side(right)) {
                (Some(true), Some(false)) => found.equal.push((&**left, &**right)),
                (Some(false), Some(true)) => found.equal.push((&**right, &**left)),
                _ => return None,
            }
        }
        Some(found)
    }

    /// An index for each inner table on the columns that tie it to the tables before it.
    pub(super) fn wishes(&self) -> Vec<crate::shared::sql::IndexWish> {
        let mut reached: BTreeSet<usize> =
            (0..self.scope.relations.len()).filter(|r| !self.inner.contains(r)).collect();
        let mut wishes = Vec::new();
        // From the kept tables outwards, each time to a table that is tied to what is reached already.
        while let Some((relation, keys)) = self.inner.difference(&reached).find_map(|r| {
            let keys = self.ties(*r, &reached);
            (!keys.is_empty()).then_some((*r, keys))
        }) {
            reached.insert(relation);
            let inner_calls: Vec<Expr> = self.aggregates.iter().map(|a| a.inner(&self.scope)).collect();
            let reads = self.inner_filters.iter().copied().chain(&inner_calls);
            let reads: Vec<&str> = reads.flat_map(|e| self.columns_of(relation, e)).collect();
            wishes.extend(
                self.scope.relations[relation]
                    .table
                    .and_then(|t| crate::shared::sql::IndexWish::on(t, keys, reads)),
            );
        }
        wishes
    }

    /// The columns of a table that are compared for equality with something over the tables reached so far.
    fn ties(&self, relation: usize, reached: &BTreeSet<usize>) -> Vec<&str> {
        let mut keys: Vec<&str> = Vec::new();
        for condition in &self.inner_filters {
            let Expr::BinaryOp { left, op: sqlparser::ast::BinaryOperator::Eq, right } = condition else {
                continue;
            };
            for (own, other) in [(left, right), (right, left)] {
                if let (Some((r, column)), Some(others)) = (self.scope.column(own), self.scope.uses(other))
                    && r == relation
                    && !others.is_empty()
                    && others.is_subset(reached)
                {
                    keys.push(&column.name);
                }
            }
        }
        keys
    }

    fn columns_of(&self, relation: usize, expr: &Expr) -> Vec<&str> {
        let columns = self.scope.columns(expr).unwrap_or_default();
        columns.into_iter().filter(|(r, _)| *r == relation).map(|(_, c)| c.name.as_str()).collect()
    }
}
