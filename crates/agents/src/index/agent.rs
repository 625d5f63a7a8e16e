//! The agent.

use std::collections::BTreeSet;

use async_trait::async_trait;
use pgverse_core::pg::quote::literal;
use pgverse_core::traits::{Agent, Probe};
use pgverse_core::types::{Brief, Candidate};
use pgverse_core::{Context, Result};

use super::choose::{Bounds, choose};
use super::idea::{Action, Idea};
use super::immutable::functions;
use super::unfinished::completed;
use super::{rank, rules};

/// Ideas that are built and tried at the most.
const MOST_TRIED: usize = 64;

/// Proposes new indexes and drops redundant ones.
#[derive(Debug, Clone)]
pub struct IndexAgent {
    limit: usize,
    bytes: u64,
}

impl Default for IndexAgent {
    fn default() -> Self {
        Self { limit: 8, bytes: u64::MAX }
    }
}

impl IndexAgent {
    /// An agent that proposes at most this many candidates.
    pub fn with_limit(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The same, with at most this many bytes for the indexes of a candidate, if the problem does not allow less.
    #[must_use]
    pub fn with_budget(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }
}

#[async_trait]
impl Agent for IndexAgent {
    fn name(&self) -> &str {
        "index"
    }

    async fn propose(&self, cx: &Context, probe: &dyn Probe, brief: &Brief) -> Result<Vec<Candidate>> {
        cx.check()?;
        let brief = completed(brief);
        let brief = brief.as_ref();
        let mut ideas = rules::ideas(brief);
        let refused = refused(cx, probe, &ideas).await?;
        ideas.retain(|idea| {
            let mut called = BTreeSet::new();
            expressions(idea).for_each(|sql| functions(sql, &mut called));
            called.is_disjoint(&refused)
        });
        tracing::debug!(ideas = ideas.len(), "index ideas");
        let Some(bench) = probe.workbench() else {
            return Ok(rank::candidates(brief, &rank::ranked(brief, ideas, self.limit)));
        };
        // An index that is not needed is measured by itself: nothing is to be chosen.
        let (drops, creates): (Vec<_>, Vec<_>) =
            ideas.into_iter().partition(|idea| matches!(idea.action, Action::Drop { .. }));
        let allowed = brief.problem.limits.max_storage_bytes.unwrap_or(u64::MAX);
        let bounds = Bounds { bytes: self.bytes.min(allowed), ideas: MOST_TRIED };
        let mut candidates = choose(cx, bench, brief, creates, bounds).await?;
        candidates.extend(rank::candidates(brief, &rank::ranked(brief, drops, self.limit)));
        candidates.truncate(self.limit);
        Ok(candidates)
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
