//! The first n rows of each group by `row_number() <= n` become, for each group, a LATERAL query with LIMIT n:
//! with an index on the group and the order, it stops after n rows where the window function numbers all.
//!
//! The groups come from a table that has each of them exactly once: one that is joined by its key, or one that
//! a foreign key points at, which may then have groups without rows, and they give none. Right only if the
//! order leaves no ties, so that the numbers are certain; so a key must be in it.
//!
//! Source: Winand, "SQL Performance Explained", chapter 7 ("Partial Results").

use pgverse_core::pg::quote::{ident, qualified};
use pgverse_core::types::{IndexKey, Table};
use sqlparser::ast::{
    BinaryOperator as Op, Expr, JoinConstraint, JoinOperator, OrderByExpr, OrderBySort, Query, Select,
    SelectItem, TableFactor, WindowSpec, WindowType,
};

use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{
    Fresh, IndexWish, Scope, any_expr, bare, conjuncts, each_expr, filters, fold, function_name, has_key,
    inner_on, item_expr, joinable, output_name, plain, plain_mut, points_at, query, unwrapped, where_text,
};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let outer = plain(case.query)?;
    let [item] = outer.from.as_slice() else { return None };
    let TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None } = &item.relation
    else {
        return None;
    };
    if !item.joins.is_empty() || !alias.columns.is_empty() {
        return None;
    }
    let inner = bare(subquery)?;
    let (number, window) = numbering(inner, case)?;
    let first = first_n(outer, &fold(&alias.name), &number)?;
    let mut fresh = Fresh::of(case.query);
    let (body, index, because) = body(inner, window, first, case, &mut fresh)?;

    let mut rewritten = case.query.clone();
    let factor = &mut plain_mut(&mut rewritten)?.from.first_mut()?.relation;
    if let TableFactor::Derived { subquery, .. } = factor {
        **subquery = body;
    }
    Some(Rewrite {
        rule: "top_n_to_lateral",
        title: "first rows of each group by LATERAL and LIMIT",
        because,
        query: rewritten,
        indexes: index.into_iter().collect(),
    })
}

/// The name and window of the only window call, which must be `row_number()` over one partition column.
fn numbering<'q>(inner: &'q Select, case: &Case<'_>) -> Option<(String, &'q WindowSpec)> {
    let mut found = None;
    for item in &inner.projection {
        let Some(expr) = item_expr(item) else { continue };
        let special =
            |e: &Expr| case.facts.is_window(e) || case.facts.is_aggregate(e) || case.facts.returns_set(e);
        match expr {
            Expr::Function(f) if function_name(f).as_deref() == Some("row_number") && f.filter.is_none() => {
                let Some(WindowType::WindowSpec(window)) = &f.over else { return None };
                if window.window_name.is_some() || window.window_frame.is_some() || found.is_some() {
                    return None;
                }
                found = Some((output_name(item)?, window));
            }
            other if any_expr(other, special) => return None,
            _ => {}
        }
    }
    found
}

/// The n of `number <= n` at the top of WHERE.
fn first_n(outer: &Select, alias: &str, number: &str) -> Option<u64> {
    let is_number = |e: &Expr| match e {
        Expr::Identifier(name) => fold(name) == number,
        Expr::CompoundIdentifier(parts) => {
            matches!(parts.as_slice(), [a, n] if fold(a) == alias && fold(n) == number)
        }
        _ => false,
    };
    filters(outer).into_iter().find_map(|condition| {
        let Expr::BinaryOp { left, op, right } = condition else { return None };
        let Expr::Value(value) = unwrapped(right) else { return None };
        let n: u64 = value.value.to_string().parse().ok()?;
        let n = match op {
            Op::LtEq | Op::Eq => n,
            Op::Lt => n.checked_sub(1)?,
            _ => return None,
        };
        (is_number(unwrapped(left)) && n >= 1).then_some(n)
    })
}

