//! DISTINCT over a single table whose key is selected does nothing but sort or hash, and is removed.
//!
//! Right because rows that differ in their key are distinct. Source: Pirahesh, Hellerstein and Hasan,
//! "Extensible/Rule Based Query Rewrite Optimization in Starburst" (SIGMOD 1992), distinct pull-up.

use sqlparser::ast::{Distinct, SelectItem};

use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{Scope, any_expr, grouping, has_key, item_expr, plain, plain_mut};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let select = plain(case.query)?;
    if !matches!(select.distinct, Some(Distinct::Distinct)) || grouping(select) || select.having.is_some() {
        return None;
    }
    let scope = Scope::of(&select.from, case.facts)?;
    let [relation] = scope.relations.as_slice() else { return None };
    let table = relation.table?;
    let mut selected: Vec<&str> = Vec::new();
    for item in &select.projection {
        match item {
            SelectItem::Wildcard(_) => selected.extend(table.columns.iter().map(|c| c.name.as_str())),
            SelectItem::QualifiedWildcard(..) => return None,
            other => {
                let expr = item_expr(other)?;
                if any_expr(expr, |e| case.facts.is_aggregate(e) || case.facts.returns_set(e)) {
                    return None;
                }
                selected.extend(scope.column(expr).map(|(_, c)| c.name.as_str()));
            }
        }
    }
    let mut query = case.query.clone();
    plain_mut(&mut query)?.distinct = None;
    has_key(table, &selected).then(|| Rewrite {
        rule: "distinct_by_key",
        title: "DISTINCT removed",
        because: format!("a key of {} is selected, so its rows are distinct already", table.name),
        query,
        indexes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn a_key_makes_rows_distinct() {
        insta::assert_snapshot!(show(rewrite, "SELECT DISTINCT U.id, lower(email) FROM users U WHERE country = 'NZ'"), @"SELECT U.id, lower(email) FROM users U WHERE country = 'NZ'");
        insta::assert_snapshot!(show(rewrite, "SELECT DISTINCT * FROM \"Events\""), @r#"SELECT * FROM "Events""#);
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            "SELECT DISTINCT email FROM users",
            "SELECT DISTINCT u.id FROM users u JOIN orders o ON o.user_id = u.id",
            "SELECT DISTINCT ON (id) id, email FROM users",
            "SELECT DISTINCT id, generate_series(1, 2) FROM users",
            "SELECT DISTINCT id + 1 FROM users",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
