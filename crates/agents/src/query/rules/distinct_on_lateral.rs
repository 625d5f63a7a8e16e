//! `DISTINCT ON (c)` over references becomes, for each row that may be referred to, a LATERAL query with LIMIT 1: with an
//! index on the reference and the order it reads one row of each group, where the server sorts or reads all.
//!
//! Right because a foreign key points each `c` at exactly one row, and rows that nothing refers to give none; the group
//! of NULL, which refers to nothing, is asked for by itself. The order must leave no ties, so a key must be in it.
//! Source: Winand, "SQL Performance Explained", chapter 7 ("Partial Results").

use pgverse_core::pg::quote::{ident, qualified};
use pgverse_core::types::IndexKey;
use sqlparser::ast::{Distinct, SelectItem};

use super::top_n_lateral::{index_key, unique};
use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{
    Fresh, IndexWish, Scope, any_expr, filters, from_text, grouping, has_key, item_expr, joinable, order_by,
    plain, points_at, query, unwrapped,
};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let select = plain(case.query)?;
    let Some(Distinct::On(by)) = &select.distinct else { return None };
    let [by] = by.as_slice() else { return None };
    let special = |e: &_| case.facts.is_aggregate(e) || case.facts.is_window(e) || case.facts.returns_set(e);
    if grouping(select)
        || select.having.is_some()
        || case.query.with.is_some()
        || any_expr(&select.projection, special)
    {
        return None;
    }
    let scope = Scope::of(&select.from, case.facts)?;
    let [relation] = scope.relations.as_slice() else { return None };
    let table = relation.table?;
    let column = scope.column(unwrapped(by))?.1;
    let (schema, name, key) = points_at(table, &column.name)?;
    let target = case.facts.catalog.table(schema, name)?;
    if !unique(target, key) || !joinable(column, target.column(key)?) || case.facts.secured(target) {
        return None;
    }

    let (first, rest) = order_by(case.query).split_first()?;
    if scope.column(unwrapped(&first.expr))?.1.name != column.name {
        return None;
    }
    let mut ordered = vec![column.name.as_str()];
    let mut keys = vec![IndexKey::column(column.name.clone())];
    for key in rest {
        let column = scope.column(unwrapped(&key.expr))?.1;
        ordered.push(&column.name);
        keys.push(index_key(&column.name, key)?);
    }
    if !has_key(table, &ordered) {
        return None;
    }

    let mut reads: Vec<&str> = Vec::new();
    let mut place = None;
    for (at, item) in select.projection.iter().enumerate() {
        match item {
            SelectItem::Wildcard(_) if select.projection.len() == 1 => {
                place = table.columns.iter().position(|c| c.name == column.name);
            }
            other => {
                let expr = item_expr(other)?;
                reads.extend(scope.columns(expr)?.into_iter().map(|(_, c)| c.name.as_str()));
                if scope.column(unwrapped(expr)).is_some_and(|(_, c)| c.name == column.name) {
                    place.get_or_insert(at);
                }
            }
        }
    }
    let place = place? + 1;
    for condition in filters(select) {
        scope.columns(condition)?;
    }

    let mut fresh = Fresh::of(case.query);
    let (group, newest) = (fresh.name("grp"), fresh.name("first_row"));
    let items: Vec<String> = select.projection.iter().map(ToString::to_string).collect();
    let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
    let order = if rest.is_empty() { String::new() } else { format!(" ORDER BY {}", rest.join(", ")) };
    let own = select.selection.as_ref().map(|e| format!("({e}) AND ")).unwrap_or_default();
    let of_group = |tie: String| {
        format!(
            "SELECT {} FROM {} WHERE {own}{tie}{order} LIMIT 1",
            items.join(", "),
            from_text(&select.from)
        )
    };
    let nulls = if column.not_null {
        String::new()
    } else {
        format!(" UNION ALL ({})", of_group(format!("{by} IS NULL")))
    };
    let mut by_place = first.clone();
    by_place.expr = sqlparser::ast::Expr::value(sqlparser::ast::Value::Number(place.to_string(), false));
    let text = format!(
        "SELECT {newest}.* FROM {} AS {group} CROSS JOIN LATERAL ({}) AS {newest}{nulls} ORDER BY {by_place}",
        qualified(schema, name),
        of_group(format!("{by} = {group}.{}", ident(key))),
    );
    let mut rewritten = query(&text)?;
    rewritten.limit_clause = case.query.limit_clause.clone();
    Some(Rewrite {
        rule: "distinct_on_to_lateral",
        title: "first row of each group by LATERAL and LIMIT",
        because: format!(
            "every {}{} is in {name}.{key} by a foreign key, where it is unique, and the order has no ties",
            column.name,
            if column.not_null { "" } else { " that is not NULL" },
        ),
        query: rewritten,
        indexes: IndexWish::new(table, keys, reads).into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn the_first_row_of_each_reference() {
        insta::assert_snapshot!(show(rewrite, "SELECT DISTINCT ON (user_id) user_id, id, total FROM orders WHERE status = 'a' OR total > 3 ORDER BY user_id, created_at DESC, id DESC LIMIT 5"), @r"
        SELECT first_row.* FROM public.users AS grp CROSS JOIN LATERAL (SELECT user_id, id, total FROM orders WHERE (status = 'a' OR total > 3) AND user_id = grp.id ORDER BY created_at DESC, id DESC LIMIT 1) AS first_row UNION ALL (SELECT user_id, id, total FROM orders WHERE (status = 'a' OR total > 3) AND user_id IS NULL ORDER BY created_at DESC, id DESC LIMIT 1) ORDER BY 1 LIMIT 5
          + index orders (user_id, created_at desc, id desc) include (total)
        ");
        insta::assert_snapshot!(show(rewrite, "SELECT DISTINCT ON (i.order_id) * FROM items i ORDER BY i.order_id DESC, i.id"), @r"
        SELECT first_row.* FROM public.orders AS grp CROSS JOIN LATERAL (SELECT * FROM items i WHERE i.order_id = grp.id ORDER BY i.id LIMIT 1) AS first_row ORDER BY 2 DESC
          + index items (order_id, id)
        ");
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            // Ties: any row of them would be right, but not always the same one.
            "SELECT DISTINCT ON (user_id) user_id, total FROM orders ORDER BY user_id, created_at DESC",
            "SELECT DISTINCT ON (user_id) user_id, id FROM orders",
            // No foreign key.
            "SELECT DISTINCT ON (status) status, id FROM orders ORDER BY status, id",
            "SELECT DISTINCT ON (user_id, status) user_id, id FROM orders ORDER BY user_id, status, id",
            // The order of the answer could not be kept.
            "SELECT DISTINCT ON (user_id) id FROM orders ORDER BY user_id, id",
            "SELECT DISTINCT ON (o.user_id) o.user_id, o.id FROM orders o JOIN users u ON u.id = o.user_id ORDER BY o.user_id, o.id",
            "SELECT DISTINCT ON (user_id) user_id, id, count(*) OVER () FROM orders ORDER BY user_id, id",
            "SELECT DISTINCT ON (user_id) user_id, id FROM orders WHERE EXISTS (SELECT 1 FROM users) ORDER BY user_id, id",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