/// The new body of the derived table.
fn body(
    inner: &Select,
    window: &WindowSpec,
    first: u64,
    case: &Case<'_>,
    fresh: &mut Fresh,
) -> Option<(Query, Option<IndexWish>, String)> {
    let [partition] = window.partition_by.as_slice() else { return None };
    let scope = Scope::of(&inner.from, case.facts)?;
    let conditions = conditions(inner)?;
    let groups = groups(inner, &scope, &conditions, partition, case, fresh)?;
    let rows = &scope.relations[groups.rows];
    let table = rows.table?;

    let mut ordered: Vec<&str> = vec![groups.column.as_str()];
    let mut keys = vec![IndexKey::column(groups.column.clone())];
    for key in &window.order_by {
        let (_, column) = scope.column(unwrapped(&key.expr)).filter(|(r, _)| *r == groups.rows)?;
        ordered.push(&column.name);
        keys.push(index_key(&column.name, key)?);
    }
    if !has_key(table, &ordered) {
        return None;
    }

    let mut outside = Vec::new();
    let mut inside = Vec::new();
    for condition in &conditions {
        let uses = scope.uses(condition)?;
        if !uses.is_empty() && !uses.contains(&groups.rows) {
            outside.push(*condition)
        } else {
            inside.push(*condition)
        }
    }
    let mut items = Vec::new();
    for item in &inner.projection {
        match item {
            SelectItem::Wildcard(_) if scope.relations.len() > 1 => return None,
            other => items.push(other.to_string()),
        }
        if let Some(Expr::Function(f)) = item_expr(item)
            && f.over.is_some()
        {
            let mut numbered = item.clone();
            if let SelectItem::UnnamedExpr(Expr::Function(f))
            | SelectItem::ExprWithAlias { expr: Expr::Function(f), .. } = &mut numbered
                && let Some(WindowType::WindowSpec(spec)) = &mut f.over
            {
                spec.partition_by.clear();
            }
            items.pop();
            items.push(numbered.to_string());
        }
    }
    let order: Vec<String> = window.order_by.iter().map(ToString::to_string).collect();
    let mut within: Vec<Expr> = inside.iter().map(|c| (*c).clone()).collect();
    within.extend(groups.tie.clone());
    let alias = fresh.name("ranked");
    let text = format!(
        "SELECT {alias}.* FROM {} CROSS JOIN LATERAL (SELECT {} FROM {}{} ORDER BY {} LIMIT {first}) AS {alias}{}",
        groups.from,
        items.join(", "),
        groups.rows_from,
        where_text(within.iter()),
        order.join(", "),
        where_text(outside),
    );
    let mut reads = Vec::new();
    if inner.projection.iter().all(|i| item_expr(i).is_some()) {
        each_expr(inner, false, |e| {
            reads.extend(scope.column(e).filter(|(r, _)| *r == groups.rows).map(|(_, c)| c.name.as_str()));
        });
    }
    let index = IndexWish::new(table, keys, reads);
    Some((query(&text)?, index, groups.because))
}

/// All conditions of joins and WHERE, if all joins are inner ones.
fn conditions(inner: &Select) -> Option<Vec<&Expr>> {
    let mut all = filters(inner);
    for join in inner.from.iter().flat_map(|f| &f.joins) {
        match inner_on(&join.join_operator) {
            Some(on) => all.extend(conjuncts(on)),
            None if matches!(join.join_operator, JoinOperator::CrossJoin(JoinConstraint::None)) => {}
            None => return None,
        }
    }
    Some(all)
}

/// Where the groups come from.
struct Groups {
    /// FROM item that has each group once.
    from: String,
    /// FROM item with the rows.
    rows_from: String,
    /// Its relation.
    rows: usize,
    /// Its column that says to which group a row belongs.
    column: String,
    /// A condition that ties rows to a group, if the statement has none.
    tie: Option<Expr>,
    because: String,
}

fn groups(
    inner: &Select,
    scope: &Scope<'_>,
    conditions: &[&Expr],
    partition: &Expr,
    case: &Case<'_>,
    fresh: &mut Fresh,
) -> Option<Groups> {
    let factors: Vec<&TableFactor> = inner
        .from
        .iter()
        .flat_map(|f| std::iter::once(&f.relation).chain(f.joins.iter().map(|j| &j.relation)))
        .collect();
    let (home, column) = scope.column(unwrapped(partition))?;
    match factors.as_slice() {
        [only] => {
            let table = scope.relations[home].table?;
            let (schema, name, key) = points_at(table, &column.name)?;
            let target = case.facts.catalog.table(schema, name)?;
            if !column.not_null || !unique(target, key) || !joinable(column, target.column(key)?) {
                return None;
            }
            let alias = fresh.name("grp");
            let tie = format!("{partition} = {alias}.{}", ident(key));
            Some(Groups {
                from: format!("{} AS {alias}", qualified(schema, name)),
                rows_from: only.to_string(),
                rows: home,
                column: column.name.clone(),
                tie: Some(crate::shared::sql::expression(&tie)?),
                because: format!(
                    "every {} is in {name}.{key} by a foreign key, where it is unique, and the order has no ties",
                    column.name
                ),
            })
        }
        [left, right] => conditions.iter().find_map(|condition| {
            let Expr::BinaryOp { left: a, op: Op::Eq, right: b } = condition else { return None };
            [(a, b), (b, a)].into_iter().find_map(|(row, group)| {
                let (rows, row_column) = scope.column(row)?;
                let (group, group_column) = scope.column(group)?;
                let partitioned = (home == rows && column.name == row_column.name)
                    || (home == group && column.name == group_column.name);
                let table = scope.relations[group].table?;
                let fits = rows != group
                    && partitioned
                    && unique(table, &group_column.name)
                    && joinable(row_column, group_column);
                let (from, rows_from) = if group == 0 { (left, right) } else { (right, left) };
                fits.then(|| Groups {
                    from: from.to_string(),
                    rows_from: rows_from.to_string(),
                    rows,
                    column: row_column.name.clone(),
                    tie: None,
                    because: format!(
                        "{}.{} is unique, so each of its rows is one group, and the order has no ties",
                        table.name, group_column.name
                    ),
                })
            })
        }),
        _ => None,
    }
}

