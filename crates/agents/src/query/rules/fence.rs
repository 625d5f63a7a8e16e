//! A MATERIALIZED fence around a CTE that is read once is removed, so that conditions can move inside.
//!
//! Right because a SELECT without volatile functions and locks returns the same rows however often and in
//! whatever order it is evaluated within one statement. Source: PostgreSQL manual, "WITH Queries: Common
//! Table Expression Materialization".

use sqlparser::ast::{CteAsMaterialized, Expr, SelectItem, TableFactor, Visit, Visitor};
use std::ops::ControlFlow;

use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{IndexWish, Scope, bare, filters, fold, output_name, plain, unwrapped};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let with = case.query.with.as_ref().filter(|w| !w.recursive)?;
    let mut query = case.query.clone();
    let mut removed = Vec::new();
    let mut indexes = Vec::new();
    for (place, cte) in with.cte_tables.iter().enumerate() {
        let name = fold(&cte.alias.name);
        let fenced = matches!(cte.materialized, Some(CteAsMaterialized::Materialized));
        if !fenced || mentions(case, &name) != 1 {
            continue;
        }
        query.with.as_mut()?.cte_tables.get_mut(place)?.materialized = None;
        indexes.extend(pushed_down(case, &name, place));
        removed.push(name);
    }
    (!removed.is_empty()).then(|| Rewrite {
        rule: "cte_fence_removed",
        title: "MATERIALIZED fence removed",
        because: format!("{} is read once and has nothing volatile in it", removed.join(", ")),
        query,
        indexes,
    })
}

/// How often a FROM clause names a relation.
fn mentions(case: &Case<'_>, name: &str) -> usize {
    struct Count<'n>(&'n str, usize);
    impl Visitor for Count<'_> {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name, .. } = factor
                && name.0.len() == 1
                && name.0[0].as_ident().is_some_and(|i| fold(i) == self.0)
            {
                self.1 += 1;
            }
            ControlFlow::Continue(())
        }
    }
    let mut count = Count(name, 0);
    let _ = case.query.visit(&mut count);
    count.1
}

/// An index for the equalities that can now move into a CTE over one table.
fn pushed_down(case: &Case<'_>, name: &str, place: usize) -> Option<IndexWish> {
    let cte = case.query.with.as_ref()?.cte_tables.get(place)?;
    let inner = bare(&cte.query).filter(|_| cte.alias.columns.is_empty())?;
    let scope = Scope::of(&inner.from, case.facts)?;
    let [relation] = scope.relations.as_slice() else { return None };
    let outer = plain(case.query)?;
    let alias = outer.from.iter().find_map(|item| match &item.relation {
        TableFactor::Table { name: table, alias, .. } if table.to_string().eq_ignore_ascii_case(name) => {
            Some(alias.as_ref().map_or_else(|| name.to_owned(), |a| fold(&a.name)))
        }
        _ => None,
    })?;
    let base = |column: &str| {
        inner.projection.iter().find_map(|item| match item {
            SelectItem::Wildcard(_) => relation.table?.column(column).map(|c| c.name.as_str()),
            item if output_name(item)? == column => {
                Some(scope.column(crate::shared::sql::item_expr(item)?)?.1.name.as_str())
            }
            _ => None,
        })
    };
    let keys: Vec<&str> = filters(outer)
        .into_iter()
        .filter_map(|condition| {
            let Expr::BinaryOp { left, op: sqlparser::ast::BinaryOperator::Eq, right } = condition else {
                return None;
            };
            let column = match (unwrapped(left), unwrapped(right)) {
                (column, Expr::Value(_)) | (Expr::Value(_), column) => column,
                _ => return None,
            };
            match column {
                Expr::Identifier(column) if outer.from.len() == 1 && outer.from[0].joins.is_empty() => {
                    base(&fold(column))
                }
                Expr::CompoundIdentifier(parts) if parts.len() == 2 && fold(&parts[0]) == alias => {
                    base(&fold(&parts[1]))
                }
                _ => None,
            }
        })
        .collect();
    IndexWish::on(relation.table?, keys, [])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn the_fence_falls_and_the_condition_gets_an_index() {
        insta::assert_snapshot!(show(rewrite, "WITH Recent AS MATERIALIZED (SELECT id, user_id AS who FROM orders WHERE created_at >= '2025-02-01') SELECT id FROM recent R WHERE R.who = $1"), @r#"
        WITH Recent AS (SELECT id, user_id AS who FROM orders WHERE created_at >= '2025-02-01') SELECT id FROM recent R WHERE R.who = $1
          + index orders (user_id)
        "#);
        insta::assert_snapshot!(show(rewrite, "WITH x AS MATERIALIZED (SELECT * FROM orders) SELECT * FROM x WHERE status = 'a' AND total > 3"), @r#"
        WITH x AS (SELECT * FROM orders) SELECT * FROM x WHERE status = 'a' AND total > 3
          + index orders (status)
        "#);
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            // Read twice: computed twice without the fence.
            "WITH x AS MATERIALIZED (SELECT id FROM orders) SELECT 1 FROM x a JOIN x b ON a.id = b.id",
            "WITH x AS (SELECT id FROM orders) SELECT 1 FROM x",
            "WITH RECURSIVE x AS MATERIALIZED (SELECT id FROM orders) SELECT 1 FROM x",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
