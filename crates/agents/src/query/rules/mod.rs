//! One file per rule. Each is a pure function from a statement to rewritten forms of it, silent wherever a
//! precondition is not certain.

mod count_distinct;
mod count_to_exists;
mod distinct_by_key;
mod distinct_on_lateral;
mod fence;
mod group_lateral;
mod group_preaggregate;
mod grouped_join;
mod in_to_exists;
mod join_by_key;
mod loose_scan;
mod not_in_to_not_exists;
mod or_to_union;
mod range;
mod scalar;
mod scalar_lateral;
mod scalar_preaggregate;
mod subquery;
mod top_n_lateral;
mod transitive;
mod union_all;

use super::case::Rule;

/// Every rule, the ones first whose form is rarely worse.
pub(crate) const ALL: &[Rule] = &[
    not_in_to_not_exists::rewrite,
    count_to_exists::rewrite,
    in_to_exists::rewrite,
    or_to_union::rewrite,
    fence::rewrite,
    range::rewrite,
    join_by_key::rewrite,
    transitive::rewrite,
    union_all::rewrite,
    count_distinct::rewrite,
    loose_scan::rewrite,
    scalar_lateral::rewrite,
    group_lateral::rewrite,
    top_n_lateral::rewrite,
    distinct_on_lateral::rewrite,
    scalar_preaggregate::rewrite,
    group_preaggregate::rewrite,
    distinct_by_key::rewrite,
];

#[cfg(test)]
pub(crate) fn apply(rule: Rule, sql: &str) -> Vec<super::case::Rewrite> {
    use crate::shared::sql::{query, testing};
    let catalog = testing::shop();
    apply_to(rule, sql, &catalog, &query(sql).unwrap())
}

#[cfg(test)]
pub(crate) fn apply_to(
    rule: Rule,
    sql: &str,
    catalog: &pgverse_core::types::Catalog,
    tree: &sqlparser::ast::Query,
) -> Vec<super::case::Rewrite> {
    let facts = crate::shared::sql::testing::facts(catalog);
    assert!(facts.understands(tree), "{sql}");
    rule(&super::case::Case { facts: &facts, query: tree, executed: None })
}

/// The rewritten text and the indexes it wants, one line each, for snapshots.
#[cfg(test)]
pub(crate) fn show(rule: Rule, sql: &str) -> String {
    let rewrites = apply(rule, sql);
    let lines = rewrites.iter().map(|r| {
        let indexes: String = r.indexes.iter().map(|i| format!("\n  + index {}", i.describe())).collect();
        format!("{}{indexes}", r.query)
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    if text.is_empty() { "silent".to_owned() } else { text }
}
