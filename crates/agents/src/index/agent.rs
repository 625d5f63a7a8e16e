//! The agent.

use std::collections::BTreeSet;

use async_trait::async_trait;
use pgverse_core::pg::quote::literal;
use pgverse_core::traits::{Agent, Probe};
use pgverse_core::types::{Brief, Candidate};
use pgverse_core::{Context, Result};

use super::idea::{Action, Idea};
use super::immutable::functions;
use super::{rank, rules};

/// Proposes new indexes and drops redundant ones.
#[derive(Debug, Clone)]
pub struct IndexAgent {
    limit: usize,
}

impl Default for IndexAgent {
    fn default() -> Self {
        Self { limit: 8 }
    }
}

impl IndexAgent {
    /// An agent that proposes at most this many candidates.
    pub fn with_limit(limit: usize) -> Self {
        Self { limit }
    }
}

#[async_trait]
impl Agent for IndexAgent {
    fn name(&self) -> &str {
        "index"
    }

    async fn propose(&self, cx: &Context, probe: &dyn Probe, brief: &Brief) -> Result<Vec<Candidate>> {
        cx.check()?;
        let mut ideas = rules::ideas(brief);
        let refused = refused(cx, probe, &ideas).await?;
        ideas.retain(|idea| {
            let mut called = BTreeSet::new();
            expressions(idea).for_each(|sql| functions(sql, &mut called));
            called.is_disjoint(&refused)
        });
        let ideas = rank::ranked(brief, ideas, self.limit);
        tracing::debug!(ideas = ideas.len(), "index ideas");
        Ok(rank::candidates(brief, &ideas))
    }
}

/// Functions without any immutable form, which no index can hold.
async fn refused(cx: &Context, probe: &dyn Probe, ideas: &[Idea<'_>]) -> Result<BTreeSet<String>> {
    let mut called = BTreeSet::new();
    ideas.iter().flat_map(expressions).for_each(|sql| functions(sql, &mut called));
    if called.is_empty() {
        return Ok(called);
    }
    let names: Vec<String> = called.iter().map(|name| literal(name)).collect();
    let sql = format!(
        "SELECT proname AS name FROM pg_catalog.pg_proc WHERE proname IN ({}) GROUP BY proname \
         HAVING NOT bool_or(provolatile = 'i')",
        names.join(", ")
    );
    let rows = probe.query(cx, &sql).await?;
    Ok(rows.iter().filter_map(|row| row.get("name")?.as_str().map(str::to_owned)).collect())
}

fn expressions<'i>(idea: &'i Idea<'_>) -> impl Iterator<Item = &'i str> {
    let specs = match &idea.action {
        Action::Create(specs) => specs.as_slice(),
        Action::Drop { .. } => &[],
    };
    specs.iter().flat_map(|s| s.keys.iter().filter_map(|k| k.expression.as_deref()))
}
