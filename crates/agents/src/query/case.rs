//! What a rule gets and what it gives.

use pgverse_core::types::Plan;
use sqlparser::ast::{Join, Query};

use crate::shared::sql::{Facts, IndexWish, query};

/// A statement under consideration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case<'a> {
    /// What is known about the database.
    pub(crate) facts: &'a Facts<'a>,
    /// The statement; its tree provably means what its text means.
    pub(crate) query: &'a Query,
    /// An executed plan of it, if there is one.
    pub(crate) executed: Option<&'a Plan>,
}

/// A statement, rewritten.
#[derive(Debug, Clone)]
pub(crate) struct Rewrite {
    /// Name of the rule.
    pub(crate) rule: &'static str,
    /// What it did, in a few words.
    pub(crate) title: &'static str,
    /// The new tree.
    pub(crate) query: Query,
    /// Why the answer stays the same: the preconditions that hold.
    pub(crate) because: String,
    /// Indexes that the new form needs to be fast and that do not exist yet.
    pub(crate) indexes: Vec<IndexWish>,
}

/// A rule: a pure function from a statement to its rewritten forms.
pub(crate) type Rule = fn(&Case<'_>) -> Vec<Rewrite>;

/// A join as a tree, from its text, such as `CROSS JOIN LATERAL (SELECT 1) AS s`.
pub(crate) fn join(text: &str) -> Option<Join> {
    let tree = query(&format!("SELECT 1 FROM x {text}"))?;
    let sqlparser::ast::SetExpr::Select(select) = *tree.body else { return None };
    select.from.into_iter().next()?.joins.into_iter().next()
}
