//! One file per kind of view.

pub(super) mod groups;
pub(super) mod statement;

use pgverse_core::types::StatementId;
use sqlparser::ast::Query;

use crate::shared::sql::Facts;

/// A statement under consideration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) statement: &'a StatementId,
    /// Its tree, which provably means what its text means.
    pub(super) query: &'a Query,
}

#[cfg(test)]
pub(super) fn show(cached: Option<super::cached::Cached>) -> String {
    let Some(cached) = cached else { return "silent".to_owned() };
    let mut lines = vec![format!("view {}", cached.query)];
    if !cached.unique_key.is_empty() {
        lines.push(format!("key {}", cached.unique_key.join(", ")));
    }
    if let Some((keys, include)) = &cached.index {
        let keys: Vec<String> = keys
            .iter()
            .map(|k| {
                format!("{}{}", k.column.as_deref().unwrap_or("?"), if k.descending { " desc" } else { "" })
            })
            .collect();
        lines.push(format!("index {} include {}", keys.join(", "), include.join(", ")));
    }
    lines.extend(cached.readers.iter().map(|r| r.sql.replace(super::cached::VIEW, "VIEW")));
    lines.join("\n")
}
