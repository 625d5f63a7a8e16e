//! `count(DISTINCT x)` by group becomes a count over the groups of `x`: the rows are put together by hashing, also in
//! parallel, where a DISTINCT aggregate sorts all inputs of each group in one process.
//!
//! Right because grouping and DISTINCT use the same equality, and both `count`s leave NULL out. Source: Chaudhuri and
//! Shim, "Including Group-By in Query Optimization" (VLDB 1994), aggregation in two stages.

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Query, SelectItem};

use crate::query::aggregates::renamed;
use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{
    Fresh, IndexWish, Scope, any_expr, calls, expression, filters, from_text, group_keys, has_subquery,
    item_expr, order_by, output_name, plain, query, unwrapped, where_text,
};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let select = plain(case.query)?;
    if select.distinct.is_some()
        || select.having.is_some()
        || select.from.is_empty()
        || case.query.with.is_some()
    {
        return None;
    }
    let keys = group_keys(select)?;
    let plain_key =
        |e: &Expr| !has_subquery(e) && !any_expr(e, |e| case.facts.returns_set(e) || case.facts.is_window(e));
    if !keys.iter().all(plain_key) {
        return None;
    }
    let counted = select.projection.iter().find_map(|item| distinct_count(item_expr(item)?))?.clone();
    if !plain_key(&counted) || any_expr(&counted, |e| case.facts.is_aggregate(e)) {
        return None;
    }
    let mut fresh = Fresh::of(case.query);
    let (source, value) = (fresh.name("groups"), fresh.name("value"));
    let names: Vec<String> = keys.iter().map(|_| fresh.name("key")).collect();
    let mut items = Vec::new();
    for item in &select.projection {
        let expr = item_expr(item)?;
        let new = match distinct_count(expr) {
            Some(other) if *other == counted => expression(&format!("count({source}.{value})"))?,
            Some(_) => return None,
            None => {
                let at = keys.iter().position(|key| unwrapped(key) == unwrapped(expr))?;
                expression(&format!("{source}.{}", names[at]))?
            }
        };
        items.push(renamed(item, new)?);
    }
    if !ordered_by_output(case.query, &items) {
        return None;
    }
    let mut inner: Vec<String> =
        keys.iter().zip(&names).map(|(key, name)| format!("{key} AS {name}")).collect();
    inner.push(format!("{counted} AS {value}"));
    let places: Vec<String> = (1..=inner.len()).map(|place| place.to_string()).collect();
    let outer: Vec<String> = items.iter().map(ToString::to_string).collect();
    let by: Vec<String> = names.iter().map(|name| format!("{source}.{name}")).collect();
    let group = if by.is_empty() { String::new() } else { format!(" GROUP BY {}", by.join(", ")) };
    let text = format!(
        "SELECT {} FROM (SELECT {} FROM {}{} GROUP BY {}) AS {source}{group}",
        outer.join(", "),
        inner.join(", "),
        from_text(&select.from),
        where_text(filters(select)),
        places.join(", "),
    );
    let mut rewritten = query(&text)?;
    rewritten.order_by = case.query.order_by.clone();
    rewritten.limit_clause = case.query.limit_clause.clone();
    Some(Rewrite {
        rule: "count_distinct_in_two_steps",
        title: "count(DISTINCT) over groups",
        because: format!(
            "each value of {counted} is in one group of each of the old groups, and NULL counts in neither"
        ),
        query: rewritten,
        indexes: wish(select, &keys, &counted, case).into_iter().collect(),
    })
}

/// The argument of `count(DISTINCT x)`, if the expression is nothing else.
fn distinct_count(expr: &Expr) -> Option<&Expr> {
    let call = calls(unwrapped(expr), "count")?;
    let FunctionArguments::List(list) = &call.args else { return None };
    let whole = call.filter.is_none() && call.within_group.is_empty() && list.clauses.is_empty();
    match (list.duplicate_treatment, list.args.as_slice()) {
        (
            Some(sqlparser::ast::DuplicateTreatment::Distinct),
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(x))],
        ) if whole => Some(x),
        _ => None,
    }
}

/// Whether ORDER BY names output columns only, by place or by name, so that it means the same in the new form.
fn ordered_by_output(query: &Query, items: &[SelectItem]) -> bool {
    order_by(query).iter().all(|key| match unwrapped(&key.expr) {
        Expr::Value(_) => true,
        Expr::Identifier(name) => {
            let name = crate::shared::sql::fold(name);
            items.iter().filter(|item| output_name(item).as_ref() == Some(&name)).count() == 1
        }
        _ => false,
    })
}

/// An index that holds the groups and their values in order, where all are columns of the one table that is read whole.
fn wish(
    select: &sqlparser::ast::Select,
    keys: &[Expr],
    counted: &Expr,
    case: &Case<'_>,
) -> Option<IndexWish> {
    let scope = Scope::of(&select.from, case.facts)?;
    let [relation] = scope.relations.as_slice() else { return None };
    let columns: Option<Vec<&str>> =
        keys.iter().chain([counted]).map(|e| Some(scope.column(unwrapped(e))?.1.name.as_str())).collect();
    IndexWish::on(relation.table?, columns.filter(|_| select.selection.is_none())?, [])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn values_are_grouped_first() {
        insta::assert_snapshot!(show(rewrite, "SELECT status, count(DISTINCT user_id) FROM orders GROUP BY status ORDER BY status"), @r#"
        SELECT groups.key AS status, count(groups.value) AS count FROM (SELECT status AS key, user_id AS value FROM orders GROUP BY 1, 2) AS groups GROUP BY groups.key ORDER BY status
          + index orders (status, user_id)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT count(DISTINCT u.country) AS n FROM orders o JOIN users u ON u.id = o.user_id WHERE o.total > $1"), @"SELECT count(groups.value) AS n FROM (SELECT u.country AS value FROM orders o JOIN users u ON u.id = o.user_id WHERE o.total > $1 GROUP BY 1) AS groups");
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            // Other aggregates would count groups instead of rows.
            "SELECT status, count(DISTINCT user_id), sum(total) FROM orders GROUP BY status",
            "SELECT count(DISTINCT user_id), count(DISTINCT status) FROM orders",
            "SELECT count(DISTINCT user_id) FILTER (WHERE total > 1) FROM orders",
            "SELECT count(DISTINCT user_id) + 1 FROM orders",
            "SELECT count(user_id) FROM orders",
            "SELECT status, count(DISTINCT user_id) FROM orders GROUP BY status HAVING count(*) > 1",
            // What is ordered by is not in the new form.
            "SELECT status, count(DISTINCT user_id) FROM orders GROUP BY status ORDER BY max(total)",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
