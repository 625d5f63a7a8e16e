//! `SELECT DISTINCT c FROM t` becomes a walk from each value to the next larger one: with an index on `c` it takes one
//! probe for each value, where DISTINCT reads every row.
//!
//! Right where the order of `c` tells values apart exactly as DISTINCT does; NULL, which no walk finds, is asked for.
//! Source: PostgreSQL wiki, "Loose indexscan"; the server does it by itself from no version on as of 18.

use pgverse_core::pg::quote::ident;
use sqlparser::ast::{Distinct, Expr, OrderBySort};

use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{
    Fresh, IndexWish, Scope, fold, grouping, item_expr, joinable, order_by, output_name, plain, query,
    unwrapped,
};

/// Least rows for each value that are worth skipping.
const ROWS_FOR_EACH: f64 = 50.0;

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let select = plain(case.query)?;
    let bare = select.selection.is_none()
        && select.having.is_none()
        && !grouping(select)
        && case.query.with.is_none()
        && matches!(select.distinct, Some(Distinct::Distinct));
    let ([item], [from], true) = (select.projection.as_slice(), select.from.as_slice(), bare) else {
        return None;
    };
    let scope = Scope::of(&select.from, case.facts)?;
    let [relation] = scope.relations.as_slice() else { return None };
    let table = relation.table?;
    let expr = item_expr(item)?;
    let (_, column) = scope.column(unwrapped(expr))?;
    // Equal numbers may be printed differently, and any of them is a right answer to DISTINCT only.
    let told_apart = joinable(column, column) && !column.type_name.starts_with("numeric");
    let few = column.statistics.as_ref().is_some_and(|s| {
        let values = if s.n_distinct >= 0.0 { s.n_distinct } else { -s.n_distinct * table.rows };
        values * ROWS_FOR_EACH <= table.rows
    });
    let name = output_name(item)?;
    let ordered = match order_by(case.query) {
        [] => String::new(),
        [key] => {
            let same = match unwrapped(&key.expr) {
                Expr::Value(value) => value.value.to_string() == "1",
                Expr::Identifier(by) => fold(by) == name,
                other => scope.column(other).is_some_and(|(_, c)| c.name == column.name),
            };
            if !same || matches!(key.options.sort, Some(OrderBySort::Using(_))) {
                return None;
            }
            let mut first = key.clone();
            first.expr = Expr::value(sqlparser::ast::Value::Number("1".to_owned(), false));
            format!(" ORDER BY {first}")
        }
        _ => return None,
    };
    if !told_apart || !few {
        return None;
    }
    let mut fresh = Fresh::of(case.query);
    let (walk, value) = (fresh.name("walk"), fresh.name("value"));
    let nulls = if column.not_null {
        String::new()
    } else {
        format!(" UNION ALL SELECT NULL WHERE EXISTS (SELECT 1 FROM {from} WHERE {expr} IS NULL)")
    };
    let text = format!(
        "WITH RECURSIVE {walk} AS ((SELECT {expr} AS {value} FROM {from} WHERE {expr} IS NOT NULL ORDER BY {expr} LIMIT 1) \
         UNION ALL SELECT (SELECT {expr} FROM {from} WHERE {expr} > {walk}.{value} ORDER BY {expr} LIMIT 1) FROM {walk} \
         WHERE {walk}.{value} IS NOT NULL) \
         SELECT {walk}.{value} AS {} FROM {walk} WHERE {walk}.{value} IS NOT NULL{nulls}{ordered}",
        ident(&name)
    );
    let mut rewritten = query(&text)?;
    rewritten.limit_clause = case.query.limit_clause.clone();
    Some(Rewrite {
        rule: "distinct_by_loose_scan",
        title: "DISTINCT as a walk over an index",
        because: format!(
            "each value of {} but the smallest is the next larger one of another{}",
            column.name,
            if column.not_null { "" } else { ", and NULL is asked for" }
        ),
        query: rewritten,
        indexes: IndexWish::on(table, [column.name.as_str()], []).into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, apply_to};
    use crate::shared::sql::testing;

    fn rewritten(sql: &str) -> String {
        let mut catalog = testing::shop();
        for table in &mut catalog.tables {
            table.columns.iter_mut().filter_map(|c| c.statistics.as_mut()).for_each(|s| s.n_distinct = 5.0);
        }
        let all = apply_to(rewrite, sql, &catalog, &query(sql).unwrap());
        all.first().map_or_else(|| "silent".to_owned(), |r| format!("{} + {}", r.query, r.indexes.len()))
    }

    #[test]
    fn a_walk_finds_every_value_and_null() {
        insta::assert_snapshot!(rewritten("SELECT DISTINCT status FROM orders ORDER BY status DESC"), @"WITH RECURSIVE walk AS ((SELECT status AS value FROM orders WHERE status IS NOT NULL ORDER BY status LIMIT 1) UNION ALL SELECT (SELECT status FROM orders WHERE status > walk.value ORDER BY status LIMIT 1) FROM walk WHERE walk.value IS NOT NULL) SELECT walk.value AS status FROM walk WHERE walk.value IS NOT NULL UNION ALL SELECT NULL WHERE EXISTS (SELECT 1 FROM orders WHERE status IS NULL) ORDER BY 1 DESC + 1");
        insta::assert_snapshot!(rewritten("SELECT DISTINCT e.\"Owner\" FROM \"Events\" e"), @r#"WITH RECURSIVE walk AS ((SELECT e."Owner" AS value FROM "Events" e WHERE e."Owner" IS NOT NULL ORDER BY e."Owner" LIMIT 1) UNION ALL SELECT (SELECT e."Owner" FROM "Events" e WHERE e."Owner" > walk.value ORDER BY e."Owner" LIMIT 1) FROM walk WHERE walk.value IS NOT NULL) SELECT walk.value AS "Owner" FROM walk WHERE walk.value IS NOT NULL + 1"#);
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            "SELECT DISTINCT status, user_id FROM orders",
            "SELECT DISTINCT status FROM orders WHERE total > 1",
            "SELECT DISTINCT lower(status) FROM orders",
            "SELECT DISTINCT o.status FROM orders o JOIN users u ON u.id = o.user_id",
            "SELECT status FROM orders",
            // 1.0 and 1.00 are equal; floating-point numbers are not in any family.
            "SELECT DISTINCT total FROM orders",
            "SELECT DISTINCT score FROM orders",
            "SELECT DISTINCT status FROM orders ORDER BY lower(status)",
        ] {
            assert_eq!(rewritten(sql), "silent", "{sql}");
        }
        // Nearly every row has a value of its own.
        assert!(apply(rewrite, "SELECT DISTINCT status FROM orders").is_empty());
    }
}