pub(super) fn unique(table: &Table, column: &str) -> bool {
    has_key(table, &[column])
}

pub(super) fn index_key(column: &str, key: &OrderByExpr) -> Option<IndexKey> {
    let mut index = IndexKey::column(column);
    match &key.options.sort {
        None | Some(OrderBySort::Asc) => {}
        Some(OrderBySort::Desc) => index = index.descending(),
        Some(OrderBySort::Using(_)) => return None,
    }
    // NULLs come first by default only where the order descends.
    index.nulls_first = key.options.nulls_first.filter(|first| *first != index.descending);
    Some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn groups_come_from_a_joined_table() {
        insta::assert_snapshot!(show(rewrite, "SELECT * FROM (SELECT o.user_id, o.id, o.total, row_number() OVER (PARTITION BY o.user_id ORDER BY o.total DESC, o.id) AS rn FROM orders o JOIN users u ON u.id = o.user_id WHERE u.country = 'PT' AND o.status = $1) t WHERE rn <= 3 ORDER BY user_id, rn"), @r#"
        SELECT * FROM (SELECT ranked.* FROM users u CROSS JOIN LATERAL (SELECT o.user_id, o.id, o.total, row_number() OVER (ORDER BY o.total DESC, o.id) AS rn FROM orders o WHERE o.status = $1 AND u.id = o.user_id ORDER BY o.total DESC, o.id LIMIT 3) AS ranked WHERE u.country = 'PT') t WHERE rn <= 3 ORDER BY user_id, rn
          + index orders (user_id, total desc, id) include (status)
        "#);
    }

    #[test]
    fn groups_come_from_a_foreign_key() {
        insta::assert_snapshot!(show(rewrite, "SELECT id FROM (SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY price DESC NULLS LAST, id) FROM items) AS \"T\" WHERE \"T\".row_number = 1"), @r#"
        SELECT id FROM (SELECT ranked.* FROM public.orders AS grp CROSS JOIN LATERAL (SELECT *, row_number() OVER (ORDER BY price DESC NULLS LAST, id) FROM items WHERE order_id = grp.id ORDER BY price DESC NULLS LAST, id LIMIT 1) AS ranked) AS "T" WHERE "T".row_number = 1
          + index items (order_id, price desc nulls last, id)
        "#);
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        let top = |window: &str, from: &str, filter: &str| {
            format!(
                "SELECT * FROM (SELECT i.id, row_number() OVER ({window}) AS rn FROM {from}) t WHERE {filter}"
            )
        };
        let good = top("PARTITION BY i.order_id ORDER BY i.id", "items i", "rn < 3");
        assert_eq!(apply(rewrite, &good).len(), 1, "{good}");
        let body = apply(rewrite, &good)[0].query.to_string();
        assert!(body.contains("LIMIT 2"), "{body}");
        for sql in [
            // Ties.
            top("PARTITION BY i.order_id ORDER BY i.price", "items i", "rn < 3"),
            // Not in every row's WHERE, or no upper bound.
            top("PARTITION BY i.order_id ORDER BY i.id", "items i", "rn < 3 OR i.id = 1"),
            top("PARTITION BY i.order_id ORDER BY i.id", "items i", "rn > 3"),
            top("PARTITION BY i.order_id ORDER BY i.id", "items i", "rn < $1"),
            top("PARTITION BY i.order_id ORDER BY i.id", "items i", "rn < 1"),
            // No table has every group once.
            top("PARTITION BY i.quantity ORDER BY i.id", "items i", "rn < 3"),
            top("ORDER BY i.id", "items i", "rn < 3"),
            // Rows without a group would be lost.
            "SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY user_id ORDER BY id) AS rn FROM orders) t WHERE rn = 1".to_owned(),
            top("PARTITION BY i.order_id ORDER BY i.id", "items i LEFT JOIN orders o ON o.id = i.order_id", "rn < 3"),
        ] {
            assert!(apply(rewrite, &sql).is_empty(), "{sql}");
        }
    }
}
